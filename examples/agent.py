"""A model that calls Python functions, shown live.

python examples/agent.py [QUESTION]
"""

from __future__ import annotations

from datetime import datetime, timezone

from connection import connected, options

from streamkit import FunctionCall, show, tool
from streamkit.agent import run
from streamkit.testing import chat_stream

ANSWERS = (
    chat_stream(FunctionCall("call_1", "product", '{"numbers": [6, 7]}')),
    chat_stream("It is 42."),
)


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


def main() -> None:
    chosen = options(__doc__, "question")
    question = chosen.question or "How many minutes have passed today? Multiply that by 17."
    with connected(chosen, *ANSWERS) as client:
        show(run(client, question, [clock, product], max_turns=5))


if __name__ == "__main__":
    main()
