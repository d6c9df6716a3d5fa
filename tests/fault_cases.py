"""A fault case: one behavior of a server, and the result that the client must have.

A case has a script for the fault server, `Completed` or one class of error, the text that arrives, and
facts (attributes of the error, the number of requests). `run` returns the outcome; `write_table` yields
docs/wire-cases.md. The cases are in fault_cases_bodies.py, _replies.py and _time.py.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

import streamkit
from streamkit.client import Client
from streamkit.request.options import RetryPolicy, Timeouts

from .faultserver import TLS, FaultServer, Peer, delta, head, sse

SHORT = 0.4  # seconds; the timeout in cases that test timeouts
LONGER = 1.0  # seconds; a timeout that also covers the time until the text arrives
SHOWN = 40  # characters of a text in the page
QUICK = Timeouts(connect=20, first_event=LONGER, idle=LONGER)
PATIENT = Timeouts(connect=20, first_event=20, idle=20)  # for all others: a busy machine must not fail a case
HOSTILE = "Hostile servers"
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
GZIPPED = head("200 OK", "Transfer-Encoding: chunked", "Content-Encoding: gzip")
CLOSING = head("200 OK", "Connection: close")
FINISHED = sse(delta("Hello"), delta(finish="stop"))
HEL = sse(delta("Hel"))


@dataclass(frozen=True)
class Case:
    """One behavior of a server. `group` is its heading on the page."""

    group: str
    name: str
    script: Callable[[Peer], None] = field(repr=False)
    ends: str = "Completed"
    text: str = "Hello"
    facts: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Timeouts = PATIENT
    retries: int = 0
    tls: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


@dataclass(frozen=True)
class Outcome:
    """The result of a case: class, text of the answer or of `.partial`, error, number of requests."""

    ends: str
    text: str
    error: BaseException | None
    requests: int
    seconds: float


def run(case: Case) -> Outcome:
    """Stream once, with a new fault server and a new client."""
    with FaultServer(case.script, tls=case.tls) as server:
        client = Client(
            "openai",
            api_key="sk-of-the-wire-cases",
            base_url=server.url,
            timeouts=case.timeouts,
            retry=RetryPolicy(max_retries=case.retries),
            session=_trusting_session() if case.tls else None,
        )
        began = time.monotonic()
        stream = client.stream("hi", model="m")
        error: BaseException | None = None
        try:
            text = stream.result().text
        except Exception as exc:  # noqa: BLE001 - a foreign exception fails the case
            error = exc
            partial = getattr(exc, "partial", None)
            text = partial.text if partial is not None else "(no .partial)"
        seconds = time.monotonic() - began
        stream.close()
        client.close()
        return Outcome(
            type(error).__name__ if error else "Completed", text, error, len(server.asked), seconds
        )


def _trusting_session() -> Any:
    session = requests.Session()
    session.verify = str(TLS / "cert.pem")
    return session


def run_all(cases: list[Case]) -> dict[str, Outcome]:
    """Return all outcomes by case name. Twelve cases run at a time, because most of them only wait.

    Hostile servers keep the CPU busy, so they run after the cases that measure time.
    """
    outcomes = {}
    for hostile, at_once in ((False, 12), (True, 2)):
        chosen = [c for c in cases if (c.group == HOSTILE) is hostile]
        with ThreadPoolExecutor(at_once) as pool:
            outcomes |= zip([c.name for c in chosen], pool.map(run, chosen), strict=True)
    return outcomes


CASES: list[Case] = []
RULES = {  # by group: the rule that its cases show
    "Framing": """\
If the body is complete, the stream completes. It doesn't matter how the server frames, compresses or
encrypts the body, or where the network splits it.""",
    "Event streams": """\
If one frame isn't JSON, it becomes a `BadFrame` event and the stream goes on. If a byte isn't UTF-8, it is
replaced by U+FFFD. If the Content-Type is wrong or missing, the body itself decides.""",
    "Endings": """\
When a finish reason or `[DONE]` arrives, the answer is complete, even if the connection fails afterwards. If
the socket stays open after a finish reason, streamkit waits 2 seconds for more, or 10 if the finish reason is
`tool_calls` or arrives together with output. If the body ends before
either of them, the stream raises an error.""",
    "Broken HTTP": """\
If the reply isn't valid HTTP or gzip, the stream raises `APIConnectionError`; if text arrived before the
fault, it is in `.partial`.""",
    "Replies that aren't streams": """\
If a reply with a success status isn't an event stream, the error quotes the body. If the body is a JSON
error, the stream raises the same class as for an error status.""",
    "Errors by status": """\
