"""pydantic-ai: the stream of one model request, without an agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_ai import direct
from pydantic_ai.messages import (
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from . import MODEL, PROMPT, Answer, Source
from .openai_sdk import new_async_client


class Direct:
    def __init__(self, source: Source) -> None:
        provider = OpenAIProvider(openai_client=new_async_client(source))
        self._model = OpenAIChatModel(MODEL, provider=provider)

    def _stream(self) -> Any:
        return direct.model_request_stream_sync(self._model, [ModelRequest.user_text_prompt(PROMPT)])

    def answer(self) -> Answer:
        with self._stream() as stream:
            events = sum(1 for _ in stream)
            parts = stream.response.parts
        return Answer(
            events,
            "".join(part.content for part in parts if isinstance(part, TextPart)),
            "".join(part.content for part in parts if isinstance(part, ThinkingPart)),
            [str(part.args) for part in parts if isinstance(part, ToolCallPart)],
        )

    def texts(self) -> Iterator[str]:
        with self._stream() as stream:
            for event in stream:
                if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    yield event.delta.content_delta
                elif isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    yield event.part.content
