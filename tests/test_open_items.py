"""Items that are still arriving: attachments, misfits, closing one item, the origin of opaque state."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    Completed,
    FunctionCall,
    ItemDone,
    LocalShellCall,
    Message,
    Origin,
    OutputText,
    Profile,
    Reasoning,
    TextDelta,
    ToolCallDelta,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
    read_events,
)
from streamkit.pipeline.accumulate import accumulate
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    Delta,
    ItemClosed,
    ReasoningPiece,
    TextPiece,
)
from streamkit.state.opaque import with_origin
from streamkit.testing import sse

RAW: dict[str, Any] = {"n": 1}
STOP = ChoiceFinished(0, "stop", "stop", RAW)
HOME = Origin("chat", "openrouter")


def items_of(*deltas: Delta) -> list[Any]:
    """The items that the deltas come to, in the order of the completion."""
    last = list(accumulate([*deltas, STOP], AnswerState()))[-1]
    assert isinstance(last, Completed)
    return list(last.completion.items)


@pytest.mark.parametrize(
    ("kind", "what", "value", "extra"),
    [
        pytest.param("function_call", "annotations", ["a"], {"annotations": [["a"]]}, id="call, annotations"),
        pytest.param("reasoning", "signature", "sig", {"signature": ["sig"]}, id="reasoning, signature"),
        pytest.param("message", "details", [{"x": 1}], {"details": [[{"x": 1}]]}, id="message, details"),
        pytest.param("message", "extra", {"x": 1}, {"x": 1}, id="message, extra"),
    ],
)
def test_a_value_without_a_place_goes_to_extra(kind: str, what: Any, value: Any, extra: Any) -> None:
    """What is attached decides where it goes, never the class of the item; nothing is lost."""
    first = {
        "function_call": CallPiece("k", 0, "{}", RAW, "c", "f"),
        "reasoning": ReasoningPiece("k", 0, "hm", RAW),
        "message": TextPiece("k", 0, "a", RAW),
    }[kind]
    (item,) = items_of(first, Attached("k", 0, what, value, RAW, kind))
    assert item.extra == extra


def test_a_piece_that_does_not_fit_opens_an_item_of_its_own() -> None:
    """Text at the key of a call isn't lost, and the call goes on."""
    deltas = [
        CallPiece("k", 0, '{"a"', RAW, "c", "f"),
        TextPiece("k", 0, "Hel", RAW),
        CallPiece("k", 0, ":1}", RAW),
        TextPiece("k", 0, "lo", RAW),
    ]
    assert items_of(*deltas) == [
        FunctionCall("c", "f", '{"a":1}'),
        Message("assistant", [OutputText("Hello")]),
    ]


def test_one_item_closes_without_the_others() -> None:
    """`ItemClosed` yields the item at once, once; a call whose arguments aren't complete stays open."""
    deltas: list[Delta] = [
        TextPiece("m", 0, "Hi", RAW),
        CallPiece("c", 0, '{"a"', RAW, "c1", "f"),
        ItemClosed("m", RAW),
        ItemClosed("c", RAW),
        CallPiece("c", 0, ":1}", RAW),
        ItemClosed("c", RAW),
        ItemClosed("nothing", RAW),
        STOP,
    ]
    events = list(accumulate(deltas, AnswerState()))
    kinds = [type(event) for event in events if isinstance(event, ItemDone | TextDelta | ToolCallDelta)]
    assert kinds == [TextDelta, ToolCallDelta, ItemDone, ToolCallDelta, ItemDone]
    done = [event.item for event in events if isinstance(event, ItemDone)]
    assert done == [Message("assistant", [OutputText("Hi")]), FunctionCall("c1", "f", '{"a":1}')]


@pytest.mark.parametrize(
    ("item", "is_opaque"),
    [
        (Reasoning(content="hm"), False),
        (Reasoning(content="hm", encrypted_content="x"), True),
        (Reasoning(details=[{"type": "reasoning.encrypted", "data": "x"}]), True),
        (Reasoning("rs_1", summary=["s"]), True),
        (FunctionCall("c", "f", "{}"), False),
        (FunctionCall("c", "f", "{}", signature="x"), True),
        (FunctionCall("c", "f", "{}", extra={"extra_content": {"google": 1}}), True),
        (FunctionCall("c", "f", "{}", id="fc_1"), True),
        (Message("assistant", "a"), False),
        (Message("assistant", "a", id="msg_1"), True),
        (UnknownItem({"type": "mcp_call"}), True),
        (WebSearchCall("ws_1"), True),
        (LocalShellCall("c", {"type": "exec"}), True),
    ],
    ids=repr,
)
def test_opaque_state_gets_its_origin(item: Any, is_opaque: bool) -> None:
    """Items that only their provider understands are stamped, others stay the very same object."""
    stamped = with_origin(item, HOME)
    assert stamped == item
    assert stamped.origin == (HOME if is_opaque else None)
    assert is_opaque or stamped is item
    assert with_origin(item, None) is item


def test_an_unknown_part_of_a_message_gets_its_origin() -> None:
    """Each part has an origin of its own, since messages of one turn may be joined."""
    message = Message("assistant", [OutputText("a"), UnknownPart({"type": "hologram"})])
    stamped = with_origin(message, HOME)
    assert isinstance(stamped, Message)
    assert getattr(stamped.content[1], "origin", None) == HOME
    plain = Message("assistant", "a")
    assert with_origin(plain, HOME) is plain


@pytest.mark.parametrize(
    ("profile", "provider"),
    [("openrouter", "openrouter"), (None, None), ("generic", "generic"), (Profile("mine"), "mine")],
    ids=["openrouter", "none", "generic", "own"],
)
@pytest.mark.parametrize("is_cut", [False, True], ids=["done", "partial"])
def test_a_stream_stamps_its_state(profile: Any, provider: str | None, is_cut: bool) -> None:
    """Wire and profile, in finished items and in those of `.partial`; only no profile means no provider."""
    details = [{"type": "reasoning.encrypted", "data": "x", "id": "r1"}]
    first = {"choices": [{"index": 0, "delta": {"reasoning": "hm", "reasoning_details": details}}]}
    last = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    state = AnswerState()
    for event in read_events([sse(first), sse(last)], profile=profile, state=state):
        if is_cut and isinstance(event, TextDelta):
            break
    reasoning = state.completion().items[0]
    assert isinstance(reasoning, Reasoning)
    assert reasoning.origin == Origin("chat", provider)
