"""The docstrings of `streamkit.events` -> events.md. Run it after a change: `python docs/make_events.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from streamkit import events

PAGE = Path(__file__).with_name("events.md")


def page() -> str:
    """The whole page."""
    title, about = inspect.cleandoc(events.__doc__ or "").split("\n", 1)
    parts = [
        "<!-- Made by make_events.py from the docstrings of streamkit/events.py; edit those. -->",
        f"# Events\n\n{title}\n{about}",
        *(part for event in get_args(events.Event) for part in section(event)),
    ]
    return "\n\n".join(parts) + "\n"


def section(event: type[Any]) -> Iterator[str]:
    """One kind of event: its docstring, and its fields but for those that every event has."""
    yield f"## {event.__name__}\n\n{inspect.cleandoc(event.__doc__ or '')}"
    own = [field for field in fields(event) if field.name not in ("raw", "slot", "choice")]
    rows = [f"| `{f.name}` | `{str(f.type).replace(' | ', ' or ')}` | {default(f)} |" for f in own]
    yield "\n".join(["| field | type | default |", "|---|---|---|", *rows])
    if any(field.name == "snapshot" for field in own):
        yield f"`snapshot`: {inspect.getdoc(event.snapshot)}"


def default(field: Any) -> str:
    """What the field is where nobody says; empty where it is required."""
    if field.default is not MISSING:
        return f"`{field.default!r}`"
    return "empty" if field.default_factory is not MISSING else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
