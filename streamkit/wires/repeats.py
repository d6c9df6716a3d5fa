"""A piece of a text -> the part of it that is new, if the server repeats what arrived before.

    takes    a piece, and the facts about the pieces before it
    yields   the deltas of the rest; before it, the correction of a text that turns out to repeat

See state/cumulative.py for pieces that each repeat all of the text. Others repeat it once, at the end (Cohere
behind a gateway): next to the finish, or behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..state.answer import AnswerState
from ..state.cumulative import ENOUGH, CumulativeText
from ..state.deltas import Delta, Leftover, ReasoningPiece, Restated, TextPiece
from ..state.open_items import OpenReasoning
from ..state.open_message import OpenMessage
from ..surrogates import encodable_text


def fresh_part(
    piece: TextPiece | ReasoningPiece, before: CumulativeText, state: AnswerState, *, is_last: bool = False
) -> Iterator[Delta]:
    """Yield the part of *piece* that is new. *is_last*: the finish of its choice is here, or was before."""
    if is_last and before.is_plain and (repeated := _told_again(piece, state)):
        rest = encodable_text(piece.text)[repeated:]
        yield from (replace(piece, text=rest),) if rest else ()
        return
    text, was_known = piece.text, before.is_cumulative
    known = before.repeated(text)
    if known is None:
        yield Restated(piece, withdraws=True)
        yield Leftover(piece.raw, news=True)  # carries the payload
        return
    if known and not was_known:
        yield Restated(replace(piece, text=text[:known]), withdraws=True)
    if known < len(text):
        yield replace(piece, text=text[known:]) if known else piece


def _told_again(piece: TextPiece | ReasoningPiece, state: AnswerState) -> int:
    """Return the characters of the text before *piece* if it begins with all of them, else 0."""
    item = state.items.get(piece.key)
    if not isinstance(item, OpenMessage | OpenReasoning) or item.is_done:
        return 0
    length = item.text.last_length
    if not ENOUGH <= length <= len(piece.text):
        return 0
    return length if encodable_text(piece.text).startswith(str(item.text)) else 0
