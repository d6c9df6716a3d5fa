"""An agent run: the calls that run, their order, and the ways a run ends."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    Client,
    Completed,
    CustomToolCall,
    Event,
    FunctionCall,
    FunctionCallOutput,
    IncompleteResponseError,
    ItemDone,
    Message,
    Reasoning,
    StreamCancelledError,
    TextDelta,
    ToolError,
    ToolFinished,
    TruncatedStreamError,
    Usage,
    UsageError,
    agent,
    aggregate,
)
from streamkit.completion import Choice, Completion
from streamkit.errors import LimitError
from streamkit.items import Item
from streamkit.request.options import ToolSpec
from streamkit.testing import FakeTransport, chat_stream, load_recording, responses_stream, sse
from streamkit.tools import tool

CUT = FunctionCall("c1", "fail", '{"n": 1', status="incomplete")
BAD_CALL = {"type": "function_call", "id": "fc", "call_id": "c", "name": "double", "arguments": '{"n": '}
RECORDINGS = Path(__file__).parent / "recordings" / "agent"


@tool
def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


@tool
def fail(n: int = 0) -> None:
    """Raise on every call."""
    raise KeyError("gone")


@tool
def get_weather(city: str, days: int) -> str:
    """The weather in a city for some days."""
    return f"{days} sunny days in {city}"


@tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


class FakeStream:
    """One turn of given items, which counts as open until it is closed."""

    def __init__(self, client: FakeClient, items: tuple[Item, ...], usage: Usage | None) -> None:
        self.client = client
        self.events = self._read(items, usage)
        client.open_streams += 1
        self.closed = False

    def _read(self, items: tuple[Item, ...], usage: Usage | None) -> Iterator[Event]:
        for slot, item in enumerate(items):
            if isinstance(item, Message):
                yield TextDelta(item.text, slot=slot)
            yield ItemDone(item, slot)
        reason: Any = "tool_calls" if any(isinstance(i, FunctionCall) for i in items) else "stop"
        turn = len(self.client.inputs)
        yield Completed(Completion(f"resp_{turn}", "m", [Choice(0, items, reason, reason)], usage))

    def __iter__(self) -> Iterator[Event]:
        return self.events

    def close(self) -> None:
        if not self.closed:
            self.client.open_streams -= 1
        self.closed = True

    def cancel(self) -> None:
        self.client.cancelled += 1


class FakeClient:
    """Answers with each turn in order, then repeats the last one; keeps its inputs and options."""

    def __init__(self, *turns: list[Item], usage: Usage | None = None) -> None:
        self.turns = turns
        self.usage = usage
        self.inputs: list[list[Item]] = []
        self.options: list[dict[str, Any]] = []
        self.open_streams = 0
        self.cancelled = 0

    def stream(self, input: Any, **options: Any) -> FakeStream:  # noqa: A002 - the client's own word
        self.inputs.append(list(input))
        self.options.append(options)
        items = self.turns[min(len(self.inputs), len(self.turns)) - 1]
        return FakeStream(self, tuple(items), self.usage)


def call(call_id: str | None, arguments: str = '{"n": 2}', name: str = "double") -> FunctionCall:
    return FunctionCall(call_id, name, arguments)


DONE = [Message("assistant", "done")]


def test_a_turn_without_calls_is_the_whole_run() -> None:
    """One request; the run's events are the stream's."""
    client = FakeClient(DONE)
    run = agent.run(client, "hi", [double], model="m", temperature=0)
    assert [type(event) for event in run] == [TextDelta, ItemDone, Completed]
    result = run.result()
    assert result.conversation == (Message("user", "hi"), *DONE)
    assert (result.turns, result.calls, result.text, result.pending) == (1, 0, "done", ())
    assert client.options == [{"tools": [double], "model": "m", "temperature": 0}]


def test_calls_run_between_turns() -> None:
    """The output is added to the conversation after the turn's items, and the next turn gets all of them."""
    first = [Reasoning(content="hm"), Message("assistant", "let me"), call("c1")]
    client = FakeClient(first, DONE)
    run = agent.run(client, "hi", [double], model="m")
    kinds = [type(event).__name__ for event in run]
    assert kinds == [
        *("ItemDone", "TextDelta", "ItemDone", "ItemDone", "Completed"),
        "ToolFinished",
        *("TextDelta", "ItemDone", "Completed"),
    ]
    output = FunctionCallOutput("c1", "4")
    assert client.inputs[1] == [Message("user", "hi"), *first, output]
    assert run.partial.conversation == (Message("user", "hi"), *first, output, *DONE)
    assert (run.partial.turns, run.partial.calls) == (2, 1)


