"""read_frames: the specification's rules, vector by vector, on both roads and in every cutting."""

from __future__ import annotations

import logging
import pickle
import random
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import pytest
import sseclient

from streamkit import pipeline
from streamkit.errors import BadFrameError
from streamkit.events import KeepAlive
from streamkit.pipeline.frames import (
    DEFAULT_MAX_EVENT,
    BareFrame,
    ErrorFrame,
    Frame,
    FrameState,
    TornFrame,
    read_frames,
)
from streamkit.pipeline.lines import read_lines

from .sse_vectors import VECTORS, Vector

ROADS = [pytest.param(True, id="short-cut"), pytest.param(False, id="sseclient")]


def read(
    chunks: Iterable[bytes], state: FrameState, *, short_cut: bool = True
) -> Iterator[Frame | KeepAlive]:
    frames = read_frames(read_lines(chunks, rest=state.rest), state, short_cut=short_cut)
    return (frame for frame in frames if not isinstance(frame, BareFrame))


def with_types(frames: Iterable[Frame | KeepAlive]) -> list[tuple[type, Frame | KeepAlive]]:
    """Pair each frame with its type, because named tuples of different types compare equal."""
    return [(type(frame), frame) for frame in frames]


def cuttings(body: bytes) -> Iterator[list[bytes]]:
    """Yield *body* whole, bytewise, and in every two pieces (in some, if it is long)."""
    yield [body]
    yield [body[i : i + 1] for i in range(len(body))]
    step = len(body) // 200 + 1
    for i in range(1, len(body), step):
        yield [body[:i], body[i:]]


@pytest.mark.parametrize("short_cut", ROADS)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_frames_follow_the_specification(vector: Vector, short_cut: bool) -> None:
    """Both roads yield each vector's frames and state in every cutting."""
    for chunks in cuttings(vector.body):
        state = FrameState()
        frames = with_types(read(chunks, state, short_cut=short_cut))
        assert frames == with_types(vector.frames), chunks
        assert (state.last_event_id, state.retry) == (vector.last_event_id, vector.retry), chunks
        assert state.tail == vector.tail, chunks


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_public_reader_follows_the_specification(vector: Vector) -> None:
    """It leaves out error fields and the torn last block; the tail is an attribute."""
    for chunks in cuttings(vector.body):
        reader = pipeline.read_frames(chunks)
        dispatched = [frame for frame in vector.frames if not isinstance(frame, ErrorFrame | TornFrame)]
        assert with_types(reader) == with_types(dispatched), chunks
        assert (reader.last_event_id, reader.retry) == (vector.last_event_id, vector.retry), chunks
        assert reader.tail == vector.tail, chunks


def test_vectors_are_many_and_distinct() -> None:
    """No two vectors have the same name or the same body."""
    assert len(VECTORS) >= 80
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)
    assert len({vector.body for vector in VECTORS}) == len(VECTORS)


def test_a_frame_is_yielded_at_its_blank_line() -> None:
    """No chunk is pulled early; a comment is yielded before the end of its block."""
    seen = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"data: a\r\r", b"data: b\n: hi\n", b"data: c\n\n"):
            seen.append(chunk)
            yield chunk

    frames = read(chunks(), FrameState())
    assert seen == []
    assert (next(frames), len(seen)) == (Frame("message", "a"), 1)
    assert (next(frames), len(seen)) == (KeepAlive("hi"), 2)
    assert (next(frames), len(seen)) == (Frame("message", "b\nc"), 3)


@pytest.mark.parametrize("block", [b"data: a\n\n", b"id: 1\ndata: a\n\n"], ids=["plain", "rare"])
def test_a_yielded_frame_is_not_part_of_the_tail(block: bytes) -> None:
    """The tail contains only undispatched lines, even while the reader is paused at a frame."""
    state = FrameState()
    frames = read([block], state)
    assert next(frames).data == "a"  # type: ignore[union-attr]
    assert state.tail == b""


def test_an_error_of_the_source_leaves_the_tail() -> None:
    """The error of a broken connection passes through without a TornFrame, and the tail is kept."""

    def chunks() -> Iterator[bytes]:
        yield b"id: 1\ndata: a\n\nid: 2\ndata: b\nda"
        raise ConnectionResetError

    state = FrameState()
    frames = read(chunks(), state)
    assert next(frames) == Frame("message", "a", "1")
    with pytest.raises(ConnectionResetError):
        next(frames)
    assert state.tail == b"id: 2\ndata: b\nda"
    assert state.last_event_id == "1"


