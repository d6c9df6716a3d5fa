"""Tools of MCP servers: real servers in processes of their own, over standard streams and HTTP."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    Client,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    StreamCancelledError,
    ToolError,
    ToolFinished,
    UsageError,
)
from streamkit.agent import run
from streamkit.integrations.mcp import McpTools, tools_of
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tools import ToolFailure, call_tool, on_cancel, tool

from .mcp_servers.running import accepts, http_server, until

SERVER = str(Path(__file__).parent / "mcp_servers" / "server.py")
KEY = "sk-only-for-this-server-0123456789"
needs_mcp = pytest.mark.interop


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def stdio(**options: Any) -> McpTools:
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    return tools_of(sys.executable, SERVER, "stdio", **options)


def called(tools: McpTools, name: str, arguments: str = "{}") -> Any:
    return call_tool(next(tool for tool in tools if tool.name == name), FunctionCall("c", name, arguments))


def failure(tools: McpTools, name: str, arguments: str = "{}") -> str:
    """Return the output that the model would get for a failed call."""
    with pytest.raises(ToolError) as raised:
        called(tools, name, arguments)
    assert isinstance(raised.value.__cause__, ToolFailure)
    return str(raised.value.__cause__.output)


# -- what needs no server ------------------------------------------------------------------


def test_a_tool_chooses_the_output_of_a_failed_call() -> None:
    """The output of `ToolFailure` is sent as it is, with `is_error`, and not as the text of an exception."""

    @tool
    def look() -> None:
        raise ToolFailure([InputText("no light"), InputImage("data:image/png;base64,AA==")])

    answers = [chat_stream(FunctionCall("c1", "look", "{}")), chat_stream("Sorry.")]
    running = run(Client(transport=FakeTransport(*answers), api_key="k"), "hi", [look], model="m")
    conversation = running.result().conversation
    output = next(item for item in conversation if isinstance(item, FunctionCallOutput))
    assert output.is_error
    assert output.output == (InputText("no light"), InputImage("data:image/png;base64,AA=="))


def test_a_running_tool_is_told_that_its_run_was_cancelled() -> None:
    """`on_cancel` in a tool calls its function from the thread that cancels; then the run raises."""
    stopped, running_now = threading.Event(), threading.Event()

    @tool
    def wait() -> str:
        with on_cancel(stopped.set):
            running_now.set()
            assert stopped.wait(30)
        return "stopped"

    answers = [chat_stream(FunctionCall("c1", "wait", "{}")), chat_stream("unread")]
    running = run(Client(transport=FakeTransport(*answers), api_key="k"), "hi", [wait], model="m")
    canceller = threading.Thread(target=lambda: (running_now.wait(30), running.cancel()))
    canceller.start()
    with pytest.raises(StreamCancelledError):
        running.until_done()
    canceller.join()
    assert running.partial.calls == 1
    with on_cancel(stopped.clear):  # outside of a run
        assert stopped.is_set()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param({}, "tools_of", id="nothing"),
        pytest.param({"command": ("a",), "url": "http://x"}, "servers", id="both"),
        pytest.param({"url": "ftp://x"}, "url", id="scheme"),
        pytest.param({"url": 7}, "url", id="no text"),
        pytest.param(
            {"url": "http://x", "headers": {"A": f"{KEY}\n"}}, "headers", id="header with a newline"
        ),
        pytest.param({"command": (7,)}, "command", id="command of numbers"),
        pytest.param({"command": ("a",), "timeout": 0}, "timeout", id="no time"),
        pytest.param({"command": ("a",), "env": {"A": 1}}, "env", id="environment of numbers"),
        pytest.param({"command": ("a",), "cwd": 3}, "cwd", id="directory"),
        pytest.param({"servers": {"a": {"cmd": "x"}}}, "cmd", id="unknown key"),
        pytest.param({"servers": {"a": {}}}, "command", id="empty"),
        pytest.param({"servers": {"a": "x"}}, "servers", id="no mapping"),
        pytest.param({"servers": ["x"]}, "servers", id="a list"),
        pytest.param({"url": "http://x", "prefix": "yes"}, "prefix", id="prefix"),
    ],
)
@needs_mcp
def test_wrong_arguments_are_named(arguments: dict[str, Any], named: str) -> None:
    """Nothing is started, and no message contains a key."""
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    command = arguments.pop("command", ())
    with pytest.raises(UsageError, match=named) as raised:
        tools_of(*command, **arguments)
    assert KEY not in str(raised.value)


# -- a process ----------------------------------------------------------------------------


@needs_mcp
def test_a_process_has_tools_with_their_schemas_and_results() -> None:
    """Text is a string, and every other kind of content a part, in the order of the result."""
    with stdio() as tools:
        tide = next(tool for tool in tools if tool.name == "tide")
        assert (tide.description, tide.parameters["required"]) == ("The next tide.", ["port"])
        assert tools.instructions == {Path(sys.executable).name: "Ask for the tide."}
        assert called(tools, "tide", '{"port": "Brest", "days": 2}') == "Brest: high at 18:04, 2 day(s)"
        text, image = called(tools, "picture")
        assert (text.text, image.image_url[:32]) == ("one pixel", "data:image/png;base64,iVBORw0KGg")
        audio, notes, file, link = called(tools, "everything")
        assert audio == InputAudio("UklGRg==", "wav")
        assert "low at noon" in notes.text
        assert "file:///notes.txt" in notes.text
        assert file == InputFile("tide.pdf", file_data="data:application/pdf;base64,JVBERg==")
        assert "https://example.org/table" in link.text


@needs_mcp
def test_failures_are_outputs_for_the_model(caplog: pytest.LogCaptureFixture) -> None:
    """A tool's error, a timeout and the server's death are outputs; the key is in none, and in no log."""
    caplog.set_level(logging.DEBUG)
    with stdio(env={"SERVICE_API_KEY": KEY}, timeout=2) as tools:
        assert failure(tools, "fail", '{"why": "no such port"}').endswith("no such port")
        called(tools, "note")
        assert "no answer within 2 s" in failure(tools, "slow", '{"seconds": 30}')
        assert called(tools, "tide", '{"port": "Brest"}').startswith("Brest")  # the connection lives on
        with pytest.raises(UsageError, match="port"):
            called(tools, "tide", '{"days": 1}')  # the schema is checked here
        assert "connection ended" in failure(tools, "die")
        assert "connection ended" in failure(tools, "tide", '{"port": "Brest"}')
    until(lambda: "to stderr, with ***" in caplog.text)
    assert KEY not in caplog.text
    assert KEY not in repr(tools) + repr(vars(tools))


@needs_mcp
def test_closing_ends_the_process_and_the_calls_under_way() -> None:
    """A call in another thread fails, later ones do too, and no process stays."""
    tools = stdio(timeout=60)
    outputs: list[str] = []
    thread = threading.Thread(target=lambda: outputs.append(failure(tools, "slow", '{"seconds": 50}')))
    thread.start()
    until(lambda: bool(children()))
    tools.close()
    tools.close()
    thread.join()
    assert children() == []
    assert "MCP server" in outputs[0]
    assert "closed" in failure(tools, "tide", '{"port": "Brest"}')


def children() -> list[str]:
    """Return the test servers that are children of this process."""
    command = ["ps", "-ww", "-o", "args=", "--ppid", str(os.getpid())]  # -ww: lines of any length
    found = subprocess.run(command, capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if SERVER in line]


@needs_mcp
def test_dropping_the_tools_ends_the_process() -> None:
    """A single tool keeps the connection open; the last reference closes it."""
    tools = list(stdio())
    tide = next(tool for tool in tools if tool.name == "tide")
    del tools
    assert call_tool(tide, FunctionCall("c", "tide", '{"port": "Brest"}')).startswith("Brest")
    del tide
    import gc

    gc.collect()
    assert children() == []


@needs_mcp
def test_cancelling_a_run_cancels_the_call_on_the_server() -> None:
    """The run raises long before the tool would return."""
    answers = [chat_stream(FunctionCall("c1", "slow", '{"seconds": 50}')), chat_stream("unread")]
    with stdio() as tools:
        running = run(Client(transport=FakeTransport(*answers), api_key="k"), "hi", tools, model="m")
        began = threading.Event()

        def cancel() -> None:
            assert began.wait(30)
            time.sleep(0.5)
            running.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(StreamCancelledError):
            for _ in running:
                began.set()
        thread.join()


@needs_mcp
@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        pytest.param(["no-such-program-here"], UsageError, "can't start", id="no program"),
        pytest.param(
            [sys.executable, "-c", "import sys; sys.exit('no licence')"],
            APIConnectionError,
            "no licence",
            id="it ends at once",
        ),
        pytest.param(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            APIConnectionError,
            "no connection within 1 s",
            id="it says nothing",
        ),
    ],
)
def test_a_command_that_is_no_server_raises(command: list[str], error: type[Exception], words: str) -> None:
    """Connecting raises, with the process's last words, and leaves no process."""
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    with pytest.raises(error, match=words):
        tools_of(*command, connect_timeout=1 if "within" in words else 30)


