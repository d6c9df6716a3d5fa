"""The Responses API: its events and plain bodies come to the same fragments and events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    APIError,
    BadFrame,
    BadRequestError,
    Completion,
    KeepAlive,
    NotAnEventStreamError,
    OverloadedError,
    RateLimitError,
    ReasoningDelta,
    ServerError,
    Started,
    StreamError,
    TextDelta,
    ToolCallDelta,
    TruncatedStreamError,
    Unknown,
    Usage,
    UsageReport,
    events_from_completion,
)
from streamkit.pipeline.accumulate import accumulate
from streamkit.profiles.known import GENERIC
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import END
from streamkit.wires.chat.read import read as chat
from streamkit.wires.responses.document import read_document
from streamkit.wires.responses.read import read as normalize

from .responses_payloads import (
    CREATED,
    added,
    arguments,
    call,
    complete,
    completed,
    done,
    event,
    gist,
    handed_out,
    message,
    read,
    reasoning,
    text,
)

# -- the beginning ----------------------------------------------------------------------------


def test_the_turn_starts_with_its_first_payload() -> None:
    """`Started` comes first, also where items come before `response.created`, which then adds the rest."""
    events, _ = read([text("Early", item_id="m", response_id="resp_1"), CREATED, completed()])
    assert isinstance(events[0], Started)
    completion = events[-1].completion  # type: ignore[union-attr]
    assert (completion.id, completion.model, completion.created) == ("resp_1", "m-1", 7)
    assert gist(completion) == [("message", "Early")]


def test_an_echo_of_the_response_is_no_event() -> None:
    """in_progress repeats `created`, and queued gives way to in_progress: nothing new is said."""
    queued = event("queued", response=CREATED["response"] | {"status": "queued"})
    progress = event("in_progress", response=CREATED["response"])
    events, _ = read([queued, progress, progress])
    assert [type(e) for e in events] == [Started]


def test_an_echo_with_news_is_told() -> None:
    """Law 4: what differs from the echo before comes as `Unknown`."""
    progress = event("in_progress", response=CREATED["response"] | {"service_tier": "flex"})
    events, _ = read([CREATED, progress])
    assert events[1:] == [Unknown(progress)]


def test_the_response_may_be_the_event_itself() -> None:
    """A proxy leaves `response` out: id, model and extras are those of the event, and echoes are no news."""
    facts = {key: value for key, value in CREATED["response"].items() if key != "object"}
    created, progress = (event(name, **facts) for name in ("created", "in_progress"))
    events, _ = read([created, progress, text("Low", item_id="m"), event("completed", **facts)])
    started = events[0]
    assert isinstance(started, Started)
    assert (started.id, started.model) == (facts.get("id"), facts.get("model"))
    assert [each for each in events if isinstance(each, Unknown)] == []
    assert events[-1].completion.text == "Low"  # type: ignore[union-attr]


# -- the ending ---------------------------------------------------------------------------------


def test_completed_says_what_the_turn_came_to() -> None:
    """PS-14: id, model, status, usage and the response's other fields."""
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 16},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 28,
        "cost": 0.5,
    }
    end = completed(
        message("Hi", "m"), usage=usage, created_at=7.5, service_tier="default", error=None, user=None
    )
    events, _ = read([end])
    counts = Usage(20, 8, 28, cached_input_tokens=16, reasoning_tokens=3, cost=0.5, raw=usage)
    assert UsageReport(counts) in events
    completion: Completion = events[-1].completion  # type: ignore[union-attr]
    assert (completion.id, completion.model, completion.created) == ("resp_1", "m-1", 7.5)
    assert (completion.status, completion.finish_reason, completion.raw_finish_reason) == (
        "completed",
        "stop",
        "completed",
    )
    assert completion.usage == counts
    assert completion.extras == {"service_tier": "default"}
    assert events[-1].raw is end


@pytest.mark.parametrize("usage", [None, {}, 5, "x"], ids=repr)
def test_absent_usage_is_none(usage: Any) -> None:
    """PS-24, X-15: never zeros."""
    assert complete(completed(usage=usage)).usage is None


def test_calls_make_the_finish_reason() -> None:
    """A completed response with a call that was handed out wants the call run."""
    completion = complete(CREATED, done(call("{}", "c")), completed())
    assert (completion.finish_reason, completion.raw_finish_reason) == ("tool_calls", "completed")


def test_the_raw_finish_reason_is_on_the_wire() -> None:
    """Law 5: without a status it is the name of the event."""
    completion = complete(CREATED, event("completed", response={}))
    assert (completion.finish_reason, completion.raw_finish_reason) == ("stop", "response.completed")