def test_parallel_calls_run_in_order() -> None:
    """Calls of one turn run one after the other, and each yields an event."""
    order: list[int] = []

    @tool
    def note(n: int) -> int:
        order.append(n)
        return n

    calls: list[Item] = [call("a", '{"n": 1}', "note"), call("b", '{"n": 2}', "note")]
    events = list(agent.run(FakeClient(calls, DONE), "hi", [note], model="m"))
    finished = [event for event in events if isinstance(event, ToolFinished)]
    assert order == [1, 2]
    assert [(f.call.call_id, f.output, f.error) for f in finished] == [("a", "1", None), ("b", "2", None)]


def test_on_an_executor_calls_run_side_by_side_and_finish_in_order() -> None:
    """The first call waits until the second one ran, so they must run in parallel."""
    second_ran = threading.Event()

    @tool
    def meet(n: int) -> str:
        if n == 1:
            assert second_ran.wait(10)
        else:
            second_ran.set()
        return f"met {n}"

    calls: list[Item] = [call("a", '{"n": 1}', "meet"), call("b", '{"n": 2}', "meet")]
    with ThreadPoolExecutor(2) as executor:
        run = agent.run(FakeClient(calls, DONE), "hi", [meet], model="m", executor=executor)
        outputs = [event.output for event in run if isinstance(event, ToolFinished)]
    assert outputs == ["met 1", "met 2"]


def test_the_connection_is_not_held_while_tools_run() -> None:
    """The stream is closed before the function is called."""
    client = FakeClient([call("c1", "{}", "look")], DONE)
    seen: list[int] = []

    @tool
    def look() -> None:
        seen.append(client.open_streams)

    agent.run(client, "hi", [look], model="m").until_done()
    assert seen == [0]
    assert client.open_streams == 0


def test_calls_without_ids_are_answered_without_ids() -> None:
    """If the server sent no ids, the outputs have none; the next body pairs them by position."""
    calls: list[Item] = [call(None, '{"n": 1}'), call(None, '{"n": 2}')]
    client = FakeClient(calls, DONE)
    agent.run(client, "hi", [double], model="m").until_done()
    assert client.inputs[1][-2:] == [FunctionCallOutput(None, "2"), FunctionCallOutput(None, "4")]


# -- what goes wrong with a call ----------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "output", "error"),
    [
        (call("c1", "{}", "fail"), "Error: tool 'fail' raised KeyError: 'gone'", KeyError),
        (call("c1", '{"n": "x"}'), 'Error: arguments.n: expected integer, got "x"', UsageError),
        (call("c1", "[]"), "Error: arguments: object expected, got []", UsageError),
        (call("c1", "{}", "gone"), "Error: unknown tool 'gone'; the tools are: double, fail", UsageError),
    ],
    ids=["raises", "wrong type", "no object", "unknown"],
)
def test_the_model_is_told_what_went_wrong(bad: FunctionCall, output: str, error: type) -> None:
    """The error is the call's output, marked as an error; the event has the exception; the run continues."""
    client = FakeClient([bad], DONE)
    run = agent.run(client, "hi", [double, fail], model="m")
    (finished,) = [event for event in run if isinstance(event, ToolFinished)]
    assert finished.output == output
    assert type(finished.error) is error
    assert client.inputs[1][-1] == FunctionCallOutput("c1", output, is_error=True)


@pytest.mark.parametrize(
    ("bad", "error"),
    [(call("c1", "{}", "fail"), ToolError), (call("c1", '{"n": "x"}'), UsageError)],
    ids=["raises", "wrong type"],
)
def test_or_it_is_raised(bad: FunctionCall, error: type[Exception]) -> None:
    """The error has the turn as `.partial`; the run has the conversation."""
    run = agent.run(FakeClient([bad], DONE), "hi", [double, fail], model="m", on_tool_error="raise")
    with pytest.raises(error) as caught:
        run.until_done()
    assert caught.value.partial.tool_calls == (bad,)  # type: ignore[attr-defined]
    assert run.partial.conversation == (Message("user", "hi"), bad)
    assert run.partial.pending == (bad,)


