"""Client: the call that it builds for each argument. A fake transport keeps the calls."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import requests

from streamkit.client import Client
from streamkit.client.options import AppInfo, RunOptions, StreamOptions
from streamkit.errors import APIConnectionError, UsageError
from streamkit.http.messages import Call
from streamkit.profiles.known import OPENAI
from streamkit.profiles.profile import Profile
from streamkit.request.options import RetryPolicy, Timeouts
from streamkit.request.params import Params
from streamkit.testing import FakeTransport

from .faultserver import HELLO, FaultServer, ok


@pytest.fixture(autouse=True)
def _no_keys_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def sent(profile: str | Profile = "openai", *, call: dict[str, Any] | None = None, **options: Any) -> Call:
    """The call that a client with *options* makes of one short question."""
    transport = FakeTransport(HELLO)
    options.setdefault("api_key", "sk-test-key")
    client = Client(profile, transport=transport, **options)
    next(client.stream("hi", model="m", **(call or {})))
    return transport.calls[0]


# -- address ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "options", "url"),
    [
        ("openai", {}, "https://api.openai.com/v1/chat/completions"),
        ("openai", {"wire": "responses"}, "https://api.openai.com/v1/responses"),
        ("openai", {"base_url": "http://h:1/v1/"}, "http://h:1/v1/chat/completions"),
        ("openrouter", {}, "https://openrouter.ai/api/v1/chat/completions"),
        ("ollama", {}, "http://127.0.0.1:11434/v1/chat/completions"),
        (
            "azure",
            {"base_url": "https://me.openai.azure.com/"},
            "https://me.openai.azure.com/openai/deployments/m/chat/completions",
        ),
        (
            "azure",
            {"base_url": "https://me.openai.azure.com", "wire": "responses"},
            "https://me.openai.azure.com/openai/v1/responses",
        ),
        (
            "azure",
            {"base_url": "https://me.openai.azure.com/openai/v1"},
            "https://me.openai.azure.com/openai/v1/chat/completions",
        ),
    ],
)
def test_the_address_is_put_together(profile: str, options: dict[str, Any], url: str) -> None:
    """The address has no doubled slash; on Azure the model is the deployment."""
    assert sent(profile, **options).url == url


def test_azure_gets_its_version_and_its_own_key_header() -> None:
    """Azure gets an api-key header and no bearer; the caller's api-version wins."""
    call = sent("azure", base_url="https://me.openai.azure.com", query={"api-version": "2099-01-01"})
    assert call.query == {"api-version": "2099-01-01"}
    assert dict(call.credentials) == {"api-key": "sk-test-key"}
    assert sent("azure", base_url="https://x").query == {"api-version": "2024-10-21"}


def test_an_odd_deployment_name_is_quoted() -> None:
    """A deployment name is one step of the path, with any characters."""
    transport = FakeTransport(HELLO)
    Client("azure", api_key="k", base_url="https://x", transport=transport).complete("hi", model="a/b c")
    assert transport.calls[0].url == "https://x/openai/deployments/a%2Fb%20c/chat/completions"


def test_the_base_url_comes_from_argument_then_environment_then_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The argument wins over the environment, and the environment over the profile."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://env/v1")
    assert Client().base_url == "http://env/v1"
    assert Client(base_url="http://arg/v1").base_url == "http://arg/v1"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert Client().base_url == "https://api.openai.com/v1"
    with pytest.raises(UsageError, match="AZURE_OPENAI_ENDPOINT"):
        Client("azure", api_key="k").stream("hi", model="m")


# -- key ----------------------------------------------------------------------------------


def test_a_missing_key_is_an_error_that_names_the_variable() -> None:
    """The error is raised by the call, before any network."""
    transport = FakeTransport(HELLO)
    with pytest.raises(UsageError, match="OPENROUTER_API_KEY"):
        Client("openrouter", transport=transport).stream("hi", model="m")
    assert transport.calls == []


