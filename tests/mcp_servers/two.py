"""An MCP server with one tool, for live/test_mcp.py. Needs the extra mcp.

python two.py weather        on its standard streams
python two.py time PORT      over HTTP
"""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer

KIND, *PORT = sys.argv[1:]
server = MCPServer(KIND)


def get_weather(city: str, days: int) -> str:
    """The weather in a city for some days."""
    return f"{days} sunny days in {city}"


def get_time(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


if KIND == "weather":
    server.tool()(get_weather)
    server.run("stdio")
else:
    server.tool()(get_time)
    server.run("streamable-http", host="127.0.0.1", port=int(PORT[0]))
