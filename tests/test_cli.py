"""The command line: its output, its errors, its exit status, and the modules that it imports."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamkit import APIError, TruncatedStreamError, UsageError, __version__
from streamkit.cli import COMMANDS, main
from streamkit.cli.output import error_text, one_line, print_line
from streamkit.wires import WIRES

from .processes import spawn


def sse(**choice: Any) -> bytes:
    """Return one event of a stream; *usage* goes next to the choices."""
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
    """A line has kind, slot and facts; text is quoted, so a line end in it doesn't break the line."""
    status, out, err = run(capsys, "show", str(recorded))
    assert (status, err) == (0, "")
    # Sorted, because the command doesn't decide when an item closes.
    assert sorted(out.splitlines()) == sorted(EVENTS.strip().splitlines())
    assert out.splitlines()[-1] == "Completed            tool_calls; 3 items"


def test_show_final_prints_whole_items_only(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--final prints the events of `aggregate`: each item once, with its whole content."""
    status, out, _ = run(capsys, "show", str(recorded), "--final")
    assert status == 0
    assert out.splitlines() == [
        "ItemDone        0    reasoning Hm.",
        "ItemDone        1    message Hi␊there",
        'ItemDone        2    function_call look({"at": 1})',
        "Completed            tool_calls; 3 items",
    ]


def test_show_json_prints_one_object_a_line(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, every line is an object that names its event."""
    status, out, _ = run(capsys, "show", str(recorded), "--json")
    assert status == 0
    objects = [json.loads(line) for line in out.splitlines()]
    assert len(objects) == len(EVENTS.strip().splitlines())
    assert [o["text"] for o in objects if o["event"] == "TextDelta"] == ["Hi\n", "there"]
    assert objects[-1]["event"] == "Completed"


def test_show_detects_the_wire(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A body of the Responses API needs no --wire."""
    done = {"type": "response.completed", "response": {"id": "r1", "status": "completed", "output": []}}
    path = tmp_path / "r.sse"
    path.write_text(f"event: response.completed\ndata: {json.dumps(done)}\n\n", encoding="utf-8")
    status, out, _ = run(capsys, "show", str(path))
    assert (status, out.splitlines()[-1]) == (0, "Completed            stop (completed); 0 items")


def test_show_reads_standard_input_incrementally() -> None:
    """`-` prints an event when its bytes arrive, not when the writer closes the pipe."""
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
    """The events of a cut stream are printed; then one line names the error, and the status is 1."""
    path = tmp_path / "cut.sse"
    path.write_bytes(TEXT)
    status, out, err = run(capsys, "show", str(path))
    assert status == 1
    assert "TextDelta       1    'there'" in out.splitlines()
    assert err.startswith("streamkit: TruncatedStreamError: ")
    assert ".partial" not in err, "an attribute of the exception is of no use on the command line"
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
    """A failure prints one line on standard error, never a traceback."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    got, out, err = run(capsys, *(a.format(file=path, dir=tmp_path) for a in argv))
    assert (got, out) == (status, "")
    assert err.startswith("streamkit: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        pytest.param(["show"], "FILE", id="no file"),
        pytest.param(["demo", "--speed", "-1"], "--speed: expected 0 or a factor such as 2.5", id="speed"),
        pytest.param(["demo", "--speed", "fast"], "got 'fast'", id="no number"),
        pytest.param(["chat", "hi"], "--model", id="no model"),
        pytest.param(["serve", "x", "--port", "65536"], "--port: expected a number from 0 to", id="port"),
        pytest.param(["chat", "hi", "-m", "m", "--param", "system=x"], "use --system", id="system"),
        pytest.param(["chat", "hi", "-m", "m", "--param", "stream=1"], "is streamed", id="stream"),
        pytest.param(["--quiet", "chat", "hi", "--model", "m"], "--quiet", id="an option in front"),
        pytest.param(["none-such", "chat"], "none-such", id="a command behind a wrong one"),
    ],
)
def test_a_wrong_command_line_is_status_2(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """argparse prints the usage and the argument that is wrong; the status is 2."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    err = capsys.readouterr().err
    assert caught.value.code == 2
    assert err.startswith("usage: streamkit")
    assert complaint in err


def test_an_unknown_command_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the wrong word and every command."""
    with pytest.raises(SystemExit) as caught:
        main(["none-such"])
    err = capsys.readouterr().err
    assert caught.value.code == 2
    for word in ("none-such", *COMMANDS):
        assert word in err


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Bare `streamkit` prints the help on standard error; status 2, because the command is missing."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert main([]) == 2
    assert capsys.readouterr() == ("", text)


def test_help_lists_the_commands_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """--help prints every command with its purpose, and the meaning of every exit status."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^    {name} +{re.escape(summary)}$", out, re.MULTILINE)
    for status in ("0", "1", "2", "130", "141"):
        assert f"\n  {status:<3}  " in out


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`streamkit --version` prints the version of the package."""
    with pytest.raises(SystemExit) as caught:
        main([option])
    assert (caught.value.code, capsys.readouterr().out) == (0, f"streamkit {__version__}\n")


LOADED = """
import sys
from streamkit.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("loaded:", *sorted(sys.modules))
"""


def loaded_by(*argv: str) -> set[str]:
    """Return the modules that are loaded after the command line *argv*."""
    command = [sys.executable, "-c", LOADED, *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_imports_no_command() -> None:
    """`streamkit --help` imports no module of a command, and no dependency."""
    loaded = loaded_by("--help")
    commands = {f"streamkit.{target.removesuffix(':')}" for target, _ in COMMANDS.values()}
    assert loaded & commands == set()
    assert loaded & {"requests", "cattrs", "sseclient", "http.server", "streamkit.client"} == set()


def test_a_command_imports_its_own_module_only() -> None:
    """`streamkit show --help` imports neither the other commands nor requests."""
    loaded = loaded_by("show", "--help")
    commands = {name for name in COMMANDS if f"streamkit.cli.{name}" in loaded}
    assert commands == {"show"}
    assert "requests" not in loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row of the table names a module with `configure` and `run`; its help fits 80 columns."""
    target, _ = COMMANDS[name]
    module = importlib.import_module(f"streamkit.{target.removesuffix(':')}")
    assert callable(module.configure)
    assert callable(module.run)
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    out, err = capsys.readouterr()
    assert (caught.value.code, err) == (0, "")
    assert out.startswith(f"usage: streamkit {name} ")
    description = out.partition("\n\n")[2].partition("\n\n")[0]
    assert max(map(len, description.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("chat", "--wire"),
        ("record", "--wire"),
        ("show", "--wire"),
        ("convert", "--to"),
        ("serve", "clients of"),
    ],
)
def test_the_apis_are_those_of_the_registry(
    command: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row added to the registry is a choice of every command that takes an API."""
    monkeypatch.setitem(WIRES, "telegraph", "streamkit.wires.chat")
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = [line for line in capsys.readouterr().out.splitlines() if option in line]
    assert any("telegraph" in line for line in lines)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            UsageError("base_url: the profile 'generic' has none; pass base_url="),
            "--base-url: the profile 'generic' has none; pass --base-url",
            id="base_url",
        ),
        pytest.param(
            UsageError("api_key: the profile 'openai' needs one; set OPENAI_API_KEY, or pass api_key="),
            "key: the profile 'openai' needs one; set OPENAI_API_KEY, or name its variable with --key-env",
            id="api_key",
        ),
        pytest.param(
            UsageError("no profile 'nix'; known are azure, openai, or pass a Profile"),
            "no profile 'nix'; known are azure, openai",
            id="profile",
        ),
        pytest.param(
            UsageError("profile: expected azure, openai or a Profile, got 'nix'; use wire= or model="),
            "--profile: expected azure, openai, got 'nix'; use --wire or --model",
            id="names",
        ),
        pytest.param(
            UsageError("no parameter 'x'; pass it in extra_body to send it unchanged"),
            "no parameter 'x'; pass it in --param extra_body={...} to send it unchanged",
            id="extra_body",
        ),
        pytest.param(
            UsageError("the model in mine.toml has no base_url_env"),
            "the model in mine.toml has no base_url_env",
            id="other words",
        ),
        pytest.param(
            TruncatedStreamError("the stream ended; .partial holds the text so far; retry it"),
            "the stream ended; retry it",
            id="partial",
        ),
        pytest.param(APIError("base_url= is the server's word"), "base_url= is the server's word", id="API"),
    ],
)
def test_errors_use_the_words_of_the_command_line(error: Any, text: str) -> None:
    """Names of Python arguments become options; a server's message stays unchanged."""
    assert error_text(error) == text


