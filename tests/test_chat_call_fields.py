"""One call in odd shapes: whatever its names and nesting, it comes out whole, or known as incomplete."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from streamkit.wires.chat.call_fields import odd_entry, usual_entry

from .chat_payloads import call, calls, chunk, read

END = chunk("tool_calls")
ARGUMENTS = {"x": 1}
TEXT = json.dumps(ARGUMENTS)
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
F = {"name": "f", "arguments": TEXT}
G = {"name": "g", "arguments": '{"y": 2}'}
ONE = [("a", "f", ARGUMENTS)]
TWO = [("a", "f", ARGUMENTS), ("b", "g", {"y": 2})]


def of(function: Any, **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", "type": "function", "function": function, **more}


def flat(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", **fields}


def piece(**function: Any) -> dict[str, Any]:
    return {"index": 0, "function": function}


def found(*payloads: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    """The calls of a stream with their arguments decoded; each was yielded once, and nothing is amiss."""
    outcome = read(*payloads)
    assert outcome.error is None
    assert outcome.completion.warnings == ()
    assert [item.call_id for item in outcome.done] == [call_id for call_id, _, _ in outcome.calls]
    return [(call_id, name, json.loads(arguments)) for call_id, name, arguments in outcome.calls]


# -- both roads -------------------------------------------------------------------------------

VALUES: list[Any] = [None, "", "f", " f", "f<|x", '{"x"', "{}", 0, 7, True, 0.5, [], {}, {"name": "g"}, ["f"]]


def test_both_roads_read_an_entry_alike() -> None:
    """Rule B: the fast path gives the same facts, or none."""
    chance, taken = random.Random(1), 0
    for _ in range(20_000):
        names = ("name", "arguments", "Name", "args")
        function = {key: chance.choice(VALUES) for key in names if chance.random() < 0.4}
        entry = {
            key: chance.choice(VALUES) for key in ("index", "id", "type", "custom") if chance.random() < 0.4
        }
        if chance.random() < 0.9:
            entry["function"] = function
        usual = usual_entry(entry)
        taken += usual is not None
        assert usual is None or usual == odd_entry(entry, set()), entry
    assert taken > 500


# -- where the function is --------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(of([F]), id="a list of one"),
        pytest.param(of([{"name": "f"}, {"arguments": TEXT}]), id="its parts in a list"),
        pytest.param(of(json.dumps([F])), id="a list as text"),
        pytest.param(of([json.dumps(F)]), id="a list of texts"),
        pytest.param(of([None, F]), id="a list with null"),
        pytest.param(flat(Function={"Name": "f", "Arguments": TEXT}), id="capitals"),
        pytest.param(flat(func=F), id="func"),
        pytest.param(flat(functionCall={"name": "f", "args": ARGUMENTS}), id="Gemini's name"),
        pytest.param(flat(tool={"toolName": "f", "toolInput": ARGUMENTS}), id="camel case"),
        pytest.param({"tool_call": of(F)}, id="an entry in an entry"),
        pytest.param({"tool_call": json.dumps(of(F))}, id="that as text"),
        pytest.param(of({"function": F}), id="a function in the function"),
        pytest.param({"index": 0, "callId": "a", "function": F}, id="callId"),
        pytest.param({"toolCallId": "a", "functionName": "f", "input": ARGUMENTS}, id="flat camel case"),
    ],
)
@pytest.mark.parametrize("place", ["delta", "message"])
def test_the_function_is_found(entry: dict[str, Any], place: str) -> None:
    assert found({"choices": [{"index": 0, place: {"tool_calls": [entry]}}]}, END) == ONE


def test_a_list_of_functions_is_a_list_of_calls() -> None:
    """They have one id, which is the first one's; none is lost."""
    assert found(calls(of([F, G])), END) == [("a", "f", ARGUMENTS), (None, "g", {"y": 2})]


@pytest.mark.parametrize("key", ["function_call", "functionCall"])
@pytest.mark.parametrize("value", [[F, G], json.dumps([F, G]), [[F], G]], ids=["list", "text", "nested"])
def test_a_list_in_the_legacy_field_is_a_list_of_calls(key: str, value: Any) -> None:
    """It has no ids; alone it counts, next to `tool_calls` it repeats them."""
    expected = [(None, "f", ARGUMENTS), (None, "g", {"y": 2})]
    assert found(chunk(**{key: value}), END) == expected
    both = [of(F), call(1, "b", **G)]
    assert found(chunk(tool_calls=both, **{key: value}), END) == TWO


