"""What steers an agent's run: conditions that end it, changes of the next turn, repeated calls, observers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamkit import (
    Client,
    Ended,
    FunctionCall,
    FunctionCallOutput,
    Message,
    Operation,
    RunEnded,
    RunStarted,
    StreamCancelledError,
    ToolEnded,
    ToolFinished,
    ToolStarted,
    Usage,
    UsageError,
    agent,
)
from streamkit.agent import AgentResult, Turn
from streamkit.client.observers import AttemptStarted, Fact
from streamkit.errors import LimitError
from streamkit.testing import FakeTransport, chat_stream, responses_stream
from streamkit.tools import tool


@tool
def look(place: str) -> str:
    """Look somewhere."""
    return f"nothing in {place}"


def calls(*places: str, name: str = "look") -> bytes:
    """One turn that looks in these places."""
    parts = [
        FunctionCall(f"c_{place}{'+' * number}", name, f'{{"place": "{place}"}}')
        for number, place in enumerate(places)
    ]
    return chat_stream(*parts, usage=Usage(10, 5, 15))


DONE = chat_stream("Found.", usage=Usage(10, 5, 15))


def client(*answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    options = {"base_url": "http://fake/v1", "model": "m", **options}
    return Client("generic", transport=transport, **options), transport


def run_of(*answers: Any, tools: Any = (look,), **options: Any) -> tuple[agent.AgentRun, FakeTransport]:
    asked, transport = client(*answers)
    return agent.run(asked, "Where is it?", tools, **options), transport


# -- stop_when ----------------------------------------------------------------------------


def test_a_condition_ends_the_run_after_the_calls() -> None:
    """It gets the result so far, in which the outputs of the turn are."""
    seen: list[AgentResult] = []

    def enough(result: AgentResult) -> bool:
        seen.append(result)
        return result.calls == 2

    run, transport = run_of(calls("attic"), calls("cellar"), DONE, stop_when=enough)
    result = run.result()
    assert (result.turns, result.calls, result.stopped, result.pending) == (2, 2, True, ())
    assert result.conversation[-1] == FunctionCallOutput("c_cellar", "nothing in cellar")
    assert len(transport.bodies) == 2
    assert [each.turns for each in seen] == [1, 2]


def test_one_condition_of_several_is_enough() -> None:
    """A list of functions; the run ends at the first that returns true."""
    conditions = [lambda result: result.turns > 5, lambda result: result.usage.total_tokens >= 30]
    run, _ = run_of(calls("a"), calls("b"), DONE, stop_when=conditions)
    assert (run.result().turns, run.partial.stopped) == (2, True)


def test_a_run_that_ends_by_itself_was_not_stopped() -> None:
    """Conditions aren't asked about a turn without calls."""
    run, _ = run_of(DONE, stop_when=lambda result: True)
    assert (run.result().turns, run.partial.stopped, run.partial.text) == (1, False, "Found.")


def test_the_outputs_of_the_last_turn_can_be_the_aim() -> None:
    """With a condition, a tool such as `submit` runs also in the last turn that is allowed."""
    run, _ = run_of(
        calls("a", name="submit"),
        tools=[tool(name="submit")(look.function)],
        max_turns=1,
        stop_when=lambda result: any(c.name == "submit" for c in result.completion.tool_calls),
    )
    assert (run.result().calls, run.partial.stopped) == (1, True)
    again, _ = run_of(calls("a"), max_turns=1, stop_when=lambda result: False)
    with pytest.raises(LimitError) as caught:
        again.result()
    assert (caught.value.limit, caught.value.result.calls) == ("max_turns", 1)