@pytest.mark.parametrize("profile", ["ollama", "llamacpp", "lmstudio", "vllm", "litellm"])
def test_a_local_server_needs_no_key(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server gets no key."""
    for name in ("LLAMA_API_KEY", "LM_API_TOKEN", "VLLM_API_KEY", "LITELLM_PROXY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert sent(profile, api_key=None).credentials == {}


def test_the_key_is_read_anew_for_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated key needs no new client; a function is called once for each attempt."""
    transport = FakeTransport(HELLO)
    client = Client(transport=transport)
    for key in ("sk-one", "sk-two"):
        monkeypatch.setenv("OPENAI_API_KEY", f" {key}\n")
        client.complete("hi", model="m")
    keys = iter(["sk-three"])
    Client(api_key=lambda: next(keys), transport=transport).complete("hi", model="m")
    assert [str(c.credentials["Authorization"]) for c in transport.calls] == [
        "Bearer sk-one",
        "Bearer sk-two",
        "Bearer sk-three",
    ]


def test_an_authorization_header_of_the_callers_own_wins() -> None:
    """The header wins in any case of letters; then no key is required, and it counts as a secret."""
    call = sent(api_key=None, headers={"authorization": "Basic abc"})
    assert dict(call.credentials) == {"authorization": "Basic abc"}
    assert "authorization" not in {name.lower() for name in call.headers}


def test_a_session_that_signs_needs_no_key() -> None:
    """A session with its own auth needs no key."""
    session = requests.Session()
    session.auth = ("user", "password")
    assert sent(api_key=None, session=session).credentials == {}


def test_a_key_that_no_header_can_carry_is_an_error_that_does_not_show_it() -> None:
    """http.client would quote the key in its exception."""
    with pytest.raises(UsageError) as caught:
        Client(api_key="sk-secret\nX-Evil: 1").stream("hi", model="m")
    assert "sk-secret" not in str(caught.value)


# -- headers, query, body -----------------------------------------------------------------


def test_standard_headers_ask_for_an_unbuffered_event_stream() -> None:
    """The standard headers ask for an event stream that isn't compressed or cached."""
    headers = sent().headers
    assert headers["Accept"] == "text/event-stream"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("streamkit/")


def test_the_closer_to_the_caller_the_stronger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is profile, environment, client, call; case doesn't matter; None removes a header."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-env")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "  ")
    profile = Profile(
        "p",
        base_url="http://h/v1",
        headers={"A": "profile", "B": "profile", "C": "profile", "D": "profile"},
        env_headers=dict(OPENAI.env_headers),
        query={"q": "profile", "r": "profile"},
    )
    call = sent(
        profile,
        headers={"b": "client", "C": "client"},
        query={"r": "client", "s": "client"},
        call={"extra_headers": {"C": "call", "D": None}, "extra_query": {"s": "call"}},
    )
    headers = {name.lower(): value for name, value in call.headers.items()}
    assert (headers["a"], headers["b"], headers["c"]) == ("profile", "client", "call")
    assert "d" not in headers
    assert headers["openai-organization"] == "org-env"
    assert "openai-project" not in headers
    assert call.query == {"q": "profile", "r": "client", "s": "call"}


def test_a_header_of_the_environment_is_weaker_than_the_clients_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable left over from another project doesn't replace a header in the code."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-env")
    header = "OpenAI-Organization"
    assert sent().headers[header] == "org-env"
    assert sent(headers={header: "org-client"}).headers[header] == "org-client"
    assert sent(call={"extra_headers": {header: "org-call"}}).headers[header] == "org-call"
    profile = Profile("p", base_url="http://h/v1", headers={header: "p"}, env_headers=OPENAI.env_headers)
    assert sent(profile).headers[header] == "org-env"


def test_extra_body_is_merged_deeply_and_wins() -> None:
    """extra_body is merged into the body, objects into objects, and wins."""
    body = json.loads(
        sent(call={"temperature": 0.5, "extra_body": {"temperature": 1, "stream_options": {"x": 1}}}).body
    )
    assert body["temperature"] == 1
    assert body["stream_options"] == {"include_usage": True, "x": 1}
    assert body["stream"] is True


def test_what_is_no_json_is_an_error_before_the_network() -> None:
    """NaN and Python objects can't be in a body."""
    for value in (float("nan"), object()):
        with pytest.raises(UsageError, match="JSON"):
            Client(api_key="k", transport=FakeTransport(HELLO)).stream(
                "hi", model="m", extra_body={"x": value}
            )


def test_an_application_says_who_it_is() -> None:
    """AppInfo sets OpenRouter's headers, which are absent by default."""
    app = AppInfo("My App", "https://app.example", ["cli-agent", "ide-extension"])
    headers = sent("openrouter", app=app).headers
    assert headers["X-OpenRouter-Title"] == "My App"
    assert headers["HTTP-Referer"] == "https://app.example"
    assert headers["X-OpenRouter-Categories"] == "cli-agent,ide-extension"
    assert "HTTP-Referer" not in sent("openrouter").headers
    with pytest.raises(ValueError, match="categories"):
        AppInfo(categories=["a", "b", "c"])


def test_the_request_shows_what_is_sent() -> None:
    """stream.request has the body, and the report of the parts left out."""
    stream = Client(api_key="k", transport=FakeTransport(HELLO)).stream("hi", model="m")
    assert stream.request is not None
    assert stream.request.body["messages"] == [{"role": "user", "content": "hi"}]
    assert not stream.request.report


def test_unknown_profiles_and_wires_are_told_apart_at_once() -> None:
    """The UsageError lists the known names."""
    with pytest.raises(UsageError, match="openrouter"):
        Client("openruoter")
    with pytest.raises(UsageError, match="wire: expected chat or responses"):
        Client(wire="respones")


# -- options of a wrong type --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("timeouts", 5, "timeouts: expected Timeouts or None, got 5; pass Timeouts(connect="),
        ("timeouts", 0, "timeouts: expected Timeouts or None, got 0; pass Timeouts(connect="),
        ("retry", 3, "retry: expected RetryPolicy or None, got 3; pass RetryPolicy(max_retries="),
        ("retry", Timeouts(), "retry: expected RetryPolicy or None, got Timeouts("),
    ],
)
@pytest.mark.parametrize("place", ["client", "stream", "complete"])
def test_timeouts_and_retry_of_a_wrong_type_are_named(place: str, name: str, value: Any, words: str) -> None:
    """A number isn't a clock or a policy: the error names the argument, before anything is sent."""
    transport = FakeTransport(HELLO)
    wrong: dict[str, Any] = {name: value}
    with pytest.raises(UsageError) as caught:
        if place == "client":
            Client(api_key="k", transport=transport, **wrong)
        else:
            getattr(Client(api_key="k", transport=transport), place)("hi", model="m", **wrong)
    assert str(caught.value).startswith(words)
    assert transport.calls == []


