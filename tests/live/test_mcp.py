"""An agent with the tools of two MCP servers, one a process and one over HTTP, and llama.cpp as its model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit import FunctionCallOutput, ToolFinished, agent
from streamkit.integrations.mcp import tools_of
from tests.mcp_servers.running import http_server

from .conftest import client_of
from .servers import Server

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
TOOLS = str(Path(__file__).parents[1] / "mcp_servers" / "two.py")


@pytest.fixture
def time_server() -> Iterator[str]:
    """The address of the server of the time."""
    with http_server(TOOLS, "time") as (url, _):
        yield url


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
