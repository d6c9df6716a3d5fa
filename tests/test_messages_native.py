"""Messages in the words of the API: read as items, and written as they were."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    UsageError,
)

from .messages_requests import DONE, SIGNED, built, messages


@pytest.mark.parametrize(
    "native",
    [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "é"},
                    "title": "T",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "content", "content": "x"}},
                {"type": "search_result", "source": "s", "title": "t", "content": []},
            ],
        },
    ],
)
def test_a_native_message_comes_out_as_it_went_in(native: dict[str, Any]) -> None:
    """Every block and key is the same."""
    assert messages([native]) == [native]


def test_a_native_tool_turn_comes_out_as_it_went_in() -> None:
    """Thinking, calls with their caller, server tools and results, in their order."""
    turn = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                SIGNED,
                {"type": "redacted_thinking", "data": "ZZ"},
                {
                    "type": "text",
                    "text": "Look.",
                    "citations": [{"type": "char_location", "cited_text": "L"}],
                },
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "f",
                    "input": {"a": 1},
                    "caller": {"type": "direct"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "r"}],
                    "is_error": True,
                },
                {"type": "text", "text": "next"},
            ],
        },
    ]
    expected = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, *turn[1:]]
    prepared = built(turn)
    assert prepared.body["messages"] == expected
    assert not prepared.report


def test_a_bad_native_block_names_its_place() -> None:
    """The error says where the block is, and what was expected there."""
    wrong = {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}
    with pytest.raises(UsageError, match=r"input\[0\]\.content\[0\]\.id: expected a string, got None"):
        built([wrong])


def _said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def _asked(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


CODE = {"type": "server_tool_use", "id": "s1", "name": "code_execution", "input": {"code": "x"}}


INSIDE = {"type": "code_execution_20250825", "tool_id": "s1"}


RAN = {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {"type": "x", "stdout": "1"}}


HI = {"type": "text", "text": "hi"}


def _use(call_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}, **fields}


def _result(call_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "ok"}


@pytest.mark.parametrize(
    "turns",
    [
        [_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1")), _said(RAN, DONE)],
        [_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1"))],
        [
            *(_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1"))),
            *(_said(_use("t2", caller=INSIDE)), _asked(_result("t2")), _said(RAN, DONE), _asked(HI)),
        ],
        [_asked(HI), _said(_use("t1"), _use("t2")), _asked(_result("t2"), _result("t1"))],
        [_asked(HI), _said({**_use("t1"), "new": 1}), _asked(_result("t1"), {**HI, "new": 2})],
    ],
    ids=["a program goes on", "a program waits", "two rounds", "results in any order", "keys that are new"],
)
def test_what_is_sent_is_what_the_caller_wrote(turns: list[dict[str, Any]]) -> None:
    """A program on the server calls the caller's tools: its result is behind theirs, in the next message."""
    prepared = built(turns)
    assert prepared.body["messages"] == turns
    assert not prepared.report


def test_a_call_has_the_name_of_its_tool() -> None:
    """A tool in the API's own form keeps its name, so its calls do; other names become sendable ones."""
    name = "a.b" * 30
    turns = [_asked(HI), _said({**_use("t1"), "name": name}), _asked(_result("t1"))]
    declared = {"name": name, "input_schema": {"type": "object"}}
    assert built(turns, tools=[declared]).body["messages"][1]["content"][0]["name"] == name
    assert built(turns).body["messages"][1]["content"][0]["name"] != name
