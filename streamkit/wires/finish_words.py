"""The finish words of all APIs -> our finish reason: one table, because gateways pass on words of other APIs.

Sources: the references of OpenAI, Anthropic and Gemini; Mistral, Cohere, Bedrock, DeepSeek, Zhipu, DashScope,
watsonx, TGI, llama.cpp, LM Studio, vLLM, SGLang.
"""

from __future__ import annotations

import re

from ..completion import FinishReason

_WORDS: dict[FinishReason, str] = {
    "stop": """stop stopped end_turn end_of_turn stop_sequence stop_sequences stop_string stop_string_found
        stop_word
        stop_token eos eos_token eos_found end_of_text endoftext end_of_sequence eot eot_token word
        end done complete completed finish finished normal success succeeded""",
    "tool_calls": "tool_calls tool_call tool_use function_call function_calls",
    "length": """length max_len max_length max_context max_tokens max_output_tokens max_completion_tokens
        max_new_tokens max_output max_predicted_tokens_reached max_tokens_reached token_limit
        token_limit_reached limit time_limit error_limit model_length model_context_window_exceeded
        context_window_exceeded
        context_length context_length_exceeded context_length_reached""",
    "content_filter": """content_filter content_filtered content_filtering filtered safety recitation language
        prohibited_content blocklist blocked spii image_safety image_prohibited_content image_recitation
        sensitive refusal guardrail guardrails guardrail_intervened error_toxic jailbreak model_armor
        escalation pup_limited_disabled moderation content_moderation""",
    "pause": "pause pause_turn compaction continuation",
    "error": """error failed failure abort aborted cancel cancelled canceled user_cancel user_stopped timeout
        insufficient_system_resource network_error repetition model_unloaded malformed_function_call
        function_call_filter malformed_tool_use malformed_model_output malformed_response
        unexpected_tool_call too_many_tool_calls missing_thought_signature""",
}
# Words in lower case, with `_` between their parts. An unknown word is "other".
FINISH: dict[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}
# Reasons that the answer isn't whole.
CUTS = {word: reason for word, reason in FINISH.items() if reason not in ("stop", "tool_calls")}
# Values of the field that mean null (DashScope, watsonx).
_NONE = frozenset(("", "null", "none", "not_finished"))

_HUMP = re.compile("([a-z])([A-Z])")
_ENUM = re.compile(r"^(?:(?:finish|stop)_?)?reason[._](?=.)")
# Parts of words that aren't in the table, in the order of the search: a cut counts first.
_PARTS: tuple[tuple[str, FinishReason], ...] = (
    (
        "filter|safety|policy|violat|sensitive|moderat|blocked|harm|inappropriate|prohibit|guardrail|inspect",
        "content_filter",
    ),
    ("error|fail|exception|abort|cancel|interrupt|overload|rate_limit", "error"),
    ("length|limit|truncat|max[a-z_]*_(?:token|output|len)|out_of_tokens|maximum", "length"),
    ("^(?:tool|function)", "tool_calls"),
    ("^(?:stop_(?:token|word|seq|string)|eos_|end_of_|natural_stop$)", "stop"),
)


def finish_reason(word: str) -> FinishReason | None:
    """Return our word for a server's; "other" if it isn't known, None if it means that nothing finished.

    Some gateways write camelCase (`maxTokens`), or the name of an enum (`FinishReason.MAX_TOKENS`). Others
    add a reason of another API: `content_filter: RECITATION`. The part after the colon decides about
    `function_call_filter: MALFORMED_FUNCTION_CALL`, and if the first part isn't known.
    """
    word = _HUMP.sub(r"\1_\2", word.strip()).lower().replace("-", "_").replace(" ", "_")
    if word in _NONE:
        return None
    word = _ENUM.sub("", word)
    kind, _, detail = (part.strip(" _") for part in word.partition(":"))
    if kind == "function_call_filter" and detail in FINISH:
        return FINISH[detail]
    return FINISH.get(word) or FINISH.get(kind) or FINISH.get(detail) or _by_part(word)


def _by_part(word: str) -> FinishReason:
    """Return our word for one that isn't in the table, by a part of it; "other" if no part is known."""
    return next((reason for parts, reason in _PARTS if re.search(parts, word)), "other")
