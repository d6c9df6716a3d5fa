"""The recordings of `streamkit demo`: one for each API, in the dialect and at the pace of a gateway."""

from __future__ import annotations

from importlib import resources

from ..format import Recording, load_recording


def demo_recording(wire: str) -> Recording:
    """Return the bundled recording of the API *wire*."""
    with resources.as_file(resources.files(__package__) / f"{wire}.jsonl") as path:
        return load_recording(path)