@pytest.mark.parametrize("key", ["toolCalls", "tool_calls"])
@pytest.mark.parametrize(
    "value",
    [
        [[of(F), call(1, "b", **G)]],
        [[of(F)], [call(1, "b", **G)]],
        [[[of(F)]], call(1, "b", **G)],
        [None, {}, of(F), [], call(1, "b", **G)],
        json.dumps(json.dumps([of(F), call(1, "b", **G)])),
        [[call(None, "a", **F)], [call(None, "b", **G)]],
    ],
    ids=["a list in it", "two lists", "mixed", "with holes", "text of a text", "without an index"],
)
def test_lists_in_lists_are_read(key: str, value: Any) -> None:
    assert found(chunk(**{key: value}), END) == TWO


def test_lists_in_lists_come_in_pieces() -> None:
    first, rest = call(0, "a", "f", '{"x"'), call(0, None, None, ": 1}")
    assert found(chunk(tool_calls=[[first]]), chunk(tool_calls=[[rest]]), END) == ONE


def test_the_nesting_of_lists_has_an_end() -> None:
    """Deeper than any server's is a warning, and not a call."""
    deep: Any = of(F)
    for _ in range(9):
        deep = [deep]
    outcome = read(chunk(tool_calls=deep), END)
    assert outcome.calls == []
    assert outcome.completion.warnings[0].startswith("unread_call: [[")


# -- where the arguments are ------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        *("parameters", "input", "args", "Arguments", "arguments_json", "argument", "tool_input", "inputs"),
        *("function_arguments", "arguments_delta", "partial_json", "json"),
    ],
)
@pytest.mark.parametrize("value", [TEXT, ARGUMENTS], ids=["text", "object"])
def test_arguments_of_a_name_like_arguments_are_found(key: str, value: Any) -> None:
    """Anywhere, whole and in pieces, and next to an empty `arguments`."""
    forms = {
        "nested": [calls(of({"name": "f", key: value}))],
        "flat": [calls(flat(name="f", **{key: value}))],
        "next to the function": [calls(of({"name": "f"}, **{key: value}))],
        "next to empty arguments": [calls(of({"name": "f", key: value, "arguments": ""}))],
        "after the name": [calls(of({"name": "f"})), calls(piece(**{key: value}))],
    }
    if value == TEXT:
        forms["pieces"] = [calls(of({"name": "f", key: '{"x"'})), calls(piece(**{key: ": 1}"}))]
        forms["flat pieces"] = [
            calls(flat(name="f", **{key: '{"x"'})),
            calls({"index": 0, key: ": 1}"}),
        ]
        forms["pieces next to empty arguments"] = [
            calls(of({"name": "f", "arguments": "", key: '{"x"'})),
            calls(piece(**{"arguments": "", key: ": 1}"})),
        ]
    assert {form: found(*payloads, END) for form, payloads in forms.items()} == dict.fromkeys(forms, ONE)


@pytest.mark.parametrize("key", ["payload", "delta", "body"])
def test_any_name_is_learned_from_its_first_piece(key: str) -> None:
    """If the server sends none of the known names, a text that begins an object is the arguments."""
    first, rest = {key: '{"x"'}, {key: ": 1}"}
    assert found(calls(of({"name": "f", **first})), calls(piece(**rest)), END) == ONE
    assert found(calls(of({"name": "f"})), calls(piece(**first)), calls(piece(**rest)), END) == ONE
    assert found(calls(flat(name="f", **first)), calls({"index": 0, **rest}), END) == ONE
    second = [calls(call(1, "b", "g", None)), calls({"index": 1, "function": {key: '{"y": 2}'}})]
    assert found(calls(of({"name": "f", **first})), calls(piece(**rest)), *second, END) == TWO


@pytest.mark.parametrize(
    "function",
    [
        pytest.param({"arguments": ""}, id="empty"),
        pytest.param({"arguments": {}, "foo": {"x": 1}}, id="the server says that there are none"),
        pytest.param({"arguments": "{}", "foo": {"x": 1}}, id="as text"),
        pytest.param({"arguments": "", "description": "Does f", "strict": True}, id="the tool's description"),
        pytest.param({"provider_specific_fields": {"thought_signature": "s"}}, id="LiteLLM's signature"),
        pytest.param({"arguments": "", "parameters": SCHEMA}, id="the tool's schema"),
    ],
)
def test_a_call_without_arguments_has_none(function: dict[str, Any]) -> None:
    """Metadata in `function` isn't its arguments."""
    outcome = read(calls(of({"name": "f", **function})), END)
    assert [(i.call_id, i.name, i.parsed()) for i in outcome.done] == [("a", "f", {})]
    assert outcome.completion.warnings == ()


