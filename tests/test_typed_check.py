"""check: a value against a schema, by the letter of JSON Schema; schemas that aren't any are refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from streamkit import Client, StreamkitError, UsageError
from streamkit.items import FunctionCall
from streamkit.request.options import ToolSpec
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tools import call_tool
from streamkit.typed.check import Validator, problems_of
from streamkit.typed.response_format import ResponseFormat


def fits(value: Any, schema: Any) -> bool:
    return not Validator(schema, null_is_absent=False).problems(value, "x")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        # equality is deep, and true isn't 1
        ({"enum": [[1]]}, [[1], [1.0]], [[True], [[1]], 1]),
        ({"const": {"a": [0, False]}}, [{"a": [0, False]}], [{"a": [False, 0]}, {"a": [0]}]),
        ({"uniqueItems": True}, [[1, True, 0, False], [[1], [True]], []], [[1, 1.0], [{"a": 1}, {"a": 1.0}]]),
        ({"enum": [1, 2], "const": 2}, [2], [1]),
        # a reference and the keywords next to it
        ({"$ref": "#/$defs/A", "minimum": 3, "$defs": {"A": {"type": "integer"}}}, [3, 4], [2, "3"]),
        # pointers: indices of lists, escapes, percent signs
        ({"$ref": "#/$defs/A/anyOf/1", "$defs": {"A": {"anyOf": [True, {"type": "null"}]}}}, [None], [1]),
        ({"$ref": "#/$defs/a~1b~0c", "$defs": {"a/b~c": {"type": "null"}}}, [None], [1]),
        ({"$ref": "#/$defs/a%25b%20c", "$defs": {"a%b c": {"type": "null"}}}, [None], [1]),
        # anchors and ids
        ({"$ref": "#here", "$defs": {"A": {"$anchor": "here", "type": "null"}}}, [None], [1]),
        (
            {
                "$id": "http://h/root.json",
                "$ref": "inner.json",
                "$defs": {"A": {"$id": "inner.json", "$ref": "#/$defs/B", "$defs": {"B": {"type": "null"}}}},
            },
            [None],
            [1],
        ),
        # another document isn't fetched
        ({"$ref": "http://elsewhere/schema.json"}, [1, None], []),
        # draft 7
        (
            {"items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
            [[1, "a"], []],
            [[1, 2], ["a"]],
        ),
        ({"items": [True], "additionalItems": False}, [[1]], [[1, 2]]),
        ({"dependencies": {"a": ["b"]}}, [{"a": 1, "b": 1}, {"b": 1}, {}], [{"a": 1}]),
        ({"dependencies": {"a": {"minProperties": 2}}}, [{"a": 1, "b": 1}], [{"a": 1}]),
        ({"minimum": 1, "exclusiveMinimum": True}, [2], [1]),  # draft 4
        # numbers
        ({"multipleOf": 0.1}, [0.3, 1, 1e308], [0.35]),
        ({"multipleOf": 0.123456789}, [0.123456789], [1e308]),
        ({"multipleOf": 1e-8}, [12391239123], [1e-9]),
        # what the other keywords haven't looked at
        (
            {
                "properties": {"a": True},
                "anyOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}, True],
                "unevaluatedProperties": False,
            },
            [{"a": 1}, {"a": 1, "b": 2}],
            [{"b": "x"}, {"c": 1}],
        ),
        ({"prefixItems": [True], "contains": {"const": 2}, "unevaluatedItems": False}, [[1, 2, 2]], [[2, 1]]),
        ({"contains": {"const": 1}, "maxContains": 1}, [[1, 2]], [[1, 1], []]),
        ({"properties": {"a": {"type": "integer"}}}, [{"a": 1}, {}], [{"a": None}]),
    ],
    ids=repr,
)
def test_values_that_fit_and_values_that_dont(schema: Any, good: list[Any], bad: list[Any]) -> None:
    """The specification of JSON Schema decides."""
    assert [value for value in good if not fits(value, schema)] == []
    assert [value for value in bad if fits(value, schema)] == []


def test_a_long_list_of_different_entries_is_compared_in_linear_time() -> None:
    """A quadratic comparison of so many lists takes minutes, and the test's own limit ends it."""
    assert fits([[n] for n in range(100_000)], {"uniqueItems": True})


