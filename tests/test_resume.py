"""stream(resume=N): a broken answer goes on at its place, at every byte, and no text arrives twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    PROFILES,
    APIConnectionError,
    APITimeoutError,
    Client,
    Reasoning,
    Retrying,
    RetryPolicy,
    StreamCancelledError,
    TextDelta,
    TruncatedStreamError,
    UsageError,
)
from streamkit.http.messages import Call
from streamkit.testing import FakeReply, FakeTransport, chat_stream, refusal, responses_stream

ANSWER = responses_stream(Reasoning(summary=["Which port?"]), "High tide ", "is at ", "18:04.")
NUMBERED = b"".join(
    block.replace(b'"type":', b'"sequence_number": %d, "type":' % number, 1)
    for number, block in enumerate(re.findall(rb".*?\n\n", ANSWER, re.DOTALL))
)
FAST = RetryPolicy(max_retries=0, max_wait=0)


def whole(text: bytes) -> list[Any]:
    own = Client(
        "openai", api_key="k", base_url="http://h/v1", wire="responses", transport=FakeTransport(text)
    )
    return [(type(e), getattr(e, "text", None)) for e in own.stream("hi", model="m")]


def background(cuts: list[int], error: BaseException | None) -> Callable[[Call], Any]:
    """Answer as the Responses API does: each reply ends at the next cut, and goes on after a number."""
    left = list(cuts)

    def answer(call: Call) -> Any:
        body = NUMBERED
        if call.method == "GET":
            after = int(call.query["starting_after"])
            blocks = re.findall(rb".*?\n\n", NUMBERED, re.DOTALL)
            body = b"".join(blocks[after + 1 :])
        if left:
            cut = left.pop(0)
            return FakeReply([body[:cut], *([error] if error else [])])
        return FakeReply([body])

    return answer


def client(answer: Callable[[Call], Any], **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(answer)
    return (
        Client(
            "openai",
            api_key="k",
            base_url="http://h/v1",
            wire="responses",
            transport=transport,
            retry=FAST,
            **options,
        ),
        transport,
    )


@pytest.mark.parametrize("error", [APIConnectionError("reset"), None], ids=["reset", "early end"])
def test_an_answer_goes_on_at_every_byte(error: BaseException | None) -> None:
    """Whatever was cut, the events are those of the whole answer, with one Retrying(resumed=True)."""
    expected = whole(NUMBERED)
    first_block = NUMBERED.index(b"\n\n") + 2
    for cut in range(first_block, len(NUMBERED), 7):
        own, transport = client(background([cut], error))
        events = list(own.stream("hi", model="m", background=True, resume=3))
        again = [e for e in events if isinstance(e, Retrying)]
        assert [
            (type(e), getattr(e, "text", None)) for e in events if not isinstance(e, Retrying)
        ] == expected
        if len(transport.calls) == 2:
            assert [e.resumed for e in again] == [True]
            assert transport.calls[1].method == "GET"
            assert transport.calls[1].url.startswith("http://h/v1/responses/resp_fake")


def test_breaks_add_up() -> None:
    """Three breaks are survived with resume=3, not with resume=2."""
    size = len(NUMBERED) // 3
    own, transport = client(background([size, size // 2, size // 2], APIConnectionError("reset")))
    stream = own.stream("hi", model="m", background=True, resume=3)
    assert stream.result().text == "High tide is at 18:04."
    assert len(transport.calls) == 4
    own, _ = client(background([size, size // 2, size // 2], APIConnectionError("reset")))
    stream = own.stream("hi", model="m", background=True, resume=2)
    with pytest.raises(APIConnectionError):
        stream.result()
    assert stream.partial.items


def test_a_server_that_refuses_to_continue() -> None:
    """The error is that of the break; the refusal is its cause, and the answer so far is kept."""
    start = background([NUMBERED.index(b"is at ") + 90], APIConnectionError("reset"))

    def answer(call: Call) -> Any:
        return refusal(404) if call.method == "GET" else start(call)

    own, transport = client(answer)
    stream = own.stream("hi", model="m", background=True, resume=3)
    with pytest.raises(APIConnectionError, match="reset") as caught:
        stream.result()
    assert "404" in str(caught.value.__cause__)
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("High tide ")
    assert len(transport.calls) == 2


def test_a_resumption_that_failed_is_told_before_the_retry() -> None:
    """It isn't part of the next attempt, whose text doesn't continue the first one's."""
    first = NUMBERED.index(b"\n\n") + 2
    posts = [FakeReply([NUMBERED[:first], APIConnectionError("reset")]), FakeReply([NUMBERED])]

    def answer(call: Call) -> Any:
        return refusal(404) if call.method == "GET" else posts.pop(0)

    own, _ = client(answer)
    events = own.stream("hi", model="m", background=True, resume=3, retry=RetryPolicy(2, 0.0))
    kinds = [(type(each).__name__, getattr(each, "resumed", None)) for each in events]
    assert kinds[:6] == [
        ("Opened", None),
        ("Started", None),
        ("Retrying", True),
        ("Retrying", False),
        ("Opened", None),
        ("Started", None),
    ]
    assert [each for each in kinds[6:] if each[0] == "Retrying"] == []