def test_the_schema_of_the_tool_is_never_its_arguments() -> None:
    function = {"name": "f", "arguments": "", "parameters": SCHEMA}
    assert found(calls(of(function)), calls(piece(arguments=TEXT)), END) == ONE


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(of({"name": "f"}, arguments=TEXT), id="next to the function"),
        pytest.param(of({"name": "f"}, tool_input=TEXT), id="there, under another name"),
        pytest.param(of("f", arguments=TEXT), id="next to its name"),
        pytest.param(flat(name="f", arguments=TEXT), id="flat"),
        pytest.param(flat(name="f", argumentsJson=TEXT), id="flat, under another name"),
    ],
)
def test_arguments_are_no_field_of_the_gateways_own(entry: dict[str, Any]) -> None:
    """`extra` goes back with the call, and so has only the fields that aren't the call's."""
    signed = {"extra_content": {"google": {"thought_signature": "s"}}}
    (item,) = read(calls({**entry, **signed}), END).done
    assert (item.name, item.arguments, item.extra) == ("f", TEXT, signed)


UNREADABLE = [
    pytest.param(of({"name": "f", "foo": {"x": 1}, "bar": {"y": 2}}), id="two objects"),
    pytest.param(of({"name": "f", "arguments": "", "foo": {"x": 1}}), id="an object next to a placeholder"),
    pytest.param(of({"name": "f", "arguments": None, "foo": {"x": 1}, "bar": {"y": 2}}), id="next to null"),
    pytest.param(of({"name": "f", "foo": [1, 2]}), id="a list"),
    pytest.param(of({"name": "f", "arguments_text": "x=1"}), id="not JSON"),
    pytest.param(of({"name": "f", "args_a": {"x": 1}, "args_b": {"x": 2}}), id="two that differ"),
    pytest.param(of({"name": "f", "parameters": SCHEMA}), id="perhaps only the schema"),
    pytest.param(of(7, name="f"), id="the function is a number"),
    pytest.param(of(["f", TEXT], name="f"), id="the function is a list of texts"),
    pytest.param(flat(name="f", foo={"x": 1}, bar={"y": 2}), id="flat, two objects"),
    pytest.param(of('{"name": "f", "argu', name="f"), id="a part of a function's text"),
]


@pytest.mark.parametrize("entry", UNREADABLE)
def test_a_call_whose_arguments_cannot_be_read_never_runs_without_them(entry: dict[str, Any]) -> None:
    """It is incomplete, with a warning that shows the fields."""
    outcome = read(calls(entry), END)
    assert outcome.done == []
    assert [(i.name, i.arguments, i.status) for i in outcome.completion.items] == [("f", "", "incomplete")]
    (warning,) = outcome.completion.warnings
    assert warning.startswith("incomplete_call: f: its arguments can't be read: {'")


@pytest.mark.parametrize("entry", UNREADABLE)
def test_arguments_that_arrive_later_count(entry: dict[str, Any]) -> None:
    """Unknown fields are only in doubt while the call has no arguments."""
    assert found(calls(entry), calls(piece(arguments=TEXT)), END) == ONE


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([ARGUMENTS, TEXT], id="an object, then its text"),
        pytest.param(['{"x"', ": 1}", ARGUMENTS], id="pieces, then the object"),
        pytest.param(['{"x"', ARGUMENTS], id="a piece, then the object"),
        pytest.param([{}, TEXT], id="an empty object first"),
        pytest.param([{}, '{"x"', ": 1}"], id="an empty object, then pieces"),
        pytest.param([None, TEXT], id="null first"),
        pytest.param([['{"x"', ": 1}"]], id="a list of pieces"),
    ],
)
def test_arguments_change_their_type(values: list[Any]) -> None:
    payloads = [calls(piece(arguments=value)) for value in values[1:]]
    assert found(calls(of({"name": "f", "arguments": values[0]})), *payloads, END) == ONE


