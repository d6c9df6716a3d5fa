"""A request -> the same request without the opaque state that its target can't read.

Strategy. Only the server that made opaque state can read it: encrypted reasoning, reasoning details,
signatures, ids of audio, annotations about files, fields in `extra`, items and parts of unknown kinds.
`Origin` names that server. `prepare` runs this file before any wire's `build`, so no wire has to check an
origin.

Rules:

1. State without an origin stays: an item made by hand goes to every API that can express it.
2. Foreign state is removed, and the report names it: one sentence for each item.
3. Text, names, arguments and call ids aren't opaque. They stay.
4. An item's id, and the fields of `extra` next to it, have a meaning on their own server only. The id is
   removed without a sentence, because its item is still sent.
5. One server makes an answer, so an item of the model without an origin has the first origin in its answer.
   An answer without any origin has that of the answer before it in the same turn, unless it contains
   reasoning: reasoning without an origin can be from anywhere.
6. Of the annotations, only those that cite a URL go to other servers. The others name files on the server
   that made them, or are of unknown kinds. Neighbouring plain texts of a foreign message become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import count, groupby
from typing import Any

from attrs import evolve, frozen

from ..items import (
    Item,
    Message,
    Note,
    Origin,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
)
from ..profiles.known import GENERIC
from ..profiles.profile import Profile
from ..request import Request
from .call_pairs import OUTPUTS, Entry, is_output
from .report import BuildReport


def is_native(item: Item) -> bool:
    """Return True if the caller wrote *item* in an API's own words: its origin names no provider."""
    origin: Origin | None = getattr(item, "origin", None)
    return origin is not None and origin.provider is None


def without_foreign_state(request: Request, wire: str, profile: Profile, report: BuildReport) -> Request:
    """Return *request* without the opaque state that servers other than *profile* on *wire* made.

    *report* lists the state that was removed. An item without anything else becomes a `Note`: no wire sends
    notes, and the other items keep their positions.
    """
    target = _Target(wire, profile.name, report)
    items = [target.accept(entry, origin) for entry, origin in _with_origins(request.input)]
    changed = any(before is not after for before, after in zip(request.input, items, strict=True))
    return evolve(request, input=items) if changed else request


# A signature that Google documents: its servers check none, as for a call of another model.
STAND_IN = "skip_thought_signature_validator"


# -- the state in one item ----------------------------------------------------------------

# The attributes that contain opaque state: their names in the report, and their values without it.
_STATE: dict[str, tuple[str, Any]] = {
    "encrypted_content": ("encrypted content", None),
    "details": ("reasoning details", ()),
    "signature": ("signature", None),
}
_HOSTED = (WebSearchCall, UnknownItem)  # they record work on the server, so only that server can read them


