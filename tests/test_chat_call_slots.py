"""Which fragment belongs to which call: every dialect, cut and mixed at random, comes out whole.

Rows: CR-08 to CR-19, CL-12, CO-05 to CO-07, OS-07 to OS-11, X-08, X-09 and pains P12 to P14.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamkit import FunctionCall, ToolCallDelta

from .chat_payloads import call, calls, chunk, read

END = chunk("tool_calls")
Fragments = list[dict[str, Any]]


def rest(index: Any, call_id: Any, pieces: list[str]) -> Fragments:
    """The fragments after the first one: arguments, and perhaps an index or an id."""
    return [call(index, call_id, None, piece) for piece in pieces]


# -- by hand --------------------------------------------------------------------------------

TWO = [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]
TWO_F = [("a", "f", '{"x":1}'), ("b", "f", '{"y":2}')]

BY_HAND = {
    "CR-01 null id and name, a fragment of arguments": (
        [call(0, "a", "f", ""), {"index": 0, "id": None, "function": {"name": None, "arguments": '"Paris"'}}],
        [("a", "f", '"Paris"')],
    ),
    "CR-09 an empty id later": ([call(0, "a", "f", ""), call(0, "", "", "{}")], [("a", "f", "{}")]),
    "CR-09 a null id later": ([call(0, "a", "f"), call(0, None, None, "{}")], [("a", "f", "{}")]),
    "CO-05 an empty id first": ([call(0, "", "", ""), call(0, "b", "g", "{}")], [("b", "g", "{}")]),
    "CR-10 a name in pieces": (
        [call(0, "a", "get_"), call(0, None, "weather"), call(0, None, None, "{}")],
        [("a", "get_weather", "{}")],
    ),
    "the last piece of a name repeated": (
        [call(0, "a", "get_"), call(0, None, "weather"), call(0, None, "weather"), call(0, None, None, "{}")],
        [("a", "get_weather", "{}")],
    ),
    "P13 a name repeated on every fragment": (
        [call(0, "a", "f", "{"), call(0, "a", "f", "}"), call(0, "a", "f", "")],
        [("a", "f", "{}")],
    ),
    "CR-11 arguments in fragments": (
        [call(0, "a", "f", '{"c"'), call(0, None, None, ":1}")],
        [("a", "f", '{"c":1}')],
    ),
    "CR-12 a brace is not the end": (
        [call(0, "a", "f", '{"x":{"y":1}'), call(0, None, None, "}")],
        [("a", "f", '{"x":{"y":1}}')],
    ),
    "CR-12 bytes are kept": (
        [call(0, "a", "f", '{"b":1, "a":2.0}'), call(0, None, None, " ")],
        [("a", "f", '{"b":1, "a":2.0} ')],
    ),
    "CR-13 arguments that are an array": ([call(0, "a", "f", "[1,2]")], [("a", "f", "[1,2]")]),
    "CR-14 a used index, another id and name": (
        [call(0, "a", "f"), *rest(0, None, ['{"x":1}']), call(0, "b", "g"), *rest(0, None, ['{"y":2}'])],
        TWO,
    ),
    "CR-14 the same name announced again": (
        [call(0, "a", "f"), *rest(0, None, ['{"x":1}']), call(0, "b", "f"), *rest(0, None, ['{"y":2}'])],
        TWO_F,
    ),
    "CR-14 a new id on every fragment": (
        [
            {"index": 0, "id": "a", "function": {"name": "web_search", "arguments": None}},
            call(0, "b", "", '{"q":'),
            call(0, "c", "", '"X"}'),
        ],
        [("a", "web_search", '{"q":"X"}')],
    ),
    "CR-18 no arguments at all": ([call(0, "a", "f")], [("a", "f", "")]),
    "CL-12 two calls in one chunk": ([[call(0, "a", "f", '{"x":1}'), call(1, "b", "g", '{"y":2}')]], TWO),
    "CL-12 one after the other without index": (
        [call(None, "a", "f", '{"x":1}'), call(None, "b", "g", '{"y":2}')],
        TWO,
    ),
    "CO-06 an index that starts anywhere": ([call(2, "a", "f", "{}")], [("a", "f", "{}")]),
    "CO-06 negative and huge": (
        [call(-1, "a", "f", '{"x":1}'), call(10**30, "b", "g", '{"y":2}')],
        TWO,
    ),
    "CO-07 two whole calls at one index": ([call(0, "a", "f", '{"x":1}'), call(0, "b", "g", '{"y":2}')], TWO),
    "OS-07 and of the same name": ([call(0, "a", "f", '{"x":1}'), call(0, "b", "f", '{"y":2}')], TWO_F),
    "an id alone, then its name alone, then its arguments": (
        [call(0, "a", "f", '{"x":1}'), call(0, "b"), call(0, None, "g", ""), *rest(0, None, ['{"y":2}'])],
        TWO,
    ),
    "OS-08 the text null is replaced": (
        [call(0, "a", "f", "null"), call(0, None, None, '{"a":1}')],
        [("a", "f", '{"a":1}')],
    ),
    "OS-08 null alone": ([call(0, "a", "f", "null")], [("a", "f", "")]),
    "P12 two calls by index, fragments mixed": (
        [
            call(0, "a", "f", ""),
            call(1, "b", "g", ""),
            call(1, None, None, '{"y"'),
            call(0, None, None, '{"x"'),
            call(1, None, None, ":2}"),
            call(0, None, None, ":1}"),
        ],
        TWO,
    ),
    "X-08 two calls by id alone, fragments mixed": (
        [
            call(None, "a", "f", '{"x"'),
            call(None, "b", "g", '{"y"'),
            call(None, "a", None, ":1}"),
            call(None, "b", None, ":2}"),
        ],
        TWO,
    ),
    "P12 a string for index": ([call("0", "a", "f", "{"), call(0, None, None, "}")], [("a", "f", "{}")]),
    "P14 an object for arguments": ([call(0, "a", "f", {"x": [1, "é"]})], [("a", "f", '{"x":[1,"é"]}')]),
    "P14 the whole arguments sent once more": (
        [call(0, "a", "f", '{"x":1}'), call(0, "a", "f", '{"x":1}')],
        [("a", "f", '{"x":1}')],
    ),
    "X-09 no ids at all": (
        [call(0, None, "f", "{}"), call(1, None, "g", "{}")],
        [(None, "f", "{}"), (None, "g", "{}")],
    ),
    "an id alone, then a name, then arguments": (
        [{"index": 0, "id": "a"}, call(0, None, "f"), call(0, None, None, "{}")],
        [("a", "f", "{}")],
    ),
    "a function that is null": (
        [{"index": 0, "id": "a", "function": None}, call(0, None, "f", "{}")],
        [("a", "f", "{}")],
    ),
    "nothing nested under function": (
        [{"index": 0, "id": "a", "name": "f", "arguments": "{}"}],
        [("a", "f", "{}")],
    ),
    "an empty custom next to function": (
        [
            call(0, "a", "f", "", custom={"name": None, "input": ""}),
            call(0, None, None, '{"x":1}', custom={}),
        ],
        [("a", "f", '{"x":1}')],
    ),
    "an empty function next to custom": (
        [{"index": 0, "id": "a", "function": {}, "custom": {"name": "sh", "input": "ls"}}],
        [("a", "sh", "")],
    ),
    "each piece repeats all before it": (
        [call(0, "a", "f", p) for p in ('{"x"', '{"x":"ti', '{"x":"tide"', '{"x":"tide"}')],
        [("a", "f", '{"x":"tide"}')],
    ),
    "two copies that are JSON in a row by accident": (
        [call(0, "a", "f", ""), *rest(0, None, ['{"x":', '{"x":{"y":', '{"x":{"y":1}}'])],
        [("a", "f", '{"x":{"y":1}}')],
    ),
    "serialised once more at the end": (
        [call(0, "a", "f", '{"x":1,'), *rest(0, None, ['"y":2}', '{"y": 2, "x": 1}'])],
        [("a", "f", '{"x":1,"y":2}')],
    ),
    "cut off, then serialised whole with sorted keys": (
        [call(0, "a", "f", '{"y":2,'), *rest(0, None, ['{"x":1,"y":2}'])],
        [("a", "f", '{"x":1,"y":2}')],
    ),
    "the placeholder {}, then a whole object": (
        [call(0, "a", "f", "{}"), *rest(0, None, ['{"x":1}'])],
        [("a", "f", '{"x":1}')],
    ),
    "the placeholder {}, then pieces": (
        [call(0, "a", "f", "{}"), *rest(0, None, ['{"x"', ":1}"])],
        [("a", "f", '{"x":1}')],
    ),
    "the placeholder {}, then truncated pieces": (
        [call(0, "a", "f", "{}"), *rest(0, None, ['{"x"', ":"])],
        [],
    ),
    "a second copy in pieces": (
        [call(0, "a", "f", '{"x":1}'), *rest(0, None, ['{"x"', ":1}"])],
        [("a", "f", '{"x":1}')],
    ),
    "a second copy that is truncated": (
        [call(0, "a", "f", '{"x":1}'), *rest(0, None, ['{"x"'])],
        [("a", "f", '{"x":1}')],
    ),
    "unescaped quotes aren't another copy": (
        [call(0, "a", "f", '{"code":"print('), *rest(0, None, ['"', '{"x":1}'])],
        [],
    ),
    "nested objects aren't another copy": (
        [call(0, "a", "f", '{"x":['), *rest(0, None, ['{"x":1}', ",", '{"x":2}', "]}"])],
        [("a", "f", '{"x":[{"x":1},{"x":2}]}')],
    ),
    "SGLang: the opening index is the tool's": (
        [
            *(call(2, "a", "f", ""), *rest(0, None, ['{"x"', ":1}"])),
            *(call(0, "b", "g", ""), *rest(1, None, ['{"y"', ":2}"])),
        ],
        TWO,
    ),
    "SGLang: the same tool twice": (
        [
            *(call(1, "a", "f", ""), *rest(0, None, ['{"x":1}'])),
            *(call(1, "b", "f", ""), *rest(1, None, ['{"y":2}'])),
        ],
        TWO_F,
    ),
    "SGLang: an opening index that the first call's arguments had": (
        [
            *(call(1, "a", "f", ""), *rest(0, None, ['{"x":1}'])),
            *(call(0, "b", "g", ""), *rest(1, None, ['{"y":2}'])),
        ],
        TWO,
    ),
    "the first call repeated while the second is open": (
        [
            *(call(0, "a", "f", '{"x":1}'), call(1, "b", "g")),
            *(*rest(0, None, ['{"x":1}']), *rest(1, None, ['{"y":2}'])),
        ],
        TWO,
    ),
    "a control token in the name": ([call(0, "a", "f<|channel|>json", "{}")], [("a", "f", "{}")]),
    "a control token in a piece of the name": (
        [call(0, "a", "get_"), call(0, None, "tide<|constrain|>json"), call(0, None, None, "{}")],
        [("a", "get_tide", "{}")],
    ),
    "numbers for arguments": ([call(0, "a", "f", '{"x":'), call(0, None, None, 10), call(0, None, None, "}")],
        [("a", "f", '{"x":10}')],
    ),
    "the whole call again without ids": (
        [call(0, None, "f", '{"x":1}'), call(0, None, "f", '{"x": 1}')],
        [(None, "f", '{"x":1}')],
    ),
    "braces that meet in a text are one call's": (
        [call(0, "a", "f", '{"tex":"\\\\frac{a}'), call(0, "a", "f", '{b}"}')],
        [("a", "f", '{"tex":"\\\\frac{a}{b}"}')],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_HAND.values(), ids=BY_HAND)
def test_fragments_come_to_their_calls(case: tuple[list[Any], list[tuple[Any, str, str]]]) -> None:
    """The calls of the row's "better" column, with ids, names and argument strings byte for byte."""
    fragments, expected = case
    payloads = [calls(*(entry if isinstance(entry, list) else [entry])) for entry in fragments]
    assert read(*payloads, END).calls == expected