# --- two roads, one result -------------------------------------------------------------------------

FIELDS = ["data", "data", "data", "event", "id", "retry", "error", "Data", "foo", "", "\ufeffdata", " data"]
VALUES = [
    *(b"", b"a", b" a", b"  a ", b"{}", b"[DONE]", b": b", b"7", b"3000", b"07", b"9" * 20, b"-1", b"a\0b"),
    *(
        "é\u2028".encode(),
        b"\xff",
        b"\xc3",
        b"\xa9",
        b"\xed\xa0\xbd",
        b"\xef\xbb\xbf",
        b"\x0b\x0c\x1c",
        b"\t",
    ),
]


def random_body(dice: random.Random) -> bytes:
    """A few blocks of random fields, values, comments and line ends; the last one may lack its blank line."""
    lines = []
    for _ in range(dice.randrange(1, 5)):
        for _ in range(dice.choice([1, 1, 1, 2, 2, 3, 5, 70])):
            name = dice.choice(FIELDS).encode()
            colon = b"" if dice.random() < 0.1 else dice.choice([b":", b": ", b": "])
            lines.append(name + (colon + dice.choice(VALUES) if colon else b""))
        lines.append(b"")
    if dice.random() < 0.2:
        del lines[-1]
    return b"".join(line + dice.choice([b"\n", b"\n", b"\r\n", b"\r"]) for line in lines)


