"""Blocks that a gateway numbers as choices -> `ChoicesFolded`, which makes them items of choice 0.

Some gateways (Copilot in front of Claude) number the blocks of one choice as choices: the text is choice 0,
the calls are choices 1 and 2, and only one of them finishes. Real choices each finish, with calls of their
own if the word is tool_calls.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...state.answer import AnswerState
from ...state.deltas import ChoicesFolded, Delta
from ...state.open_call import OpenCall


def has_calls_elsewhere(state: AnswerState) -> bool:
    """Return True if choice 0, which finishes with tool_calls, has no call, but a choice after it has one."""
    if state.finishes or len(state.choices) < 2:
        return False
    kinds = _kinds(state)
    return "call" not in kinds.get(0, ()) and _are_blocks(kinds)


def fold_blocks(state: AnswerState) -> Iterator[Delta]:
    """Yield `ChoicesFolded` at `[DONE]` if only one of the choices finished, and they can be blocks."""
    if len(state.finishes) == 1 and len(state.choices) > 1 and _are_blocks(_kinds(state)):
        yield ChoicesFolded(state.last_raw or {})


def _kinds(state: AnswerState) -> dict[int, set[str]]:
    """Return the kinds of items in each choice that has any."""
    kinds: dict[int, set[str]] = {}
    for item in state.in_order:
        if not item.is_phantom:
            kinds.setdefault(item.choice, set()).add("call" if isinstance(item, OpenCall) else item.kind)
    return kinds


def _are_blocks(kinds: dict[int, set[str]]) -> bool:
    """Return True if one of several choices has a call, and no two have text, or reasoning."""
    names = [name for of_choice in kinds.values() for name in of_choice]
    others = [name for name in names if name != "call"]
    return len(kinds) > 1 and "call" in names and len(others) == len(set(others))
