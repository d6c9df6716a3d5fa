"""The pages of docs/ about frameworks: each program runs as its page says, and is read over HTTP.

A server on this machine stands for OpenRouter. Every program runs in a process of its own, because frameworks
leave threads, loops and sockets behind.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from streamkit import Completed, Reasoning, read_events
from streamkit.recordings.server import ReplayServer, serve
from streamkit.testing import Recording, chat_stream
from streamkit.testing import sse as body_of

from .faultserver import FaultServer, Peer, chunked, delta, head, ok
from .test_docs import DOCS, PROGRAMS, examples

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

ANSWER = chat_stream(
    Reasoning(content="By the moon."), "High tide ", "is at 18:04.", model="deepseek/deepseek-r1"
)
ASKED = [{"role": "user", "content": "When?"}]
UI_ASKED = [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "When?"}]}]


def test_each_page_is_one_program() -> None:
    """A page that isn't here has no test."""
    assert {f"{name.split()[0]}.md" for name in (*SERVERS, "streamlit")} == PROGRAMS
    for page in PROGRAMS:
        assert len(list(examples(DOCS / page))) == 1


# The command of the page, its path, and the body to post.
COMMANDS = {
    "flask": (["-m", "flask", "--app", "page", "run", "--port"], "/v1/chat/completions", ASKED),
    "fastapi": (["-m", "uvicorn", "page:app", "--port"], "/api/chat", UI_ASKED),
    "django": (["-m", "uvicorn", "page:application", "--port"], "/v1/chat/completions", ASKED),
}
# Django under WSGI, by the words of its page: the other application, and the pieces themselves.
WSGI = {
    "django.core.asgi": "django.core.wsgi",
    "get_asgi_application": "get_wsgi_application",
    "aiter(pieces)": "pieces",
}
SERVE_WSGI = """
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
import page
class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
make_server("127.0.0.1", int(sys.argv[1]), page.application, server_class=Server).serve_forever()
"""
COMMANDS["django wsgi"] = (["-c", SERVE_WSGI], "/v1/chat/completions", ASKED)
SERVERS = {**{name: command for name, (command, _, _) in COMMANDS.items()}, "gradio": ["page.py"]}


def _program(name: str, folder: Path) -> None:
    package, _, server = name.partition(" ")
    if find_spec(package) is None:
        pytest.skip(f"needs {package}: install the extra interop")
    (program,) = examples(DOCS / f"{package}.md")
    code = program.code
    for ours, theirs in WSGI.items() if server else ():
        assert ours in code
        code = code.replace(ours, theirs)
    (folder / "page.py").write_text(code, encoding="utf-8")


