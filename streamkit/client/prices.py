"""Compute the cost of an answer whose gateway sends none, from a caller's prices or from genai-prices.

Rules: a cost that the server sent is never replaced. A computed one has `cost_computed=True`. A price that
isn't known leaves the cost at None: no price of another provider is assumed. Prices never break an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve

from .._interrupts import is_interrupt
from ..completion import Completion, Usage
from ..errors import UsageError
from .observers import Operation

if TYPE_CHECKING:
    from decimal import Decimal

logger = logging.getLogger("streamkit")

# Takes the counts of an answer, the model that answered, and the operation (profile, host, model asked for);
# returns the cost in your own currency, or None if it isn't known.
Prices: TypeAlias = Callable[[Usage, str, Operation], "float | Decimal | None"]


def genai_prices(usage: Usage, model: str, operation: Operation) -> Decimal | None:
    """Return the cost in US dollars from the table of genai-prices, or None if it lacks the model.

    Pass it as `Client(prices=genai_prices)`. The provider is found by the host of the request, so an answer
    of a server on your machine has no cost. Raises `UsageError` without the extra `prices`.
    """
    try:
        from genai_prices import Usage as Counts
        from genai_prices import calc_price
    except ImportError as exc:
        raise UsageError(
            "prices: expected the package genai-prices, but it isn't installed; "
            "pip install 'streamkit-llm[prices]' (from a clone: pip install '.[prices]')"
        ) from exc
    from decimal import Decimal  # takes 3 ms, which a client without prices saves

    if usage.input_tokens is None or usage.output_tokens is None or operation.host is None:
        return None
    counts = Counts(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    for name in dict.fromkeys((model, operation.model)):
        try:
            total: Any = calc_price(counts, name, provider_api_url=f"https://{operation.host}").total_price
        except LookupError:
            continue
        return Decimal(total)
    return None


def priced(usage: Usage, model: str, operation: Operation, prices: Prices) -> Usage:
    """Return *usage* with a computed cost, if the server sent none and *prices* knows one."""
    if usage.cost is not None:
        return usage
    try:
        cost = prices(usage, model, operation)
        if cost is None:
            return usage
        value = float(cost)
    except UsageError:
        raise  # the program isn't set up for prices
    except Exception as exc:
        if is_interrupt(exc):
            raise
        logger.warning("prices: no cost for %s: %s: %s", model, type(exc).__name__, exc)
        return usage
    if not isfinite(value) or value < 0:
        logger.warning("prices: no cost for %s: expected a cost of 0 or more, got %r", model, value)
        return usage
    return evolve(usage, cost=value, cost_computed=True)


def priced_answer(completion: Completion, operation: Operation, prices: Prices) -> Completion:
    """Return *completion* with a computed cost, if it has usage without one."""
    if completion.usage is None:
        return completion
    model = completion.model or operation.model
    return evolve(completion, usage=priced(completion.usage, model, operation, prices))
