"""Which item an event is about, however a gateway names its items."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import ItemDone, ItemStarted, TextDelta, ToolCallDelta, Unknown

from .chat_payloads import lines_run
from .responses_payloads import (
    CREATED,
    added,
    arguments,
    call,
    complete,
    completed,
    done,
    event,
    gist,
    message,
    read,
    reasoning,
    text,
)

TWO_CALLS = [("function_call", '{"n":1}'), ("function_call", '{"m":2}')]
TEXT_AND_CALL = [("message", "Ask."), ("function_call", '{"n":1}')]

DIALECTS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "ids only, interleaved": (
        [
            added(call(item_id="a", call_id="call_1")),
            added(call(item_id="b", call_id="call_2")),
            arguments('{"m"', item_id="b"),
            arguments('{"n"', item_id="a"),
            arguments(":2}", item_id="b"),
            arguments(":1}", item_id="a"),
        ],
        TWO_CALLS,
    ),
    "indexes only, interleaved": (
        [
            added(call(call_id="call_1"), output_index=0),
            added(call(call_id="call_2"), output_index=1),
            arguments('{"m"', output_index=1),
            arguments('{"n"', output_index=0),
            arguments(":2}", output_index=1),
            arguments(":1}", output_index=0),
        ],
        TWO_CALLS,
    ),
    "ids minted for each event": (
        [
            added(message(item_id="x1"), output_index=0),
            text("As", item_id="x2", output_index=0),
            text("k.", item_id="x3", output_index=0),
            done(message("Ask.", "x4"), output_index=0),
            added(call(item_id="x5"), output_index=1),
            arguments('{"n"', item_id="x6", output_index=1),
            arguments(":1}", item_id="x7", output_index=1),
            event("function_call_arguments.done", arguments='{"n":1}', item_id="x7b", output_index=1),
            done(call('{"n":1}', "x8"), output_index=1),
            completed(message("Ask.", "x9"), call('{"n":1}', "x10")),
        ],
        TEXT_AND_CALL,
    ),
    "ids minted, no index, items announced": (
        [
            added(message(item_id="x1")),
            text("As", item_id="x2"),
            text("k.", item_id="x3"),
            added(call(item_id="x4")),
            arguments('{"n"', item_id="x5"),
            arguments(":1}", item_id="x6"),
        ],
        TEXT_AND_CALL,
    ),
    "every index 0, ids tell": (
        [
            added(call(item_id="a", call_id="call_1"), output_index=0),
            added(call(item_id="b", call_id="call_2"), output_index=0),
            arguments('{"n":1}', item_id="a", output_index=0),
            arguments('{"m":2}', item_id="b", output_index=0),
        ],
        TWO_CALLS,
    ),
    "every index 0, kinds tell": (
        [
            text("Ask.", output_index=0),
            event("reasoning_text.delta", delta="Hm", output_index=0),
            arguments('{"n":1}', output_index=0),
            done(message("Ask."), output_index=0),
            done(call('{"n":1}'), output_index=0),
        ],
        [("message", "Ask."), ("reasoning", "Hm"), ("function_call", '{"n":1}')],
    ),
    "every index 0, one item after the other": (
        [
            added(message(), output_index=0),
            text("One", output_index=0),
            done(message("One"), output_index=0),
            text("Two", output_index=0),
        ],
        [("message", "One"), ("message", "Two")],
    ),
    "one id for all, indexes tell": (
        [
            added(call(item_id="x", call_id="call_1"), output_index=0),
            added(call(item_id="x", call_id="call_2"), output_index=1),
            arguments('{"n":1}', item_id="x", output_index=0),
            arguments('{"m":2}', item_id="x", output_index=1),
            done(call('{"n":1}', "x", call_id="call_1"), output_index=0),
            done(call('{"m":2}', "x", call_id="call_2"), output_index=1),
        ],
        TWO_CALLS,
    ),
    "one id for all, kinds tell": (
        [
            added(message(item_id="x")),
            text("Ask.", item_id="x"),
            added(call(item_id="x")),
            arguments('{"n":1}', item_id="x"),
            done(message("Ask.", "x")),
            done(call('{"n":1}', "x")),
        ],
        TEXT_AND_CALL,
    ),
    "no names at all": (
        [
            added(message()),
            text("Ask."),
            done(message("Ask.")),
            added(call()),
            arguments('{"n":1}'),
            done(call('{"n":1}')),
        ],
        TEXT_AND_CALL,
    ),
    "no names, nothing but sums": (
        [done(message("One")), done(message("Two")), done(call('{"n":1}'))],
        [("message", "One"), ("message", "Two"), ("function_call", '{"n":1}')],
    ),
    "the announcement has no index, the pieces have": (
        [
            added(message(item_id="a")),
            text("Ask.", output_index=4),
            done(message("Ask.", "a"), output_index=4),
        ],
        [("message", "Ask.")],
    ),
    "the announcement has no id, the pieces have": (
        [added(message(), output_index=0), text("Ask.", item_id="a"), done(message("Ask.", "a"))],
        [("message", "Ask.")],
    ),
    "a piece before the announcement": (
        [
            arguments('{"n"', item_id="a", output_index=0),
            added(call(item_id="a"), output_index=0),
            arguments(":1}", item_id="a", output_index=0),
            done(call('{"n":1}', "a"), output_index=0),
        ],
        [("function_call", '{"n":1}')],
    ),
    "an announcement repeated, also after the sum": (
        [
            added(message(item_id="a"), output_index=0),
            added(message(item_id="a"), output_index=0),
            text("Ask.", item_id="a", output_index=0),
            done(message("Ask.", "a"), output_index=0),
            added(message(item_id="a"), output_index=0),
            done(message("Ask.", "a"), output_index=0),
        ],
        [("message", "Ask.")],
    ),
    "call ids tell where item ids are minted and there is no index": (
        [
            added(call(item_id="x1", call_id="call_1")),
            added(call(item_id="x2", call_id="call_2")),
            done(call('{"n":1}', "x3", call_id="call_1")),
            done(call('{"m":2}', "x4", call_id="call_2")),
        ],
        TWO_CALLS,
    ),
    "two calls with one call id": (
        [
            added(call(item_id="a", call_id="call_f")),
            added(call(item_id="b", call_id="call_f")),
            done(call('{"m":2}', "b", call_id="call_f")),
            done(call('{"n":1}', "a", call_id="call_f")),
        ],
        TWO_CALLS,
    ),
    "ids only, nothing announced": (
        [
            arguments('{"n"', item_id="a"),
            arguments('{"m"', item_id="b"),
            arguments(":1}", item_id="a"),
            arguments(":2}", item_id="b"),
        ],
        TWO_CALLS,
    ),
    "no names, a restatement after the sum": (
        [text("Ask."), done(message("Ask.")), event("output_text.done", text="Ask.")],
        [("message", "Ask.")],
    ),
    "indexes far apart": (
        [
            text("Ask.", output_index=7),
            arguments('{"n":1}', output_index=40),
            done(call('{"n":1}'), output_index=40),
        ],
        TEXT_AND_CALL,
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_pieces_find_their_item(dialect: str) -> None:
    """PS-07, PS-29, X-08: every way of naming items comes to the same items, in order, each once."""
    payloads, expected = DIALECTS[dialect]
    if payloads[-1]["type"] != "response.completed":
        payloads = [*payloads, completed()]
    assert gist(complete(CREATED, *payloads)) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_terminal_event_adds_nothing_twice(dialect: str) -> None:
    """The same items once more in the terminal event, under other ids, are the same items."""
    payloads, expected = DIALECTS[dialect]
    payloads = [p for p in payloads if p["type"] != "response.completed"]
    makers = {"message": message, "function_call": call, "reasoning": _thinking}
    output = [makers[kind](said, f"other_{n}") for n, (kind, said) in enumerate(expected)]
    for n, item in enumerate(output):
        if item["type"] == "function_call":
            item["call_id"] = f"call_other_{n}"
    assert gist(complete(CREATED, *payloads, completed(*output))) == expected


def _thinking(said: str, item_id: str) -> dict[str, Any]:
    return reasoning([], item_id, content=[{"type": "reasoning_text", "text": said}])


def test_a_terminal_item_never_takes_the_slot_of_another_id() -> None:
    """Items that only the terminal event has stand beside those that were streamed, whatever the order."""
    streamed = done(message("Second", "b"), output_index=1)
    completion = complete(CREATED, streamed, completed(message("First", "a"), message("Second", "b")))
    assert gist(completion) == [("message", "Second"), ("message", "First")]


def test_a_terminal_call_is_found_by_its_call_id() -> None:
    """Minted item ids and another order: the call_id says which call was announced."""
    announced = [added(call(item_id="a", call_id="call_1")), added(call(item_id="b", call_id="call_2"))]
    output = [call('{"m":2}', "x", call_id="call_2"), call('{"n":1}', "y", call_id="call_1")]
    assert gist(complete(CREATED, *announced, completed(*output))) == TWO_CALLS


AT_A = {"item_id": "a", "output_index": 0}
EARLY = [
    text("Ask", **AT_A),
    event("output_text.done", text="Ask", **AT_A),
    done(message("Ask", "a"), output_index=0),
]
LATE = [text(each, **AT_A) for each in (" at", " noon.")]
WHOLE = "Ask at noon."
ENDINGS = {
    "nothing restated": [completed()],
    "the whole in the terminal event": [completed(message(WHOLE, "a"))],
    "only the beginning in the terminal event": [completed(message("Ask", "a"))],
    "the item once more": [done(message(WHOLE, "a"), output_index=0), completed(message(WHOLE, "a"))],
    "the text once more": [
        event("output_text.done", text=WHOLE, **AT_A),
        done(message(WHOLE, "a"), output_index=0),
        completed(message(WHOLE, "a")),
    ],
    "more than the pieces": [done(message(WHOLE + " Yes.", "a"), output_index=0), completed()],
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_text_that_goes_on_after_its_item_is_another_item(ending: list[Any]) -> None:
    """A proxy closes the item after the first piece, and goes on: the item that was yielded stays, and the
    rest of the text is an item of its own, once. The id stays with the first.
    """
    events, _ = read([CREATED, added(message("", "a"), output_index=0), *EARLY, *LATE, *ending])
    items = events[-1].completion.items  # type: ignore[union-attr]
    rest = " at noon. Yes." if ending is ENDINGS["more than the pieces"] else " at noon."
    assert [(item.text, item.id) for item in items] == [("Ask", "a"), (rest, None)]
    assert "".join(each.text for each in events if isinstance(each, TextDelta)) == "Ask" + rest
    assert [each.item for each in events if isinstance(each, ItemDone)] == [*items]


def test_reasoning_that_goes_on_after_its_item_is_another_item() -> None:
    """Of both kinds."""
    for name, field in (("reasoning_text", "content"), ("reasoning_summary_text", "summary")):

        def thought(text: str, field: str = field) -> dict[str, Any]:
            parts = [{"type": "reasoning_text" if field == "content" else "summary_text", "text": text}]
            return {"type": "reasoning", "id": "a", "summary": [], field: parts}

        pieces = [event(f"{name}.delta", delta=each, **AT_A) for each in ("Hm", ", so")]
        payloads = [pieces[0], done(thought("Hm"), output_index=0), pieces[1]]
        for last in (completed(), completed(thought("Hm, so"))):
            completion = complete(CREATED, *payloads, last)
            assert [item.text for item in completion.items] == ["Hm", ", so"]  # type: ignore[union-attr]


def test_restatements_that_come_late_open_no_item() -> None:
    """Only pieces continue a text."""
    late = [event("output_text.done", text="Ask", **AT_A), event("content_part.done", part={}, **AT_A)]
    completion = complete(CREATED, *EARLY, *late, completed(message("Ask", "a")))
    assert gist(completion) == [("message", "Ask")]


def test_arguments_that_come_late_change_no_call() -> None:
    """A call that was yielded may have run."""
    late = arguments("!", item_id="a", output_index=0)
    item = call('{"n":1}', "a")
    events, _ = read([CREATED, done(item, output_index=0), late, completed(item)])
    assert Unknown(late) in events
    assert len(events[-1].completion.tool_calls) == 1  # type: ignore[union-attr]


def test_arguments_of_a_hosted_tool_are_no_call() -> None:
    """Rule 5: argument pieces that belong to a hosted tool's item never make a call for us to run."""
    hosted = {"type": "web_search_call", "id": "ws_1", "name": "web_search", "call_id": ""}
    piece = arguments('{"query":"tide"}', item_id="ws_other", output_index=0)
    events, _ = read([CREATED, added(hosted, output_index=0), piece, completed(hosted)])
    assert [e.kind for e in events if isinstance(e, ItemStarted)] == ["web_search_call"]
    assert not [e for e in events if isinstance(e, ToolCallDelta)]
    assert Unknown(piece) in events


