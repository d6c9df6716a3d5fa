"""ratelimits: headers of every dialect."""

from __future__ import annotations

import pytest

from streamkit.http.ratelimits import RateLimit, counted, rate_limits


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            {"requests": RateLimit(60, 59, 1.0), "tokens": RateLimit(150000, 149984, 360.0)},
            id="OpenAI",
        ),
        pytest.param(
            {"x-ratelimit-reset-tokens": "7.66ms"}, {"tokens": RateLimit(reset=0.00766)}, id="Groq ms"
        ),
        pytest.param(
            {"x-ratelimit-reset-requests": "2m59.56s"}, {"requests": RateLimit(reset=179.56)}, id="Groq"
        ),
        pytest.param(
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000060000"},
            {"all": RateLimit(20, 0, 60.0)},
            id="OpenRouter",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-reset": "2023-11-14T22:14:20Z",
            },
            {"requests": RateLimit(limit=50, reset=60.0)},
            id="Anthropic",
        ),
        pytest.param(
            {
                "x-codex-primary-used-percent": "12.5",
                "x-codex-primary-window-minutes": "300",
                "x-codex-primary-reset-at": "1700000060",
            },
            {"primary": RateLimit(reset=60.0, used_percent=12.5, window_minutes=300)},
            id="the chatgpt backend",
        ),
        pytest.param(
            {"RateLimit-Limit": "100", "RateLimit-Remaining": "7", "RateLimit-Reset": "50"},
            {"all": RateLimit(100, 7, 50.0)},
            id="the IETF's draft (draft-ietf-httpapi-ratelimit-headers-02)",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests-day": "14400",
                "x-ratelimit-remaining-requests-day": "14399",
                "x-ratelimit-reset-requests-day": "33011.382867086411",
                "x-ratelimit-remaining-tokens-minute": "59900",
            },
            {
                "requests-day": RateLimit(14400, 14399, 33011.382867086411, window_minutes=1440),
                "tokens-minute": RateLimit(remaining=59900, window_minutes=1),
            },
            id="Cerebras",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-req-minute": "720",
                "x-ratelimit-remaining-req-minute": "717",
                "x-ratelimit-limit-tokens-5-minute": "5000000",
                "x-ratelimit-tokens-query-cost": "52",
            },
            {
                "req-minute": RateLimit(720, 717, window_minutes=1),
                "tokens-5-minute": RateLimit(5_000_000, window_minutes=5),
            },
            id="Mistral",
        ),
        pytest.param(
            {"x-ratelimit-limit-minute": "30", "x-ratelimit-remaining-minute": "0", "ratelimit-reset": "7"},
            {"minute": RateLimit(30, 0, window_minutes=1), "all": RateLimit(reset=7)},
            id="Kong",
        ),
        pytest.param(
            {
                "ratelimit-limit": "100, 100;window=60, 5000;window=3600",
                "ratelimit-remaining": "98",
                "ratelimit-reset": "3",
            },
            {"all": RateLimit(100, 98, 3)},
            id="the IETF's draft 3",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "5, 5", "x-ratelimit-reset-requests": "2, 2"},
            {"requests": RateLimit(None, 5, 2)},
            id="a header that a proxy repeats",
        ),
        pytest.param(
            {"x-ratelimit-limit-" + "9" * 5000 + "-day": "1"},
            {"9" * 5000 + "-day": RateLimit(1, window_minutes=1440)},
            id="a time of 5000 digits",
        ),
        pytest.param({"x-ratelimit-limit-requests": "many", "content-type": "x"}, {}, id="not a number"),
        pytest.param({"x-ratelimit-reset": "nan", "x-ratelimit-limit": "inf"}, {}, id="nan"),
    ],
)
def test_rate_limit_headers_of_every_dialect(headers: dict[str, str], expected: dict[str, RateLimit]) -> None:
    """Limits are named after the thing they count; resets are seconds after 2023-11-14T22:13:20Z."""
    assert rate_limits(headers, now=1_700_000_000.0) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("requests", "requests"),
        ("all", "requests"),
        ("requests-day", "requests"),
        ("req-minute", "requests"),
        ("req-10-second", "requests"),
        ("minute", "requests"),
        ("project-requests", "requests"),
        ("tokens", "tokens"),
        ("input-tokens", "tokens"),
        ("tokens-minute", "tokens"),
        ("tokens-5-minute", "tokens"),
        ("tokens-prompt", ""),
        ("unified-5h", ""),
        ("primary", ""),
        ("audio-seconds", ""),
        ("images-minute", ""),
    ],
)
def test_what_a_limit_counts(kind: str, expected: str) -> None:
    """The pace counts requests and tokens, and leaves other limits to the server."""
    assert counted(kind) == expected
