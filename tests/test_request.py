"""Request: the values it accepts, and the errors for all others, before anything is sent."""

from __future__ import annotations

import dataclasses
import math
import pickle
from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from streamkit import FunctionCall, Message, UsageError
from streamkit.profiles.known import GENERIC
from streamkit.request import Request
from streamkit.request.options import ToolSpec
from streamkit.request.params import CHECKS, Params, ProviderPreferences
from streamkit.typed.response_format import ResponseFormat
from streamkit.wires import WIRES, find_wire
from streamkit.wires.prepare import merge, prepare
from streamkit.wires.report import BuildReport


@dataclasses.dataclass
class Answer:
    n: int


@pytest.mark.parametrize(
    ("name", "value", "accepts"),
    [
        ("temperature", 2.1, "a number from 0 to 2"),
        ("temperature", "1", "a number from 0 to 2"),
        ("temperature", True, "a number from 0 to 2"),
        ("temperature", math.nan, "a number from 0 to 2"),
        ("top_p", -0.1, "a number from 0 to 1"),
        ("max_tokens", 0, "an integer of at least 1"),
        ("max_tokens", 5.0, "an integer of at least 1"),
        ("n", True, "an integer of at least 1"),
        ("seed", "7", "an integer"),
        ("stop", [1], "a string or a list of strings"),
        ("top_logprobs", 21, "an integer from 0 to 20"),
        ("logprobs", 1, "True or False"),
        ("logit_bias", {"1": 101}, "a mapping of token ids to numbers from -100 to 100"),
        ("metadata", {"a": 1}, "a mapping of strings to strings"),
        ("models", "a/b", "a list of strings"),
        ("tool_choice", 1, "a non-empty string or a mapping"),
        ("reasoning_effort", "", "a non-empty string"),
        ("provider", "anthropic", "a ProviderPreferences or a mapping"),
        ("plugins", ["web"], "a list of mappings"),
        ("include_usage", "no", "True or False"),
    ],
    ids=lambda value: repr(value) if not isinstance(value, str) else value,
)
def test_a_wrong_parameter_names_itself_what_was_got_and_what_is_accepted(
    name: str, value: Any, accepts: str
) -> None:
    """A wrong type and a value out of range raise UsageError."""
    with pytest.raises(UsageError) as caught:
        Request("hi", model="m", params={name: value})
    assert str(caught.value) == f"{name}: expected {accepts}, got {value!r}"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("system", "use instructions="),
        ("stream", "every answer is streamed"),
        ("messages", "as the first argument"),
        ("timeout", "timeouts=Timeouts"),
        ("max_retries", "retry=RetryPolicy"),
        ("azure_endpoint", "base_url="),
        ("http_client", "session="),
    ],
)
def test_words_of_other_packages_are_answered_with_ours(name: str, advice: str) -> None:
    """A near spelling would lead nowhere: `stream` isn't a misspelled `store`."""
    with pytest.raises(UsageError, match=f"unexpected parameter '{name}'; .*{advice}"):
        Request("hi", model="m", params={name: 1})


def test_an_unknown_parameter_is_told_the_nearest_one() -> None:
    """A typo is found, and the message names extra_body."""
    with pytest.raises(UsageError, match=r"parameter 'temprature' \(did you mean temperature\?\)"):
        Request("hi", model="m", params={"temprature": 1})
    with pytest.raises(UsageError, match=r"unexpected parameter 'zzz'; .* pass it in extra_body"):
        Request("hi", model="m", params={"zzz": 1})


def test_every_typed_parameter_has_a_check() -> None:
    """`Params` and `CHECKS` have the same names, and so has the table of every wire."""
    assert set(Params.__annotations__) == set(CHECKS)
    for wire in WIRES:
        assert set(find_wire(wire).params()) == set(CHECKS), wire


SAMPLES = [True, 1, 0.5, "x", "ephemeral", ["x"], [{"type": "x"}], {"x": "y"}, {"1": 1}, Answer]


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_checked_value_has_the_documented_type(name: str) -> None:
    """A value that passes the check of a parameter passes a type checker too."""
    hint = get_type_hints(Params)[name]
    kinds = [each for each in get_args(hint) if each is not type(None)] or [hint]
    accepted = [value for value in SAMPLES if CHECKS[name].fits(value)]
    assert accepted
    if Any not in kinds:
        assert [value for value in accepted if not any(is_a(value, kind) for kind in kinds)] == []


def is_a(value: Any, kind: Any) -> bool:
    """Return True if a type checker accepts *value* for the annotation *kind*, one level deep."""
    if kind is float:
        return isinstance(value, float | int)
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    inner = get_args(kind)[-1] if get_args(kind) else Any
    return isinstance(value, get_origin(kind) or kind) and all(
        inner is Any or is_a(e, inner) for e in entries
    )


def test_one_limit_of_tokens_at_a_time() -> None:
    """Two spellings of the same limit could contradict each other."""
    with pytest.raises(UsageError, match="expected one token limit, got max_tokens and max_output_tokens"):
        Request("hi", model="m", params={"max_tokens": 1, "max_output_tokens": 2})


