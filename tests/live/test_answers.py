"""What real servers answer: text, reasoning, calls, usage, several choices, on both wires."""

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
    """Chunked, without a length, from C++, Python and node: Opened first, Completed last, deltas add up."""
    stream = client_of(each).stream("greet", model="tiny", max_tokens=400)
    events = list(stream)
    assert isinstance(events[0], Opened)
    done = events[-1]
    assert isinstance(done, Completed)
    deltas = [event for event in events if isinstance(event, TextDelta)]
    assert "".join(delta.text for delta in deltas) == deltas[-1].snapshot == done.completion.text
    assert done.completion.finish_reason == "stop"
    assert stream.stats.bad_frames == 0


def test_text_is_what_the_server_was_told_to_say(aimock: Server) -> None:
    """Character by character, whatever the chunks cut."""
    assert (
        client_of(aimock).complete("greet", model="m").text == "Good morning, Zürich 東京 😀, and good night."
    )


def test_usage_comes_unasked(each: Server) -> None:
    """It is asked for by default; every server counts."""
    completion = client_of(each).complete("greet", model="tiny", max_tokens=5)
    usage = completion.usage
    assert usage is not None
    assert usage.input_tokens
    assert usage.output_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_usage_is_what_the_server_counted(aimock: Server) -> None:
    """The numbers of aimock.json, none of ours; cost and reasoning, which it did not tell, are None."""
    usage = client_of(aimock).complete("count", model="m").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 5, 12)
    assert (usage.cost, usage.reasoning_tokens) == (None, None)


def test_text_is_handed_on_while_the_server_is_still_writing(aimock: Server) -> None:
    """P11: a delta every tenth of a second; the first one is here long before the last."""
    stream = client_of(aimock).stream("trickle", model="m").until_done()
    stats = stream.stats
    assert stats.first_text is not None
    assert stats.last_event is not None
    assert stats.last_event - stats.first_text > 0.5
    assert not stats.suspected_buffering


@pytest.mark.parametrize("name", ["llama", "mlx"])
def test_a_length_that_runs_out_says_so(name: str, request: pytest.FixtureRequest) -> None:
    """finish_reason is length, and the text is whole as far as it goes."""
    server: Server = request.getfixturevalue(name)
    completion = client_of(server).complete("hi", model="tiny", max_tokens=1)
    assert completion.finish_reason in ("length", "stop")  # the one token may be the end
    assert completion.usage is not None
    assert completion.usage.output_tokens == 1


@pytest.mark.parametrize("name", ["llama", "mlx"])
def test_a_thought_and_then_a_call(name: str, request: pytest.FixtureRequest) -> None:
    """The model thinks aloud and calls a tool: deltas of each, and each once as an item, in that order."""
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
    """Two calls of one turn, whole and apart."""
    completion = client_of(aimock).complete("both tools", model="m", tools=TOOLS)
    assert completion.text == "I will look."
    assert [(call.call_id, call.name, call.parsed()) for call in completion.tool_calls] == [
        ("call_one", "get_weather", {"city": "Zürich 東京", "days": 3}),
        ("call_two", "get_time", {"zone": "UTC"}),
    ]


def test_a_call_cut_by_length_is_never_handed_out(aimock: Server) -> None:
    """Law 5, on a real stream: it stays visible, as incomplete."""
    completion = client_of(aimock).complete("half a call", model="m", tools=TOOLS)
    assert completion.tool_calls == ()
    (call,) = (item for item in completion.items if isinstance(item, FunctionCall))
    assert (call.status, call.arguments) == ("incomplete", '{"city": "Os')
    assert completion.finish_reason == "length"


def test_two_choices_are_told_apart(llama: Server) -> None:
    """n=2: the server interleaves them; each has its own text and ending."""
    events = list(client_of(llama).stream("hi", model="tiny", n=2, max_tokens=400))
    done = events[-1]
    assert isinstance(done, Completed)
    assert [choice.index for choice in done.completion.choices] == [0, 1]
    for choice in done.completion.choices:
        deltas = [e.text for e in events if isinstance(e, TextDelta) and e.choice == choice.index]
        assert "".join(deltas) == choice.text
        assert choice.finish_reason == "stop"


def test_comments_of_a_slow_prompt_are_keepalives(mlx: Server) -> None:
    """mlx-lm writes its progress as comments before the first event."""
    events = list(client_of(mlx).stream("hi " * 40, model="tiny", max_tokens=3))
    assert any(isinstance(event, KeepAlive) and event.comment.startswith("keepalive") for event in events)


class Mood(enum.Enum):
    """How it feels."""

    GOOD = "good"
    BAD = "bad"


@attrs.frozen
class Report:
    """What the model is made to fill in."""

    mood: Mood
    sure: bool


def test_a_schema_makes_an_object(llama: Server) -> None:
    """The server holds the model to the schema of a class; the answer is an object of it."""
    completion = client_of(llama).complete(
        "how do you feel?", model="tiny", response_format=Report, max_tokens=200
    )
    assert isinstance(completion.parsed(), Report)


# -- both wires -----------------------------------------------------------------------------


def said(items: tuple[object, ...]) -> list[tuple[object, ...]]:
    """The items as what they say: without the ids and states that one wire has and the other has not."""
    told: list[tuple[object, ...]] = []
    for item in items:
        if isinstance(item, Message) and item.text.strip():
            told.append((item.role, item.text))
        elif isinstance(item, Reasoning):
            told.append(("reasoning", item.text.strip()))
        elif isinstance(item, FunctionCall):
            told.append((item.name, item.parsed()))
        elif not isinstance(item, Message):
            told.append((type(item).__name__, getattr(item, "output", None)))
    return told


@pytest.mark.parametrize("name", ["llama", "aimock"])
@pytest.mark.parametrize("prompt", ["greet", "ponder", "both tools"])
def test_both_wires_give_the_same_items(name: str, prompt: str, request: pytest.FixtureRequest) -> None:
    """One conversation from one server on chat and on Responses: a program need not know which."""
    server: Server = request.getfixturevalue(name)
    tools = TOOLS if "tools" in prompt else ()
    answers = {
        wire: client_of(server, wire=wire).complete(
            prompt, model="tiny", tools=tools, max_tokens=100, extra_body={"seed": 11}
        )
        for wire in ("chat", "responses")
    }
    assert said(answers["chat"].items) == said(answers["responses"].items) != []
    assert answers["chat"].finish_reason == answers["responses"].finish_reason


@pytest.mark.parametrize("wire", ["chat", "responses"])
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
    """An agent's run: the model calls one tool, gets its output, calls the other, and answers in words."""
    server: Server = request.getfixturevalue(name)
    run = agent.run(client_of(server, wire=wire), "tools in turn", TOOLS, model="tiny", max_tokens=400)
    events = list(run)
    result = run.result()
    assert (result.turns, result.calls, result.pending) == (3, 2, ())
    assert sum(isinstance(event, Completed) for event in events) == 3
    assert said(result.conversation[:-1]) == [
        ("user", "tools in turn"),
        ("reasoning", thought),
        ("get_weather", arguments),
        ("FunctionCallOutput", get_weather(**arguments)),
        ("get_time", {"zone": "UTC"}),
        ("FunctionCallOutput", "noon in UTC"),
    ]
    assert result.text.strip()
    assert any(isinstance(event, UsageReport) for event in events)
