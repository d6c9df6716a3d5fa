"""The pieces of streamed arguments, `partialArgs` -> pieces of JSON text that add up to the arguments.

    {"jsonPath": "$.city", "stringValue": "Lis", "willContinue": true}   ->   {"city":"Lis
    {"jsonPath": "$.city", "stringValue": "bon"}                         ->   bon
    {"jsonPath": "$.days[0]", "numberValue": 3}                          ->   ","days":[3

Strategy. The values arrive in the order of the text, so only the place of the last one is kept: the open
containers, and whether its string is open. For a value whose place has passed, `add` returns None: then the
caller has to state the arguments whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from attrs import define, field

from .fields import get

Path: TypeAlias = tuple["str | int", ...]
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


def path_of(text: str) -> Path:
    """Return the steps of a JSON path such as `$.a.b[0]`."""
    steps: list[str | int] = []
    for found in _STEP.finditer(text.removeprefix("$")):
        name, index, single, double = found.groups()
        steps.append(
            int(index) if index is not None else next(s for s in (name, single, double) if s is not None)
        )
    return tuple(steps)


def value_in(piece: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether *piece* has a value, and the value; null is one."""
    for name in _VALUES:
        value = get(piece, name)
        if value is not None:
            return True, None if name == "nullValue" else value
    return any(name in piece for name in ("nullValue", "null_value")), None


@define
class _Container:
    """An open object or list: its path, the text that closes it, and the members that it has so far."""

    path: Path
    closing: str
    members: set[str | int] = field(factory=set)


class PartialArgs:
    """Writes values by their paths as one JSON text."""

    def __init__(self) -> None:
        self._open: list[_Container] = []
        self._last: Path | None = None  # of the last value
        self._in_string = False

    def add(self, piece: Mapping[str, Any]) -> str | None:
        """Return the text that *piece* adds; None if its place was passed before."""
        path = path_of(str(get(piece, "jsonPath") or ""))
        known, value = value_in(piece)
        if not path or not known:
            return ""
        if self._in_string and path == self._last and isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)[1:-1]
        if path == self._last and value == "":  # the end of a value
            return ""
        text = self._move_to(path)
        if text is None:
            return None
        self._last, self._in_string = path, isinstance(value, str)
        written = json.dumps(value, ensure_ascii=False)
        return text + (written[:-1] if self._in_string else written)

    def _move_to(self, path: Path) -> str | None:
        """Return the text from the last value to the place of *path*; None if that was passed."""
        kept = [each for each in self._open if path[: len(each.path)] == each.path and path != each.path]
        place = kept[-1] if kept else _Container((), "}")
        step = path[len(place.path)]
        if step in place.members or (isinstance(step, int) and step != len(place.members)):
            return None
        text = '"' if self._in_string else ""
        text += "".join(each.closing for each in reversed(self._open[len(kept) :]))
        if not kept:
            text += "{"
            kept = [place]
        self._open = kept
        while True:
            step = path[len(place.path)]
            text += "," if place.members else ""
            text += "" if isinstance(step, int) else f"{json.dumps(step, ensure_ascii=False)}:"
            place.members.add(step)
            inner = path[: len(place.path) + 1]
            if inner == path:
                return text
            is_list = isinstance(path[len(inner)], int)
            if is_list and path[len(inner)] != 0:
                return None
            text += "[" if is_list else "{"
            place = _Container(inner, "]" if is_list else "}")
            self._open.append(place)

    def end(self) -> str:
        """Return the text that closes the arguments."""
        if not self._open:
            return "{}"
        text = '"' if self._in_string else ""
        return text + "".join(each.closing for each in reversed(self._open))


def set_value(tree: Any, path: Path, value: Any) -> None:
    """Set *value* at *path* in *tree*, an object; a string is appended to a string that is there."""
    place = tree
    for step, following in pairwise(path):
        inner: Any = [] if isinstance(following, int) else {}
        known = _member(place, step)
        place = _put(place, step, known if isinstance(known, dict | list) else inner)
    known = _member(place, path[-1])
    both = isinstance(known, str) and isinstance(value, str)
    _put(place, path[-1], known + value if both else value)


def _member(place: Any, step: str | int) -> Any:
    if isinstance(place, list):
        return place[step] if isinstance(step, int) and step < len(place) else None
    return place.get(step)


def _put(place: Any, step: str | int, value: Any) -> Any:
    if isinstance(place, list):
        index = step if isinstance(step, int) else len(place)
        place += [None] * (min(index, len(place) + 1000) + 1 - len(place))
        place[min(index, len(place) - 1)] = value
    else:
        place[step] = value
    return value