def test_calls_of_one_payload_come_by_index() -> None:
    """CR-15, law 6: in one payload calls come by index, whatever their place in the list."""
    outcome = read(calls(call(1, "b", "g", "{}"), call(0, "a", "f", "{}")), END)
    assert outcome.calls == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_keep_the_order_of_their_first_fragments() -> None:
    """Law 6: over several payloads the first appearance counts."""
    outcome = read(calls(call(5, "b", "g", "{}")), calls(call(1, "a", "f", "{}")), END)
    assert outcome.calls == [("b", "g", "{}"), ("a", "f", "{}")]


def test_deltas_carry_what_is_known_so_far() -> None:
    """CL-13: every fragment is a ToolCallDelta, with the id and name that are known by then."""
    outcome = read(calls(call(0, "a")), calls(call(0, None, "f")), calls(call(0, None, None, "{}")), END)
    assert [(d.call_id, d.name, d.arguments) for d in outcome.of(ToolCallDelta)] == [
        ("a", None, ""),
        ("a", "f", ""),
        ("a", "f", "{}"),
    ]


def test_custom_calls_have_free_text() -> None:
    """A custom tool's input is not JSON and stays as it is."""
    one = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    more = {"index": 0, "custom": {"input": " -l"}}
    (item,) = read(calls(one), calls(more), END).completion.tool_calls
    assert (item.type, item.call_id, item.name, item.input) == ("custom_tool_call", "a", "shell", "ls -l")


