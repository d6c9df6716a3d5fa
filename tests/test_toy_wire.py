"""A new API is one module and one row: the whole library knows it, and no other file changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from streamkit import (
    Client,
    Completed,
    FunctionCall,
    FunctionCallOutput,
    ItemDone,
    Message,
    NotAnEventStreamError,
    Origin,
    Profile,
    Reasoning,
    TextDelta,
    ToolCallDelta,
    UsageError,
    agent,
    events_from_completion,
    read_events,
    tool,
)
from streamkit.cli import main
from streamkit.completion import Usage
from streamkit.serve import serve
from streamkit.testing import FakeTransport, Recording, refusal, sse, stream_of
from streamkit.wires import WIRES, find_wire

from . import toy_wire

CALL = FunctionCall("c1", "add", '{"a": 2, "b": 3}')
BODY = sse(
    {"toy": 1, "id": "toy-9", "model": "duck"},
    {"t": "Hel"},
    {"t": "lo"},
    {"s": "b64blob"},
    {"c": "c1", "f": "add", "a": '{"a": 2, "b": 3}'},
    {"u": [7, None]},
    {"u": [0, 5]},
    {"end": "act"},
)


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row. The module is imported at its first use."""
    monkeypatch.setitem(WIRES, "toy", toy_wire.__name__)


def toy_client(*answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    client = Client("generic", base_url="http://fake/v1", wire="toy", transport=transport, **options)
    return client, transport


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize("wire", ["toy", "auto"])
def test_a_stream_is_read(wire: str) -> None:
    """Text, a call that closes by itself, opaque state with its origin, merged usage, the finish."""
    events = list(read_events([BODY], wire=wire))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]
    assert [event.arguments for event in events if isinstance(event, ToolCallDelta)] == [CALL.arguments]
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("ItemDone") < kinds.index("UsageReport")  # ItemClosed closed the call at once
    last = events[-1]
    assert isinstance(last, Completed)
    done = last.completion
    assert (done.id, done.model, done.text, done.finish_reason) == ("toy-9", "duck", "Hello", "tool_calls")
    assert done.tool_calls == (CALL,)
    assert done.usage == Usage(7, 5)
    state = next(item for item in done.items if isinstance(item, Reasoning))
    assert (state.encrypted_content, state.origin) == ("b64blob", Origin("toy"))


def test_a_document_is_read_and_written() -> None:
    """Both ways, and an object of another shape is refused."""
    document = {"toy": 1, "id": "i", "model": "m", "pieces": [{"t": "Hi"}], "end": "fin"}
    last = list(events_from_completion(document, wire="auto"))[-1]
    assert isinstance(last, Completed)
    assert find_wire("toy").write_document(last.completion, None) == document
    with pytest.raises(NotAnEventStreamError):
        list(events_from_completion({"a": 1}, wire="toy"))


def test_a_request_goes_out_and_its_answer_comes_back() -> None:
    """Client: the path with the model, the body, a parameter; a parameter that the API lacks is refused."""
    client, transport = toy_client(stream_of("toy", "Hi", usage=Usage(1, 2)))
    done = client.complete("Hello?", model="a duck", temperature=0.5)
    assert (done.text, done.usage) == ("Hi", Usage(1, 2))
    assert transport.calls[0].url == "http://fake/v1/toys/a%20duck:speak"
    assert transport.bodies == [
        {"who": "a duck", "says": [{"t": "Hello?"}], "stream": True, "temperature": 0.5}
    ]
    with pytest.raises(UsageError, match="top_p: the toy API has no such parameter"):
        client.stream("Hello?", model="duck", top_p=0.5)


def test_a_refused_option_is_left_out() -> None:
    """`retry_with`: the next attempt goes without it, and the report says so."""
    client, transport = toy_client(refusal(400, {"error": "no temperature here"}), stream_of("toy", "Hi"))
    stream = client.stream("Hello?", model="duck", temperature=0.5)
    assert stream.result().text == "Hi"
    assert ["temperature" in body for body in transport.bodies] == [True, False]
    assert stream.request is not None
    assert stream.request.report.dropped == ["temperature: generic refuses it"]


