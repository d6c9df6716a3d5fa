"""Types of every kind: the schema that goes out, and the object that comes back."""

# ruff: noqa: UP007, UP045 - the older spellings are in use

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import pickle
from collections import OrderedDict, defaultdict, deque
from collections.abc import Collection, MutableMapping, MutableSequence
from pathlib import Path, PurePosixPath
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypeVar,
    Union,
)

import attrs
import pytest
from typing_extensions import Doc, NotRequired, ReadOnly, TypeAliasType, TypedDict

from streamkit import UsageError
from streamkit.typed.encode import to_json
from streamkit.typed.objects import make, validator_of
from streamkit.typed.response_format import ResponseFormat
from streamkit.typed.schema import schema_of
from streamkit.typed.strict import is_loose, strict_schema

T = TypeVar("T")
Word = TypeVar("Word", bound=str)
Either = TypeVar("Either", int, str)
UserId = NewType("UserId", int)
Json = TypeAliasType("Json", "Union[dict[str, Json], list[Json], str, int, None]")
PairOf = TypeAliasType("PairOf", "tuple[T, T]", type_params=(T,))


@dataclasses.dataclass
class Box(Generic[T]):
    value: T
    more: list[T] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class NamedBox(Box[int], Generic[T]):  # T is int in the base, and the argument here
    name: Optional[T] = None


@dataclasses.dataclass
class Tree(Generic[T]):
    v: T
    kids: list[Tree[T]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Endless(Generic[T]):
    v: T
    next: Optional[Endless[list[T]]] = None


@dataclasses.dataclass
class Passed:
    count: ClassVar[int] = 0
    a: int
    b: dataclasses.InitVar[int]
    sum: int = dataclasses.field(init=False)

    def __post_init__(self, b: int) -> None:
        self.sum = self.a + b


@attrs.frozen
class Frozen(Generic[T]):
    at: T


class Typed(TypedDict, Generic[T]):
    x: ReadOnly[T]
    y: NotRequired[ReadOnly[int]]


class Level(enum.Enum):
    LOW = 1
    HIGH = "high"


INT = {"type": "integer"}
TEXT = {"type": "string"}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


@pytest.mark.parametrize(
    ("hint", "schema", "value", "made"),
    [
        pytest.param(
            Box[int],
            closed(["value"], value=INT, more={"type": "array", "items": INT}),
            {"value": 1, "more": [2]},
            Box(1, [2]),
            id="generic dataclass",
        ),
        pytest.param(
            NamedBox[str],
            closed(
                ["value"],
                value=INT,
                more={"type": "array", "items": INT},
                name={"type": ["string", "null"]},
            ),
            {"value": 1, "name": "a"},
            NamedBox(1, [], "a"),
            id="generic base",
        ),
        pytest.param(
            Box[Frozen[datetime.date]],
            None,
            {"value": {"at": "2026-01-02"}},
            Box(Frozen(datetime.date(2026, 1, 2))),
            id="generic in generic",
        ),
        pytest.param(
            Typed[int],
            {**closed(["x"], x=INT, y=INT)},
            {"x": 1},
            {"x": 1},
            id="generic TypedDict",
        ),
        pytest.param(Passed, closed(["a", "b"], a=INT, b=INT), {"a": 1, "b": 2}, Passed(1, 2), id="InitVar"),
        pytest.param(Box, None, {"value": None}, Box(None), id="generic without arguments"),
        pytest.param(Box[Word], None, {"value": "a"}, Box("a"), id="bound"),
        pytest.param(
            list[Either],
            {"type": "array", "items": {"type": ["integer", "string"]}},
            ["a"],
            ["a"],
            id="constraints",
        ),
        pytest.param(UserId, INT, 5, 5, id="NewType"),
        pytest.param(Final[int], INT, 5, 5, id="Final"),
        pytest.param(PairOf[int], None, [1, 2], (1, 2), id="generic alias"),
        pytest.param(Path, TEXT, "a/b", Path("a/b"), id="Path"),
        pytest.param(PurePosixPath, TEXT, "a/b", PurePosixPath("a/b"), id="PurePath"),
        pytest.param(Union[Path, str], TEXT, "a", "a", id="two kinds of text"),
        pytest.param(
            bytes,
            {
                "type": "string",
                "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                "description": "base64",
            },
            "aGk=",
            b"hi",
            id="bytes",
        ),
        pytest.param(bytearray, None, "aGk=", bytearray(b"hi"), id="bytearray"),
        pytest.param(
            datetime.timedelta,
            {"type": "string", "format": "duration"},
            "P1DT1H30M0.5S",
            datetime.timedelta(days=1, hours=1, minutes=30, milliseconds=500),
            id="timedelta",
        ),
        pytest.param(
            datetime.timedelta, None, "-PT5M", datetime.timedelta(minutes=-5), id="negative timedelta"
        ),
        pytest.param(datetime.timedelta, None, "P2W", datetime.timedelta(weeks=2), id="weeks"),
        pytest.param(deque[int], {"type": "array", "items": INT}, [1], deque([1]), id="deque"),
        pytest.param(MutableSequence[int], {"type": "array", "items": INT}, [1], [1], id="MutableSequence"),
        pytest.param(Collection[int], {"type": "array", "items": INT}, [1], [1], id="Collection"),
        pytest.param(
            MutableMapping[str, int],
            {"type": "object", "additionalProperties": INT},
            {"a": 1},
            {"a": 1},
            id="MutableMapping",
        ),
        pytest.param(OrderedDict[str, int], None, {"a": 1}, OrderedDict(a=1), id="OrderedDict"),
        pytest.param(defaultdict[str, int], None, {"a": 1}, defaultdict(None, a=1), id="defaultdict"),
        pytest.param(
            dict[Level, int], None, {"1": 1, "high": 2}, {Level.LOW: 1, Level.HIGH: 2}, id="enum keys"
        ),
        pytest.param(Json, None, {"a": [1, "b", None]}, {"a": [1, "b", None]}, id="recursive alias"),
        pytest.param(
            Annotated[int, Doc("how many")], {**INT, "description": "how many"}, 1, 1, id="Doc of a value"
        ),
    ],
)
def test_a_type_and_its_value(hint: Any, schema: Any, value: Any, made: Any) -> None:
    """The schema is that of JSON's form, and the object is of the type."""
    if schema is not None:
        assert schema_of(hint) == schema
    assert validator_of(hint).problems(value, "x") == []
    result = make(value, hint, "x")
    assert result == made
    assert type(result) is type(made)
    assert ResponseFormat.of(hint).type == hint


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (int, {"pattern": "^-?[0-9]+$"}),
        (bool, {"enum": ["true", "false"]}),
        (Level, {"enum": ["1", "high"]}),
        (Literal["a", 1], {"enum": ["a", "1"]}),
        (datetime.date, {"type": "string", "format": "date"}),
    ],
    ids=repr,
)
def test_keys_of_a_dict_are_names(key: Any, names: dict[str, Any]) -> None:
    """JSON writes a key as text; the schema says which texts."""
    assert schema_of(dict[key, int])["propertyNames"] == names


