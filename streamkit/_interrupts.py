"""An exception -> whether the program was interrupted by it: raised by a signal handler or another thread.

Task queues and test runners end a job so: `SoftTimeLimitExceeded` (Celery) and `JobTimeoutException` (RQ) are
ordinary exceptions, which appear in the middle of whatever runs. To retry after one, or to call it a failure
of the network, would let the job run on past its limit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

_NETWORK = sys.stdlib_module_names | {"requests", "urllib3"}  # with `builtins`


def is_interrupt(exc: BaseException) -> bool:
    """Return True if *exc* didn't come from the code that runs, as far as its traceback shows.

    Either a signal handler is among its frames, or its last frame is one of the standard library or of the
    network packages, and its class is of a package without a frame: another thread raised it there.
    """
    if not isinstance(exc, Exception):
        return True
    frames = list(_frames(exc))
    codes = {frame.f_code for frame in frames}
    if not codes.isdisjoint(_handlers()):
        return True
    roots = {_root(frame.f_globals.get("__name__")) for frame in frames}
    root = type(exc).__module__.partition(".")[0]
    is_foreign = root not in roots and root not in _NETWORK and root != "streamkit"
    return bool(frames) and is_foreign and _is_network(frames[-1])


def _frames(exc: BaseException) -> Iterator[FrameType]:
    trace = exc.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _root(name: Any) -> str:
    return str(name).partition(".")[0]


def _is_network(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return _root(name) in _NETWORK or name.startswith("streamkit.http.")


def _handlers() -> set[CodeType]:
    """Return the code of the program's signal handlers."""
    signal = sys.modules.get(
        "signal"
    )  # without it, there is none; an import could fail in place of the error
    if signal is None:
        return set()
    found = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        handler = getattr(handler, "func", handler)  # functools.partial
        for function in (handler, vars(type(handler)).get("__call__")):
            code = getattr(getattr(function, "__func__", function), "__code__", None)
            if isinstance(code, CodeType):
                found.add(code)
    return found
