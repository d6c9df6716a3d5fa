"""Every kind of growth: a name -> a function of *n* that returns the work, and the size of its input."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any, Literal

from attrs import evolve

from streamkit import (
    Completion,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Message,
    OutputText,
    Reasoning,
    StreamkitError,
    aggregate,
    history,
    read_events,
)
from streamkit.client import Client
from streamkit.client.resume import Position
from streamkit.completion import Choice
from streamkit.display import markdown
from streamkit.display.render import completion_html, completion_markdown, stream_html
from streamkit.display.terminal import TerminalView, split_blocks
from streamkit.error_bodies import api_error
from streamkit.http.scrubbing import scrub
from streamkit.profiles import find_profile
from streamkit.profiles.profile import Profile
from streamkit.recordings.format import Recording, TimedChunk, load_recording
from streamkit.recordings.masking import Masker
from streamkit.recordings.translate import translated
from streamkit.testing import FakeTransport, chat_stream, stream_of
from streamkit.typed.check import problems_of
from streamkit.typed.schema import schema_of
from streamkit.wires import WIRES

from .kinds_of_streams import STREAMS, Stream

Work = Callable[[], Any]
KINDS: dict[str, Callable[[int], tuple[Work, int]]] = {}


def kind(name: str) -> Callable[[Callable[[int], Any]], None]:
    """Add a kind: the function returns the work, or the work and the size of its input if that isn't *n*."""

    def add(make: Callable[[int], Any]) -> None:
        assert name not in KINDS

        def made(n: int) -> tuple[Work, int]:
            work = make(n)
            return work if isinstance(work, tuple) else (work, n)

        KINDS[name] = made

    return add


# -- streams ------------------------------------------------------------------------------


def profile_of(name: str) -> Profile:
    generic = find_profile("generic")
    mode = name.partition("=")[2]
    return evolve(generic, think_tags=mode) if mode else generic


def chunks_of(stream: Stream) -> list[bytes]:
    size = stream.chunk or len(stream.body)
    return [stream.body[n : n + size] for n in range(0, len(stream.body), size)]


def reading(stream: Stream) -> Work:
    profile, chunks = profile_of(stream.profile), chunks_of(stream)

    def read() -> None:
        with contextlib.suppress(StreamkitError):
            for _ in read_events(chunks, wire=stream.wire, profile=profile):
                pass

    return read


def _add(name: str, make: Callable[[int], Stream]) -> None:
    def read(n: int) -> tuple[Work, int]:
        stream = make(n)
        return reading(stream), len(stream.body)

    KINDS[name] = read


for _name, _make in STREAMS.items():
    _add(_name, _make)


# -- the answer ---------------------------------------------------------------------------


def items(n: int) -> list[Any]:
    calls: list[Any] = []
    for i in range(n):
        calls += [Reasoning(content=[f"thought {i}"]), Message("assistant", [OutputText(f"text {i}")])]
        calls.append(FunctionCall(f"c{i}", "f", f'{{"a": {i}}}'))
    return calls


def answer(n: int) -> Completion:
    return Completion(id="i", model="m", choices=[Choice(0, items(n), "tool_calls", "tool_calls")])


def conversation(n: int) -> list[Any]:
    turns: list[Any] = []
    for i in range(n):
        turns += [Message("user", f"question {i}"), Reasoning(content=[f"thought {i}"])]
        turns += [FunctionCall(f"call-number-{i}-of-a-long-name-{'x' * 40}", "f", f'{{"a": {i}}}')]
        turns += [FunctionCallOutput(turns[-1].call_id, f"output {i}"), Message("assistant", f"answer {i}")]
    return [*turns, Message("user", "?")]


def aggregating(stream: Stream, mode: Literal["final", "streaming"] = "final") -> Work:
    events = []
    with contextlib.suppress(StreamkitError):
        for event in read_events(chunks_of(stream), wire=stream.wire):
            events.append(event)

    def work() -> None:
        with contextlib.suppress(StreamkitError):
            list(aggregate(events, mode=mode))

    return work


for _name in (
    "chat: calls",
    "chat: text",
    "chat: choices",
    "responses: whole messages",
    "chat: calls of one id",
):
    for _mode in ("final", "streaming"):
        KINDS[f"aggregate ({_mode}): {_name}"] = lambda n, name=_name, mode=_mode: (
            aggregating(STREAMS[name](n), mode),
            n,
        )


@kind("aggregate: items without ItemDone")
def _(n: int) -> Work:
    events = list(read_events([chat_stream(*items(n)[2::3], finish_reason="tool_calls")]))
    left = [event for event in events if type(event).__name__ != "ItemDone"]
    return lambda: list(aggregate(left))


@kind("completion: to_dict and from_dict")
def _(n: int) -> Work:
    done = answer(n)
    return lambda: Completion.from_dict(done.to_dict())


