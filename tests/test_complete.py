"""complete: broken answers and answers of another shape are asked for again; defaults; entries."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    AnswerError,
    APIConnectionError,
    Client,
    Message,
    OutputText,
    RateLimitError,
    RetryPolicy,
    TruncatedStreamError,
    Usage,
    UsageError,
)
from streamkit.testing import FakeReply, FakeTransport, chat_stream, responses_stream, sse

CUT = sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})
OVERLOADED = CUT + sse({"error": {"message": "busy", "code": 529}})


@dataclasses.dataclass
class Tide:
    hour: int


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamkit.client.time.sleep", lambda seconds: None)


def client(*answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    return Client("generic", base_url="http://h/v1", transport=transport, **options), transport


# -- answers that break -------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(CUT, id="cut"),
        pytest.param(OVERLOADED, id="an error after output"),
        pytest.param(FakeReply([CUT, APIConnectionError("reset")]), id="reset"),
    ],
)
def test_a_broken_answer_is_asked_for_again(broken: Any) -> None:
    """The caller has received nothing of it."""
    own, transport = client(broken, broken, chat_stream("Hello"))
    assert own.complete("hi", model="m").text == "Hello"
    assert len(transport.calls) == 3
    assert transport.closed == 3


def test_an_answer_that_is_cut_before_its_first_output_is_asked_for_again() -> None:
    """On Responses, two events come before any text; on chat, the role does."""
    begun = b"".join(responses_stream("Hello").partition(b"response.output_item.added")[:1])
    own, transport = client(begun, responses_stream("Hello"), wire="responses")
    assert own.complete("hi", model="m").text == "Hello"
    role = sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    own, transport = client(role, chat_stream("Hello"))
    assert own.complete("hi", model="m").text == "Hello"
    assert len(transport.calls) == 2


def test_the_policy_limits_the_repeats() -> None:
    """The last error is raised, with what had arrived."""
    own, transport = client(CUT, retry=RetryPolicy(max_retries=2))
    with pytest.raises(TruncatedStreamError) as caught:
        own.complete("hi", model="m")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"
    assert len(transport.calls) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"tools": [{"type": "web_search"}]},
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"store": True},
    ],
    ids=str,
)
def test_a_server_that_may_have_acted_is_not_asked_again(options: dict[str, Any]) -> None:
    """Hosted tools and stored conversations change with each request."""
    body = responses_stream("Hello")
    own, transport = client(body[: body.index(b"Hello") + 9], responses_stream("Hello"), wire="responses")
    with pytest.raises(TruncatedStreamError):
        own.complete("hi", model="m", **options)
    assert len(transport.calls) == 1


def test_a_refusal_isnt_repeated() -> None:
    """It would be refused again; and a stream's own retries aren't multiplied."""
    own, transport = client(FakeReply([b"{}"], 400))
    with pytest.raises(Exception, match="400"):
        own.complete("hi", model="m")
    assert len(transport.calls) == 1
    busy, transport = client(FakeReply([b"{}"], 503, {"retry-after": "0"}), retry=RetryPolicy(max_retries=2))
    with pytest.raises(Exception, match="503"):
        busy.complete("hi", model="m")
    assert len(transport.calls) == 3


# -- answers of another shape -------------------------------------------------------------


def test_the_reasons_go_back_to_the_model() -> None:
    """As a user message behind its answer; the usage is that of all tries."""
    first = chat_stream('{"hour": "six"}', usage=Usage(10, 5, 15))
    own, transport = client(first, chat_stream('{"hour": 6}', usage=Usage(20, 5, 25)))
    completion = own.complete("When?", model="m", response_format=Tide, ask_again=1)
    assert completion.parsed() == Tide(6)
    assert completion.usage == Usage(30, 10, 40)
    asked, answered, again = transport.bodies[1]["messages"]
    assert (asked["content"], answered["content"]) == ("When?", '{"hour": "six"}')
    assert 'the answer.hour: expected integer, got "six"' in again["content"]


def test_the_reasons_of_all_tries_are_kept() -> None:
    """In the order of the tries; the message names the last one first."""
    own, _ = client(chat_stream("no"), chat_stream('{"hour": "x"}'), chat_stream("{}"))
    with pytest.raises(AnswerError) as caught:
        own.complete("When?", model="m", response_format=Tide, ask_again=2)
    first, second, third = caught.value.reasons
    assert "isn't JSON" in first
    assert second == 'the answer isn\'t the requested Tide: the answer.hour: expected integer, got "x"'
    assert third == "the answer isn't the requested Tide: the answer.hour is missing"
    assert str(caught.value) == f"{third} (after 3 tries; try 1: {first}; try 2: {second})"


def test_the_last_reason_is_raised() -> None:
    """With the answer that it is about; a refusal isn't argued with."""
    own, transport = client(chat_stream("no"))
    with pytest.raises(AnswerError, match="isn't JSON") as caught:
        own.complete("When?", model="m", response_format=Tide, ask_again=2)
    assert len(transport.calls) == 3
    assert caught.value.partial is not None
    assert caught.value.partial.text == "no"
    refused = sse(
        {"choices": [{"index": 0, "delta": {"refusal": "I won't"}, "finish_reason": "stop"}]}, "[DONE]"
    )
    own, transport = client(refused)
    with pytest.raises(AnswerError, match="refused"):
        own.complete("When?", model="m", response_format=Tide, ask_again=2)
    assert len(transport.calls) == 1


