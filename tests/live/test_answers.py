"""Answers of real servers: text, reasoning, calls, usage and several choices, on chat and Responses."""

from __future__ import annotations

import enum

import attrs
import pytest

from streamkit import (
    Completed,
    FunctionCall,
    ItemDone,
    KeepAlive,
    Message,
    Opened,
    Reasoning,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    agent,
)
from streamkit.tools import tool

from .conftest import client_of
from .servers import Server


@tool
def get_weather(city: str, days: int) -> str:
    """The weather in a city for some days."""
    return f"{days} sunny days in {city}"


@tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


TOOLS = (get_weather, get_time)


def test_text_arrives_in_pieces_and_is_complete(each: Server) -> None:
    """Opened is first, Completed last, and the deltas add up, on servers in C++, Python and node."""
    stream = client_of(each).stream("greet", model="tiny", max_tokens=400)
    events = list(stream)
    assert isinstance(events[0], Opened)
    done = events[-1]
    assert isinstance(done, Completed)
    deltas = [event for event in events if isinstance(event, TextDelta)]
    assert "".join(delta.text for delta in deltas) == deltas[-1].snapshot == done.completion.text
    assert done.completion.finish_reason == "stop"
    assert stream.stats.bad_frames == 0


def test_text_equals_the_scripted_answer(aimock: Server) -> None:
    """Every character arrives, also if a chunk ends inside of it."""
    assert (
        client_of(aimock).complete("greet", model="m").text == "Good morning, Zürich 東京 😀, and good night."
    )


def test_usage_is_requested_by_default(each: Server) -> None:
    """Every server sends usage, because streamkit requests it."""
    completion = client_of(each).complete("greet", model="tiny", max_tokens=5)
    usage = completion.usage
    assert usage is not None
    assert usage.input_tokens
    assert usage.output_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_usage_has_the_counts_of_the_server(aimock: Server) -> None:
    """The counts are those in aimock.json; cost and reasoning, which it doesn't send, are None."""
    usage = client_of(aimock).complete("count", model="m").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 5, 12)
    assert (usage.cost, usage.reasoning_tokens) == (None, None)


def test_text_is_yielded_while_the_server_is_still_writing(aimock: Server) -> None:
    """If the server sends a delta every tenth of a second, the first is yielded long before the last."""
    stream = client_of(aimock).stream("trickle", model="m").until_done()
    stats = stream.stats
    assert stats.first_text is not None
    assert stats.last_event is not None
    assert stats.last_event - stats.first_text > 0.5
    assert not stats.suspected_buffering


@pytest.mark.parametrize("name", ["llama", "mlx"])
def test_an_answer_that_reaches_its_limit_has_finish_reason_length(
    name: str, request: pytest.FixtureRequest
) -> None:
    """finish_reason is length, and usage counts one token."""
    server: Server = request.getfixturevalue(name)
    completion = client_of(server).complete("hi", model="tiny", max_tokens=1)
    assert completion.finish_reason in ("length", "stop")  # the one token may be the end
    assert completion.usage is not None
    assert completion.usage.output_tokens == 1


@pytest.mark.parametrize("name", ["llama", "mlx"])
def test_a_thought_and_then_a_call(name: str, request: pytest.FixtureRequest) -> None:
    """Reasoning and a call have deltas, and each is one item, in that order."""
    server: Server = request.getfixturevalue(name)
    stream = client_of(server).stream("weather?", model="tiny", tools=TOOLS, max_tokens=100)
    events = list(stream)
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thought.strip() == "Let me look that up."
    assert any(isinstance(event, ToolCallDelta) for event in events)
    items = [
        event.item
        for event in events
        if isinstance(event, ItemDone)
        and not (isinstance(event.item, Message) and not event.item.text.strip())  # mlx: blank lines between
    ]
    assert [type(item) for item in items] == [Reasoning, FunctionCall]
    (call,) = stream.result().tool_calls
    assert (call.name, call.parsed()) == ("get_weather", {"city": "Zürich 東京", "days": 3})
    assert stream.result().finish_reason == "tool_calls"


def test_parallel_calls_after_text(aimock: Server) -> None:
    """Two calls of one turn are complete and separate."""
    completion = client_of(aimock).complete("both tools", model="m", tools=TOOLS)
    assert completion.text == "I will look."
    assert [(call.call_id, call.name, call.parsed()) for call in completion.tool_calls] == [
        ("call_one", "get_weather", {"city": "Zürich 東京", "days": 3}),
        ("call_two", "get_time", {"zone": "UTC"}),
    ]


def test_a_call_cut_by_length_is_not_a_tool_call(aimock: Server) -> None:
    """A call with truncated arguments is an incomplete item, and isn't in `tool_calls`."""
    completion = client_of(aimock).complete("half a call", model="m", tools=TOOLS)
    assert completion.tool_calls == ()
    (call,) = (item for item in completion.items if isinstance(item, FunctionCall))
    assert (call.status, call.arguments) == ("incomplete", '{"city": "Os')
    assert completion.finish_reason == "length"


