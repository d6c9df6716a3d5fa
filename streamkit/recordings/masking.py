"""A body with what somebody said in it -> the same body with `xxx` in its place, byte for byte as long.

Letters become `x` and digits `1`; punctuation, white space, escapes, names of fields and every string that
is structure (types, ids, models, finish reasons) stay, so that a masked recording gives the same events
as the one it was made from, with other words in them. Arguments of a call stay JSON.

Rules: what is not known to be structure is masked; so is a line that is no JSON by itself, whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

_STRUCTURE = {
    *("id", "call_id", "item_id", "response_id", "previous_response_id", "tool_call_id"),
    *("type", "object", "event", "role", "name", "model", "provider", "status", "service_tier", "phase"),
    *("finish_reason", "native_finish_reason", "reason", "code", "format", "encoding", "effort"),
    *("truncation", "system_fingerprint"),
}
_WORD = re.compile(r"[\w.:/@+-]{1,128}", re.ASCII)  # what such a field holds where it is no prose
_ARGUMENTS = {"arguments", "partial_json"}  # JSON as text
_MARKS = {"index", "output_index", "item_id", "type"}  # they tell one call from another

# A string of a JSON text, and whether it is the name of a field.
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)
# The characters of such a string as they are written.
_UNIT = re.compile(rb"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_DIGITS = bytes.maketrans(b"0123456789", b"1" * 10)
# The bytes of a token among logprobs: its text once more, as numbers.
_BYTES = re.compile(rb'"bytes"\s*:\s*\[[\d,\s]*\]')
# What JSON writes outside of strings with letters: true, false, null, exponents.
_LITERALS = frozenset(bytes([c]) for c in b"truefalsnE+-.,:[]{} \n\r\t")
_SHAPE = bytes.maketrans(
    bytes(range(256)),
    bytes(
        ord("x") if c >= 0x80 or chr(c).isalpha() else ord("1") if chr(c).isdigit() else c for c in range(256)
    ),
)


class Masker:
    """Masks one body, piece by piece; remembers how far each call's arguments are."""

    def __init__(self) -> None:
        self._is_document: bool | None = None
        self._arguments: dict[Hashable, _Arguments] = {}

    def may_stop(self, chunk: bytes) -> bool:
        """Whether a piece that ends with *chunk* can be masked: it ends a line, and is no JSON document.

        Ask once for each chunk of the body, in order.
        """
        if self._is_document is None and chunk.strip():
            self._is_document = chunk.lstrip()[:1] in (b"{", b"[")
        return not self._is_document and chunk[-1:] in (b"\n", b"\r")

    def mask(self, body: bytes) -> bytes:
        """*body*, masked. It ends where `may_stop` allowed it, or is the rest."""
        if self._is_document:
            return self._mask_json(body)
        return b"".join(self._mask_line(line) for line in body.splitlines(keepends=True))

    def _mask_line(self, line: bytes) -> bytes:
        name, _, value = line.partition(b":")
        name = name.removeprefix(b"\xef\xbb\xbf")
        if name.strip() in (b"event", b"id", b"retry", b"") or value.strip() == b"[DONE]":
            return line
        if name.strip() not in (b"data", b"error"):
            return line.translate(_SHAPE)
        return line[: len(line) - len(value)] + self._mask_json(value)

    def _mask_json(self, text: bytes) -> bytes:
        try:
            fields = _strings(
                json.loads(text.decode(errors="replace"), object_pairs_hook=_Pairs, strict=False)
            )
            text = _STRING.sub(lambda found: self._mask_string(found, fields), text)
            return _BYTES.sub(lambda found: found[0].translate(_DIGITS), text)
        except (ValueError, RecursionError, StopIteration):
            return text.translate(_SHAPE)

    def _mask_string(self, found: re.Match[bytes], fields: Iterator[_Field]) -> bytes:
        written, colon = found.groups()
        if colon:
            return found[0]
        field = next(fields)
        if field.is_structure:
            return found[0]
        if field.arguments is None:
            return b'"' + _mask_text(written) + b'"'
        if field.is_fragment:
            state = self._arguments.setdefault(field.arguments, _Arguments())
        else:
            state = _Arguments()
        return b'"' + b"".join(map(state.mask, _UNIT.findall(written))) + b'"'


def mask_object(value: Any) -> Any:
    """A request's decoded body with its strings masked, by the same rules."""
    return json.loads(Masker()._mask_json(json.dumps(value, ensure_ascii=False).encode()))


def _mask_text(written: bytes) -> bytes:
    return b"".join(map(_mask_unit, _UNIT.findall(written)))


def _mask_unit(unit: bytes) -> bytes:
    if len(unit) == 6:
        return b"\\u0078"
    return unit if unit[:1] == b"\\" else unit.translate(_SHAPE)


class _Arguments:
    """JSON inside of strings, a character at a time: what its own strings say, and the digits outside.

    Literals and the letters of exponents stay, so that what was JSON is JSON.
    """

    def __init__(self) -> None:
        self._inside = False
        self._escaped = False
        self._hex = b""  # what is left to write of an escape \\uXXXX

    def mask(self, unit: bytes) -> bytes:
        """One character as it is written in the outer JSON text."""
        if self._hex and len(unit) == 1:
            digit, self._hex = self._hex[:1], self._hex[1:]
            return digit
        self._hex = b""
        if self._escaped:
            self._escaped = False
            self._hex = b"0078" if unit == b"u" else b""
            return unit
        if unit == b"\\\\":
            self._escaped = self._inside
            return unit
        if unit == b'\\"':
            self._inside = not self._inside
            return unit
        return _mask_unit(unit) if self._inside or unit not in _LITERALS else unit


class _Pairs(list[tuple[str, Any]]):
    """An object as json found it: in order, with names that come twice."""


class _Field(NamedTuple):
    """What a string is: structure or words; the call whose arguments it is, and whether a piece of them."""

    is_structure: bool
    arguments: Hashable | None
    is_fragment: bool


def _strings(value: Any, name: str = "", place: tuple[Any, ...] = ()) -> Iterator[_Field]:
    """The field of every string in *value* that is no name, in the order of the text.

    *place* is the way there: names of fields, and the numbers and ids that say which item is meant.
    """
    if isinstance(value, str):
        is_arguments = name in _ARGUMENTS or (name == "delta" and any("arguments" in str(p) for p in place))
        yield _Field(
            name in _STRUCTURE and _WORD.fullmatch(value) is not None,
            place if is_arguments else None,
            "delta" in (name, *place),
        )
    elif isinstance(value, _Pairs):
        marks = tuple(inner for key, inner in value if key in _MARKS and isinstance(inner, str | int))
        for key, inner in value:
            yield from _strings(inner, key, (*place, *marks, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, name, place)
