"""The command line: what is printed where, and with which exit status it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamkit.cli import main
from streamkit.cli.output import one_line, print_line

from .processes import spawn


def sse(**choice: Any) -> bytes:
    """One block of a stream; *usage* goes beside the choices."""
    usage = choice.pop("usage", None)
    chunk = {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {}, **choice}]}
    return f"data: {json.dumps({**chunk, 'usage': usage} if usage else chunk)}\n\n".encode()


CALL = {"index": 0, "id": "k1", "function": {"name": "look", "arguments": '{"at": 1}'}}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 8},
    "cost": 0.5,
}
COMMENT = b": warming up\n\n"
TEXT = (
    sse(delta={"role": "assistant", "reasoning_content": "Hm."})
    + sse(delta={"content": "Hi\n"})
    + sse(delta={"content": "there"})
)
END = sse(delta={"tool_calls": [CALL]}) + sse(finish_reason="tool_calls", usage=USAGE) + b"data: [DONE]\n\n"
STREAM = COMMENT + TEXT + END

EVENTS = r"""
KeepAlive            warming up
Started              c1 m1
ItemStarted     0    reasoning
ReasoningDelta  0    'Hm.'
ItemStarted     1    message
TextDelta       1    'Hi\n'
TextDelta       1    'there'
ItemStarted     2    function_call look
ToolCallDelta   2    look k1 '{"at": 1}'
ItemDone        0    reasoning
ItemDone        1    message
ItemDone        2    function_call look k1
UsageReport          9 + 4 tokens (8 cached), cost 0.5
Completed            tool_calls; 3 items
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "answer.sse"
    path.write_bytes(STREAM)
    return path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = main(argv)
    out, err = capsys.readouterr()
    return status, out, err


