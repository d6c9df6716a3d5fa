"""Chat streams by chance: choices and kinds mixed at random come out whole, hostile payloads do no harm."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import PROFILES, Event, ItemDone, TextDelta, aggregate, read_events

from .chat_payloads import DONE, Outcome, body, call, choice, chunk, collect, read
from .recorded import fixtures
from .test_laws import payloads_in

A, STOP = chunk(content="A"), chunk("stop")


# -- chance: mixing ----------------------------------------------------------------------------------------


def told(chance: random.Random, index: int) -> tuple[list[dict[str, Any]], tuple[Any, ...]]:
    """The deltas of one choice in a random order of kinds, and what they come to."""
    letters = 'aé😀 \n"}{<'
    pieces: dict[str, list[str]] = {
        kind: ["".join(chance.choices(letters, k=chance.randrange(1, 5))) for _ in range(chance.randrange(5))]
        for kind in ("content", "reasoning", "refusal")
    }
    lists = [[{kind: piece} for piece in of_kind] for kind, of_kind in pieces.items()]
    names = []
    for number in range(chance.randrange(4)):
        text = json.dumps({"x": chance.randrange(99), "y": "}{"})
        place = chance.randrange(1, len(text))
        first, second = call(number, f"c{number}", "f", text[:place]), call(number, None, None, text[place:])
        lists.append([{"tool_calls": [first]}, {"tool_calls": [second]}])
        names.append((f"c{number}", text))
    deltas = []
    while lists := [one for one in lists if one]:
        deltas.append(choice(index=index, **chance.choice(lists).pop(0)))
    summed = tuple("".join(of_kind) for of_kind in pieces.values())
    return [*deltas, choice(chance.choice(["stop", "tool_calls"]), index=index)], (*summed, sorted(names))


@pytest.mark.parametrize("seed", range(60))
def test_choices_mixed_at_random_come_out_whole(seed: int) -> None:
    """Laws 3, 6 and 7: up to four choices, every kind of delta in any order and chunking."""
    chance = random.Random(seed)
    streams, expected = [], []
    for index in range(chance.randrange(1, 5)):
        deltas, summed = told(chance, index)
        streams.append(deltas)
        expected.append(summed)
    payloads: list[Any] = []
    while streams := [one for one in streams if one]:
        some = chance.sample(streams, chance.randrange(1, len(streams) + 1))
        payloads.append({"choices": [one.pop(0) for one in some]})
    raw = body(*payloads, done=chance.random() < 0.5)
    cuts = sorted(chance.sample(range(len(raw)), 5))
    outcome = collect(read_events([raw[a:b] for a, b in itertools.pairwise([0, *cuts, len(raw)])]))
    assert outcome.error is None
    for one, (content, reasoning, refusal, names) in zip(outcome.completion.choices, expected, strict=True):
        assert (one.text, one.reasoning, one.refusal) == (content, reasoning, refusal)
        assert sorted((c.call_id, c.arguments) for c in one.tool_calls) == names  # type: ignore[union-attr]
    assert [(e.choice, e.item) for e in outcome.of(ItemDone) if e.choice == 0] == [
        (0, item) for item in outcome.completion.items
    ]


# -- chance: hostile payloads ------------------------------------------------------------------------------

ODD: list[Any] = [
    None, 0, -1, True, 1.5, float("nan"), float("inf"), 10**30, "", "x", "null", "{", "\ud800",
    [], [[]], [None], ["a"], [{}], {}, {"a": 1}, {"message": 5}, {"type": []}, {"text": {"text": [None]}},
    [{"type": "text", "text": 5}], [{"index": []}], [{"function": []}], [{"type": {}, "text": "z"}],
]  # fmt: skip


def payload_lists() -> list[tuple[str, list[Any]]]:
    """The payloads of our chat fixtures, by profile."""
    chats = [f for f in fixtures() if f.wire == "chat" and len(f.body) < 20_000]
    found = [(fixture.profile, list(payloads_in(fixture.body))) for fixture in chats]
    return [(profile, payloads) for profile, payloads in found if payloads]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside *value*."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutated(chance: random.Random, payloads: list[Any]) -> list[Any]:
    """A copy with some values replaced by odd ones, taken out, or payloads doubled."""
    payloads = copy.deepcopy(payloads)
    for _ in range(chance.choice((1, 1, 2, 4))):
        payload = chance.choice(payloads)
        if chance.random() < 0.1:
            payloads.insert(chance.randrange(len(payloads)), copy.deepcopy(payload))
            continue
        path = chance.choice(list(places(payload)) or [()])
        for step in path[:-1]:
            payload = payload[step]
        if path and chance.random() < 0.15:
            del payload[path[-1]]
        elif path:
            payload[path[-1]] = copy.deepcopy(chance.choice(ODD))
    return payloads


PAYLOADS = payload_lists()


@pytest.mark.parametrize("block", range(10))
def test_hostile_payloads_complete_or_raise_our_errors(block: int) -> None:
    """Law 1 for wrong types everywhere: only a StreamkitError leaves, and what was said can be used."""
    for seed in range(200):
        chance = random.Random(f"{block} {seed}")
        profile, payloads = chance.choice(PAYLOADS)
        raw = body(*mutated(chance, payloads)) + chance.choice([DONE, b""])
        wire = chance.choice(["chat", "auto"])
        outcome = collect(read_events([raw], wire=wire, profile=profile))
        assert_usable(outcome, has_tags=PROFILES[profile].think_tags != "off")


def assert_usable(outcome: Outcome, *, has_tags: bool = False) -> None:
    """The lenses answer, the deltas of a choice are its text, and the events can be aggregated.

    A closing tag without an opening one makes the text before it a thought.
    """
    completion = outcome.completion
    completion.to_chat_completion()
    for one in completion.choices:
        said = "".join(e.text for e in outcome.of(TextDelta) if e.choice == one.index)
        assert isinstance(one.reasoning + one.refusal, str)
        is_moved = has_tags and said.endswith(one.text)
        assert one.text == said or is_moved or any("message" in c for c in choices_of(outcome.events))
        assert all(c.name for c in one.tool_calls)
    if outcome.error is None:
        final = collect(aggregate(iter(outcome.events)))
        assert final.error is None
        assert len(final.of(ItemDone)) == len(outcome.of(ItemDone))


def choices_of(events: list[Event]) -> Iterator[Any]:
    for event in events:
        found = (event.raw or {}).get("choices")
        yield from found if isinstance(found, list) else ()


@pytest.mark.parametrize("depth", [100, 900, 5000])
@pytest.mark.parametrize(
    "pattern",
    [
        '{"choices":[{"index":0,"delta":{"content":%s}}]}',
        '{"choices":[{"index":0,"delta":{"reasoning":%s}}]}',
        '{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":%s}]}}]}',
        '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":%s}}]}}]}',
        '{"id":%s,"choices":[]}',
        '{"news":%s,"choices":[]}',
        '{"usage":%s,"choices":[]}',
    ],
)
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_nesting_does_no_harm(pattern: str, brackets: str, depth: int) -> None:
    """A RecursionError is not ours and must not leave: read as far as it makes sense, or a BadFrame."""
    opening, closing = ("[", "]") if brackets == "[]" else ('{"text":', "}")
    payload = pattern % (opening * depth + '"x"' + closing * depth)
    outcome = read(payload, payload, A, STOP)
    assert outcome.error is None
    assert outcome.completion.text.endswith("A")
