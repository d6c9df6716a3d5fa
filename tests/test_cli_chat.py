"""`streamkit chat` against a server on this machine: its requests, its output, the history that it keeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamkit import Message, load
from streamkit.cli import main
from streamkit.testing import responses_stream

from .faultserver import FaultServer, Peer, delta, head, ok, refusal, sse
from .processes import spawn

ANSWER = sse(
    {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]},
    delta("Hel"),
    delta("lo"),
    delta(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}),
    "[DONE]",
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.endswith(("_API_KEY", "_BASE_URL", "_proxy", "_PROXY"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(lambda peer: peer.send(ok(ANSWER))) as server:
        yield server


@pytest.fixture
def chat(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `streamkit chat --model m ...`: status, standard output, standard error."""

    def run(*argv: str) -> tuple[int, str, str]:
        status = main(["chat", "--model", "m", *argv])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def body(server: FaultServer, number: int = 0) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(server.asked[number].body)
    return asked


def test_text_goes_to_standard_output_and_usage_to_standard_error(server: FaultServer, chat: Run) -> None:
    """`streamkit chat ... > file` writes only the answer to the file."""
    status, out, err = chat("Say hi", "--base-url", server.url)
    assert (status, out) == (0, "Hello\n")
    assert err.startswith("m, stop, 3 + 2 tokens, first event after ")
    assert err.count("\n") == 1
    assert server.asked[0].path == "/v1/chat/completions"
    assert body(server)["messages"] == [{"role": "user", "content": "Say hi"}]
    assert body(server)["model"] == "m"


def test_a_refusal_is_printed_like_text(chat: Run) -> None:
    """If the model refuses, the refusal is printed in place of the answer."""
    refused = {"choices": [{"index": 0, "delta": {"refusal": "I will not."}}]}
    with FaultServer(lambda peer: peer.send(ok(sse(refused, delta(finish="stop"), "[DONE]")))) as server:
        assert chat("Hi", "--base-url", server.url, "--quiet") == (0, "I will not.\n", "")


def test_quiet_leaves_the_text_only(server: FaultServer, chat: Run) -> None:
    """With --quiet, standard error is empty unless an error occurs."""
    assert chat("Say hi", "--base-url", server.url, "--quiet") == (0, "Hello\n", "")


