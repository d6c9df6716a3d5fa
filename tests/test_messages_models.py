"""What each model of the Messages API accepts: thinking, limits, sampling, forced tools, schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    FunctionCall,
    FunctionCallOutput,
    Message,
    Reasoning,
    TextDelta,
    UnknownItem,
    read_events,
)
from streamkit.profiles.known import ANTHROPIC, DEEPSEEK, VERTEX
from streamkit.profiles.profile import Profile
from streamkit.testing import FakeTransport, stream_of

from .messages_requests import HOME, MODEL, SIGNED, built, look, messages


@pytest.mark.parametrize(
    ("model", "effort", "expected", "dropped"),
    [
        (
            "claude-sonnet-4-5",
            "high",
            {"thinking": {"type": "enabled", "budget_tokens": 16_384}, "max_tokens": 16_884},
            ["temperature: claude-sonnet-4-5 refuses it while it thinks"],
        ),
        (
            "claude-opus-4-8",
            "high",
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
                "max_tokens": 500,
            },
            ["temperature: claude-opus-4-8 refuses it"],
        ),
        ("claude-sonnet-4-5", "none", {"thinking": {"type": "disabled"}, "temperature": 0.2}, []),
        (
            "claude-3-haiku",
            "low",
            {"temperature": 0.2, "max_tokens": 500},
            ["reasoning_effort: claude-3-haiku doesn't think"],
        ),
    ],
)
def test_effort_takes_the_form_of_the_model(
    model: str, effort: str, expected: dict[str, Any], dropped: list[str]
) -> None:
    """A budget makes room in max_tokens; newer models have an effort, and refuse sampling parameters."""
    prepared = built("hi", model=model, reasoning_effort=effort, temperature=0.2, max_tokens=500)
    assert {name: prepared.body.get(name) for name in expected} == expected
    assert prepared.report.dropped == dropped


@pytest.mark.parametrize(
    ("model", "budget", "expected", "said"),
    [
        (
            "claude-sonnet-4-5",
            2000,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 5000},
            "",
        ),
        (
            "claude-sonnet-4-5",
            8000,
            {"thinking": {"type": "enabled", "budget_tokens": 8000}, "max_tokens": 13_000},
            "max_tokens: 5000 is sent as 13000, which includes the thinking",
        ),
        (
            "claude-sonnet-4-5",
            100,
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "reasoning.max_tokens: 100 is sent as 1024",
        ),
        ("claude-sonnet-4-6", 2000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ""),
        ("glm-5", 2000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ""),
        (
            "claude-opus-4-8",
            2000,
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "reasoning.max_tokens: claude-opus-4-8 takes an effort, not a budget",
        ),
        ("claude-3-haiku", 2000, {"thinking": None}, "reasoning.max_tokens: claude-3-haiku doesn't think"),
    ],
)
def test_a_budget_is_sent_as_one(model: str, budget: int, expected: dict[str, Any], said: str) -> None:
    """`reasoning={"max_tokens": N}`, if the model takes a budget; every change is reported."""
    prepared = built("hi", model=model, reasoning={"max_tokens": budget}, max_tokens=5000)
    assert {name: prepared.body.get(name) for name in expected} == expected
    assert [*prepared.report.dropped, *prepared.report.repaired] == ([said] if said else [])


def test_max_tokens_is_always_there() -> None:
    """The caller's, else the model's own limit up to 32,000; 4,096 for models of other makers."""
    assert built("hi", max_output_tokens=7).body["max_tokens"] == 7
    assert built("hi").body["max_tokens"] == 32_000
    assert built("hi", model="claude-3-haiku").body["max_tokens"] == 4096
    assert built("hi", model="glm-5").body["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("model", "given", "is_doubtful"),
    [
        ("claude-3-5-haiku-latest", 8193, True),
        ("claude-3-5-haiku-latest", 8192, False),
        ("claude-opus-4-1", 64_000, True),
        ("claude-sonnet-4-5", 64_000, False),
        ("glm-5", 500_000, False),
    ],
)
def test_a_limit_above_the_models_own_is_doubtful(model: str, given: int, is_doubtful: bool) -> None:
    """The API refuses it: "which is the maximum allowed number of output tokens for" the model."""
    prepared = built("hi", model=model, max_tokens=given)
    assert prepared.body["max_tokens"] == given
    longest = {"claude-3-5-haiku-latest": 8192, "claude-opus-4-1": 32_000}.get(model)
    said = f"max_tokens: {given}, but {model} answers with at most {longest}"
    assert prepared.report.doubtful == ([said] if is_doubtful else [])


def test_a_schema_is_output_config_where_the_model_has_it() -> None:
    """Limits become words; older models get the schema as a sentence in the system text."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    prepared = built("hi", response_format=schema)
    sent = prepared.body["output_config"]["format"]
    assert sent["type"] == "json_schema"
    assert sent["schema"]["properties"]["n"] == {"type": "integer", "description": "(minimum: 1)"}
    older = built("hi", model="claude-sonnet-4", tools=[look], response_format=schema)
    assert "output_config" not in older.body
    assert "JSON schema" in older.body["system"]
    assert older.report.repaired == ["response_format: it is sent as a sentence in the system text"]


