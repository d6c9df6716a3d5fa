"""Write files that hold conversations: only their owner can read a new one.

Rule: an existing file keeps its mode, and a symbolic link stays one: its target is written.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

OWNER_ONLY = 0o600  # prompts and answers are often private


def open_private(path: Path, mode: Literal["wb", "a+b"]) -> BinaryIO:
    """Open *path* as `open` does; if that creates the file, only its owner can read it."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, OWNER_ONLY))


def replace_file(path: Path, data: bytes) -> None:
    """Write *data* to *path* in one step: a crash leaves the old content or the new one.

    Threads and processes may do that at once: each writes a temporary file of its own, and the last one wins.
    Raises `OSError`; then no temporary file is left.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mode = OWNER_ONLY
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{target.name[:100]}.", suffix=".new", dir=target.parent
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