def test_a_stopped_run_continues() -> None:
    """Its conversation is complete, so the next run asks for the next turn."""
    run, _ = run_of(calls("a"), stop_when=lambda result: True)
    asked, transport = client(DONE)
    result = agent.run(asked, run.result().conversation, [look]).result()
    assert result.text == "Found."
    assert [m["role"] for m in transport.bodies[0]["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("place", ["stop_when", "before_turn"])
def test_stop_run_ends_the_run_in_every_function(place: str) -> None:
    """`StopRun` in them is as in a tool."""

    def stop(_: Any) -> None:
        raise agent.StopRun

    run, _ = run_of(calls("a"), DONE, **{place: stop})
    assert run.result().stopped


@pytest.mark.parametrize("value", [3, "soon", [3], [len, None]])
def test_a_condition_that_is_no_function_is_refused(value: Any) -> None:
    """Before the first request."""
    with pytest.raises(UsageError, match=r"^stop_when: expected a function, or a list of functions, got"):
        run_of(DONE, stop_when=value)


# -- before_turn --------------------------------------------------------------------------


def test_the_next_turn_can_be_changed() -> None:
    """The model, a parameter and the tools of one turn; the turn after it has the run's again."""

    def change(turn: Turn) -> None:
        if turn.number == 2:
            turn.options |= {"model": "large", "temperature": 0.5}
            turn.tools = []

    run, transport = run_of(calls("a"), calls("b"), DONE, before_turn=change, temperature=0)
    run.result()
    assert [body["model"] for body in transport.bodies] == ["m", "large", "m"]
    assert [body["temperature"] for body in transport.bodies] == [0, 0.5, 0]
    assert ["tools" in body for body in transport.bodies] == [True, False, True]


def test_a_call_of_a_tool_that_the_turn_had_not_is_told() -> None:
    """The tools of a turn are those that its calls can run."""

    def only_help(turn: Turn) -> None:
        turn.tools = [helper]

    def helper(place: str) -> str:
        return "ask again"

    run, transport = run_of(calls("a"), calls("b", name="helper"), DONE, before_turn=only_help)
    outputs = [event.output for event in run if isinstance(event, ToolFinished)]
    assert outputs == ["Error: unknown tool 'look'; the tools are: helper", "ask again"]
    assert transport.bodies[0]["tools"][0]["function"]["name"] == "helper"


def test_a_changed_conversation_stays() -> None:
    """A message from the user in the middle of a run is part of the conversation afterwards."""

    def steer(turn: Turn) -> None:
        if turn.number == 2:
            turn.conversation.append("Hurry.")

    run, transport = run_of(calls("a"), DONE, before_turn=steer)
    result = run.result()
    assert transport.bodies[1]["messages"][-1] == {"role": "user", "content": "Hurry."}
    assert Message("user", "Hurry.") in result.conversation
    assert result.text == "Found."


def test_an_input_is_for_one_turn() -> None:
    """`turn.input` replaces the conversation in the request; the run keeps the whole one."""

    def shorten(turn: Turn) -> None:
        turn.input = turn.conversation[-2:]

    run, transport = run_of(calls("a"), calls("b"), DONE, before_turn=shorten)
    result = run.result()
    assert [len(body["messages"]) for body in transport.bodies] == [1, 2, 2]
    assert [item.type for item in result.conversation].count("function_call_output") == 2
    assert result.conversation[0] == Message("user", "Where is it?")


def response(number: int, *parts: Any) -> bytes:
    return responses_stream(*parts, id=f"resp_{number}")


@pytest.mark.parametrize(
    ("change", "roles"),
    [
        pytest.param(
            lambda turn: turn.conversation.append("Hurry."), ["function_call_output", "message"], id="more"
        ),
        pytest.param(lambda turn: turn.conversation.__delitem__(0), None, id="less"),
    ],
)
def test_the_servers_copy_is_used_while_it_fits(change: Any, roles: list[str] | None) -> None:
    """If the beginning changed, the whole conversation is sent, without the server's copy."""
    asked, transport = client(
        response(1, FunctionCall("c1", "look", '{"place": "a"}')), response(2, "Found."), wire="responses"
    )
    run = agent.run(
        asked,
        ["Hello", "Where is it?"],
        [look],
        store=True,
        previous_response_id="resp_0",
        before_turn=lambda turn: change(turn) if turn.number == 2 else None,
    )
    run.result()
    body = transport.bodies[1]
    if roles is None:
        assert body["previous_response_id"] == "resp_0"
        assert [item["type"] for item in body["input"]] == [
            "message",
            "function_call",
            "function_call_output",
        ]
    else:
        assert body["previous_response_id"] == "resp_1"
        assert [item["type"] for item in body["input"]] == roles


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": 3}, r"^before_turn: expected turn.options to be a dict of parameters, got int"),
        ({"options": {"tools": []}}, r"^before_turn: unexpected option 'tools'; set turn.tools instead"),
        ({"options": {"nonsense_": 1}}, r"nonsense_"),
        ({"tools": 3}, r"^tools: expected a list of tools"),
        ({"conversation": 3}, r"^turn.conversation: expected a string, an item"),
        ({"input": 3}, r"^turn.input: expected a string, an item"),
    ],
)
def test_a_wrong_change_is_a_usage_error(change: dict[str, Any], message: str) -> None:
    """Nothing is sent."""

    def spoil(turn: Turn) -> None:
        for name, value in change.items():
            setattr(turn, name, value)

    run, transport = run_of(DONE, before_turn=spoil)
    with pytest.raises(UsageError, match=message):
        run.result()
    assert transport.bodies == []


