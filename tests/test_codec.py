"""codec: our own types as JSON and back, without loss or conversion; every fault is named."""

from __future__ import annotations

import json
from typing import Any, get_args

import attrs
import pytest

from streamkit import (
    APIError,
    BadFrame,
    Choice,
    Completed,
    Completion,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Item,
    ItemDone,
    LocalShellCall,
    Message,
    Note,
    Origin,
    OutputAudio,
    OutputImage,
    OutputText,
    Reasoning,
    Refusal,
    Retrying,
    TextDelta,
    ToolFinished,
    Unknown,
    UnknownItem,
    UnknownPart,
    Usage,
    UsageError,
    WebSearchCall,
)
from streamkit.codec import (
    event_to_jsonable,
    from_jsonable,
    item_from_jsonable,
    to_jsonable,
)
from streamkit.items import Part
from streamkit.typed.response_format import ResponseFormat

EXTRA: dict[str, Any] = {"phase": "x", "deep": [{"a": None}]}
HOME = Origin("chat", "openrouter")
PARTS: list[Part] = [
    OutputText("a", [{"type": "url_citation"}], [{"token": "a"}], EXTRA),
    Refusal("no", EXTRA),
    OutputImage("data:,", EXTRA),
    OutputAudio("audio_1", "QQ==", "a", EXTRA),
    InputText("i", EXTRA),
    InputImage("https://x", "low", "file-1", EXTRA),
    InputAudio("QQ==", "mp3", EXTRA),
    InputFile("a.pdf", "data:,", "https://x", "file-1", EXTRA),
    UnknownPart({"type": "hologram", "x": [1]}, HOME),
]
ITEMS: list[Item] = [
    Message("assistant", PARTS, id="msg_1", status="completed", extra=EXTRA, origin=HOME),
    Reasoning(
        "rs_1",
        ["s"],
        ["t"],
        "enc",
        [{"type": "reasoning.text", "text": "t"}],
        "completed",
        EXTRA,
        HOME,
        "reasoning",
    ),
    FunctionCall("c1", "f", '{"a": 1.0}', "fc_1", "sig", "completed", EXTRA, HOME),
    FunctionCallOutput("c1", "ok", "fco_1", EXTRA, True),
    CustomToolCall("k1", "sql", "select", "ctc_1", "completed", EXTRA, HOME),
    CustomToolCallOutput("k1", "1", "cto_1", EXTRA, True),
    LocalShellCall("s1", {"type": "exec", "command": ["ls"]}, "lsh_1", "completed", EXTRA, HOME),
    WebSearchCall("ws_1", "completed", {"query": "q"}, EXTRA, HOME),
    Note("remember", EXTRA),
    UnknownItem({"type": "mcp_call", "id": "mcp_1", "nested": {"a": [None, 1.5]}}, HOME),
]
ODD: list[Item] = [
    Message("user", "\ud83d half a pair, \u2028, é, \x00"),
    FunctionCall(None, "f", "{", status="incomplete"),
    FunctionCallOutput("c1", [InputText("a"), InputImage("https://x"), UnknownPart({"type": "n"})]),
    UnknownItem({"type": "message"}),  # a payload of a known type stays unknown
    UnknownItem({}),
    UnknownItem({}, HOME),
    Message("user", [UnknownPart({})]),
]


def test_the_examples_contain_every_kind_and_every_field() -> None:
    """The tests below cover every class of items and parts, with no field at its default."""
    for cls in (*get_args(Item), *get_args(Part)):
        example = next(e for e in (*ITEMS, *PARTS) if type(e) is cls)
        for field in attrs.fields(cls):
            assert getattr(example, field.name) != field.default, f"{cls.__name__}.{field.name}"


@pytest.mark.parametrize("item", [*ITEMS, *ODD], ids=lambda item: item.type)
def test_items_survive_a_round_trip(item: Item) -> None:
    """Through JSON text and back they are equal in every field, with tuples as tuples."""
    data = json.loads(json.dumps(to_jsonable(item)))
    back = item_from_jsonable(data)
    assert back == item
    assert getattr(back, "origin", None) == getattr(item, "origin", None)  # equality ignores it


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.type)
def test_items_are_tagged(item: Item) -> None:
    """The tag is the item's `type`."""
    assert to_jsonable(item)["type"] == item.type


