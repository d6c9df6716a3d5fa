"""Law 15 for the repeat lane: with it and without it, a stream gives the same events, whatever its bytes.

Streams of repeated events, of every API, are damaged where it could matter to the lane, and cut in every way.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

import streamkit.pipeline
from streamkit import Completed, Event, Started, StreamkitError, TextDelta, UsageReport, read_events
from streamkit.pipeline.lane import Lane
from streamkit.pipeline.templates import Template, split_event, template_of
from streamkit.pipeline.tracks import Tracks
from streamkit.profiles.profile import Profile, ThinkTags
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import Repeat
from streamkit.testing import sse

from .recorded import EVERY, corpus

TEXTS = [
    "a",
    " b",
    "c d",
    '"q"',
    "\\",
    "\n",
    "é",
    "北京",
    "\U0001f600",
    " {",
    "}",
    ":",
    "\u2028",
    "\t",
    "x" * 60,
]
TAGS = ["<think>", "</think>", "<thi", "nk>", "<", " ", "\n", "`<think>`"]
THINKING = [
    Profile("tagged", think_tags=ThinkTags("start")),
    Profile("tagged", think_tags=ThinkTags("start", begins_inside=True)),
    Profile("tagged", think_tags=ThinkTags("anywhere")),
]
JSON_TEXT = '{"city": "Oslo", "days": [1, 2, 3], "note": "a \\"quoted\\" word"}'


# -- streams of repeated events -----------------------------------------------------------


def pieces(chance: random.Random, most: int = 40) -> list[str]:
    """Texts; in some streams with tags of thoughts, whole and in parts."""
    texts = [*TEXTS, *TAGS] if chance.random() < 0.3 else TEXTS
    return [chance.choice(texts) for _ in range(chance.randrange(3, most))]


def cut_text(text: str, chance: random.Random) -> list[str]:
    stops = sorted(chance.sample(range(1, len(text)), min(12, len(text) - 1)))
    return [text[a:b] for a, b in zip([0, *stops], [*stops, len(text)], strict=True)]


def logprobs_of(chance: random.Random) -> Any:
    """In either form, with half a pair of surrogates, empty, or none."""
    entry = {"token": chance.choice(["a", "{", "\ud83d", "é"]), "logprob": -0.5, "top_logprobs": [[{}]]}
    usual = {"content": [entry] * chance.choice([1, 1, 2]), "refusal": None}
    return chance.choice([usual, usual, usual, {"tokens": ["a"]}, {"content": [], "refusal": None}, None])


def counts_of(number: int, chance: random.Random) -> dict[str, Any]:
    """Usage that grows: whole numbers, often with parts and a price, now and then zeros or nonsense."""
    usage: dict[str, Any] = {"prompt_tokens": 3, "completion_tokens": number // 2}
    if number % 3 == 0:
        usage |= {"completion_tokens_details": {"reasoning_tokens": number // 4}, "cost": number / 64}
    odd = chance.random()
    if odd < 0.05:
        return dict.fromkeys(usage, 0)
    return usage | ({"prompt_tokens": chance.choice([-1, 1.5, "3", None, True, 10**30])} if odd < 0.1 else {})


def chat(chance: random.Random) -> list[dict[str, Any]]:
    """Text, reasoning or calls; with padding, a time that moves, several choices, a token's number, usage or
    logprobs.
    """
    extra: dict[str, Any] = chance.choice([{}, {"obfuscation": "", "usage": None}, {"provider": "P"}])
    kinds = ["content", "content", "reasoning_content", "reasoning", "reasoning_details", "tool_calls"]
    kind = chance.choice(kinds)
    choices = chance.choice([1, 1, 1, 2, 3])
    deltas: list[dict[str, Any]]
    if kind == "tool_calls":
        deltas = [{"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}]
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
            for text in cut_text(JSON_TEXT, chance)
        ]
    elif kind == "reasoning_details":
        detail = {"type": "reasoning.text", "index": 0}
        deltas = [
            {"reasoning": text, "content": "", "reasoning_details": [{**detail, "text": text}]}
            for text in pieces(chance)
        ]
    else:
        deltas = [{kind: text, **chance.choice([{}, {"role": "assistant"}])} for text in pieces(chance)]
        if kind != "content":
            deltas += [{"content": text} for text in pieces(chance)]
    with_token, moves = chance.random() < 0.2, chance.random() < 0.2
    counts, with_logprobs = chance.random() < 0.2, chance.random() < 0.2
    payloads = []
    for number, delta in enumerate(deltas):
        choice = {"index": number % choices, "delta": delta, "logprobs": None, "finish_reason": None}
        choice |= {"token_id": number} if with_token else {}
        head = {
            "id": f"i{number}" if moves else "i",
            "object": "chat.completion.chunk",
            "created": 17 + number // 7,
            "model": "m",
        }
        payloads.append(head | {"choices": [choice]} | extra)
        if "obfuscation" in extra:
            payloads[-1]["obfuscation"] = "p" * chance.randrange(9)
        if counts:
            payloads[-1]["usage"] = counts_of(number, chance)
        elif with_logprobs:
            choice["logprobs"] = logprobs_of(chance)
    last = [{"index": n, "delta": {}, "finish_reason": "stop"} for n in range(choices)]
    return [*payloads, head | {"choices": last}]


def responses(chance: random.Random) -> list[dict[str, Any]]:
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    some: list[Any] = chance.choice([[], [], [{"token": "a"}]])

    def logprobs() -> list[Any]:
        return some * chance.choice([1, 1, 1, 2])

    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "r", "model": "m"}}]
    events += [
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": logprobs()}
        for text in pieces(chance)
    ]
    events.append({"type": "response.completed", "response": {"id": "r", "status": "completed"}})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def messages(chance: random.Random) -> list[dict[str, Any]]:
    message = {"id": "m", "role": "assistant", "content": [], "model": "c", "usage": {"input_tokens": 3}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    blocks = [
        ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking", pieces(chance)),
        ({"type": "text", "text": ""}, "text_delta", "text", pieces(chance)),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            "input_json_delta",
            "partial_json",
            cut_text(JSON_TEXT, chance),
        ),
    ]
    for index, (block, kind, field, texts) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        for text in texts:
            delta = {"type": kind, field: text}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}})
    return [*events, {"type": "message_stop"}]


def gemini(chance: random.Random) -> list[dict[str, Any]]:
    thought = chance.choice([{}, {"thought": True}])
    payloads: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": text, **thought}], "role": "model"}, "index": 0}]}
        for text in pieces(chance)
    ]
    if chance.random() < 0.7:  # a count that mostly moves, and sometimes a field more
        for number, payload in enumerate(payloads):
            counts = {"promptTokenCount": 5, "candidatesTokenCount": number // 2, "totalTokenCount": 9}
            more = chance.choice([{}, {}, {}, {"trafficType": "T"}])
            payload["usageMetadata"] = counts | more if chance.random() < 0.95 else {}
    last = {"content": {"parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}
    return [{**each, "responseId": "r"} for each in [*payloads, {"candidates": [last]}]]


WIRES: dict[str, Callable[[random.Random], list[dict[str, Any]]]] = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
}


def body_of(payloads: list[dict[str, Any]], chance: random.Random) -> bytes:
    """The stream: with and without event names, spaces in the JSON, escapes, and either kind of line end."""
    separators = chance.choice([(",", ":"), (", ", ": ")])
    is_ascii = chance.random() < 0.5
    named, padded = chance.random() < 0.5, chance.random() < 0.2
    frames = []
    for payload in payloads:
        data = json.dumps(payload, ensure_ascii=is_ascii, separators=separators)
        if padded:  # as Anthropic's
            data = f"{data[:-1]}{' ' * chance.randrange(12)}}}"
        name = f"event: {payload['type']}\n" if named and "type" in payload else ""
        frames.append(f"{name}data: {data}\n\n")
    body = "".join(frames).encode(errors="backslashreplace")
    return body.replace(b"\n", b"\r\n") if chance.random() < 0.15 else body


# -- damage -------------------------------------------------------------------------------

FIELDS = (
    *(b'"content":', b'"arguments":', b'"delta":', b'"obfuscation":', b'"reasoning_content":', b'"index":'),
    *(b'"sequence_number":', b'"created":', b'"text":', b'"thinking":', b'"partial_json":', b'"id":'),
)
ODD = (
    *(
        b'"',
        b"\\",
        b'\\"',
        b"\\\\",
        b"\\u00e9",
        b"\\ud83d\\ude00",
        b"\\ud83d",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
    ),
    *(
        b"\xff",
        b"\xc3",
        b"\xe2\x80\xa8",
        b"\x00",
        b"\x1f",
        b"\t",
        b"null",
        b"{}",
        b"[]",
        b",",
        b":",
        b"}",
        b"{",
    ),
    *(b"{", b'""', b'"}', b'"},', b"\xef\xbb\xbf", b"0", b"00", b"1.5", b"-1", b"1e5", b"true", "²".encode()),
    *(b'"content":"x",', b'"content":"x"', b'"obfuscation":"q",', b'"index":0,'),
    *(
        b'"finish_reason":"stop",',
        b'"usage":{"prompt_tokens":1},',
        b'"error":{"message":"boom"},',
        b'"new":1,',
        b'"delta":"z",',
    ),
    *(
        b": ping\n\n",
        b":\n",
        b"event: error\n",
        b"id: 7\n",
        b"retry: 10\n",
        b"data: [DONE]\n\n",
        b'"role":"x",',
    ),
    *(b'"sequence_number":3,', b'"reasoning_content":"r",', b'"tool_calls":null,'),
    b'"logprobs":[1],',
)
ENDS = (b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\n\n\n", b"\n", b"\r\n\n", b"\n\r")


def damaged(body: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(5):
            case 0:
                body = body[:at] + chance.choice(ODD) + body[at:]
            case 1:
                body = body[:at] + body[at + chance.choice((1, 1, 2, 5, 40)) :]
            case 2:  # in a value
                found = body.find(chance.choice(FIELDS), at)
                place = body.find(b":", found) + chance.choice((1, 2, 2, 3))
                body = body if found < 0 else body[:place] + chance.choice(ODD) + body[place:]
            case 3:  # another event, or one once more
                frames = body.split(b"\n\n")
                frames.insert(chance.randrange(len(frames)), chance.choice(frames))
                body = b"\n\n".join(frames)
            case _:  # another end of an event
                end = body.find(b"\n\n", at)
                body = body if end < 0 else body[:end] + chance.choice(ENDS) + body[end + 2 :]
    return body


def chunks_of(body: bytes, chance: random.Random) -> list[bytes]:
    match chance.randrange(4):
        case 0:
            return [frame + b"\n\n" for frame in body.split(b"\n\n")]
        case 1:
            return [body]
        case 2:
            size = chance.choice((1, 2, 3, 7, 50, 97, 333, 1460))
            return [body[n : n + size] for n in range(0, len(body), size)]
        case _:
            chunks, at = [], 0
            while at < len(body):
                size = chance.choice((1, 2, 10, 150, 300, 900))
                chunks.append(body[at : at + size])
                at += size
            return chunks


# -- both roads ---------------------------------------------------------------------------


def broken(chunks: Iterable[bytes], at: int) -> Iterator[bytes]:
    """The chunks up to number *at*, where the connection breaks; all of them for -1."""
    for number, chunk in enumerate(chunks):
        if number == at:
            raise OSError("reset")
        yield chunk


def outcome(chunks: Iterable[bytes], **options: Any) -> list[Any]:
    """Everything that a caller can see of the events, and of the error."""
    seen: list[Any] = []
    try:
        for event in read_events(chunks, **options):
            seen.append(facts(event))
    except StreamkitError as error:
        partial = error.partial and repr(error.partial.to_dict())
        seen.append((type(error).__name__, str(error), partial))
    return seen


def facts(event: Event) -> tuple[Any, ...]:
    completion = getattr(event, "completion", None)
    return (
        repr(event),
        repr(event.raw),
        getattr(event, "snapshot", None),
        completion and repr(completion.to_dict()),
    )


def random_stream(seed: str) -> tuple[list[bytes], int, dict[str, Any]]:
    chance = random.Random(seed)
    wire = chance.choice([*WIRES])
    body = damaged(body_of(WIRES[wire](chance), chance), chance)
    options: dict[str, Any] = {"wire": wire}
    if chance.random() < 0.1:
        options |= chance.choice([{"strict": True}, {"max_event": 300}, {"max_line": 200}, {"wire": "auto"}])
    if chance.random() < 0.25:
        options["profile"] = chance.choice(THINKING)
    chunks = chunks_of(body, chance)
    return chunks, chance.randrange(len(chunks) or 1) if chance.random() < 0.1 else -1, options


@pytest.mark.parametrize("part", range(40))
def test_damaged_streams_are_read_alike(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 streams. `python -m tests.fuzz --check roads` compares more."""
    streams = [random_stream(f"{part}/{number}") for number in range(0, 500, EVERY)]
    fast = [outcome(broken(chunks, at), **options) for chunks, at, options in streams]
    monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)
    for (chunks, at, options), expected in zip(streams, fast, strict=True):
        assert outcome(broken(chunks, at), **options) == expected, (b"".join(chunks), options)


