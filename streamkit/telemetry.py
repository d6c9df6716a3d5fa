"""Public name of `streamkit.integrations.opentelemetry` and `streamkit.client.logs`."""

from .client.logs import log, log_to_stderr
from .integrations.opentelemetry import PARAMS, PROVIDERS, TOKENS, Names, opentelemetry_observer

__all__ = ["PARAMS", "PROVIDERS", "TOKENS", "Names", "log", "log_to_stderr", "opentelemetry_observer"]
