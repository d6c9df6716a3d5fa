"""Public name of `streamkit.recordings.server`."""

from .recordings.server import ReplayServer, serve

__all__ = ["ReplayServer", "serve"]
