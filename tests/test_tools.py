"""Functions as tools: the schema, and calls with checked arguments."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import attrs
import pytest

from streamkit import FunctionCall, InputImage, InputText, ToolError, UsageError
from streamkit.request.options import ToolSpec, as_tools
from streamkit.tools import bind, call_tool, load, output_of, tool


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


@attrs.frozen
class Place:
    city: str
    country: str = "NO"


@dataclasses.dataclass
class Trip:
    stops: list[Place]


@tool
def weather(
    place: Place,
    unit: Unit = Unit.CELSIUS,
    days: Optional[int] = None,  # noqa: UP045 - the older spelling is in use
    mode: Literal["short", "long"] = "short",
    weights: dict[str, float] | None = None,
) -> str:
    """The weather in a place.

    For today, or for days to come.

    Args:
        place: where; a city
            of the world
        unit (Unit): C or F
        days: how many: 1 to 7

    Returns:
        One line of text.
    """
    return f"{place.city}/{place.country} {unit.name} {days} {mode} {weights}"


def call(arguments: str, name: str = "weather") -> FunctionCall:
    return FunctionCall("c1", name, arguments)


def test_a_signature_becomes_a_schema() -> None:
    """The schema has name, description and parameters, with defaults, enums, classes and notes."""
    assert weather.name == "weather"
    assert weather.description == "The weather in a place.\n\nFor today, or for days to come."
    assert weather.parameters == {
        "type": "object",
        "properties": {
            "place": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string", "default": "NO"}},
                "required": ["city"],
                "description": "where; a city of the world",
            },
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C", "description": "C or F"},
            "days": {"type": ["integer", "null"], "description": "how many: 1 to 7"},
            "mode": {"type": "string", "enum": ["short", "long"], "default": "short"},
            "weights": {
                "anyOf": [
                    {"type": "object", "additionalProperties": {"type": "number"}},
                    {"type": "null"},
                ]
            },
        },
        "required": ["place"],
    }


def test_it_is_a_function_still() -> None:
    """A decorated function can be called as before."""
    assert weather(Place("Oslo"), days=2) == "Oslo/NO CELSIUS 2 short None"


def test_a_tool_spec_can_be_subscripted() -> None:
    """Annotations may name the parameters and the result, also at run time; the class stays one."""
    spec: ToolSpec[[int], int] = ToolSpec[[int], int]("double", function=lambda n: 2 * n)
    assert spec == attrs.evolve(spec)
    assert type(spec) is ToolSpec
    assert spec(4) == 8


def numpy_style(a: int, b: str = "x") -> None:
    """Do it.

    Parameters
    ----------
    a : int
        The first
        of two.
    b : str
        The second.

    Returns
    -------
    None
    """


def sphinx_style(a: int, b: str = "x") -> None:
    """Do it.

    :param a: The first
        of two.
    :param str b: The second.
    :returns: nothing
    """


def google_style(a: int, b: str = "x") -> None:
    """Do it.

    Args:
        a (int): The first
            of two.
        b: The second.
    Raises:
        ValueError: never
    """


def annotated(a: Annotated[int, "The first of two."], b: Annotated[str, "The second."] = "x") -> None:
    """Do it."""


@pytest.mark.parametrize("function", [numpy_style, sphinx_style, google_style, annotated])
def test_docstrings_of_every_style(function: Any) -> None:
    """Each style gives the same notes, and the description ends before them."""
    spec = tool(function)
    assert spec.description == "Do it."
    assert spec.parameters["properties"] == {
        "a": {"type": "integer", "description": "The first of two."},
        "b": {"type": "string", "default": "x", "description": "The second."},
    }


def test_the_decorator_takes_options() -> None:
    """`@tool` takes a name, a description and strict."""

    @tool(name="n", description="d", strict=True)
    def f(a: int) -> int:
        """Ignored: the decorator has a description."""
        return a

    assert (f.name, f.description, f.strict) == ("n", "d", True)
    assert f(3) == 3


def test_what_a_model_cannot_fill_is_refused() -> None:
    """`*args`, a coroutine function and a type without a schema are refused."""

    def stars(*args: int) -> None: ...

    async def waits() -> None: ...

    def odd(a: complex) -> None: ...

    with pytest.raises(UsageError, match=r"stars: expected parameters that are passed by name, got \*args"):
        tool(stars)
    with pytest.raises(UsageError, match="waits: expected a function, got a coroutine function"):
        tool(waits)
    with pytest.raises(UsageError, match=r"odd\.a: .*complex.* has no JSON schema"):
        tool(odd)


def test_arguments_become_objects() -> None:
    """Arguments become objects of the annotated types; a missing one has its default."""
    bound = bind(weather, call('{"place": {"city": "Oslo"}, "unit": "F", "weights": {"a": 1}}'))
    assert bound == {"place": Place("Oslo"), "unit": Unit.FAHRENHEIT, "weights": {"a": 1.0}}
    assert call_tool(weather, call('{"place": {"city": "Oslo"}, "days": 3}')) == (
        "Oslo/NO CELSIUS 3 short None"
    )


def test_null_is_leaving_it_out_unless_none_is_a_value() -> None:
    """In strict mode, models send null for every default."""
    bound = bind(weather, call('{"place": {"city": "Oslo", "country": null}, "mode": null, "days": null}'))
    assert bound == {"place": Place("Oslo"), "days": None}


def test_lists_of_classes() -> None:
    """Classes are nested as deep as the annotations."""

    @tool
    def plan(trip: Trip, when: datetime.date) -> str:
        return f"{[stop.city for stop in trip.stops]} {when.year}"

    arguments = '{"trip": {"stops": [{"city": "A"}, {"city": "B"}]}, "when": "2024-05-01"}'
    assert call_tool(plan, call(arguments)) == "['A', 'B'] 2024"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"place": {"city": "Os', "the arguments of call 'weather' aren't JSON"),
        ("[1]", "arguments: object expected, got [1]"),
        ("", "arguments.place is missing"),
        ('{"place": "Oslo"}', 'arguments.place: expected object, got "Oslo"'),
        ('{"place": {"city": 5}}', "arguments.place.city: expected string, got 5"),
        (
            '{"place": {"city": "a"}, "days": "three"}',
            'arguments.days: expected integer or null, got "three"',
        ),
        ('{"place": {"city": "a"}, "unit": "K"}', 'arguments.unit: expected one of ["C", "F"], got "K"'),
        (
            '{"place": {"city": "a"}, "town": 1}',
            "unexpected argument 'town'; expected: place, unit, days",
        ),
    ],
)
def test_bad_arguments_never_reach_the_function(arguments: str, words: str) -> None:
    """Truncated, mistyped, missing and unknown arguments raise with a reason; the function isn't called."""
    called = []

    @functools.wraps(weather.function or str)
    def watched(**kwargs: Any) -> None:
        called.append(kwargs)

    with pytest.raises(UsageError) as caught:
        call_tool(attrs.evolve(weather, function=watched), call(arguments))
    assert str(caught.value).startswith(words)
    assert called == []


