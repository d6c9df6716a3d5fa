"""Public name of `streamkit.integrations.opentelemetry` and `streamkit.client.logs`."""

from .client.logs import log, log_to_stderr, logger
from .integrations.opentelemetry import PARAMS, PROVIDERS, TOKENS, Names, opentelemetry_observer

__all__ = [
    "PARAMS",
    "PROVIDERS",
    "TOKENS",
    "Names",
    "log",
    "log_to_stderr",
    "logger",
    "opentelemetry_observer",
]
