"""The lane's loop for one form of events: Python source, made of the lines below, and compiled.

    takes    a `Form`: the holes of a template, and the event that its piece becomes
    returns  a generator function (lane, track), which yields the events that fit, of those that follow

A function for each hole and each event would do the same, and would cost 0.6 us more for an event that costs
1.2 us: a call takes as long as reading a piece. All source is made of constants of this file and the names
of fields; nothing that a server sends gets into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import lru_cache
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from types import GeneratorType
from typing import Any, NamedTuple, TypeAlias

from .. import json_text
from ..events import Event, ToolCallDelta, UsageReport
from ..json_text import scan_value
from ..state.deltas import Growing
from .fast_events import blank

Found: TypeAlias = tuple[str, int, str]
Deltas: TypeAlias = "GeneratorType[Event, None, None]"
Loop: TypeAlias = Callable[[Any, Any], Deltas]

# Kinds of holes. LIST and OBJECT are values that are decoded; COUNTS is an object that isn't.
PIECE, STRING, NUMBER, ECHO, SPACES, OBJECT, LIST, COUNTS = range(8)
_AROUND = 20  # levels of a payload around a value next to the piece, at most


class Form(NamedTuple):
    """What the loop depends on: all else is in the track."""

    holes: tuple[int, ...]  # their kinds, in order
    event: type  # the class of the deltas
    notes: bool = False  # the wire notes each piece: `Repeat.again`
    only_news: bool = False  # a report of usage for other counts only
    copies: bool = False  # heads are compared as copies


# -- the source ---------------------------------------------------------------------------

_VALUE = """\
begin = stop
value, stop = scan_value(text, stop)
if type(value) is not {kind} or not value or not is_flat(text, begin, stop): break"""
# For each kind of hole: the lines that read it. `stop` is the index where it begins, and then where it ends.
_READ = {
    PIECE: "piece, stop = scanstring(text, stop)",
    STRING: "_, stop = scanstring(text, stop)",
    NUMBER: "number, stop = scan_value(text, stop)\nif type(number) is not int: break",
    ECHO: "echo, stop = scanstring(text, stop)",
    SPACES: "found = mark{number}(text, stop)\nif found is None: break\nstop = found.end()",
    OBJECT: _VALUE.format(kind="dict"),
    LIST: _VALUE.format(kind="list"),
    COUNTS: "begin = stop\nstop = match_counts(text, begin).end()\ncounts = text[begin:stop]",
}
# The lines that find the way of the event at `at`, if it isn't the current one. `startswith` makes no copy.
# But if the text isn't ASCII, it compares one character at a time, and another way's head is compared again.
_HEAD = """\
if not text.startswith(head, at):
    way = ways.get(text[at + common : at + head_size])
    if way is None or not text.startswith(way[0], at):"""
_COPIED_HEAD = """\
begun = text[at : at + head_size]
if begun != head:
    way = ways.get(begun[common:])
    if way is None or way[0] != begun:"""
_LOOP = """\
def loop(lane, track):
    {names} = track.way
    ways, common = lane.tracks.ways(track)
    state, most, tally = lane.state, lane.most_text, lane.tally
    texts = lane.texts()
    while texts is not None:
        at = length = 0
        try:
            for text in texts:
                at, length = 0, len(text)
                while at < length <= most:
                    {head}
                            way = lane.tracks.other_way(text, at, track)
                            if way is None:
                                break
                        {names} = way
                    try:
                        stop = at + head_size
                        {read}
                    except (ValueError, StopIteration, AttributeError, RecursionError):  # no value that fits
                        break
                    {check}
                    if buffer.half or not piece.isascii():
                        piece = buffer.encodable(piece, part)
                    end = buffer.length = buffer.length + write(piece)
                    if end > buffer.store_at:
                        buffer.store()
                    event = blank_delta()
                    {fill}
                    event.__class__ = delta
                    at = stop
                    tally.events += 1
                    yield event
                    {report}
                if at != length:
                    texts = lane.leave(text, at)
                    break
            else:
                texts = lane.end()
        except Exception as exc:
            if at < length:
                raise
            texts = lane.fail(exc)  # of the source
"""
_MATCH = """\
def match(way, text, at):
    {names} = way
    counts = ""
    while text.startswith(head, at):
        try:
            stop = at + head_size
            {read}
        except (ValueError, StopIteration, AttributeError, RecursionError):
            break
        {check}
        return piece, stop, counts
    return None