def test_what_the_function_raises_is_a_tool_error() -> None:
    """A ToolError has the call, and the exception as its cause."""

    @tool
    def fails() -> None:
        raise KeyError("gone")

    the_call = call("{}", "fails")
    with pytest.raises(ToolError, match="tool 'fails' raised KeyError: 'gone'") as caught:
        call_tool(fails, the_call)
    assert caught.value.call is the_call
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("text", "text"),
        (None, "null"),
        (5, "5"),
        ([], "[]"),
        ({"a": "é"}, '{"a": "é"}'),
        (Place("Oslo"), '{"city": "Oslo", "country": "NO"}'),
        (InputText("a"), (InputText("a"),)),
        ([InputText("a"), InputImage("https://x")], (InputText("a"), InputImage("https://x"))),
        (["a", 1], '["a", 1]'),
    ],
    ids=repr,
)
def test_outputs(value: Any, output: Any) -> None:
    """Text and parts stay unchanged; any other value becomes JSON."""
    assert output_of(value) == output


def test_tools_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """References to a module, to a file and to a ToolSpec all work, as for `--tool`."""
    source = "from streamkit.tools import tool\n\ndef plain(a: int) -> int:\n    return a + 1\n\n"
    (tmp_path / "mytools.py").write_text(f"{source}@tool(name='other')\ndef made() -> str:\n    return 'x'\n")
    assert load(f"{tmp_path / 'mytools.py'}:plain")(1) == 2
    monkeypatch.chdir(tmp_path)
    assert load("mytools:made").name == "other"
    assert load("textwrap:dedent").name == "dedent"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("weather", "tool: expected module:function or file.py:function, got 'weather'"),
        ("no_such_module:f", "tool: can't import no_such_module"),
        ("no_such_file.py:f", "tool: can't import no_such_file.py"),
        ("math:no_such", "math has no function 'no_such'"),
        ("math:pi", "math has no function 'pi'"),
    ],
)
def test_a_tool_that_is_not_there(reference: str, words: str) -> None:
    """The message names the reference."""
    with pytest.raises(UsageError, match=words):
        load(reference)


def test_a_spec_without_function_checks_its_schema() -> None:
    """Without a function, arguments are checked against the schema that was passed."""
    spec = ToolSpec("f", parameters={"type": "object", "required": ["a"]})
    assert bind(spec, call('{"a": 1}')) == {"a": 1}
    with pytest.raises(UsageError, match=r"arguments\.a is missing"):
        bind(spec, call("{}"))
    with pytest.raises(UsageError, match="tool 'f' has no function to call"):
        call_tool(spec, call('{"a": 1}'))


