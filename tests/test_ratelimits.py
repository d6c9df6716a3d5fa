"""ratelimits: headers of every dialect."""

from __future__ import annotations

import pytest

from streamkit.http.ratelimits import RateLimit, rate_limits


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
        pytest.param({"x-ratelimit-limit-requests": "many", "content-type": "x"}, {}, id="not a number"),
        pytest.param({"x-ratelimit-reset": "nan", "x-ratelimit-limit": "inf"}, {}, id="nan"),
    ],
)
def test_rate_limit_headers_of_every_dialect(headers: dict[str, str], expected: dict[str, RateLimit]) -> None:
    """Limits are named after the thing they count; resets are seconds after 2023-11-14T22:13:20Z."""
    assert rate_limits(headers, now=1_700_000_000.0) == expected