def test_a_closed_pipe_ends_the_command_with_one_line(tmp_path: Path) -> None:
    """`streamkit show ... | head -1` prints no traceback; its status is 141, as after SIGPIPE."""
    path = tmp_path / "long.sse"
    path.write_bytes(TEXT * 5_000 + END)  # more than a pipe holds
    with spawn("show", str(path)) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 141
    assert err == b"streamkit: standard output was closed\n"


def test_ctrl_c_ends_the_command_with_one_line() -> None:
    """An interrupt in the middle of a stream ends the command with status 130 and one line."""
    with spawn("demo") as process:
        assert process.stdout
        assert process.stderr
        shown = b""
        while b"[reasoning] " not in shown:  # only then: an interrupted import prints a traceback
            shown += process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130
    assert err == b"streamkit: interrupted\n"


def test_output_that_the_terminal_cannot_encode_is_escaped(tmp_path: Path) -> None:
    """If the terminal's encoding lacks a character, its escape is printed, and the command continues."""
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
    """A stream whose `isatty` returns True."""

    def isatty(self) -> bool:
        return True


def test_lines_are_cut_to_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets a truncated line, a pipe the whole one."""
    monkeypatch.setenv("COLUMNS", "10")
    for out, expected in ((Tty(), "012345678…\n"), (io.StringIO(), "0123456789abc\n")):
        monkeypatch.setattr(sys, "stdout", out)
        print_line("0123456789abc")
        assert out.getvalue() == expected


def test_quoted_text_stays_on_one_line_and_controls_no_terminal() -> None:
    """Errors and events quote servers and models; line ends and escape sequences are replaced."""
    assert one_line("a\nb\tc\r\nd\x1b[2J\x9b\x7f") == "a␊b c␊d\ufffd[2J\ufffd\ufffd"


def test_colours_go_to_terminals_only(recorded: Path) -> None:
    """A pipe gets no escape sequence, even if the environment asks for colours."""
    env = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    for argv in (["show", str(recorded)], ["demo", "--speed", "0"]):
        with spawn(*argv, env=env) as process:
            out, _ = process.communicate()
        assert b"\x1b" not in out


# -- errors in the words of the command line ------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("chat hi --model m --param extra_headers=1", "--param extra_headers: expected a mapping"),
        ("chat hi --model m --param extra_query=5", "--param extra_query: expected a mapping"),
        (
            "chat hi --model m --param tools=[5]",
            "--param tools[0]: expected an object in the API's own form, got int;",
        ),
        ("chat hi --model m --param n=0", "--param n: expected an integer of at least 1, got 0"),
        (
            "chat hi --model m --base-url http://127.0.0.1:9/v1/responses",
            "--base-url: expected the root of the chat API, got the address of the responses API; "
            "remove /responses from its end, or use --wire responses",
        ),
        ("serve {private}", "FILE: expected a recording or the body of a response, got neither in "),
        ("serve {data}", "FILE: expected a recording or the body of a response, got neither in "),
        ("chat hi --model m --profile zz", "--profile: expected one of anthropic, "),
        (
            "chat hi --model m --base-url foo",
            "--base-url: expected a URL such as http://127.0.0.1:8080/v1, got",
        ),
        ("doctor foo --model m", "URL: expected a URL such as http://127.0.0.1:8080/v1, got 'foo'; add"),
        ("profiles zz", "NAME: expected one of anthropic, "),
    ],
)
def test_a_wrong_word_is_one_line(
    argv: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the option or argument that the user typed, and nothing that exists in Python only."""
    private, data = tmp_path / "private", tmp_path / "data.json"
    private.write_text("root:x:0:0:root:/root:/bin/bash\n", encoding="utf-8")
    data.write_text('{"password": "x", "choices": 7}', encoding="utf-8")
    words = argv.replace("{private}", str(private)).replace("{data}", str(data)).split()
    if words[0] == "chat" and not {"--base-url", "--profile"} & set(words):
        words += ["--base-url", "http://127.0.0.1:9/v1"]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"streamkit: {expected}")
    assert err.count("\n") == 1
    assert not re.search(r"a Profile|ToolSpec|@tool|got an? |None", err)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_descriptor_is_like_the_null_device(tmp_path: Path, closed: str) -> None:
    """Python sets the stream to None then."""
    file = tmp_path / "a.sse"
    file.write_bytes(STREAM)
    command = f'"{sys.executable}" -m streamkit show "{file}" {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("words", "shell", "expected"),
    [
        ("chat -", "<&-", "PROMPT: expected a message with content, got none"),
        ("map - -o /dev/null", "<&-", ""),
        ("chat -", "< caf\xe9", "standard input: expected utf-8 text, got other bytes"),
        ("map - -o rows.out", "< caf\xe9", "FILE: expected UTF-8 text in standard input, got other bytes"),
        ("chat caf\xe9", "", "argument PROMPT: expected text in UTF-8, got other bytes"),
        ("chat hi --system caf\xe9", "", "argument --system: expected text in UTF-8, got other bytes"),
    ],
    ids=["closed", "closed rows", "input", "rows", "word", "option"],
)
def test_text_that_is_no_text_is_not_sent(tmp_path: Path, words: str, shell: str, expected: str) -> None:
    """Replaced characters would go to the model without a sign."""
    (tmp_path / "rows").write_bytes(b"caf\xe9\n")
    shell = "< rows" if shell.startswith("< ") else shell
    command = f'"{sys.executable}" -m streamkit {words} -m m --base-url http://127.0.0.1:9/v1 {shell}'
    done = subprocess.run(
        ["sh", "-c", command.encode("latin-1")],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == (2 if expected else 0)
    assert expected in done.stderr.decode()
    assert b"Traceback" not in done.stderr
