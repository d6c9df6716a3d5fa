"""format: the file of a recording, line by line, and the errors for an invalid one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamkit import UsageError
from streamkit.recordings.format import (
    Ending,
    Header,
    RecordedRequest,
    RecordedResponse,
    Recording,
    TimedChunk,
    load_recording,
)

HEADER = (
    '{"streamkit_recording": 1, "request": {"method": "POST", "url": "http://h/v1/chat/completions", '
    '"headers": {"accept": "*/*"}, "body": {"model": "m"}}, "response": {"status": 200, "headers": '
    '{"content-type": "text/event-stream"}, "after": 0.25}, "streamkit": "0.1.0", '
    '"recorded_at": "2026-11-21T10:00:00+00:00"}\n'
)
FILE = (
    HEADER
    + '{"t": 0.0, "text": "data: grüße\\u2028\\n\\n"}\n'.replace("\\u2028", "\u2028")
    + '{"t": 0.5, "b64": "w6k/ww=="}\n'
    + '{"t": 0.75, "end": "timeout", "message": "idle", "phase": "idle", "seconds": 120.0}\n'
)
RECORDING = Recording(
    Header(
        1,
        RecordedRequest("POST", "http://h/v1/chat/completions", {"accept": "*/*"}, {"model": "m"}),
        RecordedResponse(200, {"content-type": "text/event-stream"}, 0.25),
        "0.1.0",
        "2026-11-21T10:00:00+00:00",
    ),
    (
        TimedChunk(0.0, "data: grüße\u2028\n\n".encode()),
        TimedChunk(0.5, b"\xc3\xa9?\xc3"),  # the last byte is half a character
    ),
    Ending("timeout", 0.75, "idle", "idle", 120.0),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_a_recording_is_written_in_the_format(file: Path) -> None:
    """Header, one line for each read (base64 if it isn't UTF-8), and the end, byte for byte."""
    RECORDING.save(file)
    assert file.read_bytes().decode() == FILE


def test_a_recording_is_read_in_the_format(file: Path) -> None:
    """The file gives the same recording; U+2028 doesn't end a line; the name is the file's."""
    file.write_bytes(FILE.encode())
    recording = load_recording(file)
    assert recording == RECORDING
    assert recording.name == "run"
    assert recording.body == "data: grüße\u2028\n\n".encode() + b"\xc3\xa9?\xc3"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="CRLF by git"),
        pytest.param(lambda text: "\ufeff" + text, id="BOM by an editor"),
        pytest.param(lambda text: text.replace("\n", "\n\n"), id="blank lines"),
        pytest.param(
            lambda text: text.replace('{"t": 0.5,', '{"t": 0.5, "note": "by hand",'), id="an unknown key"
        ),
    ],
)
def test_a_file_may_be_edited(file: Path, change: object) -> None:
    """Other line ends, a BOM, blank lines and unknown keys change nothing."""
    assert callable(change)
    file.write_bytes(change(FILE).encode())
    assert load_recording(file) == RECORDING