def test_what_a_gateway_adds_to_a_call_is_kept() -> None:
    """P15: Gemini's thought signature stands beside the function and has to go back with the call."""
    entry = call(0, "a", "f", "{}", extra_content={"google": {"thought_signature": "s"}})
    (item,) = read(calls(entry), END).completion.tool_calls
    assert item.extra == {"extra_content": {"google": {"thought_signature": "s"}}}


SIGNED = {"extra_content": {"google": {"thought_signature": "s"}}}


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([call(None, "a", "f", "{}"), SIGNED], id="after the call, without index"),
        pytest.param([call(0, "a", "f", "{}"), {"index": 0, **SIGNED}], id="after the call, at its index"),
        pytest.param([call(0, "a", "f", "{}"), {"index": 1, **SIGNED}], id="at an index of its own"),
        pytest.param([call(None, "a", "f", "{}"), {"id": "a", "type": "function", **SIGNED}], id="by id"),
        pytest.param([SIGNED, call(0, "a", "f", "{}")], id="before the call, without index"),
        pytest.param([{"index": 0, **SIGNED}, call(0, "a", "f", "{}")], id="before the call, at its index"),
        pytest.param([call(0, "a", "f"), {"index": 0, "function": {}, **SIGNED}], id="an empty function"),
    ],
)
@pytest.mark.parametrize("in_one_payload", [True, False])
def test_an_entry_with_only_fields_of_the_gateway_belongs_to_a_call(
    entries: list[Any], in_one_payload: bool
) -> None:
    """Gemini's thought signature may arrive alone; the call goes back with it, and stays one call."""
    payloads = [calls(*entries)] if in_one_payload else [calls(entry) for entry in entries]
    outcome = read(*payloads, END)
    (item,) = outcome.completion.items
    assert (item.call_id, item.name, item.extra) == ("a", "f", SIGNED)
    assert outcome.done == [item]