"""
_REPORT = """\
lane.reported = counts
later = state.counted = merge, counts  # decoded when somebody reads it
event = blank_report()
event.usage, event.raw = later, raw
event.__class__ = report
tally.events += 1
yield event"""
_SPECIAL = {"snapshot": "pieces, end", "raw": "raw", "logprobs": "None"}


@lru_cache(maxsize=64)
def loop_of(form: Form) -> Loop:
    """Return the loop for *form*."""
    # An event that is all of the text is kept as it is: a copy of its JSON would cost 0.05 us.
    fill = ["raw = text if stop - at == length else text[at + data_at : stop - end_size]"]
    fill += [f"event.{field} = {_value(field, form)}" for field in _fields(form.event)]
    report = []
    if COUNTS in form.holes:
        body = _REPORT.split("\n")
        report = (
            ["if counts != lane.reported:", *(f"    {line}" for line in body)] if form.only_news else body
        )
    check = _check(form.holes) + (["if not again(piece): break"] if form.notes else [])
    head = (_COPIED_HEAD if form.copies else _HEAD).split("\n")
    lines = {"names": _names(form), "head": head, "read": _read(form.holes), "check": check}
    lines |= {"fill": fill, "report": report}
    classes = {"delta": form.event, "blank_delta": blank(form.event)}
    made: Loop = _compiled(_LOOP, lines, "loop", classes)
    return made


@lru_cache(maxsize=64)
def match_of(holes: tuple[int, ...]) -> Callable[[tuple[Any, ...], str, int], Found | None]:
    """Return a function (way, text, at) -> (piece, the index after the event, its counts) or None."""
    lines = {"names": _place_names(holes), "read": _read(holes), "check": _check(holes)}
    made: Any = _compiled(_MATCH, lines, "match", {})
    return made  # type: ignore[no-any-return]


def _read(holes: tuple[int, ...]) -> list[str]:
    lines = []
    for number, kind in enumerate(holes):
        lines += _READ[kind].replace("{number}", str(number)).split("\n")
        if SPACES not in holes[number : number + 2]:  # they are read with the marks around them
            lines += [f"if not text.startswith(mark{number}, stop): break", f"stop += size{number}"]
    return lines


def _check(holes: tuple[int, ...]) -> list[str]:
    return ["if not piece: break", *(["if echo != piece: break"] if ECHO in holes else [])]


def _compiled(skeleton: str, lines: dict[str, list[str]], name: str, classes: dict[str, type]) -> Any:
    """Return the function *name* of *skeleton* with these lines in it, each indented like its place."""
    names = ", ".join(lines.pop("names"))
    source = []
    for line in skeleton.replace("{names}", names).split("\n"):
        place = line.strip()[1:-1]
        indent = line[: len(line) - len(line.lstrip())]
        source += [indent + each for each in lines[place]] if place in lines else [line]
    scope = {**_SCOPE, **classes}
    exec("\n".join(source), scope)
    return scope[name]


# -- the values of a track ----------------------------------------------------------------


def place_of(
    head: str, data: int, end: str, counts: Any, holes: Iterable[tuple[int, str]]
) -> tuple[Any, ...]:
    """Return what `match_of` needs of a template: of each hole its kind, and the mark after it."""
    sized: list[Any] = []
    before = ""
    for kind, mark in holes:
        sized += (_with_spaces(before, mark) if kind == SPACES else mark, len(mark))
        before = mark
    return (head, len(head), data, len(end), counts, *sized)


@lru_cache(maxsize=8)
def _with_spaces(before: str, after: str) -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(f"{re.escape(before)} *{re.escape(after)}").match


def _place_names(holes: tuple[int, ...]) -> list[str]:
    marks = [name for number in range(len(holes)) for name in (f"mark{number}", f"size{number}")]
    return ["head", "head_size", "data_at", "end_size", "match_counts", *marks]


def way_of(template: Any, growing: Growing, again: Any, merge: Any) -> tuple[Any, ...]:
    """Return what the loop needs of one track."""
    buffer = growing.buffer
    fixed = buffer, buffer.pieces, buffer.pieces.write, growing.part, again, merge
    return (*template.place, *fixed, *(growing.shared[name] for name in _shared(growing.event)))


def _names(form: Form) -> list[str]:
    fixed = ["buffer", "pieces", "write", "part", "again", "merge"]
    return [*_place_names(form.holes), *fixed, *_shared(form.event)]


@lru_cache(maxsize=16)
def _shared(event: type) -> list[str]:
    return [field for field in _fields(event) if field not in (*_SPECIAL, _text_of(event))]


@lru_cache(maxsize=16)
def _fields(event: type) -> list[str]:
    return [field.name for field in fields(event)]


def _text_of(event: type) -> str:
    return "arguments" if event is ToolCallDelta else "text"


def _value(field: str, form: Form) -> str:
    if field == _text_of(form.event):
        return "piece"
    if field == "logprobs" and (OBJECT in form.holes or LIST in form.holes):
        return "merge(value)"
    return _SPECIAL.get(field, field)


# -- what the lines call ------------------------------------------------------------------


def is_flat(text: str, begin: int, end: int) -> bool:
    """Return True if the value there is in one line, and its payload can't have too many levels."""
    if text.find("\n", begin, end) >= 0 or text.find("\r", begin, end) >= 0:
        return False
    most = json_text.MAX_DEPTH - _AROUND
    return end - begin < most or text.count("[", begin, end) + text.count("{", begin, end) < most


_SCOPE = {
    "report": UsageReport,
    "blank_report": blank(UsageReport),
    "scanstring": scanstring,
    "scan_value": scan_value,
    "is_flat": is_flat,
}
