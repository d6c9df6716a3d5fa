"""The contestants: one class for each way to turn an answer's bytes into events and a final message.

The module of a contestant imports its package at the top. So if a package isn't installed, importing the
module fails, in the process of that contestant only.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

MODEL = "gpt-4o"
PROMPT = "Go on."
KEY = "sk-benchmark"


@dataclass(frozen=True)
class Source:
    """The source of an answer: *chunks* of its body in memory, or the server at *base_url*."""

    api: str  # "chat", "responses", "messages" or "gemini"
    chunks: list[bytes] | None = None
    base_url: str = "http://benchmark.invalid/v1"


@dataclass
class Answer:
    """The result of a contestant; a field is None if the contestant doesn't return it."""

    events: int
    text: str | None = None
    reasoning: str | None = None
    arguments: list[str] | None = field(default=None)


class Contestant(Protocol):
    """A client. Its construction isn't timed; its requests are."""

    def __init__(self, source: Source) -> None: ...

    def answer(self) -> Answer:
        """Send one request, read every event, and build the final message."""

    def texts(self) -> Iterator[str]:
        """Send one request and yield the pieces of its text as they arrive."""


@dataclass(frozen=True)
class Entry:
    """A row of the list of contestants."""

    place: str  # "module:class" below this package
    method: str  # as the tables describe it
    distributions: tuple[str, ...] = ()  # the tables list their versions
    apis: tuple[str, ...] = ("chat",)
    statement: str = ""  # the statement that imports it
    http: bool = True  # False: it reads from memory only
    slow: bool = True  # True: it gets fewer rounds and shorter answers

    def load(self) -> type[Contestant]:
        """Return the class. Raises ImportError if its package is missing."""
        module, name = self.place.split(":")
        found: type[Contestant] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        return found


_BOTH = ("chat", "responses")
_ALL = (*_BOTH, "messages", "gemini")

CONTESTANTS = {
    "floor": Entry(
        "floor:Floor",
        "split the bytes on blank lines, json.loads the data of each event",
        apis=_ALL,
        slow=False,
    ),
    "floor orjson": Entry(
        "floor_orjson:Orjson", "the same with orjson.loads", ("orjson",), apis=_ALL, slow=False
    ),
    "floor msgspec": Entry(
        "floor_msgspec:Msgspec",
        "the same with msgspec.json, into classes with the fields that are needed",
        ("msgspec",),
        apis=_ALL,
        slow=False,
    ),
    "streamkit": Entry(
        "ours:StreamkitClient",
        "Client.stream: every event, then the Completion",
        ("streamkit-llm", "requests", "urllib3", "attrs", "cattrs", "sseclient-py"),
        apis=_ALL,
        statement="import streamkit",
        slow=False,
    ),
    "streamkit read_events": Entry(
        "ours:ReadEvents",
        "the pipeline without the client, from memory only",
        ("streamkit-llm",),
        apis=_ALL,
        http=False,
        slow=False,
    ),
    "requests + sseclient-py": Entry(
        "requests_by_hand:ByHand",
        "the loop that tutorials show: SSEClient(response), json.loads, += on a str",
        ("requests", "sseclient-py"),
        apis=_BOTH,
        statement="import requests, sseclient",
    ),
    "httpx-sse": Entry(
        "httpx_by_hand:ByHand",
        "httpx_sse.connect_sse, event.json(), += on a str",
        ("httpx", "httpx-sse"),
        apis=_BOTH,
        statement="import httpx, httpx_sse",
        slow=False,
    ),
    "openai create": Entry(
        "openai_sdk:Create",
        "chat.completions.create(stream=True), pieces joined by the caller",
        ("openai", "httpx2", "pydantic"),
        statement="import openai",
    ),
    "openai stream": Entry(
        "openai_sdk:StreamHelper",
        "chat.completions.stream(): typed events and a final completion",
        ("openai",),
    ),
    "openai responses create": Entry(
        "openai_sdk:ResponsesCreate",
        "responses.create(stream=True), the text from response.completed",
        ("openai",),
        apis=("responses",),
    ),
    "openai responses stream": Entry(
        "openai_sdk:ResponsesHelper",
        "responses.stream(): typed events and a final response",
        ("openai",),
        apis=("responses",),
    ),
    "anthropic create": Entry(
        "anthropic_sdk:Create",
        "messages.create(stream=True), pieces joined by the caller",
        ("anthropic",),
        apis=("messages",),
        statement="import anthropic",
    ),
    "anthropic stream": Entry(
        "anthropic_sdk:StreamHelper",
        "messages.stream(): typed events and a final message",
        ("anthropic",),
        apis=("messages",),
    ),
    "langchain-openai": Entry(
        "langchain_sdk:Chunks",
        "ChatOpenAI.stream(), pieces joined by the caller",
        ("langchain-openai", "langchain-core"),
        apis=_BOTH,
        statement="import langchain_openai",
    ),
    "langchain-openai sum": Entry(
        "langchain_sdk:Sum",
        "the same, with the chunks added as its documentation shows",
        ("langchain-openai",),
        apis=_BOTH,
    ),
    "pydantic-ai": Entry(
        "pydantic_ai_sdk:Direct",
        "direct.model_request_stream_sync: part events and a ModelResponse",
        ("pydantic-ai-slim",),
        statement="import pydantic_ai.direct, pydantic_ai.models.openai",
    ),
    "litellm": Entry(
        "litellm_sdk:Chunks",
        "completion(stream=True), pieces joined by the caller",
        ("litellm",),
        statement="import litellm",
    ),
    "any-llm": Entry(
        "any_llm_sdk:Chunks",
        "AnyLLM.completion(stream=True), pieces joined by the caller",
        ("any-llm-sdk",),
        statement="import any_llm",
    ),
}
