"""Streaming from language models in plain synchronous Python, done right."""

from ._version import __version__

__all__ = ["__version__"]