@pytest.mark.parametrize("wire", WIRES)
def test_every_cut_is_read_alike(wire: str) -> None:
    """In two chunks, cut at each byte; and in chunks of each small size."""
    chance = random.Random(wire)
    body = body_of(WIRES[wire](chance)[:24], chance)
    whole = outcome([body], wire=wire)
    for at in range(1, len(body), EVERY):
        assert outcome([body[:at], body[at:]], wire=wire) == whole, at
    for size in range(1, 40, EVERY):
        assert outcome([body[n : n + size] for n in range(0, len(body), size)], wire=wire) == whole, size


@pytest.mark.skipif(not corpus(), reason="STREAMKIT_CORPUS is not set")
def test_the_corpus_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, one event a chunk, and in chunks of 97 bytes."""

    def read(body: bytes, wire: str) -> list[Any]:
        return [
            outcome(chunks, wire=wire)
            for chunks in (
                [body],
                [frame + b"\n\n" for frame in body.split(b"\n\n")],
                [body[n : n + 97] for n in range(0, len(body), 97)],
            )
        ]

    recorded = [each for each in corpus() if len(each.body) < 200_000]
    fast = [read(each.body, each.wire) for each in recorded]
    monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)
    for each, expected in zip(recorded, fast, strict=True):
        assert read(each.body, each.wire) == expected, each.name


def test_a_planted_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a lane that keeps its templates after any event is found."""

    streams = [random_stream(f"planted/{number}") for number in range(600)]
    plain = [outcome(broken(chunks, at), **options) for chunks, at, options in streams]
    monkeypatch.setattr(Tracks, "clear", lambda self: None)
    assert [outcome(broken(chunks, at), **options) for chunks, at, options in streams] != plain


