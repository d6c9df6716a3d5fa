"""The version, in a file of its own, so that setup.cfg can read it without an import."""

__version__ = "0.2.0"
