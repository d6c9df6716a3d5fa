"""Names of tools that servers refuse: sent under another name, the same one everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from streamkit import Client, FunctionCall, FunctionCallOutput, UsageError, agent, tool
from streamkit.request.options import ToolSpec
from streamkit.testing import FakeTransport, chat_stream, responses_stream, stream_of
from streamkit.wires.tool_specs import sendable_name


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("get_weather", "get_weather"),
        ("calendar.respondToEvent", "calendar_respondToEvent"),
        ("Create CIFS Share", "Create_CIFS_Share"),
        ("GET:/a", "GET_a"),
        ("<lambda>", "lambda"),
        ("\u5929\u6c17", "tool"),
    ],
)
def test_names(name: str, sent: str) -> None:
    """Letters, digits, underscores and hyphens stay."""
    assert sendable_name(name) == sent


def test_long_names_stay_different() -> None:
    """At 64 characters, with a hash of the whole name."""
    one, two = sendable_name("x" * 80 + "1"), sendable_name("x" * 80 + "2")
    assert one != two
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{64}", name) for name in (one, two))
    assert sendable_name("x" * 64) == "x" * 64


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_a_conversation_has_the_name_of_its_tool(wire: str) -> None:
    """In the tools, the choice and the calls before; the report has the change."""
    transport = FakeTransport(stream_of(wire, "hi"))
    client = Client("generic", base_url="http://h/v1", wire=wire, transport=transport)
    history = [FunctionCall("c1", "cal.add", "{}"), FunctionCallOutput("c1", "ok")]
    stream = client.stream(["q", *history], model="m", tools=[ToolSpec("cal.add")], tool_choice="cal.add")
    stream.until_done()
    body = str(transport.bodies[0])
    assert body.count("'cal_add'") == 3
    assert "cal.add" not in body
    assert stream.request is not None
    assert stream.request.report.repaired == ["tools: the name 'cal.add' is sent as cal_add"]


def test_the_agent_finds_the_tool_again() -> None:
    """The model calls it by the name that it was sent."""
    call = chat_stream(FunctionCall("c1", "cal_add", '{"day": "Mon"}'))
    client = Client("generic", base_url="http://h/v1", transport=FakeTransport(call, chat_stream("done")))
    spec: ToolSpec[Any, Any] = ToolSpec("cal.add", "", {"type": "object"}, function=lambda **values: values)
    result = agent.run(client, "q", [spec], model="m").result()
    assert result.text == "done"
    assert result.conversation[2] == FunctionCallOutput("c1", '{"day": "Mon"}')


def test_names_that_become_the_same_are_refused() -> None:
    """The model couldn't choose between them."""
    client = Client("generic", base_url="http://h/v1", transport=FakeTransport(responses_stream("x")))
    with pytest.raises(UsageError, match=r"^tools: expected different names, got 'a\.b' and 'a_b'"):
        client.stream("q", model="m", tools=[ToolSpec("a.b"), ToolSpec("a_b")])


def test_a_strict_tool_with_free_keys_isnt_sent_as_strict() -> None:
    """OpenAI refuses it; the report has the reason."""

    @tool(strict=True)
    def f(headers: dict[str, str]) -> str:
        return ""

    transport = FakeTransport(chat_stream("hi"))
    stream = Client("generic", base_url="http://h/v1", transport=transport).stream("q", model="m", tools=[f])
    stream.until_done()
    assert transport.bodies[0]["tools"][0]["function"]["strict"] is False
    assert stream.request is not None
    assert stream.request.report.repaired == [
        "tools: f isn't sent as strict: its schema has free keys or no types"
    ]