@pytest.mark.parametrize("key", [tuple[int, int], Frozen[int], frozenset[int]], ids=repr)
def test_keys_without_a_text_are_refused(key: Any) -> None:
    """A name is text."""
    with pytest.raises(UsageError, match=r"^dict keys: expected .* has no JSON schema"):
        schema_of(dict[key, int])


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (dict[Level, int], {Level.LOW: 1, Level.HIGH: 2}),
        (dict[datetime.date, int], {datetime.date(2026, 1, 2): 1}),
        (dict[int, dict[bool, float]], {1: {True: 0.5}}),
        (Box[datetime.timedelta], Box(datetime.timedelta(hours=1))),
    ],
    ids=repr,
)
def test_a_value_is_written_as_it_is_read(hint: Any, value: Any) -> None:
    """The result of one tool can be the argument of another."""
    written = json.loads(to_json(value))
    assert validator_of(hint).problems(written, "x") == []
    assert make(written, hint, "x") == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [(Box[int], {"value": "a"}), (NamedBox[str], {"value": "a"}), (Tree[int], {"v": 1, "kids": [{"v": ""}]})],
    ids=repr,
)
def test_the_argument_of_a_generic_class_is_checked(hint: Any, value: Any) -> None:
    """`Box[int]` has an integer, also where the class contains itself."""
    assert validator_of(hint).problems(value, "x") != []


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (bytes, "aGk"),
        (bytes, "a"),
        (bytes, "aGk=aGk="),
        (datetime.timedelta, "P1Y"),
        (datetime.timedelta, "PT"),
        (datetime.timedelta, "1:30"),
    ],
    ids=repr,
)
def test_text_that_isnt_a_value_is_refused(hint: Any, value: Any) -> None:
    """A year has no fixed length."""
    with pytest.raises(UsageError, match=r"^x: "):
        make(value, hint, "x")


