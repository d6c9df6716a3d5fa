"""Conversations, each with the exact body for Chat Completions, OpenRouter and Responses.

The bodies are written by hand from the references of the APIs, never copied from the output of the code. This
file has the notation of the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streamkit import FunctionCall, FunctionCallOutput, Message, Reasoning

SAME: Any = "as on chat"


class Case(NamedTuple):
    """A request, and the body to expect on each wire."""

    input: Any
    chat: Sequence[Any]  # messages
    responses: Sequence[Any]  # input items
    openrouter: Any = SAME  # messages, if they differ from chat's
    report: Sequence[str] = ()  # on chat, as `dropped: ...`, `repaired: ...`, `doubtful: ...`
    responses_report: Any = SAME
    request: Mapping[str, Any] = {}  # instructions, tools, extra_body, model
    params: Mapping[str, Any] = {}
    chat_fields: Mapping[str, Any] = {}  # in addition to model, messages, stream, stream_options
    openrouter_fields: Any = SAME
    responses_fields: Mapping[str, Any] = {}


# -- items --------------------------------------------------------------------------------


def U(*content: Any) -> Message:
    return Message("user", content[0] if len(content) == 1 and isinstance(content[0], str) else content)


def A(text: str) -> Message:
    return Message("assistant", text)


def R(text: str) -> Reasoning:
    return Reasoning(content=text)


def C(call_id: str | None, arguments: str = "{}", name: str = "f") -> FunctionCall:
    return FunctionCall(call_id, name, arguments)


def O(call_id: str | None, output: Any = "ok") -> FunctionCallOutput:  # noqa: E743
    return FunctionCallOutput(call_id, output)


# -- messages of Chat Completions ---------------------------------------------------------


def system(content: str) -> dict[str, Any]:
    return {"role": "system", "content": content}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str | None, *calls: Any, **fields: Any) -> dict[str, Any]:
    tool_calls = {"tool_calls": list(calls)} if calls else {}
    return {"role": "assistant", "content": content, **tool_calls, **fields}


def call(call_id: str, arguments: str = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(call_id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


# -- input items of Responses -------------------------------------------------------------


def r_message(role: str, *parts: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": role, "content": content}


def r_user(*parts: Any) -> dict[str, Any]:
    return r_message("user", *parts)


def r_assistant(*parts: Any) -> dict[str, Any]:
    return r_message("assistant", *parts)


def r_call(call_id: str, arguments: str = "{}", name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def r_output(call_id: str, output: Any = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def r_reasoning(*texts: str) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": said} for said in texts]
    return {"type": "reasoning", "summary": [], "content": content}
