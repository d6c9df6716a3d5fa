"""A chat page made with Gradio. Needs gradio.

python examples/gradio_chat.py [PORT]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connection import connected, options

from streamkit import Client, KeepAlive, Message, TextDelta
from streamkit.testing import chat_stream
from streamkit.web import keep_alive

ANSWER = chat_stream("High tide ", "in Brest ", "is at 18:04.")


def answer(client: Client, message: str, history: list[Any]) -> Iterator[str]:
    """Yield the text so far, as Gradio wants it; *history* is its own list of chat messages."""
    text = ""
    with client.stream([*history, Message("user", message)]) as stream:
        for event in keep_alive(stream, every=0.5):  # Gradio's Stop button acts when the function yields
            match event:
                case TextDelta():
                    text += event.text
                    yield text
                case KeepAlive():
                    yield text


def make_page(client: Client) -> Any:
    import gradio

    return gradio.ChatInterface(lambda message, history: (yield from answer(client, message, history)))


def main() -> None:
    chosen = options(__doc__, "port")
    with connected(chosen, ANSWER) as client:
        make_page(client).launch(
            server_name="127.0.0.1", server_port=int(chosen.port) if chosen.port else None
        )


if __name__ == "__main__":
    main()
