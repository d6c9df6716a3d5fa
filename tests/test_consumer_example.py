"""examples/consumer.py: forty lines that read the streams of every API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONSUMER = ROOT / "examples" / "consumer.py"


def test_the_example_is_forty_lines() -> None:
    """The example fits a page."""
    assert len(CONSUMER.read_text().splitlines()) <= 40


@pytest.mark.parametrize(
    ("stream", "arguments", "printed"),
    [
        pytest.param(
            "openai/tool_calls_parallel",
            [],
            'Checking both.\n-> get_tide({"port":"Brest"})\n-> get_moon({"date": "2025-10-21" })\n'
            "[tool_calls, ? tokens]\n",
            id="chat",
        ),
        pytest.param(
            "openrouter/text_comments_cost", ["openrouter"], "Two words\n[stop, 43 tokens]\n", id="openrouter"
        ),
        pytest.param(
            "responses-openai/text_then_call",
            [],
            'Asking now.\n-> get_tide({"port":"Brest"})\n[tool_calls, 28 tokens]\n',
            id="responses",
        ),
        pytest.param(
            "messages-anthropic/text_call_text",
            ["anthropic"],
            'Let me look.\n-> look({"a":1})One moment.\n[tool_calls, 17 tokens]\n',
            id="messages",
        ),
        pytest.param(
            "gemini-google/thoughts_then_text",
            ["gemini"],
            "Portugal. The sea.Lisbon\n[stop, 43 tokens]\n",
            id="gemini",
        ),
    ],
)
def test_the_same_program_reads_every_wire(stream: str, arguments: list[str], printed: str) -> None:
    """The same program prints text, calls, finish reason and usage of every API."""
    path = ROOT / "fixtures" / f"{stream}.sse"
    done = subprocess.run(
        [sys.executable, CONSUMER, path, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.stdout.lstrip(), done.stderr, done.returncode) == (printed, "", 0)


@pytest.mark.parametrize("name", ["consumer.py", "stream.py"])
def test_without_a_file_or_a_model_the_usage_is_shown(name: str) -> None:
    """Not a traceback."""
    script = ROOT / "examples" / name
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{name} " in done.stderr
    assert "Traceback" not in done.stderr
