"""A request and its body -> sentences in the report about fields of items that aren't in the body.

Strategy. Each wire writes the fields that its API has, and reports what it changes. This file is the net
below: it looks for the fields that some API has no place for, and reports those that are in neither the body
nor the report. Text, names, arguments and ids aren't among them: every wire writes those, in its own form.

Rule: this file names no API. It reads the body as strings and keys, so nothing in it depends on a form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..items import Item, Part
from .call_pairs import Entry
from .report import BuildReport

# The attributes of items and parts that an API may have no place for. A part has one source, a thought one
# text: a second one is of interest only next to the first. A sound with an id is known by it.
_FIELDS = ("encrypted_content", "details", "signature", "annotations", "logprobs", "detail", "filename")
_SOURCES = ("image_url", "file_data", "file_url", "file_id", "data", "transcript")
_THOUGHTS = ("content", "summary")
_PLACE = r"item (\d+)|input\[(\d+)\]"  # the item that a sentence is about
_WORD = re.compile(r"\w+")


def report_unsent(items: Iterable[Item], body: Mapping[str, Any], report: BuildReport) -> None:
    """Add to *report* the fields of *items* that are neither in *body* nor in the report."""
    facts = [(Entry(n, item), list(_facts(item))) for n, item in enumerate(items)]
    if not any(found for _, found in facts):
        return
    words = set(_words(body))
    said = _sentences([*report.dropped, *report.repaired])
    in_answer: set[str] = set()  # words about the item and those after it in the same answer
    lines = []
    for entry, found in reversed(facts):
        about = [each for each in said.get(entry.position, ()) if _is_about(each, entry)]
        if getattr(entry.item, "role", "assistant") != "assistant":
            in_answer = set()
        in_answer |= {word for each in about for word in _WORD.findall(each)}
        if not found or any(each.startswith(f"{entry} ") for each in about):
            continue  # the sentence is about the whole item
        lost = dict.fromkeys(name for path, value in found for name in _lost(path, value, words))
        # Some APIs have the fields of a thought in the message after it.
        known = in_answer if entry.item.type == "reasoning" else set()
        names = [
            name
            for name in lost
            if (field := name.partition(".")[0]) not in known and not any(field in each for each in about)
        ]
        if names:
            lines.append(f"{entry}: its {', '.join(names)}, which this API doesn't have")
    for line in reversed(lines):
        report.leave_out(line)


def _sentences(lines: Iterable[str]) -> dict[int, list[str]]:
    """Return the sentences about each item, by its position."""
    found: dict[int, list[str]] = {}
    for line in lines:
        if place := re.match(_PLACE, line):
            found.setdefault(int(place[1] or place[2]), []).append(line)
    return found


def _is_about(line: str, entry: Entry) -> bool:
    return line.startswith((str(entry), f"{entry.place}."))


def _facts(item: Item) -> Iterator[tuple[str, Any]]:
    """Yield the fields of *item* and its parts that an API may have no place for, by name."""
    yield from _own(item, _THOUGHTS if item.type == "reasoning" else ())
    for name in ("content", "output"):
        parts = getattr(item, name, ())
        for part in () if isinstance(parts, str) else parts:
            if not isinstance(part, str):
                yield from _own(part, () if getattr(part, "id", None) else _SOURCES)


def _own(value: Item | Part, alternatives: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    given = [(name, each) for name in alternatives if (each := getattr(value, name, None))]
    yield from [pair for pair in given if pair[0] != "transcript"] if len(given) > 1 else ()
    yield from ((name, each) for name in _FIELDS if (each := getattr(value, name, None)))
    yield from getattr(value, "extra", {}).items()


def _lost(name: str, value: Any, words: set[str]) -> list[str]:
    """Return *name* if *value* isn't among *words*; the one string in it that isn't, by its name."""
    strings = [(path, text) for path, text in _strings(value, name) if text]
    lost = [path for path, text in strings if text not in words and _tail(text) not in words]
    if not strings:
        return [] if {name, *_keys(value)} & words else [name]
    return [name] if len(lost) > 1 or len(lost) == len(strings) else lost


def _tail(text: str) -> str:
    """Return the data of a data URL as every API has it: without its type, in one line."""
    return "".join(text.partition(",")[2].split()) if text.startswith("data:") else text


def _strings(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield each string of *value*, with the name of the field that it is in. Any depth."""
    waiting = [(name, value)]
    while waiting:
        path, each = waiting.pop()
        if isinstance(each, str):
            yield path, each
        elif isinstance(each, Mapping):
            waiting += [(f"{name}.{key}", inner) for key, inner in each.items()]
        elif isinstance(each, list | tuple):
            waiting += [(path, inner) for inner in each]


def _keys(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list | tuple) else (value,):
        yield from each if isinstance(each, Mapping) else ()


def _words(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys and the strings of *body*. Any depth."""
    waiting: list[Any] = [body]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            yield from each
            waiting += each.values()
        elif isinstance(each, list | tuple):
            waiting += each
