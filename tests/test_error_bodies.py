"""error_bodies: error bodies of every shape give the narrowest error."""

from __future__ import annotations

from collections.abc import Callable
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
from streamkit.error_bodies import api_error, decode_body, is_error, is_refusal

from .chat_payloads import chunk, read


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
        (["m"], True),
    ],
)
def test_an_object_a_string_or_a_list_is_an_error(value: Any, failed: bool) -> None:
    """Gateways send null and "" in every good chunk, so empty values aren't errors."""
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
        (498, OverloadedError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, OverloadedError, True),
        (504, ServerError, True),
        (529, OverloadedError, True),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["as status", "as code in a stream"])
def test_a_status_selects_its_class(status: int, cls: type[APIError], retryable: bool, inside: bool) -> None:
    """408, 409, 429 and 5xx are retryable; OpenRouter sends the status as `code`."""
    error = {"message": "m", "code": status} if inside else {"message": "m"}
    found = api_error({"error": error}, status=None if inside else status)
    assert type(found) is cls
    assert (found.retryable, found.status) == (retryable, status)


@pytest.mark.parametrize("status", [200, 302, None])
def test_any_other_status_selects_the_root_class(status: int | None) -> None:
    """It's `APIError` itself, and not retryable."""
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
        ({"code": "RateLimitError"}, RateLimitError, True),
        ({"code": "Throttling.RateQuota"}, RateLimitError, True),
        ({"status": "RESOURCE_EXHAUSTED"}, RateLimitError, True),
        ({"status": "UNAUTHENTICATED"}, AuthenticationError, False),
        ({"status": "DEADLINE_EXCEEDED"}, ServerError, True),
        ({"status": "ABORTED"}, BadRequestError, True),
        ({"error_type": "overloaded"}, OverloadedError, True),
        ({"reason": "API_KEY_INVALID"}, AuthenticationError, False),
        ({"code": "content_filter"}, BadRequestError, False),
        ({"code": "InsufficientBalance"}, PermissionDeniedError, False),
        ({"type": "news"}, APIError, False),
        ({}, APIError, False),
    ],
    ids=str,
)
def test_in_a_stream_a_word_selects_the_class(
    error: dict[str, Any], cls: type[APIError], retryable: bool
) -> None:
    """Quota and context length are permanent errors; a rate limit is temporary."""
    found = api_error({"error": {"message": "m", **error}})
    assert (type(found), found.retryable) == (cls, retryable)


@pytest.mark.parametrize(
    ("code", "status", "cls", "retryable"),
    [
        ("1302", 429, RateLimitError, True),
        ("1302", None, RateLimitError, True),
        ("1312", None, OverloadedError, True),
        ("1113", 429, RateLimitError, False),  # no balance: the status selects the class
        ("1113", None, PermissionDeniedError, False),
        ("1310", 429, RateLimitError, False),
        ("1261", None, BadRequestError, False),
        ("1999", 429, RateLimitError, True),
        (1113, 429, RateLimitError, True),  # a number is another server's
    ],
)
def test_a_code_of_zhipu_selects_the_class(
    code: Any, status: int | None, cls: type[APIError], retryable: bool
) -> None:
    """docs.bigmodel.cn/cn/api/api-code: many failures share status 429."""
    error = api_error({"error": {"code": code, "message": "x"}}, status=status)
    assert (type(error), error.retryable) == (cls, retryable)


@pytest.mark.parametrize(
    ("word", "cls", "retryable"),
    [
        ("overloaded_error", OverloadedError, True),
        ("rate_limit_exceeded", RateLimitError, True),
        ("insufficient_quota", RateLimitError, False),
        ("Unauthorized", AuthenticationError, False),
        ("boom", APIError, False),
        ("the server is not overloaded", APIError, False),
    ],
)
@pytest.mark.parametrize("shape", [lambda w: {"error": w}, lambda w: {"error": {"message": w}}, lambda w: w])
def test_a_message_of_one_word_is_a_code(
    word: str, cls: type[APIError], retryable: bool, shape: Callable[[str], Any]
) -> None:
    """Some proxies send the type alone; a sentence is no code, whatever its words are."""
    error = api_error(shape(word))
    assert (type(error), error.retryable, error.message) == (cls, retryable, word)


