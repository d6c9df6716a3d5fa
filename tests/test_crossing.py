"""A conversation begun on one API continues on any other: 4 x 4 APIs x 12 conversations.

The bodies are checked by rules that are written from each API's reference, not by what streamkit builds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    Reasoning,
    read_events,
)
from streamkit.testing import FakeTransport, stream_of
from streamkit.wires import WIRES

PROFILES = {"chat": "openai", "responses": "openai", "messages": "anthropic", "gemini": "gemini"}
SECRET = "c2lnbmF0dXJlLW9mLW9uZS1wcm92aWRlcg"
PICTURE = InputImage("data:image/png;base64,iVBORw0KGgo=")
OUT = "out-7"


def answer(wire: str, *parts: Any) -> list[Item]:
    """The items of an answer on *wire*, with the origin that they get there."""
    body = stream_of(wire, *parts, model="m", id="answer-1")
    *_, last = read_events([body], wire=wire, profile=PROFILES[wire])
    assert isinstance(last, Completed)
    return [*last.completion.items]


def output(item: Any, value: Any = OUT, **facts: Any) -> FunctionCallOutput:
    return FunctionCallOutput(item.call_id, value, **facts)


def call(number: int = 1, arguments: str = '{"a": 1}', call_id: str | None = None) -> FunctionCall:
    return FunctionCall(call_id or f"c{number}", "look", arguments)


def thought() -> Reasoning:
    """Signed in the form of each API; a sample takes the details that it knows."""
    return Reasoning(content=["Hm."], details=[{"signature": SECRET, "thoughtSignature": SECRET}])


def calls_of(items: list[Item]) -> list[FunctionCall]:
    return [item for item in items if isinstance(item, FunctionCall)]


def with_outputs(wire: str, *parts: Any, **facts: Any) -> list[Any]:
    items = answer(wire, *parts)
    return [*items, *(output(each, **facts) for each in calls_of(items))]


USER, MORE = Message("user", "hi there, model"), Message("user", "go on, please")

# Each conversation: its items after the user's first message, made by answers of the source API.
CONVERSATIONS: dict[str, Callable[[str], list[Any]]] = {
    "text": lambda w: [*answer(w, "A long answer."), MORE],
    "two answers": lambda w: [*answer(w, "One."), MORE, *answer(w, "Two."), MORE],
    "a call": lambda w: [*with_outputs(w, call()), MORE],
    "text and a call": lambda w: [*with_outputs(w, "Let me look.", call()), MORE],
    "parallel calls": lambda w: [*with_outputs(w, call(1), call(2)), MORE],
    "two steps": lambda w: [*with_outputs(w, call(1)), *with_outputs(w, call(2)), MORE],
    "thinking": lambda w: [*answer(w, thought(), "Done thinking."), MORE],
    "thinking and a call": lambda w: [*with_outputs(w, thought(), call()), MORE],
    "no arguments": lambda w: [*with_outputs(w, call(arguments="")), MORE],
    "an error": lambda w: [*with_outputs(w, call(), is_error=True), MORE],
    "a picture": lambda w: [Message("user", [InputText("See:"), PICTURE]), *answer(w, "A dot."), MORE],
    "an odd id": lambda w: [*with_outputs(w, call(call_id="call.1:x|" + "y" * 60)), MORE],
}
CALLS = {"a call": 1, "text and a call": 1, "parallel calls": 2, "two steps": 2, "thinking and a call": 1}
CALLS |= {"no arguments": 1, "an error": 1, "an odd id": 1}


# -- the rules of each API ----------------------------------------------------------------


def chat_faults(body: dict[str, Any]) -> Iterator[str]:
    open_ids: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] in open_ids:
                open_ids.remove(message["tool_call_id"])
            else:
                yield "a tool message answers no call"
            continue
        if open_ids:
            yield "calls without an answer"
        calls = message.get("tool_calls") or []
        open_ids = [each["id"] for each in calls]
        yield from (f"id of {len(each)} characters" for each in open_ids if len(each) > 40)
        for each in calls:
            json.loads(each["function"]["arguments"])
        if message["role"] == "assistant" and not (message.get("content") or calls):
            yield "an empty message"
    if open_ids:
        yield "calls without an answer at the end"


def responses_faults(body: dict[str, Any]) -> Iterator[str]:
    known = {"message", "reasoning", "function_call", "function_call_output"}
    calls = [i["call_id"] for i in body["input"] if i["type"] == "function_call"]
    outputs = [i["call_id"] for i in body["input"] if i["type"] == "function_call_output"]
    if calls != outputs and sorted(calls) != sorted(outputs):
        yield "calls and outputs differ"
    yield from (f"id of {len(each)} characters" for each in calls if not 0 < len(each) <= 64)
    yield from (f"an item of another API: {i['type']}" for i in body["input"] if i["type"] not in known)


def messages_faults(body: dict[str, Any]) -> Iterator[str]:
    if not body.get("max_tokens"):
        yield "no max_tokens"
    roles = [message["role"] for message in body["messages"]]
    if roles[0] != "user" or any(a == b for a, b in pairwise(roles)):
        yield f"roles {roles}"
    waiting: list[str] = []
    for message in body["messages"]:
        kinds = [block["type"] for block in message["content"]]
        if not kinds:
            yield "an empty message"
        results = [b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"]
        if message["role"] == "user":
            if results != waiting or kinds[: len(results)] != ["tool_result"] * len(results):
                yield f"results {results} for calls {waiting}"
            waiting = []
        else:
            uses = [block for block in message["content"] if block["type"] == "tool_use"]
            waiting = [block["id"] for block in uses]
            yield from ("input isn't an object" for b in uses if not isinstance(b["input"], dict))
            yield from (f"id {i}" for i in waiting if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", i))
        yield from ("blank text" for b in message["content"] if b["type"] == "text" and not b["text"].strip())
    if waiting:
        yield "calls without a result at the end"


def gemini_faults(body: dict[str, Any]) -> Iterator[str]:
    waiting: list[str] = []
    for content in body["contents"]:
        if content["role"] not in ("user", "model") or not content["parts"]:
            yield f"a content of {content['role']} with {len(content['parts'])} parts"
        responses = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        if [each["name"] for each in responses] != waiting:
            yield f"{len(responses)} responses for {len(waiting)} calls"
        if responses and len(responses) != len(content["parts"]):
            yield "responses and other parts in one content"
        yield from ("not an object" for each in responses if not isinstance(each["response"], dict))
        waiting = [p["functionCall"]["name"] for p in content["parts"] if "functionCall" in p]
    if waiting:
        yield "calls without a response at the end"


FAULTS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "chat": chat_faults,
    "responses": responses_faults,
    "messages": messages_faults,
    "gemini": gemini_faults,
}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("target", WIRES)
@pytest.mark.parametrize("source", WIRES)
def test_a_conversation_continues_on_any_api(source: str, target: str, conversation: str) -> None:
    """The body keeps the API's rules; text, calls and outputs are in it; a foreign signature isn't."""
    items = [USER, *CONVERSATIONS[conversation](source)]
    client = Client(PROFILES[target], wire=target, api_key="k", transport=FakeTransport(b""))
    stream = client.stream(items, model="m")
    body = json.loads(json.dumps(stream.request.body))
    assert [*FAULTS[target](body)] == []
    said = [*strings(body)]
    for item in items:
        for part in item.content if isinstance(item, Message) else ():
            assert getattr(part, "text", "") in said or not isinstance(part, InputText)
    assert sum(OUT in text for text in said) == CALLS.get(conversation, 0)
    assert said.count("look") >= CALLS.get(conversation, 0)
    if source != target:
        assert SECRET not in "".join(said)


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}
LISTED = [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]
NESTED = {
    "type": "allowed_tools",
    "allowed_tools": {
        "mode": "required",
        "tools": [{"type": "function", "function": {"name": name}} for name in ("f", "g")],
    },
}


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (
            [
                *("f", {"type": "tool", "name": "f"}, {"type": "function", "name": "f"}),
                {"type": "function", "function": {"name": "f"}},
                {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
                {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
            ],
            [
                {"type": "function", "function": {"name": "f"}},
                {"type": "function", "name": "f"},
                {"type": "tool", "name": "f"},
                {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ],
        ),
        (
            ["required", {"type": "any"}, {"mode": "ANY"}],
            ["required", "required", {"type": "any"}, {"mode": "ANY"}],
        ),
        (
            ["none", {"type": "none"}, {"functionCallingConfig": {"mode": "NONE"}}],
            ["none", "none", {"type": "none"}, {"mode": "NONE"}],
        ),
        (
            [
                {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
                {"type": "allowed_tools", "mode": "required", "tools": LISTED},
                NESTED,
            ],
            [
                NESTED,
                {"type": "allowed_tools", "mode": "required", "tools": LISTED},
                {"type": "any"},  # and the report names the list
                {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            ],
        ),
    ],
    ids=["a tool", "any tool", "no tool", "one of a list"],
)
def test_a_choice_in_the_words_of_any_api(choices: list[Any], expected: list[Any]) -> None:
    """Every API's form of one wish becomes the form of the API that the request goes to."""
    for choice in choices:
        for wire, form in zip(("chat", "responses", "messages", "gemini"), expected, strict=True):
            own = Client(PROFILES[wire], wire=wire, api_key="k", transport=FakeTransport(b""))
            request = own.stream("hi", model="m", tools=[FUNCTION, OTHER], tool_choice=choice).request
            assert request is not None
            config = request.body.get("toolConfig", {}).get("functionCallingConfig")
            assert (config or request.body["tool_choice"]) == form