LAST = {"id": "resp_1", "usage": {"input_tokens": 1}}


@pytest.mark.parametrize(
    ("terminal", "finish"),
    [
        pytest.param(event("done", response=LAST | {"status": "completed"}), "stop", id="done"),
        pytest.param(event("completed", response=LAST), "stop", id="no output"),
        pytest.param(event("completed", response=LAST | {"output": None}), "stop", id="output null"),
        pytest.param(event("completed", response=LAST | {"status": "COMPLETED"}), "stop", id="capitals"),
        pytest.param(event("completed", **LAST, status="completed", output=None), "stop", id="no response"),
        pytest.param(event("finished", response=LAST | {"status": "completed"}), "stop", id="another name"),
        pytest.param(
            event("done", **LAST, incomplete_details={"reason": "length"}), "length", id="flat, cut"
        ),
        pytest.param(
            event(
                "completed", response=LAST | {"status": "completed", "incomplete_details": {"reason": "stop"}}
            ),
            "stop",
            id="a reason that is none",
        ),
        pytest.param(
            event("done", response=LAST | {"status": "incomplete", "status_details": {"reason": "length"}}),
            "length",
            id="OpenAI's Realtime API",
        ),
    ],
)
def test_every_shape_of_the_terminal_event_ends_the_response(terminal: dict[str, Any], finish: str) -> None:
    """The text stays, the usage counts, and the finish is the one that the server gave."""
    completion = complete(CREATED, text("Low", item_id="m"), terminal)
    assert (completion.text, completion.finish_reason, completion.usage) == ("Low", finish, Usage(1))


@pytest.mark.parametrize("terminal", [event("completed"), event("done"), event("completed", response=None)])
def test_a_terminal_event_may_be_empty(terminal: dict[str, Any]) -> None:
    """Its name alone ends the response."""
    completion = complete(CREATED, text("Low", item_id="m"), terminal)
    assert (completion.text, completion.finish_reason, completion.extras) == ("Low", "stop", {})


@pytest.mark.parametrize("status", ["failed", "cancelled", "Canceled"])
def test_an_unknown_name_with_a_bad_status_raises(status: str) -> None:
    """The status tells how the response ended."""
    _, error = read(
        [CREATED, text("Low", item_id="m"), event("finished", response=LAST | {"status": status})]
    )
    assert isinstance(error, APIError)
    assert error.partial is not None
    assert error.partial.text == "Low"


@pytest.mark.parametrize(
    ("details", "reason", "raw"),
    [
        ({"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ({"reason": "content_filter"}, "content_filter", "content_filter"),
        ({"reason": "budget_spent"}, "other", "budget_spent"),
        ({"reason": "MAX_TOKENS"}, "length", "MAX_TOKENS"),
        ({"reason": "model_context_window_exceeded"}, "length", "model_context_window_exceeded"),
        ({"reason": "content_filter: RECITATION"}, "content_filter", "content_filter: RECITATION"),
        ({"reason": "Guardrail_Intervened"}, "content_filter", "Guardrail_Intervened"),
        ({"reason": "pause_turn"}, "pause", "pause_turn"),
        ({"reason": "insufficient_system_resource"}, "error", "insufficient_system_resource"),
        ("max_tokens", "length", "max_tokens"),
        (None, "other", "incomplete"),
    ],
)
@pytest.mark.parametrize("name", ["incomplete", "completed", "done"])
def test_incomplete_completes_with_its_reason(
    details: dict[str, str] | str | None, reason: str, raw: str, name: str
) -> None:
    """PS-17: by the event's name or by the status, whichever says so; usage is kept."""
    response = {
        "status": "incomplete",
        "incomplete_details": details,
        "output": [],
        "usage": {"input_tokens": 1},
    }
    completion = complete(CREATED, text("Half", item_id="m"), event(name, response=response))
    assert (completion.finish_reason, completion.raw_finish_reason) == (reason, raw)
    assert (completion.text, completion.status, completion.usage) == ("Half", "incomplete", Usage(1))


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        pytest.param("completed", '{"n":1}', [("function_call", '{"n":1}')], id="completed"),
        pytest.param("in_progress", '{"n":1}', [("function_call", '{"n":1}')], id="in progress, but whole"),
        pytest.param("in_progress", '{"n":', [], id="in progress"),
        pytest.param("incomplete", '{"n":', [], id="incomplete"),
        pytest.param("in_progress", "", [], id="not begun"),
    ],
)
def test_a_call_that_was_cut_is_not_handed_out(status: str, said: str, expected: list[Any]) -> None:
    """Law 5: of a cut response, only calls that are whole; the others are in the items, as incomplete."""
    response = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [call(said, "c", status=status)],
    }
    events, _ = read([CREATED, event("incomplete", response=response)])
    completion = events[-1].completion  # type: ignore[union-attr]
    assert handed_out(events) == expected
    assert gist(completion) == [("function_call", said)]
    assert len(completion.tool_calls) == len(expected)