# -- streams that were made to break it ---------------------------------------------------


def chunk(text: str, **more: Any) -> dict[str, Any]:
    return {"id": "i", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def event(payload: dict[str, Any], before: str = "") -> bytes:
    return f"{before}data: {json.dumps(payload)}\n\n".encode()


def candidate(text: str, usage: Any, index: int = 0, role: str = "model") -> dict[str, Any]:
    content = {"parts": [{"text": text}], **({"role": role} if role else {})}
    counts = {"usageMetadata": usage} if usage else {}
    return {"candidates": [{"index": index, "content": content}], **counts}


def numbered(*texts: str, **odd: Any) -> list[bytes]:
    """Chunks with a time that moves, and a last one with *odd* values as JSON."""
    events = [event(chunk(text, created=n)) for n, text in enumerate(texts)]
    for name, value in odd.items():
        events.append(event(chunk("x", **{name: "@"})).replace(b'"@"', value))
    return events


ATTACKS: dict[str, tuple[str, list[bytes]]] = {
    "payloads in wrappers": ("chat", [event({"result": chunk(text)}) for text in "abcd"]),
    "a time nested 3000 deep": ("chat", numbered("a", "b", "c", created=b"[" * 3000)),
    "errors with an answer inside": (
        "chat",
        [event(chunk("a")), event(chunk("b"), "event: error\n"), event(chunk("c"), "event: error\n")],
    ),
    "comments hidden by a CR": ("chat", [event(chunk(t), "event: m\r: ping\n") for t in "abcd"]),
    "events hidden by CRs": (
        "chat",
        [
            each
            for text in "abcd"
            for each in (
                event(chunk("X"), "event: m\r").replace(b"\n\n", b"\r\r"),
                event(chunk(text), "event: m\n"),
            )
        ],
    ),
    "an LF in an event of CRLF": (
        "chat",
        [event(chunk(t), "event: m\n: ping\n").replace(b"}\n\n", b"}\r\n\r\n") for t in "abcd"],
    ),
    "usage below one after usage above": (
        "chat",
        [event(chunk("a", usage={"prompt_tokens": value})) for value in (1.5, 2.5, 3.5, 0.5)],
    ),
    "a price below one beside counts": (
        "chat",
        [event(chunk("a", usage={"prompt_tokens": 5, "cost": value})) for value in (1.5, 2.5, 0.25, 0.5)],
    ),
    "usage with one name twice": (
        "gemini",
        [
            event(candidate("a", {"x": n, "totalTokenCount": 5})).replace(b'"x"', b'"totalTokenCount"')
            for n in range(1, 6)
        ],
    ),
    "usage beside every other text": (
        "gemini",
        [
            event(candidate(text, {"promptTokenCount": 5} if text == "a" else None, index, role))
            for text, index, role in [
                ("a", 0, "model"),
                ("b", 1, "model"),
                ("a", 0, "model"),
                ("b", 1, ""),
                ("a", 0, "model"),
            ]
        ],
    ),
    "equal counts in another form": (
        "gemini",
        [
            event(candidate("a", usage, index))
            for usage, index in [
                ({"promptTokenCount": 5, "totalTokenCount": 7}, 0),
                ({"totalTokenCount": 7, "promptTokenCount": 5}, 1),
            ]
            * 4
        ],
    ),
    "fractions written in two ways": (
        "gemini",
        [
            event(candidate("a", {"promptTokenCount": "@"})).replace(b'"@"', value)
            for value in (b"0.5", b"0.50", b"0.5", b"1.50", b"1.5")
        ],
    ),
    "logprobs that are a string": (
        "chat",
        [event({"choices": [{"index": 0, "delta": {"content": t}, "logprobs": "s"}]}) for t in "abc"],
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_read_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event a chunk, all in one chunk, and in small pieces."""
    wire, events = ATTACKS[name]
    body = b"".join(events)
    cuts = [events, [body], [body[n : n + 11] for n in range(0, len(body), 11)]]
    fast = [outcome(chunks, wire=wire) for chunks in cuts]
    monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)
    assert [outcome(chunks, wire=wire) for chunks in cuts] == fast


@pytest.mark.parametrize("size", [1, 7, 100])
def test_an_event_in_small_chunks_is_looked_at_in_linear_work(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 10: what isn't a whole event is compared each time it has doubled, not for each chunk."""
    compared = []
    may_begin = Template.may_begin

    def noted(template: Template, data: bytes) -> bool:
        compared.append(len(data))
        return may_begin(template, data)

    monkeypatch.setattr(Template, "may_begin", noted)
    body = b"".join(event({"padding": "x" * 20_000, **chunk(text)}) for text in "abcd") + b"data: [DONE]\n\n"
    events = [*read_events(body[n : n + size] for n in range(0, len(body), size))]
    assert [each.text for each in events if isinstance(each, TextDelta)] == [*"abcd"]
    assert 0 < sum(compared) < 4 * len(body)


def test_a_lower_limit_for_levels_counts_in_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """`json_text.MAX_DEPTH` can be set: deeper logprobs are a bad frame on both roads."""
    monkeypatch.setattr("streamkit.json_text.MAX_DEPTH", 50)
    place = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
    deep: Any = [1]
    for _ in range(55):
        deep = [deep]
    events = [event({**place, "delta": "a", "logprobs": [[1]]}) for _ in range(4)]
    events.append(event({**place, "delta": "b", "logprobs": deep}))
    fast = outcome(events, wire="responses")
    monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)
    assert outcome(events, wire="responses") == fast
    assert any("BadFrame" in seen[0] for seen in fast)


def test_the_caller_may_change_raw() -> None:
    """The payload of an event is the caller's; what follows doesn't depend on it."""
    texts = []
    for each in read_events(sse(*map(chunk, "abcd"), FINISH)):
        texts += [each.text] if isinstance(each, TextDelta) else []
        if isinstance(each, TextDelta) and each.raw:
            each.raw.pop("choices")
    assert texts == ["a", "b", "c", "d"]


def test_the_source_closes_before_the_answer_is_given() -> None:
    """After `[DONE]` nothing more is read, so the source is dropped at once."""
    closed = []

    def source() -> Iterator[bytes]:
        try:
            yield sse(*map(chunk, "abc"), FINISH, "[DONE]")
            yield b": more\n\n"
        finally:
            closed.append(True)

    before = [(type(each), [*closed]) for each in read_events(source())]
    assert before[-1] == (Completed, [True])
    assert before[0] == (Started, [])


# -- what the lane takes ------------------------------------------------------------------


def taken(monkeypatch: pytest.MonkeyPatch, payloads: list[dict[str, Any]], wire: str, **more: Any) -> int:
    """How many events the lane made."""
    lanes: list[Any] = []
    real = streamkit.pipeline.new_lane

    def noting(*args: Any) -> Any:
        lanes.append(real(*args))
        return lanes[-1]

    with monkeypatch.context() as patch:
        patch.setattr(streamkit.pipeline, "new_lane", noting)
        assert list(read_events(sse(*payloads), wire=wire, **more))
    return int(lanes[0].tally.events)


FINISH = {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def test_the_lane_takes_what_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the first pieces: one opens the item, one shows that it doesn't repeat the first and makes the
    template, and one shows what varies.
    """
    same = [chunk(text) for text in TEXTS]
    assert taken(monkeypatch, [*same, FINISH], "chat") == len(TEXTS) - 2
    padded = [chunk(text, obfuscation="p" * n, created=n) for n, text in enumerate(TEXTS)]
    assert taken(monkeypatch, [*padded, FINISH], "chat") == len(TEXTS) - 3
    two = [chunk(text) for text in TEXTS]
    for number, payload in enumerate(two):
        payload["choices"][0]["index"] = number % 2
    ends = [FINISH, {"id": "i", "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}]
    assert taken(monkeypatch, [*two, *ends], "chat") == len(TEXTS) - 5  # each choice twice, then one again


def test_the_lane_reads_a_value_next_to_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage on every chunk of two APIs, and logprobs."""
    counted = [chunk(text, usage={"completion_tokens": n}) for n, text in enumerate(TEXTS, 1)]
    assert taken(monkeypatch, [*counted, FINISH], "chat") == 2 * (len(TEXTS) - 2)  # each with a report
    reports = [e for e in read_events(sse(*counted, FINISH)) if isinstance(e, UsageReport)]
    assert [report.usage.output_tokens for report in reports] == [*range(1, len(TEXTS) + 1)]
    assert [report.raw for report in reports] == counted
    likely = [chunk(text) for text in TEXTS]
    for number, payload in enumerate(likely):
        payload["choices"][0]["logprobs"] = {"content": [{"token": "t", "logprob": number}]}
    assert taken(monkeypatch, [*likely, FINISH], "chat") == len(TEXTS) - 2
    deltas = [e for e in read_events(sse(*likely, FINISH)) if isinstance(e, TextDelta)]
    assert [delta.logprobs[0]["logprob"] for delta in deltas] == [*range(len(TEXTS))]
    parts = [gemini_text(text, n) for n, text in enumerate(TEXTS)]
    assert taken(monkeypatch, parts, "gemini") == 2 * (len(TEXTS) - 2)  # the last one has the finish


@pytest.mark.parametrize("profile", THINKING, ids=["start", "inside", "anywhere"])
def test_text_outside_of_thoughts_takes_the_lane(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thought in tags goes through the chain, however long, and the text after it doesn't."""
    thought = ["<think>", *["so "] * 50, "</think>"]
    payloads = [chunk(text) for text in [*thought, *["word "] * 50]]
    assert 45 <= taken(monkeypatch, [*payloads, FINISH], "chat", profile=profile) <= 50
    *_, last = read_events(sse(*payloads, FINISH), profile=profile)
    assert isinstance(last, Completed)
    assert last.completion.reasoning.strip() == ("so " * 50).strip()
    assert last.completion.text == "word " * 50


def test_a_first_piece_ends_what_repeats_elsewhere() -> None:
    """Text of a new block goes behind all text: then the templates of earlier blocks don't count.

    Without announced blocks, so that nothing but pieces is between them.
    """
    payloads = [
        {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
        for index, text in [(0, "a"), (0, "b"), (0, "c"), (1, "d"), (1, "e"), (0, "f"), (0, "g")]
    ]
    head = {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}
    end = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    *_, last = read_events(sse(head, *payloads, *end), wire="messages")
    assert isinstance(last, Completed)
    assert [part.text for part in last.completion.choices[0].items[0].content] == ["abc", "de", "fg"]  # type: ignore[union-attr]


def gemini_text(text: str, count: int) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}]}}
    candidate |= {"finishReason": "STOP"} if count == len(TEXTS) - 1 else {}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": count + 1}}


def test_raw_is_decoded_when_it_is_read() -> None:
    """The same payload as without a lane, also after a copy, and never shared."""
    events = [e for e in read_events(sse(*map(chunk, "abc"), FINISH)) if isinstance(e, TextDelta)]
    assert [event.raw for event in events] == [chunk(text) for text in "abc"]
    assert events[2].raw is events[2].raw


def test_a_comment_passes_at_once() -> None:
    """While the lane waits for the rest of an event, a comment isn't held back."""
    body = sse(*map(chunk, "abcd"))
    chunks = iter([body, b": ping\n", b"\n", sse(FINISH)])
    events = read_events(chunks)
    kinds = []
    for event in events:
        kinds.append(type(event).__name__)
        if kinds[-1] == "KeepAlive":
            break
    assert kinds[-2:] == ["TextDelta", "KeepAlive"]
    assert next(chunks) == b"\n"  # nothing was read beyond the line


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """Law 9: each event of the lane needs its own chunk, and no other."""
    asked = 0

    def chunks() -> Iterator[bytes]:
        nonlocal asked
        for text in "abcdefgh":
            asked += 1
            yield sse(chunk(text))

    texts = (event for event in read_events(chunks()) if isinstance(event, TextDelta))
    assert [(next(texts).text, asked) for _ in "abcdefgh"] == [(t, n) for n, t in enumerate("abcdefgh", 1)]


def test_a_stream_that_hardly_repeats_is_left_to_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a comment after each event, each template would be made for nothing."""
    begun = 0
    real = Tracks._track

    def track(self: Tracks, *args: Any) -> Any:
        nonlocal begun
        begun += 1
        return real(self, *args)

    monkeypatch.setattr(Tracks, "_track", track)
    body = (sse(chunk("a")) + b": ping\n\n") * 500 + sse(FINISH)
    assert sum(isinstance(event, TextDelta) for event in read_events([body])) == 500
    assert 0 < begun < 50


# -- templates ----------------------------------------------------------------------------

PATH = ("delta", "content")


def template(data: str, **options: Any) -> Template | None:
    event = split_event(f"data: {data}\n\n")
    return template_of(event, Repeat(PATH, **options)) if event is not None else None


@pytest.mark.parametrize(
    "data",
    [
        '{"delta":{"content":"a"}}',
        '{"content":"a","delta":{"content":"a"}}',
        '{"x":"\\"content\\":\\"a\\"","delta":{"content":"a"}}',
        '{"delta":{"content":"b","content":"a"}}',
        '{ "delta" : { "content" : "a" } }',
        '{"delta":{"content":"a","content ":"a"}}',
    ],
)
def test_the_hole_is_proved(data: str) -> None:
    """Wherever else the same characters are, only the value at the path is the piece."""
    found = template(data)
    assert found is not None
    start = data.rindex('"content"') if "content " not in data else data.index('"content"')
    other = data[:start] + data[start:].replace('"a"', '"zz"', 1)
    text = f"data: {other}\n\n"
    assert found.match(text, 0) == ("zz", len(text), "")


@pytest.mark.parametrize(
    "data", ['{"delta":{"cont\\u0065nt":"a"}}', '{"delta":{"content":"a","content":"\\u0061"}}']
)
def test_an_escaped_name_or_text(data: str) -> None:
    """A name that is written in escapes isn't found; a text in escapes is."""
    found = template(data)
    assert (found is None) == ("cont\\u0065nt" in data)


@pytest.mark.parametrize(
    "event",
    [
        'id: 5\ndata: {"delta":{"content":"a"}}\n\n',
        'data: {"delta":\ndata: {"content":"a"}}\n\n',
        'data: {"delta":{"content":"a"}}\n',
        'event: error\ndata: {"delta":{"content":"a"}}\n\n',
        'event: m\rdata: {}\ndata: {"delta":{"content":"a"}}\n\n',
        'data: {"delta":{"content":"a"}}\n\rdata: {"delta":{"content":"a"}}\n\n',
    ],
    ids=["an id", "two lines", "no end", "an error", "a CR", "two events"],
)
def test_other_events_have_no_template(event: str) -> None:
    assert split_event(event) is None


@pytest.mark.parametrize("number", ["00", "-", "1.5", "1e5", "²", "", "9" * 5000, "true", '"1"'])
def test_a_number_hole_takes_whole_numbers(number: str) -> None:
    data = '{"n":1,"delta":{"content":"a"}}'
    found = template(data, vary=(("n",),))
    assert found is not None
    assert found.match(f"data: {data}\n\n".replace(":1,", f":{number},"), 0) is None
    assert found.match(f"data: {data}\n\n".replace(":1,", ":20,"), 0) is not None


def test_no_part_of_a_large_event_is_kept() -> None:
    """An event that can't become a template passes through; its first bytes aren't held until its end."""
    lane = Lane(AnswerState(), 1 << 24)
    chunks = lane.feed([b"x" * 40_000] * 3)
    assert [len(next(chunks)) for _ in range(3)] == [40_000] * 3
    assert lane._event == []