@pytest.mark.parametrize("text", ["P1DT1H", "PT0.5S", "-PT0.25S", "PT0S", "P3D"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    """In ISO form, in both directions."""
    value = make(text, datetime.timedelta, "x")
    assert make(to_json(value).strip('"'), datetime.timedelta, "x") == value


@pytest.mark.parametrize(
    "hint",
    [enum.Enum("Bad", {"A": (1, 2)}), Literal[b"x"], complex, Endless[int]],
    ids=["enum of tuples", "literal bytes", "complex", "a class that grows forever"],
)
def test_a_type_without_a_form_is_refused(hint: Any) -> None:
    """With a UsageError, never RecursionError or TypeError."""
    with pytest.raises(UsageError, match=r"^response|^Bad|^Literal|^complex|^Endless"):
        ResponseFormat.of(hint)


def test_two_classes_of_one_name_have_two_definitions() -> None:
    """Also if both are recursive; each reference points to its own."""

    def node(field: str) -> Any:
        cls: Any = TypedDict("Node", {field: str}, total=False)  # type: ignore[misc]
        cls.__annotations__["next"] = Optional[cls]
        return cls

    one, two = node("one"), node("two")
    both = dataclasses.make_dataclass("Both", [("a", one), ("b", two), ("c", one)])
    schema = schema_of(both)
    assert set(schema["$defs"]) == {"Node", "Node_2"}
    assert [schema["properties"][name]["$ref"] for name in "abc"] == [
        "#/$defs/Node",
        "#/$defs/Node_2",
        "#/$defs/Node",
    ]
    assert set(schema["$defs"]["Node"]["properties"]) == {"one", "next"}
    assert set(schema["$defs"]["Node_2"]["properties"]) == {"two", "next"}
    assert validator_of(both).problems({"a": {"one": "x"}, "b": {"two": 5}, "c": {}}, "x") == [
        "x.b.two: expected string, got 5"
    ]


# -- the strict form ----------------------------------------------------------------------


def test_a_reference_keeps_the_keywords_next_to_it() -> None:
    """Written in place, as OpenAI's own library does; a schema that contains itself is wrapped in anyOf."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/Text", "description": "the name", "minLength": 2},
            "b": {"$ref": "#/$defs/Node", "description": "the first"},
            "c": {"allOf": [{"$ref": "#/$defs/Text"}], "description": "as pydantic 1 wrote it"},
            "d": {"$ref": "#/$defs/Text", "type": "string"},
        },
        "required": ["a", "b", "c", "d"],
        "$defs": {
            "Text": {"type": "string", "description": "a text"},
            "Node": {
                "type": "object",
                "properties": {"next": {"$ref": "#/$defs/Node", "description": "the next"}},
                "required": ["next"],
            },
        },
    }
    strict = strict_schema(schema)
    wrapped = {"anyOf": [{"$ref": "#/$defs/Node"}], "description": "the next"}
    assert strict["properties"] == {
        "a": {"type": "string", "description": "the name", "minLength": 2},
        "b": {
            "type": "object",
            "properties": {"next": wrapped},
            "required": ["next"],
            "additionalProperties": False,
            "description": "the first",
        },
        "c": {"type": "string", "description": "as pydantic 1 wrote it"},
        "d": {"anyOf": [{"$ref": "#/$defs/Text"}], "type": "string"},
    }
    assert not is_loose(strict)


@pytest.mark.parametrize(
    "part",
    [
        {"allOf": [{"type": "string"}, {"minLength": 1}]},
        {"type": "string", "not": {"const": "a"}},
        {"type": "object", "patternProperties": {"a": {"type": "string"}}},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {"type": "string", "if": {"const": "a"}, "then": {"type": "string"}},
        {"type": "object", "dependentRequired": {"a": ["b"]}},
        {"const": 1},
        {"type": "object", "additionalProperties": True},
        {"type": "array", "items": True},
    ],
    ids=repr,
)
def test_keywords_that_strict_mode_lacks_make_a_schema_loose(part: dict[str, Any]) -> None:
    """OpenAI's guide lists the keywords; a server answers 400 to a strict schema with another one."""
    assert is_loose(strict_schema({"type": "object", "properties": {"a": part}, "required": ["a"]}))


def test_formats_that_strict_mode_lacks_are_reported() -> None:
    """OpenAI's guide has nine formats; the others aren't sent."""

    class Page(NamedTuple):
        n: int

    schema = {
        "type": "object",
        "properties": {"a": {**TEXT, "format": "uri"}, "b": {**TEXT, "format": "date"}},
    }
    strict = strict_schema({**schema, "required": ["a", "b"]})
    assert strict["properties"] == {"a": TEXT, "b": {**TEXT, "format": "date"}}
    assert ResponseFormat.of(Page).notes == ()


def test_a_format_of_an_unpicklable_type_pickles_without_it() -> None:
    """A list of a local class, too."""
    local = dataclasses.make_dataclass("Local", [("a", int)])
    wanted = ResponseFormat.of(list[local])  # type: ignore[valid-type]
    assert pickle.loads(pickle.dumps(wanted)) == attrs.evolve(wanted, type=None)
