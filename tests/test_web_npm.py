"""web against the npm packages that read it: `openai`, and `ai` in two major versions.

A page on this machine answers with the body of each case; node reads it with the packages' own clients, and
prints what a program of theirs gets.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from streamkit import (
    Client,
    CustomToolCall,
    FunctionCall,
    FunctionCallOutput,
    Message,
    Reasoning,
    Usage,
    agent,
    read_events,
    tool,
)
from streamkit.events import Event, ItemDone, ToolCallDelta
from streamkit.testing import FakeReply, FakeTransport, chat_stream
from streamkit.testing import sse as body_of
from streamkit.web import SSE_HEADERS, UI_HEADERS, openai_chunks, read_ui_messages, ui_messages

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CALL = FunctionCall("c1", "f", '{"a": 1}')
OTHER = FunctionCall("c2", "f", '{"a": 2}')


@tool
def f(a: int) -> dict[str, int]:
    return {"r": a}


def _delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def _answer(*answers: Any) -> Iterator[Event]:
    return _client(*answers).stream("q")


def _run(*answers: Any) -> Iterator[Event]:
    return iter(agent.run(_client(*answers), "q", [f]))


def _client(*answers: Any) -> Client:
    return Client("generic", base_url="http://h/v1", transport=FakeTransport(*answers), model="m")


def _recorded(*payloads: Any) -> Iterator[Event]:
    return read_events([body_of(*payloads)])


USAGE = Usage(1, 2, 3)
THOUGHT = Reasoning(content="hm")
TWO = {
    "tool_calls": [
        {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}},
        {"index": 1, "id": "c2", "function": {"name": "f", "arguments": '{"a"'}},
    ]
}
REST = {
    "tool_calls": [
        {"index": 1, "function": {"arguments": ":2}"}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
}
FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
STREAMS: Mapping[str, Callable[[], Iterator[Event]]] = {
    "whole": lambda: _answer(chat_stream(THOUGHT, "Hi", " there", CALL, usage=USAGE, model="m1", id="i1")),
    "two calls": lambda: _recorded(_delta(**TWO), _delta(**REST), FINISH, "[DONE]"),
    "refusal": lambda: _recorded(_delta(refusal="No."), FINISH, "[DONE]"),
    "cut": lambda: _answer(body_of(_delta(content="Hel"))),
    "cut in a call": lambda: _answer(body_of(_delta(tool_calls=[{**OPENED, "index": 0}]))),
    "error in it": lambda: _answer(
        body_of(_delta(content="Hel"), {"error": {"message": "slow down", "code": 429}})
    ),
    "refused": lambda: _answer(FakeReply([b'{"error":{"message":"no credit","code":"quota"}}'], 402)),
    "run": lambda: _run(chat_stream(THOUGHT, "Look", CALL), chat_stream("done")),
    "failed tool": lambda: _run(chat_stream(FunctionCall("c1", "f", '{"a": "x"}')), chat_stream("done")),
    "no arguments": lambda: _run(chat_stream(FunctionCall("c1", "f", '{"a": "x')), chat_stream("done")),
    "custom": lambda: iter(CUSTOM),
    "cited": lambda: _recorded(_delta(content="Hi", annotations=[CITATION, CITATION]), STOP, "[DONE]"),
    "picture": lambda: _recorded(_delta(content="Look", images=[IMAGE]), STOP, "[DONE]"),
    "empty": lambda: _answer(chat_stream()),
}
OPENED = {"id": "c1", "function": {"name": "f", "arguments": '{"a": '}}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
CITATION = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}
PICTURE = "data:image/jpeg;base64,/9j/"
IMAGE = {"type": "image_url", "image_url": {"url": PICTURE}}
CUT = "the arguments of this call were cut off"
CUSTOM: list[Event] = [
    ToolCallDelta(slot=0, call_id="c1", name="g", arguments="free "),
    ToolCallDelta(slot=0, call_id="c1", name="g", arguments="text"),
    ItemDone(slot=0, item=CustomToolCall("c1", "g", "free text")),
]


POSTED: list[Any] = []


def _page(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Answer with the stream that the path or the body's model names."""
    sent = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    POSTED.append(sent["messages"])
    write, headers = (
        (ui_messages, UI_HEADERS) if environ["PATH_INFO"] == "/ui" else (openai_chunks, SSE_HEADERS)
    )
    start_response("200 OK", list(headers.items()))
    return (line.encode() for line in write(STREAMS[sent["model"]]()))


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, _page, handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    room = tmp_path_factory.mktemp("npm")
    (room / "package.json").write_text('{"type": "module"}')
    (room / "chat.js").write_text(_CHAT)
    (room / "ui.js").write_text(_UI)
    packages = ["openai", "ai6@npm:ai@6", "ai5@npm:ai@5"]
    quiet = ["--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", *quiet, *packages], cwd=room, check=True, timeout=240)
    return room