# -- HTTP ----------------------------------------------------------------------------------


@needs_mcp
def test_http_with_a_key_that_no_message_contains(caplog: pytest.LogCaptureFixture) -> None:
    """The header opens the server; neither an error nor a log shows it, even if the server quotes it."""
    caplog.set_level(logging.DEBUG)
    bad = "sk-wrong-key-for-this-0123456789"
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        http_server(SERVER, "http", KEY) as (url, process),
        tools_of(url=f"{url}?token={KEY}", headers=headers) as tools,
    ):
        until(lambda: accepts(int(url.split(":")[2].split("/")[0])))
        assert called(tools, "tide", '{"port": "Brest"}').startswith("Brest")
        assert KEY not in repr(tools) + repr(tools._host.connections[0].server)
        process.kill()
        process.wait()
        assert "MCP server" in failure(tools, "tide", '{"port": "Brest"}')
    with http_server(SERVER, "http", KEY) as (url, _):
        with pytest.raises(APIConnectionError) as raised:
            tools_of(url=f"{url}?token={bad}", headers={"Authorization": f"Bearer {bad}"})
        assert bad not in f"{raised.value!r}{raised.value.__cause__!r}{raised.value.__context__!r}"
    assert bad not in caplog.text
    assert KEY not in caplog.text


