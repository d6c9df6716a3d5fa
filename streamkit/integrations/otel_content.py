"""Items -> attributes with content, in the shape of gen-ai-input-messages.json and its twin for outputs.

Rule: an image, audio or a file is named by its type only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..client.observers import Operation
from ..completion import Choice, Completion
from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    Refusal,
)
from .otel_names import Names


def asked(operation: Operation) -> dict[str, str]:
    """Return the attributes of the request: instructions and input."""
    request = operation.request
    assert request is not None
    content = {Names.INPUT_MESSAGES: as_json([_message(item) for item in request.input])}
    if request.instructions:
        content[Names.INSTRUCTIONS] = as_json([{"type": "text", "content": request.instructions}])
    return content


def answers(completion: Completion) -> list[dict[str, Any]]:
    """Return the answer as messages, one for each choice."""
    return [
        {
            "role": "assistant",
            "parts": [part for item in choice.items for part in _message(item)["parts"]],
            "finish_reason": _spelled(choice),
        }
        for choice in completion.choices
    ]


def _spelled(choice: Choice) -> str:
    return "tool_call" if choice.finish_reason == "tool_calls" else choice.finish_reason or "error"


def _message(item: Item) -> dict[str, Any]:
    match item:
        case Message(role=role, content=content):
            return {"role": role, "parts": list(_text_parts(content))}
        case Reasoning():
            return {"role": "assistant", "parts": [{"type": "reasoning", "content": item.text}]}
        case (
            FunctionCall(call_id=call_id, name=name, arguments=arguments)
            | CustomToolCall(call_id=call_id, name=name, input=arguments)
        ):
            part = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
            return {"role": "assistant", "parts": [part]}
        case (
            FunctionCallOutput(call_id=call_id, output=output)
            | CustomToolCallOutput(call_id=call_id, output=output)
        ):
            response = output if isinstance(output, str) else list(_text_parts(output))
            return {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": call_id, "response": response}],
            }
        case _:
            return {"role": "assistant", "parts": [{"type": item.type}]}


def _text_parts(parts: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Yield texts with their content; of an image, audio or a file, only the type."""
    for part in parts:
        if isinstance(part, InputText | OutputText):
            yield {"type": "text", "content": part.text}
        elif isinstance(part, Refusal):
            yield {"type": "refusal", "content": part.refusal}
        else:
            yield {"type": part.type}


def result_of(output: str | Iterable[Any]) -> str:
    """Return the output of a tool's call: its text, or its parts as JSON."""
    return as_json(output if isinstance(output, str) else list(_text_parts(output)))


def as_json(value: Any) -> str:
    """Return *value* as an attribute."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # exporters can't encode a lone surrogate
