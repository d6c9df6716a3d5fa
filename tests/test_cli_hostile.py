"""The command line and hostile answers: nothing that a model writes controls the terminal or is lost."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from streamkit.cli import main
from streamkit.json_text import dumps_for_terminal
from streamkit.recordings.format import Ending, Recording, TimedChunk

from .faultserver import FaultServer, delta, ok, sse

# A clipboard write (OSC 52), a cleared screen, a carriage return, CSI and OSC in C1, DEL, bidi controls.
HOSTILE = "\x1b]52;c;cm0gLXJm\x07\x1b[2Jsafe\rrm -rf\x9b2J\x9d0;x\x9c\x7f\u202efdp.exe\u2066end"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ANSWER = sse(delta(HOSTILE), delta(finish="stop"), "[DONE]")
CUT = sse(delta("half an "), delta("answer"))


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "hostile.sse"
    path.write_bytes(ANSWER)
    return path


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    path = tmp_path / "cut.sse"
    path.write_bytes(CUT)
    return path


def ask(command: str, server: FaultServer, tmp_path: Path) -> list[str]:
    words = ["Hi", "-q", "--model", "m", "--base-url", server.url]
    return [command, *([str(tmp_path / "r.jsonl")] if command == "record" else []), *words]


@pytest.mark.parametrize("command", ["chat", "record"])
def test_quiet_answers_control_no_terminal(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-q` prints replacement characters on a terminal, and the text unchanged to a pipe."""
    with FaultServer(lambda peer: peer.send(ok(ANSWER))) as server:
        assert main(ask(command, server, tmp_path)) == 0
        assert capsys.readouterr().out == HOSTILE + "\n"
        screen = Tty()
        monkeypatch.setattr(sys, "stdout", screen)
        assert main(ask(command, server, tmp_path)) == 0
    assert STEERING.findall(screen.getvalue()) == []
    assert "safe\ufffdrm -rf" in screen.getvalue()


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_converted_text_controls_no_terminal(
    form: str, recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`convert` prints replacement characters on a terminal; `--to text` is unchanged to a pipe."""
    assert main(["convert", str(recorded), "--to", form]) == 0
    piped = capsys.readouterr().out
    assert form == "markdown" or piped == HOSTILE + "\n"
    screen = Tty()
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["convert", str(recorded), "--to", form]) == 0
    assert STEERING.findall(screen.getvalue()) == []


@pytest.mark.parametrize(
    "argv",
    [
        ["show", "--json"],
        ["show", "--json", "--final"],
        *(["convert", "--to", to] for to in ("chat", "responses", "messages", "gemini", "events")),
    ],
    ids=" ".join,
)
def test_json_has_no_control_character(
    argv: list[str], recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON escapes C1 and bidirectional controls too, even to a pipe; programs read the same text."""
    assert main([*argv, str(recorded)]) == 0
    out = capsys.readouterr().out
    assert STEERING.findall(out) == []
    texts = (
        json.loads(out)
        if argv[0] == "convert" and argv[2] != "events"
        else [*map(json.loads, out.splitlines())]
    )
    assert json.dumps(HOSTILE)[1:-1] in json.dumps(texts)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_for_a_terminal_reads_back_the_same(indent: int | None) -> None:
    """Escapes change no value; other letters stay readable; NaN is null, as in `dumps`."""
    value = {f"key {HOSTILE}": [HOSTILE, "é 漢 שלום", "\ud83d", 1.5, float("nan"), None]}
    text = dumps_for_terminal(value, indent=indent)
    assert STEERING.findall(text) == []
    assert "é 漢 שלום" in text
    assert json.loads(text) == {f"key {HOSTILE}": [HOSTILE, "é 漢 שלום", "\ud83d", 1.5, None, None]}


# -- answers that were cut off ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["show", "--final"], "Unfinished           message half an answer\n"),
        (["convert", "--to", "text"], "half an answer\n"),
        (["convert", "--to", "markdown"], "half an answer\n"),
    ],
    ids=str,
)
def test_a_cut_answer_is_printed_before_its_error(
    argv: list[str], expected: str, cut: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text that arrived is on standard output, the error on standard error; the status is 1."""
    assert main([*argv, str(cut)]) == 1
    out, err = capsys.readouterr()
    assert out == expected
    assert err.startswith("streamkit: TruncatedStreamError: ")


def test_a_cut_answer_converts_to_a_document(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has the text, and no finish reason: none was received."""
    assert main(["convert", str(cut)]) == 1
    (choice,) = json.loads(capsys.readouterr().out)["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("half an answer", None)


def test_the_final_json_of_a_cut_answer_has_its_items(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unfinished item is a line of its own kind, so that no program takes it for finished."""
    assert main(["show", "--final", "--json", str(cut)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    data = json.loads(line)
    assert (data["event"], data["choice"]) == ("Unfinished", 0)
    assert data["item"]["content"][0]["text"] == "half an answer"


def test_diff_compares_the_text_of_cut_answers(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two streams that broke off with the same error differ if their texts do."""
    other = tmp_path / "other.sse"
    other.write_bytes(sse(delta("half of it")))
    assert main(["diff", str(cut), str(other)]) == 1
    assert "-Unfinished           message half an answer\n" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["show", "convert"])
def test_a_recorded_reset_gives_the_text_too(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recording whose connection was reset is a cut answer like any other."""
    path = tmp_path / "reset.jsonl"
    whole = Recording.of(CUT)
    Recording(whole.header, (TimedChunk(0.1, CUT),), Ending("reset", 0.2, "reset by peer")).save(path)
    options = ["--final"] if command == "show" else ["--to", "text"]
    assert main([command, str(path), *options]) == 1
    out, err = capsys.readouterr()
    assert "half an answer" in out
    assert "APIConnectionError" in err
