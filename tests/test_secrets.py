"""secrets: keys that hide their value, and masking."""

from __future__ import annotations

import base64
import html
import logging
import pickle
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import requests
from attrs import evolve

from streamkit import PROFILES, AuthenticationError, BadRequestError, Client
from streamkit.http.log_masking import masker, masking_logs
from streamkit.http.messages import Call
from streamkit.http.scrubbing import IN_HTML, scrub
from streamkit.http.secrets import Secret, is_secret, redact, redact_url, secrets_in
from streamkit.http.session import KeyAuth

from .faultserver import FaultServer, Peer, ok, refusal

KEY = Secret("Bearer sk-very-secret")


def test_a_secret_hides_its_value() -> None:
    """repr, format and the repr of any container mask it; only str returns it, for the socket."""
    assert "very" not in f"{KEY!r} {KEY} {[KEY]} {KeyAuth({'Authorization': KEY})!r}"
    assert "very" not in repr(
        Call("http://x", b"very", {"X-Api-Key": "very"}, {"a": KEY}, {"api-key": "very"})
    )
    assert str(KEY) == "Bearer sk-very-secret"
    assert pickle.loads(pickle.dumps(KEY)) == KEY


def test_masking_distinguishes_secrets_from_token_counts() -> None:
    """Headers with a key or a cookie are secret; x-ratelimit-remaining-tokens isn't."""
    secret = ["Authorization", "proxy-authorization", "api-key", "X-API-Key", "Set-Cookie", "x-auth-token"]
    assert [name for name in secret if not is_secret(name)] == []
    assert not is_secret("x-ratelimit-remaining-tokens")
    assert redact({"api-key": "k", "Accept": "a"}) == {"api-key": "***", "Accept": "a"}
    assert redact_url("https://me:pw@h:1/p?key=k#f") == "https://h:1/p"
    assert scrub({"a": ["x sk-1 y"], "sk-1": 1}, ["sk-1"]) == {"a": ["x *** y"], "***": 1}


@pytest.mark.parametrize(
    ("value", "is_hidden"),
    [
        ("sk-proj-0123456789abcdefABCDEF", True),
        ("123e4567-e89b-12d3-a456-426614174000", True),
        ("AIzaSyA1234567890abcdefgh", True),
        ("gpt-4o-mini-2024-07-18", False),
        ("claude-sonnet-4-5-20250929", False),
        ("my-team-production-eu-west-1", False),
        ("2024-10-01-preview", False),
        ("a sentence of 16 characters and more", False),
    ],
)
def test_keys_are_told_from_names_of_models(value: str, is_hidden: bool) -> None:
    """An error that says which deployment is missing must keep its name."""
    assert (list(secrets_in("http://h", {"X-Any": value}, {})) == [value]) is is_hidden
    assert (value not in redact_url(f"http://h/{value.replace(' ', '_')}/chat")) is is_hidden or " " in value


def test_log_lines_of_other_libraries_hide_the_secrets_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 logs the path with its query: a key in it is masked, also if it is percent-encoded."""
    caplog.set_level(logging.DEBUG)
    key = "a key/of+signs=1"
    with FaultServer(lambda peer: peer.send(ok())) as server:
        client = Client("generic", base_url=server.url, api_key="sk-none", query={"sig": key, "plain": "yes"})
        client.complete("hi", model="m")
    line = next(each for each in caplog.messages if "POST" in each)
    assert "sig=***" in line
    assert "plain=yes" in line
    assert key not in caplog.text
    logging.getLogger("urllib3.connectionpool").debug("another's own request: %s", quote_plus(key))
    assert quote_plus(key) in caplog.text


def test_log_lines_hide_secrets_in_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    """A library that logs an exception logs it without the key."""
    try:
        raise ValueError("refused sk-in-a-traceback")
    except ValueError:
        with masking_logs(masker(["sk-in-a-traceback"])):
            logging.getLogger("httpx2").exception("failed")
    assert "refused ***" in caplog.text
    assert "sk-in-a" not in caplog.text


def test_a_password_of_a_netrc_file_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, requests reads netrc: a server that quotes the login can't put it into an error."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password open-sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    basic = base64.b64encode(b"me:open-sesame").decode()
    reply = refusal("401 No", {"error": {"message": f"bad login open-sesame, Basic {basic}"}})
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.asked.headers.get("authorization", ""))
        peer.send(reply)

    with FaultServer(script) as server:
        client = Client("generic", base_url=server.url)
        with pytest.raises(AuthenticationError) as raised:
            client.complete("hi", model="m")
    assert seen == [f"Basic {basic}"]
    assert "bad login ***, Basic ***" in str(raised.value)
    assert "sesame" not in repr(raised.value.body)


def test_secrets_of_a_session_are_masked() -> None:
    """Headers, parameters, login and cookies of a session of the caller's own are secrets of the request."""
    session = requests.Session()
    session.headers["X-Api-Key"] = "in-the-header"
    session.params = {"sig": "in-the-query"}
    session.auth = ("me", "in-the-login")
    session.cookies.set("sid", "in-the-cookie")
    words = "in-the-header in-the-query in-the-login in-the-cookie"
    reply = refusal("400 No", {"error": {"message": words}})
    with FaultServer(lambda peer: peer.send(reply)) as server, pytest.raises(BadRequestError) as raised:
        Client("generic", base_url=server.url, session=session).complete("hi", model="m")
    assert "in-the" not in f"{raised.value} {raised.value.body}"


def test_the_repr_of_a_profile_has_only_the_host() -> None:
    """A user, a path or a query of its address may contain a key; a bad address is shown, too."""
    key = "sk-very-secret"
    for url in (f"https://u:{key}@h:1/v1", f"https://h:1/{key}/v1", f"https://h:1?k={key}"):
        shown = repr(evolve(PROFILES["openai"], base_url=url, headers={"X-Own": key}, query={"k": key}))
        assert key not in shown
        assert "base_url='https://h:1/...'" in shown
    assert "base_url='...'" in repr(evolve(PROFILES["openai"], base_url=key))
    assert "base_url=None" in repr(evolve(PROFILES["openai"], base_url=None))


def test_secrets_in_html_are_written_as_python_writes_them() -> None:
    """A page of an error quotes a secret as `html.escape` does."""
    every = "".join(map(chr, range(0x2100)))
    assert every.translate(IN_HTML) == html.escape(every)