def test_what_has_no_json_form_is_an_error_of_the_tool() -> None:
    """A list that contains itself can't be sent to a model."""

    @tool
    def loop() -> Any:
        endless: list[Any] = []
        endless.append(endless)
        return endless

    run = agent.run(FakeClient([call("c1", "{}", "loop")], DONE), "hi", [loop], model="m")
    (finished,) = [event for event in run if isinstance(event, ToolFinished)]
    assert finished.output.startswith("Error: tool 'loop' returned a value that can't be sent")


def test_a_call_that_was_cut_off_is_never_run() -> None:
    """It stays in the conversation with its status, and the run raises: it never runs with `{}`."""
    run = agent.run(FakeClient([CUT]), "hi", [fail], model="m", on_tool_error="raise")
    with pytest.raises(IncompleteResponseError, match="has no complete call"):
        run.result()
    assert run.partial.calls == 0
    assert run.partial.conversation[-1] == CUT


def test_the_model_is_told_of_a_call_that_is_not_complete() -> None:
    """It can't be answered as a call, so a message says why it didn't run; the next turn may call again."""
    client = FakeClient([CUT], [FunctionCall("c2", "double", '{"n": 2}')], [Message("assistant", "4")])
    result = agent.run(client, "hi", [double, fail], model="m").result()
    assert (result.text, result.calls, result.turns) == ("4", 1, 3)
    told = client.inputs[1][-1]
    assert isinstance(told, Message)
    assert (told.role, "fail" in told.text, "valid JSON" in told.text) == ("user", True, True)


def test_one_bad_call_of_two_is_told_after_the_other_ran() -> None:
    """The whole call is answered first, since its output must follow it."""
    good = FunctionCall("c2", "double", '{"n": 2}')
    client = FakeClient([CUT, good], [Message("assistant", "4")])
    result = agent.run(client, "hi", [double, fail], model="m").result()
    assert (result.text, result.calls, result.turns) == ("4", 1, 2)
    output, told = client.inputs[1][-2:]
    assert isinstance(output, FunctionCallOutput)
    assert isinstance(told, Message)
    assert ("4" in str(output.output), "fail" in told.text) == (True, True)


def test_a_bad_call_after_stop_is_told_too() -> None:
    """Responses has no finish reason of its own for calls."""
    bad = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**BAD_CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"n": '},
        {"type": "response.output_item.done", "output_index": 0, "item": BAD_CALL},
        {"type": "response.completed", "response": {"status": "completed", "output": [BAD_CALL]}},
    ]
    transport = FakeTransport(sse(*bad), responses_stream("sorry"))
    client = Client("generic", base_url="http://fake/v1", wire="responses", transport=transport)
    result = agent.run(client, "hi", [double], model="m").result()
    assert (result.text, result.calls, result.turns) == ("sorry", 0, 2)


def test_a_model_that_never_completes_its_call_reaches_the_limit_of_turns() -> None:
    """Telling it doesn't go on forever."""
    with pytest.raises(LimitError, match="max_turns=3"):
        agent.run(FakeClient([CUT]), "hi", [fail], model="m", max_turns=3).result()


def test_a_call_that_the_server_refused_is_told_too() -> None:
    """Gemini ends such a turn with MALFORMED_FUNCTION_CALL: an error, without the call."""
    refused = chat_stream("", finish_reason="malformed_function_call")
    transport = FakeTransport(refused, chat_stream("sorry"))
    client = Client("generic", base_url="http://fake/v1", transport=transport)
    result = agent.run(client, "hi", [double], model="m").result()
    assert (result.text, result.turns) == ("sorry", 2)


# -- limits -------------------------------------------------------------------------------


def test_turns_are_limited() -> None:
    """max_turns counts requests exactly; the calls of the last one don't run."""
    client = FakeClient([call("c1")])
    run = agent.run(client, "hi", [double], model="m", max_turns=2)
    with pytest.raises(LimitError) as caught:
        run.until_done()
    error = caught.value
    assert (error.limit, error.allowed, len(client.inputs)) == ("max_turns", 2, 2)
    assert (error.result.turns, error.result.calls) == (2, 1)
    assert error.partial is error.result.completion


