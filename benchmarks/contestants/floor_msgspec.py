"""The floor with msgspec, which decodes into classes and skips the fields that they don't have."""

from __future__ import annotations

from typing import Any

import msgspec

from . import Source
from .floor import Floor


class _Function(msgspec.Struct):
    arguments: str = ""


class _Call(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _ChatChunk(msgspec.Struct):
    choices: list[_Choice]


class _ResponsesEvent(msgspec.Struct):
    type: str
    delta: str = ""


class _Block(msgspec.Struct):
    text: str = ""
    thinking: str = ""


class _MessagesEvent(msgspec.Struct):
    type: str
    delta: _Block | None = None


class _Part(msgspec.Struct):
    text: str = ""


class _Content(msgspec.Struct):
    parts: list[_Part]


class _Candidate(msgspec.Struct):
    content: _Content


class _GeminiChunk(msgspec.Struct):
    candidates: list[_Candidate]


_CLASSES: dict[str, Any] = {
    "chat": _ChatChunk,
    "responses": _ResponsesEvent,
    "messages": _MessagesEvent,
    "gemini": _GeminiChunk,
}


class Msgspec(Floor):
    """The floor, with a decoder for the fields that a program needs."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.decode = msgspec.json.Decoder(_CLASSES[source.api]).decode
