"""The text of an event -> a `Template`: which later events differ from it only in the piece of text.

    template = template_of(text, payload, repeat)      # None if it can't be proved
    found = template.match(text, at)                   # (piece, the index after the event, value)

A template is the event's own characters with holes in it: one for the piece, and one for each value that
doesn't matter, such as a sequence number. An event fits if the characters between the holes are equal and
each hole is a whole JSON value of its kind.

Proof. Each hole is tried when the template is made: with another value in it, the payload must decode to the
same payload with that value at the hole's path, and nowhere else. That covers the order of keys, repeated
keys, and strings that look like JSON. A string in a hole is read by JSON's own scanner.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, TypeAlias

from ..json_text import scan_first, scan_object, scan_value
from ..state.deltas import Path, Payload, Repeat

_ENDS = ("\n\n", "\r\n\r\n")
_PIECE, _STRING, _NUMBER, _ECHO, _SPACES, _OBJECT, _LIST = range(7)  # kinds of holes
_KIND_OF = {str: _STRING, int: _NUMBER, dict: _OBJECT, list: _LIST}
_CONTAINERS: dict[int, type] = {_OBJECT: dict, _LIST: list}
_PADDING = re.compile(r"(?<=\}) +(?=\}\Z)")
_BLANKS = re.compile(" *")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_LIMIT = 10**18
_MOST_LEVELS = 60  # of a value next to the piece
_PROBES: dict[type, tuple[str, Any]] = {
    str: ('"\\u2022 probe"', "\u2022 probe"),
    int: ("918273645", 918273645),
    dict: ('{"probe":[1]}', {"probe": [1]}),
    list: ('[{"probe":1}]', [{"probe": 1}]),
}


Found: TypeAlias = tuple[str, int, Any]  # the piece, the index after the event, the value next to the piece
Match: TypeAlias = Callable[[str, int], Found | None]


class Template:
    """One event with holes. `first` are the characters before the first hole, also as bytes in `head`; `data`
    is the offset of the JSON text, `end` the blank line.

    `match(text, at)` returns the piece in the event that begins at index *at* of *text*, the index after the
    event, and the value next to the piece; None if no event that fits begins there.
    """

    __slots__ = ("data", "end", "first", "head", "match")

    def __init__(self, text: str, holes: list[tuple[int, int, int]], data: int, end: str) -> None:
        head = text[: holes[0][0]]
        stops = [start for start, _, _ in holes[1:]] + [len(text)]
        between = [text[stop:begin] for (_, stop, _), begin in zip(holes, stops, strict=True)]
        steps = [(kind, literal) for (_, _, kind), literal in zip(holes, between, strict=True)]
        kinds = [kind for kind, _ in steps]
        if kinds == [_PIECE]:
            self.match = _match_piece(head, *between)
        elif kinds == [_PIECE, _STRING]:
            self.match = _match_padded(head, *between)
        elif kinds == [_PIECE, _SPACES]:
            self.match = _match_spaced(head, *between)
        elif kinds == [_NUMBER, _PIECE, _STRING]:
            self.match = _match_numbered(head, *between)
        else:
            self.match = _match_any(head, steps)
        self.first = head
        self.head = head.encode()
        self.data = data
        self.end = end

    def may_begin(self, data: bytes) -> bool:
        """Return True if *data* can be the beginning of an event that fits, and has no whole line to read."""
        head = self.head
        if len(data) <= len(head):
            return head.startswith(data)
        return data.startswith(head) and b"\n" not in data[len(head) :] and b"\r" not in data[len(head) :]


def _match_piece(head: str, end: str) -> Match:
    """Return the function for a piece alone."""
    size, end_size = len(head), len(end)

    def match(text: str, at: int) -> Found | None:
        if not text.startswith(head, at):
            return None
        try:
            piece, stop = scanstring(text, at + size)
        except ValueError:  # no whole string
            return None
        return (piece, stop + end_size, None) if text.startswith(end, stop) else None

    return match


def _match_padded(head: str, between: str, end: str) -> Match:
    """Return the function for a piece and a string that doesn't matter: OpenAI's `obfuscation`."""
    size, between_size, end_size = len(head), len(between), len(end)

    def match(text: str, at: int) -> Found | None:
        if not text.startswith(head, at):
            return None
        try:
            piece, stop = scanstring(text, at + size)
            if not text.startswith(between, stop):
                return None
            stop = scanstring(text, stop + between_size)[1]
        except ValueError:
            return None
        return (piece, stop + end_size, None) if text.startswith(end, stop) else None

    return match


def _match_spaced(head: str, between: str, end: str) -> Match:
    """Return the function for a piece and spaces: Anthropic's padding."""
    size, between_size, end_size, spaces_at = len(head), len(between), len(end), _BLANKS.match

    def match(text: str, at: int) -> Found | None:
        if not text.startswith(head, at):
            return None
        try:
            piece, stop = scanstring(text, at + size)
        except ValueError:
            return None
        if not text.startswith(between, stop):
            return None
        stop = spaces_at(text, stop + between_size).end()  # type: ignore[union-attr]
        return (piece, stop + end_size, None) if text.startswith(end, stop) else None

    return match


