"""What the caller asks for -> a `Stream`, which will send it. Nothing here touches the network.

Rules: what is wrong with a request (no key, no address, a bad parameter) raises `UsageError` here, before
anything is sent. What is closer to the caller wins: profile, its environment variables, the client's own
headers and query, those of the call. Keys are read from the environment for every attempt anew.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen, validators

from .._lazy import lazy
from ..completion import Completion
from ..http.clocks import Watch
from ..profiles import find_profile
from ..profiles.profile import Profile
from ..request import Request
from ..request.options import RetryPolicy, Timeouts, Tool
from ..wires import find_wire
from ..wires.prepare import PreparedRequest, prepare
from .endpoint import Endpoint, Outgoing
from .observers import Observation, Observer, Operation
from .stream import Stream

if TYPE_CHECKING:
    import requests

    from ..http.messages import Transport


def _tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)  # attrs asks `inspect` for the signature of a built-in converter, for 5 ms


@frozen
class AppInfo:
    """How OpenRouter lists your application: its title, its URL, at most two categories."""

    title: str | None = None
    url: str | None = None
    categories: Sequence[str] = field(default=(), converter=_tuple, validator=validators.max_len(2))

    def headers(self) -> dict[str, str]:
        """The headers that say so."""
        named = {
            "X-OpenRouter-Title": self.title,
            "HTTP-Referer": self.url,
            "X-OpenRouter-Categories": ",".join(self.categories),
        }
        return {name: value for name, value in named.items() if value}


class Client:
    """A gateway, your key, and how patient to be. Cheap to make, safe to share and to pickle.

    *profile* is a name (`streamkit.PROFILES`) or a `Profile`. *api_key* is a string or a function that
    returns one, asked before every attempt; without it the profile's variable is read. *session* is a
    `requests.Session` of your own, used as it is; else each thread gets one, and a forked process new
    ones. *transport* replaces the network, in tests. *observers* are told what every stream does.
    """

    def __init__(
        self,
        profile: str | Profile = "openai",
        *,
        api_key: str | Callable[[], str] | None = None,
        base_url: str | None = None,
        wire: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        app: AppInfo | None = None,
        session: requests.Session | None = None,
        transport: Transport | None = None,
        observers: Iterable[Observer] = (),
    ) -> None:
        self.profile = find_profile(profile)
        if wire is not None:
            self.profile = evolve(self.profile, wire=find_wire(wire).name)
        self.timeouts = timeouts or Timeouts()
        self.retry = retry or RetryPolicy()
        self._endpoint = Endpoint(
            self.profile,
            base_url,
            api_key,
            {**(app.headers() if app else {}), **(headers or {})},
            dict(query or {}),
            session,
        )
        self._observers = tuple(observers)
        if transport is not None:
            self._transport = transport

    @property
    def base_url(self) -> str:
        """The address of the API's root. Raises `UsageError` if neither caller nor profile has one."""
        return self._endpoint.base_url

    def stream(
        self,
        input: Any,  # noqa: A002 - the Responses API's own word
        *,
        model: str,
        instructions: str | None = None,
        tools: Iterable[Tool] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str | None] | None = None,
        extra_query: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        strict: bool = False,
        record: str | os.PathLike[str] | None = None,
        **params: Any,
    ) -> Stream:
        """The answer as it arrives; the request goes out when its first event is asked for.

        *input* is a string, a list of items, or a list of chat messages as dicts. *params* are those of
        the API (temperature, max_tokens, response_format, ...), *extra_body* is merged deeply over the
        body. A header of None in *extra_headers* takes one away. *record* names a file to keep the reply in
        as it arrives, without keys and cookies: `streamkit.replay` reads it. Raises `UsageError`
        where the request cannot be made; what the server says is raised by the stream.
        """
        asked = Request(
            input,
            model=model,
            instructions=instructions,
            tools=tools,
            params=params,
            extra_body=extra_body,
        )
        request = prepare(asked, self.profile.wire, self.profile)
        outgoing = Outgoing(self._endpoint, request, headers=extra_headers or {}, query=extra_query or {})
        outgoing.call()  # a missing key raises here
        transport = self._transport_in_use()
        if record is not None:
            transport = record_replies(transport, record)
        return Stream(
            transport,
            outgoing.call,
            watch=Watch(timeouts or self.timeouts, now=time.monotonic, sleep=time.sleep),
            retry=retry or self.retry,
            wire=request.wire,
            profile=self.profile,
            strict=strict,
            request=request,
            random=random.random,
            observation=Observation(self._operation(request, outgoing.url), self._observers),
            adapt=outgoing.adapt,
        )

    def complete(self, input: Any, *, model: str, **options: Any) -> Completion:  # noqa: A002
        """The whole answer, streamed all the same: no clock has to allow for all of it at once.

        Takes what `stream` takes, and raises what iterating over it raises.
        """
        with self.stream(input, model=model, **options) as stream:
            return stream.result()

    def close(self) -> None:
        """Close idle connections. The client can be used again; a session of your own stays open."""
        close = getattr(self.__dict__.get("_transport"), "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        url = self._endpoint.shown_url
        where = f", base_url={url!r}" if url else ""
        key = ", api_key='***'" if self._endpoint.api_key else ""
        return f"Client({self.profile.name!r}{where}{key}, wire={self.profile.wire!r})"

    def _transport_in_use(self) -> Transport:
        if "_transport" not in self.__dict__:
            self.__dict__.setdefault("_transport", new_transport(self._endpoint.session))
        return self._transport

    def _operation(self, request: PreparedRequest, url: str) -> Operation:
        """Return the operation that observers see for this stream."""
        where = urlsplit(url)
        port = where.port or {"http": 80, "https": 443}.get(where.scheme)
        asked = request.request
        return Operation(request.wire, self.profile.name, asked.model, where.hostname, port, asked)


# requests is most of the cost of an import, so it waits for the first stream that needs a network.
new_transport = lazy("http.transport:RequestsTransport")
record_replies = lazy("recordings.recorder:RecordingTransport")