def test_nothing_is_read_after_the_terminal_event() -> None:
    """NR-02: the answer is not held back until the server closes the socket."""

    def payloads() -> Iterator[dict[str, Any]]:
        yield CREATED
        yield completed(message("Hi"))
        raise AssertionError("read on")

    events, error = read(payloads())
    assert error is None
    assert handed_out(events) == [("message", "Hi")]


def test_done_marker_is_no_ending() -> None:
    """PS-20: [DONE] behind the terminal event is fine, and in its place it is a truncation."""
    assert complete(CREATED, completed(message("Hi")), END).text == "Hi"
    _, error = read([CREATED, text("Ha", item_id="m"), END])
    assert isinstance(error, TruncatedStreamError)
    assert error.partial is not None
    assert error.partial.text == "Ha"


def test_the_end_of_the_body_is_no_ending() -> None:
    """PS-19: without a terminal event the stream was cut, though every item is closed."""
    _, error = read([CREATED, done(message("All said."))])
    assert isinstance(error, TruncatedStreamError)


def test_an_empty_output_takes_nothing_back() -> None:
    """P4: `completed` with `output: []`, or with none at all, keeps what the items said."""
    items = [done(reasoning(["Why"], "r")), done(message("Kept", "m")), done(call("{}", "c"))]
    expected = [("reasoning", "Why"), ("message", "Kept"), ("function_call", "{}")]
    assert gist(complete(CREATED, *items, completed())) == expected
    assert gist(complete(CREATED, *items, event("completed", response={"id": "resp_1"}))) == expected


def test_items_that_only_the_terminal_event_has() -> None:
    """Text, reasoning and calls that stand only in its body are told, closed and complete."""
    output = [reasoning(["Why"], "r"), message("Only here", "m"), call("{}", "c")]
    events, _ = read([CREATED, completed(*output)])
    assert handed_out(events) == [("reasoning", "Why"), ("message", "Only here"), ("function_call", "{}")]


# -- errors ---------------------------------------------------------------------------------------


def failed(code: str | None, said: str, **fields: Any) -> dict[str, Any]:
    error = {"code": code, "message": said}
    return event(
        "failed", response={"id": "resp_1", "status": "failed", "error": error, "output": []} | fields
    )


TRY_AGAIN = "Rate limit reached. Please try again in 1.898s."


