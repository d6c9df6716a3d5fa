"""Every wire of the registry keeps the promises of `Wire`, whatever its API looks like."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from streamkit import Completed, FunctionCall, StreamkitError, Usage, events_from_completion, read_events
from streamkit.completion import FinishReason
from streamkit.testing import stream_of
from streamkit.wires import WIRES, detect_wire, find_wire

CALL = FunctionCall("c1", "f", '{"a": 1}')


def facts(calls: Any) -> list[tuple[Any, ...]]:
    """The facts of calls that every API has."""
    return [(call.call_id, call.name, call.parsed()) for call in calls]


def completion_of(body: bytes, wire: str) -> Any:
    """The completion of a stream, or the partial one of its error."""
    try:
        last = list(read_events([body], wire=wire))[-1]
    except StreamkitError as error:
        return error.partial
    assert isinstance(last, Completed)
    return last.completion


@pytest.mark.parametrize("wire", WIRES)
def test_a_sample_reads_back(wire: str) -> None:
    """`sample`, `detect`, `read` and `merge_usage` fit together."""
    body = stream_of(wire, "Hel", "lo", CALL, usage=Usage(7, 5))
    for how in (wire, "auto"):
        done = completion_of(body, how)
        assert (done.text, facts(done.tool_calls), done.finish_reason) == (
            "Hello",
            facts([CALL]),
            "tool_calls",
        )
        assert (done.usage.input_tokens, done.usage.output_tokens) == (7, 5)


@pytest.mark.parametrize("wire", WIRES)
def test_every_finish_word_is_understood(wire: str) -> None:
    """The words of `stop_reasons` are lower case, and a stream that ends with one gives its reason."""
    for word, reason in find_wire(wire).stop_reasons.items():
        assert word == word.lower()
        assert reason in get_args(FinishReason)
        done = completion_of(stream_of(wire, "Hi", finish_reason=word), wire)
        assert done.finish_reason in (reason, "stop" if reason == "tool_calls" else reason), word


@pytest.mark.parametrize("wire", WIRES)
def test_a_document_reads_back(wire: str) -> None:
    """`write_document` and `read_document` are each other's inverse, and `detect` knows the document."""
    done = completion_of(stream_of(wire, "Hello", CALL, usage=Usage(7, 5)), wire)
    document = find_wire(wire).write_document(done, None)
    assert detect_wire(document).name == wire
    last = list(events_from_completion(document, wire="auto"))[-1]
    assert isinstance(last, Completed)
    assert (last.completion.text, facts(last.completion.tool_calls)) == ("Hello", facts([CALL]))


@pytest.mark.parametrize("wire", WIRES)
def test_usage_merges(wire: str) -> None:
    """A report after another one never makes a known count unknown."""
    merge = find_wire(wire).merge_usage
    raw = completion_of(stream_of(wire, "Hi", usage=Usage(7, 5)), wire).usage.raw
    assert merge(merge(None, raw), raw).input_tokens == 7


@pytest.mark.parametrize("wire", WIRES)
def test_a_path_is_its_own(wire: str) -> None:
    """A server finds the API by the path, under any base URL."""
    path = find_wire(wire).path.replace("{model}", "some-model").partition("?")[0]
    assert [name for name in WIRES if find_wire(name).answers_at(f"/api/v1{path}")] == [wire]