def _match_numbered(head: str, after_number: str, between: str, end: str) -> Match:
    """Return the function for a number that doesn't matter before those: OpenAI's `sequence_number`."""
    size, number_size, between_size, end_size = len(head), len(after_number), len(between), len(end)

    def match(text: str, at: int) -> Found | None:
        if not text.startswith(head, at):
            return None
        try:
            number, stop = scan_value(text, at + size)
            if type(number) is not int or not 0 <= number < _LIMIT or not text.startswith(after_number, stop):
                return None
            piece, stop = scanstring(text, stop + number_size)
            if not text.startswith(between, stop):
                return None
            stop = scanstring(text, stop + between_size)[1]
        except (ValueError, StopIteration):
            return None
        return (piece, stop + end_size, None) if text.startswith(end, stop) else None

    return match


def _match_any(head: str, steps: list[tuple[int, str]]) -> Match:
    """Return the function for holes of any kind, in any order: each with the characters after it."""
    size, sized = len(head), [(kind, literal, len(literal)) for kind, literal in steps]

    def match(text: str, at: int) -> Found | None:
        if not text.startswith(head, at):
            return None
        end, piece, echo, value = at + size, "", None, None
        try:
            for kind, literal, length in sized:
                if kind == _PIECE:
                    piece, end = scanstring(text, end)
                elif kind == _STRING:
                    end = scanstring(text, end)[1]
                elif kind == _NUMBER:
                    number, end = scan_value(text, end)
                    if type(number) is not int or not 0 <= number < _LIMIT:
                        return None
                elif kind == _ECHO:
                    echo, end = scanstring(text, end)
                elif kind in _CONTAINERS:
                    begin = end
                    value, end = scan_value(text, end)
                    if type(value) is not _CONTAINERS[kind] or not value or not _is_plain(text, begin, end):
                        return None
                else:
                    end = _BLANKS.match(text, end).end()  # type: ignore[union-attr]
                if not text.startswith(literal, end):
                    return None
                end += length
        except (ValueError, StopIteration):  # no whole value
            return None
        return (piece, end, value) if echo is None or echo == piece else None

    return match


def _is_plain(text: str, begin: int, end: int) -> bool:
    """Return True if the value there is in one line, and can't have too many levels."""
    if text.find("\n", begin, end) >= 0 or text.find("\r", begin, end) >= 0:
        return False
    return (
        end - begin < _MOST_LEVELS or text.count("[", begin, end) + text.count("{", begin, end) < _MOST_LEVELS
    )


def template_of(text: str, payload: Payload, repeat: Repeat) -> Template | None:
    """Return the template of *text*, an event with its blank line and with *payload*; None if unsure."""
    end = next((each for each in _ENDS if text.endswith(each)), "")
    lines = text.removesuffix(end).split(end[: len(end) // 2]) if end else []
    if not lines or not lines[-1].startswith("data:") or any(not x.startswith("event:") for x in lines[:-1]):
        return None
    data = len(text) - len(end) - len(lines[-1].removeprefix("data:").removeprefix(" "))
    document = text[data : len(text) - len(end)]
    if scan_object(document) != payload:
        return None
    holes = []
    next_to = [repeat.next_to.path] if repeat.next_to is not None else []
    for path in (repeat.path, *repeat.vary, *repeat.echoes, *next_to):
        value = _at(payload, path)
        if path in repeat.vary and type(value) not in (str, int):
            continue  # missing, null, or of another kind: it has to stay as it is
        found = _hole(document, payload, path, value)
        if found is None:
            return None
        kind = _PIECE if path == repeat.path else _ECHO if path in repeat.echoes else _KIND_OF[type(value)]
        holes.append((data + found[0], data + found[1], kind))
    if padding := _PADDING.search(document):  # Anthropic's: of another length in each event
        holes.append((data + padding.start(), data + padding.end(), _SPACES))
    holes.sort()
    return Template(text, holes, data, end)


def _at(payload: Any, path: Path) -> Any:
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
    wanted = copy.deepcopy(payload)
    _at(wanted, path[:-1])[path[-1]] = probe
    for start, stop in _values(document, str(path[-1]), value):
        if scan_object(document[:start] + text + document[stop:]) == wanted:
            return start + (type(value) is str), stop
    return None


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
    return {path for path in paths if _at(payload, path) != _at(other, path)}
