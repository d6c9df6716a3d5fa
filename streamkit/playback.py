"""Public name of `streamkit.recordings.playback`."""

from .recordings.playback import ReplayTransport, replay

__all__ = ["ReplayTransport", "replay"]
