"""Completion: its properties, sums of usage, and its form as a Chat Completions reply."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from streamkit import (
    AnswerError,
    Choice,
    Completion,
    CustomToolCall,
    FunctionCall,
    IncompleteResponseError,
    Message,
    OutputAudio,
    OutputImage,
    OutputText,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    Usage,
    UsageError,
    events_from_completion,
)
from streamkit.wires import find_wire

from .chat_payloads import collect
from .recorded import Recorded, fixtures

STREAMS = [f for f in fixtures() if f.wire == "chat" and f.expected and f.expected["end"] == "completed"]
FIRST = Choice(
    0,
    [
        Reasoning(content="hm"),
        Reasoning(summary=["so", "then"]),
        Message("assistant", "Hel"),
        FunctionCall("a", "f", "{}"),
        FunctionCall("b", "g", '{"x', status="incomplete"),
        Message("assistant", [OutputText("lo"), Refusal("no")]),
        CustomToolCall("c", "shell", "ls"),
    ],
    "tool_calls",
    "tool_use",
)
SECOND = Choice(1, [Message("assistant", "B")], "stop", "stop")


@pytest.mark.parametrize("owner", [FIRST, Completion(choices=[FIRST, SECOND])], ids=["choice", "completion"])
def test_the_lenses_show_the_first_choice(owner: Any) -> None:
    """Text is joined over all messages and parts; truncated calls are only in `items`."""
    assert owner.text == "Hello"
    assert owner.refusal == "no"
    assert owner.reasoning == "hm\n\nso\n\nthen"
    assert [call.call_id for call in owner.tool_calls] == ["a", "c"]
    assert (owner.finish_reason, owner.raw_finish_reason) == ("tool_calls", "tool_use")
    assert owner.items == FIRST.items


def test_an_empty_completion_says_nothing() -> None:
    """An empty completion has empty text, and None for the facts that no server sent."""
    empty = Completion()
    assert (empty.text, empty.reasoning, empty.refusal) == ("", "", "")
    assert (empty.items, empty.tool_calls, empty.finish_reason, empty.usage) == ((), (), None, None)


# -- cut answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["stop", "tool_calls", None])
def test_a_whole_answer_is_returned(reason: Any) -> None:
    """A missing finish reason isn't evidence of a cut."""
    completion = Completion(choices=[Choice(0, [FunctionCall("c", "f", "{}")], reason, reason)])
    assert completion.raise_for_incomplete() is completion


@pytest.mark.parametrize("items", [[], [FunctionCall("c", "f", '{"a', status="incomplete")]])
def test_a_finish_for_calls_without_a_complete_call_raises(items: list[Any]) -> None:
    """The server says that the model called a tool, and no call can be run: the answer isn't whole."""
    completion = Completion(choices=[Choice(0, items, "tool_calls", "tool_calls")])
    with pytest.raises(IncompleteResponseError, match="has no complete call"):
        completion.raise_for_incomplete()


@pytest.mark.parametrize("reason", ["stop", "tool_calls", None])
def test_one_incomplete_call_of_two_raises(reason: Any) -> None:
    """The model wanted both; the other one alone isn't the answer."""
    bad = FunctionCall("d", "g", '{"a', status="incomplete")
    completion = Completion(choices=[Choice(0, [FunctionCall("c", "f", "{}"), bad], reason, reason)])
    assert completion.choices[0].incomplete_calls == (bad,)
    with pytest.raises(IncompleteResponseError, match="has a call that isn't complete"):
        completion.raise_for_incomplete()


def test_an_unknown_finish_word_raises() -> None:
    """Nobody knows whether an answer with an unknown word is whole."""
    completion = Completion(choices=[Choice(0, [Message("assistant", "A")], "other", "eos_maybe")])
    with pytest.raises(IncompleteResponseError, match="'eos_maybe'"):
        completion.raise_for_incomplete()


@pytest.mark.parametrize("reason", ["length", "content_filter", "error"])
@pytest.mark.parametrize("index", [0, 1])
def test_a_cut_answer_raises(reason: Any, index: int) -> None:
    """Any choice counts; the message has its number and the server's word, `.partial` the answer."""
    choices = [
        Choice(n, [], reason if n == index else "stop", "MAX" if n == index else "stop") for n in (0, 1)
    ]
    completion = Completion(choices=choices)
    with pytest.raises(IncompleteResponseError, match=rf"choice {index}.*'MAX'") as caught:
        completion.raise_for_incomplete()
    assert caught.value.partial is completion


# -- usage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        pytest.param(Usage(1, 2, 3), Usage(10, 20, 30), Usage(11, 22, 33), id="both know"),
        pytest.param(Usage(1), Usage(None, 2), Usage(1, 2), id="one knows"),
        pytest.param(Usage(), Usage(), Usage(), id="neither knows"),
        pytest.param(Usage(0), Usage(), Usage(0), id="zero is not absent"),
        pytest.param(Usage(cost=0.1), Usage(cost=0.2), Usage(cost=0.3), id="money adds up"),
        pytest.param(Usage(cost=1), Usage(cost=0.5), Usage(cost=1.5), id="whole and broken money"),
        pytest.param(
            Usage(1, 2, 3, 4, 5, 6, 7.5), Usage(1, 1, 1, 1, 1, 1, 1.0), Usage(2, 3, 4, 5, 6, 7, 8.5), id="all"
        ),
    ],
)
def test_usage_of_several_turns_adds_up(one: Usage, other: Usage, both: Usage) -> None:
    """Counts are added; a count that neither has stays None; `raw` isn't kept."""
    assert one + other == both
    assert other + one == both
    assert (one + other).raw == {}


