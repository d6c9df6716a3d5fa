"""`streamkit doctor`: its findings about gateways of known behaviour, and the profile that it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from streamkit.cli import main
from streamkit.cli.findings import about_calls, about_reasoning, about_refusal, about_text, chunks_of
from streamkit.client import Client
from streamkit.client.stats import Stats
from streamkit.profiles import load_profiles
from streamkit.profiles.known import GENERIC, PROFILES
from streamkit.recordings.format import Recording
from streamkit.wires import WIRES

from .faultserver import FaultServer, Peer, delta, head, ok, refusal, sse

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a chat chunk whose delta contains *fields*."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "c1", "model": "m", "choices": [choice]}


def call(
    index: int | None, name: str | None = None, call_id: str | None = None, text: str = ""
) -> dict[str, Any]:
    """Return a chunk with a fragment of a tool call; a field of None is left out."""
    fragment = {"index": index, "id": call_id, "function": {"name": name, "arguments": text}}
    return chunk(tool_calls=[{key: value for key, value in fragment.items() if value is not None}])


@pytest.mark.parametrize(
    ("stream", "topic", "text", "fields"),
    [
        pytest.param(
            sse(delta("Hi"), delta(finish="stop"), "[DONE]"),
            "ending",
            "finish reason stop and [DONE]",
            {},
            id="good",
        ),
        pytest.param(
            sse(delta("Hi"), delta(finish="stop")),
            "ending",
            "finish reason stop without [DONE]",
            {},
            id="no done",
        ),
        pytest.param(
            sse(delta("Hi"), "[DONE]"), "ending", "[DONE] without a finish reason", {}, id="done only"
        ),
        pytest.param(
            sse(delta("Hi")),
            "ending",
            "neither finish reason nor [DONE]: a cut-off stream looks the same",
            {"eof": "accept"},
            id="no end",
        ),
        pytest.param(sse(delta("Hi")), "usage", "none", {}, id="no usage"),
        pytest.param(
            sse({"choices": [], "usage": USAGE}), "usage", "on a chunk of its own", {}, id="own chunk"
        ),
        pytest.param(
            sse(delta(finish="stop", usage=USAGE)),
            "usage",
            "on a chunk with a choice",
            {},
            id="on the finish",
        ),
        pytest.param(
            sse(delta("a", usage=USAGE), delta("b", usage=USAGE)),
            "usage",
            "on 2 chunks; the last one counts",
            {},
            id="on each",
        ),
        pytest.param(
            sse(chunk(reasoning_content="Hm.")),
            "reasoning",
            "in reasoning_content",
            {"reasoning_replay": "reasoning_content"},
            id="deepseek",
        ),
        pytest.param(
            sse(chunk(reasoning="Hm.", reasoning_details=[{"type": "reasoning.text"}])),
            "reasoning",
            "in reasoning and reasoning_details",
            {"reasoning_replay": "reasoning_details"},
            id="openrouter",
        ),
        pytest.param(
            sse(delta("<thi"), delta("nk>Hm.</think>Hi")),
            "reasoning",
            "between <think> tags in the text",
            {"think_tags": "start"},
            id="tags",
        ),
        pytest.param(
            sse(delta("<reasoning>Hm.</reasoning>Hi")),
            "reasoning",
            "between <reasoning> tags in the text",
            {"think_tags": "start"},
            id="other tags",
        ),
        pytest.param(
            sse(delta("Hm.</think>Hi")),
            "reasoning",
            "in the text before </think>, without an opening tag",
            {"think_tags": {"mode": "start", "tags": {"<think>": "</think>"}, "begins_inside": True}},
            id="begins inside",
        ),
        pytest.param(
            sse(chunk(reasoning_text="Hm.")), "reasoning", "in reasoning_text", {}, id="never sent back"
        ),
        pytest.param(sse(chunk(thoughts="Hm.")), "reasoning", "in thoughts", {}, id="a rare field"),
        pytest.param(
            sse(chunk(content=[{"type": "thinking", "thinking": []}])),
            "reasoning",
            "in parts of the content",
            {},
            id="mistral",
        ),
        pytest.param(
            b": ping\n\n" + sse(delta("Hi"), "[DONE]"),
            "framing",
            "text/event-stream; 1 chunks, 1 comments",
            {},
            id="comments",
        ),
        pytest.param(
            sse("nonsense", '["list"]', delta("Hi")),
            "framing",
            "text/event-stream; 1 chunks, 0 comments",
            {},
            id="bad frames",
        ),
    ],
)
def test_findings_of_a_plain_answer(stream: bytes, topic: str, text: str, fields: dict[str, str]) -> None:
    """Each finding has a text, and the profile fields that follow from it."""
    recording = Recording.of(stream)
    findings = [*about_text(recording, Stats()), about_reasoning(chunks_of(recording))]
    found = {finding.topic: finding for finding in findings}
    assert (found[topic].text, found[topic].fields) == (text, fields)


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        pytest.param(
            sse(call(0, "a", "k1"), call(0, text="{}"), call(1, "b", "k2"), call(1, text="{}")),
            "indexes 0, 1; an id on each call; arguments in pieces",
            id="openai",
        ),
        pytest.param(
            sse(*(call(index, "a", f"k{index}", "{}") for index in (10, 9, 2))),
            "indexes 2, 9, 10; an id on each call; arguments whole",
            id="numbers",
        ),
        pytest.param(
            sse(call(0, "a", "k1", "{}"), call(0, "b", "k2", "{}")),
            "2 names, all at index 0; an id on each call; arguments whole",
            id="all at 0",
        ),
        pytest.param(
            sse(call(None, "a", None, "{}")), "without index; without ids; arguments whole", id="gemini"
        ),
        pytest.param(
            sse(call(0, "a", "k1"), call(0, None, "k2", "{}")),
            "indexes 0; an id on every fragment; arguments in pieces",
            id="id each time",
        ),
        pytest.param(
            sse(delta("I cannot.")),
            "none, although a tool was offered: the model may not support tools",
            id="none",
        ),
    ],
)
def test_findings_of_tool_calls(stream: bytes, text: str) -> None:
    """The finding names the numbering and the ids of the calls, and whether arguments are in pieces."""
    (finding,) = about_calls(Recording.of(stream))
    assert finding.text == text


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        pytest.param(
            404, {"error": {"message": "x", "code": 5}}, "status 404; error with message, code", id="object"
        ),
        pytest.param(400, {"error": "no"}, "status 400; error as a string", id="text"),
        pytest.param(422, {"detail": []}, "status 422; an object with detail", id="other"),
        pytest.param(502, "<html>", "status 502; not JSON", id="html"),
        pytest.param(
            200, {"error": {"message": "x"}}, "status 200, in the stream; error with message", id="in-band"
        ),
        pytest.param(None, None, "the gateway answered although the model doesn't exist", id="none"),
    ],
)
def test_findings_of_a_refusal(status: int | None, body: Any, text: str) -> None:
    """The finding names the place and the shape of an error."""
    assert about_refusal(status, body).text == text


def doctor(
    answer: Callable[[dict[str, Any], str], bytes], capsys: pytest.CaptureFixture[str], *argv: str
) -> tuple[int, dict[str, Any], dict[str, str], str]:
    """Run doctor against a server that sends `answer(body, path)`; return status, profile, findings, URL."""

    def script(peer: Peer) -> None:
        if peer.asked.line.startswith("GET"):
            data = json.dumps({"data": [{"id": "m1"}]}).encode()
            peer.send(head("200 OK", "Content-Type: application/json", f"Content-Length: {len(data)}") + data)
        else:
            reply = answer(json.loads(peer.asked.body), peer.asked.path)
            peer.send(reply) if reply else peer.reset()

    with FaultServer(script) as server:
        url = server.url
        status = main(["doctor", url, *argv])
    out, err = capsys.readouterr()
    findings = dict(line.split(maxsplit=1) for line in err.splitlines())
    return status, json.loads(out) if out else {}, findings, url


def test_doctor_reports_each_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Models, a plain answer, calls, an error and every other API of the registry: each has a finding."""

    def answer(body: dict[str, Any], path: str) -> bytes:
        if not path.endswith("/chat/completions") or body["model"] != "m1":
            return refusal("404 Not Found", {"error": {"message": "unknown", "type": "not_found"}})
        if "tools" in body:
            return ok(sse(call(0, "get_weather", "k1", "{}"), delta(finish="tool_calls"), "[DONE]"))
        return ok(
            sse(chunk(reasoning_content="Hm."), delta("One"), delta(finish="stop", usage=USAGE), "[DONE]")
        )

    status, profile, findings, url = doctor(answer, capsys)
    assert status == 0
    assert {topic: findings[topic] for topic in ("model", "ending", "usage", "reasoning", "errors")} == {
        "model": "m1",
        "ending": "finish reason stop and [DONE]",
        "usage": "on a chunk with a choice",
        "reasoning": "in reasoning_content",
        "errors": "status 404; error with message, type",
    }
    assert findings["tool"] == "calls  indexes 0; an id on each call; arguments whole"
    others = [wire for wire in WIRES if wire != GENERIC.wire]
    assert others
    for wire in others:
        assert findings[wire] == "not answered: refused with status 404: unknown"
    assert profile == {"mine": {"base_url": url, "reasoning_replay": "reasoning_content"}}


