"""A payload in the form of another API or gateway -> its choices, in the form of Chat Completions.

    takes    a payload
    returns  its choices: those of its list, also as JSON text, or a lone one without a list, or one made of
             the payload's own fields (Ollama, llama.cpp and Cloudflare by their own APIs)

Rule: a payload with a `type` is an event of another API or of the gateway; no choice is made of it. Neither
is one of a payload whose only text is a message in words.
"""

from __future__ import annotations

import re
from typing import Any

from ...json_text import NotJSONError, loads
from ...state.deltas import Payload

# The names of the finish. The words under the last ones count only if no other field has one: vLLM has the
# matched stop string in `stop_reason`.
FINISH_FIELDS = (
    *("finish_reason", "finishReason", "native_finish_reason", "nativeFinishReason", "FinishReason"),
    *("finish_details", "done_reason"),
)
STOP_FIELDS = ("stop_reason", "stopReason")
_FINISHES = (*FINISH_FIELDS, *STOP_FIELDS)
_MESSAGE = frozenset(("role", "content", "tool_calls", "reasoning_content", "reasoning", "thinking"))
_NO_TEXTS = frozenset(("type", "event", "status", "error", "code"))  # next to `content` or `response`
_MAX_DEPTH = 8
_CAPITAL = re.compile("(?<=[a-z0-9])(?=[A-Z])")


def with_usual_names(payload: Payload) -> Payload:
    """Return a payload with its names in snake case if they have capitals (Tencent's own API)."""
    return _snake(payload, _MAX_DEPTH) if "Choices" in payload and "choices" not in payload else payload


def _snake(value: Any, depth: int) -> Any:
    if type(value) is list and depth:
        return [_snake(each, depth - 1) for each in value]
    if type(value) is dict and depth:
        return {_CAPITAL.sub("_", name).lower(): _snake(each, depth - 1) for name, each in value.items()}
    return value


def usual_choices(payload: Payload) -> list[Payload]:
    """Return the choices of a payload, none if it has no output."""
    choices = payload.get("choices") or payload.get("choice")
    if type(choices) is list and len(choices) == 1 and payload.keys().isdisjoint(FINISH_FIELDS):
        (choice,) = choices
        if type(choice) is dict and "messages" not in choice:
            return [choice]  # the usual case
    if type(choices) is str:
        try:
            choices = loads(choices)
        except NotJSONError:
            choices = None
    found = [each for choice in _objects(choices, _MAX_DEPTH) for each in _of_messages(choice)]
    if not found:
        return _own_choice(payload)
    if len(found) == 1 and (finish := _finish(payload)):
        own = {name: value for name, value in found[0].items() if value is not None or name not in finish}
        return [finish | own]
    return found


def _objects(value: Any, depth: int) -> list[Payload]:
    """Return the objects in *value*, a list of lists or a lone object."""
    if type(value) is not list:
        return [value] if type(value) is dict and value else []
    found: list[Payload] = []
    for each in value:
        found += [each] if type(each) is dict else _objects(each, depth - 1) if depth else []
    return found


def _of_messages(choice: Payload) -> list[Payload]:
    """Return a choice for each of its `messages` (Azure, in front of its search), which may be deltas."""
    messages = _objects(choice.get("messages"), 1)
    if not messages or not {"delta", "message", "text"}.isdisjoint(choice):
        return [choice]
    rest = {name: value for name, value in choice.items() if name not in ("messages", *_FINISHES)}
    deltas = [{**rest, "delta": each["delta"]} for each in messages if type(each.get("delta")) is dict]
    own = [each for each in messages if each.get("role") not in ("tool", "function", "user", "system")]
    whole = [{**rest, "message": each} for each in own[-1:] if not deltas]
    return [*deltas, *whole, {"delta": {}, **{k: v for k, v in choice.items() if k != "messages"}}]


def _finish(payload: Payload) -> Payload:
    """Return the finish next to the choices."""
    return {name: payload[name] for name in FINISH_FIELDS if payload.get(name)}


def _own_choice(payload: Payload) -> list[Payload]:
    """Return the choice that the payload's own fields make, or none."""
    if "type" in payload:
        return []
    finish = _finish(payload)
    if payload.get("done") is True and not finish:
        finish = {"finish_reason": "stop"}
    delta, message = payload.get("delta"), payload.get("message")
    if type(delta) is dict and not _MESSAGE.isdisjoint(delta):
        return [{"delta": delta, **finish}]
    if type(message) is dict and not _MESSAGE.isdisjoint(message):
        return [{"delta" if "done" in payload else "message": message, **finish}]
    if not _NO_TEXTS.isdisjoint(payload):
        return [{"delta": {}, **finish}] if finish else []
    text = next((each for name in ("content", "response") if type(each := payload.get(name)) is str), None)
    calls = payload.get("tool_calls")
    if text or (type(calls) is list and calls):
        return [{"delta": {"content": text, "tool_calls": calls}, **finish}]
    return [{"delta": {}, **finish}] if finish else []
