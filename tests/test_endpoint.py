"""endpoint: environment, headers and keys of a request; no secret in anything that is shown."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from typing import Any

import pytest
import requests

from streamkit import Client, InputImage, InputText, Message
from streamkit.client.options import AppInfo
from streamkit.errors import NotFoundError, StreamkitError, UsageError
from streamkit.events import BadFrame, KeepAlive, Opened
from streamkit.http.messages import Call
from streamkit.request.options import RetryPolicy
from streamkit.testing import FakeReply, FakeTransport, chat_stream, responses_stream, stream_of

from .faultserver import FaultServer, ok

SECRET = "s3cr3t0123456789abcdef"
TOKEN = "eyJhbGciOi.eyJhdWQiOi.c2lnbmF0"


def client(transport: FakeTransport, **options: Any) -> Client:
    return Client("generic", **{"base_url": "http://h/v1", "transport": transport, **options})


def call_of(**options: Any) -> Call:
    transport = FakeTransport(chat_stream("hi"))
    client(transport, **options).complete("hi", model="m")
    return transport.calls[0]


# -- addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_is_one_that_isnt_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files write OPENAI_BASE_URL= for a variable without a value."""
    monkeypatch.setenv("OPENAI_BASE_URL", blank)
    assert Client(api_key="k").base_url == "https://api.openai.com/v1"


def test_the_address_of_another_api_is_refused() -> None:
    """Its path would be in the middle of the address."""
    with pytest.raises(UsageError, match=r"^base_url: .*; remove /responses .* wire='responses'$"):
        call_of(base_url="http://h/v1/responses")


def test_a_bad_base_url_is_refused_by_the_client() -> None:
    """Before a program shows its client or sends a request."""
    with pytest.raises(UsageError, match=r"^base_url: "):
        client(FakeTransport(b""), base_url="http://[::1")


def azure(monkeypatch: pytest.MonkeyPatch, base: str, key: Any = "k") -> Call:
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-01-01-preview")
    transport = FakeTransport(chat_stream("hi"))
    Client("azure", base_url=base, api_key=key, transport=transport).complete("hi", model="d")
    return transport.calls[0]


def test_azure_reads_its_version_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for addresses with a version: the v1 API has none, and a URL's own version wins."""
    assert azure(monkeypatch, "https://x").query == {"api-version": "2025-01-01-preview"}
    assert azure(monkeypatch, "https://x/openai/v1").query == {}
    own = "https://x/openai/deployments/d/chat/completions?api-version=1"
    assert azure(monkeypatch, own).query == {"api-version": "1"}


def test_azures_deployment_has_its_responses_at_the_root() -> None:
    """The profile's two paths have different roots."""
    transport = FakeTransport(responses_stream("hi"))
    base = "https://x/openai/deployments/D"
    client = Client("azure", base_url=base, api_key="k", wire="responses", transport=transport)
    client.complete("hi", model="D")
    assert (transport.calls[0].url, transport.calls[0].query) == ("https://x/openai/v1/responses", {})


def test_a_bare_host_is_the_root_of_a_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the variable, in the argument, and for other paths, such as the list of models."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://10.0.0.2:11434/")
    assert Client("ollama").base_url == "http://10.0.0.2:11434/v1"
    transport = FakeTransport(chat_stream("hi"))
    Client("vllm", base_url="http://h:8000", transport=transport).complete("hi", model="m")
    assert transport.calls[0].url == "http://h:8000/v1/chat/completions"


def test_the_hint_of_a_404_follows_a_variable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of a variable can lack its version as well."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://h")
    transport = FakeTransport(FakeReply([b"{}"], 404))
    with pytest.raises(NotFoundError, match="does base_url need a version, such as http://h/v1"):
        Client("openai", api_key="k", transport=transport).complete("hi", model="m")


