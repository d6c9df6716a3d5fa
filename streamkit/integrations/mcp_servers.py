"""MCP servers, each connected by a task in one private thread: blocking calls in, results of the SDK out.

The SDK is asyncio. Its connections live in an event loop of their own in a daemon thread, and a call waits
for its result there. Rules: a connection is opened and closed by the same task, as anyio demands. Every wait
has a limit. No message contains a secret of a server: its headers, its environment, its address's query.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import field, frozen

from .._threads import start
from ..errors import APIConnectionError, StreamkitError, UsageError
from ..http.log_masking import masker, masking_logs
from ..http.secrets import is_secret, redact_url, secrets_in
from ..tools import ToolFailure, on_cancel

logger = logging.getLogger("streamkit.mcp")
_SPARE = 5.0  # seconds that the SDK gets to report its own timeout, before a wait in this file ends
_CLOSING = 10.0  # seconds; the SDK gives a process 2 s to end by itself, and 2 s after SIGTERM
_LEVELS = {"debug": 10, "info": 20, "notice": 20, "warning": 30, "error": 40}


@frozen
class Server:
    """A server: a command that speaks on its standard streams, or the URL of a streamable HTTP endpoint."""

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = field(default=None, repr=lambda url: repr(url and redact_url(url)))
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Return all values that no message may contain, the longest first."""
        found: set[str] = set()
        if self.url is not None:
            query = dict(parse_qsl(urlsplit(self.url).query))
            found |= {*secrets_in(self.url, self.headers, query), *self.headers.values()}
        found |= {value for name, value in self.env.items() if is_secret(name.replace("_", "-"))}
        return tuple(sorted((str(s) for s in found if len(s) > 3), key=len, reverse=True))

    def masked(self, text: str) -> str:
        """Return *text* without the secrets and the query of the address."""
        if self.url is not None:
            text = text.replace(self.url, redact_url(self.url))
        return masker(self.secrets())(text)