def _node(room: Path, *arguments: str) -> Any:
    done = subprocess.run(
        ["node", *arguments], cwd=room, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


# -- openai -------------------------------------------------------------------------------

_CHAT = """
import OpenAI from "openai";
const [root, ...models] = process.argv.slice(2);
const client = new OpenAI({ baseURL: root + "/v1", apiKey: "any", maxRetries: 0 });
const results = {};
for (const model of models) {
  const got = (results[model] = { text: "", thought: "", refusal: "" });
  const asked = { model, messages: [{ role: "user", content: "q" }], stream: true };
  try {
    for await (const chunk of await client.chat.completions.create(asked)) {
      got.model = chunk.model;
      if (chunk.usage) got.usage = chunk.usage.total_tokens;
      for (const { delta } of chunk.choices) {
        got.text += delta.content ?? "";
        got.thought += delta.reasoning_content ?? "";
        got.refusal += delta.refusal ?? "";
      }
    }
    const whole = await client.chat.completions.stream(asked).finalChatCompletion();
    const { message, finish_reason } = whole.choices[0] ?? { message: {} };
    got.finish = finish_reason;
    got.calls = message.tool_calls?.map((c) => [c.id, c.type, c.function.name, c.function.arguments]);
  } catch (error) {
    got.error = [error instanceof OpenAI.APIError, error.message, error.code ?? null];
  }
}
console.log(JSON.stringify(results));
"""
NOTHING = {"text": "", "thought": "", "refusal": ""}
ONE = ["c1", "function", "f", '{"a": 1}']
CHATS: dict[str, Any] = {
    "whole": {
        **NOTHING,
        "text": "Hi there",
        "thought": "hm",
        "model": "m1",
        "usage": 3,
        "finish": "tool_calls",
        "calls": [ONE],
    },
    "two calls": {
        **NOTHING,
        "model": "",
        "finish": "tool_calls",
        "calls": [["c1", "function", "f", '{"a":1}'], ["c2", "function", "f", '{"a":2}']],
    },
    "refusal": {**NOTHING, "refusal": "No.", "model": "", "finish": "tool_calls"},
    "cut": {
        **NOTHING,
        "text": "Hel",
        "model": "",
        "error": [True, "the answer failed: TruncatedStreamError", None],
    },
    "error in it": {**NOTHING, "text": "Hel", "model": "", "error": [True, "slow down", 429]},
    "refused": {**NOTHING, "error": [True, "no credit", "quota"]},
}


def test_openai_reads_the_chunks(room: Path, page: str) -> None:
    """Text, reasoning, refusal, calls and usage; its error has our words."""
    got = _node(room, "chat.js", page, *CHATS)
    assert got == CHATS


# -- ai -----------------------------------------------------------------------------------

_UI = """
const [name, root, ...models] = process.argv.slice(2);
const { DefaultChatTransport, readUIMessageStream } = await import(name);
const results = {};
for (const model of models) {
  const got = (results[model] = { errors: [] });
  const transport = new DefaultChatTransport({ api: root + "/ui", body: { model } });
  try {
    const messages = [{ id: "1", role: "user", parts: [{ type: "text", text: "q" }] }];
    const stream = await transport.sendMessages({ chatId: "c", messages, trigger: "submit-message" });
    const [one, two] = stream.tee();
    got.kinds = [];
    for await (const chunk of one) got.kinds.push(chunk.type);
    const onError = (error) => got.errors.push(error.message);
    for await (const message of readUIMessageStream({ stream: two, onError })) got.parts = message.parts;
  } catch (error) {
    got.errors.push(String(error));
  }
}
const asked = { id: "1", role: "user", parts: [{ type: "text", text: "q" }] };
const answer = { id: "2", role: "assistant", parts: results["run"].parts };
const transport = new DefaultChatTransport({ api: root + "/ui", body: { model: "empty" } });
const conversation = { chatId: "c", messages: [asked, answer, asked], trigger: "submit-message" };
for await (const chunk of await transport.sendMessages(conversation));
console.log(JSON.stringify(results));
"""


@pytest.fixture(scope="module", params=["ai5", "ai6"])
def messages(request: pytest.FixtureRequest, room: Path, page: str) -> Any:
    """What the package's transport and reader make of each case."""
    return _node(room, "ui.js", request.param, page, *STREAMS)


def _tool(call_id: str, state: str, **facts: Any) -> dict[str, Any]:
    return {"type": f"tool-{facts.pop('name', 'f')}", "toolCallId": call_id, "state": state, **facts}


def _text(text: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "text": text, "state": "done"}


STEP = {"type": "step-start"}
CITED = {"type": "source-url", "sourceId": "source-1", "url": "https://x", "title": "X"}
PARTS: dict[str, list[Any]] = {
    "whole": [
        STEP,
        _text("hm", "reasoning"),
        _text("Hi there"),
        _tool("c1", "input-available", input={"a": 1}),
    ],
    "two calls": [
        STEP,
        _tool("c1", "input-available", input={"a": 1}),
        _tool("c2", "input-available", input={"a": 2}),
    ],
    "refusal": [STEP, _text("No.")],
    "cut": [STEP, _text("Hel")],
    "cut in a call": [STEP, _tool("c1", "output-error", errorText=CUT, rawInput='{"a": ')],
    "error in it": [STEP, _text("Hel")],
    "run": [
        STEP,
        _text("hm", "reasoning"),
        _text("Look"),
        _tool("c1", "output-available", input={"a": 1}, output='{"r": 1}'),
        STEP,
        _text("done"),
    ],
    "failed tool": [
        STEP,
        _tool(
            "c1",
            "output-error",
            input={"a": "x"},
            errorText='Error: arguments.a: expected integer, got "x"',
        ),
        STEP,
        _text("done"),
    ],
    "no arguments": [
        STEP,
        _tool("c1", "output-error", errorText=CUT, rawInput='{"a": "x'),
        STEP,
        _text("done"),
    ],
    "custom": [STEP, _tool("c1", "input-available", name="g", input="free text")],
    "cited": [STEP, _text("Hi"), CITED],
    "picture": [STEP, _text("Look"), {"type": "file", "url": PICTURE, "mediaType": "image/jpeg"}],
}
ERRORS = {
    "cut": "the answer failed: TruncatedStreamError",
    "cut in a call": "the answer failed: TruncatedStreamError",
    "error in it": "slow down",
    "refused": "no credit",
}


@pytest.mark.parametrize("name", STREAMS)
def test_ai_reads_the_message(messages: Any, name: str) -> None:
    """Each part and each call comes to its end; the error has our words, and the parts before it stay."""
    got = messages[name]
    assert got["errors"] == ([ERRORS[name]] if name in ERRORS else [])
    assert [_facts(part) for part in got.get("parts", [])] == PARTS.get(name, [])


def test_the_next_turn_has_the_whole_conversation(messages: Any) -> None:
    """What the package posts after an agent's run: reasoning, texts, the call and its output."""
    assert "run" in messages
    assert read_ui_messages(POSTED[-1]) == [
        Message("user", "q"),
        THOUGHT,
        Message("assistant", "Look"),
        CALL,
        FunctionCallOutput("c1", '{"r": 1}'),
        Message("assistant", "done"),
        Message("user", "q"),
    ]


def _facts(part: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a part without those that are the reader's own."""
    kept = {name: value for name, value in part.items() if name not in ("id", "providerMetadata")}
    if "rawInput" in kept:
        kept.pop("input", None)  # what the reader made of the beginning
    return kept