MALFORMED = [
    ({"type": 5}, "/type: expected one of object, array, .* got 5"),
    ({"type": "hologram"}, "/type: expected one of .* got 'hologram'"),
    ({"type": [["string"]]}, "/type: expected one of"),
    ({"properties": 5}, "/properties: expected an object, got 5"),
    ({"properties": {"a": 5}}, "/properties/a: expected an object or a boolean, got 5"),
    ({"properties": {"a": {"items": {"type": "strnig"}}}}, "/properties/a/items/type: expected one of"),
    ({"required": 5}, "/required: expected a list of strings, got 5"),
    ({"required": "name"}, "/required: expected a list of strings, got 'name'"),
    ({"$ref": 5}, r"/\$ref: expected a string, got 5"),
    ({"$ref": "#/$defs/A"}, r"'#/\$defs/A' points nowhere"),
    ({"minLength": "3"}, "/minLength: expected a whole number of at least 0, got '3'"),
    ({"maxItems": -1}, "/maxItems: expected a whole number"),
    ({"minimum": "3"}, "/minimum: expected a number"),
    ({"multipleOf": 0}, "/multipleOf: expected a number above 0"),
    ({"multipleOf": "x"}, "/multipleOf: expected a number above 0"),
    ({"anyOf": 5}, "/anyOf: expected a list, got 5"),
    ({"allOf": {"a": 1}}, "/allOf: expected a list"),
    ({"anyOf": [5]}, "/anyOf/0: expected an object or a boolean, got 5"),
    ({"enum": 5}, "/enum: expected a list, got 5"),
    ({"pattern": 5}, "/pattern: expected a string"),
    ({"patternProperties": []}, "/patternProperties: expected an object"),
    ({"dependentRequired": {"a": 5}}, "/dependentRequired: expected an object of lists of strings"),
    ({"dependencies": 5}, "/dependencies: expected an object"),
    ({"items": 5}, "/items: expected an object or a boolean, got 5"),
    ({"not": 5}, "/not: expected an object or a boolean, got 5"),
    ({"if": []}, "/if: expected an object or a boolean"),
    ({"additionalProperties": "no"}, "/additionalProperties: expected an object or a boolean"),
    ({"uniqueItems": "yes"}, "/uniqueItems: expected a boolean"),
    ({"title": 5, "type": "object"}, "/title: expected a string, got 5"),
    ({"const": {1, 2}}, "it isn't JSON data"),
]


@pytest.mark.parametrize(("schema", "words"), MALFORMED, ids=[repr(schema) for schema, _ in MALFORMED])
def test_a_malformed_schema_is_refused_with_its_place(schema: dict[str, Any], words: str) -> None:
    """As a response format in either form before anything is sent, and in a comparison."""
    with pytest.raises(UsageError, match=f"^schema: expected a JSON schema; .*{words}"):
        problems_of({"a": [1]}, schema, "x")
    with pytest.raises(UsageError, match=f"^response_format.schema: expected a JSON schema; .*{words}"):
        ResponseFormat.of({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    with pytest.raises(UsageError, match=r"^response_format: "):
        ResponseFormat.of(schema)


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    """Neither a RecursionError nor an endless loop: the second schema contains itself."""
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"not": deep}
    circle: dict[str, Any] = {"type": "object"}
    circle["properties"] = {"a": circle}
    for schema in (deep, circle):
        with pytest.raises(StreamkitError, match=r"it isn't JSON data|nested too deeply"):
            problems_of(1, schema, "x")


KEYWORDS = (
    *("type", "properties", "patternProperties", "additionalProperties", "propertyNames", "required"),
    *("minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies"),
    *("items", "prefixItems", "additionalItems", "contains", "minContains", "maxContains", "uniqueItems"),
    *("minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const", "anyOf", "oneOf", "allOf"),
    *("not", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems", "discriminator", "default"),
    *("$ref", "$dynamicRef", "$id", "$anchor", "$defs", "definitions", "title", "description"),
)
JUNK = (5, -1, 1e308, "", "x", "#/a", "http://[", None, True, [], [5], [[]], [None], {}, {"a": 5}, {"a": [5]})
JUNK = (*JUNK, {1: 2}, {1}, b"x", float("nan"), "\ud800", {"mapping": {"a": 5}})


def use(client: Client, schema: Any) -> None:
    """Send *schema* in every way that a program can, and read the answer with it."""
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    for response_format in (wanted, schema):
        with contextlib.suppress(StreamkitError):
            client.complete("q", model="m", response_format=response_format).parsed()
    spec = ToolSpec("f", "", schema, True, lambda **arguments: arguments)
    with contextlib.suppress(StreamkitError):
        client.stream("q", model="m", tools=[spec]).result()
    with contextlib.suppress(StreamkitError):
        call_tool(spec, FunctionCall("c", "f", '{"a": [1, {"b": null}]}'))


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_no_value_of_a_keyword_raises_a_foreign_error(keyword: str) -> None:
    """At the root and inside: as a format, as a tool's parameters, and in the strict form."""
    client = Client("openai", api_key="k", transport=FakeTransport(chat_stream('{"a": [1, {"b": null}]}')))
    for junk in JUNK:
        part = {keyword: junk}
        use(client, part)
        use(client, {"type": "object", **part})
        use(client, {"type": "object", "properties": {"a": {"type": "array", "items": part}}})
        use(client, {"oneOf": [part], "allOf": [part]})
