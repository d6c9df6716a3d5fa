"""A gateway's usage object comes to counts; what it does not say stays None."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import Usage
from streamkit.wires.usage import merge_usage, read_usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, 15, 8, None, 3),
            id="OpenAI chat",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_tokens_details": {"cached_tokens": 8},
                "output_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, 15, 8, None, 3),
            id="US-01 Responses",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "cost": 0.0042,
                "cost_details": {"upstream_inference_cost": None},
                "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 2},
            },
            Usage(100, 50, 150, 7, 2, None, 0.0042),
            id="OS-14, P20 OpenRouter",
        ),
        pytest.param(
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
            Usage(9, None, None, 4),
            id="DeepSeek",
        ),
        pytest.param(
            {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 5},
            Usage(9, None, None, 4, 5),
            id="Anthropic's spelling behind gateways",
        ),
        pytest.param(
            {"prompt_tokens": 9, "prompt_tokens_details": {"cache_creation_input_tokens": 5}},
            Usage(9, cache_write_tokens=5),
            id="DashScope's cache",
        ),
        pytest.param({"cost": {"total_cost": 0.006}}, Usage(cost=0.006), id="Perplexity's cost"),
        pytest.param({"cost": "0.5"}, Usage(cost=0.5), id="P19 a cost as text"),
        pytest.param({"prompt_tokens": 3}, Usage(3), id="CL-02, CR-04 part of it"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0, 0), id="zeros"),
        pytest.param({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4, 7), id="a missing total"),
        pytest.param({"completion_tokens": 7.0}, Usage(None, 7), id="a whole number written as 7.0"),
        pytest.param({"cost_in_usd_ticks": 1721250}, Usage(cost=0.000172125), id="xAI"),
        pytest.param({"cost": 0.5, "cost_in_usd_ticks": 7}, Usage(cost=0.5), id="two costs"),
        pytest.param({}, Usage(), id="X-15 nothing"),
        pytest.param({"prompt_tokens_details": None}, Usage(), id="details that are null"),
        pytest.param(
            {"prompt_tokens_details": {"cached_tokens": None}, "cached_tokens": 3},
            Usage(cached_input_tokens=3),
            id="null details do not hide the count beside them",
        ),
    ],
)
def test_what_gateways_say(raw: dict[str, Any], usage: Usage) -> None:
    """Each dialect's names, from its documentation; the whole object stays in `.raw`."""
    assert read_usage(raw) == usage
    assert read_usage(raw).raw == raw


@pytest.mark.parametrize(
    "value",
    [None, "", "12 tokens", "1.5", "9" * 30, True, [], {}, float("nan"), float("inf"), -float("inf")],
    ids=repr,
)
def test_what_is_no_number_is_none(value: Any) -> None:
    """Hostile payloads: never an exception, never an invented count."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens")
    assert read_usage(dict.fromkeys(names, value)) == Usage()


@pytest.mark.parametrize(
    "value", [None, "free", True, [], {}, {"total_cost": None}, float("nan"), "nan", "inf", 10**400], ids=repr
)
def test_what_is_no_price_is_none(value: Any) -> None:
    """A cost that cannot be added up is no cost."""
    assert read_usage({"cost": value}) == Usage()


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        pytest.param(
            {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 8, "cacheWriteInputTokens": 1},
            Usage(10, 5, 15, 8, 1),
            id="Bedrock",
        ),
        pytest.param(
            {"promptTokens": 10, "promptTokensDetails": {"cachedTokens": 8}},
            Usage(10, None, None, 8),
            id="camel",
        ),
        pytest.param(
            {
                "promptTokenCount": 10,
                "candidatesTokenCount": 5,
                "totalTokenCount": 18,
                "thoughtsTokenCount": 3,
            },
            Usage(10, 5, 18, None, None, 3),
            id="Gemini",
        ),
        pytest.param({"input_token_count": 10, "generated_token_count": 5}, Usage(10, 5, 15), id="watsonx"),
        pytest.param({"prompt_tokens": 10, "generated_tokens": 5}, Usage(10, 5, 15), id="TGI"),
        pytest.param({"prompt": 10, "completion": 5, "total": 15}, Usage(10, 5, 15), id="short names"),
        pytest.param(
            {"billed_units": {"input_tokens": 9}, "tokens": {"input_tokens": 10, "output_tokens": 5}},
            Usage(10, 5, 15),
            id="Cohere",
        ),
        pytest.param(
            {"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 10, "output_tokens": 5},
            Usage(10, 5, 15),
            id="zeros under the names of another API",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "input_tokens_details": {"cached_tokens": 0},
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            Usage(10, None, None, 8),
            id="details of both APIs",
        ),
        pytest.param(
            {"input_tokens_details": {}, "prompt_tokens_details": {"cached_tokens": 8}},
            Usage(cached_input_tokens=8),
            id="empty details",
        ),
        pytest.param({"cache_read_tokens": 8}, Usage(cached_input_tokens=8), id="cache_read_tokens"),
        pytest.param(
            {"prompt_tokens_details": {"cached_creation_tokens": 8}},
            Usage(cache_write_tokens=8),
            id="new-api",
        ),
    ],
)
def test_names_of_other_apis_and_gateways_are_read(raw: dict[str, Any], usage: Usage) -> None:
    """Names are compared without case and separators; a count that isn't 0 has priority."""
    assert read_usage(raw) == usage


def test_a_count_that_a_later_report_lacks_stays() -> None:
    """Details, and one of the two parts; a total counts both. The raw form has the fields of both."""
    first = merge_usage(
        None, {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 8}, "cost": 0.5}
    )
    usage = merge_usage(first, {"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 5})
    assert usage == Usage(10, 5, 15, 8, cost=0.5)
    assert usage.raw is not None
    assert (usage.raw["prompt_tokens"], usage.raw["completion_tokens"]) == (10, 5)
    later = merge_usage(usage, {"prompt_tokens": 11, "completion_tokens": 6, "total_tokens": 17})
    assert (later.input_tokens, later.output_tokens, later.total_tokens) == (11, 6, 17)


def test_counts_may_be_text_or_in_camel_case() -> None:
    """As some gateways send them; Bedrock's own names are in camel case."""
    assert read_usage({"prompt_tokens": "10", "completion_tokens": "5", "total_tokens": "15"}) == Usage(
        10, 5, 15
    )
    assert read_usage({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}) == Usage(10, 5, 15)
    assert read_usage({"promptTokens": 10, "completionTokens": 5}) == Usage(10, 5, 15)


@pytest.mark.parametrize("value", [10**30, -5])
def test_odd_counts_stay_as_the_server_said_them(value: int) -> None:
    """It is the server's report, not ours."""
    assert read_usage({"total_tokens": value}) == Usage(total_tokens=value)


@pytest.mark.parametrize(
    "last", [{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {"prompt_tokens": None}]
)
def test_a_report_of_zeros_erases_no_counts(last: dict[str, Any]) -> None:
    """Some gateways put zeros on their last chunk, or nulls. Real counts replace zeros."""
    real = {"prompt_tokens": 3, "completion_tokens": 4}
    assert merge_usage(merge_usage(None, real), last) == Usage(3, 4, 7)
    assert merge_usage(merge_usage(None, last), real) == Usage(3, 4, 7)