@pytest.mark.parametrize(
    ("custom", "expected"),
    [
        ({"input": "ls"}, "ls"),
        ({"arguments": "ls"}, "ls"),
        ({"code": "ls"}, "ls"),
        ({"code": "ls", "text": "", "format": None}, "ls"),
        ({"code": "ls", "description": "Lists"}, "ls"),
        ({"input": ""}, ""),
        ({}, ""),
        ({"code": "ls", "text": "cat"}, None),
        ({"input": "", "code": "ls"}, None),
        ({"input": None, "parts": ["ls"]}, None),
    ],
    ids=str,
)
def test_the_free_text_of_a_custom_call_has_several_names(custom: dict[str, Any], expected: Any) -> None:
    """The only text counts, if there is no `input`. If nothing tells, the call isn't complete."""
    entry = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", **custom}}
    outcome = read(calls(entry), END)
    (item,) = outcome.completion.items
    assert (item.type, item.name, item.input) == ("custom_tool_call", "shell", expected or "")  # type: ignore[union-attr]
    assert outcome.done == ([] if expected is None else [item])
    later = calls({"index": 0, "custom": {"input": "ls"}})
    (item,) = read(calls(entry), later, END).done
    assert item.input == (expected or "") + "ls"


# -- ids, indexes, names ----------------------------------------------------------------------


@pytest.mark.parametrize("index", ["0", 0.0, None, False, "call_0", -1, "", [], {}, 1e300, float("nan")])
def test_an_index_of_any_type_is_read(index: Any) -> None:
    first, rest = of({"name": "f", "arguments": '{"x"'}), piece(arguments=": 1}")
    assert found(calls(first | {"index": index}), calls(rest | {"index": index}), END) == ONE
    assert found(calls(first), calls(rest | {"index": index}), END) == ONE


@pytest.mark.parametrize(
    ("one", "other"),
    [(0, 1), ("0", "1"), (0.0, 1.0), (0, "1"), ("0", 1.0), (0, 1.0), ("a", "b"), (False, True)],
    ids=str,
)
@pytest.mark.parametrize("in_turns", [False, True])
def test_indexes_of_any_type_keep_calls_apart(one: Any, other: Any, in_turns: bool) -> None:
    f = [call(one, "a", "f", ""), call(one, None, None, '{"x"'), call(one, None, None, ":1}")]
    g = [call(other, "b", "g", ""), call(other, None, None, '{"y"'), call(other, None, None, ":2}")]
    pieces = [each for pair in zip(f, g, strict=True) for each in pair] if in_turns else [*f, *g]
    assert found(*map(calls, pieces), END) == TWO


@pytest.mark.parametrize(("one", "other"), [(None, None), (None, 1), (0, None)], ids=str)
def test_mixed_pieces_without_an_index_run_no_call(one: Any, other: Any) -> None:
    """Nothing tells whose they are: a call that seems to have no arguments isn't trusted either."""
    pieces = [
        *(call(one, "a", "f", ""), call(other, "b", "g", "")),
        *(call(one, None, None, '{"x"'), call(other, None, None, '{"y"')),
        *(call(one, None, None, ":1}"), call(other, None, None, ":2}")),
    ]
    outcome = read(*map(calls, pieces), END)
    assert outcome.done == []
    assert [text.split(":")[0] for text in outcome.completion.warnings] == ["incomplete_call"] * 2


def test_ids_tell_calls_apart_that_share_an_index() -> None:
    """Both are announced before their arguments, which come in any order."""
    both = [call(0, "a", "f", ""), call(0, "b", "g", "")]
    f, g = call(0, "a", None, TEXT), call(0, "b", None, '{"y": 2}')
    assert found(calls(*both), calls(f), calls(g), END) == TWO
    assert found(calls(*both), calls(g), calls(f), END) == TWO


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["with an index", "without"])
def test_an_id_can_be_a_number(index: dict[str, int]) -> None:
    first, rest = {"name": "f", "arguments": '{"x"'}, {"arguments": ": 1}"}
    payloads = [calls({**index, "id": 7, "function": function}) for function in (first, rest)]
    other = calls({**index, "id": 8, "function": F})
    assert found(*payloads, other, END) == [("7", "f", ARGUMENTS), ("8", "f", ARGUMENTS)]


@pytest.mark.parametrize("name", [" f", "f\n", "f<|channel|>json", "f <|x|>"])
def test_a_name_has_no_blanks_and_no_tokens(name: str) -> None:
    assert found(calls(of({"name": name, "arguments": TEXT})), END) == ONE