class Host:
    """The thread, its loop, and the connections. It closes when the last reference to it is dropped."""

    def __init__(self, servers: Sequence[Server], *, timeout: float, connect_timeout: float) -> None:
        self._pid = os.getpid()
        self.connections = [Connection(server, timeout) for server in servers]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_serve,
            args=(self._loop, [c.server for c in self.connections]),
            name="streamkit-mcp",
            daemon=True,
        )
        start(self._thread)
        self._end = weakref.finalize(self, _end, self._loop, self._thread, self.connections)
        try:
            self._open(connect_timeout)
        except BaseException:
            self.close()
            raise

    def _open(self, seconds: float) -> None:
        opened = [self._submit(connection.open(seconds)) for connection in self.connections]
        for future in opened:
            future.result(seconds + _SPARE)

    def call(self, connection: Connection, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return the result of the tool. Raises `ToolFailure` if there is none, with words for the model."""
        if os.getpid() != self._pid:
            raise ToolFailure(f"MCP server {connection.server.name!r}: not connected in a forked process")
        if not self._end.alive:
            raise ToolFailure(f"MCP server {connection.server.name!r}: the connection was closed")
        future = self._submit(connection.call(name, arguments))
        with on_cancel(lambda: future.cancel()):
            try:
                return future.result(connection.timeout + _SPARE)
            except BaseException as exc:  # noqa: BLE001 - KeyboardInterrupt cancels the call, too
                future.cancel()  # the SDK tells the server
                raise connection.failure(exc) from None

    def _submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            raise ToolFailure("MCP: the connection was closed") from None

    def close(self) -> None:
        """End all calls, the connections and the processes. Further calls do no more."""
        if os.getpid() == self._pid:
            self._end()
        else:
            self._end.detach()


def _serve(loop: asyncio.AbstractEventLoop, servers: Sequence[Server]) -> None:
    asyncio.set_event_loop(loop)
    try:
        with masking_logs(masker(secret for server in servers for secret in server.secrets())):
            loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread, connections: list[Connection]) -> None:
    async def close_all() -> None:
        await asyncio.gather(*(connection.close() for connection in connections))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    with contextlib.suppress(Exception):
        asyncio.run_coroutine_threadsafe(close_all(), loop).result(_CLOSING)
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(loop.stop)
    thread.join(_CLOSING)


class Connection:
    """One server. Its methods run in the thread of the loop, but for `failure`."""

    def __init__(self, server: Server, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self.tools: list[Any] = []
        self.instructions = ""
        self._client: Any = None
        self._task: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._last_words: list[str] = []

    async def open(self, seconds: float) -> None:
        """Connect, and list the tools. Raises the error of the connection as one of ours."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._live(ready))
        await asyncio.wait({ready}, timeout=seconds)
        if not ready.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_SPARE)
            where = f"MCP server {self.server.name!r}"
            raise APIConnectionError(f"{where}: no connection within {seconds:g} s{self._words()}")
        ready.result()

    async def _live(self, ready: asyncio.Future[None]) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._new_client(stack))
                self.instructions = client.instructions or ""
                self.tools = [tool async for tool in _listed(client)]
                self._client = client
                ready.set_result(None)
                await self._leave.wait()
        except BaseException as exc:  # noqa: BLE001 - the SDK raises groups of any errors
            if not ready.done():
                ready.set_exception(self._as_ours(exc))
        finally:
            self._client = None

    async def _new_client(self, stack: contextlib.AsyncExitStack) -> Any:
        import httpx2
        from mcp.client import Client
        from mcp.client.stdio import StdioServerParameters, stdio_client
        from mcp.client.streamable_http import streamable_http_client

        server = self.server
        if server.url is not None:
            clocks = httpx2.Timeout(30, read=max(self.timeout, 30) + _SPARE)
            http_client = httpx2.AsyncClient(headers=dict(server.headers), timeout=clocks)
            await stack.enter_async_context(http_client)
            transport = streamable_http_client(server.url, http_client=http_client)
        else:
            command, *args = server.command
            described = StdioServerParameters(
                command=command, args=args, env=dict(server.env), cwd=server.cwd
            )
            transport = stdio_client(described, errlog=stack.enter_context(_lines_to(self._note)))
        return Client(transport, read_timeout_seconds=self.timeout, logging_callback=self._log, cache=None)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        if self._client is None:
            raise ToolFailure(f"MCP server {self.server.name!r}: the connection ended")
        return await self._client.call_tool(name, dict(arguments))

    async def close(self) -> None:
        self._leave.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_CLOSING)

    # -- errors and logs ------------------------------------------------------------------

    def failure(self, error: BaseException) -> BaseException:
        """Return the error of a call in words for the model; one that isn't an `Exception`, unchanged."""
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        where = f"MCP server {self.server.name!r}"
        if isinstance(error, ToolFailure) or not isinstance(error, Exception | asyncio.CancelledError):
            return error
        code = error.code if isinstance(error, MCPError) else None
        if isinstance(error, TimeoutError | asyncio.TimeoutError) or code == REQUEST_TIMEOUT:
            return ToolFailure(f"{where}: no answer within {self.timeout:g} s")
        if isinstance(error, asyncio.CancelledError) or type(error).__name__ == "CancelledError":
            return ToolFailure(f"{where}: the call was cancelled")
        if code == CONNECTION_CLOSED:
            return ToolFailure(f"{where}: the connection ended during the call")
        words = str(error) if code is not None else f"{type(error).__name__}: {error}"
        return ToolFailure(self.server.masked(f"{where}: {words}"))

    def _as_ours(self, error: BaseException) -> StreamkitError:
        """Return the error of connecting. A command that isn't there is the caller's own error."""
        where = f"MCP server {self.server.name!r}"
        inner = next(_leaves(error))
        if isinstance(inner, FileNotFoundError | PermissionError | NotADirectoryError):
            command = self.server.masked(" ".join(self.server.command))
            return UsageError(f"{where}: can't start {command!r:.80}: {inner.strerror}; check its command")
        words = self.server.masked(f"{type(inner).__name__}: {inner}")
        return APIConnectionError(f"{where}: can't connect: {words}{self._words()}")

    def _words(self) -> str:
        """Return the last lines that the server wrote to its standard error, for a message."""
        return f"; its last words: {' / '.join(self._last_words)}" if self._last_words else ""

    def _note(self, line: str) -> None:
        text = self.server.masked(line)
        self._last_words = [*self._last_words[-2:], text[:200]]
        logger.info("%s: %s", self.server.name, text)

    async def _log(self, params: Any) -> None:
        level = _LEVELS.get(str(params.level), logging.CRITICAL)
        logger.log(level, "%s: %s", self.server.name, self.server.masked(str(params.data)))


async def _listed(client: Any) -> Any:
    """Yield the tools of all pages. A server that repeats a cursor has no further page."""
    seen: set[str | None] = set()
    cursor = None
    while cursor not in seen:
        seen.add(cursor)
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            yield tool
        cursor = page.next_cursor
        if cursor is None:
            return


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group of groups; the SDK's task groups wrap each error."""
    inside: Iterable[BaseException] | None = getattr(error, "exceptions", None)
    if inside is None:
        yield error
        return
    for each in inside:
        yield from _leaves(each)


@contextlib.contextmanager
def _lines_to(note: Callable[[str], None]) -> Iterator[Any]:
    """Yield a file for a process to write to, which passes each line on. A notebook's stderr is no file."""
    reading, writing = os.pipe()

    def read() -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                note(line.rstrip())

    thread = threading.Thread(target=read, name="streamkit-mcp-stderr", daemon=True)
    start(thread)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        yield file
