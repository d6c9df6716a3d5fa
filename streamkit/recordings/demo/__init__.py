"""What `streamkit demo` plays: a recording for each API, written by hand in a gateway's dialect and pace."""

from __future__ import annotations

from importlib import resources

from ..format import Recording, load_recording


def demo_recording(wire: str) -> Recording:
    """The bundled recording of that API, "chat" or "responses"."""
    with resources.as_file(resources.files(__package__) / f"{wire}.jsonl") as path:
        return load_recording(path)
