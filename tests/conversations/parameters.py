"""Parameters, tools and structured output: their names and forms on each wire."""

from __future__ import annotations

from typing import Any

import attrs

from streamkit.request.options import ToolSpec
from streamkit.request.params import ProviderPreferences

from . import SAME, Case, r_user, user

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CITY = ToolSpec("weather", "The weather.", SCHEMA)
NOTHING = {"type": "object", "properties": {}}
# The forms that MCP servers use: no type, an array without items, a boolean as a schema.
LOOSE = {"properties": {"zones": {"type": "array"}, "any": True, "type": {"type": "string"}}}
COMPLETED = {
    "type": "object",
    "properties": {"zones": {"type": "array", "items": {}}, "any": {}, "type": {"type": "string"}},
}


@attrs.frozen
class Answer:
    """A city."""

    city: str
    note: str | None = None


ANSWER_SCHEMA = {
    "type": "object",
    "description": "A city.",
    "properties": {"city": {"type": "string"}, "note": {"type": ["string", "null"]}},
    "required": ["city", "note"],
    "additionalProperties": False,
}


def _case(
    params: dict[str, Any],
    chat: dict[str, Any],
    responses: dict[str, Any],
    openrouter: Any = SAME,
    **others: Any,
) -> Case:
    return Case(
        "hi",
        [user("hi")],
        [r_user("hi")],
        params=params,
        chat_fields=chat,
        responses_fields=responses,
        openrouter_fields=openrouter,
        **others,
    )