@pytest.mark.parametrize("size", range(len(HEADER.encode()), len(FILE.encode())))
def test_a_file_whose_writer_was_killed_is_read_as_far_as_it_goes(file: Path, size: int) -> None:
    """At every length the whole lines count, and the ending is unknown."""
    data = FILE.encode()[:size]
    file.write_bytes(data)
    recording = load_recording(file)
    whole = 0
    for line in data.splitlines(keepends=False)[1:]:
        try:
            whole += "end" not in json.loads(line)
        except ValueError:
            break
    assert recording.chunks == RECORDING.chunks[:whole]
    assert recording.ending.how == ("timeout" if size == len(FILE.encode()) - 1 else None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            '{"streamkit_recording": 2}\n',
            "line 1: streamkit_recording: expected 1, got 2; upgrade",
            id="newer",
        ),
        pytest.param(
            '{"streamkit_recording": 1, "response": {"status": "ok"}}\n', "line 1: .*status", id="status"
        ),
        pytest.param('{"streamkit_recording": 1,\n', "line 1: expected JSON", id="header"),
        pytest.param(HEADER + "text\n" + HEADER, "line 2: expected JSON, got b'text'", id="not JSON"),
        pytest.param(HEADER + "[]\n", r"line 2: expected an object, got b'\[\]'", id="not an object"),
        pytest.param(HEADER + '{"text": "a"}\n', "line 2: t: expected seconds", id="no time"),
        pytest.param(
            HEADER + '{"t": -1, "text": "a"}\n', "line 2: t: expected seconds", id="before the headers"
        ),
        pytest.param(HEADER + '{"t": NaN, "text": "a"}\n', "line 2: t: expected seconds", id="NaN"),
        pytest.param(HEADER + '{"t": 1e999, "text": "a"}\n', "line 2: t: expected seconds", id="infinite"),
        pytest.param(
            HEADER + '{"t": 1' + "0" * 400 + ', "text": "a"}\n',
            "line 2: t: expected seconds",
            id="400 digits",
        ),
        pytest.param(
            HEADER.replace("0.25", "1e999"), "line 1: response.after: expected seconds", id="infinite headers"
        ),
        pytest.param(
            HEADER.replace("0.25", "-1"), "line 1: response.after: expected seconds", id="headers before that"
        ),
        pytest.param(
            '{"request": {"body": "streamkit_recording"}, "streamkit_recording": null}\n',
            "line 1: streamkit_recording: expected 1, got None",
            id="no version",
        ),
        pytest.param(
            '{"body": {"streamkit_recording": 1}}\n',
            "line 1: streamkit_recording: expected 1, got None",
            id="a version inside",
        ),
        pytest.param(HEADER + '{"t": 0, "txt": "a"}\n', "line 2: expected text, b64 or end", id="typo"),
        pytest.param(
            HEADER + '{"t": 0, "text": "a", "b64": ""}\n', "line 2: expected text, b64 or end", id="both"
        ),
        pytest.param(HEADER + '{"t": 0, "b64": "%"}\n', "line 2: b64: expected base64", id="b64"),
        pytest.param(
            HEADER + '{"t": 0, "text": "\\ud83d"}\n',
            "line 2: text: surrogates not allowed; use b64",
            id="surrogate",
        ),
        pytest.param(HEADER + '{"t": 0, "end": "bang"}\n', "line 2: .*bang", id="end"),
        pytest.param(FILE + FILE, "line 5: the recording ended above", id="two in one file"),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(file: Path, text: str, complaint: str) -> None:
    """`UsageError` names the file, the line and the fault."""
    file.write_bytes(text.encode())
    with pytest.raises(UsageError, match=complaint) as caught:
        load_recording(file)
    assert str(caught.value).startswith(f"{file}, line ")


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(UsageError, match=r"cannot read the recording .*gone\.jsonl: No such file"):
        load_recording(tmp_path / "gone.jsonl")


def test_a_body_alone_is_a_recording_without_times(tmp_path: Path) -> None:
    """Every block of an `.sse` file is a chunk at second 0, with any line ends; no byte is lost."""
    path = tmp_path / "poem.final.sse"
    path.write_bytes(b"data: 1\n\ndata: 2\r\n\r\n: c\r\rdata: torn")
    recording = load_recording(path)
    assert recording.chunks == tuple(
        TimedChunk(0.0, block) for block in (b"data: 1\n\n", b"data: 2\r\n\r\n", b": c\r\r", b"data: torn")
    )
    assert recording.response == RecordedResponse(200, {"content-type": "text/event-stream"})
    assert recording.name == "poem"


def test_a_json_answer_alone_is_one_chunk(tmp_path: Path) -> None:
    """A plain JSON answer is one chunk, even if it contains blank lines."""
    path = tmp_path / "answer.json"
    path.write_bytes(b'{"choices": [],\n\n"id": 1}')
    recording = load_recording(path)
    assert recording.chunks == (TimedChunk(0.0, b'{"choices": [],\n\n"id": 1}'),)
    assert recording.response.headers == {"content-type": "application/json"}


def test_a_missing_reply_is_recorded_without_a_response(file: Path) -> None:
    """`response` is null and the end states the reason; loading returns the same recording."""
    recording = Recording(Header(), (), Ending("no reply", 10.0, "connect: ...", "connect", 10))
    recording.save(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["response"] is None
    assert json.loads(lines[1]) == {
        "t": 10.0,
        "end": "no reply",
        "message": "connect: ...",
        "phase": "connect",
        "seconds": 10,
    }
    assert load_recording(file) == recording
