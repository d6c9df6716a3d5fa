"""Finish words that servers pass on from one API to another, in lower case -> our finish reason.

An API's own table (`Wire.stop_reasons`) begins with these, if its servers stand in front of other models.
"""

from __future__ import annotations

from ..completion import FinishReason

# The model ended the answer itself.
ENDS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token"), "stop"),
    **dict.fromkeys(("complete", "completed"), "stop"),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), "tool_calls"),
}
# The answer was cut.
CUTS: dict[str, FinishReason] = {
    **dict.fromkeys(("max_output_tokens", "max_tokens", "length", "model_length"), "length"),
    **dict.fromkeys(("max_completion_tokens", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "recitation"), "content_filter"),
    **dict.fromkeys(("prohibited_content", "blocklist", "spii", "image_safety"), "content_filter"),
    **dict.fromkeys(("language", "sensitive", "refusal", "guardrail_intervened"), "content_filter"),
    "error_toxic": "content_filter",
    **dict.fromkeys(("pause_turn", "compaction", "continuation"), "pause"),
    **dict.fromkeys(("error", "abort", "insufficient_system_resource", "network_error"), "error"),
    **dict.fromkeys(("malformed_function_call", "repetition"), "error"),
}