def test_calls_are_limited() -> None:
    """With max_calls=3, two turns of two calls are one too many, and none of the second turn runs."""
    client = FakeClient([call("a"), call("b")])
    run = agent.run(client, "hi", [double], model="m", max_calls=3)
    with pytest.raises(LimitError, match=r"max_calls=3 reached; continue from error\.result\.conversation"):
        run.until_done()
    assert run.partial.calls == 2
    assert len(run.partial.pending) == 2


def test_tokens_are_limited() -> None:
    """The limit is on the sum of the server's counts; no call runs after a turn that reaches it."""
    client = FakeClient([call("c1")], usage=Usage(6, 4, 10))
    run = agent.run(client, "hi", [double], model="m", max_total_tokens=20)
    with pytest.raises(LimitError, match="max_total_tokens=20 reached"):
        run.until_done()
    assert len(client.inputs) == 2
    assert run.partial.usage == Usage(12, 8, 20)
    assert run.partial.calls == 1


def test_the_last_turn_may_exceed_the_token_limit() -> None:
    """The limit is checked between turns: a last turn without calls exceeds it without an error."""
    client = FakeClient([call("c1")], DONE, usage=Usage(6, 4, 10))
    run = agent.run(client, "hi", [double], model="m", max_total_tokens=15)
    assert run.result().usage == Usage(12, 8, 20)


def test_a_limit_that_is_not_passed_is_no_limit() -> None:
    """Reaching a limit exactly raises no error if the run is over."""
    client = FakeClient([call("c1")], DONE, usage=Usage(1, 1, 2))
    run = agent.run(client, "hi", [double], model="m", max_turns=2, max_calls=1, max_total_tokens=4)
    assert run.result().usage == Usage(2, 2, 4)


@pytest.mark.parametrize("name", ["max_turns", "max_calls", "max_total_tokens"])
@pytest.mark.parametrize("value", [0, -1, True, "3"])
def test_limits_are_checked(name: str, value: Any) -> None:
    """A wrong limit raises before a request is sent."""
    with pytest.raises(UsageError, match=f"{name}: expected an integer of at least 1, got {value!r}"):
        agent.run(FakeClient(DONE), "hi", [], model="m", **{name: value})


def test_a_wrong_on_tool_error_is_named() -> None:
    """The message lists both words."""
    with pytest.raises(UsageError, match="on_tool_error: expected 'tell' or 'raise', got 'ask'"):
        agent.run(FakeClient(DONE), "hi", model="m", on_tool_error="ask")  # type: ignore[arg-type]


def test_what_no_server_counted_is_not_summed() -> None:
    """Missing usage is None, never 0."""
    assert agent.run(FakeClient(DONE), "hi", model="m").result().usage is None


# -- hooks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "output", "ran"),
    [(True, "4", 1), (False, "This call was not approved.", 0), ("Ask me first.", "Ask me first.", 0)],
    ids=["run", "skip", "skip with a reason"],
)
def test_calls_are_approved_or_skipped(answer: bool | str, output: str, ran: int) -> None:
    """A string from *approve* becomes the output, and the run continues; a skipped call isn't an error."""
    client = FakeClient([call("c1")], DONE)
    run = agent.run(client, "hi", [double], model="m", approve=lambda _: answer)
    assert [e.output for e in run if isinstance(e, ToolFinished)] == [output]
    assert run.partial.calls == ran
    assert client.inputs[1][-1] == FunctionCallOutput("c1", output, is_error=False)


def test_a_run_can_be_stopped() -> None:
    """After StopRun no call of the turn runs, no error is raised, and `Completed` is the last event."""
    asked: list[str | None] = []

    def approve(the_call: FunctionCall) -> bool:
        asked.append(the_call.call_id)
        if the_call.call_id == "b":
            raise agent.StopRun
        return True

    calls: list[Item] = [call("a"), call("b")]
    events = list(run := agent.run(FakeClient(calls), "hi", [double], model="m", approve=approve))
    assert asked == ["a", "b"]
    assert isinstance(events[-1], Completed)
    assert run.partial.stopped
    assert run.partial.calls == 0
    assert run.partial.pending == tuple(calls)


def test_a_stopped_run_goes_on_with_its_calls() -> None:
    """A run whose conversation ends in unanswered calls runs them first."""
    client = FakeClient(DONE)
    run = agent.run(client, [Message("user", "hi"), call("c1")], [double], model="m")
    assert [type(event) for event in run] == [ToolFinished, TextDelta, ItemDone, Completed]
    assert client.inputs[0][-1] == FunctionCallOutput("c1", "4")


