"""An MCP server for tests, over the official SDK: `server.py stdio`, or `server.py http PORT [KEY]`."""

from __future__ import annotations

import base64
import os
import sys
import time
from typing import Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import AudioContent, BlobResourceContents, EmbeddedResource, ResourceLink, TextResourceContents

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
server = MCPServer(os.environ.get("SERVER_NAME", "tests"), instructions="Ask for the tide.")


@server.tool()
def tide(port: str, days: int = 1) -> str:
    """The next tide."""
    return f"{port}: high at 18:04, {days} day(s)"


@server.tool(structured_output=False)
def picture() -> list[Any]:
    """A text and a picture."""
    return ["one pixel", Image(data=PNG, format="png")]


@server.tool(structured_output=False)
def everything() -> list[Any]:
    """Every other kind of content."""
    text = TextResourceContents(uri="file:///notes.txt", text="low at noon", mime_type="text/plain")
    blob = BlobResourceContents(uri="file:///a/tide.pdf", blob="JVBERg==", mime_type="application/pdf")
    return [
        AudioContent(data="UklGRg==", mime_type="audio/wav"),
        EmbeddedResource(resource=text),
        EmbeddedResource(resource=blob),
        ResourceLink(name="table", uri="https://example.org/table"),
    ]


@server.tool()
def fail(why: str) -> str:
    """Raise."""
    raise ToolError(why)


@server.tool()
def secret() -> str:
    """Fail with the key."""
    raise ToolError(f"refused {os.environ.get('SERVICE_API_KEY')}")


@server.tool()
def slow(seconds: float) -> str:
    """Take a while."""
    print("slow has begun", file=sys.stderr, flush=True)
    time.sleep(seconds)
    return "done"


@server.tool()
def die() -> str:
    """End the process."""
    print("out of memory", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def note() -> str:
    """Log a line."""
    print(f"to stderr, with {os.environ.get('SERVICE_API_KEY')}", file=sys.stderr, flush=True)
    return "noted"


def main(how: str, *rest: str) -> None:
    if how == "stdio":
        server.run("stdio")
        return
    import uvicorn

    app = server.streamable_http_app()
    key = rest[1] if len(rest) > 1 else None

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if key and scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {key}".encode():
            body = f"bad key {headers.get(b'authorization', b'').decode()}".encode()
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        await app(scope, receive, send)

    uvicorn.run(guarded, host="127.0.0.1", port=int(rest[0]), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