def test_an_exhausted_quota_is_permanent() -> None:
    """A 429 for an empty account isn't retryable; any other 429 is."""
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
        pytest.param(
            {"type": "response.failed", "response": {"error": {"message": "m"}}}, "m", id="response.failed"
        ),
        pytest.param(
            {"error": {"message": "Provider returned error", "metadata": {"raw": "m"}}},
            "Provider returned error: m",
            id="OpenRouter's provider",
        ),
        pytest.param(
            {
                "error": {
                    "message": "Provider returned error",
                    "metadata": {"raw": '{"error":{"message":"m"}}'},
                }
            },
            "Provider returned error: m",
            id="OpenRouter's provider in JSON",
        ),
        pytest.param({"error": {"error": {"message": "m"}}}, "m", id="an error in an error"),
        pytest.param({"error": {"message": '{"error": {"message": "m"}}'}}, "m", id="JSON text as message"),
        pytest.param({"error": '{"message": "m"}'}, "m", id="JSON text as error"),
        pytest.param({"error": {"value": {"error_message": "m"}}}, "m", id="Databricks"),
        pytest.param({"error": "m", "error_type": "validation"}, "m", id="TGI"),
        pytest.param({"success": False, "errors": [{"message": "m"}, {"message": "n"}]}, "m; n", id="a list"),
        pytest.param({"errors": ["m", "n"]}, "m; n", id="a list of strings"),
        pytest.param({"base_resp": {"status_code": 1008, "status_msg": "m"}}, "m", id="MiniMax"),
        pytest.param({"x_groq": {"id": "r", "error": "m"}}, "m", id="Groq, a note"),
        pytest.param({"fault": {"faultstring": "m", "detail": {"errorcode": "x"}}}, "m", id="Apigee"),
        pytest.param({"Error": {"Code": "x", "Message": "m"}}, "m", id="capitals"),
        pytest.param({"statusCode": 401, "message": "m", "error": "Unauthorized"}, "m", id="NestJS"),
        pytest.param({"object": "error", "message": {"detail": [{"msg": "m"}]}}, "m", id="Mistral"),
        pytest.param({"header": {"code": 10013, "message": "m"}}, "m", id="iFlytek"),
        pytest.param({"ResponseMetadata": {"Error": {"Code": "x", "Message": "m"}}}, "m", id="Volcengine"),
        pytest.param({"error": "server_error", "error_description": "m"}, "m", id="OAuth"),
        pytest.param({"error": True, "reason": "m"}, "m", id="a reason"),
        pytest.param({"err": {"msg": "m"}}, "m", id="a short name"),
        pytest.param({"errcode": 40013, "errmsg": "m"}, "m", id="short names"),
        pytest.param({"exception": "m"}, "m", id="an exception"),
        pytest.param(
            {"error": {"message": "", "innererror": {"message": "m"}}}, "m", id="Azure's inner error"
        ),
        pytest.param({"response": {"status_details": {"error": {"message": "m"}}}}, "m", id="Realtime"),
        pytest.param({"title": "Bad Request", "detail": "[400] m"}, "[400] m", id="a text in brackets"),
        pytest.param({"error": {"message": "[400] m"}}, "[400] m", id="a message in brackets"),
        pytest.param({"title": "Bad Request", "status": 400, "detail": "m"}, "m", id="RFC 9457"),
        pytest.param({"title": "m", "status": 400}, "m", id="RFC 9457 without a detail"),
        pytest.param('data: {"error": {"message": "m"}}\n\ndata: [DONE]\n\n', "m", id="an event stream"),
        pytest.param("event: error\r\ndata: m\r\n\r\n", "m", id="an event stream with text"),
        pytest.param("m", "m", id="plain text"),
        pytest.param("<html><title>502 Bad\n Gateway</title><p>x</html>", "502 Bad Gateway", id="HTML"),
        pytest.param(
            "<!doctype html><p>cloudflare: you are blocked", "blocked by Cloudflare", id="Cloudflare"
        ),
    ],
)
def test_the_message_is_found_in_every_shape(body: Any, message: str) -> None:
    """The error has the message, and the whole body unchanged."""
    found = api_error(body)
    assert found.message.startswith(message)
    assert found.body is body