@kind("completion: to_chat_completion")
def _(n: int) -> Work:
    done = answer(n)
    return done.to_chat_completion


@kind("completion: pickle")
def _(n: int) -> Work:
    done = answer(n)
    return lambda: pickle.loads(pickle.dumps(done))


@kind("completion: text, reasoning and calls")
def _(n: int) -> Work:
    done = answer(n)
    return lambda: (done.text, done.reasoning, done.tool_calls, repr(done))


# -- requests -----------------------------------------------------------------------------


def preparing(wire: str, n: int, **options: Any) -> Work:
    client = Client("generic", base_url="http://h/v1", model="m", wire=wire, transport=FakeTransport(b""))
    value = options.pop("input", "Hi")
    return lambda: client.prepare(value, **options).body


def tool(i: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    return {"type": "function", "function": {"name": f"f{i}", "parameters": schema}}


for _wire in WIRES:
    KINDS[f"request ({_wire}): turns"] = lambda n, w=_wire: (preparing(w, n, input=conversation(n)), n)
    KINDS[f"request ({_wire}): tools"] = lambda n, w=_wire: (
        preparing(w, n, tools=[tool(i) for i in range(n)]),
        n,
    )
    KINDS[f"request ({_wire}): parts"] = lambda n, w=_wire: (
        preparing(w, n, input=[Message("user", [InputText("a")] * n)]),
        n,
    )
    KINDS[f"request ({_wire}): calls of one turn"] = lambda n, w=_wire: (
        preparing(
            w,
            n,
            input=[
                Message("user", "?"),
                *[FunctionCall(f"c{i}", "f", "{}") for i in range(n)],
                *[FunctionCallOutput(f"c{i}", "1") for i in range(n)],
            ],
        ),
        n,
    )
    KINDS[f"request ({_wire}): system messages"] = lambda n, w=_wire: (
        preparing(w, n, input=[*[Message("system", f"rule {i}") for i in range(n)], Message("user", "?")]),
        n,
    )
    KINDS[f"request ({_wire}): thoughts"] = lambda n, w=_wire: (
        preparing(
            w,
            n,
            input=[
                Message("user", "?"),
                *[Reasoning(content=[f"t{i}"]) for i in range(n)],
                Message("user", "?"),
            ],
        ),
        n,
    )
    KINDS[f"request ({_wire}): chat dicts"] = lambda n, w=_wire: (
        preparing(
            w,
            n,
            input=[
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
                }
            ]
            * n,
        ),
        n,
    )
    KINDS[f"translate to {_wire}"] = lambda n, w=_wire: (_translating(n, w), n)


def _translating(n: int, target: str) -> Work:
    source = next(name for name in WIRES if name != target)
    texts = [*["ab "] * n, FunctionCall("c", "f", "{}")]
    recording = Recording.of(stream_of(source, *texts, model="m"), name="r")
    return lambda: translated(recording, source, target)


# -- structured answers -------------------------------------------------------------------


@dataclass
class Point:
    x: int
    y: int


def parsed(text: str, wanted: Any) -> Work:
    from streamkit.typed.response_format import ResponseFormat

    done = Completion(
        id="i",
        model="m",
        choices=[Choice(0, [Message("assistant", text)], "stop", "stop")],
        response_format=ResponseFormat.of(wanted),
    )
    return lambda: done.parsed()


@kind("parsed: elements of a list")
def _(n: int) -> Work:
    return parsed(json.dumps({"value": [{"x": 1, "y": i} for i in range(n)]}), list[Point])


@kind("parsed: a fence in prose")
def _(n: int) -> Work:
    return parsed("word { " * n + '```json\n{"x": 1, "y": 2}\n```', Point)


@kind("schema: properties")
def _(n: int) -> Work:
    wide = make_dataclass("Wide", [(f"f{i}", int) for i in range(n)])
    return lambda: schema_of(wide)


@kind("schema: choices")
def _(n: int) -> Work:
    hint = Literal[tuple(f"w{i}" for i in range(n))]  # type: ignore[valid-type]
    return lambda: schema_of(hint)


@kind("check: properties")
def _(n: int) -> Work:
    schema = {"type": "object", "properties": {f"f{i}": {"type": "integer"} for i in range(n)}}
    schema |= {"required": [f"f{i}" for i in range(n)], "additionalProperties": False}
    value = {f"f{i}": i for i in range(n)}
    return lambda: problems_of(value, schema, "v")


@kind("check: words of an enum")
def _(n: int) -> Work:
    schema = {"type": "array", "items": {"enum": [f"w{i}" for i in range(50)]}}
    return lambda: problems_of(["w49"] * n, schema, "v")