def test_fields_that_arrive_after_the_call_was_yielded_open_no_other_call() -> None:
    """A call is yielded once, even if its signature comes after the finish."""
    outcome = read(calls(call(0, "a", "f", "{}")), END, calls({"index": 0, **SIGNED}), done=True)
    assert [item.call_id for item in outcome.done] == ["a"]
    assert len(outcome.completion.items) == 1


def test_a_call_that_is_repeated_after_the_finish_is_yielded_once() -> None:
    """The same entry after the finish has no news."""
    entry = call(0, "a", "f", '{"x":1}')
    outcome = read(calls(entry), END, calls(entry), done=True)
    assert outcome.calls == [("a", "f", '{"x":1}')]
    assert len(outcome.done) == 1


def test_tool_calls_may_be_one_object() -> None:
    """TGI 2 sends an object in place of the list, in deltas and in messages."""
    first, more = call(0, "a", "f", '{"x"'), call(0, None, None, ":1}")
    expected = [("a", "f", '{"x":1}')]
    assert read(chunk(tool_calls=first), chunk(tool_calls=more), END).calls == expected
    message = {"tool_calls": call(0, "a", "f", '{"x":1}')}
    assert read({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).calls == expected


LEGACY = {"name": "f", "arguments": '{"x":1}'}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(call(0, "a", "f", '{"x":1}'), id="the same"),
        pytest.param(call(0, "a", "", '{"x":1}'), id="without a name"),
        pytest.param(call(0, "a", "f", None), id="without arguments"),
    ],
)
@pytest.mark.parametrize("place", ["delta", "message"])
def test_the_legacy_call_next_to_tool_calls_is_a_repeat(entry: dict[str, Any], place: str) -> None:
    """llama-cpp-python sends each call in both forms. The tool must run once."""
    one = {"index": 0, place: {"tool_calls": [entry], "function_call": LEGACY}, "finish_reason": None}
    outcome = read({"choices": [one]}, END)
    assert outcome.calls == [("a", "f", '{"x":1}')]
    assert len(outcome.done) == 1