@pytest.mark.parametrize(("retry", "attempts"), [(None, 2), (RetryPolicy(0), 1)], ids=["None", "its own"])
def test_the_policy_of_a_call_wins_over_the_clients(retry: RetryPolicy | None, attempts: int) -> None:
    """None means the client's policy, which allows one retry."""
    transport = FakeTransport(APIConnectionError("refused"))
    client = Client(api_key="k", transport=transport, retry=RetryPolicy(1, max_wait=0))
    with pytest.raises(APIConnectionError):
        client.complete("hi", model="m", retry=retry)
    assert len(transport.calls) == attempts


def test_stream_options_are_the_keywords_of_stream() -> None:
    """`StreamOptions` has every keyword of `Client.stream` but model and tools, with the same types."""
    hints = StreamOptions.__annotations__
    keywords = {
        name: parameter.annotation
        for name, parameter in inspect.signature(Client.stream).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("model", "tools")
    }
    assert {name: hints[name].__forward_arg__ for name in keywords} == keywords
    assert set(hints) == {*keywords, *Params.__annotations__}
    assert set(hints) - set(RunOptions.__annotations__) == {"conversation"}


# -- the client itself --------------------------------------------------------------------


def test_nothing_is_sent_before_the_first_event_is_asked_for() -> None:
    """Law 9: pull, don't push."""
    transport = FakeTransport(HELLO)
    stream = Client(api_key="k", transport=transport).stream("hi", model="m")
    assert transport.calls == []
    next(stream)
    assert len(transport.calls) == 1


def test_a_client_pickles_and_streams_on() -> None:
    """A pickled client keeps its settings and not its connections."""
    with FaultServer(lambda peer: peer.send(ok())) as server:
        client = Client(
            "openai",
            api_key="k",
            base_url=server.url,
            timeouts=Timeouts(idle=7),
            retry=RetryPolicy(max_retries=1),
        )
        assert client.complete("hi", model="m").text == "Hello"
        copy: Client = pickle.loads(pickle.dumps(client))
        assert copy.complete("hi", model="m").text == "Hello"
        assert (copy.timeouts, copy.retry, copy.profile) == (client.timeouts, client.retry, client.profile)
        copy.close()
        client.close()
    assert server.connections == 2


def test_a_closed_client_can_be_used_again() -> None:
    """close() closes idle connections only."""
    with FaultServer(lambda peer: peer.send(ok())) as server:
        with Client(api_key="k", base_url=server.url) as client:
            client.complete("hi", model="m")
        client.complete("hi", model="m")
        client.close()
    assert server.connections == 2


@pytest.mark.parametrize("shown", [repr, str])
def test_a_client_does_not_show_its_key(shown: Callable[[Client], str]) -> None:
    """repr shows neither the key nor the password in a base URL."""
    client = Client(api_key="sk-test-key", base_url="https://me:sk-password@h/v1")
    assert "sk-" not in shown(client)


@pytest.mark.parametrize(
    "wrong",
    [
        {"categories": ["a", "b", "c"]},
        {"categories": 5},
        {"categories": "programming"},
        {"categories": [5]},
        {"title": 5},
        {"url": ["u"]},
    ],
    ids=str,
)
def test_a_wrong_app_info_is_named(wrong: dict[str, Any]) -> None:
    """By its field; no error of attrs reaches the caller."""
    (name,) = wrong
    with pytest.raises(UsageError, match=f"^{name}: expected "):
        AppInfo(**wrong)
