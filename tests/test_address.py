"""address: a base URL as a person wrote it becomes the one address of the API."""

from __future__ import annotations

import pytest

from streamkit.client import Client
from streamkit.client.address import check_base_url, join, with_local_path
from streamkit.client.endpoint import Endpoint
from streamkit.errors import UsageError

CHAT = "/chat/completions"
AZURE = "/openai/deployments/{model}/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("base", "url", "query"),
    [
        pytest.param("http://h/v1", "http://h/v1/chat/completions", {}, id="the root"),
        pytest.param("http://h/v1//", "http://h/v1/chat/completions", {}, id="slashes at the end"),
        pytest.param("http://h", "http://h/chat/completions", {}, id="a bare host"),
        pytest.param("http://h/v1/chat/completions", "http://h/v1/chat/completions", {}, id="the address"),
        pytest.param("http://h/v1/chat/completions/", "http://h/v1/chat/completions", {}, id="and a slash"),
        pytest.param("http://h/chat", "http://h/chat/chat/completions", {}, id="a root called chat"),
        pytest.param("http://h/v1?k=1&e=", "http://h/v1/chat/completions", {"k": "1", "e": ""}, id="a query"),
        pytest.param("http://u:p@h:1/v1", "http://u:p@h:1/v1/chat/completions", {}, id="user and password"),
    ],
)
def test_an_ordinary_base_url(base: str, url: str, query: dict[str, str]) -> None:
    """The path is appended once, in front of the query."""
    assert join(base, CHAT, None, "m") == (url, query)


@pytest.mark.parametrize(
    ("base", "deployment", "version"),
    [
        pytest.param("https://x", "a%2Fb", "2024-10-21", id="the resource"),
        pytest.param("https://x/openai/", "a%2Fb", "2024-10-21", id="its /openai"),
        pytest.param("https://x/openai/deployments/D", "D", "2024-10-21", id="a deployment"),
        pytest.param(
            "https://x/openai/deployments/D/chat/completions?api-version=1", "D", "1", id="the portal's URL"
        ),
    ],
)
def test_azures_base_urls(base: str, deployment: str, version: str) -> None:
    """Whatever part of the address a person copies, the rest of the profile's path is added."""
    url = f"https://x/openai/deployments/{deployment}/chat/completions"
    assert join(base, CHAT, AZURE, "a/b") == (url, {"api-version": version})


def test_azures_v1_root_is_an_ordinary_api() -> None:
    """It isn't a beginning of the profile's path, and needs no version."""
    assert join("https://x/openai/v1", CHAT, AZURE, "m") == ("https://x/openai/v1/chat/completions", {})


@pytest.mark.parametrize("prefix", ["/team", "/a/b"])
def test_a_proxys_prefix_stays_before_a_profiles_path(prefix: str) -> None:
    """As on API Management; one segment, such as /openai, is too little to know the path by."""
    base, version = f"https://x{prefix}/openai/deployments/D", {"api-version": "2024-10-21"}
    assert join(base, CHAT, AZURE, "m") == (f"{base}/chat/completions", version)
    assert join(f"{base}/chat/completions", CHAT, AZURE, "m") == (f"{base}/chat/completions", version)
    assert join(f"https://x{prefix}/openai", CHAT, AZURE, "m") == (
        f"https://x{prefix}/openai/chat/completions",
        {},
    )


@pytest.mark.parametrize("prefix", ["", "/team"])
def test_a_deployment_leads_to_the_root_of_responses(prefix: str) -> None:
    """windmill-labs/windmill#10362: .../deployments/D/responses is a 404. The version is that of chat."""
    base = f"https://x{prefix}/openai/deployments/D?api-version=2024-10-21"
    url = f"https://x{prefix}/openai/v1/responses"
    assert join(base, "/responses", "/openai/v1/responses", "D", [AZURE]) == (url, {})
    own = f"https://x{prefix}/openai/responses?api-version=2025-04-01-preview"  # the portal's
    assert join(own, "/responses", "/openai/v1/responses", "D", [AZURE]) == (
        own.partition("?")[0],
        {"api-version": "2025-04-01-preview"},
    )
    assert join("https://x/openai/v1", CHAT, AZURE, "m", ["/openai/v1/responses"])[0] == (
        "https://x/openai/v1/chat/completions"
    )


@pytest.mark.parametrize(
    ("url", "own", "whole"),
    [
        ("http://10.0.0.2:11434", "http://127.0.0.1:11434/v1", "http://10.0.0.2:11434/v1"),
        ("https://me@h/?k=1", "http://127.0.0.1:11434/v1", "https://me@h/v1?k=1"),
        ("http://h/ollama", "http://127.0.0.1:11434/v1", "http://h/ollama"),
        ("http://h", "https://api.openai.com/v1", "http://h"),
        ("http://h", None, "http://h"),
    ],
)
def test_a_local_server_gets_its_own_path(url: str, own: str | None, whole: str) -> None:
    """OLLAMA_BASE_URL and its like name a host and a port; any other server may answer at its root."""
    assert with_local_path(url, own) == whole


@pytest.mark.parametrize(
    "url",
    [
        "h/v1",
        "http://h:99999/v1",
        "http://h:x/v1",
        "http://[::1/v1",
        "http:///v1",
        "ftp://h/v1",
        "http://h/v1#f",
        "http://h /v1",
        "http://h/v\n1",
        "http://\u2100.com/v1",  # NFKC turns this sign into a/c
    ],
)
def test_a_base_url_that_isnt_one_is_refused(url: str) -> None:
    """The error names the variable that it is from."""
    with pytest.raises(UsageError, match=r"^OPENAI_BASE_URL: expected "):
        check_base_url(url, "OPENAI_BASE_URL")


def test_white_space_around_a_base_url_is_removed() -> None:
    """It is from a file or a shell."""
    assert check_base_url(" http://h/v1\n", "base_url") == "http://h/v1"


def test_a_session_may_know_more_schemes() -> None:
    """A Unix socket, for example."""
    url = "http+unix://%2Frun%2Fengine.sock/v1"
    assert check_base_url(url, "base_url") == url


@pytest.mark.parametrize(
    ("base", "wire", "path", "url"),
    [
        pytest.param("http://h/v1", "chat", "/files", "http://h/v1/files", id="a root"),
        pytest.param("http://h/v1/chat/completions", "chat", "/files", "http://h/v1/files", id="an address"),
        pytest.param(
            "http://h", "messages", "/v1/messages/batches", "http://h/v1/messages/batches", id="no version"
        ),
        pytest.param(
            "http://h/p/v1/messages",
            "messages",
            "/v1/messages/batches",
            "http://h/p/v1/messages/batches",
            id="messages",
        ),
        pytest.param(
            "http://h/v1beta/models/m:generateContent",
            "gemini",
            "/v1beta/batches",
            "http://h/v1beta/batches",
            id="gemini",
        ),
        pytest.param(
            "http://h/v1beta",
            "gemini",
            "/upload/v1beta/files",
            "http://h/upload/v1beta/files",
            id="further in",
        ),
        pytest.param(
            "http://h/p/v1", "gemini", "/upload/v1beta/files", "http://h/p/upload/v1beta/files", id="a prefix"
        ),
        pytest.param("http://h", "gemini", "/upload/v1beta/files", "http://h/upload/v1beta/files", id="bare"),
    ],
)
def test_other_paths_of_a_gateway(base: str, wire: str, path: str, url: str) -> None:
    """From the root, also if the base URL is the whole address of the API."""
    profile = Client("generic", base_url="http://h", wire=wire).profile
    assert Endpoint(profile, base).call("GET", path).url == url
