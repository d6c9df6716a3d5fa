"""Fallback: the next client takes over before the first output, after an error that a retry may help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    AuthenticationError,
    Client,
    Completed,
    Fallback,
    OverloadedError,
    Retrying,
    RetryPolicy,
    TruncatedStreamError,
    UsageError,
    agent,
    tool,
)
from streamkit.items import FunctionCall, Message, Origin, Reasoning
from streamkit.testing import FakeReply, FakeTransport, chat_stream, responses_stream, sse

BUSY = FakeReply([b'{"error":{"message":"busy"}}'], 503, {"retry-after": "0"})
CUT = sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})
ONCE = RetryPolicy(max_retries=0)


@dataclass
class Tide:
    hour: int


def client(name: str, *answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    defaults = {"base_url": "http://h/v1", "api_key": "k", "model": f"{name}-model", "retry": ONCE}
    return Client(name, transport=transport, **{**defaults, **options}), transport


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(BUSY, id="503"),
        pytest.param(FakeReply([b"{}"], 429), id="429"),
        pytest.param(APIConnectionError("refused"), id="no connection"),
        pytest.param(sse({"error": {"message": "overloaded", "code": 529}}), id="an error before output"),
    ],
)
def test_the_next_client_takes_over(failure: Any) -> None:
    """With its own wire, model and parameters; the event names it."""
    one, first = client("groq", failure, temperature=0.5)
    two, second = client("openai", responses_stream("Hello"), wire="responses", max_tokens=90)
    stream = Fallback(one, two).stream("hi")
    events = list(stream)
    (retrying,) = [event for event in events if isinstance(event, Retrying)]
    assert (retrying.attempt, retrying.source, retrying.delay) == (1, "openai", 0.0)
    assert isinstance(events[-1], Completed)
    assert stream.result().text == "Hello"
    assert (first.bodies[0]["model"], first.bodies[0]["temperature"]) == ("groq-model", 0.5)
    assert (second.bodies[0]["model"], second.bodies[0]["max_output_tokens"]) == ("openai-model", 90)
    assert "temperature" not in second.bodies[0]
    assert stream.request is not None
    assert stream.request.wire == "responses"


def test_the_answer_is_parsed_as_the_next_client_sends_it() -> None:
    """JSON is read from prose if the server that answers enforces no schema, whatever the first one does."""
    one, _ = client("openai", BUSY)
    two, _ = client("deepseek", chat_stream('Here it is: {"hour": 18}. Enjoy!'))
    answer = Fallback(one, two).stream("hi", response_format=Tide).result()
    assert answer.parsed() == Tide(18)


def test_a_client_uses_up_its_own_retries_first() -> None:
    """Only the takeover has a source."""
    one, first = client("groq", BUSY, retry=RetryPolicy(max_retries=2, max_wait=0))
    two, second = client("openai", BUSY, chat_stream("Hello"), retry=RetryPolicy(max_retries=1, max_wait=0))
    events = list(Fallback(one, two).stream("hi"))
    assert [event.source for event in events if isinstance(event, Retrying)] == [None, None, "openai", None]
    assert (len(first.calls), len(second.calls)) == (3, 2)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        pytest.param(FakeReply([b"{}"], 401), AuthenticationError, id="not retryable"),
        pytest.param(CUT, TruncatedStreamError, id="after output"),
    ],
)
def test_other_errors_are_raised(failure: Any, error: type[Exception]) -> None:
    """The next client isn't asked: it would fail too, or the text would be twice."""
    one, _ = client("groq", failure)
    two, second = client("openai", chat_stream("Hello"))
    with pytest.raises(error):
        Fallback(one, two).stream("hi").until_done()
    assert second.calls == []


def test_the_last_error_is_raised_with_the_one_before() -> None:
    """And the address of the client that it is from."""
    one, _ = client("groq", BUSY)
    two, _ = client("openai", FakeReply([b'{"error":{"message":"wrong key"}}'], 401))
    with pytest.raises(
        AuthenticationError, match=r"profile openai, model openai-model\): wrong key"
    ) as caught:
        Fallback(one, two).complete("hi")
    assert isinstance(caught.value.__cause__, OverloadedError)
    assert "profile groq" in str(caught.value.__cause__)


def test_complete_asks_a_broken_answer_again_from_the_first_client() -> None:
    """Each repeat begins with the preferred one."""
    one, first = client("groq", CUT, chat_stream("Hello"), retry=RetryPolicy(max_retries=1, max_wait=0))
    two, second = client("openai", chat_stream("other"))
    assert Fallback(one, two).complete(iter([Message("user", "hi")])).text == "Hello"
    assert (len(first.calls), len(second.calls)) == (2, 0)


def test_opaque_state_stays_with_its_client() -> None:
    """Each body is built for its own server."""
    secret = Reasoning(id="rs_1", encrypted_content="enc", origin=Origin("responses", "openai"))
    one, first = client("openai", BUSY, wire="responses")
    two, second = client("groq", chat_stream("Hello"))
    Fallback(one, two).stream(["q", secret, Message("assistant", "a"), "r"]).until_done()
    assert "enc" in str(first.bodies[0])
    assert "enc" not in str(second.bodies[0])


def test_an_agent_runs_on_it() -> None:
    """Each turn begins with the preferred client."""

    @tool
    def f() -> str:
        return "r"

    one, first = client("groq", BUSY)
    two, second = client("openai", chat_stream(FunctionCall("c1", "f", "{}")), chat_stream("done"))
    assert agent.run(Fallback(one, two), "q", [f]).result().text == "done"
    assert (len(first.calls), len(second.calls)) == (2, 2)


def test_a_fallback_needs_clients() -> None:
    """The error names the one that isn't."""
    with pytest.raises(UsageError, match=r"^clients: expected at least one Client"):
        Fallback()
    with pytest.raises(UsageError, match=r"^clients\[1\]: expected a Client, got str"):
        Fallback(client("groq", b"")[0], "openai")  # type: ignore[arg-type]