def test_two_choices_are_separate(llama: Server) -> None:
    """With n=2 the server interleaves the choices; each has its own text and ending."""
    events = list(client_of(llama).stream("hi", model="tiny", n=2, max_tokens=400))
    done = events[-1]
    assert isinstance(done, Completed)
    assert [choice.index for choice in done.completion.choices] == [0, 1]
    for choice in done.completion.choices:
        deltas = [e.text for e in events if isinstance(e, TextDelta) and e.choice == choice.index]
        assert "".join(deltas) == choice.text
        assert choice.finish_reason == "stop"


def test_comments_of_a_slow_prompt_are_keepalives(mlx: Server) -> None:
    """mlx-lm sends its progress as comments before the first event."""
    events = list(client_of(mlx).stream("hi " * 40, model="tiny", max_tokens=3))
    assert any(isinstance(event, KeepAlive) and event.comment.startswith("keepalive") for event in events)


class Mood(enum.Enum):
    """How it feels."""

    GOOD = "good"
    BAD = "bad"


@attrs.frozen
class Report:
    """The schema of the answer."""

    mood: Mood
    sure: bool


def test_a_schema_makes_an_object(llama: Server) -> None:
    """The server forces the model to match the schema of a class; `parsed()` returns an instance."""
    for seed in range(8):  # an untrained model may think up to the limit; another seed ends sooner
        completion = client_of(llama).complete(
            "how do you feel?", model="tiny", response_format=Report, max_tokens=200, seed=seed
        )
        if completion.finish_reason != "length":
            break
    assert isinstance(completion.parsed(), Report)


# -- both wires -----------------------------------------------------------------------------


def contents(items: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Return the content of items, without the ids and statuses that only one wire has."""
    found: list[tuple[object, ...]] = []
    for item in items:
        if isinstance(item, Message) and item.text.strip():
            found.append((item.role, item.text))
        elif isinstance(item, Reasoning):
            found.append(("reasoning", item.text.strip()))
        elif isinstance(item, FunctionCall):
            found.append((item.name, item.parsed()))
        elif not isinstance(item, Message):
            found.append((type(item).__name__, getattr(item, "output", None)))
    return found


# The APIs of each server, and the path of their roots.
APIS = {
    "llama": {"chat": "/v1", "responses": "/v1", "messages": "/v1"},
    "aimock": {"chat": "/v1", "responses": "/v1", "messages": "/v1", "gemini": ""},
}


@pytest.mark.parametrize("name", ["llama", "aimock"])
@pytest.mark.parametrize("prompt", ["greet", "ponder", "both tools"])
def test_all_wires_give_the_same_items(name: str, prompt: str, request: pytest.FixtureRequest) -> None:
    """A server's answer has the same items on each of its APIs."""
    server: Server = request.getfixturevalue(name)
    tools = TOOLS if "tools" in prompt else ()
    answers = {
        wire: client_of(server, wire=wire, path=path).complete(
            prompt, model="tiny", tools=tools, max_tokens=100, temperature=0
        )
        for wire, path in APIS[name].items()
    }
    first = answers["chat"]
    assert contents(first.items) != []
    for wire, answer in answers.items():
        assert contents(answer.items) == contents(first.items), wire
        assert answer.finish_reason == first.finish_reason, wire


@pytest.mark.parametrize("wire", ["chat", "responses", "messages"])
@pytest.mark.parametrize(
    ("name", "thought", "arguments"),
    [
        ("llama", "Let me look that up.", {"city": "Zürich 東京", "days": 3}),
        ("aimock", "First the weather.", {"city": "Oslo", "days": 1}),
    ],
)
def test_two_tools_in_three_turns(
    name: str, thought: str, arguments: dict[str, object], wire: str, request: pytest.FixtureRequest
) -> None:
    """In an agent's run, the model calls one tool, gets its output, calls the other, and answers."""
    server: Server = request.getfixturevalue(name)
    run = agent.run(client_of(server, wire=wire), "tools in turn", TOOLS, model="tiny", max_tokens=400)
    events = list(run)
    result = run.result()
    assert (result.turns, result.calls, result.pending) == (3, 2, ())
    assert sum(isinstance(event, Completed) for event in events) == 3
    assert contents(result.conversation[:-1]) == [
        ("user", "tools in turn"),
        ("reasoning", thought),
        ("get_weather", arguments),
        ("FunctionCallOutput", get_weather(**arguments)),
        ("get_time", {"zone": "UTC"}),
        ("FunctionCallOutput", "noon in UTC"),
    ]
    assert result.text.strip()
    assert any(isinstance(event, UsageReport) for event in events)
