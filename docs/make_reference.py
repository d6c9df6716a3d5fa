"""Write docs/reference/: a page for each group of public names, which mkdocstrings fills from the docstrings.

    python docs/make_reference.py

A test fails if a page is stale, or if a public name is on no page.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent / "reference"
sys.path.insert(0, str(FOLDER.parent.parent))

import streamkit  # noqa: E402 - the clone's own

# Title, a sentence, and the names of `streamkit` and of its public modules; for errors, all of them.
GROUPS: dict[str, tuple[str, str, str]] = {
    "client": (
        "Client and stream",
        "Send requests, and read answers as they arrive.",
        "Client Stream Fallback Timeouts RetryPolicy Limits AppInfo ProviderPreferences genai_prices",
    ),
    "jobs": (
        "Jobs",
        "Many prompts with one call: see `Client.map`.",
        "MapRun MapReport Answer read_journal",
    ),
    "events": (
        "Events",
        "Each event of a stream is one of these.",
        "Event Opened Retrying Started ItemStarted TextDelta RefusalDelta ReasoningDelta ToolCallDelta ItemDone "
        "UsageReport KeepAlive BadFrame Unknown ToolFinished Completed",
    ),
    "answers": (
        "Answers",
        "The whole answer, or the part that arrived.",
        "Completion Choice Usage PartialJSON",
    ),
    "items": (
        "Items and parts",
        "A conversation is a list of items; a message is a list of parts. `load` and `save` keep it in a file.",
        "Item Message Reasoning FunctionCall FunctionCallOutput CustomToolCall CustomToolCallOutput "
        "LocalShellCall WebSearchCall Note UnknownItem InputText InputImage InputAudio InputFile OutputText "
        "OutputImage OutputAudio Refusal UnknownPart Origin load save history.unreadable history.check_writable "
        "media.image media.audio media.file media.document",
    ),
    "tools": (
        "Tools and agents",
        "Functions that a model calls.",
        "tool ToolSpec tools.call_tool tools.output_of tools.bind tools.load agent.run agent.AgentRun "
        "agent.AgentResult agent.Turn agent.StopRun",
    ),
    "reading": (
        "Reading bytes",
        "Events from bytes of any source: no client, no network.",
        "read_events read_frames aggregate events_from_completion Frame",
    ),
    "recordings": (
        "Recordings and tests",
        "Replay answers, and fake them.",
        "replay ReplayTransport Cache testing.FakeTransport testing.FakeReply testing.FakeClock testing.chat_stream "
        "testing.responses_stream testing.refusal testing.sse testing.chunkings serve.serve serve.ReplayServer",
    ),
    "display": (
        "Showing",
        "Draw a stream in a notebook or on a terminal.",
        "show display.find_view display.View display.item_html display.item_text display.completion_html "
        "display.usage_line display.printable",
    ),
    "profiles": ("Profiles", "Gateways as data.", "Profile PROFILES load_profiles profiles.find_profile"),
    "observers": (
        "Observers",
        "Facts about each stream, for logs, metrics and traces.",
        "Observer Operation AttemptStarted Ended RunStarted ToolStarted ToolEnded RunEnded "
        "opentelemetry_observer",
    ),
    "errors": ("Errors", "Every exception that streamkit raises.", ""),
}
_PATHS = {
    "Event": "streamkit.events.Event",
    "Item": "streamkit.items.Item",
    "Observer": "streamkit.client.observers.Observer",
    "PROFILES": "streamkit.profiles.known.PROFILES",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its name. Raises `LookupError` if a public name is on no page."""
    errors = " ".join(name for name in streamkit.__all__ if name.endswith("Error"))
    left = {name for name in streamkit.__all__ if not isinstance(getattr(streamkit, name), ModuleType)}
    left.discard("__version__")
    texts = {}
    for page, (title, sentence, names) in GROUPS.items():
        wanted = (names or errors).split()
        left -= set(wanted)
        blocks = "".join(f"\n::: {path_of(name)}\n" for name in wanted)
        texts[page] = f"# {title}\n\n{sentence}\n{blocks}"
    if left:
        raise LookupError(f"on no page: {', '.join(sorted(left))}")
    return texts


def path_of(name: str) -> str:
    """Return the path of the definition of a public name, where mkdocstrings finds it."""
    value: Any = streamkit
    for part in name.split("."):
        if isinstance(value, ModuleType):
            value = getattr(value, part, None) or import_module(f"streamkit.{part}")
    if isinstance(value, type) or callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return _PATHS[name]  # an alias or a table has no path of its own


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
