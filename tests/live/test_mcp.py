"""An agent with the tools of two MCP servers, one a process and one over HTTP, and llama.cpp as its model."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit import FunctionCallOutput, ToolFinished, agent
from streamkit.integrations.mcp import tools_of

from .conftest import client_of
from .servers import Server, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
TOOLS = str(Path(__file__).with_name("mcp_tools.py"))


@pytest.fixture
def time_server() -> Iterator[str]:
    """The address of the server of the time."""
    pytest.importorskip("mcp", reason="needs the extra mcp")
    port = free_port()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, TOOLS, "time", str(port)], stdout=quiet, stderr=quiet) as process:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
        process.terminate()


@pytest.mark.parametrize("wire", ["chat", "responses", "messages"])
def test_an_agent_uses_the_tools_of_two_servers(llama: Server, time_server: str, wire: str) -> None:
    """The model calls a tool of one server, gets its output, calls one of the other, and answers."""
    with tools_of(sys.executable, TOOLS, "weather") as one, tools_of(url=time_server) as two:
        run = agent.run(
            client_of(llama, wire=wire), "tools in turn", [*one, *two], model="tiny", max_tokens=400
        )
        finished = [event for event in run if isinstance(event, ToolFinished)]
        result = run.result()
    assert [event.error for event in finished] == [None, None]
    outputs = [item.output for item in result.conversation if isinstance(item, FunctionCallOutput)]
    assert outputs == ["3 sunny days in Zürich 東京", "noon in UTC"]
    assert (result.turns, result.calls) == (3, 2)
    assert result.text.strip()
