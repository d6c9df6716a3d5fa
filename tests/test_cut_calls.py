"""A call whose arguments break off, on every API: no consumer runs it, hides it or ends silently on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamkit import (
    APITimeoutError,
    Client,
    Completed,
    Completion,
    FunctionCall,
    IncompleteResponseError,
    ItemDone,
    Message,
    RetryPolicy,
    StreamkitError,
    Timeouts,
    ToolCallDelta,
    TruncatedStreamError,
    agent,
    aggregate,
    read_events,
    tool,
)
from streamkit.cli import main
from streamkit.testing import FakeReply, FakeTransport, sse, stream_of

from .faultserver import FaultServer, ok

PART = '{"city": "Par'


def chat(ending: str) -> bytes:
    entry = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": PART}}
    payloads: list[Any] = [{"id": "r", "choices": [{"index": 0, "delta": {"tool_calls": [entry]}}]}]
    finish = {"length": "length", "calls": "tool_calls", "stop": "stop"}.get(ending)
    if finish is not None:
        payloads += [{"id": "r", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, "[DONE]"]
    return sse(*payloads)


def responses(ending: str) -> bytes:
    item = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "weather", "arguments": ""}
    cut = {**item, "arguments": PART, "status": "incomplete"}
    payloads: list[Any] = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", "item_id": "fc", "output_index": 0, "delta": PART},
    ]
    if ending == "length":
        facts = {"id": "r", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        payloads.append({"type": "response.incomplete", "response": {**facts, "output": [cut]}})
    elif ending in ("calls", "stop"):  # "stop": the server doesn't even restate the call
        output = [cut] if ending == "calls" else []
        facts = {"id": "r", "status": "completed", "output": output}
        payloads.append({"type": "response.completed", "response": facts})
    return sse(*payloads)


def messages(ending: str) -> bytes:
    block = {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": PART}
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = {"id": "r", "type": "message", "role": "assistant", "content": [], "usage": usage}
    payloads: list[Any] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]
    reason = {"length": "max_tokens", "calls": "tool_use", "stop": "end_turn"}.get(ending)
    if reason is not None:
        payloads += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
            {"type": "message_stop"},
        ]
    return sse(*payloads)


def gemini(ending: str) -> bytes:
    """Gemini sends a call in one part, unless its arguments are streamed, as here."""
    args = [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}]
    call = {"name": "weather", "id": "c1", "partialArgs": args, "willContinue": True}
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"functionCall": call}]}}
    payloads = [{"responseId": "r", "candidates": [candidate]}]
    reason = {"length": "MAX_TOKENS", "calls": "MALFORMED_FUNCTION_CALL", "stop": "STOP"}.get(ending)
    if reason is not None:
        end = {"index": 0, "content": {"role": "model", "parts": []}, "finishReason": reason}
        payloads.append({"responseId": "r", "candidates": [end]})
    return sse(*payloads)


BODIES: dict[str, Callable[[str], bytes]] = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
}
wires = pytest.mark.parametrize("wire", BODIES)
finishes = pytest.mark.parametrize("ending", ["length", "calls", "stop"])


@tool
def weather(city: str = "anywhere") -> str:
    """Return the weather."""
    raise AssertionError(f"the cut call ran with {city}")


def check_partial(completion: Completion | None) -> None:
    """The part of the call that arrived is there, and it doesn't look whole."""
    assert completion is not None
    assert completion.tool_calls == ()
    (call,) = completion.choices[0].incomplete_calls
    assert isinstance(call, FunctionCall)
    assert (call.name, call.call_id, call.status) == ("weather", "c1", "incomplete")
    assert call.arguments.startswith('{"city":')
    assert "Par" in call.arguments
    with pytest.raises(StreamkitError):
        call.parsed()


def client_of(wire: str, *answers: Any, **options: Any) -> Client:
    transport = FakeTransport(*answers)
    retry = RetryPolicy(max_retries=0)
    return Client(
        "generic",
        base_url="http://fake/v1",
        wire=wire,
        transport=transport,
        retry=retry,
        model="m",
        **options,
    )


def stalled(wire: str) -> FakeReply:
    """A reply that says no more after the beginning of the call."""

    def chunks() -> Iterator[bytes]:
        yield BODIES[wire]("eof")
        time.sleep(0.2)
        yield b": more\n\n"

    return FakeReply(chunks())


ENDS = {"eof": TruncatedStreamError, "idle": APITimeoutError}


def broken(wire: str, end: str) -> Client:
    answer = BODIES[wire]("eof") if end == "eof" else stalled(wire)
    return client_of(wire, answer, timeouts=Timeouts(idle=0.05))


# -- the stream breaks off --------------------------------------------------------------------


@wires
@pytest.mark.parametrize("end", ENDS)
def test_a_stream_that_breaks_off_raises(wire: str, end: str) -> None:
    """The call is only in `.partial`, for a stream, a whole answer and an aggregate."""
    for consume in (list, lambda stream: list(stream.aggregate()), lambda stream: stream.result()):
        seen: list[Any] = []
        with pytest.raises(ENDS[end]) as caught, broken(wire, end).stream("Hi") as stream:
            seen = consume(stream)
        assert seen == []
        check_partial(caught.value.partial)
        check_partial(stream.partial)
    with pytest.raises(ENDS[end]) as caught:
        broken(wire, end).complete("Hi")
    check_partial(caught.value.partial)


@wires
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("on_tool_error", ["tell", "raise"])
def test_an_agent_raises_too(wire: str, end: str, on_tool_error: Any) -> None:
    run = agent.run(broken(wire, end), "Hi", [weather], on_tool_error=on_tool_error)
    with pytest.raises(ENDS[end]) as caught:
        run.until_done()
    check_partial(caught.value.partial)
    assert run.partial.calls == 0