def test_an_agent_goes_round_with_opaque_state() -> None:
    """Text, calls, outputs and opaque state go back to the API that made them."""
    client, transport = toy_client(BODY, stream_of("toy", "5"))
    result = agent.run(client, "2 + 3?", [add], model="duck").result()
    assert result.text == "5"
    assert transport.bodies[1]["says"] == [
        {"t": "2 + 3?"},
        {"t": "Hello"},
        {"s": "b64blob"},
        {"c": "c1", "f": "add", "a": '{"a": 2, "b": 3}'},
        {"o": "c1", "t": "5"},
    ]
    assert result.conversation[-2] == FunctionCallOutput("c1", "5")
    assert result.conversation[-1] == Message("assistant", "5")


def test_a_profile_may_name_it() -> None:
    """`Profile.wire` is checked against the registry, not against a list of its own."""
    profile = Profile("pond", base_url="http://fake/v1", wire="toy")
    done = Client(profile, transport=FakeTransport(stream_of("toy", "Quack"))).complete("?", model="m")
    assert done.text == "Quack"
    with pytest.raises(ValueError, match="toy"):
        Profile("pond", wire="tory")


def test_the_testing_helpers_know_it() -> None:
    """`stream_of` builds its streams, with a call and with opaque state."""
    body = stream_of("toy", "Hi", Reasoning(encrypted_content="x"), CALL, finish_reason="full")
    last = list(read_events([body], wire="toy"))[-1]
    assert isinstance(last, Completed)
    assert (last.completion.finish_reason, last.completion.tool_calls) == ("length", (CALL,))


def test_serve_plays_it() -> None:
    """A recording of the API is served at its path, as a stream and as a document."""
    with serve(Recording.of(BODY, name="duck"), speed=0) as server:
        url = f"{server.url}/toys/duck:speak"
        streamed = requests.post(url, json={"who": "duck", "stream": True}, timeout=10)
        plain = requests.post(url, json={"who": "duck"}, timeout=10)
        other = requests.post(f"{server.url}/toys/duck:sing", json={"model": "m"}, timeout=10)
    assert [type(event).__name__ for event in read_events([streamed.content], wire="auto")][-1] == "Completed"
    assert (plain.json()["id"], plain.json()["pieces"][0]) == ("toy-9", {"t": "Hello"})
    assert other.status_code == 404


def test_the_command_line_knows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`convert` writes it, `show` reads it, and the choices of --wire offer it."""
    file = tmp_path / "duck.sse"
    file.write_bytes(BODY)
    assert main(["convert", str(file), "--to", "toy"]) == 0
    assert json.loads(capsys.readouterr().out)["pieces"][0] == {"t": "Hello"}
    assert main(["convert", str(file), "--to", "chat"]) == 0
    assert json.loads(capsys.readouterr().out)["choices"][0]["message"]["content"] == "Hello"
    assert main(["show", str(file), "--wire", "toy", "--final"]) == 0
    assert "add" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["chat", "--help"])
    assert "toy" in capsys.readouterr().out


def test_items_of_other_wires_go_to_it_without_their_opaque_state() -> None:
    """A conversation that began on chat continues here; encrypted reasoning stays at home."""
    foreign = Reasoning(content="hm", encrypted_content="secret", origin=Origin("responses", "openai"))
    client, transport = toy_client(stream_of("toy", "Hi"))
    client.complete([Message("user", "?"), foreign, Message("user", "!")], model="duck")
    assert transport.bodies[0]["says"] == [{"t": "?"}, {"t": "!"}]


def test_every_item_is_yielded_once() -> None:
    """The call that closed early isn't yielded again at its choice's finish."""
    done = [event.item for event in read_events([BODY], wire="toy") if isinstance(event, ItemDone)]
    assert [item.type for item in done] == ["function_call", "message", "reasoning"]
