"""The live view: what a notebook and a terminal show, how often, and that nothing a model wrote can run."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamkit import (
    Completed,
    Completion,
    Event,
    FunctionCall,
    ItemDone,
    ItemStarted,
    Message,
    Reasoning,
    ReasoningDelta,
    Retrying,
    ServerError,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
    TruncatedStreamError,
    Usage,
    UsageError,
    read_events,
)
from streamkit.completion import Choice
from streamkit.display import (
    NotebookView,
    RichView,
    TerminalView,
    find_view,
    show,
)
from streamkit.display.terminal import split_blocks

from .hostile import HOSTILE, everywhere

FIXTURES = Path(__file__).parent.parent / "fixtures"


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Screen:
    """IPython's `display`: each call is a place on the page, which its handle updates."""

    def __init__(self) -> None:
        self.pages: list[list[dict[str, str]]] = []  # all that was ever shown in each place

    def __call__(self, bundle: dict[str, str], *, raw: bool, display_id: bool = False) -> Any:
        assert raw
        page = [bundle]
        self.pages.append(page)
        return SimpleNamespace(update=lambda bundle, *, raw: page.append(bundle)) if display_id else None

    @property
    def html(self) -> list[str]:
        """What is on the page now."""
        return [page[-1]["text/html"] for page in self.pages]

    @property
    def text(self) -> list[str]:
        return [page[-1]["text/plain"] for page in self.pages]


def ticking(events: Any, clock: Clock, seconds: float) -> Iterator[Event]:
    """*events*, *seconds* apart."""
    for event in events:
        clock.time += seconds
        yield event


def on_notebook(events: Any, seconds: float = 0.2) -> Screen:
    """What a notebook shows in the end."""
    clock, screen = Clock(), Screen()
    show(ticking(events, clock, seconds), view=NotebookView(screen, clock), now=clock)
    return screen


def on_terminal(events: Any, **options: Any) -> str:
    clock, out = Clock(), io.StringIO()
    show(ticking(events, clock, 0.2), view=TerminalView(out, **options), now=clock)
    return out.getvalue()


CALL = FunctionCall("call_1", "tide", '{"port": "Brest"}')
USAGE = Usage(input_tokens=12, output_tokens=34, cached_input_tokens=5, reasoning_tokens=7, cost=0.0012)
ITEMS = [Reasoning(content=["Hm, tides."]), Message("assistant", "It is **high**."), CALL]
ANSWER = Completion(model="m", choices=[Choice(items=ITEMS, finish_reason="tool_calls")], usage=USAGE)
TURN: list[Event] = [
    ItemStarted("reasoning", slot=0),
    ReasoningDelta("Hm, ", snapshot="Hm, ", slot=0),
    ReasoningDelta("tides.", snapshot="Hm, tides.", slot=0),
    ItemStarted("message", slot=1),
    TextDelta("It is ", snapshot="It is ", slot=1),
    TextDelta("**high**.", snapshot="It is **high**.", slot=1),
    ItemStarted("function_call", name="tide", slot=2),
    ToolCallDelta("call_1", "tide", '{"port":', snapshot='{"port":', slot=2),
    ToolCallDelta("call_1", "tide", ' "Brest"}', snapshot='{"port": "Brest"}', slot=2),
    *(ItemDone(item, slot) for slot, item in enumerate(ITEMS)),
    Completed(ANSWER),
]
LINE = (
    "tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012 · "
    "2.6 s, first text after 1.0 s · 24 tokens/s"
)

# -- show ---------------------------------------------------------------------------------


def test_the_completion_comes_back():
    """`show` is `result()` with something to look at."""
    assert show(TURN, view=TerminalView(io.StringIO())) is ANSWER


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), TruncatedStreamError("cut off")], ids=["ctrl-c", "cut"]
)
def test_what_arrived_stays_and_the_error_goes_on(error: BaseException):
    """An interrupted cell keeps the partial answer on view, and the stream is closed (P34)."""
    closed = []

    class Source:
        def __iter__(self) -> Iterator[Event]:
            yield TextDelta("It is ", snapshot="It is ", slot=0)
            raise error

        def close(self) -> None:
            closed.append(True)

    clock, screen = Clock(), Screen()
    clock.time = 0.05
    with pytest.raises(type(error)) as raised:
        show(Source(), view=NotebookView(screen, clock), now=clock)
    assert raised.value is error
    assert closed == [True]
    assert screen.text == [
        "It is ",
        "KeyboardInterrupt" if not str(error) else "TruncatedStreamError: cut off",
    ]


