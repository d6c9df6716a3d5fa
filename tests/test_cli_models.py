"""`streamkit models`: the address of the list, the lists of several APIs, pages, and failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import UsageError
from streamkit.cli import main
from streamkit.cli.model_list import models_in, models_url

from .faultserver import FaultServer, Peer, head, refusal


def reply(document: Any) -> bytes:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return head("200 OK", "Content-Type: application/json", f"Content-Length: {len(data)}") + data


@pytest.mark.parametrize(
    ("base_url", "wire", "url"),
    [
        ("https://api.openai.com/v1", "chat", "https://api.openai.com/v1/models"),
        ("https://api.openai.com/v1/", "responses", "https://api.openai.com/v1/models"),
        ("https://api.anthropic.com", "messages", "https://api.anthropic.com/v1/models"),
        ("https://gemini.example", "gemini", "https://gemini.example/v1beta/models"),
        ("https://gemini.example/v1beta", "gemini", "https://gemini.example/v1beta/models"),
        ("https://api.perplexity.ai", "chat", "https://api.perplexity.ai/models"),
        ("http://127.0.0.1:8080/v1/chat/completions", "chat", "http://127.0.0.1:8080/v1/models"),
        ("http://127.0.0.1:8080/v1/responses", "chat", "http://127.0.0.1:8080/v1/models"),
        ("http://127.0.0.1:8080/v1/messages", "messages", "http://127.0.0.1:8080/v1/models"),
        (
            "https://gemini.example/v1beta/models/g:streamGenerateContent",
            "gemini",
            "https://gemini.example/v1beta/models",
        ),
        ("http://h/openai/v1?api-version=preview", "chat", "http://h/openai/v1/models?api-version=preview"),
    ],
)
def test_the_list_is_next_to_the_api(base_url: str, wire: str, url: str) -> None:
    """A base URL may be the root, with or without a version, or the whole address of an API."""
    assert models_url(base_url, wire) == url


@pytest.mark.parametrize(
    ("document", "names"),
    [
        pytest.param({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"], id="openai"),
        pytest.param({"models": [{"name": "models/gemini-x"}]}, ["gemini-x"], id="gemini"),
        pytest.param({"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]}, ["qwen3:8b"], id="ollama"),
        pytest.param([{"id": "a", "type": "chat"}], ["a"], id="together"),
        pytest.param(["a", "b"], ["a", "b"], id="names"),
        pytest.param({"data": [{"id": 7}, None, {"id": ""}, {"id": "a"}]}, ["a"], id="odd entries"),
        pytest.param({"data": []}, [], id="empty"),
    ],
)
def test_every_form_of_list_is_read(document: Any, names: list[str]) -> None:
    """The names are as `--model` takes them."""
    assert [model["id"] for model in models_in(document)] == names


@pytest.mark.parametrize("document", [{}, {"data": {}}, "models", 7, None], ids=str)
def test_another_document_is_an_error(document: Any) -> None:
    """The error names the address and the kind of thing that was expected."""
    with pytest.raises(UsageError, match="GET http://h/v1/models: expected a list of models, got another"):
        models_in(document, "http://h/v1/models")


def test_models_are_printed_one_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """WORD selects; --json prints the server's own entries; the key goes into the profile's header."""
    monkeypatch.setenv("MY_KEY", "sk-test-123456")
    listed = {"data": [{"id": "deepseek-r1", "ctx": 8}, {"id": "qwen3\x1b[2J\u202e"}]}
    with FaultServer(lambda peer: peer.send(reply(listed))) as server:
        options = ["--base-url", server.url, "--key-env", "MY_KEY"]
        assert main(["models", *options]) == 0
        assert capsys.readouterr().out == "deepseek-r1\nqwen3\ufffd[2J\ufffd\n"
        assert main(["models", "SEEK", "--json", *options]) == 0
        assert json.loads(capsys.readouterr().out) == {"id": "deepseek-r1", "ctx": 8}
        assert main(["models", "none-such", *options]) == 1
    asked = server.asked[0]
    assert asked.line.startswith("GET /v1/models ")
    assert asked.headers["authorization"] == "Bearer sk-test-123456"


def test_every_page_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Anthropic's list has more pages; its key and version go into its own headers."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-123456")

    def script(peer: Peer) -> None:
        if "after_id=b" in peer.asked.line:
            peer.send(reply({"data": [{"id": "c"}], "has_more": False, "last_id": "c"}))
        else:
            peer.send(reply({"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}))

    with FaultServer(script) as server:
        url = server.url.removesuffix("/v1")
        assert main(["models", "--profile", "anthropic", "--base-url", url]) == 0
    assert capsys.readouterr().out == "a\nb\nc\n"
    assert [asked.headers["x-api-key"] for asked in server.asked] == ["sk-ant-123456"] * 2
    assert "anthropic-version" in server.asked[0].headers


def test_a_server_that_repeats_a_page_ends_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A token that leads to itself is followed once."""
    page = {"models": [{"name": "models/a"}], "nextPageToken": "x"}
    with FaultServer(lambda peer: peer.send(reply(page))) as server:
        assert main(["models", "--base-url", server.url]) == 0
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        pytest.param(
            refusal("401 Unauthorized", {"error": {"message": "bad key"}}),
            1,
            "AuthenticationError: 401 from GET {url}/models: bad key",
            id="401",
        ),
        pytest.param(refusal("404 Not Found", "none"), 1, "need a version, such as /v1?", id="404"),
        pytest.param(
            reply({"error": {"message": "busy", "code": 429}}),
            1,
            "from GET {url}/models: busy",
            id="in a 200",
        ),
        pytest.param(reply(b"<!doctype html><html>"), 2, "an HTML page; does the URL need /v1", id="page"),
        pytest.param(reply(b"plain"), 2, "expected a list of models, got 'plain'", id="text"),
        pytest.param(None, 1, "closed the connection without an answer", id="closed"),
    ],
)
def test_failures_are_one_line(
    sent: bytes | None, status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line has the address and the reason, without the names of exceptions of other libraries."""
    with FaultServer(lambda peer: peer.send(sent) if sent else peer.reset()) as server:
        url = server.url
        assert main(["models", "--base-url", url]) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says.format(url=url) in err


def test_a_dead_address_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody needs to know what errno 111 is."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert main(["models", "--base-url", "http://127.0.0.1:9/v1"]) == 1
    err = capsys.readouterr().err
    assert err.endswith("can't list the models: nothing listens at 127.0.0.1:9; is the server running?\n")


@pytest.mark.parametrize("status", ["401 Unauthorized", "200 OK"])
def test_a_quoted_key_is_masked(
    status: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some servers repeat the key in their error, with any status."""
    monkeypatch.setenv("MY_KEY", "sk-test-123456")
    error = refusal(status, {"error": {"message": "no user for sk-test-123456"}})
    with FaultServer(lambda peer: peer.send(error)) as server:
        assert main(["models", "--base-url", server.url, "--key-env", "MY_KEY"]) == 1
    err = capsys.readouterr().err
    assert "no user for" in err
    assert "sk-test-123456" not in err
