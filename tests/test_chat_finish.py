"""Finish reasons of chat: in which field, in which words, and the raw word next to ours."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import TruncatedStreamError
from streamkit.wires.finish_words import finish_reason

from .chat_payloads import A, choice, chunk, read

FINISHES = [
    *[(word, "stop") for word in ("stop", "STOP", "end_turn", "stop_sequence", "eos")],
    *[
        (word, "length")
        for word in ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length")
    ],
    *[(word, "tool_calls") for word in ("tool_calls", "tool_use", "function_call")],
    *[
        (word, "content_filter")
        for word in ("content_filter", "SAFETY", "RECITATION", "sensitive", "refusal", "guardrail_intervened")
    ],
    *[(word, "error") for word in ("error", "network_error", "insufficient_system_resource", "abort")],
    *[(word, "pause") for word in ("pause_turn", "compaction")],
    ("brand_new_word", "other"),
    *[
        (word, "content_filter")
        for word in ("content_filter: RECITATION", "CONTENT_FILTER:SAFETY", "content-filter", "IMAGE_SAFETY")
    ],
    ("content_filter: A_NEW_REASON", "content_filter"),
    ("function_call_filter: MALFORMED_FUNCTION_CALL", "error"),
    ("function_call_filter: UNEXPECTED_TOOL_CALL", "error"),
    ("function_call_filter: MAX_TOKENS", "length"),
    ("function_call_filter: A_NEW_REASON", "error"),
    ("a_new_kind: SAFETY", "content_filter"),
    ("a_new_kind: a_new_reason", "other"),
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"finishReason": "MAX_TOKENS"}, ("length", "MAX_TOKENS")),
        ({"finish_reason": None, "finishReason": "length"}, ("length", "length")),
        ({"finish_reason": "", "nativeFinishReason": "SAFETY"}, ("content_filter", "SAFETY")),
        ({"finish_reason": "stop", "finishReason": "length"}, ("stop", "stop")),
        ({"finishReason": "stop", "nativeFinishReason": "end_turn"}, ("stop", "stop")),
    ],
)
@pytest.mark.parametrize("delta", [{"content": "B"}, {}])
def test_finish_reasons_in_camel_case(
    fields: dict[str, Any], expected: tuple[str, str], delta: dict[str, Any]
) -> None:
    """Next to text, too, where the fast path must not overlook them."""
    completion = read(A, {"choices": [{"index": 0, "delta": delta, **fields}]}).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == expected


def test_a_body_may_have_a_finish_reason_and_no_message() -> None:
    """Gemini's endpoint answers a blocked prompt like this."""
    outcome = read('{"choices":[{"index":0,"finish_reason":"content_filter: SPII"}]}')
    assert outcome.error is None
    assert (outcome.completion.finish_reason, outcome.completion.text) == ("content_filter", "")


@pytest.mark.parametrize(("raw", "reason"), FINISHES)
def test_finish_reasons_are_normal_and_kept(raw: str, reason: str) -> None:
    """CR-16, CO-09, P21: one of seven words, and the server's own spelling next to it."""
    completion = read(A, chunk(raw)).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == (reason, raw)


@pytest.mark.parametrize("with_text", [True, False], ids=["beside text", "alone"])
@pytest.mark.parametrize(
    ("finish", "native", "expected"),
    [
        (None, "MAX_OUTPUT_TOKENS", ("length", "MAX_OUTPUT_TOKENS")),
        ("", "end_turn", ("stop", "end_turn")),
        ("stop", "length", ("stop", "stop")),
        (None, None, (None, None)),
    ],
)
def test_the_native_finish_reason_counts_where_there_is_no_other(
    finish: Any, native: Any, expected: tuple[Any, Any], with_text: bool
) -> None:
    """OS-16: OpenRouter's normal one wins."""
    last = choice(finish, content="B") if with_text else choice(finish)
    completion = read(A, {"choices": [{**last, "native_finish_reason": native}]}, done=True).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == expected


@pytest.mark.parametrize("with_text", [False, True])
@pytest.mark.parametrize(
    ("finish", "native", "expected"),
    [
        ("stop", "network_error", ("error", "network_error")),
        ("stop", "error", ("error", "error")),
        ("tool_calls", "MALFORMED_FUNCTION_CALL", ("error", "MALFORMED_FUNCTION_CALL")),
        ("length", "abort", ("error", "abort")),
        ("error", "stop", ("error", "error")),
        ("stop", "SAFETY", ("stop", "stop")),
        ("stop", "news", ("stop", "stop")),
    ],
)
def test_a_failure_that_only_the_provider_reports_counts(
    finish: str, native: str, expected: tuple[str, str], with_text: bool
) -> None:
    """OpenRouter words a provider that failed as "stop", and only its native word says so."""
    last = choice(finish, content="B") if with_text else choice(finish)
    completion = read(A, {"choices": [{**last, "native_finish_reason": native}]}, done=True).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == expected