def test_pieces_in_both_forms_are_one_call() -> None:
    """Each delta of llama-cpp-python repeats the piece."""
    pieces = [
        chunk(tool_calls=[call(0, "a", "f", piece)], function_call={"name": "f", "arguments": piece})
        for piece in ("", '{"x"', ":1}")
    ]
    assert read(*pieces, END).calls == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("empty", [None, [], {}])
def test_the_legacy_call_next_to_empty_tool_calls_is_a_call(empty: Any) -> None:
    """Only a call in `tool_calls` makes `function_call` a repeat."""
    assert read(chunk(tool_calls=empty, function_call=LEGACY), END).calls == [(None, "f", '{"x":1}')]


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_never_replaces_arguments_by_a_part_of_them(finish: str) -> None:
    """Rule D needs a good finish: after a cut, the last piece may be the beginning of a nested object."""
    outcome = read(calls(call(0, "a", "f", '{"x":')), calls(call(0, None, None, '{"x":1}')), chunk(finish))
    assert outcome.calls == []


def test_the_legacy_function_call_is_a_call() -> None:
    """CL-11: `function_call`, the API's first form, has neither index nor id."""
    outcome = read(
        chunk(function_call={"name": "f", "arguments": '{"a"'}),
        chunk(function_call={"arguments": ":1}"}),
        chunk("function_call"),
    )
    assert outcome.calls == [(None, "f", '{"a":1}')]
    assert outcome.completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("ids", [["a", "b"], [None, None]], ids=["with ids", "without ids"])
@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_message_restates_calls_without_adding_any(ids: list[Any], first: int) -> None:
    """A `message` beside deltas names its calls by id or by their place, wherever the index began."""
    fragments = [call(first + n, ids[n], name, "{}") for n, name in enumerate("fg")]
    whole = [{"id": ids[n], "function": {"name": name, "arguments": "{}"}} for n, name in enumerate("fg")]
    end = {"choices": [{"index": 0, "message": {"tool_calls": whole}, "finish_reason": "tool_calls"}]}
    assert read(calls(*fragments), end).calls == [(ids[0], "f", "{}"), (ids[1], "g", "{}")]


# -- which calls are handed out ---------------------------------------------------------------

WHOLE, CUT = '{"x":1}', '{"x":'


@pytest.mark.parametrize(
    ("arguments", "finish", "handed_out"),
    [
        pytest.param(WHOLE, "tool_calls", True, id="CR-15"),
        pytest.param(WHOLE, "stop", True, id="CL-16"),
        pytest.param(WHOLE, "length", True, id="CL-17 length, but whole"),
        pytest.param(WHOLE, "content_filter", True, id="CL-17 content_filter, but whole"),
        pytest.param(WHOLE, "news", True, id="CL-17 unknown"),
        pytest.param(CUT, "length", False, id="CR-19 length"),
        pytest.param(CUT, "tool_calls", False, id="OS-09 the server says it is done"),
        pytest.param(CUT, "stop", False, id="OS-09 stop"),
        pytest.param("", "tool_calls", True, id="CR-18"),
        pytest.param("", "length", False, id="CR-19 cut before the arguments began"),
        pytest.param("", "content_filter", False, id="filtered before the arguments began"),
        pytest.param("12", "length", False, id="CR-19 12 may be the beginning of 123"),
        pytest.param(" ", "stop", True, id="OS-09 blank"),
    ],
)
def test_only_whole_calls_are_handed_out(arguments: str, finish: str, handed_out: bool) -> None:
    """Law 5: a call that was cut is no ItemDone and not in tool_calls, but seen in items as incomplete."""
    outcome = read(calls(call(0, "a", "f", arguments)), chunk(finish))
    assert bool(outcome.done) is handed_out
    assert bool(outcome.completion.tool_calls) is handed_out
    (item,) = outcome.completion.items
    assert isinstance(item, FunctionCall)
    assert (item.arguments, item.status) == (arguments, None if handed_out else "incomplete")


