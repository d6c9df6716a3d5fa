"""Each conversation in the tables has exactly the expected body, on each wire."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from streamkit import FunctionCall, Item, Message
from streamkit.profiles.known import GENERIC, OPENROUTER
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

from .conversations import SAME, A, C, Case, O, R, U, calls, messages, parameters, reasoning

TABLE = {
    f"{module.__name__.rpartition('.')[2]}-{name}": case
    for module in (messages, calls, reasoning, parameters)
    for name, case in module.CASES.items()
}


def _prepare(case: Case, wire: str, profile: Any = GENERIC) -> PreparedRequest:
    asked = {"model": "m", **case.request}
    return prepare(Request(case.input, params=case.params, **asked), wire, profile)


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """Remove the fields that are None in the table: every other body has them."""
    return {name: value for name, value in fields.items() if value is not None}


def test_the_tables_are_large() -> None:
    """They have at least 80 conversations."""
    assert len(TABLE) >= 80


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_chat(case: Case) -> None:
    """The body for Chat Completions, and its report."""
    prepared = _prepare(case, "chat")
    base = {
        "model": case.request.get("model", "m"),
        "messages": list(case.chat),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert prepared.body == _without_none({**base, **case.chat_fields})
    assert str(prepared.report) == "; ".join(case.report)


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_openrouter(case: Case) -> None:
    """The body for OpenRouter: the same except for reasoning and OpenRouter's own fields."""
    fields = case.chat_fields if case.openrouter_fields is SAME else case.openrouter_fields
    base = {
        "model": case.request.get("model", "m"),
        "messages": list(case.chat if case.openrouter is SAME else case.openrouter),
        "stream": True,
        "stream_options": {"include_usage": True},
        "usage": {"include": True},
    }
    assert _prepare(case, "chat", OPENROUTER).body == _without_none({**base, **fields})


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_responses(case: Case) -> None:
    """The body for Responses, and its report."""
    prepared = _prepare(case, "responses")
    base = {"model": case.request.get("model", "m"), "input": list(case.responses), "stream": True}
    report = case.report if case.responses_report is SAME else case.responses_report
    assert prepared.body == _without_none({**base, **case.responses_fields})
    assert str(prepared.report) == "; ".join(report)


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_every_body_is_json(case: Case, wire: str) -> None:
    """The body has JSON types only: no tuple, and no class of Python."""
    body = _prepare(case, wire).body
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_no_user_turn_is_lost(case: Case) -> None:
    """All text of a user is in the body, even if other items are dropped."""
    body = json.dumps(_prepare(case, "chat").body["messages"])
    for item in Request(case.input, model="m").input:
        if isinstance(item, Message) and item.role == "user":
            for part in item.content:
                assert not getattr(part, "text", "").strip() or json.dumps(part.text) in body


# -- any conversation ---------------------------------------------------------------------


def _conversation(seed: int) -> list[Item]:
    """Return random items in any order, as a crash, an editor or another program could leave them."""
    chance = random.Random(seed)
    ids = ("c1", "c2", None)
    makers: list[Callable[[], Item]] = [
        lambda: U(f"user {chance.random()}"),
        lambda: U(" "),
        lambda: A(chance.choice(["ok", "fine", ""])),
        lambda: R(chance.choice(["hm", " "])),
        lambda: C(chance.choice(ids), chance.choice(['{"a": 1.0}', "", "{", "5"])),
        lambda: C(chance.choice(ids)),
        lambda: O(chance.choice(ids)),
        lambda: Message("system", "s"),
    ]
    return [U("first"), *(chance.choice(makers)() for _ in range(chance.randrange(14)))]


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_any_conversation_becomes_messages_that_providers_accept(seed: int) -> None:
    """On chat, each call has one output right after it, no message is empty, and every user turn is there."""
    for each in range(seed, seed + 100):
        items = _conversation(each)
        messages = prepare(Request(items, model="m"), "chat", GENERIC).body["messages"]
        open_calls: list[str] = []
        for message in messages:
            if message["role"] == "tool":
                open_calls.remove(message["tool_call_id"])
                continue
            assert open_calls == [], each
            open_calls = [entry["id"] for entry in message.get("tool_calls", ())]
            assert len(set(open_calls)) == len(open_calls)
            assert message["content"] or open_calls
        assert open_calls == []
        said = [i.text for i in items if isinstance(i, Message) and i.role == "user" and i.text.strip()]
        assert [m["content"] for m in messages if m["role"] == "user"] == said


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_any_conversation_becomes_items_that_pair(seed: int) -> None:
    """On Responses, each call has one output after it; arguments are the caller's own or `{}`."""
    for each in range(seed, seed + 100):
        items = _conversation(each)
        given = {i.arguments for i in items if isinstance(i, FunctionCall)} | {"{}"}
        open_calls: list[str] = []
        for item in prepare(Request(items, model="m"), "responses", GENERIC).body["input"]:
            if item["type"] == "function_call":
                assert item["call_id"] not in open_calls
                assert item["arguments"] in given
                open_calls.append(item["call_id"])
            elif item["type"] == "function_call_output":
                open_calls.remove(item["call_id"])
        assert open_calls == []
