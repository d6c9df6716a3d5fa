"""Each fixture gives its expected result, which was checked by hand."""

from __future__ import annotations

import collections
import json
from typing import Any

import pytest

import streamkit

from .recorded import Recorded, fixtures

FIXTURES = fixtures()


def test_there_are_fixtures_over_many_dialects() -> None:
    """There are at least 40 chat streams of 8 dialects, and 30 Responses streams."""
    chat = [f for f in FIXTURES if f.wire == "chat"]
    assert len(chat) >= 40
    assert len({f.name.split("/")[0] for f in chat}) >= 8
    assert len(FIXTURES) - len(chat) >= 30


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda f: f.name)
def test_fixture_gives_its_expected_result(fixture: Recorded) -> None:
    """Ending, ids, usage, choices and the number of events are those of the JSON file."""
    events, error = fixture.events()
    expected = fixture.expected
    assert expected is not None
    loose = set(expected.get("loose", ()))
    assert (type(error).__name__ if error else "completed") == expected["end"], error
    completion = error.partial if error else events[-1].completion  # type: ignore[union-attr]
    assert completion is not None
    seen: dict[str, Any] = {
        "id": completion.id,
        "model": completion.model,
        "usage": _usage(completion.usage, expected["usage"]),
        "choices": [
            _choice(choice, expected["choices"], loose)
            for choice in completion.choices
            if choice.items or choice.finish_reason or choice.raw_finish_reason
        ],
    }
    wanted = {key: expected[key] for key in seen}
    if "arguments" in loose:
        for choice in wanted["choices"]:
            choice["tool_calls"] = [[i, n, json.loads(a)] for i, n, a in choice["tool_calls"]]
    if "reasoning" in loose:
        for choice in wanted["choices"]:
            choice["reasoning"] = "".join(choice["reasoning"].split())
    wanted["choices"] = [{k: v for k, v in c.items() if k not in loose} for c in wanted["choices"]]
    for key in loose & seen.keys():
        del seen[key], wanted[key]
    assert seen == wanted
    kinds = collections.Counter(type(event).__name__ for event in events)
    assert {name: kinds[name] for name in expected.get("counts", {})} == expected.get("counts", {})
    extras = expected.get("extras", {})
    assert {key: completion.extras.get(key) for key in extras} == extras
    for key, value in expected.get("error", {}).items():
        if f"error.{key}" not in loose:
            assert getattr(error, key) == value


def _usage(usage: streamkit.Usage | None, expected: dict[str, Any] | None) -> dict[str, Any] | None:
    return usage and {key: getattr(usage, key) for key in expected or ("total_tokens",)}


def _choice(choice: streamkit.Choice, expected: list[dict[str, Any]], loose: set[str]) -> dict[str, Any]:
    wanted = next((c for c in expected if c["index"] == choice.index), {})
    parts = [p for i in choice.items if isinstance(i, streamkit.Message) for p in i.content]
    whole = {
        "index": choice.index,
        "text": choice.text,
        "reasoning": "".join(choice.reasoning.split()) if "reasoning" in loose else choice.reasoning,
        "refusal": choice.refusal,
        "tool_calls": [[c.call_id, c.name, _arguments(c, loose)] for c in choice.tool_calls],
        "finish_reason": choice.finish_reason,
        "raw_finish_reason": choice.raw_finish_reason,
        "items": [
            i.payload.get("type", "unknown") if isinstance(i, streamkit.UnknownItem) else i.type
            for i in choice.items
        ],
        "signatures": {c.call_id: c.signature for c in choice.tool_calls if getattr(c, "signature", None)},
        "annotations": sum(len(getattr(p, "annotations", ())) for p in parts),
        "logprobs": sum(len(getattr(p, "logprobs", ())) for p in parts),
    }
    return {key: value for key, value in whole.items() if key in wanted and key not in loose}


def _arguments(call: Any, loose: set[str]) -> Any:
    text = call.input if isinstance(call, streamkit.CustomToolCall) else call.arguments
    return json.loads(text) if "arguments" in loose else text
