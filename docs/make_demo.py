"""Write docs/demo.svg: the answer of `streamkit demo`, as it arrives on a terminal.

    python docs/make_demo.py

The text and its times are those of the bundled recording. A test fails if the picture is stale.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parent / "demo.svg"
sys.path.insert(0, str(PICTURE.parent.parent))

from streamkit import Completed, FunctionCall, ItemDone, ReasoningDelta, TextDelta, read_events  # noqa: E402
from streamkit.cli.demo import PROMPT  # noqa: E402
from streamkit.recordings.demo import demo_recording  # noqa: E402

COLUMNS, ROW, CHARACTER, MARGIN = 96, 19, 7.8, 16
PLAIN, DIM, SIGN = "#e6edf3", "#8b949e", "#7ee787"


def pieces() -> list[tuple[float, str, str]]:
    """Return time, colour and text of each piece that appears, in order."""
    found: list[tuple[float, str, str]] = [(0.0, SIGN, "$ "), (0.0, PLAIN, "streamkit demo\n\n")]
    found += [(0.3, SIGN, "> "), (0.3, PLAIN, f"{PROMPT}\n\n")]
    now = [0.0]

    def chunks() -> object:
        for chunk in demo_recording("chat").chunks:
            now[0] = chunk.at
            yield chunk.data

    last = ""
    for event in read_events(chunks(), wire="chat"):  # type: ignore[arg-type]
        at = 0.8 + now[0]
        if isinstance(event, ReasoningDelta | TextDelta):
            kind = type(event).__name__
            gap = "\n\n" if last not in ("", kind) else ""
            found.append((at, DIM if kind == "ReasoningDelta" else PLAIN, gap + event.text))
            last = kind
        elif isinstance(event, ItemDone) and isinstance(event.item, FunctionCall):
            found.append((at, SIGN, f"\n{event.item.name}({event.item.arguments})"))
        elif isinstance(event, Completed) and event.completion.usage:
            usage = event.completion.usage
            line = (
                f"\n\n{event.completion.finish_reason}, {usage.input_tokens} + {usage.output_tokens} tokens"
            )
            found.append((at, DIM, line))
    return found


def picture() -> str:
    """Return the SVG: one `text` for each piece, which appears at its time."""
    row = column = 0
    texts: list[str] = []
    for at, colour, text in pieces():
        for number, line in enumerate(text.split("\n")):
            if number:
                row, column = row + 1, 0
            words = line.split(" ")
            for index, word in enumerate(words):
                shown = word if index == len(words) - 1 else word + " "
                if column + len(word) > COLUMNS and column:
                    row, column = row + 1, 0
                if shown.strip():
                    x, y = MARGIN + column * CHARACTER, 44 + row * ROW
                    texts.append(
                        f'<text x="{x:.1f}" y="{y}" fill="{colour}" style="animation-delay:{at:.2f}s">'
                        f"{escape(shown.rstrip())}</text>"
                    )
                column += len(shown)
    width, height = 2 * MARGIN + COLUMNS * CHARACTER, 44 + (row + 1) * ROW + 8
    style = (
        "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;opacity:0;"
        "animation:show 1ms linear forwards}@keyframes show{to{opacity:1}}"
        "@media (prefers-reduced-motion){text{animation-delay:0s!important}}"
    )
    dots = "".join(
        f'<circle cx="{20 + 18 * index}" cy="16" r="5" fill="{colour}"/>'
        for index, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" role="img"><title>streamkit demo</title><style>{style}</style>'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>{dots}\n' + "\n".join(texts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