def test_an_older_model_answers_with_a_forced_tool() -> None:
    """Its input is the text of the answer, and the finish reason is stop, on the way back."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    call = FunctionCall("t1", "json_answer", '{"n": 7}')
    transport = FakeTransport(stream_of("messages", call))
    client = Client("anthropic", api_key="k", transport=transport)
    with client.stream("hi", model="claude-sonnet-4", response_format=schema) as stream:
        texts = [event.text for event in stream if isinstance(event, TextDelta)]
    body = json.loads(transport.calls[0].body)
    assert body["tool_choice"] == {"type": "tool", "name": "json_answer", "disable_parallel_tool_use": True}
    assert body["tools"][0]["input_schema"]["properties"] == schema["properties"]
    completion = stream.partial
    assert ("".join(texts), completion.text, completion.parsed()) == ('{"n": 7}', '{"n": 7}', {"n": 7})
    assert (completion.finish_reason, completion.raw_finish_reason) == ("stop", "tool_use")
    assert completion.tool_calls == ()


def test_a_tool_of_that_name_is_a_call_without_a_schema() -> None:
    """Only an answer that a schema was asked of is read so."""
    *_, last = read_events([stream_of("messages", FunctionCall("t1", "json_answer", "{}"))], wire="messages")
    assert isinstance(last, Completed)
    assert [call.name for call in last.completion.tool_calls] == ["json_answer"]


NOTE = Message("system", "Be brief.")


@pytest.mark.parametrize(
    ("model", "profile", "items", "roles"),
    [
        ("claude-opus-4-8", ANTHROPIC, ["hi", NOTE], ["user", "system"]),
        ("claude-opus-4-8", ANTHROPIC, ["hi", NOTE, "ho"], ["user", "system"]),
        (
            "claude-sonnet-5",
            ANTHROPIC,
            ["hi", Message("assistant", "a"), NOTE, "ho"],
            "user assistant user system",
        ),
        ("claude-opus-4-8", ANTHROPIC, [NOTE, "hi"], ["user"]),
        ("claude-opus-4-7", ANTHROPIC, ["hi", NOTE], ["user"]),
        ("claude-opus-4-8", VERTEX, ["hi", NOTE], ["user"]),
        ("claude-opus-4-8", ANTHROPIC, ["hi", Message("assistant", "a"), NOTE], ["user", "assistant"]),
    ],
)
def test_a_later_system_message_stays_where_the_model_takes_one(
    model: str, profile: Profile, items: list[Any], roles: Any
) -> None:
    """Behind a turn of the user, before an answer or last, on Anthropic's server; else at the beginning."""
    body = built(items, model=model, profile=profile).body
    roles = roles.split() if isinstance(roles, str) else roles
    assert [message["role"] for message in body["messages"]] == roles
    said = body["messages"][roles.index("system")]["content"] if "system" in roles else body["system"]
    assert said in ("Be brief.", [{"type": "text", "text": "Be brief."}])


