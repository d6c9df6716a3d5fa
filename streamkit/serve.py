"""Public name of `streamkit.recordings.server`."""

from .recordings.server import MAX_REQUEST, ReplayServer, serve, wire_of

__all__ = ["MAX_REQUEST", "ReplayServer", "serve", "wire_of"]
