"""Every exception: its place in the tree, its facts, and that it survives pickle and copy."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from streamkit import Completion, FunctionCall, errors

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.StreamkitError)]

# The tree of DESIGN section 6 and what grew on it: class, parent.
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
# A value for every fact an error may carry.
FACTS: dict[str, Any] = {
    "partial": Completion("i"),
    "request_id": "req_1",
    "retryable": True,
    "phase": "idle",
    "seconds": 2.5,
    "status": 429,
    "code": "slow_down",
    "type": "rate",
    "body": {"error": {"message": "m"}},
    "headers": {"retry-after": "2"},
    "retry_after": 2.0,
    "data": "bad",
    "call": FunctionCall("a", "f", "{}"),
    "refusal": "no",
    "limit": "turns",
    "allowed": 3,
    "result": None,
}
every_error = pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)


def facts_of(cls: type) -> list[str]:
    return [name for name in inspect.signature(cls).parameters if name != "message"]


def test_the_tree_is_the_designs() -> None:
    """The first level says who must act."""
    assert {c.__name__: c.__base__.__name__ for c in ALL if c is not errors.StreamkitError} == TREE  # type: ignore[union-attr]


def test_the_tree_is_drawn_in_the_docstring() -> None:
    """One fact, one home: the module's docstring shows every class."""
    assert errors.__doc__ is not None
    assert [name for name in TREE if name not in errors.__doc__] == []


def test_a_usage_error_is_a_value_error() -> None:
    """Who catches ValueError for a bad argument catches it."""
    assert issubclass(errors.UsageError, ValueError)


@every_error
def test_the_message_is_the_only_positional_argument(cls: Any) -> None:
    """ER-01: every fact is a keyword with a default, so any error can be raised from anywhere."""
    message, *facts = inspect.signature(cls).parameters.values()
    assert (message.name, message.default) == ("message", "")
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in facts)
    assert str(cls("words")) == "words"
    assert cls().partial is None


@every_error
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_with_all_their_facts(cls: Any, copied: Any) -> None:
    """Law 8: from process to process, each attribute included."""
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
def test_only_a_connect_timeout_may_be_tried_again(phase: str, retryable: bool) -> None:
    """HTTP-14: later the server may be working on the request, and bill for it."""
    assert errors.APITimeoutError(phase=phase).retryable is retryable


def test_the_headers_of_an_error_are_its_own() -> None:
    """What the caller does to the mapping afterwards changes nothing."""
    headers = {"a": "1"}
    error = errors.APIError("words", headers=headers)
    headers["a"] = "2"
    assert error.headers == {"a": "1"}
