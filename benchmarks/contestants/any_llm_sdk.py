"""any-llm: a provider that is made once; the caller joins its chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import any_llm

from . import KEY, MODEL, Answer, Source
from .openai_sdk import MESSAGES, join, over_httpx, pieces


class Chunks:
    def __init__(self, source: Source) -> None:
        options: dict[str, Any] = {}
        if source.chunks is not None:
            options["http_client"] = over_httpx(source.chunks, asynchronous=True)
        self._llm: Any = any_llm.AnyLLM.create("openai", api_key=KEY, api_base=source.base_url, **options)

    def _chunks(self) -> Any:
        return self._llm.completion(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )

    def answer(self) -> Answer:
        return join(self._chunks())

    def texts(self) -> Iterator[str]:
        return pieces(self._chunks())
