"""The text of an event -> a `Template`: which later events differ from it only in the piece of text.

    template = template_of(split_event(text), repeat)  # None if it can't be proved
    found = template.match(text, at)                   # (piece, the index after the event, its counts)

A template is the event's own characters with holes in it: one for the piece, and one for each value that
doesn't matter, such as a sequence number. An event fits if the characters between the holes are equal and
each hole is a whole JSON value of its kind.

Proof. Each hole is tried when the template is made: with another value in it, the payload must decode to the
same payload with that value at the hole's path, and nowhere else. That covers the order of keys, repeated
keys, and strings that look like JSON. A string in a hole is read by JSON's own scanner, and strictly: raw
control characters in it leave the lane.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, NamedTuple

from ..json_text import scan_first, scan_object
from ..state.deltas import Path, Payload, Repeat
from .lane_loop import COUNTS, ECHO, LIST, NUMBER, OBJECT, PIECE, SPACES, STRING, Found, match_of, place_of

_ENDS = ("\n\n", "\r\n\r\n")
_KIND_OF = {str: STRING, int: NUMBER, dict: OBJECT, list: LIST}
_PADDING = re.compile(r"(?<=\}) +(?=\}\Z)")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_PROBES: dict[type, tuple[str, Any]] = {
    str: ('"\\u2022 probe"', "\u2022 probe"),
    int: ("918273645", 918273645),
    dict: ('{"probe":[1]}', {"probe": [1]}),
    list: ('[{"probe":1}]', [{"probe": 1}]),
}
# Of an object with counts: strings, and numbers that other numbers can take the place of.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[0-9][-+.0-9eE]*')
_COUNT, _COST = "[1-9][0-9]{0,14}", r"(?:0|[1-9][0-9]{0,8})\.(?=0*[1-9])[0-9]{1,20}"
_COUNTED, _COSTED = re.compile(_COUNT), re.compile(_COST)


class Template:
    """One event with holes, whose kinds are in `holes`. `head` are the characters before the first hole, also
    as `head_bytes`; `end` is the blank line. `counts` is the pattern of the object in a hole for counts.
    `place` has all that `match_of` needs; *data* is the offset of the JSON text.
    """

    __slots__ = ("counts", "end", "head", "head_bytes", "holes", "place")

    def __init__(
        self, text: str, holes: list[tuple[int, int, int]], data: int, end: str, counts: str | None = None
    ) -> None:
        starts = [start for start, _, _ in holes]
        stops = [stop for _, stop, _ in holes]
        self.holes = tuple(kind for _, _, kind in holes)
        self.head = text[: starts[0]]
        self.head_bytes = self.head.encode()
        self.end = end
        self.counts = counts
        marks = [text[a:b] for a, b in zip(stops, [*starts[1:], len(text)], strict=True)]
        match_counts = None if counts is None else re.compile(counts).match
        self.place = place_of(self.head, data, end, match_counts, zip(self.holes, marks, strict=True))

    def match(self, text: str, at: int) -> Found | None:
        """Return what is in the event that begins at index *at* of *text*; None if that one doesn't fit.

        That is the piece, the index after the event, and the text of its counts ("" without a hole for them).
        """
        return match_of(self.holes)(self.place, text, at)

    def may_begin(self, data: bytes) -> bool:
        """Return True if *data* can be the beginning of an event that fits, and has no whole line to read."""
        head = self.head_bytes
        if len(data) <= len(head):
            return head.startswith(data)
        return data.startswith(head) and b"\n" not in data[len(head) :] and b"\r" not in data[len(head) :]


class Split(NamedTuple):
    """One event: its characters, the offset of its JSON text in them, that text, its object, its end."""

    text: str
    data: int
    document: str
    payload: Payload
    end: str


def split_event(text: str) -> Split | None:
    """Return the parts of *text*; None if it isn't one event with one object and nothing else."""
    end = next((each for each in _ENDS if text.endswith(each)), "")
    lines = text.removesuffix(end).split(end[: len(end) // 2]) if end else [""]
    if not lines[-1].startswith("data:") or any("\r" in line or "\n" in line for line in lines):
        return None
    # After an event called "error", the chain goes on with its error.
    if any(not line.startswith("event:") or "error" in line for line in lines[:-1]):
        return None
    document = lines[-1].removeprefix("data:").removeprefix(" ")
    payload = scan_object(document)
    if payload is None:
        return None
    return Split(text, len(text) - len(end) - len(document), document, payload, end)


def template_of(event: Split, repeat: Repeat) -> Template | None:
    """Return the template of *event*; None if unsure."""
    text, data, document, payload, end = event
    holes, next_to, counts = [], repeat.next_to, None
    paths = [repeat.path, *repeat.vary, *repeat.echoes, *([next_to.path] if next_to else [])]
    for path in paths:
        value = value_at(payload, path)
        if path in repeat.vary and type(value) not in (str, int):
            continue  # missing, null, or of another kind: it has to stay as it is
        if next_to is not None and path == next_to.path and type(value) not in (dict, list):
            return None
        found = _hole(document, payload, path, value)
        if found is None:
            return None
        kind = PIECE if path == repeat.path else ECHO if path in repeat.echoes else _KIND_OF[type(value)]
        if next_to is not None and next_to.is_usage and path == next_to.path:
            kind, counts = COUNTS, counts_like(document[found[0] : found[1]], value, next_to.only_news)
            if counts is None:
                return None
        holes.append((data + found[0], data + found[1], kind))
    if padding := _PADDING.search(document):  # Anthropic's: of another length in each event
        holes.append((data + padding.start(), data + padding.end(), SPACES))
    holes.sort()
    return Template(text, holes, data, end, counts)


def counts_like(text: str, value: Any, only_news: bool) -> str | None:
    """Return the pattern of objects like *value*, whose JSON is *text*, with other counts in it.

    Counts above 0 stay above 0: some servers send zeros at the end, which count as no news. With *only_news*,
    texts that differ have to be values that differ. None if that is unsure.
    """
    pattern, at, names = [], 0, 0
    for token in _TOKEN.finditer(text):
        pattern.append(re.escape(text[at : token.start()]))
        is_count = _COUNTED.fullmatch(token[0]) is not None
        is_cost = not only_news and _COSTED.fullmatch(token[0]) is not None
        pattern.append(_COUNT if is_count else _COST if is_cost else re.escape(token[0]))
        at = token.end()
        names += token[0][0] == '"' and text[at:].lstrip()[:1] == ":"
    if names != _names_in(value):  # a name twice
        return None
    return "".join(pattern) + re.escape(text[at:])


def _names_in(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (len(value) if isinstance(value, dict) else 0) + sum(map(_names_in, inner))


def value_at(payload: Any, path: Path) -> Any:
    """Return the value at *path*; None if there is none."""
    for key in path:
        if isinstance(key, int):
            payload = payload[key] if isinstance(payload, list) and key < len(payload) else None
        else:
            payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


def _hole(document: str, payload: Payload, path: Path, value: Any) -> tuple[int, int] | None:
    """Return the place of the value at *path*, of a string without its opening quote."""
    if type(value) not in _PROBES:
        return None
    text, probe = _PROBES[type(value)]
    wanted = _with(payload, path, probe)
    for start, stop in _values(document, str(path[-1]), value):
        if scan_object(document[:start] + text + document[stop:]) == wanted:
            return start + (type(value) is str), stop
    return None


def _with(payload: Any, path: Path, value: Any) -> Any:
    """Return a copy of *payload* with *value* at *path*; what isn't on the way is shared."""
    if not path:
        return value
    key, changed = path[0], payload.copy()
    changed[key] = _with(payload[key], path[1:], value)
    return changed


def _values(document: str, key: str, value: Any) -> Iterator[tuple[int, int]]:
    """Yield the place of each value after *key* that can be *value*."""
    for found in re.finditer(rf'"{re.escape(key)}"\s*:\s*', document):
        start = found.end()
        if type(value) is str and document[start : start + 1] == '"':
            try:
                text, stop = scanstring(document, start + 1, False)
            except ValueError:
                continue
            if text == value:
                yield start, stop
        elif type(value) is int and (number := _WHOLE.match(document, start)):
            yield start, number.end()
        elif type(value) in (dict, list) and (read := scan_first(document, start)) and read[0] == value:
            yield start, read[1]


def varying(payload: Payload, other: Payload, paths: Iterable[Path]) -> set[Path]:
    """Return those of *paths* whose values differ in the two payloads."""
    return {path for path in paths if value_at(payload, path) != value_at(other, path)}
