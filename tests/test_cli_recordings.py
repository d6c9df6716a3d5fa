"""The commands that make and read recordings: record, replay, serve, stats, convert, diff; and profiles."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import attrs
import pytest

from streamkit import PROFILES, Completed, read_events
from streamkit.cli import main
from streamkit.client import Client
from streamkit.profiles import load_profiles
from streamkit.recordings.format import (
    Ending,
    Header,
    RecordedResponse,
    Recording,
    TimedChunk,
    load_recording,
)

from .faultserver import FaultServer, delta, ok, sse
from .processes import spawn

CALL = {"index": 0, "id": "k1", "function": {"name": "look", "arguments": '{"at": 1}'}}
THINK = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"reasoning_content": "Hm.\nYes."}}]}
LOOK = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [CALL]}}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
PIECES = [
    sse(THINK),
    sse(delta("Hel")),
    sse(delta("lo")),
    sse(LOOK),
    sse(delta(finish="tool_calls", usage=USAGE), "[DONE]"),
]
# When each piece arrives, in seconds after the headers, which arrive after half a second.
TIMES = (0.25, 0.5, 1.5, 1.75, 2.25)


def recording(pieces: list[bytes] = PIECES, how: Any = "eof") -> Recording:
    chunks = tuple(TimedChunk(at, piece) for at, piece in zip(TIMES, pieces, strict=False))
    response = RecordedResponse(200, {"content-type": "text/event-stream"}, after=0.5)
    return Recording(Header(response=response), chunks, Ending(how, chunks[-1].at))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "hello.jsonl"
    recording().save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    status = main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def test_show_reads_recordings(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` prints the same events for a recording and for its body."""
    body = recorded.with_suffix(".sse")
    body.write_bytes(b"".join(PIECES))
    assert run(capsys, "show", recorded) == run(capsys, "show", body)


