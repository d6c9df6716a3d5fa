"""The live view: the displays of a notebook, how often they are drawn, and the choice of a view."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from streamkit import (
    Completed,
    Completion,
    Event,
    ItemDone,
    ItemStarted,
    Message,
    ReasoningDelta,
    Retrying,
    ServerError,
    TextDelta,
    ToolFinished,
    TruncatedStreamError,
    UsageError,
)
from streamkit.completion import Choice
from streamkit.display import NotebookView, TerminalView, find_view, show
from streamkit.display.terminal import RichView
from streamkit.testing import FakeClock

from .shown import ANSWER, CALL, ITEMS, LINE, TURN, USAGE, ticking


class Screen:
    """IPython's `display`: each call adds a place to the page, which its handle updates."""

    def __init__(self) -> None:
        self.pages: list[list[dict[str, str]]] = []  # for each place, every content that it ever had

    def __call__(self, bundle: dict[str, str], *, raw: bool, display_id: bool = False) -> Any:
        assert raw
        page = [bundle]
        self.pages.append(page)
        return SimpleNamespace(update=lambda bundle, *, raw: page.append(bundle)) if display_id else None

    @property
    def html(self) -> list[str]:
        """The HTML on the page now."""
        return [page[-1]["text/html"] for page in self.pages]

    @property
    def text(self) -> list[str]:
        return [page[-1]["text/plain"] for page in self.pages]


def on_notebook(events: Any, seconds: float = 0.2) -> Screen:
    """Return a notebook's page after *events*, which arrive so many *seconds* apart."""
    clock, screen = FakeClock(), Screen()
    show(ticking(events, clock, seconds), view=NotebookView(screen, clock.now), now=clock.now)
    return screen


# -- show ---------------------------------------------------------------------------------


def test_show_returns_the_completion():
    """`show` draws the events and returns the Completion, as `result()` does."""
    assert show(TURN, view=TerminalView(io.StringIO())) is ANSWER


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), TruncatedStreamError("cut off")], ids=["ctrl-c", "cut"]
)
def test_the_partial_answer_stays_and_the_error_is_raised(error: BaseException):
    """An interrupted cell keeps the partial answer visible, and the stream is closed."""
    closed = []

    class Source:
        def __iter__(self) -> Iterator[Event]:
            yield TextDelta("It is ", snapshot="It is ", slot=0)
            raise error

        def close(self) -> None:
            closed.append(True)

    clock, screen = FakeClock(), Screen()
    clock.advance(0.05)
    with pytest.raises(type(error)) as raised:
        show(Source(), view=NotebookView(screen, clock.now), now=clock.now)
    assert raised.value is error
    assert closed == [True]
    assert screen.text == [
        "It is ",
        "KeyboardInterrupt" if not str(error) else "TruncatedStreamError: cut off",
    ]