@pytest.mark.parametrize(
    "body", [None, "", "  ", {}, [], {"error": {}}, {"error": {"message": ""}}, 5], ids=repr
)
def test_an_error_without_a_message_has_a_standard_one(body: Any) -> None:
    """It names the status."""
    assert "status 503 and no message" in api_error(body, status=503).message


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 1.898s.", 1.898),
        ("Please try again in 28ms.", 0.028),
        ("Please retry after 35 seconds.", 35.0),
        ("try again in 1m20s", 80.0),
        ("Try again in 6m0s", 360.0),
        ("Please try again in 1h2m3s.", 3723.0),
        ("Please retry after 2 minutes and 5 seconds", 125.0),
        ("try again in 3 months", None),
        ("try again later", None),
        ("try again in " + "9" * 400 + "s", None),
        ("try again in " + "9" * 5000 + "m", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_delay_in_the_words_is_read(words: str, seconds: float | None) -> None:
    """The wordings of OpenAI and Azure are read as seconds; a header has priority."""
    assert api_error({"error": {"message": words}}).retry_after == seconds
    assert api_error({"error": {"message": words}}, retry_after=5.0).retry_after == 5.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        pytest.param({"error": "loading", "estimated_time": 20.5}, 20.5, id="Hugging Face"),
        pytest.param({"error": {"details": [{}, {"retryDelay": "3.5s"}]}}, 3.5, id="Google"),
        pytest.param(
            {"error": {"details": [{"retryDelay": {"seconds": 3, "nanos": 5e8}}]}}, 3.5, id="protobuf"
        ),
        pytest.param([{"error": {"details": [{"retryDelay": "1m2s"}]}}], 62.0, id="Google, in a list"),
        pytest.param({"error": {"message": "m", "retry_after": 7}}, 7.0, id="retry_after"),
        pytest.param({"error": {"message": "m"}, "retryAfterMs": "1500"}, 1.5, id="milliseconds, outside"),
        pytest.param({"error": {"metadata": {"headers": {"Retry-After": "9"}}}}, 9.0, id="OpenRouter"),
        pytest.param({"error": {"message": "try again in 5s", "retry_after": 7}}, 7.0, id="next to words"),
        pytest.param({"error": "loading", "estimated_time": -1}, None, id="negative"),
        pytest.param({"error": "loading", "estimated_time": "soon"}, None, id="a word"),
        pytest.param({"error": "loading", "estimated_time": float("nan")}, None, id="NaN"),
        pytest.param({"error": {"details": "retryDelay"}}, None, id="not a list"),
    ],
)
def test_a_delay_in_a_field_is_read(body: Any, seconds: float | None) -> None:
    """A field has priority over words, and a header over both."""
    assert api_error(body, status=429).retry_after == seconds
    assert api_error(body, status=429, retry_after=5.0).retry_after == 5.0


def test_every_fact_comes_from_the_innermost_object_that_has_it() -> None:
    """A proxy's own message, code and status stand in for missing ones only."""
    found = api_error({"message": "outer", "code": 7, "status": 503, "error": {"message": "m", "code": "c"}})
    assert (found.message, found.code, found.status) == ("m", "c", 503)
    found = api_error({"code": 429, "error": {"message": "m", "type": "t"}})
    assert (type(found), found.code, found.type) == (RateLimitError, 429, "t")
    found = api_error({"type": "response.failed", "response": {"error": {"message": "m"}}})
    assert found.type is None


@pytest.mark.parametrize(
    ("code", "cls", "retryable"),
    [
        (1002, RateLimitError, True),
        ("1002", RateLimitError, True),
        (1004, AuthenticationError, False),
        (1008, PermissionDeniedError, False),
        (1013, ServerError, True),
        (1027, BadRequestError, False),
        (2056, RateLimitError, False),
        (9999, APIError, False),
    ],
)
def test_a_code_of_minimax_selects_the_class(code: Any, cls: type[APIError], retryable: bool) -> None:
    """The codes are those of its reference; under an error status, the status decides."""
    body = {"id": "x", "choices": None, "base_resp": {"status_code": code, "status_msg": "m"}}
    found = api_error(body)
    assert (type(found), found.retryable, found.code, found.status) == (cls, retryable, code, None)
    assert type(api_error(body, status=404)) is NotFoundError


