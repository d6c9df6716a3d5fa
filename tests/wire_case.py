"""A wire case: what a server does to a client, and the ending that it must have; cases are run, not read.

In goes a script for the fault server with `Completed` or one class of error, the text that had arrived,
and facts (an error's attributes, how many requests the server saw). Out comes what happened, and the
table of docs/wire-cases.md. The cases are in wire_cases_bodies.py, _replies.py and _time.py.
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

SHORT = 0.4  # seconds on the clocks of the cases that are about clocks
QUICK = Timeouts(connect=20, first_event=SHORT, idle=SHORT)
PATIENT = Timeouts(connect=20, first_event=20, idle=20)  # for all others: a busy machine is no fault
HOSTILE = "Hostile servers"
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
GZIPPED = head("200 OK", "Transfer-Encoding: chunked", "Content-Encoding: gzip")
CLOSING = head("200 OK", "Connection: close")
FINISHED = sse(delta("Hello"), delta(finish="stop"))
HEL = sse(delta("Hel"))


@dataclass(frozen=True)
class Case:
    """One thing that a server does. `group` is the heading it stands under in the table."""

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
    """How a case ended: the class, the text of the answer or of `.partial`, the error, the requests."""

    ends: str
    text: str
    error: BaseException | None
    requests: int
    seconds: float


def run(case: Case) -> Outcome:
    """Stream from a fault server of the case's own, with a client of its own."""
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
        except Exception as exc:  # noqa: BLE001 - a foreign one is what a case fails by
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
    """All outcomes by the case's name, a dozen at a time: most of the time is waiting.

    Floods are work, and come by themselves after the cases that are about time.
    """
    outcomes = {}
    for hostile, at_once in ((False, 12), (True, 2)):
        chosen = [c for c in cases if (c.group == HOSTILE) is hostile]
        with ThreadPoolExecutor(at_once) as pool:
            outcomes |= zip([c.name for c in chosen], pool.map(run, chosen), strict=True)
    return outcomes


CASES: list[Case] = []


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
    """Register a case that sends *parts* and then does nothing, or closes, resets or hangs."""

    def script(peer: Peer) -> None:
        peer.send(*parts)
        if then:
            getattr(peer, then)()

    case(group, name, ends, **options)(script)


def gz(*parts: bytes) -> list[bytes]:
    """*parts* as pieces of one gzip body, flushed after each."""
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    return [*(z.compress(p) + z.flush(zlib.Z_SYNC_FLUSH) for p in parts), z.flush()]


CUT: dict[str, Any] = {"text": "Hel"}  # what had come of "Hello"
NOTHING: dict[str, Any] = {"text": ""}


def write_table(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """The page, line by line."""
    yield "# Wire cases\n"
    yield "What a server does on the wire, and what streamkit makes of it. This page is written by running"
    yield "`python -m tests.wire_cases`; `tests/test_faults.py` holds each line to its promise. Clocks are"
    yield f"set to {SHORT} s where the case is about one, retries are off unless it is about them.\n"
    yield f"{len(CASES)} cases; the slowest took {max(o.seconds for o in outcomes.values()):.1f} s.\n"
    for group in dict.fromkeys(c.group for c in CASES):
        yield f"## {group}\n"
        yield "| the server | ends in | text | requests | seconds |\n|---|---|---|--:|--:|"
        for c in CASES:
            if c.group == group:
                yield _row(c, outcomes[c.name])
        yield ""


def _row(c: Case, outcome: Outcome) -> str:
    message = re.sub(r":\d{4,5}", ":PORT", str(outcome.error or "")).replace("|", "\\|").replace("\n", " ")
    message = re.sub(r"\d+ bytes had come in \d+ reads", "N bytes had come in N reads", message)
    message = f": {message[:110]}" if message else ""
    shown = repr(outcome.text) if outcome.text else ""
    return f"| {c.name} | `{outcome.ends}`{message} | {shown} | {outcome.requests} | {outcome.seconds:.1f} |"


def problems(c: Case, outcome: Outcome) -> list[str]:
    """What the outcome of a case has that it should not have; empty where all is as promised."""
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
