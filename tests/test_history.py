"""history: files are replaced in one step, and read even if some of their lines are broken."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Note,
    Reasoning,
    UnknownItem,
    UsageError,
    history,
)

TALK = [
    Message("user", "hi \u2028 é\nthere"),
    Reasoning(content="hm", details=[{"type": "x"}]),
    FunctionCall("c1", "f", '{"a": 1.0}'),
    FunctionCallOutput("c1", "ok"),
    Note("remember"),
    UnknownItem({"type": "mcp_call", "id": "1"}),
    Message("assistant", "half a pair: \ud83d"),
]

CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def test_a_conversation_comes_back(path: Path) -> None:
    """Saving and loading returns equal items, notes included, from one line per item."""
    history.save(path, TALK)
    assert len(path.read_bytes().splitlines()) == len(TALK)
    assert history.load(path) == TALK


def test_every_input_can_be_saved(path: Path) -> None:
    """Strings and dicts are saved as `client.stream` takes them."""
    history.save(path, ["hi", {"role": "assistant", "content": "a"}])
    assert history.load(path) == [Message("user", "hi"), Message("assistant", "a")]


def test_a_turn_is_appended(path: Path) -> None:
    """Appending leaves the bytes that are in the file."""
    history.save(path, "hi")
    before = path.read_bytes()
    history.save(path, [Message("assistant", "a")], append=True)
    assert path.read_bytes().startswith(before)
    assert history.load(path) == [Message("user", "hi"), Message("assistant", "a")]


def test_a_broken_line_is_named_and_the_rest_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The warning has the line's number; the line becomes a note, which is never sent."""
    history.save(path, TALK[:2])
    with path.open("ab") as file:
        file.write(b'{"type": "message", "role": \n[1]\n\xff\n{"role": "user", "content": "by hand"}\n')
    with caplog.at_level("WARNING", logger="streamkit"):
        loaded = history.load(path)
    assert loaded[:2] == TALK[:2]
    assert [type(item) for item in loaded[2:]] == [Note, Note, Note, Message]
    assert loaded[5] == Message("user", "by hand")
    lines = [record.getMessage().split(" isn't an item")[0] for record in caplog.records]
    assert lines == [f"{path}, line {number}" for number in (3, 4, 5)]


def test_a_line_of_brackets_leaves_other_lines_readable(path: Path) -> None:
    """A line that is nested deeper than Python reads is a broken line like any other."""
    path.write_text("[" * 100_000 + '\n{"role": "user", "content": "hi"}\n')
    assert [type(item) for item in history.load(path)] == [Note, Message]


@pytest.mark.parametrize(
    ("line", "items"),
    [
        (
            {"role": "assistant", "content": "Let me see.", "tool_calls": [CHAT_CALL, CHAT_CALL]},
            [Message("assistant", "Let me see."), *[FunctionCall("c1", "f", "{}")] * 2],
        ),
        ({"role": "tool", "tool_call_id": "c1", "content": "ok"}, [FunctionCallOutput("c1", "ok")]),
        ({"type": "message", "role": "user", "content": "hi"}, [Message("user", "hi")]),
    ],
    ids=["chat message with calls", "chat tool output", "Responses message with a string"],
)
def test_lines_of_other_programs_are_read(path: Path, line: dict[str, object], items: list[Item]) -> None:
    """A chat message may become several items. An editor's byte order mark is skipped."""
    path.write_text(json.dumps(line), encoding="utf-8-sig")
    assert history.load(path) == items


def test_a_broken_line_is_written_back_unchanged(path: Path) -> None:
    """Loading and saving keeps every byte, even bytes that aren't UTF-8."""
    broken = b'{"type": "mess\xff\n'
    path.write_bytes(broken)
    history.save(path, history.load(path))
    assert path.read_bytes() == broken


def test_a_line_that_a_crash_cut_off_is_ended(path: Path) -> None:
    """Appended items start on a new line."""
    path.write_bytes(b'{"type": "mess')
    history.save(path, "hi", append=True)
    assert history.load(path)[1:] == [Message("user", "hi")]


def test_saving_replaces_in_one_step(path: Path) -> None:
    """No temporary file is left behind, and the old content is gone."""
    history.save(path, "one")
    history.save(path, "two")
    assert list(path.parent.iterdir()) == [path]
    assert json.loads(path.read_text())["content"][0]["text"] == "two"