@kind("check: unique elements")
def _(n: int) -> Work:
    return lambda: problems_of([{"a": i} for i in range(n)], {"type": "array", "uniqueItems": True}, "v")


@kind("check: a chain of references")
def _(n: int) -> Work:
    definitions = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(min(n, 90))}
    definitions[f"d{min(n, 90)}"] = {"type": "integer"}
    return lambda: problems_of(1, {"$defs": definitions, "$ref": "#/$defs/d0"}, "v"), min(n, 90)  # type: ignore[return-value]


@kind("elements of a stream")
def _(n: int) -> Work:
    text = json.dumps({"value": [{"x": 1, "y": i} for i in range(n)]})
    pieces = [text[i : i + 9] for i in range(0, len(text), 9)]
    body = chat_stream(*pieces)
    client = Client("generic", base_url="http://h/v1", model="m", transport=FakeTransport(*[body] * 9))
    return lambda: list(client.stream("Hi", response_format=list[Point]).elements(Point))


# -- rendering ----------------------------------------------------------------------------

MARKDOWN = {
    "words": "word ",
    "lines": "line\n",
    "paragraphs": "line\n\n",
    "blanks": " ",
    "stars": "*",
    "underscores": "_a_ ",
    "backticks": "`",
    "fences": "```\na\n```\n",
    "open fences": "```\n",
    "brackets": "[",
    "links": "[a](http://b) ",
    "open links": "[a](",
    "images": "![a](http://b) ",
    "list items": "- a\n",
    "nested items": "- a\n  - b\n",
    "numbered items": "1. a\n",
    "quotes": "> a\n",
    "nested quotes": "> ",
    "headings": "# a\n",
    "table rows": "| a | b |\n",
    "table cells": "| a ",
    "dollars": "$",
    "formulas": "$a$ ",
    "blocks of formulas": "$$\na\n$$\n",
    "open formulas": "\\[ a ",
    "tags": "<b>",
    "ampersands": "&",
    "backslashes": "\\",
    "rules": "---\n",
}
for _name, _text in MARKDOWN.items():
    KINDS[f"markdown: {_name}"] = lambda n, t=_text: (
        (lambda text: lambda: markdown.to_html(text))(t * n),
        n * len(t),
    )


@kind("html of an answer")
def _(n: int) -> Work:
    done = answer(n)
    return lambda: (completion_html(done), completion_markdown(done), stream_html(done, "", None))


@kind("blocks of a growing text")
def _(n: int) -> Work:
    return lambda: split_blocks("a line\n\n" * n)


@kind("lines on a terminal")
def _(n: int) -> Work:
    events = list(read_events([chat_stream(*["word \n"] * n)]))

    def draw() -> None:
        view = TerminalView(io.StringIO())
        for event in events:
            view.take(event)

    return draw


# -- files, errors, secrets ---------------------------------------------------------------


@kind("history: lines")
def _(n: int) -> Work:
    path = Path(tempfile.mkdtemp()) / "history.jsonl"
    turns = conversation(n)

    def work() -> None:
        history.save(path, turns)
        history.load(path)

    return work


@kind("resume: a long block in small chunks")
def _(n: int) -> Work:
    def work() -> None:
        position = Position("/responses/{id}?starting_after={sequence}", "c")
        for _ in range(n):
            position.take(b"ab " * 500)

    return work


@kind("recording: chunks")
def _(n: int) -> Work:
    path = Path(tempfile.mkdtemp()) / "r.sse"
    path.write_bytes(chat_stream(*["ab "] * n))
    return lambda: load_recording(path)


@kind("masking: chunks")
def _(n: int) -> Work:
    chunks = [chat_stream("ab ")[:200]] * n

    def mask() -> None:
        masker = Masker()
        for chunk in chunks:
            list(masker.add(TimedChunk(0.0, chunk)))
        list(masker.finish())

    return mask


@kind("error page: tags")
def _(n: int) -> Work:
    return lambda: api_error("<html>" + "<b>no</b> " * n, status=500)


@kind("error page: angle brackets")
def _(n: int) -> Work:
    return lambda: api_error("<" * n, status=500)


@kind("error: details")
def _(n: int) -> Work:
    return lambda: api_error(
        {"error": {"message": "no", "details": [{"a": i} for i in range(n)]}}, status=400
    )


@kind("error: errors in a list")
def _(n: int) -> Work:
    return lambda: api_error({"errors": [{"message": f"no {i}"} for i in range(n)]}, status=400)


@kind("error: a long message")
def _(n: int) -> Work:
    return lambda: str(api_error({"error": {"message": "try again in " * n}}, status=429))


@kind("scrubbing: fields")
def _(n: int) -> Work:
    return lambda: scrub({f"f{i}": "no key here" for i in range(n)}, ("sk-secret-123",))