def test_calls_that_the_user_passed_over_are_not_run() -> None:
    """A later message of the user makes the calls before it obsolete."""
    conversation = [Message("user", "hi"), call("c1"), Message("user", "never mind")]
    run = agent.run(FakeClient(DONE), conversation, [double], model="m")
    assert run.result().calls == 0


@pytest.mark.parametrize(
    "theirs",
    [call("c1", "{}", "elsewhere"), CustomToolCall("k1", "sql", "select 1")],
    ids=["without function", "custom"],
)
def test_calls_of_the_callers_own_end_the_run(theirs: Item) -> None:
    """All calls of the turn become `pending` and none runs, so that all outputs go back together."""
    tools = [double, ToolSpec("elsewhere")]
    run = agent.run(FakeClient([call("c0"), theirs]), "hi", tools, model="m")
    assert run.result().pending == (call("c0"), theirs)
    assert run.partial.calls == 0
    assert not run.partial.stopped


def test_a_forced_choice_is_for_the_first_turn_only() -> None:
    """Otherwise every turn would be a call."""
    client = FakeClient([call("c1")], DONE)
    agent.run(client, "hi", [double], model="m", tool_choice="required").until_done()
    assert [options.get("tool_choice") for options in client.options] == ["required", None]


def test_where_the_server_keeps_the_conversation_only_news_is_sent() -> None:
    """With previous_response_id, the next turn sends the last answer's id and only the outputs."""
    transport = FakeTransport(
        responses_stream(FunctionCall("c1", "double", '{"n": 2}'), id="resp_1"), responses_stream("4")
    )
    client = Client("generic", base_url="http://fake/v1", wire="responses", transport=transport)
    agent.run(client, "hi", [double], model="m", previous_response_id="resp_0").until_done()
    first, second = transport.bodies
    assert (first["previous_response_id"], second["previous_response_id"]) == ("resp_0", "resp_1")
    assert second["input"] == [{"type": "function_call_output", "call_id": "c1", "output": "4"}]


# -- leaving ------------------------------------------------------------------------------


def test_leaving_closes_the_stream() -> None:
    """The end of a `with` block releases the connection at once."""
    client = FakeClient([call("c1")])
    with agent.run(client, "hi", [double], model="m") as run:
        next(run)
        assert client.open_streams == 1
    assert client.open_streams == 0


def test_cancel_reaches_the_stream_under_way() -> None:
    """`cancel()` of the run cancels the stream that it reads."""
    client = FakeClient(DONE)
    run = agent.run(client, "hi", model="m")
    next(run)
    run.cancel()
    assert client.cancelled == 1


def test_cancel_while_a_tool_runs_ends_the_run_behind_it() -> None:
    """No other tool starts and no request is sent; the output of the running tool is kept."""

    @tool
    def press(n: int) -> str:
        """Cancel the run, as a user would."""
        run.cancel()
        return "pressed"

    client = FakeClient([call("c1", name="press"), call("c2", name="press")], DONE)
    run = agent.run(client, "hi", [press], model="m")
    with pytest.raises(StreamCancelledError):
        run.until_done()
    assert len(client.inputs) == 1
    assert run.partial.conversation[-1] == FunctionCallOutput("c1", "pressed")
    assert run.partial.pending == (call("c2", name="press"),)


def test_a_run_that_was_cancelled_before_it_began_asks_nothing() -> None:
    """A run that is cancelled before its first event sends no request."""
    client, transport = client_for("chat", chat_stream("a"))
    run = agent.run(client, "hi", model="m")
    run.cancel()
    with pytest.raises(StreamCancelledError):
        run.until_done()
    assert transport.bodies == []


def test_a_run_that_did_not_come_to_its_end_says_so_again() -> None:
    """After an error, and after leaving early, `result()` raises every time."""
    failed = agent.run(FakeClient([call("c1")]), "hi", [double], model="m", max_turns=1)
    left = agent.run(FakeClient(DONE), "hi", model="m")
    with left:
        next(left)
    for run, error in ((failed, LimitError), (left, UsageError)):
        for _ in range(2):
            with pytest.raises(error):
                run.result()
    assert left.partial.turns == 0


def test_leaving_a_run_that_is_over_changes_nothing() -> None:
    """The result stays, even if the caller stopped reading at the last `Completed`."""
    with agent.run(FakeClient(DONE), "hi", model="m") as run:
        next(event for event in run if isinstance(event, Completed))
    assert run.result().text == "done"