def pieces(body: bytes, dice: random.Random) -> list[bytes]:
    """*body* in random pieces."""
    cuts = sorted(dice.choices(range(len(body) + 1), k=dice.randrange(4)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def test_both_roads_agree_on_random_blocks() -> None:
    """Frames, last id, retry and tail are the same on both roads, in random cuttings of random blocks."""
    dice = random.Random("frames")
    dispatched = 0
    for _ in range(3000):
        body = random_body(dice)
        results = []
        for short_cut in (True, False):
            state = FrameState()
            frames = with_types(read(pieces(body, dice), state, short_cut=short_cut))
            results.append((frames, state.last_event_id, state.retry, state.tail))
        assert results[0] == results[1], body
        dispatched += len(results[0][0])
    assert dispatched > 3000


# --- sseclient-py ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "imported"),
    [
        pytest.param(b"data: a\ndata: b\n\nevent: e\ndata:c\n\n", False, id="data-and-event"),
        pytest.param(b": hi\ndata: a\n\n", False, id="comment"),
        pytest.param(b"id: 1\n\nretry: 1\n\nfoo: 1\n\n", False, id="no-data"),
        pytest.param(b"id: 1\ndata: a\n\n", True, id="id"),
        pytest.param(b"data\n\n", True, id="data-without-colon"),
        pytest.param(b"event: a\nevent: b\ndata: x\n\n", True, id="two-event-lines"),
        pytest.param(b"foo: 1\ndata: x\n\n", True, id="unknown-field"),
    ],
)
def test_only_rare_blocks_reach_sseclient(
    body: bytes, imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of these APIs take the short cut: the library isn't even imported for them."""
    monkeypatch.delitem(sys.modules, "sseclient", raising=False)
    list(read([body], FrameState()))
    assert ("sseclient" in sys.modules) == imported


def test_sseclient_is_the_pinned_library() -> None:
    """The slow road uses sseclient-py 1.8 or later, not the other package with a module `sseclient`."""
    assert version("sseclient-py").startswith("1.")
    assert hasattr(sseclient.SSEClient, "events")


def test_sseclient_logs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """The library's DEBUG log contains no text of the answer, and its level stays the user's."""
    with caplog.at_level(logging.DEBUG):
        frames = list(read([b"id: secret-id\nsecret field\ndata: secret text\n\n"], FrameState()))
    assert frames == [Frame("message", "secret text", "secret-id")]
    assert "secret" not in caplog.text
    assert logging.getLogger("sseclient").level == logging.NOTSET


# --- cost and limits -------------------------------------------------------------------------------


class CountingLine(bytes):
    """A line that counts its method calls."""

    looks = 0

    def startswith(self, *args: object) -> bool:  # type: ignore[override]
        CountingLine.looks += 1
        return super().startswith(*args)  # type: ignore[arg-type]

    def partition(self, sep: bytes) -> tuple[bytes, bytes, bytes]:  # type: ignore[override]
        CountingLine.looks += 1
        return super().partition(sep)

    def __getitem__(self, key: object) -> bytes:  # type: ignore[override]
        CountingLine.looks += 1
        return super().__getitem__(key)  # type: ignore[index,return-value]


@pytest.mark.parametrize("short_cut", ROADS)
@pytest.mark.parametrize("line", [b"data: x", b"event: x", b"id: 1", b"foo: 1", b"retry: x", b"error: x"])
def test_each_line_of_a_block_is_read_a_few_times(line: bytes, short_cut: bool) -> None:
    """The work for a line doesn't grow with the number of lines in its event."""
    count = 5000
    CountingLine.looks = 0
    lines = [*[CountingLine(line)] * count, b"data: last", b""]
    frames = list(read_frames(lines, FrameState(), short_cut=short_cut))
    assert frames[0].data.endswith("last")  # type: ignore[union-attr]
    assert count <= CountingLine.looks <= 6 * count


def test_sseclient_gets_few_lines_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time grows with the square of the lines in a block, so a long block is divided."""
    handed = []

    class Recorder(sseclient.SSEClient):
        def __init__(self, source: Iterable[bytes]) -> None:
            blocks = list(source)
            handed.extend(block.count(b"\n") for block in blocks)
            super().__init__(iter(blocks))

    monkeypatch.setattr(sseclient, "SSEClient", Recorder)
    body = b"event: e\n" + b"data: x\n" * 20_000 + b"id: 1\n\n"
    assert list(read([body], FrameState())) == [Frame("e", "\n".join("x" * 20_000), "1")]
    assert max(handed) <= 66
    assert sum(handed) <= 20_000 * 1.1


def test_comments_pass_through_without_being_stored() -> None:
    """A stream of comments alone is read in constant memory."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in read((b": ping\n" * 100 for _ in range(300)), FrameState()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 30_000
    assert peak < 200_000


@pytest.mark.parametrize("short_cut", ROADS)
def test_an_event_may_be_as_large_as_the_limit(short_cut: bool) -> None:
    """max_event counts the bytes of a block's lines without their ends, separately for each block."""
    lines = [b"data: ab", b"data: cd", b"", b": not counted", b"id: 1234", b"data: ab", b""]
    frames = list(read_frames(lines, FrameState(), max_event=16, short_cut=short_cut))
    assert frames == [Frame("message", "ab\ncd"), KeepAlive("not counted"), Frame("message", "ab", "1234")]


@pytest.mark.parametrize("line", [b"data: ab", b"foo: abc"])
def test_a_larger_event_raises_after_the_frames_before_it(line: bytes) -> None:
    """A block without end raises at the limit; the error names the limit and the parameter."""
    seen = 0

    def lines() -> Iterator[bytes]:
        nonlocal seen
        yield from (b"data: a", b"")
        for _ in range(1000):
            seen += 1
            yield line

    frames = read_frames(lines(), FrameState(), max_event=800)
    assert next(frames) == Frame("message", "a")
    with pytest.raises(BadFrameError, match=r"larger than 800 bytes.*max_event") as caught:
        next(frames)
    assert seen == 101
    assert caught.value.data == line.decode()


def test_the_default_limit_is_16_mib() -> None:
    """As large as the largest line."""
    assert DEFAULT_MAX_EVENT == 16 * 1024 * 1024


# --- Frame -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Frame, ErrorFrame, TornFrame])
def test_frames_are_values(kind: type[Frame]) -> None:
    """Frames are immutable and hashable, compare by value, and pickle with their type."""
    frame = kind("add", "text", "7", 3000)
    assert {frame, kind("add", "text", "7", 3000)} == {frame}
    copy = pickle.loads(pickle.dumps(frame))
    assert (type(copy), copy) == (kind, frame)
    with pytest.raises(AttributeError):
        frame.data = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        frame.note = "new"  # type: ignore[attr-defined]
    assert repr(frame) == f"{kind.__name__}(event='add', data='text', id='7', retry=3000)"


def test_a_frame_is_a_message_by_default() -> None:
    """The defaults are the specification's: type "message", no data, no id, no retry."""
    assert Frame() == ("message", "", "", None)
