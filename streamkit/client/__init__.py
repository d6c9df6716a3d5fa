"""`Client`: the caller's arguments in, a `Stream` out, which sends the request when it is read.

Rules: this file never touches the network. A wrong request (no key, no address, a bad parameter) raises
`UsageError` here, before anything is sent. Later sources override earlier ones: profile, its environment
variables, the client's headers and query, those of the call. Keys are read again for every attempt.
"""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._checks import FLAG, FUNCTION, HEADERS, KEY, PATH, QUERY, SIZE, TEXT, TIMES, Kind, check, optional
from .._lazy import lazy
from ..completion import Completion
from ..errors import UsageError
from ..http.clocks import Watch
from ..http.secrets import hidden
from ..profiles import find_profile
from ..profiles.profile import Profile
from ..request import Request
from ..request.options import (
    Limits,
    RetryPolicy,
    Timeouts,
    Tool,
    as_limits,
    as_retry_policy,
    as_timeouts,
)
from ..request.params import Params, check_params
from ..wires import find_wire
from ..wires.prepare import PreparedRequest, prepare
from .complete import complete, may_repeat
from .endpoint import Endpoint
from .observers import Observation, Observer, Operation
from .options import AppInfo, StreamOptions
from .outgoing import Outgoing
from .pace import Pace
from .prices import Prices
from .run import MAX_BODY, Run
from .stream import Stream

if TYPE_CHECKING:
    import requests
    from typing_extensions import Unpack

    from ..http.messages import Reply, Transport
    from ..jobs.batches import Batches
    from ..jobs.map import MapRun
    from ..recordings.cache import Cache


_APP = optional(Kind("an AppInfo", lambda value: isinstance(value, AppInfo), "pass AppInfo(title=, url=)"))
_SESSION = optional(
    Kind(
        "a requests.Session",
        lambda value: hasattr(value, "get_adapter") and not isinstance(value, type),
        "pass requests.Session()",
    )
)
_TRANSPORT = optional(
    Kind(
        "a transport",
        lambda value: callable(getattr(value, "open", None)) and not isinstance(value, type | os.PathLike),
        "pass an object with open(call, watch)",
    )
)
_PREPARED = Kind(
    "a prepared request", lambda value: isinstance(value, PreparedRequest), "pass client.prepare(...)"
)
_PACE = optional(Kind("a Pace", lambda value: isinstance(value, Pace), "pass client.new_pace(limits)"))
_OBSERVERS = Kind(
    "a list of observers",
    lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
    "pass [observer]",
)
_RECORD = optional(PATH)


