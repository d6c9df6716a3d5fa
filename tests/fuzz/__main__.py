"""`python -m tests.fuzz`: search for failures, or run one check on the body that a search wrote."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .cases import Case
from .checks import CHECKS, pending
from .search import Failure, quiet, search


def main() -> int:
    """Return 1 if a check failed."""
    options = _options()
    if options.body is not None:
        case = Case(options.body.read_bytes(), options.wire, options.profile, options.strict, options.seed)
        return _check_one(case, options.check or "endings")
    seed = options.seed or str(time.time_ns())
    folder = Path(options.out or tempfile.mkdtemp(prefix="streamkit-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)

    def report(failure: Failure) -> None:
        path = folder / failure.file_name
        path.write_bytes(failure.case.body)
        _print(f"{failure.kind}\n  {failure.text}\n  from {failure.case.origin}\n  {failure.command(path)}")

    _print(f"seed {seed}")
    result = search(seed, seconds=options.seconds, cases=options.cases, only=options.check, report=report)
    _print(f"{result.cases} cases, {sum(result.runs.values())} checks: {dict(result.runs)}")
    for kind, times in result.times.most_common():
        _print(f"{times:6} times {kind}")
    for law, times in sorted(pending.items()):
        _print(f"{times:6} times not kept yet: {law}")
    return 1 if result.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=30.0, help="stop after this time (default: %(default)s)")
    add("--cases", type=int, help="stop after so many cases")
    add("--seed", default="", help="of the cases (default: the time)")
    add("--out", metavar="FOLDER", help="where failing bodies are written (default: a temporary folder)")
    add("--body", metavar="FILE", type=Path, help="run one check on this body")
    add("--check", choices=CHECKS, help="run only this check (with --body, default: endings)")
    add("--wire", default="chat")
    add("--profile", default="generic")
    add("--strict", action="store_true")
    return parser.parse_args()


def _check_one(case: Case, check: str) -> int:
    try:
        with quiet():
            CHECKS[check](case)
    except Exception:  # noqa: BLE001 - shown whole
        traceback.print_exc()
        return 1
    _print(f"{check} holds")
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