def _environment(url: str, folder: Path) -> dict[str, str]:
    root = str(DOCS.parent)
    return {
        **os.environ,
        "OPENROUTER_API_KEY": "sk-none",
        "OPENROUTER_BASE_URL": url,
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([str(folder), root]),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(name: str, url: str, folder: Path) -> Iterator[int]:
    """Run the program of a page with its own command, and yield its port."""
    _program(name, folder)
    port = _free_port()
    command = [sys.executable, *SERVERS[name], str(port)]
    environment = {**_environment(url, folder), "GRADIO_SERVER_PORT": str(port)}
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def _post(port: int, name: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    _, path, messages = COMMANDS[name]
    connection.request("POST", path, json.dumps({"messages": messages}), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


@pytest.fixture
def gateway() -> Iterator[ReplayServer]:
    with serve(Recording.of(ANSWER), speed=0) as server:
        yield server


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_streams_the_answer(name: str, gateway: ReplayServer, tmp_path: Path) -> None:
    """In its protocol: text and reasoning are whole."""
    with running(name, gateway.url, tmp_path) as port:
        connection, reply = _post(port, name)
        body = reply.read()
        connection.close()
    assert (reply.status, reply.getheader("Content-Type")) == (200, "text/event-stream; charset=utf-8")
    if name == "fastapi":
        parts = [json.loads(row[6:]) for row in body.decode().splitlines() if row.startswith("data: {")]
        texts = [part["delta"] for part in parts if part["type"] == "text-delta"]
        assert "".join(texts) == "High tide is at 18:04."
        assert parts[-1] == {"type": "finish"}
        return
    *_, completed = read_events([body])
    assert isinstance(completed, Completed)
    assert (completed.completion.text, completed.completion.reasoning) == (
        "High tide is at 18:04.",
        "By the moon.",
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_piece_comes_before_the_end_and_leaving_ends_the_answer(name: str, tmp_path: Path) -> None:
    """The model's server waits with the rest, and sees that its client left."""

    def answer(peer: Peer) -> None:
        peer.send(head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
        piece = chunked(body_of(delta("High tide ")), end=False)
        peer.send(piece)
        if name not in ("flask", "django wsgi"):
            peer.hang()
            return
        try:
            peer.drip(piece, 0.05)  # a WSGI server notices at the next piece
        except OSError:
            peer.server.left.set()

    with FaultServer(answer) as server, running(name, server.url, tmp_path) as port:
        connection, reply = _post(port, name)
        read = b""
        while b"High tide " not in read:
            read += reply.read1(4096)
        reply.close()
        connection.close()
        assert server.left.wait(30)


ASK_GRADIO = """
import sys
from gradio_client import Client
own = Client(sys.argv[1], verbose=False)
for _ in range(2):
    shown = list(own.submit("When?", api_name="/answer"))
    print(len(shown), [(m["content"], (m["metadata"] or {}).get("title")) for m in shown[-1]])
"""


def test_the_gradio_page_shows_reasoning_and_text(tmp_path: Path) -> None:
    """Asked through Gradio's own client, twice: the fold isn't a part of the conversation."""
    answered = FaultServer(lambda peer: peer.send(ok(ANSWER)))
    with answered as server, running("gradio", server.url, tmp_path) as port:
        done = subprocess.run(
            [sys.executable, "-c", ASK_GRADIO, f"http://127.0.0.1:{port}"],
            env=_environment(server.url, tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    shown = "3 [('By the moon.', 'Reasoning'), ('High tide is at 18:04.', None)]"
    assert done.stdout.strip().splitlines()[-2:] == [shown, shown], done.stderr
    texts = [message["content"] for message in json.loads(server.asked[-1].body)["messages"]]
    assert texts == ["When?", "High tide is at 18:04.", "When?"]


RUN_STREAMLIT = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=30).run()
for _ in range(2):
    app.chat_input[0].set_value("When?").run()
print([[m.value for m in message.markdown] for message in app.chat_message])
"""


def test_the_streamlit_page_keeps_its_conversation(gateway: ReplayServer, tmp_path: Path) -> None:
    """A prompt and its answer are on the page, and the next ones follow."""
    _program("streamlit", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN_STREAMLIT, str(tmp_path / "page.py")],
        env=_environment(gateway.url, tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.stdout.splitlines()[-1:] == [str([["When?"], ["High tide is at 18:04."]] * 2)], done.stderr


# Asks as the page does, twice: once its message is kept, the answer streams until Stop.
STOP_GRADIO = """
import json, sys, urllib.request
root = sys.argv[1]
def post(path, body):
    data = json.dumps({"session_hash": "s", **body}).encode()
    request = urllib.request.Request(f"{root}/gradio_api/{path}", data, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))
def messages():
    with urllib.request.urlopen(f"{root}/gradio_api/queue/data?session_hash=s", timeout=60) as lines:
        yield from (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))
functions = json.load(urllib.request.urlopen(f"{root}/config", timeout=60))["dependencies"]
stop = next(each for each in functions if each["cancels"])
answer = next(each["id"] for each in functions if each["id"] in stop["cancels"])
keep = next(each["id"] for each in functions if each["api_name"] == "_clear_and_save_textbox")
post("queue/join", {"fn_index": keep, "data": ["When?"]})
list(messages())
event = post("queue/join", {"fn_index": answer, "data": [None, []]})["event_id"]
for message in messages():
    if message["msg"] == "process_generating":
        break
print(post("cancel", {"fn_index": answer, "event_id": event}))
"""


def _silent(peer: Peer) -> None:
    """Send a piece of text, and nothing more until the client leaves."""
    peer.send(head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
    peer.send(chunked(body_of(delta("High tide ")), end=False))
    peer.hang()


def test_stop_ends_an_answer_of_gradio_while_the_model_is_silent(tmp_path: Path) -> None:
    """Gradio can't stop a function that waits: its button did nothing until the model spoke."""
    with FaultServer(_silent) as server, running("gradio", server.url, tmp_path) as port:
        done = subprocess.run(
            [sys.executable, "-c", STOP_GRADIO, f"http://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.stdout.strip() == "{'success': True}", done.stderr
        assert server.left.wait(30)


# AppTest runs the page in a thread, as the server does, and keeps no reference to its runner.
STOP_STREAMLIT = """
import sys, threading, time
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner
runners = []
class Runner(LocalScriptRunner):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        runners.append(self)
import streamlit.testing.v1.app_test as app_test
app_test.LocalScriptRunner = Runner
app = AppTest.from_file(sys.argv[1], default_timeout=60).run()
def stop():
    while "High tide" not in str([runner.forward_msgs() for runner in runners]):
        time.sleep(0.05)
    runners[-1].request_stop()
threading.Thread(target=stop, daemon=True).start()
app.chat_input[0].set_value("When?").run()
app.run()
print([[m.value for m in message.markdown] for message in app.chat_message])
"""


def test_stop_ends_an_answer_of_streamlit_while_the_model_is_silent(tmp_path: Path) -> None:
    """What had arrived stays on the page, and in the conversation."""
    _program("streamlit", tmp_path)
    with FaultServer(_silent) as server:
        done = subprocess.run(
            [sys.executable, "-c", STOP_STREAMLIT, str(tmp_path / "page.py")],
            env=_environment(server.url, tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert server.left.wait(30)
    assert done.stdout.splitlines()[-1:] == [str([["When?"], ["High tide"]])], done.stderr