def test_an_interrupt_has_a_short_traceback():
    """Ctrl-C shows no frames of the network code, which would fill a notebook's screen."""

    def events() -> Iterator[Event]:
        yield TextDelta("x", slot=0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        show(events(), view=TerminalView(io.StringIO()))
    assert [entry.name for entry in raised.traceback][1:] == ["show"]


def test_events_without_an_end_are_refused():
    """If the events end without a Completed, `show` raises UsageError."""
    with pytest.raises(UsageError, match="got no Completed"):
        show(TURN[:-1], view=TerminalView(io.StringIO()))


def test_a_recording_read_at_once_has_no_speed():
    """Tokens per second are shown only if measurable time passed."""
    clock, screen = FakeClock(), Screen()
    show(TURN, view=NotebookView(screen, clock.now), now=clock.now)
    assert screen.text[-1] == (
        "tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012 · 0.0 s, first text after 0.0 s"
    )


def test_an_agents_turns_follow_each_other():
    """Slots start at 0 in each turn; usage is summed; `show` returns the last Completion."""
    second = Completion(
        choices=[Choice(items=[Message("assistant", "Done.")], finish_reason="stop")], usage=USAGE
    )
    events = [
        *TURN,
        ToolFinished(CALL, "4 m"),
        TextDelta("Done.", snapshot="Done.", slot=0),
        Completed(second),
    ]
    clock, screen = FakeClock(), Screen()
    assert show(ticking(events, clock, 0.2), view=NotebookView(screen, clock.now), now=clock.now) is second
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
    """The page has folded reasoning, the rendered answer, the call with its arguments, and a last line."""
    screen = on_notebook(TURN)
    assert screen.html == [
        "<details><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>",
        "<p>It is <strong>high</strong>.</p>",
        "<p><strong>tide</strong>(<code>{&quot;port&quot;: &quot;Brest&quot;}</code>)</p>",
        f"<p><small>{LINE}</small></p>",
    ]
    assert screen.text == ["Hm, tides.", "It is **high**.", 'tide({"port": "Brest"})', LINE]


def test_items_are_seen_growing():
    """While they arrive, reasoning is unfolded, and a call shows its arguments so far, in place."""
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
    """300 deltas in three seconds cause at most 30 updates and a last one with the whole text."""
    deltas = [TextDelta("x", snapshot="x" * n, slot=0) for n in range(1, 301)]
    done = Completion(choices=[Choice(items=[Message("assistant", "x" * 300)])])
    screen = on_notebook([*deltas, Completed(done)], seconds=0.01)
    assert 20 <= len(screen.pages[0]) <= 32
    assert screen.text[0] == "x" * 300


def test_drawing_takes_a_tenth_of_the_time_at_most():
    """If an update takes 50 ms, the next one waits 450 ms, so a long answer doesn't slow its stream."""
    clock = FakeClock()

    class Slow(Screen):
        def __call__(self, bundle: dict[str, str], **options: Any) -> Any:
            clock.advance(0.05)
            handle = super().__call__(bundle, **options)
            if handle is None:
                return None
            drawn = handle.update

            def update(bundle: dict[str, str], *, raw: bool) -> None:
                clock.advance(0.05)
                drawn(bundle, raw=raw)

            return SimpleNamespace(update=update)

    screen = Slow()
    deltas = [TextDelta("x", snapshot="x" * n, slot=0) for n in range(1, 301)]
    show(
        ticking([*deltas, Completed(Completion())], clock, 0.01),
        view=NotebookView(screen, clock.now),
        now=clock.now,
    )
    assert len(screen.pages[0]) <= 8


def test_a_finished_item_is_not_drawn_again():
    """While the second item grows, the first one isn't updated: it neither flickers nor folds."""
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
    """An item without content isn't shown."""
    screen = on_notebook([ItemStarted("message", slot=0), Completed(Completion())])
    assert screen.text == ["no finish reason · 0.4 s"]


def test_a_retry_is_shown_while_it_waits():
    """A note has the error and the delay."""
    screen = on_notebook([Retrying(1, 2.0, ServerError("down")), *TURN])
    assert screen.html[0] == "<p><em>attempt 1 failed (down); trying again in 2.0 s</em></p>"


def test_an_error_message_is_text():
    """A server's error message is escaped too."""
    screen = Screen()

    def events() -> Iterator[Event]:
        yield TextDelta("x", snapshot="x", slot=0)
        raise ServerError("<script>alert(1)</script>")

    with pytest.raises(ServerError):
        show(events(), view=NotebookView(screen, FakeClock().now))
    assert screen.html[-1] == "<p><small>ServerError: &lt;script&gt;alert(1)&lt;/script&gt;</small></p>"


# -- the choice of a view -----------------------------------------------------------------


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


class Terminal(io.StringIO):
    """Standard output on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "no rich"])
@pytest.mark.parametrize(
    ("variables", "view", "has_colours"),
    [
        ({"TERM": "xterm-256color"}, RichView, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, RichView, False),
        ({"TERM": "dumb"}, TerminalView, False),
        ({"TERM": "unknown"}, TerminalView, False),
    ],
    ids=["colours", "NO_COLOR", "dumb", "unknown"],
)
def test_the_view_is_the_terminals(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], view: type, has_colours: bool, rich: bool
):
    """A terminal that can't move its cursor gets each piece at once: with rich, it got whole blocks only."""
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    found = find_view()
    assert type(found) is (view if rich else TerminalView)
    found.take(ReasoningDelta(slot=0, text="By the moon."))
    assert ("\x1b[" in out.getvalue()) is has_colours
    found.take(TextDelta(slot=1, text="High "))
    found.take(TextDelta(slot=1, text="tide"))
    if view is TerminalView:
        assert out.getvalue() == "[reasoning] By the moon.\nHigh tide"


def test_a_file_gets_plain_text(monkeypatch: pytest.MonkeyPatch):
    """The output of `python script.py > log` has no colours, with or without rich."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    show(TURN)
    assert "\x1b" not in out.getvalue()


def test_results_show_themselves():
    """A Completion or an item in the last line of a cell is rendered."""
    assert ITEMS[1]._repr_html_() == "<p>It is <strong>high</strong>.</p>"
    assert ANSWER._repr_html_() == (
        "<details><summary>Reasoning (10 characters)</summary><p>Hm, tides.</p></details>"
        "<p>It is <strong>high</strong>.</p>"
        "<p><strong>tide</strong>(<code>{&quot;port&quot;: &quot;Brest&quot;}</code>)</p>"
        "<p><small>m · tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012</small></p>"
    )


def test_results_show_themselves_without_html():
    """For front ends without HTML, results are blocks of code, since a model's text isn't our Markdown."""
    assert ITEMS[1]._repr_markdown_() == "```\nIt is **high**.\n```\n"
    assert ANSWER._repr_markdown_() == (
        "Reasoning:\n\n```\nHm, tides.\n```\n"
        "\n```\nIt is **high**.\n```\n"
        '\n```\ntide({"port": "Brest"})\n```\n'
        "\n```\n[m · tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012]\n```\n"
    )
