"""Log lines of a stream: one a request at INFO, retries at WARNING, on the logger "streamkit".

Setting `STREAMKIT_LOG=info` in the environment prints them; without it, the program's own logging decides.
"""

from __future__ import annotations

import logging
import os

from ..errors import UsageError
from ..events import Retrying
from .observers import Ended, Fact, Operation

logger = logging.getLogger("streamkit")


def log(operation: Operation, fact: Fact) -> None:
    """Log what is worth a line: a retry, and the end of the stream."""
    if isinstance(fact, Retrying):
        name = type(fact.error).__name__
        logger.warning(
            "%s: attempt %d failed (%s: %s); trying again in %.1f s",
            _where(operation),
            fact.attempt,
            name,
            fact.error,
            fact.delay,
        )
    elif isinstance(fact, Ended) and logger.isEnabledFor(logging.INFO):
        logger.info("%s", _line(operation, fact))


def log_to_stderr(level: str = "INFO") -> None:
    """Write streamkit's log to stderr, for a program that has no logging of its own.

    The same as `STREAMKIT_LOG=info` in the environment. Raises `UsageError` for an unknown level.
    """
    try:
        logger.setLevel(level.upper())
    except ValueError:
        raise UsageError(f"a level is debug, info, warning, error or critical, got {level!r}") from None
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)


def _where(operation: Operation) -> str:
    return f"{operation.model} ({operation.profile})"


def _line(operation: Operation, ended: Ended) -> str:
    """`gpt-x (openai): 200 stop, 12 + 34 tokens, 1.23 s, request req_1`; what is not known is left out."""
    usage = ended.completion.usage
    outcome: str = ended.how
    if ended.how == "completed":
        outcome = ended.completion.finish_reason or ended.how
    elif ended.how == "failed":
        outcome = f"failed with {type(ended.error).__name__}"
    said = [f"{ended.status} {outcome}" if ended.status else outcome]
    if usage and usage.input_tokens is not None and usage.output_tokens is not None:
        said.append(f"{usage.input_tokens} + {usage.output_tokens} tokens")
    said.append(f"{ended.seconds:.2f} s")
    if ended.stats.attempts > 1:
        said.append(f"{ended.stats.attempts} attempts")
    if ended.request_id:
        said.append(f"request {ended.request_id}")
    return f"{_where(operation)}: {', '.join(said)}"


if _level := os.environ.get("STREAMKIT_LOG"):
    try:
        log_to_stderr(_level)
    except UsageError as _error:  # a slip in the environment of a job is no reason to end it
        log_to_stderr()
        logger.warning("STREAMKIT_LOG: %s; logging at info", _error)
