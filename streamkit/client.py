"""What the caller asks for -> a `Stream`, which will send it. Nothing here touches the network.

Rules: what is wrong with a request (no key, no address, a bad parameter) raises `UsageError` here, before
anything is sent. What is closer to the caller wins: profile, its environment variables, the client's own
headers and query, those of the call. Keys are read from the environment for every attempt anew.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from attrs import evolve, field, frozen, validators

from ._version import __version__
from .completion import Completion
from .errors import UsageError
from .observe import Observation, Observer, Operation
from .profiles import Profile, find_profile
from .request import PreparedRequest, Request, RetryPolicy, Timeouts, Tool
from .wires import find_wire
from .wires.building import prepare

if TYPE_CHECKING:
    import requests

    from .net.transport import Call, Transport
    from .stream import Stream


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
        wire: Literal["chat", "responses"] | None = None,
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
            find_wire(wire)
            self.profile = evolve(self.profile, wire=wire)
        self.timeouts = timeouts or Timeouts()
        self.retry = retry or RetryPolicy()
        self._api_key = api_key
        self._base_url = base_url
        self._headers = {**(app.headers() if app else {}), **(headers or {})}
        self._query = dict(query or {})
        self._session = session
        self._observers = tuple(observers)
        if transport is not None:
            self._transport = transport

    @property
    def base_url(self) -> str:
        """Where requests go. Raises `UsageError` where nobody says."""
        variable = self.profile.base_url_env
        url = self._base_url or (os.environ.get(variable) if variable else None) or self.profile.base_url
        if not url:
            hint = f"set {variable}, or pass base_url=" if variable else "pass base_url="
            raise UsageError(f"the profile {self.profile.name!r} has no address: {hint}")
        return url.strip()

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
        as it arrives, without keys and cookies: `streamkit.playback.replay` reads it. Raises `UsageError`
        where the request cannot be made; what the server says is raised by the stream.
        """
        from .net.watch import Watch
        from .stream import Stream

        asked = Request(
            input,
            model=model,
            instructions=instructions,
            tools=tools,
            params=params,
            extra_body=extra_body,
        )
        request = prepare(asked, self.profile.wire, self.profile)
        url, query = self._address(request)
        query |= {**self.profile.query, **self._query, **(extra_query or {})}

        calls = partial(self._calls, url, query, extra_headers or {})
        make_call = calls(request.body)
        make_call()  # a missing key shows now

        def plainer() -> Callable[[], Call]:
            request.report.dropped.append(
                "stream_options, which the gateway refuses; a profile with include_usage=False does not ask"
            )
            return calls({name: value for name, value in request.body.items() if name != "stream_options"})

        asked_for = {*params, *asked.extra_body} & {"stream_options", "include_usage"}
        is_ours = "stream_options" in request.body and not asked_for
        transport = self._transport_in_use()
        if record is not None:
            from .net.recorder import RecordingTransport

            transport = RecordingTransport(transport, record)
        return Stream(
            transport,
            make_call,
            watch=Watch(timeouts or self.timeouts, now=time.monotonic, sleep=time.sleep),
            retry=retry or self.retry,
            wire=request.wire,
            profile=self.profile,
            strict=strict,
            request=request,
            random=random.random,
            observation=Observation(self._operation(request, url), self._observers),
            plainer=plainer if is_ours else None,
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
        from .net.auth import redact_url

        where = f", base_url={redact_url(self._base_url)!r}" if self._base_url else ""
        key = ", api_key='***'" if self._api_key else ""
        return f"Client({self.profile.name!r}{where}{key}, wire={self.profile.wire!r})"

    # -- address, headers, key ------------------------------------------------------------

    def _calls(
        self,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str | None],
        body: Mapping[str, Any],
    ) -> Callable[[], Call]:
        """What makes the call of every attempt: the same body and idempotency key, the key as it is then."""
        encoded = _encode(body)
        # A server that knows the header bills once.
        headers = {"Idempotency-Key": f"streamkit-{uuid.uuid4()}", **headers}

        def make_call() -> Call:
            from .net.transport import Call

            plain, credentials = self._headers_for(headers)
            return Call(url, encoded, plain, credentials, query)

        return make_call

    def _transport_in_use(self) -> Transport:
        # requests is imported here, with the first stream: it is most of what importing us would cost.
        from .net.transport import RequestsTransport

        if "_transport" not in self.__dict__:
            self.__dict__.setdefault("_transport", RequestsTransport(self._session))
        return self._transport

    def _address(self, request: PreparedRequest) -> tuple[str, dict[str, str]]:
        """The URL to post to, and the query that its path brings along."""
        base, path = self.base_url.rstrip("/"), request.path
        if not urlsplit(base).path:
            path = self.profile.paths.get(request.wire, path)
        path, _, query = path.partition("?")
        path = path.lstrip("/").replace("{model}", quote(request.request.model, safe=""))
        return f"{base}/{path}", dict(parse_qsl(query))

    def _operation(self, request: PreparedRequest, url: str) -> Operation:
        """What observers are told the stream is."""
        where = urlsplit(url)
        port = where.port or {"http": 80, "https": 443}.get(where.scheme)
        asked = request.request
        return Operation(request.wire, self.profile.name, asked.model, where.hostname, port, asked)

    def _headers_for(self, extra: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, Any]]:
        """The headers of an attempt, the secret ones apart. Raises `UsageError` without a key."""
        from .net.auth import Secret, is_secret

        from_environment = {
            name: value
            for name, variable in self.profile.env_headers.items()
            if (value := os.environ.get(variable, "").strip())
        }
        merged: dict[str, tuple[str, str | None]] = {}
        layers: tuple[Mapping[str, str | None], ...] = (
            _STANDARD,
            self.profile.headers,
            from_environment,
            self._headers,
            extra,
        )
        for layer in layers:
            merged |= {name.lower(): (name, value) for name, value in layer.items()}
        given = {name: value for name, value in merged.values() if value is not None}
        credentials = {name: Secret(value) for name, value in given.items() if is_secret(name)}
        plain = {name: value for name, value in given.items() if name not in credentials}
        header = self.profile.key_header
        if header.lower() not in merged and (key := self._key(has_credentials=bool(credentials))):
            credentials[header] = Secret(self.profile.key_prefix + key)
        return plain, credentials

    def _key(self, *, has_credentials: bool) -> str | None:
        """The key for this attempt; None where none is needed. Raises `UsageError` where one is."""
        variable = self.profile.key_env
        key = self._api_key() if callable(self._api_key) else self._api_key
        key = (key or os.environ.get(variable or "", "")).strip()
        if key:
            if not (key.isascii() and key.isprintable()):
                raise UsageError(
                    "the API key holds characters that no header can carry; was it copied whole?"
                )
            return key
        if variable and self.profile.key_required and not has_credentials and not self._session_signs():
            raise UsageError(f"no API key for {self.profile.name!r}: set {variable}, or pass api_key=")
        return None

    def _session_signs(self) -> bool:
        return self._session is not None and self._session.auth is not None


_STANDARD = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # Compressed events wait in the compressor's buffer, and in some proxies for the end of the body.
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "User-Agent": f"streamkit/{__version__} python/{platform.python_version()}",
}


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"the request is no JSON: {exc}") from exc
