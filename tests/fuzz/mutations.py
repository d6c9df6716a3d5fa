"""Damage the body of a response as networks, proxies and servers do, and in ways that they don't.

A mutation takes a body, a random generator and the pool of recorded bodies, and returns a body. The same
generator state gives the same result.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

_FRAME = re.compile(rb".*?(?:\r?\n\r?\n|\r\r|\Z)", re.DOTALL)
DATA = re.compile(rb"(?m)^data:[ ]?(.*?)\r?$")
_HUGE_NUMBER = "number that is too large for a float"  # a string until the JSON is written


def frames_of(body: bytes) -> list[bytes]:
    """Return the blocks of *body*, each with the blank line after it; joined, they are *body*."""
    return [frame for frame in _FRAME.findall(body) if frame]


def mutated(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Return *body* after one to four mutations."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        body = chance.choice(MUTATIONS)(body, chance, pool)
    return body


def _place(size: int, chance: random.Random) -> slice:
    """Return a short range within *size*."""
    start = chance.randrange(size + 1)
    return slice(start, start + chance.choice((1, 1, 2, 8, 40)))


# -- bytes --------------------------------------------------------------------------------

_ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xf0\x9f",
    b"\r",
    b"\n",
    b"\n\n",
    b"\xef\xbb\xbf",
    b'"',
    b"\\ud83d",
    b"}{",
    b":",
)


def flip(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Change one bit."""
    if not body:
        return body
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]


def delete_bytes(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    place = _place(len(body), chance)
    return body[: place.start] + body[place.stop :]


def insert_bytes(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice((*_ODD_BYTES, chance.randbytes(4))) + body[at:]


def duplicate_bytes(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    place = _place(len(body), chance)
    return body[: place.stop] + body[place] + body[place.stop :]


def cut(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Cut the end off."""
    return body[: chance.randrange(len(body) + 1)]


def swap_bytes(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Exchange two neighbouring ranges."""
    a, b, c = sorted(chance.randrange(len(body) + 1) for _ in range(3))
    return body[:a] + body[b:c] + body[a:b] + body[c:]


# -- frames -------------------------------------------------------------------------------


def drop_frame(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    frames = frames_of(body)
    if frames:
        del frames[chance.randrange(len(frames))]
    return b"".join(frames)


def duplicate_frame(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    frames = frames_of(body)
    if frames:
        frames.insert(chance.randrange(len(frames) + 1), chance.choice(frames))
    return b"".join(frames)


def reorder_frames(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Shuffle up to six frames in a row."""
    frames = frames_of(body)
    at = chance.randrange(len(frames) + 1)
    few = frames[at : at + 6]
    chance.shuffle(few)
    return b"".join([*frames[:at], *few, *frames[at + 6 :]])


def splice(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Continue with the end of another stream."""
    ours, others = frames_of(body), frames_of(chance.choice(pool))
    return b"".join(ours[: chance.randrange(len(ours) + 1)] + others[chance.randrange(len(others) + 1) :])


def interleave(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Mix the frames of two streams; each keeps its order."""
    ours, others = frames_of(body), frames_of(chance.choice(pool))
    mixed = []
    while ours or others:
        source = ours if not others or (ours and chance.random() < 0.5) else others
        mixed.append(source.pop(0))
    return b"".join(mixed)


# -- JSON ---------------------------------------------------------------------------------


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 3.5, 1e308, 10**400, math.nan, math.inf, _HUGE_NUMBER),
    *("", " ", "null", "{}", "x" * 20_000, "\ud83d", "\ude00", "a\ud83d", "\ude00b", "\x00\x1b[2J", "\u202e"),
    *(
        "</script><b>",
        "<think>",
        "</think>",
        "[DONE]",
        "incomplete",
        "function_call",
        "error",
        "# *a*\n- b\n",
    ),
    *(
        {},
        [],
        [None],
        [7],
        ["a", 1],
        [[]],
        [{}],
        {"text": 7},
        {"a": {"b": None}},
        {"type": "text", "text": "t"},
    ),
    *(deep(90), deep(200)),
)


def replace_leaf(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Replace any value by an odd one, or by a value from another stream."""

    def change(owner: Any, key: Any) -> None:
        owner[key] = chance.choice(_ODD_VALUES if chance.random() < 0.7 else _vocabulary(tuple(pool))[1])

    return _edit(body, chance, change)


def drop_key(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    def change(owner: Any, key: Any) -> None:
        del owner[key]

    return _edit(body, chance, change)


def duplicate_entry(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Repeat an entry of a list; make any other value a list of itself."""

    def change(owner: Any, key: Any) -> None:
        if isinstance(owner, list):
            owner.insert(key, owner[key])
        else:
            owner[key] = [owner[key], owner[key]]

    return _edit(body, chance, change)


def rename_key(body: bytes, chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Give a value another name that occurs in recorded streams."""

    def change(owner: Any, key: Any) -> None:
        if isinstance(owner, dict):
            owner[chance.choice(_vocabulary(tuple(pool))[0])] = owner.pop(key)

    return _edit(body, chance, change)


def _edit(body: bytes, chance: random.Random, change: Callable[[Any, Any], None]) -> bytes:
    """Apply *change* to one value of one payload."""
    places = [found.span(1) for found in DATA.finditer(body)] or [(0, len(body))]
    start, end = chance.choice(places)
    try:
        payload = json.loads(body[start:end])
        slots = list(_slots(payload))
    except (ValueError, RecursionError):
        return body
    if not slots:
        return body
    change(*chance.choice(slots))
    text = json.dumps(
        payload, ensure_ascii=chance.random() < 0.5, separators=chance.choice(((",", ":"), None))
    )
    text = text.replace(f'"{_HUGE_NUMBER}"', "1e400")
    return body[:start] + text.encode(errors="backslashreplace") + body[end:]


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container and key below *value*."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _slots(inner)


@cache
def _vocabulary(pool: tuple[bytes, ...]) -> tuple[list[str], list[Any]]:
    """Return the keys and the short strings of all streams."""
    keys, strings = set(), set()
    for body in pool:
        for found in DATA.finditer(body):
            try:
                payload = json.loads(found[1])
            except (ValueError, RecursionError):
                continue
            for owner, key in _slots(payload):
                if isinstance(owner, dict):
                    keys.add(key)
                if isinstance(owner[key], str) and len(owner[key]) < 40:
                    strings.add(owner[key])
    return sorted(keys), sorted(strings)


MUTATIONS: tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...] = (
    *(flip, delete_bytes, insert_bytes, duplicate_bytes, cut, swap_bytes),
    *(drop_frame, duplicate_frame, reorder_frames, splice, interleave),
    *(
        replace_leaf,
        replace_leaf,
        replace_leaf,
        replace_leaf,
        drop_key,
        drop_key,
        duplicate_entry,
        rename_key,
    ),
)
