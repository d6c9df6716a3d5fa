"""Log lines of a stream, on the logger "streamkit": one per request at INFO, retries at WARNING.

`STREAMKIT_LOG=info` in the environment prints them. Without it, the program's own logging setup applies.
"""

from __future__ import annotations

import logging
import os

from .._checks import got
from ..errors import UsageError
from ..events import Retrying
from .observers import Ended, Fact, Operation

logger = logging.getLogger("streamkit")


def log(operation: Operation, fact: Fact) -> None:
    """Log a retry or the end of a stream; ignore every other fact."""
    if isinstance(fact, Retrying):
        name = type(fact.error).__name__
        logger.warning(
            "%s: attempt %d failed (%s: %s); retrying in %.1f s",
            _where(operation),
            fact.attempt,
            name,
            fact.error,
            fact.delay,
        )
    elif isinstance(fact, Ended) and logger.isEnabledFor(logging.INFO):
        logger.info("%s", _line(operation, fact))


def log_to_stderr(level: str = "INFO") -> None:
    """Write streamkit's log to stderr, for a program that doesn't configure logging.

    `STREAMKIT_LOG=info` in the environment does the same. Raises `UsageError` for an unknown level.
    """
    try:
        logger.setLevel(level.upper())
    except ValueError:
        known = "debug, info, warning, error or critical"
        raise UsageError(f"level: expected {known}; got {got(level, 80)}") from None
    if any(getattr(handler, "is_streamkit", False) for handler in logger.handlers):
        return  # a notebook cell that runs twice must not double every line
    handler = logging.StreamHandler()
    handler.is_streamkit = True  # type: ignore[attr-defined]
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)


def _where(operation: Operation) -> str:
    return f"{operation.model} ({operation.profile})"


def _line(operation: Operation, ended: Ended) -> str:
    """Return `gpt-x (openai): 200 stop, 12 + 34 tokens, 1.23 s, request req_1`, without the unknown parts."""
    usage = ended.completion.usage
    outcome: str = ended.how
    if ended.how == "completed":
        outcome = ended.completion.finish_reason or ended.how
    elif ended.how == "failed":
        outcome = f"failed with {type(ended.error).__name__}"
    parts = [f"{ended.status} {outcome}" if ended.status else outcome]
    if usage and usage.input_tokens is not None and usage.output_tokens is not None:
        parts.append(f"{usage.input_tokens} + {usage.output_tokens} tokens")
    parts.append(f"{ended.seconds:.2f} s")
    if ended.stats.attempts > 1:
        parts.append(f"{ended.stats.attempts} attempts")
    if ended.request_id:
        parts.append(f"request {ended.request_id}")
    return f"{_where(operation)}: {', '.join(parts)}"


if _level := os.environ.get("STREAMKIT_LOG"):
    try:
        log_to_stderr(_level)
    except UsageError as _error:  # a typo in the environment shouldn't end a job
        log_to_stderr()
        logger.warning("STREAMKIT_LOG: %s; logging at info", _error)