def test_at_done_and_at_a_cut_whole_calls_are_handed_out() -> None:
    """CL-19, CL-20, OS-12: [DONE], the end of the body and an error flush the calls that are whole."""
    two = calls(call(0, "a", "f", WHOLE), call(1, "b", "g", CUT))
    for outcome in (read(two, done=True), read(two), read(two, {"error": {"message": "down"}})):
        assert [item.call_id for item in outcome.done] == ["a"]
        assert [c.call_id for c in outcome.completion.tool_calls] == ["a"]
        assert [i.status for i in outcome.completion.items] == [None, "incomplete"]


def test_a_call_without_a_name_is_not_handed_out() -> None:
    """OS-09: nobody can run it and no server takes it back; it is seen as incomplete."""
    outcome = read(calls(call(0, "a", None, "{}")), END)
    assert outcome.done == []
    assert outcome.completion.tool_calls == ()
    assert [i.status for i in outcome.completion.items] == ["incomplete"]


def test_a_place_that_was_numbered_and_left_empty_is_no_call() -> None:
    """CO-06: an entry without id, name and arguments is a phantom."""
    outcome = read(calls(call(0), call(1, "a", "f", "{}")), END)
    assert outcome.calls == [("a", "f", "{}")]
    assert len(outcome.completion.items) == 1


# -- by chance --------------------------------------------------------------------------------

Dialect = Callable[[int, str, str, list[str]], Fragments]


# How a gateway sends call number n with that id and name and these pieces of arguments.
MIXED: dict[str, Dialect] = {
    "announced": lambda n, i, name, p: [call(n, i, name, ""), *rest(n, None, p)],
    "name with the first piece": lambda n, i, name, p: [call(n, i, name, p[0]), *rest(n, None, p[1:])],
    "by id": lambda n, i, name, p: [call(None, i, name, p[0]), *rest(None, i, p[1:])],
    "by id, all repeated": lambda n, i, name, p: [call(None, i, name, x) for x in p],
    "index is a string": lambda n, i, name, p: [call(str(n), i, name, ""), *rest(str(n), None, p)],
    "index is sparse": lambda n, i, name, p: [call(7 * n - 5, i, name, ""), *rest(7 * n - 5, None, p)],
    "all repeated": lambda n, i, name, p: [call(n, i, name, x) for x in p],
    "name repeated": lambda n, i, name, p: [call(n, None if k else i, name, x) for k, x in enumerate(p)],
    "id and name blanked": lambda n, i, name, p: (
        [call(n, i, name, p[0])] + [call(n, "", "", x) for x in p[1:]]
    ),
    "new id each": lambda n, i, name, p: (
        [call(n, i, name, "")] + [call(n, f"{i}{k}", "", x) for k, x in enumerate(p)]
    ),
    "new id each, name repeated": lambda n, i, name, p: [
        call(n, f"{i}{k}" if k else i, name, x) for k, x in enumerate(p)
    ],
    "name late": lambda n, i, name, p: [call(n, i), call(n, None, name), *rest(n, None, p)],
    "name last": lambda n, i, name, p: [*rest(n, i, p), call(n, None, name)],
    "name in pieces": lambda n, i, name, p: [
        call(n, i, name[:2]),
        call(n, None, name[2:]),
        *rest(n, None, p),
    ],
    "id last": lambda n, i, name, p: [call(n, None, name, p[0]), *rest(n, None, p[1:]), call(n, i)],
    "null first": lambda n, i, name, p: [call(n, i, name, "null"), *rest(n, None, p)],
    "an object": lambda n, i, name, p: [call(n, i, name, json.loads("".join(p)))],
    "cumulative": lambda n, i, name, p: [
        call(n, i, name, ""),
        *rest(n, None, ["".join(p[: k + 1]) for k in range(len(p))]),
    ],
    "cumulative, all repeated": lambda n, i, name, p: [
        call(n, i, name, "".join(p[: k + 1])) for k in range(len(p))
    ],
    "serialised once more": lambda n, i, name, p: [
        call(n, i, name, ""),
        *rest(n, None, [*p, json.dumps(json.loads("".join(p)), indent=1)]),
    ],
    "empty custom": lambda n, i, name, p: [
        call(n, i if k == 0 else None, name if k == 0 else None, x, custom={}) for k, x in enumerate(p)
    ],
}
IN_A_ROW: dict[str, Dialect] = {
    "no index": lambda n, i, name, p: [call(None, i, name, p[0]), *rest(None, None, p[1:])],
    "no index, announced": lambda n, i, name, p: [call(None, i, name, ""), *rest(None, None, p)],
    "no index, new id each": lambda n, i, name, p: (
        [call(None, i, name, p[0])] + [call(None, f"{i}{k}", None, x) for k, x in enumerate(p[1:])]
    ),
    "all 0, whole": lambda n, i, name, p: [call(0, i, name, "".join(p))],
    "all 0, announced": lambda n, i, name, p: [call(0, i, name, ""), *rest(0, None, p)],
    "all 0, name with the first piece": lambda n, i, name, p: [call(0, i, name, p[0]), *rest(0, None, p[1:])],
    "all 0, all repeated": lambda n, i, name, p: [call(0, i, name, x) for x in p],
}
WITHOUT_IDS: dict[str, Dialect] = {
    "names alone": lambda n, i, name, p: [call(None, None, name, p[0]), *rest(None, None, p[1:])],
    "names alone, announced": lambda n, i, name, p: [call(None, None, name, ""), *rest(None, None, p)],
    "names alone, repeated": lambda n, i, name, p: [call(None, None, name, x) for x in p],
}
DIALECTS = {
    **{name: (dialect, True) for name, dialect in MIXED.items()},
    **{name: (dialect, False) for name, dialect in (IN_A_ROW | WITHOUT_IDS).items()},
}


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(3 if depth else 5)
    if kind == 3:
        return [some_value(chance, depth + 1) for _ in range(chance.randrange(3))]
    if kind == 4:
        return some_object(chance, depth + 1)
    text = "".join(
        chance.choices(["a", "}", "{", "}{", '"', "\\", " ", "é", "[", "]", ":", "null", "😀"], k=4)
    )
    return [None, chance.randrange(999), text][kind]


