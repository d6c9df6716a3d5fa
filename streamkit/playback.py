"""Public name of `streamkit.recordings.playback`."""

from .recordings.format import Source
from .recordings.playback import (
    NO_CLOCKS,
    ReplayTransport,
    Speed,
    play,
    replay,
    speed_factor,
    wait_for_headers,
)

__all__ = [
    "NO_CLOCKS",
    "ReplayTransport",
    "Source",
    "Speed",
    "play",
    "replay",
    "speed_factor",
    "wait_for_headers",
]
