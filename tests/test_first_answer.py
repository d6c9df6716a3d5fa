"""A first answer of a fresh process imports little; benchmarks/ measures the time."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from typing import Any

import pytest

PAYLOADS = [
    {"id": "i", "model": "m", "created": 1, "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
    *({"id": "i", "choices": [{"index": 0, "delta": {"content": letter}}]} for letter in "abcdefg"),
    {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "i", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}},
]
BODY = "".join(f"data: {payload}\n\n" for payload in [*map(json.dumps, PAYLOADS), "[DONE]"])

ANSWER = """
import json, sys
import requests

before = set(sys.modules)
from streamkit import Client

with Client("openai", api_key="k", base_url=sys.argv[1]).stream("Hello", model="m") as stream:
    for event in stream:
        pass
loaded = sorted(set(sys.modules) - before)

classes = 0
for name in loaded:
    for value in vars(sys.modules[name]).values() if name.startswith("streamkit") else ():
        if isinstance(value, type) and value.__module__ == name:
            classes += "__attrs_attrs__" in vars(value) or "__dataclass_fields__" in vars(value)
print(json.dumps({"text": event.completion.text, "loaded": loaded, "classes": classes}))
"""

# Modules that only other programs need; each takes 1 to 3 ms.
COSTLY = "cattrs sseclient decimal uuid html concurrent.futures asyncio difflib"
RARE = """
_files agent display history integrations jobs media recordings testing tools typed.check typed.parse
typed.strict typed.schema codec telemetry web
error_shapes error_waits error_words
client.resume state.part_index
pipeline.aggregate pipeline.arrays pipeline.known_texts pipeline.partial_json
pipeline.tag_splitter pipeline.tagged_message pipeline.think_tags
wires.gemini wires.messages wires.responses wires.chat.document wires.chat.sample
"""
MOST_MODULES = 126  # of streamkit; each takes 0.1 ms
MOST_CLASSES = 110  # of dataclasses and attrs; each takes 0.3 to 0.5 ms


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY.encode())

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def first() -> dict[str, Any]:
    """What a fresh process loaded for its first answer over HTTP."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        done = subprocess.run(
            [sys.executable, "-c", ANSWER, url], capture_output=True, text=True, timeout=60, check=False
        )
        server.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_answer_is_whole(first: dict[str, Any]) -> None:
    """The figures below are those of a whole answer."""
    assert first["text"] == "abcdefg"


def test_a_first_answer_loads_no_costly_module(first: dict[str, Any]) -> None:
    """Beyond those of `import requests`, no module is loaded that only some programs need."""
    assert [name for name in COSTLY.split() if name in first["loaded"]] == []


def test_a_first_answer_loads_no_rare_module(first: dict[str, Any]) -> None:
    """Modules for other APIs, tools, jobs and typed answers are loaded when they are used."""
    own = [name.removeprefix("streamkit.") for name in first["loaded"] if name.startswith("streamkit")]
    assert [name for name in RARE.split() if name in own] == []
    assert len(own) <= MOST_MODULES


def test_a_first_answer_makes_few_classes(first: dict[str, Any]) -> None:
    """Half of the time that streamkit itself adds to the first answer goes into them."""
    assert first["classes"] <= MOST_CLASSES