def test_numbers_of_other_types_are_numbers() -> None:
    """numpy registers its scalars so; JSON would refuse them. A Decimal and a complex number aren't real."""
    request = Request("hi", model="m", params={"temperature": Fraction(1, 2), "seed": _Whole()})
    assert {name: (type(value), value) for name, value in request.params.items()} == {
        "temperature": (float, 0.5),
        "seed": (int, 7),
    }
    for value in (Decimal("0.5"), 1j, "0.5"):
        with pytest.raises(UsageError, match="temperature: expected a number from 0 to 2"):
            Request("hi", model="m", params={"temperature": value})


class _Whole:
    """As numpy.int64: an Integral that is no int."""

    def __int__(self) -> int:
        return 7


Integral.register(_Whole)


def test_top_logprobs_add_logprobs() -> None:
    """docs/choices.md says so: OpenAI refuses them alone."""
    assert Request("hi", model="m", params={"top_logprobs": 2}).params == {
        "top_logprobs": 2,
        "logprobs": True,
    }


def test_top_logprobs_need_logprobs() -> None:
    """OpenAI returns 400 for one without the other; a caller who leaves logprobs out wants them."""
    with pytest.raises(UsageError, match="top_logprobs: expected logprobs=True"):
        Request("hi", model="m", params={"top_logprobs": 2, "logprobs": False})


@pytest.mark.parametrize("model", ["", "  ", None, 5])
def test_a_model_is_named(model: Any) -> None:
    """A request without a model is refused."""
    with pytest.raises(UsageError, match="model: expected the name of a model"):
        Request("hi", model=model)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("instructions", 5, "instructions: expected a string or None, got 5"),
        ("tools", ToolSpec("f"), "tools: expected a list of tools, got ToolSpec"),
        ("tools", {"type": "web_search"}, "tools: expected a list of tools, got {'type'"),
        ("tools", [len], "tools\\[0\\]: expected a ToolSpec .* got builtin_function_or_method"),
        ("tools", [{"name": "f"}], "tools\\[0\\]: expected a dict with a type, got the keys \\['name'\\]"),
        ("tools", [ToolSpec("f"), ToolSpec("f")], "tools: expected different names, got two"),
        ("extra_body", [1], "extra_body: expected a mapping of fields, got list"),
    ],
)
def test_the_rest_is_checked_too(field: str, value: Any, words: str) -> None:
    """Instructions, tools and extra_body are checked like parameters."""
    with pytest.raises(UsageError, match=words):
        Request("hi", model="m", **{field: value})


def test_a_class_becomes_a_response_format() -> None:
    """`response_format=SomeClass` keeps the class, for `Completion.parsed`."""
    request = Request("hi", model="m", params={"response_format": Answer})
    assert isinstance(request.response_format, ResponseFormat)
    assert request.response_format.type is Answer
    assert Request("hi", model="m").response_format is None


def test_a_request_says_nothing_of_an_api() -> None:
    """The same request goes to every wire, which doesn't change it."""
    request = Request("hi", model="m", params={"max_tokens": 3})
    before = (request.input, dict(request.params))
    assert prepare(request, "chat", GENERIC).path == "/chat/completions"
    assert prepare(request, "responses", GENERIC).path == "/responses"
    assert (request.input, dict(request.params)) == before


def test_an_unknown_wire_is_a_usage_error() -> None:
    """The message lists the known wires."""
    with pytest.raises(
        UsageError, match=r"wire: expected chat or responses or messages or gemini, got 'grpc'"
    ):
        prepare(Request("hi", model="m"), "grpc", GENERIC)


def test_merge_goes_deep_and_changes_neither_side() -> None:
    """Objects merge key by key; lists and scalars are replaced; the arguments stay unchanged."""
    body = {"a": {"x": 1, "y": [1]}, "b": 1}
    extra = {"a": {"y": [2], "z": 3}, "b": {"c": 1}}
    assert merge(body, extra) == {"a": {"x": 1, "y": [2], "z": 3}, "b": {"c": 1}}
    assert body == {"a": {"x": 1, "y": [1]}, "b": 1}


def test_what_was_left_out_is_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The logger "streamkit" gets one warning, and the prepared request has the same report."""
    request = Request([Message("user", "u"), FunctionCall("c", "f", "{}")], model="m")
    with caplog.at_level("WARNING", logger="streamkit"):
        prepared = prepare(request, "chat", GENERIC)
    assert prepared.report.dropped == ["item 1 (function_call f) has no output"]
    assert [r.getMessage() for r in caplog.records] == [
        "request for m: dropped: item 1 (function_call f) has no output"
    ]


def test_a_body_that_says_it_all_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An empty report is false, and isn't logged."""
    prepared = prepare(Request("hi", model="m"), "chat", GENERIC)
    assert not prepared.report
    assert prepared.report == BuildReport()
    assert caplog.records == []


def test_a_tool_can_be_called_as_a_function() -> None:
    """A ToolSpec calls its function; without one it raises."""
    assert ToolSpec("double", function=lambda n: 2 * n)(4) == 8
    with pytest.raises(UsageError, match="tool 'f' has no function to call"):
        ToolSpec("f")()


def test_requests_pickle() -> None:
    """Requests pass between processes."""
    request = Request("hi", model="m", params={"response_format": Answer, "temperature": 1})
    assert pickle.loads(pickle.dumps(request)) == request


def test_preferences_are_keyword_only() -> None:
    """Twelve optional positional fields would be unreadable."""
    with pytest.raises(TypeError):
        ProviderPreferences(["a"])  # type: ignore[misc]
