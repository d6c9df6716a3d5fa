"""The live view on a terminal: text as it arrives, Markdown with rich, no control characters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    Completed,
    Completion,
    Event,
    ItemDone,
    Message,
    TextDelta,
    TruncatedStreamError,
    read_events,
)
from streamkit.display import RichView, TerminalView, show
from streamkit.display.terminal import split_blocks
from streamkit.testing import FakeClock

from .hostile import HOSTILE, everywhere
from .shown import LINE, TURN, ticking

FIXTURES = Path(__file__).parent.parent / "fixtures"


def on_terminal(events: Any, **options: Any) -> str:
    clock, out = FakeClock(), io.StringIO()
    show(ticking(events, clock, 0.2), view=TerminalView(out, **options), now=clock.now)
    return out.getvalue()


def test_plain_text_as_it_arrives():
    """Reasoning has a label, a call has its own line, and the answer is unchanged."""
    assert on_terminal(TURN) == (
        f'[reasoning] Hm, tides.\nIt is **high**.\ntide({{"port": "Brest"}})\n{LINE}\n'
    )


def test_colours_dim_everything_but_the_answer():
    """On a terminal, reasoning and the last line are dimmed, without a label."""
    dim, plain = "\x1b[2m", "\x1b[0m"
    assert on_terminal(TURN, colour=True) == (
        f"{dim}Hm, {plain}{dim}tides.{plain}\nIt is **high**.\n"
        f'tide({{"port": "Brest"}})\n{dim}{LINE}{plain}\n'
    )


def test_pieces_are_written_at_once():
    """A delta is written before the next one is pulled."""
    out = io.StringIO()
    seen = []

    def events() -> Iterator[Event]:
        for word in ("a", "b"):
            yield TextDelta(word, slot=0)
            seen.append(out.getvalue())
        yield Completed(Completion())

    show(events(), view=TerminalView(out))
    assert seen == ["a", "ab"]


def test_final_messages_alone_are_shown_too():
    """`show(stream.aggregate())` gets no deltas, and writes each finished item."""
    final = [event for event in TURN if isinstance(event, ItemDone | Completed)]
    assert on_terminal(final).startswith('Hm, tides.\nIt is **high**.\ntide({"port": "Brest"})\n')


def test_other_choices_are_written_when_finished():
    """If two choices arrive interleaved, the second one is written as a whole."""
    events = [
        TextDelta("He", slot=0),
        TextDelta("Good", slot=1, choice=1),
        TextDelta("llo", slot=0),
        ItemDone(Message("assistant", "Hello"), 0),
        ItemDone(Message("assistant", "Good day"), 1, 1),
        Completed(Completion()),
    ]
    assert on_terminal(events).startswith("Hello\n[choice 1] Good day\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_controls_the_terminal(text: str):
    """Deltas and finished items are written without escape sequences and control characters."""
    events = [TextDelta(text, slot=0), *(ItemDone(item, 1) for item in everywhere(text).values())]
    written = on_terminal([*events, Completed(Completion())])
    assert not [c for c in written if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    assert not set(written) & set("\u202e\ud83d")


def test_a_console_that_lacks_a_character_gets_a_question_mark():
    """A console with an old code page doesn't end the stream."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="cp1252")
    show([TextDelta("né 潮", slot=0), Completed(Completion())], view=TerminalView(out))
    assert raw.getvalue().startswith("né ?".encode("cp1252"))


# -- rich ---------------------------------------------------------------------------------


def on_rich(events: Any, **options: Any) -> str:
    console = pytest.importorskip("rich.console", reason="needs rich: install the extra check")
    out = io.StringIO()
    clock = FakeClock()
    on = console.Console(file=out, width=60, height=20, _environ={}, **options)
    show(ticking(events, clock, 0.2), view=RichView(on, clock.now), now=clock.now)
    return out.getvalue()


def test_rich_renders_markdown():
    """rich renders the Markdown of the answer."""
    text = on_rich(TURN, no_color=True)
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines == ["[reasoning] Hm, tides.", "It is high.", 'tide({"port": "Brest"})', LINE]


def test_rich_redraws_only_the_block_under_way():
    """A finished paragraph is printed once and never redrawn, so it doesn't flicker."""
    words = [f"one{n} " for n in range(5)] + ["\n\n"] + [f"two{n} " for n in range(5)]
    deltas = [TextDelta(word, slot=0) for word in words]
    text = on_rich([*deltas, Completed(Completion())], force_terminal=True)
    assert text.rindex("one0") < text.index("two0")
    assert text.count("one4") <= 3  # drawn when it arrived, drawn when the block ended, and printed


def test_rich_leaves_the_terminal_as_it_was():
    """After an error in the middle of a block, its text is printed and the cursor is visible."""
    console = pytest.importorskip("rich.console", reason="needs rich: install the extra check")
    out = io.StringIO()

    def events() -> Iterator[Event]:
        yield TextDelta("half a **sen", slot=0)
        raise TruncatedStreamError("cut off")

    on = console.Console(file=out, width=60, height=20, _environ={}, force_terminal=True)
    with pytest.raises(TruncatedStreamError):
        show(events(), view=RichView(on, FakeClock().now))
    shown_cursor, hidden_cursor = "\x1b[?25h", "\x1b[?25l"
    assert out.getvalue().count(hidden_cursor) == out.getvalue().count(shown_cursor) == 1
    after = out.getvalue().split(shown_cursor)[1]
    assert "half a **sen" in after
    assert "TruncatedStreamError: cut off" in after


@pytest.mark.parametrize(
    ("markdown", "whole", "rest"),
    [
        pytest.param("a\nb", "", "a\nb", id="under way"),
        pytest.param("a\n\nb", "a\n\n", "b", id="two"),
        pytest.param("```\na\n\nb", "", "```\na\n\nb", id="in a fence"),
        pytest.param("```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n\n", "c", id="after a fence"),
    ],
)
def test_blocks_end_with_a_blank_line(markdown: str, whole: str, rest: str):
    """A block is finished if later text can't change it."""
    assert split_blocks(markdown) == (whole, rest)


def test_a_recorded_stream_is_shown():
    """`show` takes the events of `read_events`."""
    body = (FIXTURES / "deepseek/reasoning_then_call.sse").read_bytes()
    assert on_terminal(read_events([body])).startswith(
        '[reasoning] Tide?\nAsking.\nget_tide({"port": "Brest"})\ntool_calls'
    )