def test_the_printed_profile_fits_the_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the profile, a client reads a gateway that refuses stream_options and sends no ending."""

    def answer(body: dict[str, Any], path: str) -> bytes:
        if "stream_options" in body:
            return refusal("400 Bad Request", {"error": "unknown field stream_options"})
        return ok(sse(delta("<think>Hm.</think>"), delta("Hi")))

    status, profile, findings, url = doctor(answer, capsys, "--model", "m1", "--name", "odd")
    assert (status, findings["options"]) == (0, "refuses stream_options")
    assert profile["odd"] == {
        "base_url": url,
        "eof": "accept",
        "think_tags": "start",
        "include_usage": False,
    }
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(profile), encoding="utf-8")
    with FaultServer(lambda peer: peer.send(answer(json.loads(peer.asked.body), ""))) as again:
        client = Client(load_profiles(path)["odd"], base_url=again.url)
        completion = client.complete("Hi", model="m1")
        client.close()
    assert (completion.text, completion.reasoning) == ("Hi", "Hm.")


def test_every_request_limits_its_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    """Some models never stop by themselves, so each request has a limit, in a parameter that they accept."""
    limits: list[tuple[str, Any]] = []

    def answer(body: dict[str, Any], path: str) -> bytes:
        settings = {**body, **body.get("generationConfig", {})}  # Gemini's
        limits.append(next((name, value) for name, value in settings.items() if "tokens" in name.lower()))
        if "max_tokens" in body:
            return refusal("400 Bad Request", {"error": {"message": "max_tokens is not supported"}})
        return ok(sse(delta("One"), delta(finish="length"), "[DONE]"))

    status, _, findings, _ = doctor(answer, capsys, "--model", "m9")
    assert (status, findings["limit"]) == (0, "refuses max_tokens, accepts max_completion_tokens")
    assert findings["ending"] == "finish reason length and [DONE]"
    # Refused; then the same request again, calls, and a model that doesn't exist; then the other APIs.
    assert limits[:4] == [("max_tokens", 500), *[("max_completion_tokens", 500)] * 3]
    assert set(limits[4:]) == {("max_output_tokens", 500), ("max_tokens", 500), ("maxOutputTokens", 500)}
    assert len(limits[4:]) == len(WIRES) - 1


def test_a_socket_that_closes_in_the_middle_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway closes every connection of requests with tools: there is a profile; the status is 0."""

    def answer(body: dict[str, Any], path: str) -> bytes:
        if "tools" in body:
            return b""
        return ok(sse(delta("<think>Hm.</think>One"), delta(finish="stop"), "[DONE]"))

    status, profile, findings, url = doctor(answer, capsys)
    assert status == 0
    assert findings["tool"].startswith("calls  not answered: 127.0.0.1:")
    assert "closed the connection without an answer" in findings["tool"]
    assert profile == {"mine": {"base_url": url, "think_tags": "start"}}