CASES = {
    "sampling": _case(
        {"temperature": 0.5, "top_p": 1, "presence_penalty": -1, "frequency_penalty": 2},
        {"temperature": 0.5, "top_p": 1, "presence_penalty": -1, "frequency_penalty": 2},
        {"temperature": 0.5, "top_p": 1, "presence_penalty": -1, "frequency_penalty": 2},
    ),
    "none_is_not_sent": _case({"temperature": None, "stop": None}, {}, {}),
    "max_tokens": _case({"max_tokens": 5}, {"max_tokens": 5}, {"max_output_tokens": 5}),
    "max_tokens_of_a_reasoning_model": _case(
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_output_tokens": 5},
        {"max_tokens": 5},
        request={"model": "gpt-5-mini"},
    ),
    "max_completion_tokens": _case(
        {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, {"max_output_tokens": 5}
    ),
    "max_output_tokens": _case({"max_output_tokens": 5}, {"max_tokens": 5}, {"max_output_tokens": 5}),
    "sampling_parameters_of_a_reasoning_model": _case(
        {"temperature": 0.5, "top_p": 0.5, "parallel_tool_calls": True},
        {},
        {},
        {"temperature": 0.5, "top_p": 0.5},
        request={"model": "o3"},
        report=[
            "dropped: temperature: o3 refuses it",
            "dropped: top_p: o3 refuses it",
            "dropped: parallel_tool_calls: the request has no tools",
        ],
    ),
    "reasoning_model_with_reasoning_switched_off": _case(
        {"temperature": 0.5, "reasoning_effort": "none"},
        {"temperature": 0.5, "reasoning_effort": "none"},
        {"temperature": 0.5, "reasoning": {"effort": "none"}},
        {"temperature": 0.5, "reasoning": {"effort": "none"}},
        request={"model": "gpt-5.1"},
    ),
    "chat_model_of_the_same_family": _case(
        {"temperature": 0.5, "max_tokens": 9},
        {"temperature": 0.5, "max_tokens": 9},
        {"temperature": 0.5, "max_output_tokens": 9},
        request={"model": "gpt-5-chat-latest"},
    ),
    "effort": _case(
        {"reasoning_effort": "low"},
        {"reasoning_effort": "low"},
        {"reasoning": {"effort": "low"}},
        {"reasoning": {"effort": "low"}},
    ),
    "reasoning_settings": _case(
        {"reasoning": {"effort": "high", "exclude": True}},
        {"reasoning_effort": "high"},
        {"reasoning": {"effort": "high", "exclude": True}},
        {"reasoning": {"effort": "high", "exclude": True}},
        report=["dropped: reasoning.exclude: generic accepts only an effort"],
        responses_report=[],
    ),
    "usage_switched_off": Case(
        "hi",
        [user("hi")],
        [r_user("hi")],
        params={"include_usage": False},
        chat_fields={"stream_options": None},
        openrouter_fields={"stream_options": None, "usage": None},
        responses_report=["dropped: include_usage: this API has no such switch, and always does it"],
    ),
    "stream_options_of_the_caller": _case(
        {"stream_options": {"include_obfuscation": False}},
        {"stream_options": {"include_obfuscation": False, "include_usage": True}},
        {"stream_options": {"include_obfuscation": False}},
    ),
    "tool": _case(
        {},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA},
                }
            ]
        },
        {
            "tools": [
                {
                    "type": "function",
                    "name": "weather",
                    "description": "The weather.",
                    "parameters": SCHEMA,
                    "strict": False,
                }
            ]
        },
        request={"tools": [CITY]},
    ),
    "strict_tool": _case(
        {},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "parameters": {**SCHEMA, "additionalProperties": False},
                        "strict": True,
                    },
                }
            ]
        },
        {
            "tools": [
                {
                    "type": "function",
                    "name": "weather",
                    "parameters": {**SCHEMA, "additionalProperties": False},
                    "strict": True,
                }
            ]
        },
        request={"tools": [ToolSpec("weather", parameters=SCHEMA, strict=True)]},
    ),
    "tool_without_parameters": _case(
        {},
        {"tools": [{"type": "function", "function": {"name": "now", "parameters": NOTHING}}]},
        {"tools": [{"type": "function", "name": "now", "parameters": NOTHING, "strict": False}]},
        request={"tools": [ToolSpec("now")]},
    ),
    "tool_with_a_loose_schema_of_mcp": _case(
        {},
        {"tools": [{"type": "function", "function": {"name": "now", "parameters": COMPLETED}}]},
        {"tools": [{"type": "function", "name": "now", "parameters": COMPLETED, "strict": False}]},
        request={"tools": [ToolSpec("now", parameters=LOOSE)]},
    ),
    "tool_with_the_empty_schema": _case(
        {},
        {"tools": [{"type": "function", "function": {"name": "now", "parameters": NOTHING}}]},
        {"tools": [{"type": "function", "name": "now", "parameters": NOTHING, "strict": False}]},
        request={"tools": [ToolSpec("now", parameters={})]},
    ),
    "tool_in_the_form_of_chat": _case(
        {},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": NOTHING}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": NOTHING, "strict": False}]},
        request={"tools": [{"type": "function", "function": {"name": "f", "parameters": NOTHING}}]},
    ),
    "tool_in_the_form_of_responses": _case(
        {},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": NOTHING}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": NOTHING}]},
        request={"tools": [{"type": "function", "name": "f", "parameters": NOTHING}]},
    ),
    "custom_tool": _case(
        {},
        {"tools": [{"type": "custom", "custom": {"name": "sql", "description": "d"}}]},
        {"tools": [{"type": "custom", "name": "sql", "description": "d"}]},
        request={"tools": [{"type": "custom", "name": "sql", "description": "d"}]},
    ),
    "hosted_tool": _case(
        {},
        {},
        {"tools": [{"type": "web_search", "search_context_size": "low"}]},
        request={"tools": [{"type": "web_search", "search_context_size": "low"}]},
        report=["dropped: tools[0]: web_search is run by servers of other APIs only"],
        responses_report=[],
    ),
    "no_tools": _case(
        {"tool_choice": "auto"},
        {},
        {},
        request={"tools": []},
        report=["dropped: tool_choice: the request has no tools"],
    ),
    "tool_choice": _case(
        {"tool_choice": "required", "parallel_tool_calls": False},
        {
            "tools": [{"type": "function", "function": {"name": "now", "parameters": NOTHING}}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
        },
        {
            "tools": [{"type": "function", "name": "now", "parameters": NOTHING, "strict": False}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
        },
        request={"tools": [ToolSpec("now")]},
    ),
    "tool_choice_by_name": _case(
        {"tool_choice": "now"},
        {
            "tools": [{"type": "function", "function": {"name": "now", "parameters": NOTHING}}],
            "tool_choice": {"type": "function", "function": {"name": "now"}},
        },
        {
            "tools": [{"type": "function", "name": "now", "parameters": NOTHING, "strict": False}],
            "tool_choice": {"type": "function", "name": "now"},
        },
        request={"tools": [ToolSpec("now")]},
    ),
    "response_format_from_a_class": _case(
        {"response_format": Answer},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "Answer", "strict": True, "schema": ANSWER_SCHEMA},
            }
        },
        {
            "text": {
                "format": {"type": "json_schema", "name": "Answer", "strict": True, "schema": ANSWER_SCHEMA}
            }
        },
    ),
    "response_format_from_a_bare_schema": _case(
        {"response_format": {**SCHEMA, "title": "The city!"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "The_city",
                    "strict": False,
                    "schema": {**SCHEMA, "title": "The city!"},
                },
            }
        },
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "The_city",
                    "strict": False,
                    "schema": {**SCHEMA, "title": "The city!"},
                }
            }
        },
    ),
    "json_object": _case(
        {"response_format": "json_object"},
        {"response_format": {"type": "json_object"}},
        {"text": {"format": {"type": "json_object"}}},
        report=[
            "doubtful: response_format: json_object needs the word JSON in a message; ask for JSON there"
        ],
    ),
    "verbosity": _case({"verbosity": "low"}, {"verbosity": "low"}, {"text": {"verbosity": "low"}}),
    "logprobs": _case(
        {"logprobs": True, "top_logprobs": 2},
        {"logprobs": True, "top_logprobs": 2},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    "metadata_and_user": _case(
        {"metadata": {"a": "b"}, "user": "me", "service_tier": "flex", "prompt_cache_key": "k"},
        {"metadata": {"a": "b"}, "user": "me", "service_tier": "flex", "prompt_cache_key": "k"},
        {"metadata": {"a": "b"}, "user": "me", "service_tier": "flex", "prompt_cache_key": "k"},
    ),
    "store_false": _case(
        {"store": False},
        {"store": False},
        {"store": False, "include": ["reasoning.encrypted_content"]},
    ),
    "store_false_for_a_model_without_reasoning": _case(
        {"store": False}, {"store": False}, {"store": False}, request={"model": "gpt-4.1"}
    ),
    "provider_preferences": _case(
        {"provider": ProviderPreferences(zdr=True, sort="throughput", max_price={"prompt": 1})},
        {"provider": {"zdr": True, "sort": "throughput", "max_price": {"prompt": 1}}},
        {"provider": {"zdr": True, "sort": "throughput", "max_price": {"prompt": 1}}},
    ),
    "provider_pinned": _case(
        {"provider": ProviderPreferences.pinned("anthropic")},
        {"provider": {"only": ["anthropic"], "allow_fallbacks": False, "require_parameters": True}},
        {"provider": {"only": ["anthropic"], "allow_fallbacks": False, "require_parameters": True}},
    ),
    "fallback_models": _case(
        {"models": ("a/b", "c/d"), "route": "fallback", "transforms": [], "session_id": "s"},
        {"models": ["a/b", "c/d"], "route": "fallback", "transforms": [], "session_id": "s"},
        {"models": ["a/b", "c/d"], "route": "fallback", "transforms": [], "session_id": "s"},
    ),
    "usage_settings_of_the_caller": _case(
        {"usage": {"include": False}},
        {"usage": {"include": False}},
        {"usage": {"include": False}},
    ),
    "extra_body_is_merged": _case(
        {"metadata": {"a": "b"}, "temperature": 1},
        {
            "metadata": {"a": "b", "c": "d"},
            "temperature": 0,
            "stream": False,
            "x": [1],
            "stream_options": None,
        },
        {"metadata": {"a": "b", "c": "d"}, "temperature": 0, "stream": False, "x": [1]},
        request={
            "extra_body": {"metadata": {"c": "d"}, "temperature": 0, "stream": False, "x": [1]},
        },
    ),
    "extra_body_merges_deep": _case(
        {},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": False}},
        request={"extra_body": {"stream_options": {"include_usage": False}}},
    ),
}
