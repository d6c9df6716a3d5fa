"""Which class of error a status, a number or a word of a server stands for, and whether to retry: the tables.

takes    a status and the objects of an error body, from the outside in
returns  the narrowest class, and True if a retry may succeed
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from .error_facts import as_int, code_of, first, message_of, words_of
from .error_signs import failure_in
from .errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)

_Verdict: TypeAlias = "tuple[type[APIError], bool]"  # the class, and whether the error is retryable

_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    498: OverloadedError,  # Groq: no capacity for the flex tier
    503: OverloadedError,
    529: OverloadedError,
}
# 425 is RFC 8470's: too early, before the handshake was complete.
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 498, *range(500, 600)})

_ONE_WORD = re.compile(r"[A-Za-z][\w.-]*")
# The codes, types, status words and reasons that servers use, in the order of the search: a part of the
# word, in lower case and without separators, so that one row fits `rate_limit_exceeded` and `RateLimitError`.
_BY_WORD: tuple[tuple[str, type[APIError], bool], ...] = (
    ("insufficientquota", RateLimitError, False),  # waiting doesn't help
    ("exceededcurrentquota", RateLimitError, False),  # Moonshot: the account has no balance
    ("usagelimitreached", RateLimitError, False),  # chatgpt backend
    ("usagenotincluded", PermissionDeniedError, False),
    ("billing", PermissionDeniedError, False),
    ("insufficientbalance", PermissionDeniedError, False),
    ("insufficientcredit", PermissionDeniedError, False),
    ("arrearage", PermissionDeniedError, False),  # DashScope
    ("ratelimit", RateLimitError, True),
    ("requestlimit", RateLimitError, True),  # Databricks
    ("toomanyrequests", RateLimitError, True),
    ("throttl", RateLimitError, True),  # Bedrock, DashScope
    ("resourceexhausted", RateLimitError, True),  # gRPC's name of 429, as the next ones of their statuses
    ("unauthenticated", AuthenticationError, False),
    ("deadlineexceeded", ServerError, True),
    ("failedprecondition", BadRequestError, False),
    ("outofrange", BadRequestError, False),
    ("aborted", BadRequestError, True),
    ("conflict", BadRequestError, True),
    ("quota", RateLimitError, True),
    ("contextlength", BadRequestError, False),
    ("exceedcontext", BadRequestError, False),  # llama.cpp
    ("apikey", AuthenticationError, False),
    ("authentication", AuthenticationError, False),
    ("unauthorized", AuthenticationError, False),
    ("invalidauth", AuthenticationError, False),
    ("tokenexpired", AuthenticationError, False),
    ("expiredtoken", AuthenticationError, False),
    ("permission", PermissionDeniedError, False),
    ("forbidden", PermissionDeniedError, False),
    ("accessdenied", PermissionDeniedError, False),
    ("notfound", NotFoundError, False),
    ("overloaded", OverloadedError, True),
    ("slowdown", OverloadedError, True),
    ("unavailable", OverloadedError, True),
    ("capacity", OverloadedError, True),  # Groq, Together
    ("notready", OverloadedError, True),  # Bedrock
    ("invalid", BadRequestError, False),
    ("badrequest", BadRequestError, False),
    ("toolarge", BadRequestError, False),
    ("validation", BadRequestError, False),  # TGI, Bedrock
    ("templateerror", BadRequestError, False),  # TGI
    ("contentpolicy", BadRequestError, False),
    ("contentfilter", BadRequestError, False),
    ("datainspection", BadRequestError, False),  # DashScope
    ("moderation", BadRequestError, False),
    ("tooluse", BadRequestError, False),  # Groq, in the middle of a stream
    ("generation", ServerError, True),  # TGI: generation, incomplete_generation
    ("apierror", ServerError, True),  # Anthropic
    ("servererror", ServerError, True),
    ("internal", ServerError, True),
    ("timeout", ServerError, True),
    ("timedout", ServerError, True),
    ("badgateway", ServerError, True),
)

# MiniMax sends these with status 200. 1000 to 1033 are on platform.minimax.io/docs/api-reference/errorcode,
# read on 2026-11-26. The codes from 1039 on are as an earlier session noted them, and weren't checked again.
_BY_BASE_RESP: dict[int, _Verdict] = {
    **dict.fromkeys((1000, 1001, 1013, 1024, 1033), (ServerError, True)),
    **dict.fromkeys((1002, 1039, 1041, 2045), (RateLimitError, True)),  # four kinds of rates
    2056: (RateLimitError, False),  # the plan's quota of five hours
    **dict.fromkeys((1004, 2049), (AuthenticationError, False)),
    1008: (PermissionDeniedError, False),  # no balance
    **dict.fromkeys((1026, 1027, 1042, 2013), (BadRequestError, False)),
}

# Cloudflare Workers AI, by the status of each code, as on 2026-11-26 on
# developers.cloudflare.com/workers-ai/platform/errors. The last two aren't on that page: they are those of
# Cloudflare's API for a bad token.
_BY_CLOUDFLARE: dict[int, _Verdict] = {
    **dict.fromkeys((3003, 3006, 3039, 5004, 5005, 5007, 5019), (BadRequestError, False)),
    **dict.fromkeys((3023, 3041, 5016, 5018), (PermissionDeniedError, False)),
    3042: (NotFoundError, False),
    **dict.fromkeys((3007, 3008), (BadRequestError, True)),  # timeout, abort
    3040: (RateLimitError, True),
    3036: (RateLimitError, False),  # the free allocation of the day is spent
    **dict.fromkeys((9109, 10000), (AuthenticationError, False)),
}

# Zhipu (GLM), a text in `error.code`, next to status 429 or in a stream. A 429 may be an account without
# balance: docs.bigmodel.cn/cn/api/api-code, read on 2026-11-28.
_BY_ZHIPU: dict[str, _Verdict] = {
    **dict.fromkeys(("1112", "1113", "1121", "1309", "1311", "1313"), (PermissionDeniedError, False)),
    **dict.fromkeys(("1211", "1222"), (NotFoundError, False)),
    **dict.fromkeys(("1210", "1214", "1261", "1301"), (BadRequestError, False)),
    **dict.fromkeys(("1302", "1303", "1305"), (RateLimitError, True)),
    **dict.fromkeys(("1304", "1308", "1310"), (RateLimitError, False)),  # of a day, or until a date
    "1312": (OverloadedError, True),
    "1234": (ServerError, True),
}


def class_of(status: int | None, levels: list[dict[str, Any]]) -> _Verdict:
    words = "|".join(_words(levels))
    verdict = first(map(_by_code, levels))
    if verdict is None:
        verdict = next(((cls, retry) for word, cls, retry in _BY_WORD if word in words), None)
    if verdict is None and any("estimated_time" in level for level in levels):
        verdict = OverloadedError, True  # Hugging Face loads the model; its status is 503
    if status is None:
        return verdict or (APIError, False)
    if status == 400 and (cls := _of_reason(levels)) is not None:
        return cls, False
    # Waiting doesn't restore a quota or credit; after any other 429 a retry may succeed.
    spent = verdict is not None and verdict[0] in (RateLimitError, PermissionDeniedError) and not verdict[1]
    retryable = status in RETRYABLE_STATUSES and not (status == 429 and spent)
    if status in _BY_STATUS:
        return _BY_STATUS[status], retryable
    if status < 400:
        return APIError, False
    return (ServerError if status >= 500 else BadRequestError), retryable


def _of_reason(levels: list[dict[str, Any]]) -> type[APIError] | None:
    """Return the class of Google's 400s that aren't about the request: a bad key, a region without access."""
    details = [
        each
        for level in levels
        if isinstance(level.get("details"), list)
        for each in level["details"]
        if isinstance(each, dict)
    ]
    words = "|".join(str(each.get(name)) for each in (*levels, *details) for name in ("reason", "status"))
    if "API_KEY" in words:
        return AuthenticationError
    return PermissionDeniedError if "FAILED_PRECONDITION" in words else None


def _words(levels: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the words that may be a code; a message of one word is one (`{"error": "overloaded_error"}`)."""
    for level in levels:
        message = message_of(level) or ""
        word = message if _ONE_WORD.fullmatch(message.strip()) else None
        for value in (*words_of(level), code_of(level), word):
            if isinstance(value, str):
                yield re.sub(r"[^a-z]+", "", value[:200].lower())


def _by_code(level: Mapping[str, Any]) -> _Verdict | None:
    """Return the verdict on the number, or on the presence, of a failure in an envelope of one gateway."""
    failure = failure_in(level)
    if isinstance(failure, dict):
        return _BY_BASE_RESP.get(as_int(failure.get("code")))
    if failure is not None:  # Groq's text about a stream that it stopped early
        return ServerError, True
    code, errors = level.get("code"), level.get("errors")
    if isinstance(code, str) and code in _BY_ZHIPU:
        return _BY_ZHIPU[code]
    if level.get("success") is False and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return _BY_CLOUDFLARE.get(as_int(errors[0].get("code")))
    return None
