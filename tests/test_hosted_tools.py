"""Tools that a server runs, in the words of one API, on every API: its own form of each, or a report."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.profiles.known import ANTHROPIC, GEMINI, OPENAI
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

PROFILES = {"messages": ANTHROPIC, "gemini": GEMINI, "responses": OPENAI, "chat": OPENAI}
MODELS = {"messages": "claude-sonnet-4-5", "gemini": "gemini-3-pro"}


def built(wire: str, *tools: Any) -> PreparedRequest:
    request = Request("hi", model=MODELS.get(wire, "gpt-5"), tools=tools)
    return prepare(request, wire, PROFILES[wire].on(wire))


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CODE = {"type": "code_execution_20250825", "name": "code_execution"}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
AUTO = {"type": "code_interpreter", "container": {"type": "auto"}}


@pytest.mark.parametrize(
    ("given", "messages", "gemini", "responses"),
    [
        ({"googleSearch": {}}, SEARCH, {"googleSearch": {}}, {"type": "web_search"}),
        ({"google_search": {}}, SEARCH, {"google_search": {}}, {"type": "web_search"}),
        ({"codeExecution": {}}, CODE, {"codeExecution": {}}, AUTO),
        ({"urlContext": {}}, FETCH, {"urlContext": {}}, None),
        ({"googleMaps": {}}, None, {"googleMaps": {}}, None),
        (SEARCH, SEARCH, {"googleSearch": {}}, {"type": "web_search"}),
        (CODE, CODE, {"codeExecution": {}}, AUTO),
        (FETCH, FETCH, {"urlContext": {}}, None),
        ({"type": "bash_20250124", "name": "bash"}, ..., None, None),
        ({"type": "mcp_toolset", "mcp_server_name": "s"}, ..., None, None),
        ({"type": "web_search"}, SEARCH, {"googleSearch": {}}, {"type": "web_search"}),
        ({"type": "code_interpreter"}, CODE, {"codeExecution": {}}, AUTO),
        (AUTO, CODE, {"codeExecution": {}}, AUTO),
    ],
    ids=str,
)
def test_a_hosted_tool_in_the_words_of_any_api(
    given: Any, messages: Any, gemini: Any, responses: Any
) -> None:
    """Sent in the API's own form, or left out: the servers refuse each other's words."""
    for wire, wanted in (("messages", messages), ("gemini", gemini), ("responses", responses)):
        prepared = built(wire, given)
        expected = given if wanted is ... else wanted
        assert prepared.body.get("tools") == (None if expected is None else [expected]), wire
        assert bool(prepared.report.dropped) is (expected is None), wire
        if expected not in (given, None) and given != {"type": "code_interpreter"}:
            assert prepared.report.repaired, wire


def test_the_settings_of_a_search_go_along_or_are_reported() -> None:
    """Places and domains have a form on both; the number of searches doesn't."""
    here = {"type": "approximate", "country": "PT"}
    given = {**SEARCH, "max_uses": 3, "allowed_domains": ["a.org"], "user_location": here}
    prepared = built("responses", given)
    assert prepared.body["tools"] == [
        {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}, "user_location": here}
    ]
    assert prepared.report.repaired == [
        "tools[0]: web_search_20250305 is sent as web_search, without max_uses"
    ]
    timed = {"googleSearch": {"timeRangeFilter": {"startTime": "x"}}}
    assert built("responses", timed).report.repaired == [
        "tools[0]: googleSearch is read as web_search, without timeRangeFilter"
    ]


def test_functions_and_hosted_tools_may_be_in_one_entry_of_geminis() -> None:
    """Both are read."""
    both = {"functionDeclarations": [{"name": "f"}], "googleSearch": {}}
    assert [tool["name"] for tool in built("messages", both).body["tools"]] == ["f", "web_search"]


def test_anthropics_tools_are_doubtful_on_chat() -> None:
    """A gateway to Anthropic may take them, so they are sent; Gemini's have no form there."""
    prepared = built("chat", SEARCH, {"googleSearch": {}})
    assert prepared.body["tools"] == [SEARCH]
    assert prepared.report.doubtful == ["tools[0]: web_search_20250305 is a tool of Anthropic's servers"]
    assert "tools[1]" in prepared.report.dropped[0]