@pytest.mark.parametrize(
    ("payload", "refused"),
    [
        ({"error": {"message": "m"}}, True),
        ({"error": True, "message": "m"}, True),
        ({"error": False, "message": "m"}, False),
        ({"success": False, "errors": []}, True),
        ({"success": True, "errors": [], "result": {}}, False),
        ({"errors": [{"message": "m"}]}, True),
        ({"detail": "m"}, True),
        ({"code": 500, "message": "m"}, True),
        ({"code": "InvalidApiKey", "message": "m", "request_id": "r"}, True),
        ({"error_code": "X", "error_message": "m"}, True),
        ({"id": "x", "error_code": 336003, "error_msg": "m"}, True),
        ({"id": "x", "error_code": 0, "error_msg": ""}, False),
        ({"id": "x", "errorMessage": "m"}, True),
        ({"id": "x", "error_msg": None}, False),
        ({"code": 0, "message": "ok"}, False),
        ({"status": "processing", "message": "m"}, False),
        ({"status": "SUCCESS", "message": "m"}, False),
        ({"message": "m"}, False),
        ({"base_resp": {"status_code": 1000}, "id": "x"}, True),
        ({"base_resp": {"status_code": 0, "status_msg": "success"}}, False),
        ({"x_groq": {"id": "r", "error": "m"}, "id": "x"}, True),
        ({"x_groq": {"id": "r", "error": None}, "id": "x"}, False),
        ({"fault": {"faultstring": "m"}}, True),
        ({"type": "error", "message": "m"}, True),
        ({"object": "error", "message": {"detail": "m"}, "id": "x"}, True),
        ({"event": "error", "message": "m"}, True),
        ({"type": "BadRequestError", "message": "m"}, True),
        ({"type": "tool_error", "message": "m"}, False),
        ({"Error": {"Message": "m"}}, True),
        ({"ERROR": "m"}, True),
        ({"err": "m"}, True),
        ({"err": None, "errmsg": "", "errcode": 0}, False),
        ({"errmsg": "m"}, True),
        ({"error": True, "reason": "m"}, True),
        ({"error": 503, "id": "x", "message": "m"}, True),
        ({"exception": "ValueError: m"}, True),
        ({"faultstring": "m"}, True),
        ({"detail": None}, False),
        ({"title": "m", "status": 503}, True),
        ({"title": "m", "status": "done"}, False),
        ({"header": {"code": 10013, "message": "m", "status": 2}}, True),
        ({"header": {"code": 0, "message": "Success", "status": 2}}, False),
        ({"ResponseMetadata": {"Error": {"Code": "x", "Message": "m"}}}, True),
        ({"response": {"error": {"message": "m"}}}, True),
        ({"Output": {"__type": "com.amazon#ValidationException"}, "message": "m"}, True),
        ({"status": {"code": 429, "message": "m"}}, True),
        ({"status": "running", "message": "m"}, False),
        ({"status": "failed", "message": "m"}, True),
        ({"status": "timed_out", "message": "m"}, True),
        ({"code": 10000, "message": "success"}, False),
        ({"code": "000000", "message": "OK"}, False),
        ({"fault": None}, False),
        ({"choices": [{}], "code": 5, "message": "m"}, False),
        ({"id": "x", "code": 5, "message": "m"}, False),
        ({"error": {}}, False),
        ({"error": {"message": "", "code": None, "param": None}}, False),
        ({"error": {"message": None, "code": 0}, "id": "x"}, False),
        ({}, False),
    ],
    ids=repr,
)
def test_an_envelope_is_a_refusal_if_it_reports_a_failure(payload: dict[str, Any], refused: bool) -> None:
    """A code of success with a message isn't an error, and neither is a message alone."""
    assert is_refusal(payload) is refused


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"a": 1}', {"a": 1}),
        ('\ufeff {"a": 1}\n', {"a": 1}),
        ('{"error": "m"}\n\ndata: [DONE]\n\n', {"error": "m"}),
        (': ping\n\ndata: {"id": 1}\n\ndata: {"error": "m"}\n\n', {"error": "m"}),
        ('data: {"error":\ndata: "m"}\n\n', {"error": "m"}),
        ('error: {"message": "m"}\n\n', {"message": "m"}),
        ('data: {"id": 1}\n\n', {"id": 1}),
        ("data: oops\n\n", "oops"),
        ('{"error": "m', '{"error": "m'),
        ("oops", "oops"),
        ("", ""),
        (": ping\n\n", ": ping\n\n"),
    ],
    ids=repr,
)
def test_a_body_is_decoded_as_json_or_as_an_event_stream(text: str, body: Any) -> None:
    """LiteLLM sends the error as an event, under an error status too."""
    assert decode_body(text) == body