def some_object(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    return {f"{chance.choice('ab}{')}{n}": some_value(chance, depth) for n in range(chance.randrange(4))}


def cut(chance: random.Random, text: str) -> list[str]:
    places = sorted(chance.sample(range(1, len(text)), min(chance.randrange(6), len(text) - 1)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def mixed(chance: random.Random, lists: list[Fragments]) -> Iterator[dict[str, Any]]:
    lists = [list(fragments) for fragments in lists]
    while lists := [fragments for fragments in lists if fragments]:
        yield chance.choice(lists).pop(0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_comes_out_whole(dialect: str) -> None:
    """P12: 60 turns of one to four calls, their arguments cut and, where the dialect allows, mixed."""
    make, may_mix = DIALECTS[dialect]
    for seed in range(60):
        chance = random.Random(f"{dialect} {seed}")
        count = chance.randrange(1, 5)
        names = chance.sample(["get_tide", "ls", "weather", "find"], count)
        if chance.random() < 0.4:
            names = names[:1] * count
        expected, lists = [], []
        for number, name in enumerate(names):
            text = json.dumps(some_object(chance), ensure_ascii=False, separators=(",", ":"))
            call_id = None if dialect in WITHOUT_IDS else f"call_{number}"
            expected.append((call_id, name, text))
            lists.append(make(number, f"call_{number}", name, cut(chance, text)))
        fragments = list(mixed(chance, lists)) if may_mix else [f for fs in lists for f in fs]
        payloads = []
        while fragments:
            size = chance.choice((1, 1, 2, 3))
            payloads.append(calls(*fragments[:size]))
            del fragments[:size]
        outcome = read(*payloads, chunk(chance.choice(("tool_calls", "stop"))))
        assert sorted(outcome.calls, key=str) == sorted(expected, key=str), seed


@pytest.mark.parametrize("finish", [None, "function_call"])
def test_the_legacy_form_in_a_later_chunk_is_a_repeat(finish: str | None) -> None:
    """The whole call once more as `function_call`, after its entry in `tool_calls`: the tool runs once."""
    first = calls(call(0, "a", "f", '{"x":1}'))
    again = chunk(finish, function_call={"name": "f", "arguments": '{"x": 1}'})
    assert read(first, again, END).calls == [("a", "f", '{"x":1}')]
    other = chunk(finish, function_call={"name": "f", "arguments": '{"x": 2}'})
    assert read(first, other, END).calls == [("a", "f", '{"x":1}'), (None, "f", '{"x": 2}')]
