"""Ask a model, and show its answer as it arrives.

OPENROUTER_API_KEY=... python examples/stream.py MODEL [QUESTION]
"""

from __future__ import annotations

import sys

from streamkit import Client, StreamkitError


def main(model: str, question: str = "Why is the sky blue? Two sentences.") -> int:
    client = Client("openrouter")
    try:
        client.stream(question, model=model).show()
    except StreamkitError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) in (2, 3) else __doc__)