def test_usage_adds_to_usage_only() -> None:
    """`sum()` needs a Usage as its start."""
    with pytest.raises(TypeError):
        Usage(1) + 1  # type: ignore[operator]
    assert sum([Usage(1), Usage(2)], Usage()) == Usage(3)


# -- the plain Chat answer ------------------------------------------------------------------------


def test_a_chat_answer_by_hand() -> None:
    """The result follows the API reference; reasoning, images and annotations follow the gateways."""
    completion = Completion(
        id="i",
        model="m",
        created=7,
        choices=[
            Choice(
                0,
                [
                    Reasoning(content="hm", details=[{"type": "reasoning.text", "text": "hm"}]),
                    Message(
                        "assistant",
                        [
                            OutputText("Hi", [{"url": "u"}], [{"token": "Hi"}]),
                            OutputImage("data:x"),
                            OutputAudio("au", "QQ==", "Hi"),
                        ],
                    ),
                    FunctionCall("a", "f", '{"x": 1}', extra={"extra_content": {"s": 1}}),
                    CustomToolCall("c", "shell", "ls"),
                    FunctionCall("b", "g", '{"x', status="incomplete"),
                ],
                "tool_calls",
                "tool_use",
            )
        ],
        usage=Usage(1, 2, 3, 4, 6, 5, 0.5),
        extras={"system_fingerprint": "fp"},
    )
    assert completion.to_chat_completion() == {
        "id": "i",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "logprobs": {"content": [{"token": "Hi"}]},
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
                    "annotations": [{"url": "u"}],
                    "images": [{"type": "image_url", "image_url": {"url": "data:x"}}],
                    "audio": {"id": "au", "data": "QQ==", "transcript": "Hi"},
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"x": 1}'},
                            "extra_content": {"s": 1},
                        },
                        {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
                    ],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 5},
            "cost": 0.5,
        },
    }


def test_an_empty_chat_answer() -> None:
    """Missing values are null."""
    assert Completion().to_chat_completion() == {
        "id": None,
        "object": "chat.completion",
        "created": None,
        "model": None,
        "choices": [],
        "usage": None,
    }


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s.name)
def test_a_chat_answer_reads_back_to_the_same(stream: Recorded) -> None:
    """For every dialect, the answer as plain JSON is read back with the same facts."""
    events, _ = stream.events()
    completion = events[-1].completion  # type: ignore[union-attr]
    again = collect(
        events_from_completion(json.loads(json.dumps(completion.to_chat_completion())))
    ).completion
    assert (again.id, again.model, again.created) == (completion.id, completion.model, completion.created)
    assert again.usage == completion.usage
    for one, other in zip(again.choices, completion.choices, strict=True):
        assert (one.index, one.text, one.refusal) == (other.index, other.text, other.refusal)
        assert "".join(one.reasoning.split()) == "".join(other.reasoning.split())
        assert [call_facts(c) for c in one.tool_calls] == [call_facts(c) for c in other.tool_calls]
        assert one.finish_reason == (other.finish_reason or None)


def call_facts(call: Any) -> tuple[Any, ...]:
    return call.type, call.call_id, call.name, getattr(call, "arguments", None) or getattr(call, "input", "")


def test_completions_pickle_and_compare() -> None:
    """Completions pass between processes."""
    completion = Completion("i", "m", [FIRST, SECOND], Usage(1), 7, "completed", {"a": [1]})
    assert pickle.loads(pickle.dumps(completion)) == completion
    assert Completion.from_dict(json.loads(json.dumps(completion.to_dict()))) == completion


@pytest.mark.parametrize("arguments", ['{"a": NaN}', '{"a": ' + "[" * 150 + "]" * 150 + "}", '{"a": "\n"}'])
def test_arguments_are_read_as_strict_json(arguments: str) -> None:
    """NaN, deep nesting and raw line ends aren't JSON for `parsed`, of a call and of an answer."""
    with pytest.raises(UsageError, match="aren't JSON"):
        FunctionCall("c", "f", arguments).parsed()
    with pytest.raises(AnswerError, match="isn't JSON"):
        Completion(choices=[Choice(items=[Message("assistant", arguments)])]).parsed(dict)


def test_items_of_unknown_shape_are_written_in_every_document() -> None:
    """A server's item without a type, or with a type that isn't a string, doesn't stop `convert`."""
    odd = [UnknownItem({}), UnknownItem({"type": 7}), UnknownItem({"type": "mcp_call", "id": "1"})]
    document = find_wire("responses").write_document(Completion(choices=[Choice(items=odd)]), None)
    assert document["output"] == [{}, {"type": 7}, {"type": "mcp_call", "id": "1"}]


def test_a_part_of_unknown_shape_is_sent_back_in_a_message_with_an_id() -> None:
    """A part without a type goes back verbatim, next to the texts, which get the annotations they need."""
    message = Message("assistant", [OutputText("a"), UnknownPart({"text": 7})], id="msg_1")
    document = find_wire("responses").write_document(Completion(choices=[Choice(items=[message])]), None)
    assert document["output"][0]["content"] == [
        {"type": "output_text", "text": "a", "annotations": []},
        {"text": 7},
    ]
