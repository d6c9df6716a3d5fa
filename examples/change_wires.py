"""A conversation that changes its API: it begins on Chat Completions and goes on over Anthropic's Messages.

    python examples/change_wires.py
    python examples/change_wires.py --base-url http://127.0.0.1:8080/v1 --model qwen3

A real server must have both APIs. Items belong to neither. What only its own API can read, such as a
signature, stays at home, and the report names it.
"""

from __future__ import annotations

from connection import connected, options

from streamkit import FunctionCall, FunctionCallOutput, Message, Reasoning, tool
from streamkit.testing import chat_stream


@tool
def tide(port: str) -> str:
    """The time of high tide in a port."""
    return "18:04"


FIRST = chat_stream(
    Reasoning(content=["I have a tool for that."]), FunctionCall("call_1", "tide", '{"port": "Brest"}')
)
SECOND = chat_stream("High tide in Brest is at 18:04.")  # the server translates it to the API that is asked


def main() -> None:
    chosen = options(__doc__)
    conversation: list[object] = [Message("user", "When is high tide in Brest? Use the tool.")]
    with connected(chosen, FIRST, wire="chat") as client:
        answer = client.complete(conversation, tools=[tide])
    conversation += answer.items
    for call in answer.tool_calls:
        print("chat:", call.name)
        conversation.append(FunctionCallOutput(call.call_id, "18:04"))
    with connected(chosen, SECOND, wire="messages") as client:
        stream = client.stream(conversation, tools=[tide], max_tokens=500)
        print("messages:", stream.result().text)
        if stream.request is not None:
            print("left at home:", ", ".join(map(str, stream.request.report.dropped)) or "nothing")


if __name__ == "__main__":
    main()