PAGES = [
    "<html>" + "<" * 1_000_000,
    "<html>" + "<a" * 500_000,
    "<html><title>" + " " * 1_000_000,
    "<!doctype html>" + "<title" * 200_000,
    "<html>" + "try again in 1m " * 60_000,
    "try again in 1 " * 60_000,
    "try again in " * 80_000,
    "data: {\n\n" * 100_000,
    "data:\n" * 200_000,
    '{"a":' * 200_000,
    " " * 1_000_000,
    {"errors": [{"message": "m", "loc": ["x"] * 50}] * 20_000},
]


@pytest.mark.parametrize("page", PAGES, ids=range(len(PAGES)))
def test_a_large_page_is_classified(page: Any) -> None:
    """Of a megabyte: with a regex that backtracks, this takes minutes, which pytest's timeout ends."""
    assert isinstance(
        api_error(decode_body(page) if isinstance(page, str) else page, status=502), ServerError
    )


def test_a_long_message_is_shortened() -> None:
    """`str(error)` stays readable; `.body` is whole."""
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
def test_hostile_bodies_give_an_error_too(body: Any, status: int | None) -> None:
    """The classifier itself never raises."""
    found = api_error(body, status=status)
    assert isinstance(found, APIError)
    assert len(str(found)) < 1000


def test_the_strings_of_an_error_are_utf_8() -> None:
    """Half a surrogate pair, which only a JSON escape can contain, becomes U+FFFD in every field."""
    error = api_error({"error": {"message": "cut \ud83d", "type": "\ude00", "code": "\ud83d\ude00"}})
    assert (error.code, error.type) == ("\U0001f600", "\ufffd")
    assert "cut \ufffd" in str(error)
    assert error.body == {"error": {"message": "cut \ufffd", "type": "\ufffd", "code": "\U0001f600"}}


# -- errors in a stream, by shape ----------------------------------------------------------

LOADING = {"error": "Model m is currently loading", "estimated_time": 20.5}
IN_BAND = {
    "Databricks, in a value": (
        {"error": {"value": {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "boom"}}},
        RateLimitError,
        True,
    ),
    "TGI, while it generates": ({"error": "boom", "error_type": "generation"}, ServerError, True),
    "Hugging Face, loading": (LOADING, OverloadedError, True),
    "Hugging Face, a list": ({"error": ["boom"], "error_type": "validation"}, BadRequestError, False),
    "Anthropic": ({"type": "error", "error": {"type": "api_error", "message": "boom"}}, ServerError, True),
    "a list of objects": (
        {"error": [{"message": "boom", "type": "rate_limit_error"}]},
        RateLimitError,
        True,
    ),
    "DashScope, with the answer's id": (
        {"id": "x", "code": "DataInspectionFailed", "message": "boom"},
        BadRequestError,
        False,
    ),
    "Baidu, with the answer's id": (
        {"id": "x", "error_code": 336100, "error_msg": "boom"},
        APIError,
        False,
    ),
    "Bedrock, by type": ({"__type": "ThrottlingException", "message": "boom"}, RateLimitError, True),
    "Bedrock, by name": ({"internalServerException": {"message": "boom"}}, ServerError, True),
    "SageMaker": ({"ErrorCode": "ModelError", "Message": "boom"}, APIError, False),
    "Cloudflare": (
        {"success": False, "errors": [{"code": 3040, "message": "boom"}], "result": None},
        RateLimitError,
        True,
    ),
    "MiniMax, next to an answer": (
        {"choices": [], "base_resp": {"status_code": "1002", "status_msg": "boom"}},
        RateLimitError,
        True,
    ),
    "Groq, a stream that stopped early": (
        {"id": "x", "choices": [], "x_groq": {"id": "r", "error": "boom"}},
        ServerError,
        True,
    ),
    "Groq, next to a finish": (
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"error": "boom"}},
        ServerError,
        True,
    ),
    "Groq, an object": (
        {"choices": [], "x_groq": {"error": {"message": "boom", "code": "rate_limit_exceeded"}}},
        RateLimitError,
        True,
    ),
    "Apigee": ({"fault": {"faultstring": "boom", "detail": {"errorcode": "x.Throttled"}}}, APIError, False),
    "iFlytek": ({"code": 10013, "message": "boom", "sid": "s"}, APIError, False),
    "Mistral": (
        {"object": "error", "message": {"detail": "boom"}, "type": "invalid_request_error"},
        BadRequestError,
        False,
    ),
    "in a delta": (
        {"choices": [{"index": 0, "delta": {"error": {"message": "boom", "code": 500}}}]},
        ServerError,
        True,
    ),
    "in a delta, next to a finish": (
        {"choices": [{"index": 0, "delta": {"error": "boom"}, "finish_reason": "ERROR"}]},
        APIError,
        False,
    ),
    "in a message": (
        {"choices": [{"message": {"content": "", "error": {"message": "boom"}}, "finish_reason": "error"}]},
        APIError,
        False,
    ),
    "three proxies": (
        {"error": {"message": '{"error": {"error": {"message": "boom", "code": 529}}}', "code": 500}},
        OverloadedError,
        True,
    ),
    "a status below": ({"error": {"message": "boom", "status": 498}}, OverloadedError, True),
    "a status next to the error": ({"status_code": 409, "message": "boom"}, BadRequestError, True),
}