@frozen
class _Target:
    """The server that a request goes to."""

    wire: str
    provider: str
    report: BuildReport

    def accept(self, entry: Entry, origin: Origin | None) -> Item:
        """Return the item of *entry* without the state that is foreign here."""
        item = entry.item
        if origin is not None and self._is_foreign(origin):
            item = self._without_state(entry, origin)
        if isinstance(item, Message):
            parts = self._home_parts(entry, item.content)
            return item if len(parts) == len(item.content) else evolve(item, content=parts)
        if isinstance(item, OUTPUTS) and not isinstance(item.output, str):
            parts = self._home_parts(entry, item.output)
            return item if len(parts) == len(item.output) else evolve(item, output=parts)
        return item

    def _is_foreign(self, origin: Origin) -> bool:
        if self.provider == GENERIC.name:  # any server can be behind its base URL
            return origin.wire != self.wire
        return not origin.is_home(self.wire, self.provider)

    def _without_state(self, entry: Entry, origin: Origin) -> Item:
        item: Any = entry.item
        if isinstance(item, _HOSTED):
            self.report.dropped.append(f"{entry} is from {_name(origin)}")
            return _placeholder(origin)
        without = {field: empty for field, (_, empty) in _STATE.items() if getattr(item, field, None)}
        names = [_STATE[field][0] for field in without]
        if item.extra and (item.id or _own_origin(item)):  # else the caller's own fields
            without["extra"] = {}
            names += item.extra
        if isinstance(item, Message):
            is_received = bool(item.id or _own_origin(item))
            pairs = [_without_part_state(part, is_received) for part in item.content]
            without["content"] = tuple(_joined([part for part, _ in pairs]))
            names += dict.fromkeys(name for _, found in pairs for name in found)
        bare: Item = evolve(item, id=None, **without)
        is_empty = isinstance(bare, Reasoning) and not bare.text
        if names:
            is_one = len(names) == 1 and not names[0].endswith("s")
            self.report.dropped.append(
                f"{entry}: its {_listed(names)} {'is' if is_one else 'are'} from {_name(origin)}"
            )
        elif is_empty:  # known by its id only
            self.report.dropped.append(f"{entry} is from {_name(origin)}")
        return _placeholder(origin) if is_empty else bare

    def _home_parts(self, entry: Entry, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return *parts* without the foreign ones."""
        home = []
        for part in parts:
            origin = part.origin if isinstance(part, UnknownPart) else None
            if isinstance(part, UnknownPart) and origin is not None and self._is_foreign(origin):
                kind = part.payload.get("type", part.type)
                self.report.dropped.append(f"{entry}: its {kind} part is from {_name(origin)}")
            else:
                home.append(part)
        return tuple(home)


def _without_part_state(part: Part, is_received: bool) -> tuple[Part, list[str]]:
    """Return a part of a foreign message without its state, and the names of that state.

    If the message isn't received, `extra` has the caller's own fields, which stay.
    """
    without: dict[str, Any] = {}
    names: list[str] = []
    if isinstance(part, OutputAudio) and part.id:
        without["id"] = None
        names.append("audio id")
    if isinstance(part, OutputText):
        kept = tuple(filter(_cites_url, part.annotations))
        if len(kept) < len(part.annotations):
            without["annotations"] = kept
            names.append("annotations")
    if is_received and isinstance(part, OutputText | OutputImage | OutputAudio | Refusal) and part.extra:
        without["extra"] = {}
        names += part.extra
    return (evolve(part, **without) if without else part), names


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Return *parts* with neighbouring plain texts as one: the seams between them are the server's own."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            isinstance(part, OutputText)
            and isinstance(last, OutputText)
            and _is_plain(part)
            and _is_plain(last)
        ):
            joined[-1] = OutputText(last.text + part.text)
        else:
            joined.append(part)
    return joined


def _is_plain(part: OutputText) -> bool:
    return not (part.annotations or part.extra)


def _cites_url(annotation: Any) -> bool:
    return isinstance(annotation, Mapping) and annotation.get("type") == "url_citation"


def _placeholder(origin: Origin) -> Note:
    return Note(f"from {_name(origin)}")


def _name(origin: Origin) -> str:
    return f"{origin.wire}/{origin.provider}" if origin.provider else origin.wire


def _listed(names: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


# -- the origin of each item --------------------------------------------------------------


class _Party(Enum):
    """The party that an item is from, as far as origins are concerned."""

    MODEL = "model"
    CALLER = "caller"  # outputs and notes: they end an answer
    USER = "user"  # messages by all others: they end a turn


def _with_origins(items: Iterable[Item]) -> Iterator[tuple[Entry, Origin | None]]:
    """Yield each item with its origin: its own, else that of its answer (rule 5)."""
    answer: Origin | None = None
    for party, group in groupby(map(Entry, count(), items), key=lambda entry: _party(entry.item)):
        entries = list(group)
        if party is _Party.USER:
            answer = None
        elif party is _Party.MODEL:
            answer = _answer_origin(entries, before=answer)
        for entry in entries:
            own = _own_origin(entry.item)
            is_part = party is _Party.MODEL and not isinstance(entry.item, _HOSTED)
            yield entry, own or (answer if is_part else None)


def _party(item: Item) -> _Party:
    if is_output(item) or isinstance(item, Note):
        return _Party.CALLER
    if isinstance(item, Message) and item.role != "assistant":
        return _Party.CALLER if item.role == "tool" else _Party.USER
    return _Party.MODEL


def _answer_origin(entries: list[Entry], *, before: Origin | None) -> Origin | None:
    """Return the origin of an answer; *before* is that of the answer before it in the same turn."""
    own = (_own_origin(entry.item) for entry in entries)
    has_reasoning = any(isinstance(entry.item, Reasoning) for entry in entries)
    return next(filter(None, own), None if has_reasoning else before)


def _own_origin(item: Item) -> Origin | None:
    return getattr(item, "origin", None)