# -- max_repeats --------------------------------------------------------------------------


def test_a_repeated_call_is_refused() -> None:
    """The same arguments in another spelling are the same; other arguments aren't. The model is told."""
    same = chat_stream(FunctionCall("c9", "look", '{ "place":"a" }'))
    run, _ = run_of(calls("a"), same, calls("b"), same, DONE, max_repeats=2)
    finished = [event for event in run if isinstance(event, ToolFinished)]
    assert [event.output for event in finished] == [
        "nothing in a",
        "nothing in a",
        "nothing in b",
        "Error: look ran 2 times with these arguments; use its output or change them",
    ]
    assert isinstance(finished[3].error, LimitError)
    assert (run.partial.calls, run.partial.text) == (3, "Found.")
    assert run.partial.conversation[-2] == FunctionCallOutput("c9", finished[3].output, is_error=True)


def test_a_repeated_call_can_end_the_run() -> None:
    """With on_tool_error="raise", before another call of its turn runs."""
    run, _ = run_of(calls("a"), calls("b", "a"), DONE, max_repeats=1, on_tool_error="raise")
    with pytest.raises(LimitError, match=r"^run stopped: look was called .* max_repeats=1 times") as caught:
        run.result()
    assert (caught.value.limit, caught.value.allowed, caught.value.result.calls) == ("max_repeats", 1, 1)


def test_repeats_in_one_turn_count() -> None:
    """Two equal calls of one turn are repeats of each other."""
    run, _ = run_of(calls("a", "a", "a"), DONE, max_repeats=2)
    assert [e.error is None for e in run if isinstance(e, ToolFinished)] == [True, True, False]


def test_skipped_calls_are_no_repeats() -> None:
    """A call that *approve* skipped didn't run; one that is refused isn't asked about."""
    asked: list[str] = []

    def approve(call: FunctionCall) -> bool:
        asked.append(call.name)
        return len(asked) > 1

    run, _ = run_of(calls("a"), calls("a"), calls("a"), DONE, max_repeats=1, approve=approve)
    assert run.result().calls == 1
    assert len(asked) == 2


# -- observers ----------------------------------------------------------------------------


def observed_run(*answers: Any, **options: Any) -> tuple[agent.AgentRun, list[tuple[Operation, Fact]]]:
    facts: list[tuple[Operation, Fact]] = []
    asked, _ = client(*answers, observers=[lambda operation, fact: facts.append((operation, fact))])
    return agent.run(asked, "Where?", [look], **options), facts