@pytest.mark.parametrize("value", [-1, True, "2", 1.5])
def test_a_wrong_number_of_tries_is_named(value: Any) -> None:
    """Before anything is sent."""
    own, transport = client(b"")
    with pytest.raises(UsageError, match=r"^ask_again: expected a whole number"):
        own.complete("hi", model="m", response_format=Tide, ask_again=value)
    assert transport.calls == []


def test_asking_again_needs_a_format() -> None:
    """Else nothing can be checked."""
    own, _ = client(chat_stream("x"))
    with pytest.raises(UsageError, match=r"^ask_again: .* response_format"):
        own.complete("hi", model="m", ask_again=1)


def test_an_iterator_of_messages_is_sent_whole_each_time() -> None:
    """It can be read only once."""
    own, transport = client(CUT, chat_stream("Hello"))
    messages: Iterator[Message] = iter(
        [Message("user", "a"), Message("assistant", [OutputText("b")]), Message("user", "c")]
    )
    own.complete(messages, model="m")
    assert [len(body["messages"]) for body in transport.bodies] == [3, 3]


# -- the client's defaults ----------------------------------------------------------------


def test_a_client_has_defaults() -> None:
    """Those of the call win; None takes one away."""
    own, transport = client(chat_stream("x"), model="m", temperature=0.5, max_tokens=9)
    own.complete("hi")
    own.complete("hi", model="n", temperature=1, max_tokens=None)
    first, second = transport.bodies
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("m", 0.5, 9)
    assert (second["model"], second["temperature"], "max_tokens" in second) == ("n", 1, False)


def test_wrong_defaults_are_refused_at_once() -> None:
    """As those of a call; without any model, the call is."""
    with pytest.raises(UsageError, match="temprature"):
        client(b"", temprature=1)
    with pytest.raises(UsageError, match=r"^temperature: "):
        client(b"", temperature="hot")
    with pytest.raises(UsageError, match=r"^model: .* pass model= here or to Client$"):
        client(b"")[0].stream("hi")


# -- entries of a list --------------------------------------------------------------------


def letters(text: str, *, end: bool = True) -> FakeReply:
    pieces = [sse({"choices": [{"index": 0, "delta": {"content": letter}}]}) for letter in text]
    return FakeReply(
        [*pieces, sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]")][
            : None if end else -1
        ]
    )


@pytest.mark.parametrize(
    "text", ['[{"hour": 1}, {"hour": 22}]', '{"value": [{"hour": 1}, {"hour": 22}], "n": 2}']
)
def test_entries_are_yielded_when_they_are_whole(text: str) -> None:
    """The first one before the second has begun."""
    own, _ = client(letters(text))
    stream = own.stream("hi", model="m", response_format=list[Tide])
    entries = stream.elements(Tide)
    assert next(entries) == Tide(1)
    assert stream.partial.text == text[: text.index("}") + 1]
    assert list(entries) == [Tide(22)]


def test_numbers_and_strings_are_whole_at_their_end() -> None:
    """Further digits may follow a number."""
    own, _ = client(letters("[1, 22, 3]"), letters('["a", "b,]", ""]'))
    assert list(own.stream("hi", model="m").elements(int)) == [1, 22, 3]
    assert list(own.stream("hi", model="m").elements(str)) == ["a", "b,]", ""]


def test_an_entry_that_doesnt_fit_ends_it() -> None:
    """The entries before it were yielded; the error has the answer so far."""
    own, _ = client(letters('[{"hour": 1}, {"hour": "x"}, {"hour": 3}]'))
    entries = own.stream("hi", model="m").elements(Tide)
    assert next(entries) == Tide(1)
    with pytest.raises(AnswerError, match=r"entry 1\.hour: expected integer") as caught:
        next(entries)
    assert caught.value.partial is not None


def test_a_cut_entry_is_never_yielded() -> None:
    """The stream's own error is raised."""
    own, _ = client(letters('[{"hour": 1}, {"hour": 2', end=False))
    entries = own.stream("hi", model="m").elements(Tide)
    assert next(entries) == Tide(1)
    with pytest.raises(TruncatedStreamError):
        next(entries)


def test_an_answer_without_a_list_is_an_error() -> None:
    """It has no entries."""
    own, _ = client(letters('{"a": 1}'))
    with pytest.raises(AnswerError, match="the answer has no list, but dict"):
        list(own.stream("hi", model="m").elements(Tide))


# -- waits --------------------------------------------------------------------------------


def test_an_exhausted_limit_names_the_wait() -> None:
    """Of the limits in the headers, the longest that has nothing left; Retry-After wins."""
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m30s",
        "x-ratelimit-remaining-tokens": "5",
        "x-ratelimit-reset-tokens": "6h",
    }
    for more, wait in (({}, 90.0), ({"retry-after": "7"}, 7.0)):
        own, _ = client(FakeReply([b"{}"], 429, {**headers, **more}), retry=RetryPolicy(max_retries=0))
        with pytest.raises(RateLimitError) as caught:
            own.complete("hi", model="m")
        assert caught.value.retry_after == wait
