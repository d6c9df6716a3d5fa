"""Run an agent with two tools, and show its answer live.

OPENROUTER_API_KEY=... python examples/agent.py MODEL [QUESTION]
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone

from streamkit import Client, show, tool
from streamkit.agent import run


@tool
def clock() -> str:
    """The time now, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="minutes")


@tool
def product(numbers: list[int]) -> int:
    """The product of whole numbers.

    Args:
        numbers: at least one
    """
    result = 1
    for number in numbers:
        result *= number
    return result


def main(model: str, question: str = "How many minutes have passed today? Multiply that by 17.") -> None:
    show(run(Client("openrouter"), question, [clock, product], model=model, max_turns=5))


if __name__ == "__main__":
    main(*sys.argv[1:])