def test_reasoning_is_read_from_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """A model that reasons only before a call gets its field in the profile."""

    def answer(body: dict[str, Any], path: str) -> bytes:
        if "tools" in body:
            called = call(0, "get_weather", "k1", "{}")
            return ok(sse(chunk(reasoning="Hm."), called, delta(finish="tool_calls"), "[DONE]"))
        return ok(sse(delta("One"), delta(finish="stop"), "[DONE]"))

    _, profile, findings, _ = doctor(answer, capsys)
    assert findings["reasoning"] == "in reasoning"
    assert profile["mine"]["reasoning_replay"] == "reasoning"


def test_a_gateway_of_another_api_gets_that_wire(capsys: pytest.CaptureFixture[str]) -> None:
    """Chat Completions is refused and Messages answered: the profile selects messages."""
    events = [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "model": "m1", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "One"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]

    def answer(body: dict[str, Any], path: str) -> bytes:
        if path.endswith("/messages"):
            return ok(sse(*events))
        return refusal("404 Not Found", {"error": {"message": "unknown"}})

    status, profile, findings, url = doctor(answer, capsys)
    assert (status, findings["chat"]) == (0, "not answered: refused with status 404: unknown")
    assert findings["messages"] == "answered"
    assert profile == {"mine": {"base_url": url, "wire": "messages"}}