def test_a_stream_that_only_stops_is_an_error() -> None:
    """A turn without Completed is an error, with any client."""

    class Silent(FakeClient):
        def stream(self, input: Any, **options: Any) -> FakeStream:  # noqa: A002
            stream = super().stream(input, **options)
            stream.events = iter(())
            return stream

    with pytest.raises(TruncatedStreamError):
        agent.run(Silent(DONE), "hi", model="m").until_done()


# -- with the real client -----------------------------------------------------------------


def client_for(wire: Any, *bodies: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*bodies)
    return Client("generic", base_url="http://fake/v1", wire=wire, transport=transport), transport


@pytest.mark.parametrize(("wire", "stream"), [("chat", chat_stream), ("responses", responses_stream)])
def test_three_turns_two_tools(wire: str, stream: Any) -> None:
    """The whole chain on both wires: parallel calls, then a call that fails, then the answer."""
    usage = Usage(10, 5, 15)
    client, transport = client_for(
        wire,
        stream(Reasoning(content="hm"), "Looking. ", call("c1"), call("c2", '{"n": 3}'), usage=usage),
        stream(call("c3", "{}", "fail"), usage=usage),
        stream("All ", "done.", usage=usage),
    )
    run = agent.run(client, "hi", [double, fail], model="m", instructions="be brief")
    result = run.result()
    assert result.text == "All done."
    assert (result.turns, result.calls, result.usage) == (3, 3, Usage(30, 15, 45))
    outputs = [item.output for item in result.conversation if isinstance(item, FunctionCallOutput)]
    assert outputs == ["4", "6", "Error: tool 'fail' raised KeyError: 'gone'"]
    last = transport.bodies[2]
    if wire == "chat":
        assert [m["role"] for m in last["messages"]] == [
            *("system", "user", "assistant", "tool", "tool", "assistant", "tool")
        ]
        assert last["messages"][2]["reasoning_content"] == "hm"  # the field that it came in
    else:
        assert [item["type"] for item in last["input"]] == [
            *("message", "reasoning", "message", "function_call", "function_call"),
            *("function_call_output", "function_call_output", "function_call", "function_call_output"),
        ]


def test_a_recorded_run_on_responses() -> None:
    """Three turns of llama.cpp's server, replayed: the same calls run, and each turn sends the same body.

    The recordings were made by `agent.run` itself against the server that `tests/live` starts.
    """
    recordings = [load_recording(RECORDINGS / f"turn{n}.jsonl") for n in (1, 2, 3)]
    client, transport = client_for("responses", *recordings)
    run = agent.run(client, "tools in turn", [get_weather, get_time], model="tiny", max_tokens=400)
    finished = [event for event in run if isinstance(event, ToolFinished)]
    assert [(event.call.name, event.output) for event in finished] == [
        ("get_weather", "3 sunny days in Zürich 東京"),
        ("get_time", "noon in UTC"),
    ]
    assert (run.partial.turns, run.partial.calls, run.partial.pending) == (3, 2, ())
    assert run.partial.text.startswith("up word out")
    assert run.partial.usage is not None
    assert run.partial.usage.total_tokens == 1997
    assert transport.bodies == [recording.header.request.body for recording in recordings]


def test_aggregate_takes_a_run() -> None:
    """`aggregate` yields the final items of all turns, and each turn's Completed."""
    client, _ = client_for("chat", chat_stream(call("c1")), chat_stream("do", "ne"))
    events = list(aggregate(agent.run(client, "hi", [double], model="m")))
    assert [type(event).__name__ for event in events] == ["ItemDone", "Completed", "ItemDone", "Completed"]


def test_text_stream_is_the_text_of_all_turns() -> None:
    """`text_stream` yields the text of all turns, piece by piece."""
    client, _ = client_for("chat", chat_stream("a", call("c1")), chat_stream("b", "c"))
    assert list(agent.run(client, "hi", [double], model="m").text_stream) == ["a", "b", "c"]


def test_an_error_of_the_network_keeps_the_conversation() -> None:
    """The error is raised, and the run has the conversation before it."""
    broken = APIConnectionError("cut", retryable=False)
    client, _ = client_for("chat", chat_stream(call("c1")), broken)
    run = agent.run(client, "hi", [double], model="m")
    with pytest.raises(APIConnectionError):
        run.until_done()
    assert run.partial.conversation == (
        Message("user", "hi"),
        call("c1"),
        FunctionCallOutput("c1", "4"),
    )


