"""What can grow in a stream: for each kind, a body with *n* of it, the API and the profile that read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from streamkit.testing import sse

Payload = dict[str, Any]


class Stream(NamedTuple):
    """A response body; it may end in an error. *chunk* is the size of its chunks, 0 for one."""

    body: bytes
    wire: str = "chat"
    profile: str = "generic"
    chunk: int = 0


STREAMS: dict[str, Callable[[int], Stream]] = {}


def kind(name: str) -> Callable[[Callable[[int], Stream]], None]:
    def add(make: Callable[[int], Stream]) -> None:
        assert name not in STREAMS
        STREAMS[name] = make

    return add


# -- Chat Completions ---------------------------------------------------------------------


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> Payload:
    return {"id": "i", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def call(index: Any = None, call_id: Any = None, name: str | None = None, arguments: Any = None) -> Payload:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    facts = {"index": index, "id": call_id, "function": function}
    return {k: v for k, v in facts.items() if v is not None}


USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
STOP, CALLS = delta("stop"), delta("tool_calls")


def chat(name: str, make: Callable[[int], Iterable[Payload | str]], end: Payload = STOP) -> None:
    STREAMS[f"chat: {name}"] = lambda n: Stream(sse(*make(n), end, "[DONE]"))


def many(make: Callable[[int], Payload]) -> Callable[[int], list[Payload]]:
    return lambda n: [make(number) for number in range(n)]


chat("text", many(lambda i: delta(content="ab ")))
chat("reasoning", many(lambda i: delta(reasoning_content="ab ")))
chat("refusal", many(lambda i: delta(refusal="ab ")))
chat("text and reasoning in turns", many(lambda i: delta(content="a") if i % 2 else delta(reasoning="b")))
chat("choices", many(lambda i: delta(index=i, content="a")))
chat(
    "choices in one payload",
    lambda n: [{"choices": [{"index": i, "delta": {"content": "a"}} for i in range(n)]}],
)
chat("empty choices", lambda n: [{"choices": [{}] * n}])
chat("parts of content", many(lambda i: delta(content=[{"type": "text", "text": "a"}])))
chat("parts in one payload", lambda n: [delta(content=[{"type": "text", "text": "a"}] * n)])
chat("unknown parts", many(lambda i: delta(content=[{"type": "new", "n": i}])))
chat("half characters", many(lambda i: delta(content=("\ud83d", "\ude00")[i % 2])))
chat("reasoning details", many(lambda i: delta(reasoning_details=[{"type": "reasoning.text", "text": "a"}])))
chat(
    "details in one payload",
    lambda n: [delta(reasoning_details=[{"type": "reasoning.text", "text": "a"}] * n)],
)
chat(
    "details of many ids",
    many(lambda i: delta(reasoning_details=[{"type": "reasoning.summary", "id": f"d{i}", "summary": "a"}])),
)
chat(
    "encrypted details",
    many(lambda i: delta(reasoning_details=[{"type": "reasoning.encrypted", "id": f"c{i}", "data": "x"}])),
)
chat(
    "thinking blocks",
    many(lambda i: delta(thinking_blocks=[{"type": "thinking", "thinking": "a", "signature": "s"}])),
)
chat(
    "annotations", many(lambda i: delta(content="a", annotations=[{"type": "url_citation", "url": f"u{i}"}]))
)
chat("annotations in one payload", lambda n: [delta(content="a", annotations=[{"type": "url_citation"}] * n)])
chat("images", many(lambda i: delta(images=[{"type": "image_url", "image_url": {"url": f"data:{i}"}}])))
chat("audio", many(lambda i: delta(audio={"id": "a", "data": "QUJD", "transcript": "b"})))
chat(
    "logprobs",
    many(
        lambda i: {
            "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}}]
        }
    ),
)
chat(
    "usage in every payload",
    many(lambda i: {**delta(content="a"), "usage": {**USAGE, "completion_tokens": i}}),
)
chat("a finish in every payload", many(lambda i: delta("stop", content="a")))
chat("finish and usage in every payload", many(lambda i: {**delta("stop", content="a"), "usage": USAGE}))
chat("ids", many(lambda i: {**delta(content="a"), "id": f"i{i}"}))
chat("models", many(lambda i: {**delta(content="a"), "model": f"m{i}"}))
chat("extra fields", many(lambda i: {**delta(content="a"), f"x{i}": i}))
chat("one extra field that changes", many(lambda i: {**delta(content="a"), "x": i}))
chat("fields of one payload", lambda n: [{**delta(content="a"), **{f"x{i}": i for i in range(n)}}])
chat("payloads without content", many(lambda i: {"object": "new", "n": i}))
chat(
    "messages that repeat all text",
    lambda n: [{"choices": [{"index": 0, "message": {"content": "ab " * i}}]} for i in range(1, 40)],
)
chat("increments in messages", many(lambda i: {"choices": [{"index": 0, "message": {"content": f"{i} "}}]}))
chat(
    "a message at the end",
    lambda n: [*[delta(content="a")] * n, {"choices": [{"index": 0, "message": {"content": "a" * n}}]}],
)
chat("calls", many(lambda i: delta(tool_calls=[call(i, f"c{i}", "f", "{}")])), CALLS)
chat(
    "calls in one payload",
    lambda n: [delta(tool_calls=[call(i, f"c{i}", "f", "{}") for i in range(n)])],
    CALLS,
)
chat("calls without an index", many(lambda i: delta(tool_calls=[call(None, f"c{i}", "f", '{"a":1}')])), CALLS)
chat("calls without ids", many(lambda i: delta(tool_calls=[call(i, None, "f", f'{{"a":{i}}}')])), CALLS)
chat("calls numbered 0", many(lambda i: delta(tool_calls=[call(0, f"c{i}", "f", '{"a":1}')])), CALLS)
chat(
    "calls by index in an object",
    lambda n: [delta(tool_calls={str(i): call(None, f"c{i}", "f", "{}") for i in range(n)})],
    CALLS,
)
chat(
    "calls told twice",
    lambda n: [delta(tool_calls=[call(i, f"c{i // 2}", "f", "{}")]) for i in range(n)],
    CALLS,
)
chat("calls of one id", many(lambda i: delta(tool_calls=[call(i, "c", "f", f'{{"a":{i}}}')])), CALLS)
chat(
    "calls and legacy calls",
    lambda n: [
        p
        for i in range(n)
        for p in (
            delta(tool_calls=[call(i, f"c{i}", "f", f'{{"a":{i}}}')]),
            delta(function_call={"name": "f", "arguments": f'{{"a":{i}}}'}),
        )
    ],
    CALLS,
)
chat(
    "legacy pieces",
    lambda n: [
        delta(function_call={"name": "f", "arguments": '{"a":"'}),
        *[delta(function_call={"arguments": "b"})] * n,
        delta(function_call={"arguments": '"}'}),
    ],
    CALLS,
)
chat(
    "pieces of arguments",
    lambda n: [
        delta(tool_calls=[call(0, "c", "f", '{"a":"')]),
        *[delta(tool_calls=[call(0, arguments="b")])] * n,
        delta(tool_calls=[call(0, arguments='"}')]),
    ],
    CALLS,
)
chat(
    "pieces of numbers",
    lambda n: [
        delta(tool_calls=[call(0, "c", "f", '{"a":[1')]),
        *[delta(tool_calls=[call(0, arguments=",1")])] * n,
        delta(tool_calls=[call(0, arguments="]}")]),
    ],
    CALLS,
)
chat(
    "pieces that look whole",
    lambda n: [
        delta(tool_calls=[call(0, "c", "f", '{"a":1}')]),
        *[delta(tool_calls=[call(0, arguments='{"b":2}')])] * n,
    ],
    CALLS,
)
chat(
    "names in pieces",
    lambda n: [
        delta(tool_calls=[call(0, "c", "f")]),
        *[delta(tool_calls=[call(0, name=f"_{i}")]) for i in range(n)],
    ],
    CALLS,
)
chat(
    "an id for each piece",
    lambda n: [delta(tool_calls=[call(0, f"c{i}", "f", "{" if not i else " ")]) for i in range(n)],
    CALLS,
)
chat(
    "a call that grows next to finishes",
    lambda n: [
        delta("tool_calls", tool_calls=[call(0, "c", "f", '{"a":"' if not i else "b")]) for i in range(n)
    ],
    CALLS,
)
chat(
    "a call that grows next to usage",
    lambda n: [
        {**delta("tool_calls", tool_calls=[call(0, "c", "f", '{"a":"' if not i else "b")]), "usage": USAGE}
        for i in range(n)
    ],
    CALLS,
)
chat("values that are no calls", many(lambda i: delta(tool_calls=[i, None])))
chat("payloads in wrappers", many(lambda i: {"code": 0, "result": delta(content="a")}))
chat("errors in notes", many(lambda i: {**delta(content="a"), "error": None}))
chat("spaces", many(lambda i: delta(content=" ")))
chat("a long text", lambda n: [delta(content="ab " * n)])
chat("a long name", lambda n: [delta(tool_calls=[call(0, "c", "f" * n, "{}")])], CALLS)
chat("nested values", lambda n: [{**delta(content="a"), "x": [[[1]]] * n}])

THINKING = {
    "tags": "<think>a</think>b",
    "open tags": "<think>",
    "closing tags": "</think>",
    "angle brackets": "<",
    "beginnings of tags": "<thin",
    "blanks": " ",
    "tags of others": "<b>a</b>",
    "attributes": '<think a="b">',
}


def _thinking(name: str, text: str, mode: str, pieces: bool) -> None:
    def make(n: int) -> Stream:
        payloads = [delta(content=text)] * n if pieces else [delta(content=text * n)]
        return Stream(sse(*payloads, STOP, "[DONE]"), profile=f"think_tags={mode}")

    STREAMS[f"think_tags={mode}: {name}{'' if pieces else ' in one payload'}"] = make


for _mode in ("start", "anywhere"):
    for _name, _text in THINKING.items():
        _thinking(_name, _text, _mode, pieces=True)
        _thinking(_name, _text, _mode, pieces=False)


@kind("think_tags=anywhere: thoughts and citations")
def _(n: int) -> Stream:
    def cited(i: int) -> Payload:
        facts = {"type": "url_citation", "url": "u", "start_index": 17 * i + 16, "end_index": 17 * i + 17}
        return delta(content="<think>a</think>b", annotations=[facts])

    return Stream(sse(*map(cited, range(n)), STOP, "[DONE]"), profile="think_tags=anywhere")


# -- bytes --------------------------------------------------------------------------------

HELLO = sse(delta(content="a"))
END = sse(STOP, "[DONE]")


def raw(name: str, make: Callable[[int], bytes], chunk: int = 0) -> None:
    STREAMS[f"bytes: {name}"] = lambda n: Stream(make(n) + HELLO + END, chunk=chunk)


raw("comments", lambda n: b": ping\n" * n)
raw("comments with blank lines", lambda n: b": ping\n\n" * n)
raw("bad frames", lambda n: b"data: {\n\n" * n)
raw("frames of other JSON", lambda n: b"data: 7\n\n" * n)
raw("blank lines", lambda n: b"\n" * n)
raw("carriage returns", lambda n: b"\r" * n)
raw("events without data", lambda n: b"event: x\n\n" * n)
raw("ids", lambda n: b"id: 1\n\n" * n)
raw("retries", lambda n: b"retry: 1\n" * n)
raw("lines in a block", lambda n: b"data: [\n" + b"data: 1,\n" * n + b"data: 1]\n\n")
raw("empty lines of data", lambda n: b"data\n" * n + b"\n")
raw("unknown fields in a block", lambda n: b"x: y\n" * n + b"\n")
raw("glued objects", lambda n: b"data: " + b'{"id":"i","choices":[]}' * n + b"\n\n")
raw("glued objects with garbage", lambda n: b"data: " + b'{"id":"i","choices":[]}}{' * n + b"\n\n")
raw("braces", lambda n: b"data: " + b"{" * n + b"\n\n")
raw("quotes", lambda n: b"data: " + b'"' * n + b"\n\n")
raw("marks in a line", lambda n: b"data: " + b"data: [DONE" * n + b"\n\n")
raw("invalid UTF-8", lambda n: b'data: {"x":"' + b"\xff" * n + b'"}\n\n')
raw("white space before the stream", lambda n: b" \n" * n)
raw("errors beside data", lambda n: b'error: {"a":1}\ndata: {"choices":[]}\n\n' * 1 + b": x\n" * n)
raw("small chunks", lambda n: HELLO * n, chunk=7)
raw("chunks of one byte", lambda n: HELLO * (n // 8 + 1), chunk=1)
raw("a long event in small chunks", lambda n: sse(delta(content="ab " * n)), chunk=16)
raw("long heads in small chunks", lambda n: sse({"x": "ab " * n, **delta(content="a")}) * 3, chunk=16)
raw("a long comment in small chunks", lambda n: b": " + b"ab " * n + b"\n", chunk=16)
raw("pings", lambda n: b'event: ping\ndata: {"type": "ping"}\n\n' * n)


def restated(n: int, ids: str, step: int) -> list[Payload]:
    """Calls in deltas, and a message that restates them with other ids, in order or reversed."""
    facts = [{"name": "f", "arguments": json.dumps({"x": i})} for i in range(n)]
    deltas = [delta(tool_calls=[{"index": i, "id": f"c{i}", "function": f}]) for i, f in enumerate(facts)]
    again = [{"id": f"{ids}{i}" if ids else None, "function": f} for i, f in enumerate(facts)]
    message = {"index": 0, "delta": {}, "message": {"tool_calls": again[::step]}}
    return [*deltas, {"choices": [message]}]


chat("calls that a message restates", lambda n: restated(n, "c", 1))
chat("calls that a message restates without ids", lambda n: restated(n, "", 1))
chat("calls that a message restates in another order", lambda n: restated(n, "z", -1))


@kind("document: choices")
def _(n: int) -> Stream:
    choices = [{"index": i, "message": {"content": "a"}, "finish_reason": "stop"} for i in range(n)]
    return Stream(json.dumps({"id": "i", "choices": choices}).encode(), chunk=64)


@kind("document: calls")
def _(n: int) -> Stream:
    calls = [{"id": f"c{i}", "function": {"name": "f", "arguments": "{}"}} for i in range(n)]
    message = {"index": 0, "message": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    return Stream(json.dumps({"id": "i", "choices": [message]}).encode())


@kind("document: lines of objects")
def _(n: int) -> Stream:
    return Stream(
        b"".join(json.dumps(delta(content="a")).encode() + b"\n" for _ in range(n)) + b"[DONE]", chunk=50
    )


@kind("document: marks of the end")
def _(n: int) -> Stream:
    return Stream(b'{"a": "' + b"[DONE]" * n + b'"}', chunk=6)


# -- Responses ----------------------------------------------------------------------------

CREATED = {"type": "response.created", "response": {"id": "r", "model": "m"}}


def responses(name: str, make: Callable[[int], Iterable[Payload]], **response: Any) -> None:
    def stream(n: int) -> Stream:
        last = {"id": "r", "status": "completed", **{k: v(n) for k, v in response.items()}}
        return Stream(sse(CREATED, *make(n), {"type": "response.completed", "response": last}), "responses")

    STREAMS[f"responses: {name}"] = stream


def event(kind: str, **fields: Any) -> Payload:
    return {"type": f"response.{kind}", **fields}


def message(i: int, text: str = "") -> Payload:
    content = [{"type": "output_text", "text": text}] if text else []
    return {"type": "message", "id": f"m{i}", "role": "assistant", "content": content}


def function(i: int, arguments: str = "") -> Payload:
    return {"type": "function_call", "id": f"f{i}", "call_id": f"c{i}", "name": "f", "arguments": arguments}


def place(i: int = 0, part: int = 0) -> Payload:
    return {"item_id": f"m{i}", "output_index": i, "content_index": part}


def flat(make: Callable[[int], Iterable[Payload]]) -> Callable[[int], list[Payload]]:
    return lambda n: [each for number in range(n) for each in make(number)]


responses("text", many(lambda i: event("output_text.delta", **place(), delta="a")))
responses("texts in turns", many(lambda i: event("output_text.delta", **place(i % 2), delta="a")))
responses("parts", many(lambda i: event("output_text.delta", **place(0, i), delta="a")))
responses("messages", many(lambda i: event("output_text.delta", **place(i), delta="a")))
responses("messages without names", many(lambda i: event("output_text.delta", delta="a")))
responses(
    "minted ids", many(lambda i: event("output_text.delta", item_id=f"x{i}", output_index=0, delta="a"))
)
responses(
    "whole messages",
    flat(
        lambda i: (
            event("output_item.added", output_index=i, item=message(i)),
            event("output_item.done", output_index=i, item=message(i, "a")),
        )
    ),
)
responses(
    "whole calls",
    flat(
        lambda i: (
            event("output_item.added", output_index=i, item=function(i)),
            event("output_item.done", output_index=i, item=function(i, "{}")),
        )
    ),
)
responses("announced messages", many(lambda i: event("output_item.added", output_index=i, item=message(i))))
responses(
    "pieces of arguments",
    lambda n: [
        event("output_item.added", output_index=0, item=function(0)),
        *[event("function_call_arguments.delta", item_id="f0", output_index=0, delta="1")] * n,
    ],
)
responses(
    "restated arguments",
    lambda n: [
        event("output_item.added", output_index=0, item=function(0)),
        event("function_call_arguments.delta", item_id="f0", delta="1" * 50),
        *[event("function_call_arguments.done", item_id="f0", arguments="")] * n,
    ],
)
responses(
    "summaries",
    many(
        lambda i: event(
            "reasoning_summary_text.delta", item_id="r", output_index=0, summary_index=i, delta="a"
        )
    ),
)
responses(
    "summary text",
    many(
        lambda i: event(
            "reasoning_summary_text.delta", item_id="r", output_index=0, summary_index=0, delta="a"
        )
    ),
)
responses(
    "restated parts",
    flat(
        lambda i: (
            event("output_text.delta", **place(0, i), delta="a"),
            event("output_text.done", **place(0, i), text="a"),
        )
    ),
)
responses(
    "corrected parts",
    flat(
        lambda i: (
            event("output_text.delta", **place(0, i), delta="a"),
            event("output_text.done", **place(0, i), text="b"),
        )
    ),
)
responses(
    "one part restated again",
    lambda n: [
        event("output_text.delta", **place(), delta="a"),
        *[event("output_text.done", **place(), text="a")] * n,
    ],
)
responses(
    "annotations",
    many(
        lambda i: event(
            "output_text.annotation.added",
            **place(),
            annotation_index=i,
            annotation={"type": "url_citation", "url": f"u{i}"},
        )
    ),
)
responses(
    "hosted calls",
    many(
        lambda i: event(
            "output_item.added",
            output_index=i,
            item={"type": "web_search_call", "id": f"w{i}", "status": "in_progress"},
        )
    ),
)
responses(
    "events of hosted calls", many(lambda i: event("web_search_call.searching", item_id="w", output_index=0))
)
responses("unknown events", many(lambda i: event("new.thing", n=i)))
responses("repeated heads", many(lambda i: event("in_progress", response={"id": "r", "model": "m"})))
responses("changing heads", many(lambda i: event("in_progress", response={"id": "r", "n": i})))
responses("items of the last event", lambda n: [], output=lambda n: [message(i, "a") for i in range(n)])
responses(
    "known items of the last event",
    many(lambda i: event("output_text.delta", **place(i), delta="a")),
    output=lambda n: [message(i, "a") for i in range(n)],
)
responses(
    "unnamed items of the last event",
    many(lambda i: event("output_text.delta", **place(i), delta="a")),
    output=lambda n: [{**message(i, "a"), "id": None} for i in range(n)],
)
responses(
    "calls of the last event",
    lambda n: [event("output_item.added", output_index=i, item=function(i)) for i in range(n)],
    output=lambda n: [function(i, "{}") for i in range(n)],
)
responses(
    "parts of the last event",
    lambda n: [],
    output=lambda n: [{**message(0), "content": [{"type": "output_text", "text": "a"}] * n}],
)
responses("refusals", many(lambda i: event("refusal.delta", **place(), delta="a")))

# -- Messages -----------------------------------------------------------------------------

START = {
    "type": "message_start",
    "message": {"id": "m", "role": "assistant", "content": [], "model": "c", "usage": {"input_tokens": 3}},
}
MESSAGE_END = (
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
)


def messages(name: str, make: Callable[[int], Iterable[Payload]]) -> None:
    STREAMS[f"messages: {name}"] = lambda n: Stream(sse(START, *make(n), *MESSAGE_END), "messages")


def begin(index: Any, block: Payload) -> Payload:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: Any, kind: str = "text_delta", **fields: Any) -> Payload:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": kind, **(fields or {"text": "a"})},
    }


def stop(index: Any) -> Payload:
    return {"type": "content_block_stop", "index": index}


TEXT, TOOL = {"type": "text", "text": ""}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}
messages("text", lambda n: [begin(0, TEXT), *[piece(0)] * n, stop(0)])
messages("text without a start", lambda n: [piece(0)] * n)
messages("thinking", lambda n: [begin(0, THOUGHT), *[piece(0, "thinking_delta", thinking="a")] * n, stop(0)])
messages(
    "signatures", lambda n: [begin(0, THOUGHT), *[piece(0, "signature_delta", signature="a")] * n, stop(0)]
)
messages(
    "arguments", lambda n: [begin(0, TOOL), *[piece(0, "input_json_delta", partial_json="1")] * n, stop(0)]
)
messages("blocks of text", flat(lambda i: (begin(i, TEXT), piece(i), stop(i))))
messages(
    "calls",
    flat(
        lambda i: (
            begin(i, {**TOOL, "id": f"t{i}"}),
            piece(i, "input_json_delta", partial_json="{}"),
            stop(i),
        )
    ),
)
messages("thoughts", flat(lambda i: (begin(i, THOUGHT), piece(i, "thinking_delta", thinking="a"), stop(i))))
messages(
    "text and calls in turns",
    flat(
        lambda i: (
            begin(2 * i, TEXT),
            piece(2 * i),
            stop(2 * i),
            begin(2 * i + 1, {**TOOL, "id": f"t{i}"}),
            stop(2 * i + 1),
        )
    ),
)
messages("open blocks", lambda n: [*[begin(i, TEXT) for i in range(n)], *[piece(i) for i in range(n)]])
messages("blocks that start again", lambda n: [begin(0, TEXT)] * n)
messages("late pieces", lambda n: [begin(0, TEXT), begin(1, TEXT), *[piece(i % 2) for i in range(n)]])
messages(
    "citations",
    lambda n: [
        begin(0, TEXT),
        piece(0),
        *[piece(0, "citations_delta", citation={"n": i}) for i in range(n)],
        stop(0),
    ],
)
messages("unknown blocks", flat(lambda i: (begin(i, {"type": "new", "n": i}), stop(i))))
messages("unknown deltas", lambda n: [begin(0, TEXT), *[piece(0, "new_delta", n=i) for i in range(n)]])
messages("unknown events", many(lambda i: {"type": "new", "n": i}))
messages(
    "hosted tools",
    flat(
        lambda i: (
            begin(i, {"type": "server_tool_use", "id": f"s{i}", "name": "web_search", "input": {}}),
            piece(i, "input_json_delta", partial_json="{}"),
            stop(i),
        )
    ),
)
messages("pings", lambda n: [{"type": "ping"}] * n)
messages("messages in one stream", many(lambda i: {**START, "message": {**START["message"], "id": f"m{i}"}}))  # type: ignore[dict-item]
messages("repeated starts", lambda n: [START] * n)
messages("usage", many(lambda i: {"type": "message_delta", "delta": {}, "usage": {"output_tokens": i}}))
messages(
    "blocks in the start",
    lambda n: [
        {**START, "message": {**START["message"], "id": "x", "content": [{"type": "text", "text": "a"}] * n}}
    ],
)  # type: ignore[dict-item]

# -- Gemini -------------------------------------------------------------------------------


def gemini(name: str, make: Callable[[int], Iterable[Payload]]) -> None:
    STREAMS[f"gemini: {name}"] = lambda n: Stream(
        sse(*make(n), parts({"text": ""}, finishReason="STOP")), "gemini"
    )


def parts(*listed: Payload, **candidate: Any) -> Payload:
    return {
        "candidates": [{"content": {"parts": list(listed), "role": "model"}, **candidate}],
        "responseId": "r",
    }


gemini("text", many(lambda i: parts({"text": "a"})))
gemini("thoughts", many(lambda i: parts({"text": "a", "thought": True})))
gemini(
    "text and thoughts in turns", many(lambda i: parts({"text": "a", **({"thought": True} if i % 2 else {})}))
)
gemini("signatures", many(lambda i: parts({"text": "a", "thoughtSignature": "s"})))
gemini("parts in one payload", lambda n: [parts(*[{"text": "a"}] * n)])
gemini("unknown parts", many(lambda i: parts({"new": i})))
gemini("unknown parts in one payload", lambda n: [parts(*[{"new": i} for i in range(n)])])
gemini("calls", many(lambda i: parts({"functionCall": {"name": "f", "args": {"a": i}}})))
gemini(
    "calls in one payload",
    lambda n: [parts(*[{"functionCall": {"name": "f", "args": {"a": i}}} for i in range(n)])],
)
gemini(
    "partial arguments",
    lambda n: [
        parts({"functionCall": {"name": "f", "willContinue": True}}),
        *[
            parts(
                {
                    "functionCall": {
                        "partialArgs": [{"jsonPath": "$.a", "stringValue": "b", "willContinue": True}],
                        "willContinue": True,
                    }
                }
            )
        ]
        * n,
        parts({"functionCall": {}}),
    ],
)
gemini(
    "paths of partial arguments",
    lambda n: [
        parts({"functionCall": {"name": "f", "willContinue": True}}),
        *[
            parts(
                {
                    "functionCall": {
                        "partialArgs": [{"jsonPath": f"$.a{i}", "numberValue": i}],
                        "willContinue": True,
                    }
                }
            )
            for i in range(n)
        ],
        parts({"functionCall": {}}),
    ],
)
gemini("candidates", many(lambda i: parts({"text": "a"}, index=i)))
gemini(
    "candidates in one payload",
    lambda n: [{"candidates": [{"index": i, "content": {"parts": [{"text": "a"}]}} for i in range(n)]}],
)
gemini("images", many(lambda i: parts({"inlineData": {"mimeType": "image/png", "data": "QUJD"}})))
gemini(
    "code",
    many(
        lambda i: parts(
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        )
    ),
)
gemini(
    "grounding",
    many(
        lambda i: parts(
            {"text": "a"},
            groundingMetadata={
                "groundingChunks": [{"web": {"uri": f"u{i}"}}],
                "groundingSupports": [{"segment": {"endIndex": i}, "groundingChunkIndices": [0]}],
            },
        )
    ),
)
gemini(
    "grounding in one payload",
    lambda n: [
        parts(
            {"text": "a"},
            groundingMetadata={
                "groundingChunks": [{"web": {"uri": f"u{i}"}} for i in range(n)],
                "groundingSupports": [
                    {"segment": {"endIndex": 1}, "groundingChunkIndices": [i]} for i in range(n)
                ],
            },
        )
    ],
)
gemini(
    "usage in every payload",
    many(
        lambda i: {
            **parts({"text": "a"}),
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": i},
        }
    ),
)
gemini("safety ratings", many(lambda i: parts({"text": "a"}, safetyRatings=[{"category": "x", "n": i}])))
gemini("extra fields", many(lambda i: {**parts({"text": "a"}), "x": i}))


@kind("gemini: a list of payloads")
def _(n: int) -> Stream:
    return Stream(json.dumps([parts({"text": "a"})] * n).encode(), "gemini", chunk=50)
