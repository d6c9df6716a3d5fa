"""Tools of MCP servers for `agent.run` and `client.stream`, from synchronous code; needs the extra `mcp`.

    with tools_of("uvx", "mcp-server-time") as tools:
        run(client, "What time is it in Oslo?", tools).result()

The names of the arguments and the form of *servers* are those of the `mcpServers` files that other programs
read. Rule: an error of a server is the call's output, with `is_error`; it doesn't end the run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, overload

from .._checks import HEADERS, Kind, check, optional
from ..errors import UsageError
from ..http.secrets import hidden
from ..request.options import ToolSpec, is_seconds
from ..tools import ToolFailure
from ..wires.tool_specs import sendable_name
from .mcp_results import output_of_result
from .mcp_servers import Connection, Host, Server

logger = logging.getLogger("streamkit.mcp")

_SECONDS = Kind("seconds above 0", is_seconds, "pass a number", is_number=True)
_BOOL = Kind("True or False", lambda value: isinstance(value, bool), "pass one of them")
_SERVERS = optional(
    Kind(
        "a mapping of names to servers",
        lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
        'pass {"name": {"command": ..., "args": [...]}} or {"name": {"url": ...}}',
    )
)
_PATH = optional(
    Kind("a path", lambda value: isinstance(value, str) or hasattr(value, "__fspath__"), "pass a string")
)
_COMMANDS = ("command", "args", "env", "cwd")
_URLS = ("url", "headers")
_IGNORED = ("type", "transport")  # programs write "stdio" or "http" there; the other keys say it, too


class McpTools(Sequence[ToolSpec]):
    """The tools of one or several servers, as a sequence of `ToolSpec`; a context manager.

    If two servers have a tool of the same name, both are called `SERVER_NAME`; `renamed` lists those, new
    name to (server, name). `instructions` has the text of each server that sent one.
    """

    def __init__(self, host: Host, *, prefix: bool) -> None:
        self._host = host
        found = [(connection, tool) for connection in host.connections for tool in connection.tools]
        names = _names([(connection.server.name, tool.name) for connection, tool in found], prefix=prefix)
        self._tools = tuple(_spec(host, *each, name) for each, name in zip(found, names, strict=True))
        self.renamed = {
            name: (connection.server.name, tool.name)
            for (connection, tool), name in zip(found, names, strict=True)
            if name != tool.name
        }
        self.instructions = {c.server.name: c.instructions for c in host.connections if c.instructions}
        if self.renamed and not prefix:
            logger.warning("tools of MCP servers have the same names; renamed: %s", ", ".join(self.renamed))

    @overload
    def __getitem__(self, index: int) -> ToolSpec: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ToolSpec]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._tools[index]

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[ToolSpec]:
        return iter(self._tools)

    def __repr__(self) -> str:
        return f"<McpTools {', '.join(tool.name for tool in self._tools)}>"

    def close(self) -> None:
        """End the calls, connections and processes. Later calls fail, and the model is told."""
        self._host.close()

    def __enter__(self) -> McpTools:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tools_of(
    *command: str,
    url: str | None = None,
    servers: Mapping[str, Mapping[str, Any]] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Any = None,
    headers: Mapping[str, str] | None = None,
    prefix: bool = False,
    timeout: float = 60,
    connect_timeout: float = 30,
) -> McpTools:
    """Connect to one server, or to several, and return their tools. Close them, or use `with`.

    One server is a *command* with its arguments, which is started and speaks on its standard streams, or the
    *url* of a streamable HTTP endpoint with *headers*. *servers* has several by name, each a mapping with
    `command`, `args`, `env`, `cwd`, or with `url`, `headers`. *env* is added to the few variables that a
    server inherits. With *prefix*, the name of every tool begins with that of its server.

    *timeout* is for each call and *connect_timeout* for connecting, both in seconds. A call that fails, is
    refused or takes longer is an output with `is_error`. So is one whose server died. If the run is
    cancelled, the server is told to stop. What a server logs is logged to `streamkit.mcp`, without keys.

    Raises `UsageError` for wrong arguments, a missing package or a command that can't be started,
    `APIConnectionError` if a server can't be reached or doesn't answer.
    """
    for name, value, kind in (
        ("timeout", timeout, _SECONDS),
        ("connect_timeout", connect_timeout, _SECONDS),
        ("prefix", prefix, _BOOL),
        ("servers", servers, _SERVERS),
    ):
        check(name, value, kind)
    one: dict[str, Any] = {"env": env, "cwd": cwd, "url": url, "headers": headers}
    given = {name: value for name, value in one.items() if value is not None}
    if command:
        given |= {"command": command[0], "args": command[1:]}
    if bool(given) == bool(servers):
        raise UsageError("tools_of: expected a command, url= or servers=; pass exactly one of them")
    described = servers or {_default_name(command, url): given}
    try:
        import mcp.client.client  # noqa: F401 - the extra may be missing, or too old
    except ImportError as exc:
        raise UsageError(
            "the package mcp isn't installed; install the extra mcp, in a clone with pip install '.[mcp]'"
        ) from exc
    all_servers = [_server(name, one) for name, one in described.items()]
    return McpTools(Host(all_servers, timeout=timeout, connect_timeout=connect_timeout), prefix=prefix)


def _default_name(command: Sequence[str], url: Any) -> str:
    return "server" if url is not None or not command else str(command[0]).rpartition("/")[2]


def _server(name: str, given: Any) -> Server:
    """Return a server from its description. Raises `UsageError` that names the key."""
    where = f"servers[{name!r:.40}]"
    if not isinstance(given, Mapping):
        raise UsageError(f"{where}: expected a mapping, got {type(given).__name__}; pass url or command")
    allowed = _URLS if "url" in given else _COMMANDS
    unknown = [key for key in given if key not in (*allowed, *_IGNORED)]
    if unknown:
        raise UsageError(f"{where}: expected {', '.join(allowed)}, got {str(unknown[0])!r:.40}; remove it")
    if "url" in given:
        check("url", given["url"], Kind("a URL", _is_url, "pass http://... or https://..."))
        check("headers", given.get("headers"), HEADERS)
        headers = hidden({k: v for k, v in (given.get("headers") or {}).items() if v is not None})
        _check_headers(headers)
        return Server(name, url=given["url"], headers={k: v for k, v in headers.items() if v is not None})
    command, args = given.get("command"), given.get("args", ())
    if command is None:
        raise UsageError(f"{where}: expected command or url, got neither; pass one")
    words: list[Any] = [command, *args] if isinstance(args, list | tuple) else [None]
    for word in words:
        if not isinstance(word, str) or not word or "\0" in word:
            raise UsageError(
                f"command: expected strings, got {type(word).__name__}; pass the program's words"
            )
    check("env", given.get("env"), HEADERS)
    check("cwd", given.get("cwd"), _PATH)
    env = {key: value for key, value in hidden(given.get("env") or {}).items() if value is not None}
    cwd = given.get("cwd")
    return Server(name, tuple(words), env, None if cwd is None else str(cwd))


def _check_headers(headers: Mapping[str, Any]) -> None:
    for name, value in headers.items():
        text = name + str(value)
        if any(char in text for char in "\r\n\0") or not text.isascii():
            raise UsageError(f"headers[{name!r:.40}]: expected one line of ASCII; strip the value")


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _names(found: Iterable[tuple[str, str]], *, prefix: bool) -> list[str]:
    """Return a name for each tool, so that no two are sent under the same one."""
    pairs = list(found)
    plain = [sendable_name(tool) for _, tool in pairs]
    names = [
        f"{server}_{tool}" if prefix or plain.count(sendable_name(tool)) > 1 else tool
        for server, tool in pairs
    ]
    taken: set[str] = set()
    for position, name in enumerate(names):
        number = 2
        while sendable_name(names[position]) in taken:
            names[position] = f"{name}_{number}"
            number += 1
        taken.add(sendable_name(names[position]))
    return names


def _spec(host: Host, connection: Connection, tool: Any, name: str) -> ToolSpec:
    def call(**arguments: Any) -> Any:
        result = host.call(connection, tool.name, arguments)
        output = output_of_result(result)
        if result.is_error:
            raise ToolFailure(output)
        return output

    return ToolSpec(name, tool.description or "", tool.input_schema, function=call)
