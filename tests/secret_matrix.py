"""A secret in every place of a request, and servers that quote it: the cells of a matrix.

`PLACES` are the options of a client and a call with `KEY` in one place. `PROVOCATIONS` are scripts of a
server. `shown` sends one request and returns every text that a person or a file could see.
"""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, quote_plus

import requests

from streamkit import PROFILES, Client, RetryPolicy, Timeouts
from streamkit.http.transport import RequestsTransport
from streamkit.recordings.recorder import RecordingTransport

from .faultserver import FaultServer, Peer, chunked, delta, head, ok, refusal, sse

KEY = "sk-Zq8.Xv3+Lm5=Tr7Wy2Pb9Kd4"  # its forms in a URL and in base64 differ
PATH_KEY = quote(KEY, safe="")


def forms(key: str = KEY) -> dict[str, str]:
    """Return the texts that would give the key away, by name."""
    return {
        "plain": key,
        "in a URL": quote(key, safe=""),
        "as a form": quote_plus(key),
        "base64": base64.b64encode(key.encode()).decode().rstrip("="),
        "login": base64.b64encode(f"me:{key}".encode()).decode(),
        "first 20": key[:20],
        "bearer": f"Bearer {key}",
        "escaped": json.dumps(key)[1:-1].replace("/", "\\/"),
        "html": html.escape(key),
        "split": key[:12] + "\n" + key[12:],
    }


def _session(**values: Any) -> requests.Session:
    session = requests.Session()
    for name, value in values.items():
        setattr(session, name, value)
    return session


def _with_header() -> requests.Session:
    session = requests.Session()
    session.headers["X-Mine"] = KEY
    return session


def _with_cookie() -> requests.Session:
    session = requests.Session()
    session.cookies.set("sid", KEY)
    return session


MCP = {"type": "mcp", "server_label": "s", "server_url": "https://mcp.invalid"}

# Options of the client, parameters of the call; "base" changes the address, "env" the environment.
PLACES: dict[str, dict[str, Any]] = {
    "api_key": {"client": {"api_key": KEY}},
    "variable": {"profile": "openai", "env": {"OPENAI_API_KEY": KEY}},
    "function": {"client": {"api_key": lambda: KEY}},
    "authorization header": {"client": {"headers": {"Authorization": f"Bearer {KEY}"}}},
    "header of any name": {"client": {"headers": {"X-Mine": KEY}}},
    "extra_headers": {"call": {"extra_headers": {"X-Other": KEY}}},
    "query": {"client": {"query": {"k": KEY}}},
    "extra_query": {"call": {"extra_query": {"q": KEY}}},
    "path of base_url": {"base": lambda url: f"{url}/{PATH_KEY}"},
    "login of base_url": {"base": lambda url: url.replace("//", f"//me:{PATH_KEY}@")},
    "proxy": {"proxy": True},
    "session headers": {"client": {"session": _with_header}},
    "session auth": {"client": {"session": lambda: _session(auth=("me", KEY))}},
    "session params": {"client": {"session": lambda: _session(params={"s": KEY})}},
    "session cookies": {"client": {"session": _with_cookie}},
    "netrc": {"netrc": True},
    "profile headers": {"headers": {"X-Profile": KEY}},
    "tool definition": {"body": {"tools": [{**MCP, "headers": {"X-Tool": KEY}}]}},
    "MCP authorization": {"body": {"tools": [{**MCP, "authorization": KEY}]}},
    "redirect": {"redirect": True},
}


def _quoted(peer: Peer) -> str:
    """Return words of a server that show every form of the key."""
    return " | ".join(forms().values())


def _body(peer: Peer) -> dict[str, Any]:
    return {"error": {"message": f"bad {_quoted(peer)}", "code": KEY, "type": KEY, "param": {KEY: [KEY]}}}


START = head("200 OK", "Transfer-Encoding: chunked", f"X-Echo: {KEY}", f"X-Request-Id: {KEY}")
HEL = chunked(sse(delta("Hel")), end=False)


def _refuses(status: str) -> Callable[[Peer], None]:
    return lambda peer: peer.send(refusal(status, _body(peer), f"X-Echo: {KEY}", f"X-Request-Id: {KEY}"))


def _page(peer: Peer) -> None:
    peer.send(refusal("500 No", f"<html><body><pre>{html.escape(_quoted(peer))}</pre></body></html>"))


def _sends(*parts: Any, end: str = "close") -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.send(START, *(chunked(part(peer), end=False) for part in parts))
        getattr(peer, end)()

    return script