@pytest.mark.parametrize(
    ("payload", "kind", "facts"),
    [
        pytest.param(
            failed("context_length_exceeded", "Too long."),
            BadRequestError,
            {"code": "context_length_exceeded", "message": "Too long.", "retryable": False},
            id="context length",
        ),
        pytest.param(
            failed("insufficient_quota", "No credit."),
            RateLimitError,
            {"code": "insufficient_quota", "retryable": False},
            id="quota",
        ),
        pytest.param(
            failed("rate_limit_exceeded", TRY_AGAIN), RateLimitError, {"retry_after": 1.898}, id="rate limit"
        ),
        pytest.param(
            failed("invalid_prompt", "No."), BadRequestError, {"retryable": False}, id="invalid prompt"
        ),
        pytest.param(failed("server_error", "Oh."), ServerError, {"retryable": True}, id="server error"),
        pytest.param(
            event("failed", response={"status": "failed", "error": None}),
            APIError,
            {"code": None},
            id="no error",
        ),
        pytest.param(completed(status="failed"), APIError, {}, id="completed, but failed"),
        pytest.param(
            completed(error={"message": "Oh."}), APIError, {"message": "Oh."}, id="completed, with an error"
        ),
        pytest.param(
            {"type": "error", "code": "server_error", "message": "Oh.", "param": None},
            ServerError,
            {"code": "server_error", "message": "Oh."},
            id="PS-18, flat",
        ),
        pytest.param(
            {"type": "error", "error": {"type": "invalid_request_error", "message": "Bad."}},
            BadRequestError,
            {"message": "Bad.", "type": "invalid_request_error"},
            id="nested",
        ),
        pytest.param(
            {"error": {"code": 400, "message": "Bad."}}, BadRequestError, {"status": 400}, id="no type"
        ),
        pytest.param(
            {"type": "overloaded_error", "message": "Busy."}, OverloadedError, {}, id="a type of its own"
        ),
        pytest.param(
            {"type": "exception", "message": "Oh."}, APIError, {"message": "Oh."}, id="an exception"
        ),
        *(
            pytest.param(
                event(name, response={"status": "failed", "error": {"message": "Oh."}}),
                APIError,
                {"message": "Oh."},
                id=f"failed in {name}",
            )
            for name in ("created", "in_progress")
        ),
        pytest.param(
            event("done", response={"status": "failed", "status_details": {"error": {"message": "Oh."}}}),
            APIError,
            {"message": "Oh."},
            id="the Realtime API's details",
        ),
        pytest.param(
            event("cancelled", response={"status": "cancelled"}),
            APIError,
            {"type": "cancelled"},
            id="cancelled",
        ),
        *(
            pytest.param(payload, APIError, {"type": "cancelled"}, id=f"canceled, {where}")
            for where, payload in {
                "in both": event("canceled", response={"status": "canceled"}),
                "in the event's name": event("canceled", response={"output": []}),
                "in the status": completed(status="canceled"),
            }.items()
        ),
    ],
)
def test_a_failure_raises(payload: dict[str, Any], kind: type[APIError], facts: dict[str, Any]) -> None:
    """PS-16, PS-18, X-05: the narrowest class, with what the server said; never an ending."""
    events, error = read([CREATED, payload])
    assert type(error) is kind
    assert {name: getattr(error, name) for name in facts} == facts
    assert error.body == payload
    assert [type(e) for e in events] == [Started]


def test_a_failure_comes_after_what_had_arrived() -> None:
    """X-06: finished calls are handed out, cut ones are not, and usage is kept, before it raises."""
    usage = {"input_tokens": 3}
    payloads = [
        CREATED,
        done(call("{}", "a", call_id="call_a")),
        added(call("", "b", call_id="call_b")),
        arguments('{"n"', item_id="b"),
        failed("server_error", "Oh.", usage=usage),
    ]
    events, error = read(payloads)
    assert isinstance(error, ServerError)
    assert handed_out(events) == [("function_call", "{}")]
    assert UsageReport(Usage(3)) in events
    assert error.partial is not None
    assert [c.call_id for c in error.partial.tool_calls] == ["call_a"]
    assert gist(error.partial) == [("function_call", "{}"), ("function_call", '{"n"')]
    assert (error.partial.status, error.partial.finish_reason) == ("failed", None)


def test_a_failed_tool_is_no_failure_of_the_response() -> None:
    """A hosted tool's progress may carry an error; the response goes on."""
    payload = event("mcp_call.failed", item_id="mcp", output_index=0, error={"message": "no route"})
    assert complete(CREATED, payload, completed(message("Sorry."))).text == "Sorry."


# -- payloads of no known shape -------------------------------------------------------------------


def test_notes_pass_through() -> None:
    """Comments and bad frames stand where they stood on the wire."""
    notes = [KeepAlive("wait"), BadFrame("{", "torn")]
    assert list(normalize(notes, GENERIC, AnswerState())) == notes


def test_a_payload_that_is_no_event_is_a_bad_frame() -> None:
    """JSON of another API's shape is told, and the stream goes on."""
    stray = {"choices": []}
    events, _ = read([CREATED, stray, completed(message("Hi"))])
    (bad,) = [e for e in events if isinstance(e, BadFrame)]
    assert (bad.data, bad.raw) == ('{"choices": []}', stray)
    assert handed_out(events) == [("message", "Hi")]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"response": completed(message("Hi"))["response"]}, id="without a type"),
        pytest.param(
            completed(message("Hi"))["response"] | {"object": "response"}, id="without its envelope"
        ),
    ],
)
def test_a_response_without_a_type_is_the_ending(payload: dict[str, Any]) -> None:
    """A response that is over by its status ends the stream."""
    assert complete(CREATED, payload).text == "Hi"


# -- the other wire -----------------------------------------------------------------------------


