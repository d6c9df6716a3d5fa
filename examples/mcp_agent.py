"""Run an agent with the tools of two MCP servers, and print each step. Needs the extra mcp, but no key.

python examples/mcp_agent.py

Both servers are this file, once as a process and once over HTTP.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

from connection import connected, options

from streamkit import Client, FunctionCall, TextDelta, ToolFinished
from streamkit.agent import run
from streamkit.integrations.mcp import tools_of
from streamkit.testing import chat_stream

# The model calls one tool of each server, then answers.
ANSWERS = (
    chat_stream(
        FunctionCall("call_1", "tides_next_one", '{"place": "Brest"}'),
        FunctionCall("call_2", "trains_next_one", '{"place": "Brest"}'),
    ),
    chat_stream("Take the train at 17:20: high tide is at 18:04."),
)


def serve(kind: str, port: int = 0) -> None:
    """Run an MCP server: tides over standard streams, trains over HTTP."""
    from mcp.server.mcpserver import MCPServer

    server = MCPServer(kind)

    @server.tool()
    def next_one(place: str) -> str:
        """The next high tide, or the next train."""
        return f"18:04 at {place}" if kind == "tides" else f"17:20 to {place}"

    if kind == "tides":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=port)


def main() -> None:
    chosen = options(__doc__)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if find_spec("mcp") is None:
        sys.exit("the package mcp isn't installed; in a clone: pip install '.[mcp]'")
    quiet = subprocess.DEVNULL
    command = [sys.executable, __file__, "trains", str(port)]
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as trains:
        try:
            wait_for(port)
            with connected(chosen, *ANSWERS) as client:
                ask(client, port)
        finally:
            trains.terminate()


def ask(client: Client, port: int) -> None:
    servers: dict[str, dict[str, Any]] = {
        "tides": {"command": sys.executable, "args": [__file__, "tides"]},
        "trains": {"url": f"http://127.0.0.1:{port}/mcp"},
    }
    with tools_of(servers=servers) as tools:
        print("tools:", ", ".join(tool.name for tool in tools))
        for event in run(client, "When do I leave to see high tide in Brest?", tools):
            match event:
                case ToolFinished(call=call, output=output):
                    print(f"{call.name}({getattr(call, 'arguments', '')}) -> {output}")
                case TextDelta():
                    print(event.text, end="", flush=True)
    print()


def wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server didn't start")


if __name__ == "__main__":
    if sys.argv[1:2] in (["tides"], ["trains"]):
        serve(sys.argv[1], int((*sys.argv[2:], "0")[0]))
    else:
        main()