@needs_mcp
def test_two_servers_with_the_same_tools() -> None:
    """Names that clash begin with the server's; each call reaches its own server, and a run uses both."""
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    process = {"command": sys.executable, "args": [SERVER, "stdio"]}
    answers = [
        chat_stream(
            FunctionCall("c1", "north_tide", '{"port": "Brest"}'),
            FunctionCall("c2", "south_fail", '{"why": "closed"}'),
        ),
        chat_stream("High at 18:04."),
    ]
    with (
        http_server(SERVER, "http") as (url, _),
        tools_of(servers={"north": process, "south": {"url": url}}) as tools,
    ):
        assert tools.renamed["north_tide"] == ("north", "tide")
        assert tools.renamed["south_tide"] == ("south", "tide")
        transport = FakeTransport(*answers)
        running = run(Client(transport=transport, api_key="k"), "When?", tools, model="m")
        finished = [event for event in running if isinstance(event, ToolFinished)]
        assert finished[0].output == "Brest: high at 18:04, 1 day(s)"
        assert str(finished[1].output).endswith("closed")
        assert [type(each.error) for each in finished] == [type(None), ToolFailure]
        assert running.result().text == "High at 18:04."
        sent = {each["function"]["name"] for each in transport.bodies[0]["tools"]}
        assert {"north_tide", "south_tide"} <= sent
