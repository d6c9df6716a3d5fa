"""A `Case` is a body and the way to read it. `random_case` makes the n-th case of a seed, always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from streamkit import PROFILES
from streamkit.wires import WIRES

from ..recorded import Recorded, corpus, fixtures
from ..test_two_roads import stream as near_the_fast_path
from .mutations import frames_of, mutated

_MOST_FRAMES = 40  # a longer stream is shortened to a part of its frames, so that more cases fit in a second
_LIBRARY_WIRES = ("chat", "messages", "responses")  # that tests/test_two_roads.py makes streams of


@dataclass(frozen=True)
class Case:
    """A body, the arguments of `read_events`, and the seed of the random choices that a check makes."""

    body: bytes = field(repr=False)
    wire: str = "chat"
    profile: str = "generic"
    strict: bool = False
    seed: str = ""
    origin: str = ""  # the recorded stream that was mutated

    def chance(self) -> random.Random:
        """Return a new random generator for this case."""
        return random.Random(self.seed)

    def chunks(self, chance: random.Random) -> Iterator[bytes]:
        """Yield the body in random pieces."""
        size = chance.choice((1, 3, 17, 100, 1000, 10**9))
        at = 0
        while at < len(self.body):
            step = chance.randrange(1, size + 1)
            yield self.body[at : at + step]
            at += step


@cache
def recorded() -> tuple[list[Recorded], list[bytes]]:
    """Return every recorded stream, and their bodies."""
    streams = [*fixtures(), *corpus()]
    return streams, [stream.body for stream in streams]


def random_case(seed: int | str, number: int) -> Case:
    """Return case *number* of *seed*."""
    name = f"{seed}/{number}"
    chance = random.Random(name)
    streams, pool = recorded()
    if chance.random() < 0.2:
        wire = chance.choice(_LIBRARY_WIRES)
        source = Recorded("near the fast path", near_the_fast_path(chance, wire), wire, "generic")
    else:
        source = chance.choice(streams)
    body = mutated(_shortened(source.body, chance), chance, pool)
    wire, profile = source.wire, source.profile
    if chance.random() < 0.3:
        wire, profile = chance.choice(("auto", wire, *WIRES)), chance.choice([*PROFILES])
    return Case(body, wire, profile, chance.random() < 0.2, name, source.name)


def _shortened(body: bytes, chance: random.Random) -> bytes:
    """Return a long body without some of its middle."""
    frames: Sequence[bytes] = frames_of(body)
    if len(frames) <= _MOST_FRAMES:
        return body
    begin = chance.randrange(1, _MOST_FRAMES)
    return b"".join([*frames[:begin], *frames[begin - _MOST_FRAMES :]])