# A status, a broken reply, a bad frame, an error in the stream, comments and news: all of them quote the key.
PROVOCATIONS: dict[str, Callable[[Peer], None]] = {
    "400": _refuses("400 No"),
    "401": _refuses("401 No"),
    "402": _refuses("402 No"),
    "403": _refuses("403 No"),
    "404": _refuses("404 No"),
    "413": _refuses("413 No"),
    "422": _refuses("422 No"),
    "429": _refuses("429 No"),
    "500, HTML": _page,
    "503": _refuses("503 No"),
    "529": _refuses("529 No"),
    "plain text under 200": lambda peer: peer.send(ok(_quoted(peer).encode(), "Content-Type: text/plain")),
    "cut": _sends(lambda peer: sse(delta("Hel"))),
    "reset": _sends(lambda peer: sse(delta("Hel")), end="reset"),
    "silence": _sends(lambda peer: sse(delta("Hel")), end="hang"),
    "bad frame": _sends(lambda peer: f"data: {{torn {_quoted(peer)}\n\n".encode()),
    "error in the stream": _sends(lambda peer: sse(_body(peer))),
    "comment": _sends(lambda peer: f": {' '.join(_quoted(peer).split())}\n\n".encode()),
    "news": _sends(lambda peer: sse({"news": _quoted(peer), "object": "x"})),
    "redirect to another host": lambda peer: peer.send(
        head("307 Go", f"Location: http://other.invalid/{PATH_KEY}?k={PATH_KEY}", "Content-Length: 0")
    ),
}


def shown(place: str, script: Callable[[Peer], None], folder: Path) -> dict[str, str]:
    """Send one request with the key in *place*; return what could be seen of it, by where."""
    how = PLACES[place]
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "urllib3", "requests", "streamkit")}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)

    def serve(peer: Peer) -> None:
        if how.get("redirect") and "again" not in peer.asked.path:
            peer.send(head("307 Go", f"Location: /v1/again?token={PATH_KEY}", "Content-Length: 0"))
        else:
            script(peer)

    environment = dict(how.get("env", {}))
    seen: dict[str, str] = {}
    try:
        with FaultServer(serve) as server:
            if how.get("netrc"):
                (folder / "netrc").write_text(f"machine 127.0.0.1 login me password {KEY}\n")
                environment["NETRC"] = str(folder / "netrc")
            if how.get("proxy"):
                environment |= {"HTTP_PROXY": f"http://me:{PATH_KEY}@127.0.0.1:{server.port}", "NO_PROXY": ""}
            with patch.dict("os.environ", environment):
                _ask(how, server, folder, seen)
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    seen["log"] = log.getvalue()
    return seen


def _ask(how: dict[str, Any], server: FaultServer, folder: Path, seen: dict[str, str]) -> None:
    options = {name: v() if name == "session" else v for name, v in how.get("client", {}).items()}
    url = how.get("base", lambda url: url)(server.url)
    profile: Any = how.get("profile", "generic")
    if "headers" in how:
        from attrs import evolve

        profile = evolve(PROFILES["generic"], headers=how["headers"])
    client = Client(
        profile,
        base_url="http://behind.invalid/v1" if how.get("proxy") else url,
        retry=RetryPolicy(max_retries=0),
        timeouts=Timeouts(connect=20, first_event=20, idle=0.1),
        transport=RecordingTransport(RequestsTransport(options.get("session")), folder / "it.jsonl"),
        **options,
    )
    extra = {"extra_body": how["body"]} if "body" in how else {}
    stream = client.stream("hi", model="m", **how.get("call", {}), **extra)
    events: list[Any] = []
    try:
        for event in stream:
            events.append(event)
    except Exception as exc:  # noqa: BLE001 - any error may leak
        seen |= {"error": f"{exc} {exc!r}", "facts": repr(vars(exc)), "cause": f"{exc.__cause__!r}"}
        told = traceback.TracebackException.from_exception(exc, capture_locals=True)
        seen["traceback"] = "".join(line for line in _lines(told) if "tests/secret_matrix" not in line)
        seen["pickled error"] = repr(pickle.dumps(exc))
    seen["events"] = repr(events)
    seen["raw"] = repr([event.raw for event in events])
    seen["pickled events"] = repr(pickle.dumps(events))
    seen["objects"] = f"{client!r} {stream!r} {stream.request!r} {stream.partial!r} {stream.headers}"
    seen["profile"] = repr(client.profile)
    seen["recording"] = (folder / "it.jsonl").read_text()


def _lines(told: traceback.TracebackException) -> list[str]:
    """Return the entries of a traceback and of all its causes, also of those that aren't printed."""
    lines = [f"{frame.filename} {frame.name} {frame.locals}\n" for frame in told.stack]
    for below in (told.__cause__, told.__context__):
        if below is not None:
            lines += [str(below), *_lines(below)]
    return lines


def leaks(seen: dict[str, str]) -> list[str]:
    """Return where a form of the key is visible."""
    found = []
    for where, text in seen.items():
        dense = "".join(text.replace("\\n", "").replace("\\\\n", "").split())
        for name, form in forms().items():
            if form in text or "".join(form.split()) in dense:
                found.append(f"{where}: {name}")
    return found
