"""The text of an answer -> the JSON value in it, alone or inside a fence or prose.

Models write fences and prose around JSON if no server keeps them to a schema. Rule: there must be one value
to take. If several differ, the one that fits is taken; if several fit, the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..json_text import INVISIBLE, NotJSONError, loads_strict, scan_first
from .value_rules import identity

_FENCE = re.compile(r"```[ \t]*(?:json[c5]?|javascript|js)?[ \t]*\n?(.*?)```", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(r"[\[{]")
BEGINS_JSON = re.compile(r"\{\s*\"|\[\s*[\"\[{]")  # other brackets may be words: [1], {name}
_MAX_FENCES = 50
_MAX_TRIES = 1000  # brackets in prose; each one costs a look


def read_json(text: str, fits: Callable[[Any], bool], *, in_prose: bool) -> Any:
    """Return the JSON value that *text* is, or the one in its fences.

    Invisible characters around it don't count. If *in_prose*, an object or list between words is read, too.
    Raises `NotJSONError` if there is none, or more than one. *fits* decides between several.
    """
    text = text.strip(f" \t\r\n{INVISIBLE}")
    try:
        return loads_strict(text)
    except NotJSONError as exc:
        error = exc
    for found in (list(_in_fences(text)), list(_in_prose(text)) if in_prose else []):
        different = list({identity(each): each for each in found}.values())
        if len(different) > 1:
            different = [each for each in different if fits(each)]
            if len(different) != 1:
                raise NotJSONError(f"{error}; it contains several JSON values, and {len(different)} fit")
        if different:
            return different[0]
    raise error


def _in_fences(text: str) -> Iterator[Any]:
    """Yield the JSON values between fences. A string in JSON may contain a fence; a later one ends it."""
    last = text.rfind("```")
    for match in islice(_FENCE.finditer(text), _MAX_FENCES):
        for end in {match.end(1): 0, max(last, match.end(1)): 0}:
            try:
                yield loads_strict(text[match.start(1) : end])
            except NotJSONError:
                continue
            break


def _in_prose(text: str) -> Iterator[Any]:
    """Yield the objects and lists in *text* that aren't inside another one."""
    at = 0
    for _ in range(_MAX_TRIES):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        found = scan_first(text, opening.start())
        if found is not None:
            yield loads_strict(text[opening.start() : found[1]])
            at = found[1]
        elif BEGINS_JSON.match(text, opening.start()):
            raise NotJSONError("the JSON in it is broken")  # a part of it isn't the answer
        else:
            at = opening.end()