@pytest.mark.parametrize(
    ("announcement", "piece", "finish"),
    [
        pytest.param(
            added(message(item_id="m"), output_index=0),
            text("Ask.", item_id="other", output_index=1),
            done(message("Ask.", "other"), output_index=1),
            id="text",
        ),
        pytest.param(
            added(call(item_id="c"), output_index=0),
            arguments('{"n":1}', output_index=1),
            done(call('{"n":1}', "x"), output_index=1),
            id="arguments",
        ),
    ],
)
@pytest.mark.parametrize("is_closed", [True, False])
def test_unknown_names_mean_the_item_that_was_just_announced(
    announcement: dict[str, Any], piece: dict[str, Any], finish: dict[str, Any], is_closed: bool
) -> None:
    """A gateway that announces items would have announced another one: there is one, and none is empty."""
    events, _ = read([CREATED, announcement, piece, *([finish] if is_closed else []), completed()])
    assert len([e for e in events if isinstance(e, ItemStarted)]) == 1
    (said,) = gist(events[-1].completion)  # type: ignore[union-attr]
    assert said in TEXT_AND_CALL


def test_a_call_may_be_named_by_its_call_id_alone() -> None:
    """Pieces of two open calls alternate, with neither item_id nor output_index."""
    payloads = [
        added(call(call_id="call_1")),
        added(call(call_id="call_2")),
        arguments('{"n"', call_id="call_1"),
        arguments('{"m"', call_id="call_2"),
        arguments(":1}", call_id="call_1"),
        event("function_call_arguments.done", arguments='{"m":2}', call_id="call_2"),
    ]
    assert gist(complete(CREATED, *payloads, completed())) == TWO_CALLS