@pytest.mark.parametrize("finish", [None, "", 0, False, 5, [], {}, ["stop"]], ids=repr)
def test_what_is_no_finish_reason_ends_nothing(finish: Any) -> None:
    """CL-18: and the end of the body is then a truncation."""
    outcome = read({"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": finish}]})
    assert isinstance(outcome.error, TruncatedStreamError)
    assert outcome.completion.finish_reason is None


def test_done_alone_is_an_ending_without_reason() -> None:
    """P1: [DONE] ends it; nobody said why, and nothing is invented."""
    completion = read(A, done=True).completion
    assert (completion.text, completion.finish_reason) == ("A", None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("maxTokens", "length"),
        ("endTurn", "stop"),
        ("contentFilter", "content_filter"),
        ("toolCalls", "tool_calls"),
        ("max-tokens", "length"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("FINISH_REASON_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("content filter: RECITATION", "content_filter"),
        ("FINISH_REASON_UNSPECIFIED", "other"),
        ("ERROR_LIMIT", "length"),
        ("maxPredictedTokensReached", "length"),
        ("token_limit", "length"),
        ("endoftext", "stop"),
        ("eosFound", "stop"),
        ("TOOL_CALL", "tool_calls"),
        ("guardrails", "content_filter"),
        ("cancelled", "error"),
        ("malformed_tool_use", "error"),
    ],
)
def test_finish_words_in_other_spellings(raw: str, reason: str) -> None:
    """CamelCase, hyphens, and names of an enum are spellings of the words in the table."""
    outcome = read(A, chunk(raw), done=True)
    assert (outcome.completion.finish_reason, outcome.completion.choices[0].raw_finish_reason) == (
        reason,
        raw,
    )


@pytest.mark.parametrize("word", ["null", "None", "not_finished", " "])
def test_a_word_for_null_finishes_nothing(word: str) -> None:
    """DashScope sends the string "null" on every chunk before the last."""
    outcome = read(chunk(word, content="A"), chunk(word, content="b"), chunk("stop"))
    assert (outcome.completion.text, outcome.completion.finish_reason) == ("Ab", "stop")
    assert read(chunk(word, content="A")).error is not None


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *[("REASON_STOP", "stop"), ("REASON_MAX_LEN", "length"), ("REASON_MAX_CONTEXT", "length")],
        *[("REASON_TOOL_CALLS", "tool_calls"), ("REASON_TIME_LIMIT", "length"), ("stop_sequences", "stop")],
    ],
)
def test_enums_of_xai_are_finish_words(word: str, reason: str) -> None:
    """xAI's enum has names that begin with `REASON_`."""
    assert finish_reason(word) == reason


@pytest.mark.parametrize("field", ["finish_reason", "finishReason"])
def test_the_finish_may_be_in_the_delta(field: str) -> None:
    """With text before it, or next to it."""
    outcome = read(A, {"choices": [{"index": 0, "delta": {"content": "B", field: "length"}}]})
    assert outcome.error is None
    assert (outcome.completion.text, outcome.completion.finish_reason) == ("AB", "length")


@pytest.mark.parametrize(
    ("finish", "reason", "raw"),
    [
        ({"type": "stop", "matched": 2}, "stop", "stop"),
        ({"type": "length", "length": 20}, "length", "length"),
        ({"type": "abort", "message": "gone", "status_code": 400}, "error", "abort"),
    ],
)
def test_a_finish_may_be_an_object(finish: Any, reason: str, raw: str) -> None:
    """As SGLang has it inside: the word is its `type`."""
    completion = read(A, chunk(finish), done=True).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == (reason, raw)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *[(word, "length") for word in ("max_tokens_exceeded", "truncated", "max_context_len")],
        *[(word, "content_filter") for word in ("content_policy_violation", "blocked_by_safety")],
        *[(word, "error") for word in ("server_error", "provider_failed", "cancelled_by_user", "rate_limit")],
        *[(word, "tool_calls") for word in ("tool_calling", "tool")],
        *[(word, "stop") for word in ("stop_token_ids", "eos_token_id", "natural_stop")],
        *[(word, "other") for word in ("risk", "stop_by_user", "maximal", "unknown")],
    ],
)
def test_an_unknown_word_is_read_by_its_parts(word: str, reason: str) -> None:
    """A part that means a cut counts before one of a good ending."""
    assert finish_reason(word) == reason
