"""The head of a chat payload: the id, the model, and top-level fields that aren't of a choice.

takes    a payload
returns  a `Head` with the news in it; None if it repeats the head of the payload before it, as most do
"""

from __future__ import annotations

from collections.abc import KeysView
from typing import Any

from ...state.deltas import Head, Payload
from ..fields import string

# The keys of a payload that aren't news; any other goes into the completion's `extras`. OpenAI pads its
# payloads with `obfuscation`, random text against traffic analysis.
_KNOWN = frozenset(
    (
        *("id", "object", "created", "model", "choices", "usage"),
        *("system_fingerprint", "service_tier", "obfuscation"),
    )
)


class LastHead:
    """The head of the last payload. Most payloads repeat it."""

    def __init__(self) -> None:
        self.identity: tuple[Any, ...] = ()
        self._keys: KeysView[str] = {}.keys()  # of the last payload
        self._others: list[tuple[str, Any]] = []  # its fields that aren't part of every head
        self._extras: Payload = {}

    def is_repeated(self, payload: Payload) -> bool:
        """Return True if *payload* has the head of the one before it, with nothing new around it.

        The first id counts, so another one is no news.
        """
        get = payload.get
        return (
            payload.keys() == self._keys
            and self._is_known(get("id"))
            and (get("model"), get("system_fingerprint"), get("service_tier")) == self.identity[1:]
            and (not self._others or all(payload[name] == value for name, value in self._others))
        )

    def _is_known(self, answer_id: Any) -> bool:
        first = self.identity[0] if self.identity else None
        if type(first) is str and type(answer_id) is str and first and answer_id:
            return True
        return self.identity[:1] == (answer_id,)

    def read(self, payload: Payload) -> Head | None:
        """Return the news in the head of *payload*; None if it has none. The first always has some."""
        identity = _identity(payload)
        self._keys = payload.keys()
        self._others = [(name, value) for name, value in payload.items() if name not in _KNOWN]
        extras = {
            name: value
            for name, value in (*self._others, *_named(payload, "system_fingerprint", "service_tier"))
            if value is not None and not (name in self._extras and self._extras[name] == value)
        }
        if identity == self.identity and not extras:
            return None
        self.identity = identity
        self._extras.update(extras)
        created = payload.get("created")
        return Head(
            payload,
            id=string(payload.get("id")),
            model=string(payload.get("model")),
            created=created if type(created) in (int, float) else None,
            extras=extras or None,
        )


def _named(payload: Payload, *names: str) -> list[tuple[str, Any]]:
    return [(name, payload[name]) for name in names if name in payload]


def _identity(payload: Payload) -> tuple[Any, ...]:
    get = payload.get
    return get("id"), get("model"), get("system_fingerprint"), get("service_tier")
