"""Mask the words of a body: decode each frame, replace its strings by `xxx`, and encode it again.

    takes    the chunks of a body with their times
    yields   chunks of whole frames; the time of a chunk is that of the last byte of its last frame

Letters become `x` and digits `1`, so a string keeps its number of characters. Punctuation, white space,
names of fields and strings that are structure (types, ids, models, finish reasons) stay. So a masked
recording yields the same events as the original, with other words. The arguments of a call stay JSON.

Rules: every string that isn't known to be structure is masked. Data that isn't JSON is masked as text.
Frames are written with LF and as compact JSON, so a masked body has another length than the original.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from enum import Enum, auto
from functools import cache
from typing import Any

from ..json_text import NotJSONError, encode_compact, loads
from ..pipeline.frames import bare_lines
from ..pipeline.objects import Found, Torn, read_objects
from ..wires import WIRES, find_wire
from .format import TimedChunk

_STRUCTURE = {
    *("id", "call_id", "item_id", "response_id", "tool_call_id", "type", "object", "event", "role", "name"),
    *("model", "provider", "status", "service_tier", "code", "error_type", "error_code", "format"),
    *("encoding", "effort", "reason", "system_fingerprint"),
}
# A value of such a field that isn't prose; a finish reason may have a detail after a colon.
_STRUCTURE_VALUE = re.compile(r"(?:\w+: )?[\w.:/@+$\[\]-]{1,128}", re.ASCII)
_ARGUMENTS = {"arguments", "partial_json"}  # fields that contain JSON as text
_MARKS = {"index", "output_index", "item_id", "type"}  # fields that distinguish the calls of an answer

_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LETTER = re.compile(r"[A-Za-z\x80-\U0010ffff]")  # every character beyond ASCII: all scripts are words
_DIGIT = re.compile(r"[0-9]")
_LITERALS = ("true", "false", "null")


@cache
def _structure() -> set[str]:
    """Return the fields of every API whose strings stay."""
    return _STRUCTURE.union(*(find_wire(name).structure for name in WIRES))


class Masker:
    """Masks one body, chunk by chunk."""

    def __init__(self) -> None:
        self._pending = bytearray()  # everything after the last whole frame
        self._at = 0.0  # when its last byte arrived
        self._is_document: bool | None = None  # None until the first byte that decides
        self._is_half_crlf = False  # the last frame ended at a CR, and its LF may follow
        self._calls: dict[Hashable, _ArgumentsMask] = {}

    def add(self, chunk: TimedChunk) -> Iterator[TimedChunk]:
        """Yield the masked frames that *chunk* completes, as one chunk."""
        if not chunk.data:
            return
        start = max(len(self._pending) - 2, 0)  # a blank line may be cut
        self._pending += chunk.data.removeprefix(b"\n") if self._is_half_crlf else chunk.data
        self._is_half_crlf = False
        self._at = chunk.at
        if self._is_document is None:
            head = bytes(self._pending).removeprefix(_BOM).lstrip()
            if head in (b"", _BOM[:1], _BOM[:2]):
                return
            self._is_document = head[:1] in (b"{", b"[")
            self._pending = self._pending.removeprefix(_BOM)
            start = 0
        if self._is_document:
            return
        end = max((line.end() for line in _BLANK_LINE.finditer(self._pending, start)), default=0)
        if end:
            frames = bytes(self._pending[:end])
            del self._pending[:end]
            self._is_half_crlf = not self._pending and frames.endswith(b"\r")
            yield TimedChunk(chunk.at, self._mask_frames(frames))

    def finish(self) -> Iterator[TimedChunk]:
        """Yield the rest of the body, masked: a JSON document, or a frame without its blank line."""
        rest = bytes(self._pending)
        self._pending.clear()
        if rest:
            masked = self._mask_data(rest) if self._is_document else self._mask_frames(rest)
            yield TimedChunk(self._at, masked)

    def _mask_frames(self, body: bytes) -> bytes:
        """Mask each block of lines. A block without its blank line or its last line end stays without it."""
        masked: list[bytes] = []
        block: list[bytes] = []
        ending = [b""] if body.endswith((b"\n", b"\r")) else []
        for line in [*body.splitlines(), *ending]:
            if line:
                block.append(line)
            else:
                masked += [*self._mask_block(block), b""]
                block = []
        return b"\n".join([*masked, *self._mask_block(block)])

    def _mask_block(self, block: list[bytes]) -> list[bytes]:
        """Mask the lines of one block: comments, event, id and retry stay, and the data comes last."""
        lines = []
        texts: dict[bytes, list[bytes]] = {b"data": [], b"error": []}
        place = bare_lines(block)
        bare = b"\n".join(block[place])  # an error without a field
        block = [*block[: place.start], *block[place.stop :]]
        for line in block:
            name, _, value = line.partition(b":")
            if name in texts:
                texts[name].append(value.removeprefix(b" "))
            else:
                is_known = name in (b"", b"event", b"id", b"retry")
                lines.append(line if is_known else _mask_text(line.decode(errors="replace")).encode())
        for name, values in texts.items():
            if values:
                data = self._mask_data(b"\n".join(values))
                lines += [name + b": " + line for line in data.split(b"\n")]
        return [*lines, *self._mask_data(bare).split(b"\n")] if bare else lines

    def _mask_data(self, data: bytes) -> bytes:
        """Mask the data of a frame: one JSON value, or text; objects that are glued together get lines."""
        text = data.decode(errors="replace").strip()
        if text == "[DONE]":
            return text.encode()
        try:
            return encode_compact(_mask_value(loads(text), self._calls))
        except (NotJSONError, RecursionError):
            return b"\n".join(self._mask_found(found) for found in read_objects(text))

    def _mask_found(self, found: Found) -> bytes:
        if isinstance(found, Torn):
            return _mask_text(found.text).encode()
        return encode_compact(_mask_value(found, self._calls)) if isinstance(found, dict) else b"[DONE]"


def mask_object(value: Any) -> Any:
    """Return the decoded body of a request with its strings masked, by the same rules."""
    return _mask_value(value, {})


def _mask_value(
    value: Any, calls: dict[Hashable, _ArgumentsMask], name: str = "", place: tuple[Any, ...] = ()
) -> Any:
    """Return decoded JSON with its strings masked.

    *calls* remembers the position inside the arguments of each call from one payload to the next. *name* is
    the field of *value*, and *place* is the path to it: names, with the numbers and ids that mark an item.
    """
    if isinstance(value, str):
        if name in _structure() and _STRUCTURE_VALUE.fullmatch(value):
            return value
        if name in _ARGUMENTS or (name == "delta" and any("arguments" in str(step) for step in place)):
            is_fragment = "delta" in (name, *place)
            mask = calls.setdefault(place, _ArgumentsMask()) if is_fragment else _ArgumentsMask()
            return "".join(map(mask.mask_character, value))
        return _mask_text(value)
    if isinstance(value, dict):
        marks = [inner for key, inner in value.items() if key in _MARKS and isinstance(inner, str | int)]
        return {key: _mask_value(inner, calls, key, (*place, *marks, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mask_value(inner, calls, name, place) for inner in value]
    if name == "bytes":  # of a token among logprobs: its text as numbers
        return ord("x")
    return value


def _mask_text(text: str) -> str:
    """Return *text* with letters as `x` and digits as `1`; punctuation and white space stay."""
    return _DIGIT.sub("1", _LETTER.sub("x", text))


class _Position(Enum):
    """The position of the next character in a JSON text."""

    OUTSIDE = auto()
    STRING = auto()
    ESCAPE = auto()  # after a backslash in a string
    HEX = auto()  # among the four digits of `\uXXXX`


class _ArgumentsMask:
    """Masks the arguments of one call, which are JSON in pieces, so that they stay JSON."""

    def __init__(self) -> None:
        self._position = _Position.OUTSIDE
        self._digits = ""  # the digits still to write in `\u0078`, which is an x
        self._word = ""  # the letters and digits since the last other character, outside of strings

    def mask_character(self, char: str) -> str:
        """Return the character that replaces the next one."""
        if self._position is _Position.HEX and char in "0123456789abcdefABCDEF":
            digit, self._digits = self._digits[0], self._digits[1:]
            self._position = _Position.HEX if self._digits else _Position.STRING
            return digit
        if self._position is _Position.ESCAPE:
            self._position = _Position.HEX if char == "u" else _Position.STRING
            self._digits = "0078"
            return char
        if self._position is _Position.OUTSIDE:
            return self._mask_outside(char)
        if char == "\\":
            self._position = _Position.ESCAPE
        else:
            self._position = _Position.OUTSIDE if char == '"' else _Position.STRING
        return _mask_text(char)

    def _mask_outside(self, char: str) -> str:
        """Keep literals and the `e` of a number; mask any other letter, which isn't JSON."""
        if char == '"':
            self._position = _Position.STRING
        self._word = self._word + char if char.isalnum() else ""
        is_literal = self._word and any(literal.startswith(self._word) for literal in _LITERALS)
        is_exponent = char in "eE" and self._word[:-1].isdigit()
        return char if is_literal or is_exponent else _mask_text(char)
