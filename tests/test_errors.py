"""Every exception: its place in the tree, its facts, and that it survives pickle and copy."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from streamkit import Completion, FunctionCall, errors

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.StreamkitError)]

# The public tree of errors: class, parent.
TREE = {
    "UsageError": "StreamkitError",
    "StreamCancelledError": "StreamkitError",
    "APIConnectionError": "StreamkitError",
    "APITimeoutError": "APIConnectionError",
    "APIError": "StreamkitError",
    "BadRequestError": "APIError",
    "AuthenticationError": "APIError",
    "PermissionDeniedError": "APIError",
    "NotFoundError": "APIError",
    "RateLimitError": "APIError",
    "OverloadedError": "APIError",
    "ServerError": "APIError",
    "StreamError": "StreamkitError",
    "TruncatedStreamError": "StreamError",
    "NotAnEventStreamError": "StreamError",
    "BadFrameError": "StreamError",
    "IncompleteResponseError": "StreamError",
    "AnswerError": "StreamkitError",
    "LimitError": "StreamkitError",
    "ToolError": "StreamkitError",
}
# A value for every fact that an error may have.
FACTS: dict[str, Any] = {
    "partial": Completion("i"),
    "request_id": "req_1",
    "retryable": True,
    "phase": "idle",
    "seconds": 2.5,
    "waited": 2.5,
    "status": 429,
    "code": "slow_down",
    "type": "rate",
    "body": {"error": {"message": "m"}},
    "headers": {"retry-after": "2"},
    "retry_after": 2.0,
    "data": "bad",
    "call": FunctionCall("a", "f", "{}"),
    "refusal": "no",
    "reasons": ("first", "second"),
    "limit": "turns",
    "allowed": 3,
    "result": None,
}
every_error = pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)


def facts_of(cls: type) -> list[str]:
    return [name for name in inspect.signature(cls).parameters if name != "message"]


def test_the_tree_is_stable() -> None:
    """Each class keeps its parent; the first level shows who must act."""
    assert {c.__name__: c.__base__.__name__ for c in ALL if c is not errors.StreamkitError} == TREE  # type: ignore[union-attr]


def test_the_tree_is_drawn_in_the_docstring() -> None:
    """The module's docstring shows every class."""
    assert errors.__doc__ is not None
    assert [name for name in TREE if name not in errors.__doc__] == []


def test_a_usage_error_is_a_value_error() -> None:
    """A caller who catches ValueError for a bad argument catches `UsageError` too."""
    assert issubclass(errors.UsageError, ValueError)


@every_error
def test_the_message_is_the_only_positional_argument(cls: Any) -> None:
    """Every fact is a keyword with a default, so any error can be raised from anywhere."""
    message, *facts = inspect.signature(cls).parameters.values()
    assert (message.name, message.default) == ("message", "")
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in facts)
    assert str(cls("words")) == "words"
    assert cls().partial is None


@every_error
def test_every_error_states_whether_a_retry_may_help(cls: Any) -> None:
    """`retryable` is False by default; only a failed connection may succeed later without further facts."""
    assert cls().retryable is (cls is errors.APIConnectionError)


@every_error
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_with_all_their_facts(cls: Any, copied: Any) -> None:
    """Errors pass from process to process with every attribute."""
    facts = {name: FACTS[name] for name in facts_of(cls)}
    error = cls("words", **facts)
    again = copied(error)
    assert type(again) is cls
    assert str(again) == "words"
    assert {name: getattr(again, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("phase", "retryable"),
    [("connect", True), ("first_event", False), ("idle", False), ("bytes", False), ("deadline", False)],
)
def test_only_a_connect_timeout_is_retryable(phase: str, retryable: bool) -> None:
    """After connecting, the server may be working on the request and bill for it."""
    assert errors.APITimeoutError(phase=phase).retryable is retryable


def test_an_error_copies_its_headers() -> None:
    """The error copies the mapping: a later change by the caller has no effect."""
    headers = {"a": "1"}
    error = errors.APIError("words", headers=headers)
    headers["a"] = "2"
    assert error.headers == {"a": "1"}
