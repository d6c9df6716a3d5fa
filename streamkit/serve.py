"""Public names of `streamkit.recordings.server` and `.catalog`."""

from .recordings.catalog import wire_of
from .recordings.format import Source
from .recordings.playback import Speed
from .recordings.server import MAX_REQUEST, ReplayServer, serve

__all__ = ["MAX_REQUEST", "ReplayServer", "Source", "Speed", "serve", "wire_of"]