# -- every kind of function ---------------------------------------------------------------


class Store:
    def __init__(self, name: str) -> None:
        self.name = name

    @tool
    def decorated(self, item: str, count: int = 1) -> str:
        """Order an item."""
        return f"{self.name} {item} {count}"

    def plain(self, item: str) -> str:
        """Find an item."""
        return f"{self.name} {item}"

    @classmethod
    def of_class(cls, item: str) -> str:
        return f"{cls.__name__} {item}"

    def __call__(self, item: str) -> str:
        """Ask for an item."""
        return f"called {item}"


def properties(spec: ToolSpec) -> list[str]:
    return list(spec.parameters["properties"])


def test_a_decorated_method_is_a_tool_of_each_object() -> None:
    """`self` isn't a parameter; the tool of the class itself can't run."""
    first, second = Store("a").decorated, Store("b").decorated
    assert properties(first) == ["item", "count"]
    assert call_tool(first, call('{"item": "x"}', "decorated")) == "a x 1"
    assert call_tool(second, call('{"item": "x", "count": 2}', "decorated")) == "b x 2"
    with pytest.raises(UsageError, match=r"^tools\[0\]: .* pass obj.decorated$"):
        as_tools([Store.decorated])


@pytest.mark.parametrize(
    ("function", "name", "description", "result"),
    [
        pytest.param(Store("a").plain, "plain", "Find an item.", "a x", id="bound method"),
        pytest.param(Store.of_class, "of_class", "", "Store x", id="class method"),
        pytest.param(Store("a"), "Store", "Ask for an item.", "called x", id="callable object"),
        pytest.param(
            functools.partial(Store.plain, Store("p")),
            "plain",
            "Find an item.",
            "p x",
            id="partial by position",
        ),
    ],
)
def test_other_functions(function: Any, name: str, description: str, result: str) -> None:
    """Name and description are those of the function itself."""
    spec = tool(function)
    assert (spec.name, spec.description, properties(spec)) == (name, description, ["item"])
    assert call_tool(spec, call('{"item": "x"}', name)) == result


def test_arguments_that_a_partial_has_are_no_parameters() -> None:
    """The model can't change them."""

    def f(key: str, item: str, count: int = 1) -> str:
        return f"{key} {item} {count}"

    spec = tool(functools.partial(f, key="k"))
    assert properties(spec) == ["item", "count"]
    assert call_tool(spec, call('{"item": "x"}', "f")) == "k x 1"
    with pytest.raises(UsageError, match="unexpected argument 'key'"):
        call_tool(spec, call('{"item": "x", "key": "other"}', "f"))


def test_a_function_with_free_arguments_takes_those_of_its_schema() -> None:
    """As proxies of MCP and OpenAPI do."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    spec = ToolSpec("proxy", "", schema, function=lambda **values: values)
    assert call_tool(spec, call('{"a": 1, "b": null}', "proxy")) == {"a": 1, "b": None}
    with pytest.raises(UsageError, match="expected integer"):
        call_tool(spec, call('{"a": "x"}', "proxy"))


def test_coroutine_functions_in_any_wrapping_are_refused() -> None:
    """Before the first request."""

    async def f(a: int) -> int:
        return a

    class Async:
        async def __call__(self, a: int) -> int:
            return a

    for function in (f, functools.partial(f, 1), Async()):
        with pytest.raises(UsageError, match=r"wrap it with asyncio\.run"):
            tool(function)


def test_something_that_isnt_a_function_is_refused() -> None:
    """With the name of the argument."""
    with pytest.raises(UsageError, match=r"^function: expected a function, got int"):
        tool(5)  # type: ignore[call-overload]


def test_a_function_without_a_signature_is_refused() -> None:
    """Some types and functions in C have none."""
    with pytest.raises(UsageError, match=r"^function: expected one with a signature, got <class 'dict'>"):
        tool(dict)


def test_a_default_that_json_doesnt_have_is_left_out() -> None:
    """The parameter stays optional."""

    @tool
    def f(x: float = float("inf"), y: float = float("nan"), z: float = 1.0) -> None: ...

    assert f.parameters["properties"] == {
        "x": {"type": "number"},
        "y": {"type": "number"},
        "z": {"type": "number", "default": 1.0},
    }


def test_the_name_of_a_tool_is_checked() -> None:
    """Blanks alone are no name."""
    for name in ("", " ", 5):
        with pytest.raises(UsageError, match=r"^name: expected the name of a tool"):
            ToolSpec(name)  # type: ignore[arg-type]
