"""The command line in a process of its own, for tests of signals, pipes and terminals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def spawn(*argv: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m streamkit` with pipes for its output; wait for its end, and kill it if the test fails.

    A test that failed or took too long would otherwise wait for the process forever.
    """
    command = [sys.executable, "-m", "streamkit", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
