"""Events -> the parts of a UI message, in the words of the Vercel AI SDK.

    takes    events of a stream or of an agent's run
    returns  JSON objects; web.py writes each as a server-sent event

Rules: each text, reasoning and call that begins also ends, whatever happens. A turn is a step. Only the first
choice is written, because a UI message has one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .codec import event_to_jsonable
from .errors import UsageError
from .events import (
    Completed,
    Event,
    ItemDone,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
)
from .items import CustomToolCall, FunctionCall, Message, OutputImage, OutputText

_CUT = "the arguments of this call were cut off"


class UIParts:
    """Writes events as parts of a UI message: each text or reasoning has a start, deltas and an end."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[str, str]] = {}  # by slot: the kind and the id
        self._calls: dict[int, str] = {}  # by slot: the id of a call that has begun
        self._inputs: dict[
            int, tuple[str, list[str]]
        ] = {}  # of those without their end: the name, the pieces
        self._parts = 0
        self._sources: list[str] = []
        self._has_started = self._is_in_step = self._is_turn_over = False

    def write(self, event: Event) -> Iterator[dict[str, Any]]:
        if getattr(event, "choice", 0) != 0:
            return  # a UI message has one answer
        match event:
            case TextDelta() | RefusalDelta():
                yield from self._text(event.slot, "text", event.text)
            case ReasoningDelta():
                yield from self._text(event.slot, "reasoning", event.text)
            case ToolCallDelta():
                yield from self._begin_call(event.slot, event.call_id, event.name)
                if event.arguments:
                    self._inputs.setdefault(event.slot, (event.name or "", []))[1].append(event.arguments)
                    yield {
                        "type": "tool-input-delta",
                        "toolCallId": self._calls[event.slot],
                        "inputTextDelta": event.arguments,
                    }
            case ItemDone(item=FunctionCall() | CustomToolCall() as call):
                yield from self._begin_call(event.slot, call.call_id, call.name)
                yield self._input(event.slot, call)
            case ItemDone(item=Message() as message):
                yield from self._sources_and_files(message)
            case ToolFinished():
                yield from self._output(event)
            case Completed():
                yield from self._end_calls()
                self._is_turn_over = True  # the outputs of its calls belong to the step, too

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield the end of the message."""
        if not self._has_started:
            yield from self._begin_step()
        yield from self._end_step()
        yield {"type": "finish"}

    def close_parts(self) -> Iterator[dict[str, Any]]:
        """Yield the end of each part that is open, and of each call."""
        yield from self._end_calls()
        for kind, part_id in self._open.values():
            yield {"type": f"{kind}-end", "id": part_id}
        self._open = {}

    def _begin_step(self) -> Iterator[dict[str, Any]]:
        if self._is_turn_over:
            yield from self._end_step()
        if not self._has_started:
            self._has_started = True
            yield {"type": "start"}
        if not self._is_in_step:
            self._is_in_step = True
            yield {"type": "start-step"}

    def _end_step(self) -> Iterator[dict[str, Any]]:
        if self._is_in_step:
            yield from self.close_parts()
            yield {"type": "finish-step"}
        self._is_in_step = self._is_turn_over = False
        self._calls = {}

    def _text(self, slot: int, kind: str, text: str) -> Iterator[dict[str, Any]]:
        yield from self._begin_step()
        if self._open.get(slot, ("",))[0] != kind:
            self._parts += 1
            self._open[slot] = (kind, f"part-{self._parts}")
            yield {"type": f"{kind}-start", "id": self._open[slot][1]}
        yield {"type": f"{kind}-delta", "id": self._open[slot][1], "delta": text}

    def _begin_call(self, slot: int, call_id: str | None, name: str | None) -> Iterator[dict[str, Any]]:
        yield from self._begin_step()
        if slot not in self._calls:
            self._calls[slot] = call_id or f"call-{self._parts}-{slot}"
            self._inputs[slot] = (name or "", [])
            yield {"type": "tool-input-start", "toolCallId": self._calls[slot], "toolName": name or ""}

    def _input(self, slot: int, call: FunctionCall | CustomToolCall) -> dict[str, Any]:
        """Return the end of a call's input; free text is a string."""
        self._inputs.pop(slot, None)
        facts = {"toolCallId": self._calls[slot], "toolName": call.name}
        if isinstance(call, CustomToolCall):
            return {"type": "tool-input-available", **facts, "input": call.input}
        try:
            return {"type": "tool-input-available", **facts, "input": call.parsed()}
        except UsageError:
            return {"type": "tool-input-error", **facts, "input": call.arguments, "errorText": _CUT}

    def _end_calls(self) -> Iterator[dict[str, Any]]:
        """Yield the end of each call whose arguments were cut off: they have no `ItemDone`."""
        for slot, (name, pieces) in self._inputs.items():
            facts = {"toolCallId": self._calls[slot], "toolName": name, "input": "".join(pieces)}
            yield {"type": "tool-input-error", **facts, "errorText": _CUT}
        self._inputs = {}

    def _sources_and_files(self, message: Message) -> Iterator[dict[str, Any]]:
        """Yield the URLs that *message* cites, each once, and its pictures."""
        for part in message.content:
            if isinstance(part, OutputImage):
                yield from self._begin_step()
                head, _, _ = part.image_url.removeprefix("data:").partition(";")
                is_data = part.image_url.startswith("data:")
                kind = head if is_data and head.startswith("image/") else "image/png"
                yield {"type": "file", "url": part.image_url, "mediaType": kind}
            for fact in part.annotations if isinstance(part, OutputText) else ():
                url, title = _citation(fact)
                if url and url not in self._sources:
                    yield from self._begin_step()
                    self._sources.append(url)
                    about = {"title": title} if title else {}
                    yield {
                        "type": "source-url",
                        "sourceId": f"source-{len(self._sources)}",
                        "url": url,
                        **about,
                    }

    def _output(self, event: ToolFinished) -> Iterator[dict[str, Any]]:
        facts = {"toolCallId": getattr(event.call, "call_id", None) or ""}
        if event.error is not None:
            yield {"type": "tool-output-error", **facts, "errorText": str(event.output)}
        else:
            output = event_to_jsonable(event)["output"]
            yield {"type": "tool-output-available", **facts, "output": output}


def _citation(fact: Any) -> tuple[str, str]:
    """Return the URL and the title that an annotation has, next to its type or in an object under it."""
    inner = fact.get(str(fact.get("type")), fact) if isinstance(fact, Mapping) else {}
    facts = inner if isinstance(inner, Mapping) else {}
    url, title = facts.get("url"), facts.get("title")
    return (url if isinstance(url, str) else "", title if isinstance(title, str) else "")
