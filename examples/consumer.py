"""Print a recorded stream of any wire: `python consumer.py FILE.sse [PROFILE]`."""

import sys

from streamkit import (
    Completed,
    FunctionCall,
    ItemDone,
    ReasoningDelta,
    RefusalDelta,
    StreamkitError,
    TextDelta,
    read_events,
)


def chunks(path):
    with open(path, "rb") as file:
        while chunk := file.read(1000):
            yield chunk


def consume(path, profile=None):
    for event in read_events(chunks(path), wire="auto", profile=profile):
        match event:
            case ReasoningDelta(text) | TextDelta(text) | RefusalDelta(text):
                print(text, end="", flush=True)
            case ItemDone(item=FunctionCall() as call):
                print(f"\n-> {call.name}({call.arguments})", end="")
            case Completed(completion):
                usage = completion.usage
                print(f"\n[{completion.finish_reason}, {usage.total_tokens if usage else '?'} tokens]")


if __name__ == "__main__":
    try:
        consume(*sys.argv[1:3] or sys.exit(__doc__))
    except (StreamkitError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
