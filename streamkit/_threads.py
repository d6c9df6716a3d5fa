"""A thread -> the same, started; the error of a program that can't have another one.

Containers and users have a limit of threads. `Thread.start` raises a RuntimeError at that limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import StreamkitError

if TYPE_CHECKING:
    from threading import Thread


def start(thread: Thread) -> None:
    """Start *thread*. Raises `StreamkitError` if the program can't have another one."""
    try:
        thread.start()
    except RuntimeError as exc:
        raise StreamkitError(
            f"{exc}: the system's limit of threads is reached; raise it, or use fewer workers and streams"
        ) from exc
