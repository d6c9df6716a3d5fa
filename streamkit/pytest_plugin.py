"""Public name of `streamkit.integrations.pytest_plugin`."""

from .integrations.pytest_plugin import streamkit_replay

__all__ = ["streamkit_replay"]