def test_a_system_message_never_comes_between_a_call_and_its_output() -> None:
    """The outputs are the next message; the system message follows them."""
    call = [FunctionCall("a", "f", "{}"), NOTE, FunctionCallOutput("a", "ok")]
    turns = messages(["hi", *call], model="claude-opus-4-8")
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "system"]


@pytest.mark.parametrize(
    ("model", "options", "choice", "thinks", "dropped"),
    [
        (MODEL, {"reasoning_effort": "high"}, {"type": "any"}, False, "reasoning_effort"),
        ("claude-opus-4-6", {"reasoning": {"max_tokens": 2000}}, {"type": "any"}, False, "reasoning"),
        ("claude-opus-4-8", {"reasoning_effort": "high"}, {"type": "any"}, True, None),
        (MODEL, {"reasoning_effort": "none"}, {"type": "any"}, True, None),
        (MODEL, {}, {"type": "any"}, False, None),
        ("claude-fable-5", {"reasoning_effort": "high"}, {"type": "auto"}, True, "tool_choice"),
        ("deepseek-chat", {"reasoning_effort": "high"}, {"type": "any"}, True, None),
    ],
)
def test_a_forced_tool_next_to_thinking(
    model: str, options: Any, choice: Any, thinks: bool, dropped: str | None
) -> None:
    """The tool wins, except on models that can't be forced: the API answers 400 to both."""
    prepared = built("hi", model=model, tools=[look], tool_choice="required", **options)
    assert prepared.body["tool_choice"] == choice
    assert ("thinking" in prepared.body) is thinks
    assert [said.split(":")[0] for said in prepared.report.dropped] == ([dropped] if dropped else [])


def test_a_limit_stays_if_the_thinking_is_left_out() -> None:
    """It grows only for a budget that is sent."""
    options = {"tools": [look], "tool_choice": "look", "reasoning_effort": "high", "max_tokens": 100}
    assert built("hi", **options).body["max_tokens"] == 100


@pytest.mark.parametrize(("top_p", "is_sent"), [(0.94, False), (0.95, True), (1, True)])
def test_a_small_top_p_stays_out_while_the_model_thinks(top_p: float, is_sent: bool) -> None:
    """The API: "must be greater than or equal to 0.95 or unset when thinking is enabled"."""
    prepared = built("hi", top_p=top_p, reasoning_effort="high")
    assert ("top_p" in prepared.body) is is_sent
    said = [] if is_sent else [f"top_p: {MODEL} refuses it while it thinks"]
    assert prepared.report.dropped == said
    assert built("hi", top_p=top_p).body["top_p"] == top_p


_CALLED = [FunctionCall("t1", "f", "{}"), FunctionCallOutput("t1", "1")]


_THOUGHT = Reasoning(content="Hm.", details=[SIGNED], origin=HOME)


_AGAIN = [FunctionCall("t2", "f", "{}"), FunctionCallOutput("t2", "2")]


@pytest.mark.parametrize(
    ("items", "thinks"),
    [
        pytest.param(_CALLED, False, id="calls without a thought"),
        pytest.param([Message("assistant", "I look."), *_CALLED], False, id="with a text before them"),
        pytest.param([*_CALLED, *_AGAIN], False, id="two rounds"),
        pytest.param([_THOUGHT, *_CALLED], True, id="a thought before them"),
        pytest.param([_THOUGHT, *_CALLED, *_AGAIN], True, id="a thought before the first round"),
        pytest.param([*_CALLED, _THOUGHT, *_AGAIN], True, id="a thought before the last round"),
        pytest.param(
            [*_CALLED, Message("assistant", "Done."), Message("user", "v")], True, id="an older turn"
        ),
        pytest.param([Message("assistant", "I am"), Message("user", "v")], True, id="no calls"),
    ],
)
def test_a_turn_that_began_without_a_thought_goes_on_without(items: list[Any], thinks: bool) -> None:
    """The API refuses a budget there: "a final assistant message must start with a thinking block"."""
    prepared = built([Message("user", "u"), *items], reasoning_effort="low")
    assert ("thinking" in prepared.body) == thinks
    note = f"reasoning_effort: {MODEL} can't think now: the calls of this turn were made without a thought"
    assert prepared.report.dropped == ([] if thinks else [note])