@pytest.mark.parametrize("mask", [False, True], ids=["plain", "masked"])
def test_record_keeps_the_reply(mask: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recording has the server's bytes; with --mask, its texts are x's of the same length."""
    path, body = tmp_path / "r.jsonl", b"".join(PIECES)
    with FaultServer(lambda peer: peer.send(ok(body))) as server:
        status, out, _ = run(
            capsys,
            *("record", path, "Say hello", "--model", "m", "--base-url", server.url),
            *(["--mask"] if mask else []),
        )
    assert (status, out) == (0, "Hello\n")
    kept = load_recording(path)
    assert len(kept.body) == len(body)
    *_, last = read_events([kept.body])
    assert isinstance(last, Completed)
    assert last.completion.text == ("xxxxx" if mask else "Hello")
    assert (kept.body == body) is not mask
    assert ("Say hello" in path.read_text(encoding="utf-8")) is not mask


def test_record_keeps_what_arrived_before_a_break(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the stream breaks off, the command fails, and the recording contains the bytes that arrived."""
    path = tmp_path / "r.jsonl"
    with FaultServer(lambda peer: peer.send(ok(PIECES[1]))) as server:
        status, _, err = run(capsys, "record", path, "Hi", "--model", "m", "--base-url", server.url)
    assert (status, err.startswith("streamkit: TruncatedStreamError: ")) == (1, True)
    assert load_recording(path).body == PIECES[1]


def test_replay_shows_the_answer(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`replay` prints reasoning, text and calls, as `chat` does on a terminal."""
    status, out, err = run(capsys, "replay", recorded, "--speed", "0")
    assert (status, err) == (0, "")
    assert out == '[reasoning] Hm.\nYes.\nHello\nlook({"at": 1})\n'


def test_replay_breaks_off_where_the_recording_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recorded reset raises a connection error again, after the recorded bytes."""
    path = tmp_path / "broken.jsonl"
    recording(PIECES[:2], how="reset").save(path)
    status, out, err = run(capsys, "replay", path, "--speed", "0")
    assert (status, out) == (1, "[reasoning] Hm.\nYes.\nHel\n")
    assert err.startswith("streamkit: APIConnectionError: ")


def test_serve_answers_any_client(recorded: Path) -> None:
    """`serve` prints its address in one line; Ctrl-C ends it with status 130."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with spawn("serve", str(recorded), "--speed", "0", env=environment) as process:
        assert process.stdout
        assert process.stderr
        url, _, rest = process.stdout.readline().decode().partition(" ")
        assert rest == "serves hello; press Ctrl-C to stop\n"
        with Client("generic", base_url=url) as client:
            assert client.complete("Hi", model="hello").text == "Hello"
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert (process.returncode, err) == (130, b"streamkit: interrupted\n")


def test_stats_print_the_recorded_times(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times are recorded seconds since the request; the command itself doesn't wait."""
    status, out, err = run(capsys, "stats", recorded)
    assert (status, err) == (0, "")
    assert [line.strip() for line in out.splitlines()] == [
        "hello",
        "headers         0.500 s",
        "first event     0.750 s",
        "first text      1.000 s",
        "last event      2.750 s",
        "longest gap     1.000 s",
        # Started, 3 ItemStarted, 4 deltas, 3 ItemDone, UsageReport, Completed
        "events          13 (0 comments, 0 bad frames)",
        f"bytes           {sum(map(len, PIECES))} in 5 reads",
        "output tokens   4 (2.0 per second)",
        "ended           tool_calls",
    ]


def test_stats_of_a_stream_of_years_take_no_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded gap is one step of the clock, not one for each quarter of a second."""
    path = tmp_path / "slow.jsonl"
    slow = recording()
    late = attrs.evolve(slow.chunks[-1], at=9e8)
    attrs.evolve(slow, chunks=(*slow.chunks[:-1], late), ending=Ending("eof", 9e8)).save(path)
    status, out, err = run(capsys, "stats", path)
    assert (status, err) == (0, "")
    assert "\n  last event      900000000.500 s\n" in out


def test_stats_of_a_broken_stream_name_the_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other lines are printed too; the status is 1."""
    path = tmp_path / "cut.jsonl"
    recording(PIECES[:2]).save(path)
    status, out, _ = run(capsys, "stats", path)
    assert status == 1
    assert "\n  first text      1.000 s\n" in out
    assert "\n  ended           TruncatedStreamError: " in out


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        pytest.param("text", "Hello\n", id="text"),
        pytest.param("markdown", '> Hm.\n> Yes.\n\nHello\n\n    look({"at": 1})\n', id="markdown"),
    ],
)
def test_convert_to_text(
    form: str, expected: str, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text is the message only; Markdown has reasoning, message and calls."""
    assert run(capsys, "convert", recorded, "--to", form) == (0, expected, "")


def test_convert_to_a_chat_completion(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document is the one that a server sends if the request has no `stream`."""
    document = json.loads(run(capsys, "convert", recorded)[1])
    assert document["object"] == "chat.completion"
    message = document["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hello", "Hm.\nYes.")
    assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": 1}'}
    assert document["usage"]["completion_tokens"] == 4


def test_convert_to_a_response(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document is one of the Responses API, unanswered calls included, and `read_events` reads it."""
    out = run(capsys, "convert", recorded, "--to", "responses")[1]
    document = json.loads(out)
    assert (document["object"], document["status"], document["model"]) == ("response", "completed", "m")
    assert [item["type"] for item in document["output"]] == ["reasoning", "message", "function_call"]
    call = document["output"][2]
    assert (call["call_id"], call["name"], call["arguments"]) == ("k1", "look", '{"at": 1}')
    assert (document["usage"]["input_tokens"], document["usage"]["output_tokens"]) == (9, 4)
    *_, last = read_events([out.encode()], wire="responses")
    assert isinstance(last, Completed)
    assert (last.completion.text, last.completion.reasoning) == ("Hello", "Hm.\nYes.")


def test_convert_to_events(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output is that of `show --json`: one JSON object per line."""
    assert run(capsys, "convert", recorded, "--to", "events") == run(capsys, "show", recorded, "--json")


def test_diff_ignores_the_boundaries_of_deltas(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same answer in other pieces has no differences, unless --events is set."""
    other = recorded.with_name("other.sse")
    other.write_bytes(b"".join([PIECES[0], sse(delta("Hello")), *PIECES[3:]]))
    assert run(capsys, "diff", recorded, other) == (0, "", "")
    assert run(capsys, "diff", recorded, other, "--events")[0] == 1


def test_diff_shows_what_differs(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed text is a removed and an added line; for a broken stream, its error is a line."""
    other = recorded.with_name("other.sse")
    other.write_bytes(b"".join([PIECES[0], sse(delta("Bye")), *PIECES[3:]]))
    status, out, _ = run(capsys, "diff", recorded, other)
    changed = [line for line in out.splitlines()[2:] if line[0] in "+-"]
    assert status == 1
    assert changed == [
        "-ItemDone        1    message Hello",
        "+ItemDone        1    message Bye",
    ]
    other.write_bytes(b"".join(PIECES[:3]))
    status, out, _ = run(capsys, "diff", recorded, other)
    assert (status, "+TruncatedStreamError: " in out) == (1, True)


def test_profiles_lists_the_gateways(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line has the name, the API, the variable of the key and the address."""
    status, out, _ = run(capsys, "profiles")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(PROFILES)
    (line,) = (line for line in out.splitlines() if line.startswith("openrouter "))
    assert line.split()[1:] == ["chat", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_is_printed_can_be_loaded(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`load_profiles` reads the output of `profiles NAME` as the same profile."""
    path = tmp_path / "mine.json"
    path.write_text(run(capsys, "profiles", name)[1], encoding="utf-8")
    assert attrs.asdict(load_profiles(path)[name]) == attrs.asdict(PROFILES[name])


@pytest.mark.parametrize("command", ["show", "replay", "stats", "convert", "serve"])
def test_a_bad_recording_is_one_line_and_status_2(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the file and the line."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"streamkit_recording": 1}\n{"t": 0.0, "text": 5}\n', encoding="utf-8")
    status, out, err = run(capsys, command, path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "bad.jsonl" in err
    assert "line 2" in err


@pytest.mark.parametrize(
    "argv", [["show"], ["show", "--final"], ["convert"], ["replay"], ["stats"], ["diff"]], ids=str
)
def test_a_recorded_refusal_has_the_class_of_its_status(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recorded 404 without a code in its body is a NotFoundError in every command."""
    path, other = tmp_path / "refused.jsonl", tmp_path / "other.jsonl"
    Recording.of(b'{"error": {"message": "no such model"}}', status=404).save(path)
    Recording.of(b'{"error": {"message": "no such key"}}', status=401).save(other)
    status, out, err = run(capsys, *argv, path, *([other] if argv == ["diff"] else []))
    assert status == 1
    assert "NotFoundError: no such model" in out + err


def test_stats_as_json(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object per recording and line, with the figures of the text; a failure is `error`."""
    cut = tmp_path / "cut.jsonl"
    recording(PIECES[:2]).save(cut)
    status, out, _ = run(capsys, "stats", "--json", recorded, cut)
    whole, broken = map(json.loads, out.splitlines())
    assert status == 1
    assert (whole["name"], whole["finish_reason"], whole["error"]) == ("hello", "tool_calls", None)
    # The headers arrive at 0.5 s; the first event 0.25 s later, the last text 1.5 s, the end 2.25 s later.
    assert (whole["headers_after"], whole["first_event"], whole["last_event"]) == (0.5, 0.75, 2.75)
    assert (whole["chunks"], whole["output_tokens"], whole["tokens_per_second"]) == (5, 4, 2.0)
    assert (whole["bytes"], whole["bad_frames"]) == (sum(map(len, PIECES)), 0)
    assert broken["finish_reason"] is None
    assert broken["error"].startswith("TruncatedStreamError: ")


def test_profiles_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`load_profiles` reads the output as all the profiles."""
    path = tmp_path / "all.json"
    path.write_text(run(capsys, "profiles", "--json")[1], encoding="utf-8")
    assert {k: attrs.asdict(v) for k, v in load_profiles(path).items()} == {
        k: attrs.asdict(v) for k, v in PROFILES.items()
    }
