"""A restated item and the pieces that arrived before it -> the texts that count.

Rule: a restatement wins, unless it takes back the end of the pieces; see `takes_back`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ..items import InputText, Item, Message, OutputText, Part, Reasoning
from ..json_text import is_json
from .cumulative import ENOUGH


def settled_arguments(whole: str, pieces: str, kind: str = "function_call") -> str:
    """Return the arguments of a call that the server restates as *whole* after *pieces*.

    The restatement wins, unless it is a proper prefix of the pieces. For a function call it must also be a
    JSON object if the pieces are one, and not empty if they have members; a prefix that is an object wins if
    the pieces aren't one, such as two copies in a row.
    """
    if whole == pieces:
        return pieces
    if takes_back(whole, pieces):
        wins = kind == "function_call" and _is_object(whole) and not _is_object(pieces)
        return whole if wins else pieces
    if kind != "function_call":
        return whole
    if NO_MEMBERS.fullmatch(whole) and _MEMBERS.match(pieces):
        return pieces
    return pieces if not _is_object(whole) and _is_object(pieces) else whole


def whole_text(item: Item) -> str:
    """Return the text of a message, or of reasoning without separators; "" for other items."""
    if isinstance(item, Reasoning):
        return "".join(item.content or item.summary)
    return item.text if isinstance(item, Message) else ""


def without_beginning(item: Item, closed: str) -> Item:
    """Return a restated message or reasoning without the text *closed*, if it begins with that.

    For an item that continues one that was closed before: its id stays with that one.
    """
    if isinstance(item, Message) and closed and item.text.startswith(closed):
        parts: list[Part] = []
        for part in item.content:
            if isinstance(part, OutputText | InputText) and closed:
                text = part.text[len(closed) :]
                closed = closed[len(part.text) :]
                if not text:
                    continue
                part = evolve(part, text=text)
            parts.append(part)
        return evolve(item, content=parts, id=None)
    if isinstance(item, Reasoning) and closed and whole_text(item).startswith(closed):
        rest = [text for text in [whole_text(item)[len(closed) :]] if text]
        return evolve(item, content=rest, id=None) if item.content else evolve(item, summary=rest, id=None)
    return item


NO_MEMBERS = re.compile(r"\s*(null|\{\s*\})?\s*")
_MEMBERS = re.compile(r'\s*\{\s*"')


def with_texts(content: Sequence[Part], pieces: Sequence[str]) -> list[Part]:
    """Return *content* with the end of its texts that only *pieces*, the text of each part, contain."""
    parts = [part for part in content if isinstance(part, OutputText | InputText)]
    texts = with_rest([part.text for part in parts], pieces)
    if texts == [part.text for part in parts]:
        return [*content]
    merged: list[Part] = [evolve(part, text=text) for part, text in zip(parts, texts)]  # noqa: B905
    merged += [OutputText(text) for text in texts[len(parts) :]]
    return merged + [part for part in content if not isinstance(part, OutputText | InputText)]


def with_rest(whole: Sequence[str], pieces: Sequence[str]) -> list[str]:
    """Return the restated texts, with the end that only *pieces* contain."""
    if [*whole] == [*pieces]:
        return [*whole]
    text = "".join(pieces)
    if not takes_back("".join(whole), text):
        return [*whole]
    if [*whole] == [*pieces[: len(whole)]]:
        return [*pieces]
    return [*whole[:-1], text[len("".join(whole[:-1])) :]]


def with_annotations(content: list[Part], annotations: list[Any]) -> list[Part]:
    """Return *content* with the last *annotations*, if it contains the first of them only."""
    places = [number for number, part in enumerate(content) if isinstance(part, OutputText)]
    known = [each for number in places for each in content[number].annotations]  # type: ignore[union-attr]
    if not places or len(known) >= len(annotations) or known != annotations[: len(known)]:
        return content
    last: Any = content[places[-1]]
    content[places[-1]] = evolve(last, annotations=[*last.annotations, *annotations[len(known) :]])
    return content


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{") and is_json(text)


def takes_back(whole: str, pieces: str) -> bool:
    """Return True if *whole*, a restatement, lacks the end of *pieces*: then the pieces stay.

    If the pieces are *whole* twice, they repeated all of it at their end.
    """
    return len(whole) < len(pieces) and pieces.startswith(whole) and not _is_double(whole, pieces)


def _is_double(whole: str, pieces: str) -> bool:
    return len(pieces) == 2 * len(whole) >= 2 * ENOUGH and pieces == whole + whole


def lacking(whole: Sequence[str], pieces: Sequence[str]) -> str:
    """Return the end of the texts *whole* that the texts *pieces* lack; "" if they aren't its beginning."""
    if [*whole] == [*pieces]:  # the usual case, in which neither is joined
        return ""
    text, have = "".join(whole), "".join(pieces)
    return text[len(have) :] if text.startswith(have) else ""
