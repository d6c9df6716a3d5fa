"""The floor: the least work of a plain Python program that reads every event."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from . import Answer, Source


class Floor:
    """Split on blank lines, and decode the JSON after `data: ` in each block.

    It handles only LF as a line end, no comments and no errors, and it joins no text. Over HTTP it reads the
    body with `read1` of http.client, and with zlib if the server compresses.
    """

    decode: Any = staticmethod(json.loads)

    def __init__(self, source: Source) -> None:
        self._chunks = source.chunks
        url = urlsplit(source.base_url)
        self._path = url.path + ("/responses" if source.api == "responses" else "/chat/completions")
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port)

    def answer(self) -> Answer:
        events, decode = 0, self.decode
        for block in self._blocks():
            data = block[block.find(b"data: ") + 6 :]
            if data != b"[DONE]":
                decode(data)
            events += 1
        return Answer(events)

    def texts(self) -> Iterator[str]:
        for block in self._blocks():
            data = block[block.find(b"data: ") + 6 :]
            if data != b"[DONE]":
                for choice in json.loads(data)["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text

    def _blocks(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._post() if self._chunks is None else self._chunks:
            *blocks, rest = (rest + chunk).split(b"\n\n")
            yield from blocks

    def _post(self) -> Iterable[bytes]:
        self._connection.request("POST", self._path, b"{}")
        response = self._connection.getresponse()
        reads = iter(lambda: response.read1(64 * 1024), b"")
        if response.getheader("Content-Encoding") == "gzip":
            return map(zlib.decompressobj(wbits=31).decompress, reads)
        return reads