def test_a_gateway_that_refuses_everything_has_a_profile_and_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each API has its line; the profile has the address."""
    status, profile, findings, url = doctor(
        lambda body, path: refusal("401 Unauthorized", {"error": {"message": "who are you?"}}), capsys
    )
    assert (status, profile) == (1, {"mine": {"base_url": url}})
    for wire in WIRES:
        assert findings[wire].startswith("not answered: the server refuses the key: ")


def test_a_known_gateway_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of a profile that streamkit has is worth a hint."""
    known = attrs.evolve(GENERIC, name="neighbour", base_url="http://127.0.0.1:9/v1")
    monkeypatch.setitem(PROFILES, "neighbour", known)
    assert main(["doctor", "http://127.0.0.1:9", "--model", "m"]) == 1
    assert "a profile for this address: --profile neighbour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "status", "complaint"),
    [
        pytest.param(
            ["http://me:secret@127.0.0.1:9/v1"],
            1,
            "nothing listens at 127.0.0.1:9; is the server running?",
            id="no list",
        ),
        pytest.param(
            ["http://127.0.0.1:9/v1", "--model", "m"],
            1,
            "nothing listens at 127.0.0.1:9; is the server running?",
            id="no server",
        ),
        pytest.param(
            ["http://nowhere.invalid/v1", "--model", "m"],
            1,
            "no host is called nowhere.invalid",
            id="no host",
        ),
        pytest.param(["127.0.0.1:9/v1"], 2, "add http:// or https://", id="no scheme"),
        pytest.param(["http://127.0.0.1:port/v1"], 2, "URL: expected http://", id="a bad port"),
        pytest.param(
            ["http://127.0.0.1:9/v1", "--key-env", "NO_KEY_HERE"],
            2,
            "--key-env: the variable NO_KEY_HERE isn't set",
            id="no key",
        ),
    ],
)
def test_doctor_fails_in_one_line(
    argv: list[str],
    status: int,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """If the gateway can't be reached, or the key is missing, the last line is the reason.

    A command line that is wrong has no profile; any other failure has one, without a password.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("NO_KEY_HERE", raising=False)
    assert main(["doctor", *argv]) == status
    out, err = capsys.readouterr()
    assert (out == "") == (status == 2)
    assert complaint in err.splitlines()[-1]
    assert "secret" not in err + out
    assert not re.search(r"Error\b|Errno|Exception", err.splitlines()[-1].replace("APIConnectionError: ", ""))
