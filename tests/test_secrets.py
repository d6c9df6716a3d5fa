"""secrets: keys that hide their value, and masking."""

from __future__ import annotations

import pickle

import pytest

from streamkit.http.messages import Call
from streamkit.http.secrets import Secret, is_secret, redact, redact_url, scrub, secrets_in
from streamkit.http.session import KeyAuth

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