def test_a_resumption_that_failed_is_told_before_the_error() -> None:
    start = background([NUMBERED.index(b"\n\n") + 2], None)
    own, _ = client(lambda call: refusal(404) if call.method == "GET" else start(call))
    told: list[Any] = []
    with pytest.raises(TruncatedStreamError):
        for event in own.stream("hi", model="m", background=True, resume=3):
            told.append(event)
    assert [each.resumed for each in told if isinstance(each, Retrying)] == [True]


def test_no_event_follows_a_cancel_while_it_waits_to_resume() -> None:
    def answer(call: Call) -> Any:
        stream.cancel()
        return FakeReply([NUMBERED[:300], APIConnectionError("reset")])

    own, _ = client(answer)
    stream = own.stream("hi", model="m", background=True, resume=3)
    told: list[Any] = []
    with pytest.raises(StreamCancelledError):
        for event in stream:
            told.append(event)
    assert not any(isinstance(each, Retrying) for each in told)


def test_before_the_answer_has_a_name_it_is_retried() -> None:
    """Nothing arrived that a server could continue: the usual rules apply."""
    replies = [FakeReply([NUMBERED[:20], APIConnectionError("reset")]), FakeReply([NUMBERED])]
    transport = FakeTransport(*replies)
    own = Client("openai", api_key="k", base_url="http://h/v1", wire="responses", transport=transport)
    stream = own.stream("hi", model="m", background=True, resume=3, retry=RetryPolicy(2, 0.0))
    assert stream.result().text == "High tide is at 18:04."
    assert [call.method for call in transport.calls] == ["POST", "POST"]


def test_without_resume_a_break_is_an_error() -> None:
    """The default."""
    own, transport = client(background([len(NUMBERED) // 2], None))
    with pytest.raises(TruncatedStreamError):
        own.stream("hi", model="m", background=True).result()
    assert len(transport.calls) == 1


def test_a_silent_server_is_a_break_and_a_deadline_is_not() -> None:
    """The idle clock leads to a new connection; the deadline is the caller's."""
    idle = APITimeoutError("idle: waited", phase="idle", seconds=1.0)
    own, transport = client(background([len(NUMBERED) // 2], idle))
    assert own.stream("hi", model="m", background=True, resume=1).result().text.endswith("18:04.")
    deadline = APITimeoutError("deadline: waited", phase="deadline", seconds=1.0)
    own, transport = client(background([len(NUMBERED) // 2], deadline))
    with pytest.raises(APITimeoutError):
        own.stream("hi", model="m", background=True, resume=1).result()
    assert len(transport.calls) == 1


# -- by bytes, as llama.cpp ---------------------------------------------------------------------


CHAT = chat_stream("Hoch", "wasser ", "🌊 um ", "18:04.")


def test_bytes_are_counted() -> None:
    """Cut at every byte, in the middle of a character, too."""
    profile = evolve(PROFILES["llamacpp"], base_url="http://h/v1")
    for cut in range(len(CHAT) - 20):
        own = Client(profile, transport=FakeTransport(_keeping_bytes(cut)), retry=FAST)
        stream = own.stream("hi", model="m", resume=1)
        deltas = "".join(event.text for event in stream if isinstance(event, TextDelta))
        assert deltas == stream.partial.text == "Hochwasser 🌊 um 18:04."


def _keeping_bytes(cut: int) -> Callable[[Call], Any]:
    names: list[str] = []

    def answer(call: Call) -> Any:
        if call.method == "GET":
            assert call.query["conv_id"] == names[-1]
            return FakeReply([CHAT[int(call.query["from"]) :]])
        names.append(call.headers["X-Conversation-Id"])
        return FakeReply([CHAT[:cut], APIConnectionError("reset")])

    return answer


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume": 3}, "resume: expected background=True"),
        ({"resume": -1, "background": True}, "resume: expected a whole number, 0 or more"),
        ({"resume": "3", "background": True}, "resume: expected a whole number, 0 or more"),
    ],
    ids=str,
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    """They are named before anything is sent."""
    own, transport = client(background([], None))
    with pytest.raises(UsageError, match=f"^{message}"):
        own.stream("hi", model="m", **options)
    assert not transport.calls


def test_a_server_that_cant_continue_is_named() -> None:
    """Chat on most gateways."""
    own = Client("generic", base_url="http://h/v1", transport=FakeTransport(CHAT))
    with pytest.raises(UsageError, match=r"^resume: expected a server that continues broken streams"):
        own.stream("hi", model="m", resume=1)