# -- time, size, context and the end of a tool ---------------------------------------------


def test_plain_functions_are_tools() -> None:
    """As with `@tool`."""

    def add(n: int) -> int:
        return n + 1

    run = agent.run(FakeClient([call("c1", name="add")], DONE), "hi", [add], model="m")
    assert [e.output for e in run if isinstance(e, ToolFinished)] == ["3"]


def test_a_tool_that_takes_too_long_is_told() -> None:
    """The run goes on; the tool's thread ends when it does."""
    leave = threading.Event()

    @tool
    def slow(n: int) -> int:
        leave.wait(10)
        return n

    run = agent.run(FakeClient([call("c1", name="slow")], DONE), "hi", [slow], model="m", tool_timeout=0.05)
    (finished,) = [event for event in run if isinstance(event, ToolFinished)]
    leave.set()
    assert finished.output == "Error: tool 'slow' didn't return within 0.05 s"
    assert run.partial.text == "done"


def test_a_long_output_is_cut() -> None:
    """The model learns how much is missing."""

    @tool
    def much(n: int) -> str:
        return "x" * 10

    run = agent.run(FakeClient([call("c1", name="much")], DONE), "hi", [much], model="m", max_output=4)
    (finished,) = [event for event in run if isinstance(event, ToolFinished)]
    assert finished.output == "xxxx\n[cut after 4 of 10 characters]"


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


@pytest.mark.parametrize("how", ["in order", "executor", "timeout"])
def test_tools_have_the_context_of_the_run(how: str) -> None:
    """Tracing and request ids are in context variables."""

    @tool
    def look(n: int) -> str:
        return VARIABLE.get()

    token = VARIABLE.set("mine")
    try:
        with ThreadPoolExecutor(1) as pool:
            options: dict[str, Any] = {"executor": {"executor": pool}, "timeout": {"tool_timeout": 10}}.get(
                how, {}
            )
            run = agent.run(FakeClient([call("c1", name="look")], DONE), "hi", [look], model="m", **options)
            assert [e.output for e in run if isinstance(e, ToolFinished)] == ["mine"]
    finally:
        VARIABLE.reset(token)


@pytest.mark.parametrize("how", ["in order", "executor", "timeout"])
def test_a_tool_can_stop_the_run(how: str) -> None:
    """Its call stays pending, as does the one after it; the tool's own `except Exception` lets it pass."""

    @tool
    def stop(n: int) -> str:
        try:
            raise agent.StopRun
        except Exception:  # noqa: BLE001 - many tools have one
            return "caught"

    with ThreadPoolExecutor(1) as pool:
        options: dict[str, Any] = {"executor": {"executor": pool}, "timeout": {"tool_timeout": 10}}.get(
            how, {}
        )
        calls = [call("c1"), call("c2", name="stop"), call("c3")]
        result = agent.run(FakeClient(calls, DONE), "hi", [double, stop], model="m", **options).result()
    assert result.stopped
    assert [pending.call_id for pending in result.pending] == ["c2", "c3"]
    assert result.turns == 1


def test_a_closed_executor_is_a_usage_error() -> None:
    """It refuses work with a RuntimeError."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(UsageError, match=r"^executor: expected one that accepts work"):
        agent.run(FakeClient([call("c1")], DONE), "hi", [double], model="m", executor=pool).result()


def test_a_tool_that_ends_the_program_ends_it_within_a_timeout_too() -> None:
    """SystemExit in the tool's thread isn't told to the model as a tool that took too long."""

    def leave() -> str:
        """Leave."""
        raise SystemExit(3)

    run = agent.run(FakeClient([call("c1", "{}", "leave")], DONE), "hi", [leave], model="m", tool_timeout=10)
    with pytest.raises(SystemExit, match="3"):
        run.result()


@pytest.mark.parametrize("value", [0, -1, True, "5"])
def test_a_wrong_tool_timeout_is_named(value: Any) -> None:
    """Before the first request."""
    with pytest.raises(UsageError, match=r"^tool_timeout: expected seconds above 0"):
        agent.run(FakeClient(DONE), "hi", [double], model="m", tool_timeout=value)