def of_run(facts: list[tuple[Operation, Fact]]) -> list[Any]:
    kinds = (RunStarted, ToolStarted, ToolEnded, RunEnded)
    return [fact for _, fact in facts if isinstance(fact, kinds)]


@pytest.mark.parametrize("how", ["in order", "executor", "timeout"])
def test_observers_learn_of_runs_and_tools(how: str) -> None:
    """A run and its tools are one operation; each of its streams is another one, whose parent is the run."""
    with ThreadPoolExecutor(1) as pool:
        options = {"executor": {"executor": pool}, "timeout": {"tool_timeout": 10}}.get(how, {})
        run, facts = observed_run(calls("a"), DONE, name="seeker", **options)
        result = run.result()
    started, tool_started, tool_ended, ended = of_run(facts)
    assert started == RunStarted("seeker")
    assert (tool_started.call.name, tool_started.spec) == ("look", look)
    assert (tool_ended.number, tool_ended.output, tool_ended.error) == (
        tool_started.number,
        "nothing in a",
        None,
    )
    assert (ended.how, ended.result, ended.error) == ("completed", result, None)
    operation = facts[0][0]
    assert (operation.profile, operation.wire, operation.model) == ("generic", "chat", "m")
    assert operation.parent is None
    streams = [about for about, fact in facts if isinstance(fact, AttemptStarted)]
    assert [about.parent for about in streams] == [operation.number] * 2
    assert facts[0][1] is started
    assert facts[-1][1] is ended


def test_a_run_inside_of_a_tool_belongs_to_its_call() -> None:
    """Streams that a tool asks for are parts of the tool's call."""
    facts: list[tuple[Operation, Fact]] = []
    asked, _ = client(
        calls("a", name="delegate"),
        DONE,
        chat_stream("All done."),
        observers=[lambda operation, fact: facts.append((operation, fact))],
    )

    def delegate(place: str) -> str:
        return asked.complete(f"What is in {place}?").text

    assert agent.run(asked, "Where?", [delegate]).result().text == "All done."
    (started,) = [fact for _, fact in facts if isinstance(fact, ToolStarted)]
    parents = [about.parent for about, fact in facts if isinstance(fact, Ended)]
    run = facts[0][0].number
    assert parents == [run, started.number, run]


def test_the_end_of_a_run_is_named() -> None:
    """Closed, cancelled, failed and dropped runs each have one `RunEnded`."""
    ends = []
    for leave in ("close", "cancel", "limit", "drop"):
        run, facts = observed_run(calls("a"), max_turns=1 if leave == "limit" else 9)
        next(run)
        if leave == "close":
            run.close()
        elif leave == "cancel":
            run.cancel()
            with pytest.raises(StreamCancelledError):
                run.result()
        elif leave == "limit":
            with pytest.raises(LimitError):
                run.result()
        del run
        (ended,) = [fact for fact in of_run(facts) if isinstance(fact, RunEnded)]
        ends.append((ended.how, type(ended.error).__name__))
    assert ends == [
        ("closed", "NoneType"),
        ("cancelled", "StreamCancelledError"),
        ("failed", "LimitError"),
        ("abandoned", "NoneType"),
    ]


def test_a_tool_that_fails_ends_with_its_error() -> None:
    """The output for the model is there, too."""

    def fail(place: str) -> str:
        raise KeyError(place)

    facts: list[Fact] = []
    asked, _ = client(calls("a", name="fail"), DONE, observers=[lambda _, fact: facts.append(fact)])
    agent.run(asked, "Where?", [fail]).result()
    (ended,) = [fact for fact in facts if isinstance(fact, ToolEnded)]
    assert ended.output == "Error: tool 'fail' raised KeyError: 'a'"
    assert isinstance(ended.error, Exception)
    assert isinstance(ended.error.__cause__, KeyError)


def test_a_run_that_is_not_read_has_no_facts() -> None:
    """As a stream that isn't read."""
    run, facts = observed_run(DONE)
    run.close()
    del run
    assert facts == []