def test_a_missing_file_is_an_error_unless_allowed(path: Path) -> None:
    """`missing_ok=True` starts a new conversation; else a missing file is a UsageError."""
    with pytest.raises(UsageError, match="the file doesn't exist"):
        history.load(path)
    assert history.load(path, missing_ok=True) == []


def test_an_unusable_path_is_a_usage_error(path: Path) -> None:
    """A directory in place of the file is named in the error."""
    path.mkdir()
    with pytest.raises(UsageError, match="cannot read the history"):
        history.load(path)
    with pytest.raises(UsageError, match="cannot write the history"):
        history.save(path, "hi")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf], ids=str)
def test_a_history_is_json_whatever_the_server_sent(path: Path, number: float) -> None:
    """NaN, which servers in Python send, is null in the file: other programs refuse a file with NaN."""
    item = UnknownItem({"type": "code_interpreter_call", "score": number})
    history.save(path, [item])
    (line,) = path.read_text().splitlines()
    json.loads(line, parse_constant=pytest.fail)
    assert history.load(path) == [UnknownItem({"type": "code_interpreter_call", "score": None})]


def deep() -> Item:
    payload: dict[str, Any] = {}
    for _ in range(50_000):
        payload = {"a": payload}
    return UnknownItem(payload)


@pytest.mark.parametrize(
    "item", [UnknownItem({"a": object()}), UnknownItem({"a": {1, 2}}), deep()], ids=["object", "set", "deep"]
)
def test_a_value_without_a_json_form_is_a_usage_error(path: Path, item: Item) -> None:
    """The file isn't touched."""
    history.save(path, "hi")
    with pytest.raises(UsageError, match=r"^conversation: expected values that JSON can express"):
        history.save(path, [item])
    assert history.load(path) == [Message("user", "hi")]


# -- files ----------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664], ids=oct)
@pytest.mark.parametrize("append", [False, True])
def test_a_file_keeps_its_mode(path: Path, mode: int, append: bool) -> None:
    """Saving never widens or narrows the access that a person has set."""
    path.touch()
    path.chmod(mode)
    history.save(path, "hi", append=append)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert history.load(path) == [Message("user", "hi")]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX modes")
@pytest.mark.parametrize("append", [False, True])
def test_a_new_file_is_its_owners(path: Path, append: bool) -> None:
    """Other users can't read a new conversation, whatever the umask is."""
    before = os.umask(0)
    try:
        history.save(path, "hi", append=append)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("append", [False, True])
def test_a_symbolic_link_stays_one(path: Path, append: bool) -> None:
    """The file that the link leads to is written, in its own folder."""
    target = path.parent / "elsewhere" / "talk.jsonl"
    target.parent.mkdir()
    path.symlink_to(target)
    history.save(path, "hi", append=append)
    assert path.is_symlink()
    assert history.load(target) == [Message("user", "hi")]
    assert list(target.parent.iterdir()) == [target]


def test_threads_may_save_at_once(path: Path) -> None:
    """Eight threads save one file; it has the content of one of them, and no temporary file is left."""
    start = threading.Barrier(8)

    def save(number: int) -> None:
        start.wait()
        for _ in range(20):
            history.save(path, [f"talk {number}"] * 50)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(save, range(8)))
    assert list(path.parent.iterdir()) == [path]
    assert len(set(map(str, history.load(path)))) == 1
    assert len(history.load(path)) == 50


def test_a_failed_save_leaves_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old content and no temporary file."""
    history.save(path, "old")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        history.save(path, "new")
    assert list(path.parent.iterdir()) == [path]
    assert history.load(path) == [Message("user", "old")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/talk.jsonl", "there is no directory"), ("", "it is a directory"), ("file/talk", "no directory")],
)
def test_a_path_can_be_checked_before_the_first_save(tmp_path: Path, name: str, reason: str) -> None:
    """A bad path is a UsageError before an answer is paid for; the check creates nothing."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=reason):
        history.check_writable(tmp_path / name)
    history.check_writable(tmp_path / "new.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_broken_lines_are_listed(path: Path) -> None:
    """`unreadable` returns the place and the reason of each line that isn't an item."""
    history.save(path, "hi")
    with path.open("a") as file:
        file.write("not JSON\n")
    (place,) = history.unreadable(history.load(path))
    assert place.startswith(f"{path}, line 2: ")
    assert history.unreadable(TALK) == []
