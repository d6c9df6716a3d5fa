"""Public name of `streamkit.integrations.opentelemetry` and `streamkit.client.logs`."""

from .client.logs import log_to_stderr
from .integrations.opentelemetry import opentelemetry_observer

__all__ = ["log_to_stderr", "opentelemetry_observer"]
