"""langchain-openai: its chunks, and their sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import langchain_openai

from . import KEY, MODEL, PROMPT, Answer, Source
from .openai_sdk import over_httpx


class Chunks:
    """ChatOpenAI leaves `reasoning_content` out, so the answer has no reasoning."""

    def __init__(self, source: Source) -> None:
        options: dict[str, Any] = {}
        if source.chunks is not None:
            options["http_client"] = over_httpx(source.chunks)
        self._model = langchain_openai.ChatOpenAI(
            model=MODEL,
            api_key=KEY,
            base_url=source.base_url,
            stream_usage=True,
            use_responses_api=source.api == "responses",
            max_retries=0,
            **options,
        )

    def answer(self) -> Answer:
        events = 0
        text: list[str] = []
        arguments: dict[Any, list[str]] = {}
        for chunk in self._model.stream(PROMPT):
            events += 1
            text.append(str(chunk.text))
            for call in chunk.tool_call_chunks:
                arguments.setdefault(call["index"], []).append(call["args"] or "")
        calls = ["".join(arguments[n]) for n in sorted(arguments)]
        return Answer(events, "".join(text), None, calls)

    def texts(self) -> Iterator[str]:
        return (text for chunk in self._model.stream(PROMPT) if (text := str(chunk.text)))


class Sum(Chunks):
    def answer(self) -> Answer:
        events = 0
        whole: Any = None
        for chunk in self._model.stream(PROMPT):
            events += 1
            whole = chunk if whole is None else whole + chunk
        return Answer(events, str(whole.text), None, [call["args"] for call in whole.tool_call_chunks])
