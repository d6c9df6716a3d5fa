"""What a server said when it said no comes to the narrowest error, whatever its shape."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    APIError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from streamkit.error_bodies import api_error, is_error


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        ({"message": "m"}, True),
        ("m", True),
        (None, False),
        ("", False),
        ({}, False),
        (False, False),
        (True, False),
        (0, False),
        (500, False),
        ([], False),
        (["m"], False),
    ],
)
def test_what_counts_as_an_error(value: Any, failed: bool) -> None:
    """X-05, P2: an object or a non-empty string; gateways send null and "" on every good chunk."""
    assert is_error(value) is failed


@pytest.mark.parametrize(
    ("status", "cls", "retryable"),
    [
        (400, BadRequestError, False),
        (401, AuthenticationError, False),
        (402, PermissionDeniedError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (408, BadRequestError, True),
        (409, BadRequestError, True),
        (413, BadRequestError, False),
        (422, BadRequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, OverloadedError, True),
        (504, ServerError, True),
        (529, OverloadedError, True),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["as status", "as code in a stream"])
def test_a_status_names_its_class(status: int, cls: type[APIError], retryable: bool, inside: bool) -> None:
    """HTTP-10, X-18: 408, 409, 429 and 5xx may be tried again; OpenRouter says the status as `code`."""
    error = {"message": "m", "code": status} if inside else {"message": "m"}
    found = api_error({"error": error}, status=None if inside else status)
    assert type(found) is cls
    assert (found.retryable, found.status) == (retryable, status)


@pytest.mark.parametrize("status", [200, 302, None])
def test_what_is_no_status_of_an_error_names_no_class(status: int | None) -> None:
    """The root of the server's errors, which is not tried again."""
    found = api_error({"error": {"message": "m", "code": 7}}, status=status)
    assert (type(found), found.status, found.code, found.retryable) == (APIError, status, 7, False)


@pytest.mark.parametrize(
    ("error", "cls", "retryable"),
    [
        ({"code": "rate_limit_exceeded"}, RateLimitError, True),
        ({"type": "rate_limit_error"}, RateLimitError, True),
        ({"code": "insufficient_quota"}, RateLimitError, False),
        ({"type": "usage_limit_reached"}, RateLimitError, False),
        ({"type": "usage_not_included"}, PermissionDeniedError, False),
        ({"code": "context_length_exceeded"}, BadRequestError, False),
        ({"type": "invalid_request_error"}, BadRequestError, False),
        ({"code": "invalid_api_key"}, AuthenticationError, False),
        ({"code": "model_not_found"}, NotFoundError, False),
        ({"type": "overloaded_error"}, OverloadedError, True),
        ({"code": "server_error"}, ServerError, True),
        ({"type": "news"}, APIError, False),
        ({}, APIError, False),
    ],
    ids=str,
)
def test_in_a_stream_a_word_names_the_class(
    error: dict[str, Any], cls: type[APIError], retryable: bool
) -> None:
    """ER-03: quota and context length are fatal, a rate limit is not."""
    found = api_error({"error": {"message": "m", **error}})
    assert (type(found), found.retryable) == (cls, retryable)


def test_no_credit_is_no_matter_of_time() -> None:
    """A 429 for an empty account is not tried again, any other 429 is."""
    assert not api_error({"error": {"code": "insufficient_quota"}}, status=429).retryable
    assert api_error({"error": {"code": "rate_limit_exceeded"}}, status=429).retryable


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"error": {"message": "m"}}, "m", id="OpenAI"),
        pytest.param({"error": "m"}, "m", id="a string"),
        pytest.param({"error": "code", "message": "m"}, "m", id="a word and a message"),
        pytest.param({"message": "m"}, "m", id="flat"),
        pytest.param({"detail": "m"}, "m", id="FastAPI"),
        pytest.param({"detail": [{"loc": ["body", "model"], "msg": "m"}]}, "body.model: m", id="FastAPI 422"),
        pytest.param({"detail": [{"msg": "m"}, {"loc": 5, "msg": "n"}]}, "m; n", id="without a place"),
        pytest.param({"detail": {"error": "m"}}, "m", id="a detail with an error"),
        pytest.param([{"error": {"message": "m"}}], "m", id="Google's list"),
        pytest.param(["m"], "m", id="a list with a string"),
        pytest.param({"type": "error", "message": "m"}, "m", id="Responses error"),
        pytest.param({"type": "response.failed", "response": {"error": {"message": "m"}}}, "m", id="PS-16"),
        pytest.param(
            {"error": {"message": "Provider returned error", "metadata": {"raw": "m"}}},
            "Provider returned error: m",
            id="OpenRouter's provider",
        ),
        pytest.param("m", "m", id="plain text"),
        pytest.param("<html><title>502 Bad\n Gateway</title><p>x</html>", "502 Bad Gateway", id="HTML"),
        pytest.param("<!doctype html><p>cloudflare: you are blocked", "blocked by Cloudflare", id="HTTP-25"),
    ],
)
def test_the_words_are_found_in_every_shape(body: Any, message: str) -> None:
    """P2, HTTP-23: the message, and the whole body as it came."""
    found = api_error(body)
    assert found.message.startswith(message)
    assert found.body is body


@pytest.mark.parametrize(
    "body", [None, "", "  ", {}, [], {"error": {}}, {"error": {"message": ""}}, 5], ids=repr
)
def test_an_error_without_words_says_so(body: Any) -> None:
    """The status is all there is."""
    assert "status 503 and no message" in api_error(body, status=503).message


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 1.898s.", 1.898),
        ("Please try again in 28ms.", 0.028),
        ("Please retry after 35 seconds.", 35.0),
        ("try again in 1m20s", 80.0),
        ("Try again in 6m0s", 360.0),
        ("try again later", None),
        ("try again in " + "9" * 400 + "s", None),
        ("try again in " + "9" * 5000 + "m", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_delay_in_the_words_is_read(words: str, seconds: float | None) -> None:
    """ER-03: OpenAI's and Azure's wordings, in seconds; a header counts more."""
    assert api_error({"error": {"message": words}}).retry_after == seconds
    assert api_error({"error": {"message": words}}, retry_after=5.0).retry_after == 5.0


def test_a_long_message_is_shortened() -> None:
    """HTTP-25: `str(error)` stays readable, `.body` is whole."""
    body = {"error": {"message": "a" * 3000 + "z" * 3000}}
    found = api_error(body)
    assert len(str(found)) < 600
    assert str(found).startswith("aaa")
    assert str(found).endswith("zzz")
    assert found.body == body


def nested(depth: int, wrap: Any) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


HOSTILE = [
    *[{"error": {"message": v, "code": v, "type": v, "status": v, "metadata": v, "detail": v}} for v in (
        None, 5, True, [], {}, [[]], float("nan"), float("inf"), 10**400, "9" * 5000, "\ud800"
    )],
    {"detail": [{"loc": None}, {"loc": 5}, {"loc": [None]}, 5, None]},
    nested(5000, lambda v: {"error": v}),
    nested(5000, lambda v: {"detail": v}),
    nested(5000, lambda v: [v]),
    {"detail": nested(5000, lambda v: [v])},
    {"response": {"error": nested(5000, lambda v: {"error": v})}},
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("status", [None, 500])
def test_hostile_bodies_come_to_an_error_too(body: Any, status: int | None) -> None:
    """Law 1: the classifier itself never fails."""
    found = api_error(body, status=status)
    assert isinstance(found, APIError)
    assert len(str(found)) < 1000