def test_a_program_need_not_know_the_wire() -> None:
    """One turn told on both wires: the same deltas, calls, finish reason and usage."""
    entry = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"n":1}'}}
    usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    chunks: list[dict[str, Any]] = [
        _chunk({"reasoning_content": "Hm"}),
        _chunk({"content": "As"}),
        _chunk({"content": "k."}),
        _chunk({"tool_calls": [entry]}),
        _chunk({"tool_calls": [more]}),
        _chunk({}, "tool_calls") | {"usage": usage},
    ]
    payloads = [
        CREATED,
        event("reasoning_text.delta", delta="Hm", item_id="r"),
        text("As", item_id="m"),
        text("k.", item_id="m"),
        added(call("", "c")),
        arguments('{"n":1}', item_id="c"),
        completed(usage={"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}),
    ]
    state = AnswerState()
    ours, theirs = read(payloads)[0], list(accumulate(chat(chunks, GENERIC, state), state))
    told = TextDelta | ReasoningDelta | ToolCallDelta | UsageReport
    assert [e for e in ours if isinstance(e, told)] == [e for e in theirs if isinstance(e, told)]
    assert [type(e) for e in ours] == [type(e) for e in theirs]
    mine, other = ours[-1].completion, theirs[-1].completion  # type: ignore[union-attr]
    assert gist(mine) == gist(other)
    assert mine.finish_reason == other.finish_reason == "tool_calls"


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"id": "resp_1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


# -- plain bodies ---------------------------------------------------------------------------------


BODY = {
    "id": "resp_1",
    "object": "response",
    "model": "m-1",
    "status": "completed",
    "output": [reasoning(["Why"], "r"), message("Whole", "m"), call("{}", "c")],
    "usage": {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
}


def test_a_body_is_a_stream_of_one_event() -> None:
    """A plain answer gives the same Completion as its stream, by the same kinds of events."""
    events = list(events_from_completion(BODY, wire="responses"))
    streamed = complete(CREATED, *(done(item) for item in BODY["output"]), event("completed", response=BODY))
    body = events[-1].completion  # type: ignore[union-attr]
    assert (body.choices, body.usage, body.id, body.model) == (
        streamed.choices,
        streamed.usage,
        streamed.id,
        streamed.model,
    )
    assert handed_out(events) == [("reasoning", "Why"), ("message", "Whole"), ("function_call", "{}")]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "completed"),
        ({"status": None}, "completed"),
        ({"status": "incomplete", "output": []}, "incomplete"),
        ({"status": None, "incomplete_details": {"reason": "length"}}, "incomplete"),
        ({"status": "failed", "error": {"message": "Oh."}, "output": []}, "failed"),
        ({"status": "cancelled", "output": []}, "cancelled"),
        ({"status": "canceled", "output": []}, "cancelled"),
        ({"status": "queued", "output": []}, "queued"),
    ],
)
def test_a_body_is_read_by_its_status(change: dict[str, Any], name: str) -> None:
    """The payload is the event that a stream would have ended with, or begun with."""
    body = BODY | change
    assert read_document(body) == [{"type": f"response.{name}", "response": body}]


@pytest.mark.parametrize(
    "output",
    [
        pytest.param([], id="nothing"),
        pytest.param([message("", "m"), reasoning([], "r")], id="empty items"),
        pytest.param([message(" \n", "m")], id="blank text"),
    ],
)
def test_a_completed_body_that_says_nothing_raises(output: list[dict[str, Any]]) -> None:
    """PS-27: not an empty success; what is known of the response is in `.partial`."""
    with pytest.raises(StreamError) as caught:
        list(events_from_completion(BODY | {"output": output}, wire="responses"))
    assert caught.value.partial is not None
    assert (caught.value.partial.id, caught.value.partial.items) == ("resp_1", ())


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(message("") | {"content": [{"type": "refusal", "refusal": "No"}]}, id="refusal"),
        pytest.param(reasoning([], "r", encrypted_content="e=="), id="encrypted reasoning"),
        pytest.param(call("{}", "c"), id="call"),
        pytest.param({"type": "compaction", "id": "x"}, id="an item without a class"),
    ],
)
def test_a_body_without_text_may_say_something(item: dict[str, Any]) -> None:
    """Anything but blank text and empty reasoning is an answer."""
    events = list(events_from_completion(BODY | {"output": [item]}, wire="responses"))
    assert len(handed_out(events)) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "No.", "code": "invalid_api_key"}}, APIError),
        ({"detail": "Not Found"}, APIError),
        ({"hello": "world"}, NotAnEventStreamError),
    ],
)
def test_a_body_that_is_no_response_raises(body: dict[str, Any], kind: type[Exception]) -> None:
    """An error body raises as that error, any other object as no answer at all."""
    with pytest.raises(kind):
        read_document(body)
