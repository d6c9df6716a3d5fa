"""Run checks on random cases, keep each distinct failure once, and minimize it."""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamkit

from .cases import Case, random_case
from .checks import ALWAYS, CHECKS, Broken, still_open
from .mutations import frames_of

SLOW = 10.0  # seconds of CPU for one check, at most
_PACKAGE = str(Path(streamkit.__file__).parent)
_MOST_RUNS = 400  # of a check while a failure is minimized


@dataclass(frozen=True)
class Failure:
    """A check that failed on a case. Two failures with the same `kind` have the same cause."""

    kind: str
    check: str
    case: Case
    text: str

    @property
    def file_name(self) -> str:
        return f"{self.check}-{hashlib.sha256(self.kind.encode()).hexdigest()[:10]}.sse"

    def command(self, path: Path) -> str:
        """Return the command that runs the check on the body in *path*."""
        case = self.case
        strict = " --strict" if case.strict else ""
        return (
            f"python -m tests.fuzz --body {path} --check {self.check} --wire {case.wire} "
            f"--profile {case.profile}{strict} --seed {case.seed}"
        )


def failure_of(case: Case, check: str) -> Failure | None:
    """Run one check; return its failure, or None."""
    began = time.process_time()
    try:
        CHECKS[check](case)
    except Broken as broken:
        return Failure(f"{check}: law {broken.law}", check, case, str(broken))
    except Exception as error:  # noqa: BLE001 - any exception is a finding
        kind = f"{check}: {type(error).__name__} at {_place(error)}"
        return Failure(kind, check, case, f"{type(error).__name__}: {error!s:.300}")
    if time.process_time() - began > SLOW:
        return Failure(f"{check}: slow", check, case, f"took more than {SLOW:.0f} s")
    return None


def _place(error: BaseException) -> str:
    """Return the innermost line of streamkit in the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)] or frames[-1:]
    return f"{Path(ours[-1].filename).relative_to(Path(_PACKAGE).parent)}:{ours[-1].lineno}"


def minimized(failure: Failure) -> Failure:
    """Return the same failure with fewer frames: ddmin, which removes ever smaller runs of them."""
    runs = 0

    def still_fails(frames: list[bytes]) -> bool:
        nonlocal runs
        runs += 1
        found = failure_of(replace(failure.case, body=b"".join(frames)), failure.check)
        return runs <= _MOST_RUNS and found is not None and found.kind == failure.kind

    frames = frames_of(failure.case.body)
    size = max(1, len(frames) // 2)
    while size and runs < _MOST_RUNS:
        for start in range(0, len(frames), size):
            fewer = frames[:start] + frames[start + size :]
            if fewer and still_fails(fewer):
                frames = fewer
                break
        else:
            size //= 2
    case = replace(failure.case, body=b"".join(frames))
    return failure_of(case, failure.check) or failure


@dataclass
class Result:
    """What a search did."""

    cases: int = 0
    runs: Counter[str] = field(default_factory=Counter)  # of each check
    failures: dict[str, Failure] = field(default_factory=dict)  # minimized, by kind
    times: Counter[str] = field(default_factory=Counter)  # that each kind was found


def search(
    seed: int | str,
    *,
    seconds: float = float("inf"),
    cases: int | None = None,
    only: str | None = None,
    report: Callable[[Failure], None] = lambda failure: None,
) -> Result:
    """Check random cases until *seconds* or *cases* are over; *report* gets each distinct failure.

    Each case runs the checks in `ALWAYS` and one of the others, or *only* one check.
    """
    result = Result()
    ends = time.monotonic() + seconds
    before = still_open()
    others = [name for name in CHECKS if name not in ALWAYS]
    with quiet():
        while time.monotonic() < ends and (cases is None or result.cases < cases):
            case = random_case(seed, result.cases)
            checks = (*ALWAYS, others[result.cases % len(others)]) if only is None else (only,)
            for check in checks:
                result.runs[check] += 1
                failure = failure_of(case, check)
                if failure is not None:
                    result.times[failure.kind] += 1
                if failure is not None and failure.kind not in result.failures:
                    failure = minimized(failure)
                    result.failures[failure.kind] = failure
                    report(failure)
            result.cases += 1
        left = still_open() - before
    if left:
        failure = Failure("law 9", "leaving", Case(b""), f"still open at the end: {dict(left)}")
        result.failures[failure.kind] = failure
        report(failure)
    return result


@contextmanager
def quiet() -> Iterator[None]:
    """Switch the log off: nearly every case logs a bad frame."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