@pytest.mark.parametrize("case", IN_BAND.values(), ids=IN_BAND)
def test_an_error_of_every_shape_ends_the_stream(case: tuple[Any, type[APIError], bool]) -> None:
    """Each is raised with its class and message, and with the text before it in `.partial`."""
    payload, cls, retryable = case
    outcome = read(chunk(content="A"), payload, done=True)
    assert type(outcome.error) is cls
    assert outcome.error.retryable is retryable
    assert "boom" in outcome.error.message or payload is LOADING
    assert outcome.completion.text == "A"


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "x", "object": "chat.completion.chunk", "code": 0, "message": "ok"},
        {"id": "x", "code": "SUCCESS", "message": "done", "choices": []},
        {"exception": None, "choices": []},
        {"id": "x", "error_code": 0, "error_msg": "Success"},
        {"id": "x", "error": {"message": "", "type": None, "code": None}},
    ],
)
def test_a_note_of_success_ends_no_stream(payload: dict[str, Any]) -> None:
    """Wrappers of gateways have a code and a message in good chunks, too."""
    outcome = read(chunk(content="A"), payload, chunk("stop"), done=True)
    assert outcome.error is None
    assert outcome.completion.text == "A"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Error code: 429 - {'error': 'x'}", 429),
        ("429 Too Many Requests", 429),
        ("429 You exceeded your current quota", 429),
        ('503 {"error": "x"}', 503),
        ("429 status code (no body)", 429),
        ("[429 Too Many Requests] x", 429),
        ("503: x", 503),
        ("HTTP 503: overloaded", 503),
        ("HTTP Error 404: Not Found", 404),
        ("Client error '429 Too Many Requests' for url 'x'", 429),
        ("Request failed with status code 429", 429),
        ("bad response status code 502", 502),
        ("unexpected status 503 Service Unavailable: x", 503),
        ("500 requests per minute exceeded", None),
        ("Requested 450 tokens", None),
        ("error in line 400", None),
        ("Input has 413 tokens, error", None),
    ],
)
def test_a_status_in_the_message_counts_if_no_field_has_one(message: str, status: int | None) -> None:
    """Proxies pass on the messages of their clients."""
    assert api_error({"error": {"message": message}}).status == status
    assert api_error({"error": {"message": message, "code": 401}}).status == 401


@pytest.mark.parametrize(
    ("code", "cls", "retryable"),
    [
        (5007, BadRequestError, False),
        (3006, BadRequestError, False),
        (3041, PermissionDeniedError, False),
        (3042, NotFoundError, False),
        (3007, BadRequestError, True),
        (3036, RateLimitError, False),
        (3040, RateLimitError, True),
    ],
)
def test_a_code_of_cloudflare_selects_the_class(code: int, cls: type[APIError], retryable: bool) -> None:
    """The class of the HTTP status that Workers AI documents for the code."""
    error = api_error({"success": False, "errors": [{"code": code, "message": "m"}]})
    assert (type(error), error.retryable) == (cls, retryable)
