"""litellm: `completion(stream=True)` for openai; the caller joins the pieces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # otherwise the import downloads a price list

import litellm

from . import KEY, MODEL, Answer, Source
from .openai_sdk import MESSAGES, join, new_client, pieces

litellm.telemetry = False
litellm.suppress_debug_info = True


class Chunks:
    def __init__(self, source: Source) -> None:
        self._base_url = source.base_url
        self._options: dict[str, Any] = {"client": new_client(source)} if source.chunks is not None else {}

    def _chunks(self) -> Any:
        return litellm.completion(
            model=f"openai/{MODEL}",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
            api_base=self._base_url,
            api_key=KEY,
            **self._options,
        )

    def answer(self) -> Answer:
        return join(self._chunks())

    def texts(self) -> Iterator[str]:
        return pieces(self._chunks())
