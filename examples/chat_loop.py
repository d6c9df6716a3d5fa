"""A chat on the terminal: type, read, Ctrl-C stops an answer, Ctrl-D ends. A file keeps the conversation.

python examples/chat_loop.py [HISTORY]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from connection import connected, options

from streamkit import Item, Message, StreamkitError, load, save
from streamkit.testing import chat_stream

ANSWERS = (chat_stream("High tide in Brest is at 18:04."), chat_stream("In Cherbourg it is at 20:11."))


def prompts() -> Iterator[str]:
    """Yield what the user types; two questions if nobody is at a terminal."""
    if not sys.stdin.isatty():
        for question in ("When is high tide in Brest?", "And in Cherbourg?"):
            print(f"> {question}")
            yield question
        return
    while True:
        try:
            yield input("> ")
        except EOFError:
            return


def main() -> None:
    chosen = options(__doc__, "history")
    conversation = load(chosen.history, missing_ok=True) if chosen.history else []
    with connected(chosen, *ANSWERS) as client:
        for prompt in prompts():
            turn: list[Item] = [Message("user", prompt)]
            stream = client.stream([*conversation, *turn])
            try:
                for text in stream.text_stream:
                    print(text, end="", flush=True)
                turn += stream.result().items
            except KeyboardInterrupt:
                turn += stream.partial.items  # what was read belongs to the conversation
            except StreamkitError as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                continue
            finally:
                print()
            conversation += turn
            if chosen.history:
                save(chosen.history, turn, append=True)


if __name__ == "__main__":
    main()