def test_only_a_budget_needs_a_thought_at_the_beginning() -> None:
    """Models that decide by themselves, and models of other makers, have no such rule."""
    turn = [Message("user", "u"), *_CALLED]
    assert "thinking" in built(turn, model="claude-sonnet-4-6", reasoning_effort="low").body
    assert "thinking" in built(turn, model="glm-5", reasoning_effort="low").body


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("claude-opus-4-1-20250805", {"temperature"}),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", {"temperature"}),
        ("claude-sonnet-4-6", {"temperature"}),
        ("claude-opus-4-20250514", {"temperature", "top_p"}),
        ("claude-3-7-sonnet-latest", {"temperature", "top_p"}),
        ("glm-5", {"temperature", "top_p"}),
    ],
)
def test_newer_models_take_a_temperature_or_top_p(model: str, sent: set[str]) -> None:
    """The 400 reads "`temperature` and `top_p` cannot both be specified for this model"."""
    prepared = built("hi", model=model, temperature=0.5, top_p=0.9)
    assert prepared.body.keys() & {"temperature", "top_p"} == sent
    lost = [f"top_p: {model} refuses it next to temperature"] if "top_p" not in sent else []
    assert prepared.report.dropped == lost
    assert built("hi", model=model, top_p=0.9).body["top_p"] == 0.9


def test_models_that_always_think() -> None:
    """They refuse to be told not to, and a forced tool for a structured answer."""
    off = built("hi", model="claude-mythos-5", reasoning_effort="none")
    assert "thinking" not in off.body
    assert off.report.dropped == ["reasoning_effort: claude-mythos-5 always thinks"]
    asked = built("hi", model="claude-fable-5", response_format="json_object").body
    assert "tool_choice" not in asked
    assert "JSON" in asked["system"]


@pytest.mark.parametrize(
    ("model", "options", "doubts"),
    [
        (MODEL, {}, 0),
        ("claude-opus-4-6", {}, 1),
        ("claude-sonnet-5", {}, 1),
        (MODEL, {"reasoning_effort": "low"}, 1),
        ("deepseek-chat", {}, 0),
    ],
)
def test_an_answer_to_go_on_with_is_doubtful_where_it_is_refused(
    model: str, options: Any, doubts: int
) -> None:
    """From 4.6 on, and while a model thinks; a pause of the server's is no such answer."""
    items = [Message("user", "hi"), Message("assistant", "So")]
    assert len(built(items, model=model, **options).report.doubtful) == doubts
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    paused = [Message("user", "hi"), UnknownItem(call, origin=HOME)]
    assert built(paused, model=model, **options).report.doubtful == []


def test_thinking_of_the_callers_own_next_to_a_forced_tool_is_doubtful() -> None:
    """It is sent as it is, and the report says what the API says."""
    own = Client("anthropic", api_key="k", transport=FakeTransport(b""))
    extra = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = own.stream("hi", model=MODEL, tools=[look], tool_choice="look", extra_body=extra).request
    assert request is not None
    assert request.body["thinking"] == extra["thinking"]
    assert "while it thinks" in request.report.doubtful[0]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"reasoning_effort": "minimal"}, ("enabled", "low")),
        ({"reasoning_effort": "medium"}, ("enabled", "high")),
        ({"reasoning_effort": "xhigh"}, ("enabled", "max")),
        ({"reasoning": {"max_tokens": 2000}}, ("enabled", "high")),
        ({"reasoning_effort": "none"}, ("disabled", None)),
    ],
)
def test_a_server_that_takes_an_effort_gets_one(options: Any, sent: Any) -> None:
    """DeepSeek, Kimi and GLM have no budget; the limit of the answer stays."""
    body = built("hi", model="deepseek-flash", profile=DEEPSEEK, max_tokens=100, **options).body
    assert body["thinking"] == {"type": sent[0]}
    assert body.get("output_config", {}).get("effort") == sent[1]
    assert body["max_tokens"] == 100