def test_fields_with_their_default_are_left_out() -> None:
    """So a history file stays small."""
    assert to_jsonable(Message("user", "hi")) == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "hi"}],
    }


def test_completions_survive_a_round_trip() -> None:
    """Choices, usage with cost and raw, and extras are kept; the response format isn't part of it."""
    completion = Completion(
        "id_1",
        "m",
        [Choice(0, ITEMS[:3], "length", "max_tokens"), Choice(1, ODD, "stop", "stop")],
        Usage(1, 2, 3, 4, 5, 6, 0.000123, {"prompt_tokens": 1}),
        1700000000,
        "completed",
        {"citations": ["https://x"]},
        ResponseFormat.of(Usage),
    )
    again = Completion.from_dict(json.loads(json.dumps(completion.to_dict())))
    assert again == completion
    assert again.usage is not None
    assert again.usage.raw == {"prompt_tokens": 1}
    assert again.response_format is None


def test_an_empty_completion_survives_a_round_trip() -> None:
    """Absent values stay None, never 0."""
    assert Completion.from_dict(Completion().to_dict()) == Completion()


def test_unknown_kinds_and_fields_are_kept() -> None:
    """Kinds and fields from a newer version, or another program, survive the round trip."""
    later = {
        "type": "message",
        "role": "user",
        "mood": "good",
        "content": [{"type": "smell", "of": "tea"}, {"type": "input_text", "text": "t", "lang": "en"}],
    }
    assert item_from_jsonable(later) == Message(
        "user",
        [UnknownPart({"type": "smell", "of": "tea"}), InputText("t", {"lang": "en"})],
        extra={"mood": "good"},
    )
    for thought in ({"type": "telepathy", "x": 1}, {"type": ["x"]}, {}):
        assert item_from_jsonable(thought) == UnknownItem(thought)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({"type": "message"}, "'role' is missing @ data.role", id="missing"),
        pytest.param({"type": "message", "role": "king"}, "role: expected one of system", id="role"),
        pytest.param(
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ["a"]}]},
            "expected str, got ['a'] @ data.content[0].text",
            id="list for text",
        ),
        pytest.param(
            {"type": "function_call", "arguments": {}},
            "expected str, got {} @ data.arguments",
            id="object for text",
        ),
        pytest.param([], "expected an object, got [] @ data", id="list for item"),
    ],
)
def test_invalid_data_is_named_with_its_place(data: Any, words: str) -> None:
    """cattrs alone would silently turn ["a"] into "['a']"."""
    with pytest.raises(UsageError) as caught:
        item_from_jsonable(data)
    assert words in str(caught.value)


def test_booleans_are_not_numbers() -> None:
    """In Python True equals 1, but in a file it's a mistake."""
    with pytest.raises(UsageError, match=r"expected int, got True @ data\.input_tokens"):
        from_jsonable({"input_tokens": True}, Usage)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (
            TextDelta("hi", snapshot="hi", raw={"x": 1}),
            {"event": "TextDelta", "text": "hi", "logprobs": None, "slot": 0, "choice": 0},
        ),
        (
            ItemDone(Note("n"), slot=2),
            {"event": "ItemDone", "item": {"type": "note", "text": "n"}, "slot": 2, "choice": 0},
        ),
        (BadFrame("{", "cut"), {"event": "BadFrame", "data": "{", "error": "cut"}),
        (Unknown({"a": [1]}), {"event": "Unknown", "payload": {"a": [1]}}),
        (
            Retrying(1, 0.5, APIError("no", status=500)),
            {
                "event": "Retrying",
                "attempt": 1,
                "delay": 0.5,
                "error": {"error": "APIError", "message": "no"},
                "source": None,
                "resumed": False,
            },
        ),
        (
            ToolFinished(FunctionCall("c1", "f", "{}"), [InputText("a")], ValueError("bad")),
            {
                "event": "ToolFinished",
                "call": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                "output": [{"type": "input_text", "text": "a"}],
                "error": {"error": "ValueError", "message": "bad"},
            },
        ),
        (Completed(Completion()), {"event": "Completed", "completion": Completion().to_dict()}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else type(value).__name__,
)
def test_events_are_objects_of_their_own_fields(event: Any, data: dict[str, Any]) -> None:
    """An event is one JSON object; raw and snapshot, which repeat other events, are left out."""
    assert json.loads(json.dumps(event_to_jsonable(event))) == data
