"""The streams that tests read: our own fixtures, and the corpus that `STREAMKIT_CORPUS` names.

`STREAMKIT_EVERY=4` reads every fourth case of those that a test makes by the hundred. .ci/run sets it for the
suite on other Pythons, after a run of all cases.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from streamkit import Event, StreamkitError, read_events
from streamkit.wires import WIRES

FIXTURES = Path(__file__).parent.parent / "fixtures"
CORPUS = os.environ.get("STREAMKIT_CORPUS")
EVERY = int(os.environ.get("STREAMKIT_EVERY", "1"))
# The corpus names some wires differently: its folder, our wire and profile.
WIRES_OF_CORPUS = {"openrouter": ("chat", "openrouter"), "anthropic": ("messages", "generic")}


@dataclass(frozen=True)
class Recorded:
    """One response body, its wire and profile, and (for fixtures) the expected result."""

    name: str
    body: bytes = field(repr=False)
    wire: str
    profile: str
    expected: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def events(self, chunks: Any = None) -> tuple[list[Event], StreamkitError | None]:
        """Return all events, and the error that ended them, if any."""
        events: list[Event] = []
        try:
            for event in read_events(
                [self.body] if chunks is None else chunks, wire=self.wire, profile=self.profile
            ):
                events.append(event)
        except StreamkitError as error:
            return events, error
        return events, None


@cache
def fixtures() -> tuple[Recorded, ...]:
    """Return every fixture of ours."""
    return tuple(sorted(_fixtures(), key=lambda recorded: recorded.name))


def _fixtures() -> Iterator[Recorded]:
    for path in FIXTURES.glob("*/*.sse"):
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        name = f"{path.parent.name}/{path.stem}"
        yield Recorded(name, path.read_bytes(), expected["wire"], expected["profile"], expected)


@cache
def corpus() -> tuple[Recorded, ...]:
    """Return the streams of the corpus; none if `STREAMKIT_CORPUS` isn't set."""
    if not CORPUS:
        return ()
    root = Path(CORPUS)
    streams = []
    for entry in json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["entries"]:
        folder = entry["wire"]
        wire, profile = WIRES_OF_CORPUS.get(folder, (folder, "generic"))
        if wire in WIRES:
            body = (root / entry["file"]).read_bytes()
            streams.append(Recorded(f"corpus/{folder}/{entry['name']}", body, wire, profile))
    return tuple(streams)