def test_a_system_message_goes_to_the_beginning_if_no_user_is_left_before_it() -> None:
    """The blank message of the user behind it isn't sent."""
    items = ["hi", Message("assistant", "a"), NOTE, Message("user", " ")]
    body = built(items, model="claude-opus-4-8").body
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["system"] == "Be brief."


def test_objects_of_a_schema_are_closed() -> None:
    """The API demands it of each one; true is sent as false, and reported."""
    inner = {
        "type": ["object", "null"],
        "properties": {"b": {"type": "integer"}},
        "additionalProperties": True,
    }
    items = {"type": "array", "items": {"$ref": "#/$defs/X"}}
    schema = {
        "type": "object",
        "properties": {"a": inner, "l": items},
        "$defs": {"X": {"type": "object", "properties": {"c": {"type": "string"}}}},
    }
    prepared = built("hi", response_format=schema)
    sent = prepared.body["output_config"]["format"]["schema"]
    closed = [sent, sent["properties"]["a"], sent["$defs"]["X"]]
    assert [each["additionalProperties"] for each in closed] == [False] * 3
    assert prepared.report.repaired == [
        "response_format: additionalProperties is sent as false, because the API refuses others"
    ]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            {"type": "object", "properties": {"d": {"type": "object", "additionalProperties": True}}},
            "an object with free keys",
        ),
        ({"type": "object"}, "an object with free keys"),
        (
            {"type": "object", "properties": {"c": {"$ref": "#"}, "n": {"type": "integer"}}},
            "a schema that contains itself",
        ),
        (
            {
                "type": "object",
                "properties": {"c": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}},
            },
            "a schema that contains itself",
        ),
    ],
)
def test_what_structured_output_lacks_is_asked_for_otherwise(schema: Any, reason: str) -> None:
    """A forced tool takes any schema."""
    prepared = built("hi", response_format=schema)
    assert "output_config" not in prepared.body
    assert prepared.body["tools"][0]["input_schema"] == schema
    assert prepared.report.repaired[0] == f"response_format: the API refuses {reason}"


@pytest.mark.parametrize(
    ("model", "choice", "off"),
    [
        ("claude-opus-5", {"type": "any"}, {"type": "disabled"}),
        ("claude-sonnet-5-20260630", {"type": "any"}, {"type": "disabled"}),
        ("claude-opus-5-5", {"type": "auto"}, None),
        ("anthropic/claude-opus-5.5", {"type": "auto"}, None),
        ("us.anthropic.claude-sonnet-5-5-v1:0", {"type": "auto"}, {"type": "between_tools"}),
        ("claude-haiku-5-5", {"type": "any"}, {"type": "disabled"}),
        ("claude-fable-5-1", {"type": "auto"}, None),
        ("claude-opus-6", {"type": "auto"}, None),
    ],
)
def test_the_models_from_5_5_on(model: str, choice: Any, off: Any) -> None:
    """Most can't be forced, and each has its own way not to think; Anthropic's migration guides list both."""
    forced = built("hi", model=model, tools=[look], tool_choice="required")
    assert forced.body["tool_choice"] == choice
    assert bool(forced.report.dropped) is (choice["type"] == "auto")
    quiet = built("hi", model=model, reasoning_effort="none")
    assert quiet.body.get("thinking") == off
    assert bool(quiet.report.dropped) is (off is None)
    loud = built("hi", model=model, reasoning_effort="max", temperature=0.2)
    assert loud.body["output_config"] == {"effort": "max"}
    assert loud.body["max_tokens"] == 32_000
    assert "temperature" not in loud.body
