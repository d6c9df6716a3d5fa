"""Mutators: what a worse network makes of a recording, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamkit import UsageError
from streamkit.recordings.faults import corrupt_at, cut_at, drop_range, split_every, stall_at
from streamkit.recordings.format import Ending, Recording, TimedChunk


def recording(*chunks: tuple[float, bytes], ending: Ending) -> Recording:
    return Recording(chunks=tuple(TimedChunk(at, data) for at, data in chunks), ending=ending)


ORIGINAL = recording((0.0, b"abcd"), (1.0, b"ef"), (2.0, b"gh"), ending=Ending("eof", 3.0))


@pytest.mark.parametrize(
    ("mutated", "expected"),
    [
        pytest.param(
            cut_at(ORIGINAL, 5),
            recording((0.0, b"abcd"), (1.0, b"e"), ending=Ending("eof", 1.0)),
            id="cut inside a chunk",
        ),
        pytest.param(
            cut_at(ORIGINAL, 4, end="reset"),
            recording((0.0, b"abcd"), ending=Ending("reset", 0.0, "the body was cut at byte 4")),
            id="cut between chunks, by a reset",
        ),
        pytest.param(cut_at(ORIGINAL, 0), recording(ending=Ending("eof", 0.0)), id="cut before all"),
        pytest.param(
            cut_at(ORIGINAL, 8),
            recording((0.0, b"abcd"), (1.0, b"ef"), (2.0, b"gh"), ending=Ending("eof", 2.0)),
            id="cut after all",
        ),
        pytest.param(
            stall_at(ORIGINAL, 5, 60),
            recording((0.0, b"abcd"), (1.0, b"e"), (61.0, b"f"), (62.0, b"gh"), ending=Ending("eof", 63.0)),
            id="stall inside a chunk",
        ),
        pytest.param(
            stall_at(ORIGINAL, 8, 60),
            recording((0.0, b"abcd"), (1.0, b"ef"), (2.0, b"gh"), ending=Ending("eof", 63.0)),
            id="stall before the end",
        ),
        pytest.param(
            split_every(ORIGINAL, 3),
            recording((0.0, b"abc"), (1.0, b"def"), (2.0, b"gh"), ending=Ending("eof", 3.0)),
            id="split, across chunks",
        ),
        pytest.param(
            split_every(ORIGINAL, 100),
            recording((2.0, b"abcdefgh"), ending=Ending("eof", 3.0)),
            id="split, larger than the body: all with the last byte",
        ),
        pytest.param(
            drop_range(ORIGINAL, 3, 5),
            recording((0.0, b"abc"), (1.0, b"f"), (2.0, b"gh"), ending=Ending("eof", 3.0)),
            id="drop across chunks",
        ),
        pytest.param(
            drop_range(ORIGINAL, 1, 2),
            recording((0.0, b"a"), (0.0, b"cd"), (1.0, b"ef"), (2.0, b"gh"), ending=Ending("eof", 3.0)),
            id="drop inside a chunk",
        ),
        pytest.param(
            corrupt_at(ORIGINAL, 4),
            recording((0.0, b"abcd"), (1.0, b"\xfff"), (2.0, b"gh"), ending=Ending("eof", 3.0)),
            id="corrupt the first byte of a chunk",
        ),
    ],
)
def test_a_mutation_is_what_it_says(mutated: Recording, expected: Recording) -> None:
    """Bytes, times and the end."""
    assert mutated == expected


def test_the_original_stays_as_it_was() -> None:
    """Mutators are pure: nothing above changed what it was given."""
    assert recording((0.0, b"abcd"), (1.0, b"ef"), (2.0, b"gh"), ending=Ending("eof", 3.0)) == ORIGINAL


@pytest.mark.parametrize(
    ("mutate", "complaint"),
    [
        pytest.param(
            lambda: cut_at(ORIGINAL, 9), "byte 9 is not in a body of 8 bytes", id="cut after the end"
        ),
        pytest.param(lambda: cut_at(ORIGINAL, -1), "byte -1 is not in a body", id="cut before the beginning"),
        pytest.param(lambda: stall_at(ORIGINAL, 1, -1), "a stall takes time", id="stall backwards"),
        pytest.param(lambda: split_every(ORIGINAL, 0), "at least one byte", id="split into nothing"),
        pytest.param(lambda: drop_range(ORIGINAL, 5, 3), "ends after it begins", id="drop backwards"),
        pytest.param(
            lambda: corrupt_at(ORIGINAL, 8), "no byte 255 can stand at 8 of 8", id="corrupt the end"
        ),
        pytest.param(lambda: corrupt_at(ORIGINAL, 0, 256), "no byte 256", id="corrupt by no byte"),
    ],
)
def test_a_place_that_is_not_there_is_told(mutate: Callable[[], Recording], complaint: str) -> None:
    """`UsageError` names the place and the size."""
    with pytest.raises(UsageError, match=complaint):
        mutate()
