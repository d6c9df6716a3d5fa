"""The values that a request accepts, the errors about the others, and the steps of `prepare`."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import pytest

from streamkit import FunctionCall, Message, UsageError
from streamkit.profiles.known import GENERIC
from streamkit.request import Request
from streamkit.request.options import ToolSpec
from streamkit.request.params import Params, ProviderPreferences
from streamkit.typed.schema import ResponseFormat
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
def test_a_wrong_parameter_is_a_usage_error(name: str, value: Any, accepts: str) -> None:
    """The error names the parameter, the accepted values and the value, before there is a body."""
    with pytest.raises(UsageError) as caught:
        Request("hi", model="m", params={name: value})
    assert str(caught.value) == f"{name} takes {accepts}, got {value!r}"


def test_an_unknown_parameter_is_a_usage_error() -> None:
    """The error names the nearest parameter, and the way to send the field anyway."""
    with pytest.raises(UsageError, match=r"no parameter 'temprature' \(did you mean temperature\?\)"):
        Request("hi", model="m", params={"temprature": 1})
    with pytest.raises(UsageError, match=r"no parameter 'zzz'; pass it in extra_body"):
        Request("hi", model="m", params={"zzz": 1})


@pytest.mark.parametrize("wire", WIRES)
def test_every_typed_parameter_has_a_check_and_a_writer(wire: str) -> None:
    """Editors, checks and the tables of the wires know the same names."""
    assert set(find_wire(wire).params()) == set(Params.__annotations__)
    for name in Params.__annotations__:
        assert Request("hi", model="m", params={name: None}).params == {}


def test_only_one_token_limit_is_accepted() -> None:
    """Two spellings of the same limit contradict each other."""
    with pytest.raises(UsageError, match="max_tokens and max_output_tokens say the same thing"):
        Request("hi", model="m", params={"max_tokens": 1, "max_output_tokens": 2})


def test_top_logprobs_need_logprobs() -> None:
    """OpenAI answers 400 otherwise. If logprobs is missing, the caller wants them."""
    with pytest.raises(UsageError, match="top_logprobs needs logprobs=True"):
        Request("hi", model="m", params={"top_logprobs": 2, "logprobs": False})


@pytest.mark.parametrize("model", ["", "  ", None, 5])
def test_the_model_must_be_a_name(model: Any) -> None:
    """A request without a model is a UsageError."""
    with pytest.raises(UsageError, match="model takes the name of a model"):
        Request("hi", model=model)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("instructions", 5, "instructions takes a string, got 5"),
        ("tools", ToolSpec("f"), "tools takes a list of tools, got ToolSpec"),
        ("tools", {"type": "web_search"}, "tools takes a list of tools, got {'type'"),
        ("tools", [len], "tools\\[0\\] is a builtin_function_or_method"),
        ("tools", [{"name": "f"}], "tools\\[0\\] has no type"),
        ("tools", [ToolSpec("f"), ToolSpec("f")], "two tools are called 'f'"),
        ("extra_body", [1], "extra_body takes a mapping"),
    ],
)
def test_the_other_fields_are_checked(field: str, value: Any, words: str) -> None:
    """Instructions, tools and extra_body are checked like parameters."""
    with pytest.raises(UsageError, match=words):
        Request("hi", model="m", **{field: value})


def test_a_class_becomes_a_response_format() -> None:
    """`response_format=SomeClass` keeps the class, for `Completion.parsed`."""
    request = Request("hi", model="m", params={"response_format": Answer})
    assert isinstance(request.response_format, ResponseFormat)
    assert request.response_format.type is Answer
    assert Request("hi", model="m").response_format is None


def test_a_request_is_independent_of_the_api() -> None:
    """The same request goes to either wire, and neither changes it."""
    request = Request("hi", model="m", params={"max_tokens": 3})
    before = (request.input, dict(request.params))
    assert prepare(request, "chat", GENERIC).path == "/chat/completions"
    assert prepare(request, "responses", GENERIC).path == "/responses"
    assert (request.input, dict(request.params)) == before


def test_an_unknown_wire_is_a_usage_error() -> None:
    """The message lists the known wires."""
    with pytest.raises(UsageError, match=r"wire: expected chat, responses .*got 'grpc'"):
        prepare(Request("hi", model="m"), "grpc", GENERIC)


def test_merge_goes_deep_and_changes_neither_side() -> None:
    """Objects merge key by key, other values are replaced, and the arguments stay the same."""
    body = {"a": {"x": 1, "y": [1]}, "b": 1}
    extra = {"a": {"y": [2], "z": 3}, "b": {"c": 1}}
    assert merge(body, extra) == {"a": {"x": 1, "y": [2], "z": 3}, "b": {"c": 1}}
    assert body == {"a": {"x": 1, "y": [1]}, "b": 1}


def test_dropped_items_are_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The logger "streamkit" emits one warning with the report of the prepared request."""
    request = Request([Message("user", "u"), FunctionCall("c", "f", "{}")], model="m")
    with caplog.at_level("WARNING", logger="streamkit"):
        prepared = prepare(request, "chat", GENERIC)
    assert prepared.report.dropped == ["item 1 (function_call f) has no output"]
    assert [r.getMessage() for r in caplog.records] == [
        "request for m: dropped: item 1 (function_call f) has no output"
    ]


def test_a_complete_body_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An empty report is false, and there is no log record."""
    prepared = prepare(Request("hi", model="m"), "chat", GENERIC)
    assert not prepared.report
    assert prepared.report == BuildReport()
    assert caplog.records == []


def test_a_tool_can_be_called_as_a_function() -> None:
    """A ToolSpec calls its function; one without a function raises UsageError."""
    assert ToolSpec("double", function=lambda n: 2 * n)(4) == 8
    with pytest.raises(UsageError, match="tool 'f' has no function to call"):
        ToolSpec("f")()


def test_requests_pickle() -> None:
    """A backend job can pass them to another process."""
    request = Request("hi", model="m", params={"response_format": Answer, "temperature": 1})
    assert pickle.loads(pickle.dumps(request)) == request


def test_preferences_are_keyword_only() -> None:
    """Twelve positional arguments would be unreadable."""
    with pytest.raises(TypeError):
        ProviderPreferences(["a"])  # type: ignore[misc]
