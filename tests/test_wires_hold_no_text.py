"""House rule D: accumulate owns all growing text; amid a long answer, a wire holds one payload of it."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from streamkit import TruncatedStreamError
from streamkit.pipeline.accumulate import accumulate
from streamkit.profiles.known import GENERIC
from streamkit.state.answer import AnswerState
from streamkit.wires import WIRES, find_wire
from streamkit.wires.chat.call_slots import CallSlots

PIECE = "x" * 1000
MANY = 300
_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, type)


def text_held(generator: Any, apart_from: Iterable[Any]) -> int:
    """The characters in all strings that can be reached from the generator's frame, the state left out."""
    seen = {id(each) for each in apart_from}
    waiting = [*generator.gi_frame.f_locals.values()]
    total = 0
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, _CODE):
            continue
        seen.add(id(value))
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, types.GeneratorType):
            waiting += [] if value.gi_frame is None else value.gi_frame.f_locals.values()
        else:
            waiting += gc.get_referents(value)
    return total


def most_held(wire: str, payloads: Iterable[Any]) -> int:
    """The most text that the wire holds between two deltas."""
    state = AnswerState()
    source: Iterator[Any] = iter(payloads)
    reading = find_wire(wire).read(source, GENERIC, state)
    most = 0

    def deltas() -> Iterator[Any]:
        nonlocal most
        for number, delta in enumerate(reading):
            yield delta
            if number % 50 == 49:
                most = max(most, text_held(reading, [state, source, payloads]))

    with suppress(TruncatedStreamError):
        for _ in accumulate(deltas(), state):
            pass
    assert most, "the wire was never looked at"
    return most


def chat_arguments() -> list[Any]:
    def payload(**function: Any) -> dict[str, Any]:
        entry = {"index": 0, "function": function}
        return {"choices": [{"index": 0, "delta": {"tool_calls": [entry]}}]}

    pieces = ['{"a": "', *[PIECE + str(n) for n in range(MANY)], '"}']
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    return [payload(name="f", arguments=""), *(payload(arguments=piece) for piece in pieces), end]


def responses_arguments() -> list[Any]:
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": ""}
    pieces = ['{"a": "', *[PIECE + str(n) for n in range(MANY)], '"}']
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        *(
            {"type": "response.function_call_arguments.delta", "item_id": "fc", "delta": piece}
            for piece in pieces
        ),
        {"type": "response.completed", "response": {"id": "r", "output": []}},
    ]


@pytest.mark.parametrize("wire", WIRES)
def test_a_wire_holds_no_text(wire: str) -> None:
    """300,000 characters of text pass through every wire of the registry."""
    sample = find_wire(wire).sample(
        [PIECE + str(n) for n in range(MANY)], finish_reason=None, usage=None, model="m", id="i"
    )
    payloads = [payload for payload in sample if isinstance(payload, dict)]
    # An API's closing events restate the text, and hold it by themselves.
    assert most_held(wire, [each for each in payloads if len(str(each)) < 2 * len(PIECE)]) < 5 * len(PIECE)


@pytest.mark.parametrize(
    ("wire", "payloads"),
    [("chat", chat_arguments()), ("responses", responses_arguments())],
    ids=["chat", "responses"],
)
def test_a_wire_holds_no_arguments(wire: str, payloads: list[Any]) -> None:
    """A call's arguments are asked of the state, never kept twice."""
    assert most_held(wire, payloads) < 5 * len(PIECE)


def test_a_planted_buffer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a wire that keeps the pieces is found."""
    real = CallSlots.continued

    def keeping(self: CallSlots, entry: Any) -> Any:
        self.__dict__.setdefault("kept", []).append(entry["function"]["arguments"])
        return real(self, entry)

    monkeypatch.setattr(CallSlots, "continued", keeping)
    assert most_held("chat", chat_arguments()) > 100 * len(PIECE)
