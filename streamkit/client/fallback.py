"""`Fallback`: several clients, of which the next one takes over if a request fails before its first output.

Rules: a client takes over only after an error that a retry may help, when the client before it has used up
its own retries. Each client builds its own body: its model, its parameters, its opaque state. After the first
output no other client is asked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._checks import Kind, check
from ..completion import Completion
from ..errors import UsageError
from ..request.inputs import as_items
from ..request.options import Tool, as_retry_policy, listed_tools
from .complete import complete
from .stream import Stream

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..profiles.profile import Profile
    from . import Client
    from .observers import Observer
    from .options import StreamOptions

_CLIENT = Kind("a Client", lambda value: callable(getattr(value, "stream", None)), "pass Client(...)")


class Fallback:
    """Clients in order of preference, used like one client.

        client = Fallback(Client("openai", model="gpt-5"), Client("anthropic", model="claude-sonnet-4-5"))

    Give each client its own model and parameters. Those of a call go to every client. `Retrying.source` names
    the profile that takes over; `stream.request` is the request that was sent last. If every client fails,
    the last error is raised, with the one before it as its `__cause__`. Observers are those of the first one.

    Raises `UsageError` without a client.
    """

    def __init__(self, *clients: Client) -> None:
        if not clients:
            raise UsageError("clients: expected at least one Client, got none; pass Fallback(first, second)")
        for position, client in enumerate(clients):
            check(f"clients[{position}]", client, _CLIENT)
        self.clients = clients

    @property
    def profile(self) -> Profile:
        """The profile of the first client, which speaks for all of them in traces."""
        return self.clients[0].profile

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The observers of the first client."""
        return self.clients[0].observers

    @property
    def defaults(self) -> dict[str, Any]:
        """The model and the parameters of the first client."""
        return self.clients[0].defaults

    def stream(
        self,
        input: Any,  # noqa: A002 - as in Client.stream
        *,
        model: str | None = None,
        tools: Iterable[Tool] | None = None,
        **options: Unpack[StreamOptions],
    ) -> Stream:
        """Return the answer of the first client that gives one; takes the arguments of `Client.stream`."""
        tools = listed_tools(tools)
        items = as_items(input)  # an iterator can be read only once
        first, *others = (c.stream(items, model=model, tools=tools, **options) for c in self.clients)
        first.add_fallbacks(others)
        return first

    def complete(
        self,
        input: Any,  # noqa: A002
        *,
        model: str | None = None,
        tools: Iterable[Tool] | None = None,
        ask_again: int = 0,
        **options: Unpack[StreamOptions],
    ) -> Completion:
        """Return the whole answer; takes the arguments of `Client.complete`."""
        policy = as_retry_policy(options.get("retry"), self.clients[0].retry)
        options_of_all: dict[str, Any] = {**options, "model": model, "tools": tools}
        return complete(
            self.stream, input, policy, ask_again, options_of_all, sleep=time.sleep, random=random.random
        )

    def close(self) -> None:
        """Close the idle connections of every client."""
        for client in self.clients:
            client.close()

    def __enter__(self) -> Fallback:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Fallback({', '.join(map(repr, self.clients))})"