def test_azure_takes_keys_and_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key goes into api-key; a token of Entra ID, also from a function, into Authorization."""
    assert azure(monkeypatch, "https://x").credentials == {"api-key": "k"}
    for key in (TOKEN, lambda: TOKEN):
        assert azure(monkeypatch, "https://x", key).credentials == {"Authorization": f"Bearer {TOKEN}"}


def test_a_404_without_a_version_in_its_address_has_a_hint() -> None:
    """The error names the request, the profile and the model; the hint appears without a version only."""
    for base, hint in (
        ("http://h", "; does base_url need a version, such as http://h/v1?"),
        ("http://h/v2", ""),
    ):
        transport = FakeTransport(FakeReply([b'{"error":{"message":"no"}}'], 404, {"x-request-id": "r1"}))
        with pytest.raises(NotFoundError) as caught:
            client(transport, base_url=base).complete("hi", model="m")
        url = f"{base}/chat/completions"
        assert (
            str(caught.value) == f"404 from POST {url} (profile generic, model m): no{hint} [request id r1]"
        )
        assert caught.value.message == "no"


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize("has_picture", [True, False])
def test_a_request_with_pictures_has_its_header(wire: str, has_picture: bool) -> None:
    """Copilot: "missing required Copilot-Vision-Request header for vision requests"."""
    transport = FakeTransport(stream_of(wire, "hi"))
    client = Client("copilot", api_key="k", wire=wire, transport=transport)
    picture = [InputImage("https://x/y.png")] if has_picture else []
    client.complete(Message("user", [InputText("?"), *picture]), model="m")
    assert ("Copilot-Vision-Request" in transport.calls[0].headers) is has_picture


# -- headers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"headers": {"idempotency-key": "mine"}}, {"extra_headers": {"Idempotency-Key": "mine"}}]
)
def test_the_callers_idempotency_key_wins(options: dict[str, Any]) -> None:
    """At both places."""
    transport = FakeTransport(chat_stream("hi"))
    extra = options.pop("extra_headers", None)
    client(transport, **options).complete("hi", model="m", extra_headers=extra)
    sent = transport.calls[0].headers
    assert [value for name, value in sent.items() if name.lower() == "idempotency-key"] == ["mine"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param({"Authorization": f"Bearer {SECRET}\nx"}, "line breaks", id="a line break in a key"),
        pytest.param({"X-A": f"{SECRET}\r\nX-B: 1"}, "line breaks", id="a second header"),
        pytest.param({"X-A": f"{SECRET}\u2728"}, "beyond Latin-1", id="not Latin-1"),
        pytest.param({"X A": SECRET}, "names of letters", id="a blank in the name"),
        pytest.param({"": SECRET}, "names of letters", id="no name"),
    ],
)
def test_a_header_that_http_cant_carry_is_refused(headers: dict[str, str], error: str) -> None:
    """Nothing is sent, and neither the error nor its traceback with locals contains the value."""
    transport = FakeTransport(chat_stream("hi"))
    with pytest.raises(UsageError, match=error) as caught:
        client(transport).stream("hi", model="m", extra_headers=headers)
    assert transport.calls == []
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [line for line in shown.format() if "tests" not in line.partition("\n")[0]]
    assert SECRET not in "".join(own)


@pytest.mark.parametrize("given", ["", " ", "\n", None])
def test_a_blank_key_is_none(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from an empty secret of a cluster: the variable is read."""
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment")
    transport = FakeTransport(chat_stream("hi"))
    Client("openai", api_key=given, transport=transport).complete("hi", model="m")
    assert transport.calls[0].credentials == {"Authorization": "Bearer from the environment"}


@pytest.mark.parametrize("given", ["Bearer k1", "bearer k1\n"])
def test_a_key_may_be_the_whole_value_of_its_header(given: str) -> None:
    """Copied from an example of curl; the prefix isn't doubled."""
    transport = FakeTransport(chat_stream("hi"))
    Client("openai", api_key=given, transport=transport).complete("hi", model="m")
    assert transport.calls[0].credentials == {"Authorization": "Bearer k1"}


def test_a_line_break_after_a_key_is_removed() -> None:
    """Keys are read from files."""
    call = call_of(headers={"Authorization": f"Bearer {SECRET}\n"})
    assert call.credentials == {"Authorization": f"Bearer {SECRET}"}