def test_a_name_of_tokens_alone_stays() -> None:
    """What is left of it would be no name."""
    assert found(calls(of({"name": "<|f|>", "arguments": TEXT})), END) == [("a", "<|f|>", ARGUMENTS)]


@pytest.mark.parametrize("index", [0, None])
def test_an_id_alone_announces_the_next_call(index: Any) -> None:
    """The id comes after the arguments, the name without it: equal calls stay two."""
    first = call(index, "a", **F)
    second = [call(index, "b"), call(index, None, "f"), call(index, None, None, TEXT)]
    expected = [("a", "f", ARGUMENTS), ("b", "f", ARGUMENTS)]
    assert found(calls(first), *map(calls, second), END) == expected


@pytest.mark.parametrize("name", [" ", ["f"], {"f": 1}, 7, None])
def test_a_call_without_a_name_is_incomplete(name: Any) -> None:
    outcome = read(calls(of({"name": name, "arguments": TEXT})), END)
    assert outcome.done == []
    assert outcome.completion.warnings[0].startswith("incomplete_call: without a name: ")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["get_", "wea", "ther"], id="in pieces"),
        pytest.param(["get_", "get_wea", "get_weather"], id="growing"),
        pytest.param(["get_weather"] * 3, id="repeated"),
        pytest.param(["", "get_weather"], id="late"),
    ],
)
@pytest.mark.parametrize("call_id", [None, "a"])
def test_a_name_arrives_in_any_form(names: list[str], call_id: Any) -> None:
    payloads = [calls(call(0, call_id, name)) for name in names[1:]]
    whole = calls(call(0, None, None, TEXT))
    expected = [("a", "get_weather", ARGUMENTS)]
    assert found(calls(call(0, "a", names[0])), *payloads, whole, END) == expected


# -- a message that restates the calls --------------------------------------------------------


def message(*entries: dict[str, Any]) -> dict[str, Any]:
    whole = {"role": "assistant", "content": None, "tool_calls": list(entries)}
    return {"choices": [{"index": 0, "delta": {}, "message": whole, "finish_reason": "tool_calls"}]}


A, B = call(None, "a", **F), call(None, "b", **G)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([A, B], id="the same ids"),
        pytest.param([call(None, None, **F), call(None, None, **G)], id="no ids"),
        pytest.param([call(0, "q", **F), call(1, "r", **G)], id="other ids"),
        pytest.param([call(None, None, **G), call(None, None, **F)], id="another order"),
        pytest.param([call(0, "r", **G), call(1, "q", **F)], id="another order and other ids"),
        pytest.param([[A, B]], id="a list in the list"),
        pytest.param([A | {"function": {"name": "f", "arguments": ARGUMENTS}}, B], id="as objects"),
        pytest.param([A | {"function": {"name": "f", "arguments": ""}}, B], id="without arguments"),
        pytest.param([A | {"function": {"name": "f", "arguments": '{"x"'}}, B], id="a part of them"),
        pytest.param([B], id="only the second"),
    ],
)
def test_a_message_with_the_calls_adds_none(entries: list[Any]) -> None:
    deltas = [calls(call(0, "a", "f", '{"x"')), calls(call(0, None, None, ": 1}")), calls(call(1, "b", **G))]
    assert found(*deltas, message(*entries)) == TWO


def test_a_message_corrects_and_completes_the_calls() -> None:
    lost = call(0, "a", "f", "")
    assert found(calls(lost), message(A)) == ONE
    assert found(calls(lost), message(call(0, "q", **F))) == ONE
    assert found(calls(call(0, "a", **F)), message(A, B)) == TWO
    other = call(0, "a", "f", '{"x": 5}')
    assert found(calls(other), message(A)) == ONE
    assert found(calls(other), message(call(0, "q", **F))) == ONE


def test_equal_calls_in_a_message_are_as_many_as_there() -> None:
    """Two calls of one tool with the same arguments are two, in the deltas and in the message."""
    twice = [call(0, "a", **F), call(1, "b", **F)]
    expected = [("a", "f", ARGUMENTS), ("b", "f", ARGUMENTS)]
    assert found(calls(*twice), message(call(0, "q", **F), call(1, "r", **F))) == expected
    assert found(calls(twice[0]), message(call(0, "a", **F), call(1, "b", **F))) == expected
