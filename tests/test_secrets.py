"""Keys that do not show themselves, and redaction."""

from __future__ import annotations

import pickle

from streamkit.http.messages import Call
from streamkit.http.secrets import Secret, is_secret, redact, redact_url, scrub
from streamkit.http.session import KeyAuth

KEY = Secret("Bearer sk-very-secret")


def test_a_secret_shows_itself_to_nobody() -> None:
    """P32: repr, format and the repr of whatever holds it; str is for the socket."""
    assert "very" not in f"{KEY!r} {KEY} {[KEY]} {KeyAuth({'Authorization': KEY})!r}"
    assert "very" not in repr(
        Call("http://x", b"very", {"X-Api-Key": "very"}, {"a": KEY}, {"api-key": "very"})
    )
    assert str(KEY) == "Bearer sk-very-secret"
    assert pickle.loads(pickle.dumps(KEY)) == KEY


def test_redaction_knows_secrets_from_token_counts() -> None:
    """HTTP-04: whatever carries a key or a cookie; x-ratelimit-remaining-tokens is no secret."""
    secret = ["Authorization", "proxy-authorization", "api-key", "X-API-Key", "Set-Cookie", "x-auth-token"]
    assert [name for name in secret if not is_secret(name)] == []
    assert not is_secret("x-ratelimit-remaining-tokens")
    assert redact({"api-key": "k", "Accept": "a"}) == {"api-key": "***", "Accept": "a"}
    assert redact_url("https://me:pw@h:1/p?key=k#f") == "https://h:1/p"
    assert scrub({"a": ["x sk-1 y"], "sk-1": 1}, ["sk-1"]) == {"a": ["x *** y"], "***": 1}