def test_a_title_beyond_latin_1_names_its_header() -> None:
    """AppInfo has no other way to send it."""
    with pytest.raises(UsageError, match="X-OpenRouter-Title"):
        call_of(app=AppInfo(title="Caf\u00e9 \u2728"))


def test_a_key_function_that_raises_is_a_usage_error() -> None:
    """Its own message can contain a secret."""

    def key() -> str:
        raise OSError(SECRET)

    with pytest.raises(UsageError, match=r"^api_key: .* raised OSError$"):
        call_of(api_key=key)


# -- law 12: a secret at every place, shown by every object -------------------------------


def session_with(**values: Any) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    for name, value in values.items():
        setattr(session, name, value)
    return session


PLACES: dict[str, dict[str, Any]] = {
    "api_key": {"api_key": SECRET},
    "a function": {"api_key": lambda: SECRET},
    "Authorization": {"headers": {"Authorization": f"Bearer {SECRET}"}},
    "x-api-key": {"headers": {"x-api-key": SECRET}},
    "subscription key": {"headers": {"Ocp-Apim-Subscription-Key": SECRET}},
    "a header of any name": {"headers": {"X-Acme": SECRET}},
    "cookie": {"headers": {"Cookie": f"sid={SECRET}; a=b"}},
    "basic": {"headers": {"Proxy-Authorization": f"Basic {SECRET}"}},
    "query key": {"query": {"key": SECRET}},
    "query of any name": {"query": {"q": SECRET}},
    "signature": {"query": {"sig": SECRET}},
    "query of the URL": {"base_url": f"{{}}?key={SECRET}"},
    "path": {"base_url": f"{{}}/{SECRET}"},
    "password": {"base_url": f"{{user:{SECRET}@}}"},
    "session headers": {"session": session_with(headers={"X-Team": SECRET})},
    "session auth": {"session": session_with(auth=("me", SECRET))},
    "session query": {"session": session_with(params={"k": SECRET})},
}


def script(status: str) -> Any:
    def answer(peer: Any) -> None:
        quoted = json.dumps(SECRET)
        if status == "200":
            body = f": {SECRET}\n\ndata: {{bad {SECRET}\n\n".encode() + chat_stream("hi")
            peer.send(
                f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\r\nContent-Type: text/event-stream\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode(),
                body,
            )
        elif status == "in band":
            body = f'data: {{"error": {{"message": {quoted}, "code": {quoted}}}}}\n\n'.encode()
            peer.send(ok(body) if isinstance(ok(body), bytes) else b"")
        else:
            body = f'{{"error": {{"message": {quoted}, "type": {quoted}, "{SECRET}": 1}}}}'.encode()
            peer.send(
                f"HTTP/1.1 {status} No\r\nX-Echo: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n".encode(),
                body,
            )

    return answer


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", ["200", "401", "404", "500"])
def test_no_secret_is_shown(place: str, status: str, caplog: pytest.LogCaptureFixture, tmp_path: Any) -> None:
    """Not in an error, a repr, streamkit's log, an event, a recording or the locals of our own frames."""
    with FaultServer(script(status)) as server, caplog.at_level(logging.DEBUG, logger="streamkit"):
        options = dict(PLACES[place])
        if "base_url" in options:
            given = options["base_url"]
            user = given[1:-1] if "@" in given else ""
            options["base_url"] = server.url.replace("//", f"//{user}") if user else given.format(server.url)
        options = {"base_url": server.url, "retry": RetryPolicy(max_retries=0), **options}
        own = Client("generic", **options)
        shown: list[str] = [repr(own)]
        file = tmp_path / "r.jsonl"
        stream = own.stream("hi", model="m", record=file)
        shown.append(repr(stream.request))
        try:
            events = list(stream)
        except StreamkitError as error:
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown += [line for line in frames.format() if "/tests/" not in line.partition("\n")[0]]
            shown += [str(error), repr(error), repr(vars(error)), str(pickle.loads(pickle.dumps(error)))]
        else:
            assert {Opened, KeepAlive, BadFrame} <= {type(event) for event in events}
            shown += map(repr, events)
        shown += [caplog.text, repr(stream), file.read_text()]
        own.close()
    found = [text for text in shown if SECRET in text]
    assert found == []