def test_an_interrupt_has_a_short_traceback():
    """Where in the network's code it waited fills a notebook's screen, and says nothing."""

    def events() -> Iterator[Event]:
        yield TextDelta("x", slot=0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        show(events(), view=TerminalView(io.StringIO()))
    assert [entry.name for entry in raised.traceback][1:] == ["show"]


def test_events_without_an_end_are_refused():
    """Half a list of events is a mistake of the caller, and said so."""
    with pytest.raises(UsageError, match="without Completed"):
        show(TURN[:-1], view=TerminalView(io.StringIO()))


def test_a_recording_read_at_once_has_no_speed():
    """Tokens a second are told only where time passed."""
    clock, screen = Clock(), Screen()
    show(TURN, view=NotebookView(screen, clock), now=clock)
    assert screen.text[-1] == (
        "tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012 · 0.0 s, first text after 0.0 s"
    )


def test_an_agents_turns_follow_each_other():
    """Slots begin anew with each turn; usage adds up; the last Completion comes back."""
    second = Completion(
        choices=[Choice(items=[Message("assistant", "Done.")], finish_reason="stop")], usage=USAGE
    )
    events = [
        *TURN,
        ToolFinished(CALL, "4 m"),
        TextDelta("Done.", snapshot="Done.", slot=0),
        Completed(second),
    ]
    clock, screen = Clock(), Screen()
    assert show(ticking(events, clock, 0.2), view=NotebookView(screen, clock), now=clock) is second
    assert screen.text[:-1] == [
        "Hm, tides.",
        "It is **high**.",
        'tide({"port": "Brest"})',
        "-> 4 m",
        "Done.",
    ]
    assert "24 + 68 tokens" in screen.text[-1]


# -- notebook -----------------------------------------------------------------------------


def test_a_notebook_shows_each_item_in_its_place():
    """Reasoning folded, the answer as Markdown, the call with its arguments, and a line at the end (P41)."""
    screen = on_notebook(TURN)
    assert screen.html == [
        "<details><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>",
        "<p>It is <strong>high</strong>.</p>",
        "<p><strong>tide</strong>(<code>{&quot;port&quot;: &quot;Brest&quot;}</code>)</p>",
        f"<p><small>{LINE}</small></p>",
    ]
    assert screen.text == ["Hm, tides.", "It is **high**.", 'tide({"port": "Brest"})', LINE]


def test_items_are_seen_growing():
    """Reasoning is unfolded while it comes, a call shows its arguments so far, each in one place."""
    reasoning, message, call, _ = (
        [bundle["text/html"] for bundle in page] for page in on_notebook(TURN).pages
    )
    assert reasoning == [
        "<details open><summary>Reasoning (4 characters)</summary><p>Hm,</p></details>",
        "<details open><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>",
        "<details><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>",
    ]
    assert message[:2] == ["<p>It is</p>", "<p>It is <strong>high</strong>.</p>"]
    assert call[:2] == [
        "<p><strong>tide</strong>(<code></code>) …</p>",
        "<p><strong>tide</strong>(<code>{&quot;port&quot;:</code>) …</p>",
    ]


def test_at_most_ten_updates_a_second():
    """300 deltas in three seconds are at most 30 drawings and the last one, which has everything."""
    deltas = [TextDelta("x", snapshot="x" * n, slot=0) for n in range(1, 301)]
    done = Completion(choices=[Choice(items=[Message("assistant", "x" * 300)])])
    screen = on_notebook([*deltas, Completed(done)], seconds=0.01)
    assert 20 <= len(screen.pages[0]) <= 32
    assert screen.text[0] == "x" * 300


def test_drawing_takes_a_tenth_of_the_time_at_most():
    """Where one drawing takes 50 ms, the next one waits 450 ms: a long answer does not slow its stream."""
    clock = Clock()

    class Slow(Screen):
        def __call__(self, bundle: dict[str, str], **options: Any) -> Any:
            clock.time += 0.05
            handle = super().__call__(bundle, **options)
            if handle is None:
                return None
            drawn = handle.update

            def update(bundle: dict[str, str], *, raw: bool) -> None:
                clock.time += 0.05
                drawn(bundle, raw=raw)

            return SimpleNamespace(update=update)

    screen = Slow()
    deltas = [TextDelta("x", snapshot="x" * n, slot=0) for n in range(1, 301)]
    show(
        ticking([*deltas, Completed(Completion())], clock, 0.01), view=NotebookView(screen, clock), now=clock
    )
    assert len(screen.pages[0]) <= 8


def test_what_is_finished_is_left_alone():
    """While the second item grows, the first is not drawn again: it neither flickers nor folds."""
    items = [Message("assistant", "one"), Message("assistant", "x" * 50)]
    events = [
        TextDelta("one", snapshot="one", slot=0),
        ItemDone(items[0], 0),
        *(TextDelta("x", snapshot="x" * n, slot=1) for n in range(1, 51)),
        Completed(Completion(choices=[Choice(items=items)])),
    ]
    screen = on_notebook(events)
    assert len(screen.pages[0]) == 1
    assert len(screen.pages[1]) > 40


def test_an_empty_item_takes_no_place():
    """An item that was opened and never got anything is not shown."""
    screen = on_notebook([ItemStarted("message", slot=0), Completed(Completion())])
    assert screen.text == ["no finish reason · 0.4 s"]


def test_a_retry_is_seen_while_it_waits():
    """A note says what failed and how long it takes."""
    screen = on_notebook([Retrying(1, 2.0, ServerError("down")), *TURN])
    assert screen.html[0] == "<p><em>attempt 1 failed (down); trying again in 2.0 s</em></p>"


def test_an_error_message_is_text():
    """What a server says about itself goes the same way."""
    screen = Screen()

    def events() -> Iterator[Event]:
        yield TextDelta("x", snapshot="x", slot=0)
        raise ServerError("<script>alert(1)</script>")

    with pytest.raises(ServerError):
        show(events(), view=NotebookView(screen, Clock()))
    assert screen.html[-1] == "<p><small>ServerError: &lt;script&gt;alert(1)&lt;/script&gt;</small></p>"


# -- terminal -----------------------------------------------------------------------------


def test_plain_text_as_it_arrives():
    """Reasoning is marked, calls stand on lines of their own, the answer is untouched."""
    assert on_terminal(TURN) == (
        f'[reasoning] Hm, tides.\nIt is **high**.\ntide({{"port": "Brest"}})\n{LINE}\n'
    )


def test_colours_dim_what_is_not_the_answer():
    """On a terminal reasoning and the last line are dim instead of marked."""
    dim, plain = "\x1b[2m", "\x1b[0m"
    assert on_terminal(TURN, colour=True) == (
        f"{dim}Hm, {plain}{dim}tides.{plain}\nIt is **high**.\n"
        f'tide({{"port": "Brest"}})\n{dim}{LINE}{plain}\n'
    )


def test_pieces_are_written_at_once():
    """A delta is on the screen before the next one is asked for."""
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
    """`show(stream.aggregate())` has no deltas, and shows every item as it is done."""
    final = [event for event in TURN if isinstance(event, ItemDone | Completed)]
    assert on_terminal(final).startswith('Hm, tides.\nIt is **high**.\ntide({"port": "Brest"})\n')


def test_other_choices_wait_until_they_are_whole():
    """Two choices that arrive interleaved are not written into each other."""
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
def test_nothing_steers_the_terminal(text: str):
    """Neither as it arrives nor in whole items: no escape sequence, no control character."""
    events = [TextDelta(text, slot=0), *(ItemDone(item, 1) for item in everywhere(text).values())]
    written = on_terminal([*events, Completed(Completion())])
    assert not [c for c in written if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    assert not set(written) & set("\u202e\ud83d")


def test_a_console_that_lacks_a_character_gets_a_question_mark():
    """An old code page does not end a stream."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="cp1252")
    show([TextDelta("né 潮", slot=0), Completed(Completion())], view=TerminalView(out))
    assert raw.getvalue().startswith("né ?".encode("cp1252"))


# -- rich ---------------------------------------------------------------------------------


def on_rich(events: Any, **options: Any) -> str:
    console = pytest.importorskip("rich.console", reason="needs rich (pip install 'streamkit[check]')")
    out = io.StringIO()
    clock = Clock()
    on = console.Console(file=out, width=60, height=20, _environ={}, **options)
    show(ticking(events, clock, 0.2), view=RichView(on, clock), now=clock)
    return out.getvalue()


def test_rich_renders_markdown():
    """The answer is rendered, not shown as source."""
    text = on_rich(TURN, no_color=True)
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines == ["[reasoning] Hm, tides.", "It is high.", 'tide({"port": "Brest"})', LINE]


def test_rich_redraws_only_the_block_under_way():
    """A paragraph that is whole is printed once, and never drawn again: nothing flickers (P41)."""
    words = [f"one{n} " for n in range(5)] + ["\n\n"] + [f"two{n} " for n in range(5)]
    deltas = [TextDelta(word, slot=0) for word in words]
    text = on_rich([*deltas, Completed(Completion())], force_terminal=True)
    assert text.rindex("one0") < text.index("two0")
    assert text.count("one4") <= 3  # drawn as it came, when the block ended, and printed


def test_rich_leaves_the_terminal_as_it_was():
    """After an error in the middle of a block, its text is printed and the cursor is back."""
    console = pytest.importorskip("rich.console", reason="needs rich (pip install 'streamkit[check]')")
    out = io.StringIO()

    def events() -> Iterator[Event]:
        yield TextDelta("half a **sen", slot=0)
        raise TruncatedStreamError("cut off")

    on = console.Console(file=out, width=60, height=20, _environ={}, force_terminal=True)
    with pytest.raises(TruncatedStreamError):
        show(events(), view=RichView(on, Clock()))
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
    """Only what no later text can change is printed for good."""
    assert split_blocks(markdown) == (whole, rest)


# -- where it runs ------------------------------------------------------------------------


def test_a_notebook_is_recognised_by_its_kernel(monkeypatch: pytest.MonkeyPatch):
    """IPython with a kernel is a notebook; IPython on a terminal is a terminal."""
    screen = Screen()
    shell = SimpleNamespace(kernel=object())
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=screen))
    assert isinstance(find_view(), NotebookView)
    show(TURN)
    assert screen.text[1] == "It is **high**."
    del shell.kernel
    assert isinstance(find_view(), TerminalView)


def test_a_file_gets_plain_text(monkeypatch: pytest.MonkeyPatch):
    """`python script.py > log` holds no colours, with or without rich."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    show(TURN)
    assert "\x1b" not in out.getvalue()


def test_results_show_themselves():
    """A Completion or item as the last line of a cell is rendered, not printed."""
    assert ITEMS[1]._repr_html_() == "<p>It is <strong>high</strong>.</p>"
    assert ANSWER._repr_html_() == (
        "<details><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>"
        "<p>It is <strong>high</strong>.</p>"
        "<p><strong>tide</strong>(<code>{&quot;port&quot;: &quot;Brest&quot;}</code>)</p>"
        "<p><small>m · tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012</small></p>"
    )


def test_a_recorded_stream_is_shown():
    """What `read_events` yields is what `show` takes."""
    body = (FIXTURES / "deepseek/reasoning_then_call.sse").read_bytes()
    assert on_terminal(read_events([body])).startswith(
        '[reasoning] Tide?\nAsking.\nget_tide({"port": "Brest"})\ntool_calls'
    )