def test_show_prints_one_line_an_event(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, slot and facts; text is quoted, so that no line end of the model's breaks a line."""
    status, out, err = run(capsys, "show", str(recorded))
    assert (status, err) == (0, "")
    # When an item is closed is not this command's affair; hence sorted.
    assert sorted(out.splitlines()) == sorted(EVENTS.strip().splitlines())
    assert out.splitlines()[-1] == "Completed            tool_calls; 3 items"


def test_show_final_prints_whole_items_only(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--final goes through `aggregate`: each item once, with all that it holds."""
    status, out, _ = run(capsys, "show", str(recorded), "--final")
    assert status == 0
    assert out.splitlines() == [
        "ItemDone        0    reasoning Hm.",
        "ItemDone        1    message Hi␊there",
        'ItemDone        2    function_call look({"at": 1})',
        "Completed            tool_calls; 3 items",
    ]


def test_show_json_prints_one_object_a_line(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is for programs: every line is an object that names its event."""
    status, out, _ = run(capsys, "show", str(recorded), "--json")
    assert status == 0
    objects = [json.loads(line) for line in out.splitlines()]
    assert len(objects) == len(EVENTS.strip().splitlines())
    assert [o["text"] for o in objects if o["event"] == "TextDelta"] == ["Hi\n", "there"]
    assert objects[-1]["event"] == "Completed"


def test_show_tells_the_wire_by_looking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A body of the Responses API needs no option."""
    done = {"type": "response.completed", "response": {"id": "r1", "status": "completed", "output": []}}
    path = tmp_path / "r.sse"
    path.write_text(f"event: response.completed\ndata: {json.dumps(done)}\n\n", encoding="utf-8")
    status, out, _ = run(capsys, "show", str(path))
    assert (status, out.splitlines()[-1]) == (0, "Completed            stop (completed); 0 items")


def test_show_reads_standard_input_as_it_comes() -> None:
    """`-` shows an event as soon as it is there, not when the writer closes the pipe."""
    with spawn("show", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(COMMENT)
        process.stdin.flush()
        assert process.stdout.readline() == b"KeepAlive            warming up\n"
        process.stdin.write(TEXT + END)
        process.stdin.close()
        assert process.stdout.read().endswith(b"Completed            tool_calls; 3 items\n")
    assert process.returncode == 0


def test_show_prints_what_arrived_before_a_stream_was_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cut stream is shown as far as it goes; then one line says so, and the status is 1."""
    path = tmp_path / "cut.sse"
    path.write_bytes(TEXT)
    status, out, err = run(capsys, "show", str(path))
    assert status == 1
    assert "TextDelta       1    'there'" in out.splitlines()
    assert err.startswith("streamkit: TruncatedStreamError: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "content", "status", "says"),
    [
        pytest.param(["show", "{file}"], None, 2, "No such file or directory", id="no file"),
        pytest.param(["show", "{dir}"], None, 2, "Is a directory", id="a directory"),
        pytest.param(["show", "{file}"], b"", 1, "NotAnEventStreamError: ", id="empty"),
        pytest.param(["show", "{file}"], b"\x7fELF\x00\xff", 1, "NotAnEventStreamError: ", id="binary"),
        pytest.param(["show", "{file}"], b"<html>\n<b>502</b>\n", 1, "an HTML page", id="html"),
        pytest.param(["show", "{file}"], b'{"error": {"message": "no\\nway"}}', 1, "no", id="json error"),
        pytest.param(["show", "{file}", "--profile", "none-such"], STREAM, 2, "none-such", id="profile"),
    ],
)  # fmt: skip
def test_failures_are_one_line_and_a_status(
    argv: list[str],
    content: bytes | None,
    status: int,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing ends in a traceback, and every reason fits a line on standard error."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    got, out, err = run(capsys, *(a.format(file=path, dir=tmp_path) for a in argv))
    assert (got, out) == (status, "")
    assert err.startswith("streamkit: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "argv", [[], ["none-such"], ["show"], ["demo", "--speed", "-1"], ["chat", "hi"]], ids=str
)
def test_a_wrong_command_line_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """argparse says how to use the command, and the status is that of wrong usage."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: streamkit")


def test_help_lists_the_commands_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """--help teaches: every command with its purpose, and what the statuses mean."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    for word in ("demo", "chat", "show", "exit status:", "130", "141"):
        assert word in out


def test_help_does_not_load_the_network() -> None:
    """--help is quick: requests and cattrs stay unloaded."""
    code = (
        "import sys; from streamkit.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'requests', 'cattrs', 'sseclient', 'http.server'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_the_command_with_one_line(tmp_path: Path) -> None:
    """`streamkit show ... | head -1` is no traceback: status 141, like any program that SIGPIPE ends."""
    path = tmp_path / "long.sse"
    path.write_bytes(TEXT * 5_000 + END)  # more than a pipe holds
    with spawn("show", str(path)) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 141
    assert err == b"streamkit: the program that read the output went away\n"


def test_ctrl_c_ends_the_command_with_one_line() -> None:
    """An interrupt in the middle of a stream: status 130, and what was shown stays shown."""
    with spawn("demo") as process:
        assert process.stdout
        assert process.stderr
        shown = b""
        while b"[reasoning] " not in shown:  # the stream is under way; CPython's imports take it worse
            shown += process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130
    assert err == b"streamkit: interrupted\n"


def test_output_that_the_terminal_cannot_encode_is_escaped(tmp_path: Path) -> None:
    """A terminal without the character gets its escape; the command goes on."""
    path = tmp_path / "a.sse"
    path.write_text(
        'data: {"choices":[{"delta":{"content":"çé"},"finish_reason":"stop"}]}\n\n', encoding="utf-8"
    )
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with spawn("show", str(path), env=env) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"'\\xe7\\xe9'" in out


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_are_cut_to_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """One event stays one line on a terminal; a pipe gets all of it."""
    monkeypatch.setenv("COLUMNS", "10")
    for out, expected in ((Tty(), "012345678…\n"), (io.StringIO(), "0123456789abc\n")):
        monkeypatch.setattr(sys, "stdout", out)
        print_line("0123456789abc")
        assert out.getvalue() == expected


def test_what_a_server_says_stays_on_one_line_and_off_the_controls() -> None:
    """Errors and events may quote anything: no line end and no escape sequence gets through."""
    assert one_line("a\nb\tc\r\nd\x1b[2J\x9b\x7f") == "a␊b c␊d\ufffd[2J\ufffd\ufffd"


def test_colours_go_to_terminals_only(recorded: Path) -> None:
    """What a pipe gets holds no escape sequence, whatever the environment says of colours."""
    env = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    for argv in (["show", str(recorded)], ["demo", "--speed", "0"]):
        with spawn(*argv, env=env) as process:
            out, _ = process.communicate()
        assert b"\x1b" not in out