def test_a_whole_tool_config_keeps_its_other_fields() -> None:
    """The place for a search, next to the choice."""
    choice = {"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {"languageCode": "de"}}
    own = Client("gemini", api_key="k", transport=FakeTransport(b""))
    request = own.stream("hi", model="gemini-3-pro", tools=[FUNCTION], tool_choice=choice).request
    assert request is not None
    assert request.body["toolConfig"] == choice


def test_one_conversation_changes_its_api_at_every_turn() -> None:
    """Four calls on four APIs: each next body has all turns before it, and each output its call."""
    items: list[Any] = [USER]
    for turn, wire in enumerate(WIRES):
        body = stream_of(wire, thought(), f"Turn {turn}.", call(turn), model="m", id=f"answer-{turn}")
        transport = FakeTransport(body)
        client = Client(PROFILES[wire], wire=wire, api_key="k", transport=transport)
        completion = client.complete(items, model="m")
        sent = json.loads(transport.calls[-1].body)
        assert [*FAULTS[wire](sent)] == []
        assert [text for text in strings(sent) if text.startswith("Turn ")] == [
            f"Turn {before}." for before in range(turn)
        ]
        assert sum(OUT in text for text in strings(sent)) == turn
        items += completion.items
        items += [output(each) for each in completion.tool_calls]