# -- the server finishes --------------------------------------------------------------------


@wires
@finishes
def test_a_finished_answer_names_the_call(wire: str, ending: str) -> None:
    """No ItemDone; the completion has a warning, and `strict` raises."""
    body = BODIES[wire](ending)
    events = list(read_events(body, wire=wire))
    assert [event for event in events if isinstance(event, ItemDone)] == []
    assert any(isinstance(event, ToolCallDelta) for event in events)
    last = events[-1]
    assert isinstance(last, Completed)
    check_partial(last.completion)
    assert any(text.startswith("incomplete_call: weather: ") for text in last.completion.warnings)
    with pytest.raises(IncompleteResponseError) as caught:
        list(read_events(body, wire=wire, strict=True))
    check_partial(caught.value.partial)


@wires
@finishes
def test_an_aggregate_hands_out_no_part(wire: str, ending: str) -> None:
    for mode in ("final", "streaming"):
        events = list(aggregate(read_events(BODIES[wire](ending), wire=wire), mode=mode))  # type: ignore[arg-type]
        assert [event for event in events if isinstance(event, ItemDone)] == []
        assert isinstance(events[-1], Completed)
        check_partial(events[-1].completion)


@wires
@finishes
def test_complete_returns_the_part_as_a_part(wire: str, ending: str) -> None:
    completion = client_of(wire, BODIES[wire](ending)).complete("Hi")
    check_partial(completion)
    with pytest.raises(IncompleteResponseError):
        completion.raise_for_incomplete()
    with pytest.raises(IncompleteResponseError):
        client_of(wire, BODIES[wire](ending)).complete("Hi", strict=True)


@wires
@finishes
def test_an_agent_tells_the_model_or_raises(wire: str, ending: str) -> None:
    """After a limit of tokens it raises in any case: the next answer would be cut, too."""
    body, answer = BODIES[wire](ending), stream_of(wire, "It is wet.")
    run = agent.run(client_of(wire, body, answer), "Hi", [weather], on_tool_error="raise")
    with pytest.raises(IncompleteResponseError) as caught:
        run.until_done()
    check_partial(caught.value.partial)
    run = agent.run(client_of(wire, body, answer), "Hi", [weather])
    if ending == "length":
        with pytest.raises(IncompleteResponseError) as caught:
            run.until_done()
        check_partial(caught.value.partial)
        assert run.partial.turns == 1
        return
    result = run.result()
    assert (result.text, result.turns, result.calls) == ("It is wet.", 2, 0)
    told = result.conversation[-2]
    assert isinstance(told, Message)
    assert "weather" in told.text


@pytest.mark.parametrize("arguments", ["-92", '"Par"', "[1]"])
@pytest.mark.parametrize("ending", ["length", "stop"])
def test_a_restated_call_without_an_object_waits_for_the_finish(arguments: str, ending: str) -> None:
    """vLLM restates a call that the limit cut as completed. Its arguments may be a part of others."""
    item = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "weather", "arguments": ""}
    whole = {**item, "arguments": arguments, "status": "completed"}
    status, kind = ("incomplete", "response.incomplete") if ending == "length" else ("completed",) * 2
    details = {"reason": "max_output_tokens"} if ending == "length" else None
    facts = {"id": "r", "status": status, "incomplete_details": details, "output": [whole]}
    payloads = [
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": arguments},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {"type": kind if ending == "length" else "response.completed", "response": facts},
    ]
    events = list(read_events(sse(*payloads), wire="responses"))
    last = events[-1]
    assert isinstance(last, Completed)
    (call,) = last.completion.items
    done = [event.item for event in events if isinstance(event, ItemDone)]
    assert done == ([] if ending == "length" else [call])
    assert call.status == ("incomplete" if ending == "length" else "completed")  # type: ignore[union-attr]
    assert len(last.completion.tool_calls) == len(done)


# -- the command line -------------------------------------------------------------------------

ADDRESS = {"gemini": "/v1beta"}


@wires
@pytest.mark.parametrize("ending", ["eof", "length", "calls", "stop"])
@pytest.mark.parametrize("quiet", [False, True], ids=["", "quiet"])
def test_the_command_line_says_so(
    wire: str, ending: str, quiet: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the error on stderr, status 1, nothing on stdout."""
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "k")
    with FaultServer(lambda peer: peer.send(ok(BODIES[wire](ending)))) as server:
        argv = ["chat", "Hi", "-m", "m", "--base-url", server.url, "--wire", wire]
        status = main([*argv, *(["--quiet"] if quiet else [])])
    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    *warnings, error = err.splitlines()
    kind = "TruncatedStreamError" if ending == "eof" else "IncompleteResponseError"
    assert error.startswith(f"streamkit: {kind}: ")
    assert any("incomplete_call: weather" in line for line in warnings) is (ending != "eof" and not quiet)


def test_the_command_line_prints_the_warnings_of_turns_with_tools(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cut_tools.py").write_text(
        "def weather(city: str) -> str:\n    '''Look.'''\n    return 'wet'\n"
    )
    monkeypatch.chdir(tmp_path)
    answers = [chat("calls"), stream_of("chat", "It is wet.")]
    with FaultServer(lambda peer: peer.send(ok(answers.pop(0)))) as server:
        tools = ["--tool", f"{tmp_path / 'cut_tools.py'}:weather"]
        status = main(["chat", "Hi", "-m", "m", "--base-url", server.url, *tools])
    out, err = capsys.readouterr()
    assert (status, out) == (0, "It is wet.\n")
    assert "streamkit: warning: incomplete_call: weather: " in err
