"""httpx + httpx-sse + json, as in the documentation of httpx-sse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import httpx_sse

from . import KEY, Answer, Source
from .requests_by_hand import join, pieces, request


class ByHand:
    def __init__(self, source: Source) -> None:
        self._url, self._body = request(source)
        transport = None if source.chunks is None else httpx.MockTransport(_reply_with(source.chunks))
        self._client = httpx.Client(transport=transport)

    def _payloads(self) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx_sse.connect_sse(
            self._client, "POST", self._url, json=self._body, headers=headers
        ) as source:
            for event in source.iter_sse():
                if event.data == "[DONE]":
                    return
                yield event.json()

    def answer(self) -> Answer:
        return join(self._payloads())

    def texts(self) -> Iterator[str]:
        return pieces(self._payloads())


def _reply_with(chunks: list[bytes]) -> Any:
    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return iter(chunks)

    return lambda request: httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())