class Client:
    """A gateway, your key, timeouts and retries. Cheap to create; threads can share it; it pickles.

    *profile* is a name (`streamkit.PROFILES`) or a `Profile`. *api_key* is a string, or a function that is
    called once for every attempt; without it, the profile's environment variable is read. *session* is a
    `requests.Session` of your own, which stays unchanged; without it, each thread and each forked process
    gets its own. In tests, *transport* replaces the network. Every observer is called for each step of
    each stream (see observers.py). *prices* computes the cost of an answer if the server sends none; see
    prices.py, and `genai_prices` there. *max_body* is the limit of one answer in bytes, 256 MiB by default;
    the stream raises `BadFrameError` beyond it. *model* and *params* are the defaults of every stream.

    *limits* are your own; the server's are learned from its headers and refusals. Together they pace the
    requests of all threads: a request waits until it may be sent. *cache* is a file that keeps answers and
    gives them again for the same request, while you develop; see `Cache`.

    Raises `UsageError` for an unknown profile or wire, and for an argument of a wrong type.
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
        limits: Limits | None = None,
        cache: Cache | str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        app: AppInfo | None = None,
        session: requests.Session | None = None,
        transport: Transport | None = None,
        observers: Iterable[Observer] = (),
        prices: Prices | None = None,
        max_body: int = MAX_BODY,
        model: str | None = None,
        **params: Unpack[Params],
    ) -> None:
        self.profile = find_profile(profile)
        self.profile = self.profile.on(self.profile.wire if wire is None else find_wire(wire).name)
        for name, value, kind in (
            ("api_key", api_key, KEY),
            ("base_url", base_url, TEXT),
            ("headers", headers, HEADERS),
            ("query", query, QUERY),
            ("app", app, _APP),
            ("observers", observers, _OBSERVERS),
            ("session", session, _SESSION),
            ("transport", transport, _TRANSPORT),
            ("prices", prices, optional(FUNCTION)),
            ("max_body", max_body, SIZE),
        ):
            check(name, value, kind)
        self.timeouts = as_timeouts(timeouts, Timeouts())
        self.retry = as_retry_policy(retry, RetryPolicy())
        self.limits = as_limits(limits, Limits())
        self._prices = prices
        self._max_body = max_body
        self.pace = self.new_pace(self.limits)
        self._endpoint = Endpoint(
            self.profile,
            base_url,
            api_key,
            hidden({**(app.headers() if app else {}), **(headers or {})}),
            dict(query or {}),
            session,
        )
        if base_url:
            self._endpoint.base_url  # noqa: B018 - raises if it isn't a URL
        check("model", model, TEXT)
        check_params(params)  # a wrong default is an error of the client, not of a later call
        self._model, self._params = model, params
        self._begin()
        self._observers = tuple(observers)
        for position, observer in enumerate(self._observers):
            check(f"observers[{position}]", observer, FUNCTION)
        if transport is not None:
            self._transport = transport
        self._cache: Cache | None = None if cache is None else as_cache(cache)

    @property
    def base_url(self) -> str:
        """The address of the API's root. Raises `UsageError` if neither caller nor profile has one."""
        return self._endpoint.base_url

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The observers of every stream, and of every run of `agent.run`."""
        return self._observers

    @property
    def defaults(self) -> dict[str, Any]:
        """The model and the parameters of every stream that doesn't set its own."""
        return {"model": self._model, **self._params}

    def stream(
        self,
        input: Any,  # noqa: A002 - the Responses API's own word
        *,
        model: str | None = None,
        instructions: str | None = None,
        tools: Iterable[Tool] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str | None] | None = None,
        extra_query: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        strict: bool = False,
        record: str | os.PathLike[str] | None = None,
        resume: int = 0,
        **params: Unpack[Params],
    ) -> Stream:
        """Return the answer as a stream of events. The request is sent when you ask for the first event.

        *input* is a string, a list of items, or a list of chat messages as dicts. *params* are the API's
        parameters (temperature, max_tokens, response_format, ...). Those and *model* win over the client's;
        None takes a parameter away. *extra_body* is merged deeply over the body. A header of None in
        *extra_headers* removes that header. *record* names a file that receives the reply as it arrives,
        without keys and cookies; `streamkit.replay` reads it. *resume* is the number of times that the answer
        is continued after its connection broke, on servers that generate it without their client: the
        Responses API with `background=True`, and llama.cpp. No text arrives twice.

        Raises `UsageError` if the request is wrong. An error of the server is raised by the stream.
        """
        check("extra_headers", extra_headers, HEADERS)
        extra_headers = hidden(extra_headers or {})  # a traceback with locals shows them
        request = self.prepare(
            input, model=model, instructions=instructions, tools=tools, extra_body=extra_body, **params
        )
        return self.send(
            request,
            extra_headers=extra_headers,
            extra_query=extra_query,
            timeouts=timeouts,
            retry=retry,
            strict=strict,
            record=record,
            resume=resume,
        )

    def prepare(
        self,
        input: Any,  # noqa: A002
        *,
        model: str | None = None,
        instructions: str | None = None,
        tools: Iterable[Tool] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[Params],
    ) -> PreparedRequest:
        """Return the request that `stream` would send: `.body` is its JSON, `.report` lists changes.

        Takes the arguments of `stream`. Raises `UsageError` if the request is wrong.
        """
        model = self._model if model is None else model
        if model is None:
            raise UsageError("model: expected the name of a model, got None; pass model= here or to Client")
        asked = Request(
            input,
            model=model,
            instructions=instructions,
            tools=tools,
            params={**self._params, **params},
            extra_body=extra_body,
        )
        return prepare(asked, self.profile.wire, self.profile)

    def send(
        self,
        request: PreparedRequest,
        *,
        extra_headers: Mapping[str, str | None] | None = None,
        extra_query: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        strict: bool = False,
        record: str | os.PathLike[str] | None = None,
        resume: int = 0,
        idempotency_key: str | None = None,
        pace: Pace | None = None,
        use_cache: bool = True,
    ) -> Stream:
        """Return the answer to a request that `prepare` made, as a stream of events.

        A server that knows *idempotency_key* answers the same key once; by default, each stream has its own.
        *pace* replaces the client's own, and counts no failures. Without *use_cache*, the client's cache is
        neither read nor written. Raises `UsageError` if the request is wrong.
        """
        check("extra_headers", extra_headers, HEADERS)
        check("extra_query", extra_query, QUERY)
        check("record", record, _RECORD)
        check("request", request, _PREPARED)
        check("strict", strict, FLAG)
        check("idempotency_key", idempotency_key, TEXT)
        check("pace", pace, _PACE)
        extra_headers = hidden(extra_headers or {})
        clocks, policy = as_timeouts(timeouts, self.timeouts), as_retry_policy(retry, self.retry)
        outgoing = Outgoing(
            self._endpoint,
            request,
            headers=extra_headers,
            query=extra_query or {},
            idempotency_key=idempotency_key,
        )
        check("resume", resume, TIMES)
        if resume:
            outgoing.use_resume()
        outgoing.check()  # raises here if the key is missing
        transport = self._transport_in_use()
        if record is not None:
            transport = record_replies(transport, record)
        own_pace: Pace | None = pace or self.pace
        asked = request.request
        if self._cache is not None and use_cache and covers(asked, may_repeat=may_repeat(asked)):
            transport = self._cache.transport(transport, request.wire, asked.model)
            if not callable(self._endpoint.api_key) and self._cache.has(outgoing.call(), request.wire):
                own_pace = None  # nothing is sent
        run = Run(
            transport,
            outgoing.call,
            watch=Watch(clocks, now=time.monotonic, sleep=time.sleep),
            retry=policy,
            wire=request.wire,
            profile=self.profile,
            observation=Observation(self._operation(request, outgoing.url), self._observers),
            strict=strict,
            request=request,
            adapt=outgoing.adapt,
            locate=outgoing.locate,
            prices=self._prices,
            max_body=self._max_body,
            pace=own_pace,
            need=outgoing.need,
            failed=self.pace.failed if pace is None else None,
            resume=resume,
            new_position=outgoing.new_position,
            continue_at=outgoing.continue_at,
        )
        stream = Stream(run)
        with self._open_lock:
            self._open_streams.add(stream)
        return stream

    def complete(
        self,
        input: Any,  # noqa: A002
        *,
        model: str | None = None,
        tools: Iterable[Tool] | None = None,
        ask_again: int = 0,
        **options: Unpack[StreamOptions],
    ) -> Completion:
        """Return the whole answer. It is streamed too, so no timeout needs to cover all of it.

        Takes the arguments of `stream`. An answer that breaks off is asked for again, as often as the retry
        policy says, unless the server keeps the conversation or runs tools. If the answer doesn't fit
        `response_format`, the reasons go back to the model, at most *ask_again* times.

        Raises the errors of `stream` and of iterating over it; with *ask_again* also `AnswerError`.
        """
        policy = as_retry_policy(options.get("retry"), self.retry)
        every = {**options, "model": model, "tools": tools}
        return complete(self.stream, input, policy, ask_again, every, sleep=time.sleep, random=random.random)

    def map(
        self,
        rows: Iterable[Any],
        *,
        to_input: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        model: str | None = None,
        workers: int = 16,
        executor: Any = None,
        chunk: int = 25,
        journal: str | os.PathLike[str] | None = None,
        retry_failed: bool = False,
        limits: Limits | None = None,
        ordered: bool = False,
        attempts: int = 6,
        ask_again: int = 0,
        progress: bool = False,
        tools: Iterable[Tool] | None = None,
        **options: Unpack[StreamOptions],
    ) -> MapRun:
        """Return an iterator of an `Answer` for each row, as they complete; use it in a `with` block.

        A row is anything that `stream` takes, a `Request`, or any value with *to_input*, a function that
        returns the input for it. *key* is a function that returns a row's name in the *journal*, a file that
        receives every answer, so that a second run asks the rest only; equal keys are asked once. Rows that
        failed for a reason of their own are asked again with *retry_failed*. Rows are read
        when they are needed, at most twice *workers* ahead; *ordered* keeps their order.

        *attempts* is the number of requests for a row, those that a limit refused not counted. *limits* win
        over the client's. *executor* is a pool of processes or of a cluster: each task has *chunk* rows and
        *workers* threads; see docs/jobs.md. The other arguments are those of `stream`.

        Raises `UsageError` for a wrong argument and for the journal of another job. An error of a row is in
        its answer. The iterator raises `LimitError` if a budget is spent, and the server's error if it
        refuses every row.
        """
        run: MapRun = start_map(
            self,
            rows,
            to_input=to_input,
            key=key,
            workers=workers,
            executor=executor,
            chunk=chunk,
            journal=journal,
            retry_failed=retry_failed,
            limits=limits,
            ordered=ordered,
            attempts=attempts,
            ask_again=ask_again,
            progress=progress,
            options={**options, "model": model, "tools": tools},
        )
        return run

    @property
    def batches(self) -> Batches:
        """Jobs that the provider runs within a day, at half the price; see `Batches`."""
        batches: Batches = new_batches(self)
        return batches

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str | None] | None = None,
        features: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
    ) -> Reply:
        """Send a request to another path of the gateway, such as `/models`, and return its reply.

        The reply isn't read yet: read its `chunks`, and call its `close`. Retries follow the client's policy,
        or *retry*. The words of *features* join those of a header of the same name. Raises `APIError` for a
        reply without success, and the errors of a stream.
        """
        reply: Reply = send_request(
            self._transport_in_use(),
            lambda: self._endpoint.call(method, path, body, headers, features),
            Watch(as_timeouts(timeouts, self.timeouts), now=time.monotonic, sleep=time.sleep),
            as_retry_policy(retry, self.retry),
            random=random.random,
        )
        return reply

    def close(self, *, cancel: bool = False) -> None:
        """Close idle connections. You can use the client again; a session of your own stays open.

        With *cancel*, end every stream under way, in all threads: each raises `StreamCancelledError`, and so
        does a `complete` or `map` that waits for one. You can call it from a signal handler.
        """
        if cancel:
            self.cancel_all()
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

    def cancel_all(self) -> None:
        """Cancel every stream of this client that isn't over."""
        with self._open_lock:
            streams = list(self._open_streams)
        for stream in streams:
            stream.cancel()

    def new_pace(self, limits: Limits) -> Pace:
        """Return a pace of its own for a part of the client's work."""
        return Pace(limits, knows_cost=self.profile.usage_accounting or self._prices is not None)

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("_open_streams", "_open_lock")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def _begin(self) -> None:
        self._open_streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._open_lock = threading.RLock()  # a signal handler may cancel while its thread holds it

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


# requests takes most of the import time, so it is imported for the first stream that needs a network.
new_transport = lazy("http.transport:RequestsTransport")
send_request = lazy("client.requests:send_request")
record_replies = lazy("recordings.recorder:RecordingTransport")
as_cache = lazy("recordings.cache:as_cache")
covers = lazy("recordings.cache:covers")
start_map = lazy("jobs.map:start")
new_batches = lazy("jobs.batches:Batches")
