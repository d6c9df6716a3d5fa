"""Turn frames into JSON payloads and the END mark.

    takes    Frame, LongFrame, ErrorFrame, TornFrame, KeepAlive
    yields   a payload (dict) for each JSON object, KeepAlive, BadFrame, END
    raises   APIError for an error that SSE itself announces, BadFrameError

Rule: this file knows JSON, `[DONE]`, `event: error` and signs of life, and not which API is read. No frame
is pulled after `[DONE]`. A sign of life is an event called `ping` or `keepalive` without an answer in it
(Anthropic, OpenAI, proxies); it becomes a `KeepAlive`, as comments do, and so feeds no clock.

Nearly every frame is exactly one JSON object; `_read_plain` reads those, and returns None for all others.
`_read_frame` reads any frame. tests/test_payloads.py compares the two on random texts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .._lazy import lazy
from ..error_bodies import api_error
from ..errors import BadFrameError
from ..events import BadFrame, KeepAlive
from ..json_text import scan_object
from ..state.answer import AnswerState
from ..state.deltas import END, Payload, PayloadOrNote
from .frames import Frame, LongFrame, TornFrame
from .objects import WRAPPERS, Torn, read_objects, unwrapped

if TYPE_CHECKING:
    from .known_texts import Shortened

shorten = lazy("pipeline.known_texts:shorten")  # few answers are so long

logger = logging.getLogger("streamkit.sse")
_SHOWN = 200  # characters of a bad frame in logs and messages
_DONE, _LONGEST_DONE = re.compile(r"(?i)\[?\s*done\s*\]?[;.]?\0*"), 16  # "[DONE]" of other servers
_SIGNS = frozenset(("ping", "keepalive", "keep-alive", "keep_alive", "heartbeat"))
_SPECIAL = _SIGNS | {"error"}
# The beginnings of event names that are the payload's `type`, too. Some gateways send the name alone.
_REPEATED = ("response.", "message_", "content_block_")
# A sign of life has none of these fields.
_ANSWER = frozenset(("choices", "candidates", "output", "response", "delta", "item", "error"))


def read_payloads(
    frames: Iterable[Frame | LongFrame | KeepAlive],
    *,
    strict: bool = False,
    state: AnswerState | None = None,
) -> Iterator[PayloadOrNote]:
    """Yield each frame's payload, or a `BadFrame` if it isn't a JSON object; `END` is last after `[DONE]`.

    The texts of *state* that a long frame restates aren't decoded again.

    Raises `BadFrameError` if every frame was bad, and at the first bad one if *strict*. Raises `APIError`
    for `event: error`.
    """
    has_payload = False
    last_bad: BadFrame | None = None
    for frame in frames:
        payload: Payload | None = None
        if type(frame) is Frame:
            payload = _read_plain(frame)
        elif isinstance(frame, KeepAlive):
            yield frame
            continue
        elif isinstance(frame, LongFrame):
            short = _read_long(frame, state)
            frame = Frame() if short is not None else frame.decoded()  # drops the line
            payload = short.payload() if short is not None else _read_plain(frame)
        if payload is not None:
            has_payload = True
            del frame  # its text may be large, and isn't needed while the next one is read
            yield payload
            continue
        for each in _read_frame(frame, strict=strict):
            if each is END:
                if last_bad is not None and not has_payload:
                    raise _all_bad(last_bad)
                yield END
                return
            if type(each) is BadFrame:
                last_bad = each
            elif type(each) is not KeepAlive:
                has_payload = True
            yield each
    if last_bad is not None and not has_payload:
        raise _all_bad(last_bad)


def _all_bad(last: BadFrame) -> BadFrameError:
    return BadFrameError(
        f"no frame of the stream is a JSON object; the last one: {last.data[:_SHOWN]!r}", data=last.data
    )


def _read_plain(frame: Frame) -> Payload | None:
    """Return the payload of a frame whose data is one object that needs no change, else None."""
    event, data, _, _ = frame
    payload = scan_object(data)
    if payload is None or (event == "message" and "choices" in payload):  # Chat Completions
        return payload
    return payload if _is_plain(event, payload) else None


def _is_plain(event: str, payload: Payload) -> bool:
    """Return True if *payload*, of a frame with that *event*, needs no change."""
    kind = payload.get("type")
    if event != "message" and (kind is None or event in _SPECIAL):
        return False
    is_plain = kind is None or (type(kind) is str and kind not in _SPECIAL)
    return is_plain and (payload.keys().isdisjoint(WRAPPERS) or unwrapped(payload) is payload)


def _read_long(frame: LongFrame, state: AnswerState | None) -> Shortened | None:
    """Return the payload of a frame that `_read_plain` reads and that restates a text, else None."""
    short: Shortened | None = shorten(frame.line, frame.start, state) if state is not None else None
    payload = short.outline() if short is not None else None
    return short if payload is not None and _is_plain(frame.event, payload) else None


def _read_frame(frame: Frame, *, strict: bool) -> Iterator[PayloadOrNote]:
    """Yield the payloads and the bad parts of any frame, `END` after `[DONE]`, or a `KeepAlive`."""
    data = frame.data.strip()
    if frame.event == "error":
        if data == "[DONE]":
            yield END
        else:
            yield from _read_error(data)
        return
    is_sign = frame.event in _SIGNS
    if is_sign and data[:1] not in ("{", "["):  # a time, a word, nothing
        yield KeepAlive(data or frame.event)
        return
    if len(data) < _LONGEST_DONE and _DONE.fullmatch(data):
        yield END
        return
    for each in read_objects(data) if data else ():
        if type(each) is Torn:
            if type(frame) is TornFrame:
                continue  # the body was cut inside this frame: the stream's ending reports that
            yield bad_frame(each, strict=strict)
        elif not isinstance(each, dict):
            yield END
        elif (is_sign or str(each.get("type")) in _SIGNS) and _ANSWER.isdisjoint(each):
            yield KeepAlive(str(each.get("type") or frame.event), each)
        elif "type" not in each and frame.event.startswith(_REPEATED):
            yield {"type": frame.event, **each}
        else:
            yield each


def bad_frame(torn: Torn, *, strict: bool) -> BadFrame:
    """Return the event for a part that isn't a JSON object, and log it; with *strict*, raise instead."""
    complaint = f"a frame is not a JSON object ({torn.reason}): {torn.text[:_SHOWN]!r}"
    if strict:
        raise BadFrameError(complaint, data=torn.text)
    # Without the text, which can quote a key or forge a line of the log; the event contains it.
    logger.warning("a frame of %d characters is not a JSON object: %s", len(torn.text), torn.reason)
    return BadFrame(torn.text, torn.reason)


def _read_error(data: str) -> Iterator[Payload]:
    """Raise the `APIError` that *data* describes; first yield its payload if that has choices too."""
    payload = next((each for each in read_objects(data) if type(each) is dict), None)
    if payload is None:
        raise api_error(data)
    if payload.get("choices"):
        yield payload
    raise api_error(payload)