THOUGHT = event("reasoning_text.delta", delta="Hm", item_id="r", output_index=0, content_index=0)
PLACES = {
    "id and index": {"item_id": "r", "index": 0},
    "id": {"item_id": "r", "index": None},
    "index, a minted id": {"item_id": "x", "index": 0},
    "index": {"item_id": None, "index": 0},
    "no names": {"item_id": None, "index": None},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("said", ["", "Hm"], ids=["empty", "the same text"])
def test_an_item_restated_as_another_kind_is_no_other_item(place: str, said: str) -> None:
    """vLLM closes reasoning as an empty message: the reasoning closes with its pieces, and stays alone."""
    names = PLACES[place]
    closed = done(message(said, names["item_id"]), **({"output_index": 0} if names["index"] == 0 else {}))
    started = added(_thinking("", "r") | {"content": []}, output_index=0)
    events, error = read([CREATED, started, THOUGHT, closed])
    assert error is not None
    assert [e.item.type for e in events if isinstance(e, ItemDone)] == ["reasoning"]
    assert gist(complete(CREATED, started, THOUGHT, closed, completed())) == [("reasoning", "Hm")]


def test_a_call_restated_as_an_empty_message_waits_for_the_end() -> None:
    """Law 5: that message doesn't state the arguments; they count if the response is completed."""
    start = [CREATED, added(call("", "c"), output_index=0)]
    piece = arguments('{"n":1}', item_id="c", output_index=0)
    closed = done(message("", "c"), output_index=0)
    events, _ = read([*start, closed])
    assert not [e for e in events if isinstance(e, ItemDone)]
    assert gist(complete(*start, piece, closed, completed())) == [("function_call", '{"n":1}')]


def test_an_empty_item_at_the_end_may_stand_for_another() -> None:
    """SGLang's router lists an empty message in place of the call; where no item is left, it is an item."""
    empty = message("", "m")
    streamed = [CREATED, added(call("", "c")), arguments('{"n":1}', item_id="c")]
    assert gist(complete(*streamed, completed(empty))) == [("function_call", '{"n":1}')]
    both = complete(*streamed, completed(call('{"n":1}', "c"), empty))
    assert gist(both) == [("function_call", '{"n":1}'), ("message", "")]


def _named(n: int) -> list[dict[str, Any]]:
    names = {"item_id": f"m{n}", "output_index": n}
    return [
        added(message("", f"m{n}"), output_index=n),
        text("a", **names),
        done(message("a", f"m{n}"), output_index=n),
    ]


GROWTH: dict[str, Any] = {
    "items with names": _named,
    "items without names": lambda n: [added(message()), text("a"), done(message("a"))],
    "items that stay open": lambda n: [
        added(message("", f"m{n}"), output_index=n),
        text("a", output_index=n),
    ],
    "pieces with new indexes, nothing announced": lambda n: [text("a", output_index=n)],
    "pieces with new ids, nothing announced": lambda n: [text("a", item_id=f"m{n}")],
    "a new id for each event": lambda n: [
        added(message("", f"a{n}")),
        text("a", item_id=f"b{n}"),
        done(message("a", f"c{n}")),
    ],
    "hosted tools, open": lambda n: [
        added({"type": "web_search_call", "id": f"w{n}"}, output_index=n),
        text("a", item_id=f"m{n}"),
    ],
    "hosted tools at one index": lambda n: [
        added({"type": "web_search_call", "id": f"w{n}"}, output_index=0),
        done({"type": "web_search_call", "id": f"w{n}"}, output_index=0),
        arguments("{}", item_id=f"c{n}", output_index=7),
    ],
    "calls with one call id": lambda n: [added(call("", f"c{n}")), done(call("{}", f"d{n}"))],
    "calls by call id, no index": lambda n: [
        added(call("", f"c{n}", call_id=f"x{n}")),
        done(call("{}", f"d{n}", call_id=f"x{n}")),
    ],
    "late restatements": lambda n: [event("output_text.done", text="a"), done(message("a"))],
    "empty items": lambda n: [done(message("", f"m{n}"), output_index=0), THOUGHT],
}


@pytest.mark.parametrize("kind", GROWTH)
@pytest.mark.parametrize("is_listed", [False, True], ids=["no output", "listed at the end"])
def test_finding_an_item_takes_constant_time(kind: str, is_listed: bool) -> None:
    """Law 10: with 2 and 4 times the items, no more than 2 and 4 times the lines are run."""

    def cost(count: int) -> int:
        payloads = [each for n in range(count) for each in GROWTH[kind](n)]
        output = [message("a", f"o{n}") for n in range(count)] if is_listed else []
        return lines_run(lambda: read([CREATED, *payloads, completed(*output)]))

    cost(10)
    small, middle, large = cost(60), cost(120), cost(240)
    assert middle < 2.2 * small
    assert large < 4.3 * small