def test_options_reach_the_server(
    server: FaultServer, chat: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instructions, parameters (JSON or text), a schema and a key from a variable are sent."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (tmp_path / "count.json").write_text(json.dumps(schema), encoding="utf-8")
    monkeypatch.setenv("MY_KEY", "sk-test-123456")
    status, _, _ = chat(
        *("How many?", "--base-url", server.url, "--key-env", "MY_KEY", "--system", "Be brief."),
        *("--param", "temperature=0.5", "--param", "user=ann", "--json-schema", str(tmp_path / "count.json")),
    )
    assert status == 0
    asked = body(server)
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (asked["temperature"], asked["user"]) == (0.5, "ann")
    assert asked["response_format"]["type"] == "json_schema"
    # Not strict: this schema lacks additionalProperties=false, so OpenAI would refuse strict=true.
    wanted = asked["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("count", False)
    assert wanted["schema"] == {"title": "count", **schema}
    assert server.asked[0].headers["authorization"] == "Bearer sk-test-123456"


def test_timeout_limits_the_silence(chat: Run) -> None:
    """Before the first event and after it; the error names the option."""

    def silent(peer: Peer) -> None:
        if b"first" not in peer.asked.body:
            peer.send(head("200 OK"), sse(delta("Hel")))
        peer.hang()

    with FaultServer(silent) as server:
        for prompt, words in (("first", "didn't answer in time"), ("next", "sent nothing more for 0.2 s")):
            status, _, err = chat(prompt, "--base-url", server.url, "--timeout", "0.2", "--quiet")
            assert status == 1
            assert words in err
            assert err.endswith(" chat --timeout S waits longer\n")


@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf"])
def test_a_timeout_is_seconds(chat: Run, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """argparse names the option."""
    with pytest.raises(SystemExit):
        chat("Hi", "--timeout", value)
    assert f"argument --timeout: expected seconds above 0, got '{value}'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["-"]], ids=["nothing", "dash"])
def test_the_prompt_may_come_from_standard_input(server: FaultServer, words: list[str]) -> None:
    """`echo ... | streamkit chat --model m` sends standard input as the prompt."""
    done = subprocess.run(
        [sys.executable, "-m", "streamkit", "chat", *words, "-m", "m", "--base-url", server.url, "-q"],
        input=b"Say hi",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Hello\n", b"")
    assert body(server)["messages"] == [{"role": "user", "content": "Say hi"}]


@pytest.mark.parametrize("command", [["chat"], ["record", "r.jsonl"]], ids=["chat", "record"])
def test_standard_input_that_is_not_text_is_one_line(command: list[str], tmp_path: Path) -> None:
    """Bytes that can't be decoded end the command with status 2, before a request is sent."""
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "utf8",
            "-m",
            "streamkit",
            *command,
            "--model",
            "m",
            "--base-url",
            "http://x/v1",
        ],
        input=b"\xff",
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"streamkit: standard input: expected utf-8 text, got other bytes\n"


def test_history_continues_in_the_next_run(server: FaultServer, chat: Run, tmp_path: Path) -> None:
    """The second run sends the first turn too; the file contains both turns, one item per line."""
    history = tmp_path / "trip.jsonl"
    for prompt in ("One", "Two"):
        assert chat(prompt, "--base-url", server.url, "--history", str(history))[0] == 0
    sent = [(m["role"], m["content"]) for m in body(server, 1)["messages"]]
    assert sent == [("user", "One"), ("assistant", "Hello"), ("user", "Two")]
    kept = [json.loads(line)["type"] for line in history.read_text(encoding="utf-8").splitlines()]
    assert kept == ["message", "reasoning", "message"] * 2


def test_an_unfinished_answer_is_not_kept(chat: Run, tmp_path: Path) -> None:
    """If the stream breaks off, the partial text and the error are printed, and the history is unchanged."""
    history = tmp_path / "trip.jsonl"
    with FaultServer(lambda peer: peer.send(ok(sse(delta("Hel"))))) as server:
        status, out, err = chat("One", "--base-url", server.url, "--history", str(history))
    assert (status, out) == (1, "Hel\n")
    assert err.startswith("streamkit: TruncatedStreamError: ")
    assert err.count("\n") == 1
    assert not history.exists()


def test_tools_are_run_until_the_model_has_its_answer(chat: Run, tmp_path: Path) -> None:
    """A function of a file is offered and called with the model's arguments; its result is sent back."""
    (tmp_path / "clock.py").write_text(
        'def shift(hour: int) -> int:\n    """An hour later."""\n    return hour + 1\n', encoding="utf-8"
    )
    call = {"index": 0, "id": "k1", "function": {"name": "shift", "arguments": '{"hour": 4}'}}
    asks = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}

    def script(peer: Peer) -> None:
        peer.send(ok(ANSWER if peer.number else sse(asks, "[DONE]")))

    with FaultServer(script) as server:
        status, out, err = chat("Hi", "--base-url", server.url, "--tool", f"{tmp_path / 'clock.py'}:shift")
        assert (status, out) == (0, "Hello\n")
        assert err.startswith("2 turns, 1 calls")
        offered, answered = body(server, 0)["tools"][0], body(server, 1)["messages"][-1]
    assert (offered["function"]["name"], offered["function"]["description"]) == ("shift", "An hour later.")
    assert (answered["role"], answered["tool_call_id"], answered["content"]) == ("tool", "k1", "5")


def test_calls_that_ran_are_kept_if_the_answer_breaks_off(chat: Run, tmp_path: Path) -> None:
    """The history contains the call and its output, so that a later run doesn't call the tool again."""
    (tmp_path / "clock.py").write_text("def shift() -> int:\n    return 5\n", encoding="utf-8")
    call = {"index": 0, "id": "k1", "function": {"name": "shift", "arguments": "{}"}}
    asks = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    history = tmp_path / "trip.jsonl"

    def script(peer: Peer) -> None:
        peer.send(ok(sse(delta("Hel")) if peer.number else sse(asks, "[DONE]")))

    with FaultServer(script) as server:
        shift = f"{tmp_path / 'clock.py'}:shift"
        status, out, _ = chat("Hi", "--base-url", server.url, "--tool", shift, "--history", str(history))
    assert (status, out) == (1, "Hel\n")
    kept = [json.loads(line)["type"] for line in history.read_text(encoding="utf-8").splitlines()]
    assert kept == ["message", "function_call", "function_call_output"]


def test_the_finish_reason_of_a_cut_answer_is_printed(chat: Run) -> None:
    """`length` is in the line on standard error; with --strict the command fails."""
    with FaultServer(
        lambda peer: peer.send(ok(sse(delta("Hel"), delta(finish="length"), "[DONE]")))
    ) as server:
        status, out, err = chat("Hi", "--base-url", server.url)
        assert (status, out) == (0, "Hel\n")
        assert err.startswith("m, length, ")
        status, _, err = chat("Hi", "--base-url", server.url, "--strict")
        assert (status, err.startswith("streamkit: IncompleteResponseError: ")) == (1, True)


def test_a_call_that_is_not_complete_is_an_error(chat: Run) -> None:
    """The model wanted to call a tool, and nothing can be run: a warning, one line, status 1."""
    called = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"x'}}
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [called]}, "finish_reason": "tool_calls"}]}
    with FaultServer(lambda peer: peer.send(ok(sse(chunk, "[DONE]")))) as server:
        status, out, err = chat("Hi", "--base-url", server.url)
    assert (status, out) == (1, "")
    warning, error = err.splitlines()
    assert warning.startswith("streamkit: warning: incomplete_call: f: ")
    assert error.startswith("streamkit: IncompleteResponseError: choice 0 finished with 'tool_calls'")


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        pytest.param(["Hi"], 2, "OPENAI_API_KEY", id="no key"),
        pytest.param(["Hi"], 2, "with --key-env", id="no key, hint"),
        pytest.param(["Hi", "--base-url", "{url}", "--key-env", "NO_KEY_HERE"], 2, "NO_KEY_HERE", id="unset"),
        pytest.param(["Hi", "--profile", "generic"], 2, "--base-url", id="no address"),
        pytest.param(["Hi", "--profile", "none-such"], 2, "none-such", id="no profile"),
        pytest.param(["Hi", "--base-url", "{url}", "--param", "temprature=1"], 2, "temperature", id="typo"),
        pytest.param(["Hi", "--base-url", "{url}", "--history", "{dir}"], 2, "cannot read", id="history"),
        pytest.param(["Hi", "--base-url", "{url}", "--tool", "json:none"], 2, "tool: json has", id="tool"),
        pytest.param(
            ["Hi", "--base-url", "{url}", "--json-schema", "{bad}"], 2, "bad.json isn't JSON", id="no JSON"
        ),
        pytest.param(
            ["Hi", "--base-url", "{url}", "--json-schema", "{none}"], 2, "No such file", id="schema"
        ),
        pytest.param(
            ["Hi", "--base-url", "{url}", "--json-schema", "{list}"],
            2,
            "--json-schema: expected a JSON object in",
            id="no object",
        ),
        pytest.param(["Hi", "--base-url", "{url}"], 1, "AuthenticationError: ", id="401"),
        pytest.param(["Hi", "--base-url", "ftp://127.0.0.1"], 2, "ftp://127.0.0.1", id="no HTTP"),
    ],
)
def test_failures_are_one_line_and_a_status(
    argv: list[str], status: int, says: str, chat: Run, tmp_path: Path
) -> None:
    """The status is 2 if the request can't be built, and 1 if it was sent and failed."""
    bad, array = tmp_path / "bad.json", tmp_path / "list.json"
    bad.write_text("[", encoding="utf-8")
    array.write_text("[]", encoding="utf-8")
    error = {"error": {"message": "no\nway", "type": "invalid_request_error"}}
    with FaultServer(lambda peer: peer.send(refusal("401 Unauthorized", error))) as server:
        names = {"url": server.url, "bad": bad, "list": array, "dir": tmp_path, "none": tmp_path / "none"}
        got, out, err = chat(*(a.format(**names) for a in argv))
    assert (got, out) == (status, "")
    assert err.startswith("streamkit: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param("temperature", "--param: expected name=value, got 'temperature'", id="no value"),
        pytest.param("model=m2", "--param: model isn't a parameter of the API; use --model", id="model"),
        pytest.param("input=Hi", "--param: input isn't a parameter of the API; use PROMPT", id="input"),
        pytest.param("retry=3", "--param: retry isn't a parameter of the API; set it in Python", id="retry"),
    ],
)
def test_a_wrong_param_is_a_wrong_command_line(
    value: str, complaint: str, chat: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """--param rejects a missing `=`, and names that another option sets, before the request is sent."""
    with pytest.raises(SystemExit) as caught:
        chat("Hi", "--param", value)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_hosted_tools_go_with_functions(chat: Run, tmp_path: Path) -> None:
    """`--param tools=[...]` and `--tool` together offer both kinds of tools."""
    (tmp_path / "clock.py").write_text("def shift() -> int:\n    return 5\n", encoding="utf-8")
    shift = f"{tmp_path / 'clock.py'}:shift"
    with FaultServer(lambda peer: peer.send(ok(responses_stream("Hello")))) as server:
        status, _, _ = chat(
            *("Hi", "--base-url", server.url, "--wire", "responses", "--tool", shift),
            *("--param", 'tools=[{"type": "web_search"}]'),
        )
        assert status == 0
        assert [tool["type"] for tool in body(server)["tools"]] == ["web_search", "function"]


def test_a_conversation_at_a_terminal() -> None:
    """Each turn sends the ones before it; an error ends its turn only; Ctrl-D ends the conversation."""
    pty = pytest.importorskip("pty")

    def script(peer: Peer) -> None:
        if peer.number == 1:
            peer.send(refusal("400 Bad Request", {"error": {"message": "not now"}}))
        else:
            peer.send(ok(ANSWER))

    keyboard, terminal = pty.openpty()
    with FaultServer(script) as server:
        options = ["--model", "m", "--base-url", server.url, "-q"]
        with spawn("chat", *options, stdin=terminal) as process:
            os.write(keyboard, b"One\nTwo\n\nThree\n\x04")
            out, err = process.communicate()
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == 0
    assert out == b"Hello\nHello\n"
    assert err.startswith(b"streamkit: ")
    assert b"not now\n\n" in err
    sent = [m["content"] for m in body(server, 2)["messages"]]
    assert sent == ["One", "Hello", "Three"]


def test_a_bad_history_path_fails_before_the_request(server: FaultServer, chat: Run, tmp_path: Path) -> None:
    """No answer is paid for that can't be saved."""
    status, out, err = chat("Hi", "--base-url", server.url, "--history", str(tmp_path / "none" / "h.jsonl"))
    assert (status, out) == (2, "")
    assert "there is no directory" in err
    assert server.asked == []


def test_broken_lines_of_a_history_are_named(server: FaultServer, chat: Run, tmp_path: Path) -> None:
    """Standard error has file and line; the other lines are sent; the broken one stays in the file."""
    history = tmp_path / "h.jsonl"
    history.write_text('{"role": "user", "content": "One"}\n{"role": "assis\n', encoding="utf-8")
    status, _, err = chat("Two", "--base-url", server.url, "--history", str(history))
    assert status == 0
    assert err.startswith(f"streamkit: warning: {history}, line 2: ")
    assert [m["content"] for m in body(server)["messages"]] == ["One", "Two"]
    assert '{"role": "assis\n' in history.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("tools", [False, True], ids=["plain", "with a tool"])
def test_an_answer_that_ctrl_c_stops_is_kept(tools: bool, tmp_path: Path) -> None:
    """The history has the prompt, the text that was on the screen, and a note that is never sent."""
    history = tmp_path / "h.jsonl"
    (tmp_path / "clock.py").write_text("def shift() -> int:\n    return 5\n", encoding="utf-8")
    release = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(head() + sse(delta("Once upon"), delta(" a time")))
        release.wait(30)

    with FaultServer(script) as server:
        options = ["--model", "m", "--base-url", server.url, "--history", str(history)]
        options += ["--tool", f"{tmp_path / 'clock.py'}:shift"] if tools else []
        with spawn("chat", "Tell", *options) as process:
            assert process.stdout
            seen = b""
            while not seen.endswith(b" a time"):
                seen += process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        release.set()
    assert process.returncode == 130, err.decode()
    items = load(history)
    assert [type(item).__name__ for item in items] == ["Message", "Message", "Note"]
    assert [item.text for item in items[:2] if isinstance(item, Message)] == ["Tell", "Once upon a time"]


def test_events_as_json(server: FaultServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--json` prints the lines that `show --json` prints for the recording of the same answer."""
    kept = tmp_path / "r.jsonl"
    assert main(["record", str(kept), "Hi", "-m", "m", "--base-url", server.url, "--json"]) == 0
    live = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main(["show", "--json", str(kept)]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert live[0]["event"] == "Opened"
    assert live[1:] == shown


@pytest.mark.usefixtures("short_waits")
def test_a_dead_address_is_explained(chat: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says that nothing listens there, without errno and without the words of other libraries."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    status, out, err = chat("Hi", "--base-url", "http://127.0.0.1:9/v1")
    assert (status, out) == (1, "")
    assert err == "streamkit: APIConnectionError: nothing listens at 127.0.0.1:9; is the server running?\n"


def test_the_cost_is_computed_if_prices_are_installed(
    server: FaultServer, chat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line on standard error has the cost, and says that it is computed."""
    monkeypatch.setattr("streamkit.cli.chat.find_spec", lambda name: name == "genai_prices")
    monkeypatch.setattr("streamkit.cli.chat.genai_prices", lambda usage, model, operation: 0.25)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    assert "3 + 2 tokens, cost 0.25 (computed)" in chat("Hi")[2]
    assert "cost" not in chat("Hi", "--base-url", server.url)[2]