When the server answers with an error status, the status selects the class. If the body has a known format,
its message becomes the error's message. If the body quotes the API key, the key is masked.""",
    "Errors inside a stream": """\
If an error arrives after text, the stream raises it, and `.partial` contains the text.""",
    "Retries": """\
If an attempt fails before any output, it is retried unless the failure is permanent. When output has
arrived, the error is raised instead. If the server asks for a wait longer than `max_wait`, the error is
raised at once, with `.retry_after`.""",
    "Redirects": """\
A redirect is followed only if it stays on the same host and port, and at most five times. The key is never
sent to another host.""",
    "Timeouts": """\
When no data event arrives in time, the stream raises `APITimeoutError`. Header bytes, comments and parts of
an event don't reset the timeout, unless it is `bytes`. If events keep arriving, only `deadline` can fire.""",
    HOSTILE: """\
If a server never stops sending, a limit on size or count ends the stream, and memory stays bounded.""",
}


def case(group: str, name: str, ends: str = "Completed", text: str = "Hello", **options: Any) -> Any:
    """Register the function below as the script of a case."""

    def register(script: Callable[[Peer], None]) -> Callable[[Peer], None]:
        fields = {key: options.pop(key) for key in ("timeouts", "retries", "tls") if key in options}
        CASES.append(Case(group, name, script, ends, text, options, **fields))
        return script

    return register


def sends(
    group: str, name: str, *parts: bytes, then: str = "", ends: str = "Completed", **options: Any
) -> None:
    """Register a case that sends *parts*, then calls the method *then* of the peer (close, reset, hang)."""

    def script(peer: Peer) -> None:
        peer.send(*parts)
        if then:
            getattr(peer, then)()

    case(group, name, ends, **options)(script)


def gz(*parts: bytes) -> list[bytes]:
    """Compress *parts* into one gzip body, flushed after each part."""
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    return [*(z.compress(p) + z.flush(zlib.Z_SYNC_FLUSH) for p in parts), z.flush()]


CUT: dict[str, Any] = {"text": "Hel"}  # the part of "Hello" that arrived
NOTHING: dict[str, Any] = {"text": ""}


def write_table(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the page, line by line."""
    yield "# Wire cases\n"
    yield "Each row is one server behavior and the result that the client gets: `Completed`, or an error and"
    yield "its message. `text` is the answer, or the text of `.partial` if the stream raised an error."
    yield f"Timeouts are {SHORT} s if the case tests one, or {LONGER:g} s if the row says so. Retries are off"
    yield "unless the case tests them.\n"
    yield "`python -m tests.fault_cases_page` writes this page; `tests/test_fault_cases.py` checks the cases"
    yield "and that each one has a row.\n"
    yield f"{len(CASES)} cases; the slowest took {max(o.seconds for o in outcomes.values()):.1f} s.\n"
    for group in dict.fromkeys(c.group for c in CASES):
        yield f"## {group}\n\n{RULES[group]}\n"
        yield "| case | result | text | requests | seconds |\n|---|---|---|--:|--:|"
        for c in CASES:
            if c.group == group:
                yield _row(c, outcomes[c.name])
        yield ""


def _row(c: Case, outcome: Outcome) -> str:
    message = re.sub(r":\d{4,5}", ":PORT", str(outcome.error or "")).replace("|", "\\|").replace("\n", " ")
    message = re.sub(
        r"\d+ bytes had arrived in \d+ reads and [\d.]+ s", "N bytes had arrived in N reads and N s", message
    )
    message = f": {message[:110]}" if message else ""
    more = len(outcome.text) - SHOWN
    rest = f" and {more} more" if more > 0 else ""
    shown = f"{outcome.text[:SHOWN]!r}{rest}" if outcome.text else ""
    return f"| {c.name} | `{outcome.ends}`{message} | {shown} | {outcome.requests} | {outcome.seconds:.1f} |"


def problems(c: Case, outcome: Outcome) -> list[str]:
    """Return the differences between the outcome and the case; empty if there are none."""
    expected = {"ends": c.ends, "text": c.text, **c.facts}
    got = {"ends": outcome.ends, "text": outcome.text, "requests": outcome.requests}
    for name in c.facts:
        if name not in got:
            got[name] = getattr(outcome.error, name, None)
    found = [
        f"{name}: {got[name]!r}, not {value!r}" for name, value in expected.items() if got[name] != value
    ]
    if outcome.error is not None and not isinstance(outcome.error, streamkit.StreamkitError):
        found.append(f"a foreign exception: {outcome.error!r}")
    return found
