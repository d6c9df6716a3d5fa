"""Requests that the Messages API would refuse: ids used twice, files, schemas and tools of other APIs.

Each expected body is written by hand from Anthropic's rules.
"""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    Client,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    LocalShellCall,
    Message,
    ToolSpec,
    UnknownItem,
    UsageError,
)
from streamkit.profiles.known import ANTHROPIC, GEMINI, OPENAI
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

PDF = "application/pdf"


def built(items: Any, *, model: str = "claude-sonnet-4-5", **params: Any) -> PreparedRequest:
    tools = params.pop("tools", ())
    return prepare(Request(items, model=model, tools=tools, params=params), "messages", ANTHROPIC)


# -- ids ---------------------------------------------------------------------------------------------


def test_no_two_calls_of_a_request_have_one_id() -> None:
    """ "tool_use ids must be unique": also those of turns that are over, such as Gemini's minted ones."""
    turn = [FunctionCall("a", "f", "{}"), FunctionCallOutput("a", "1"), Message("assistant", "ok")]
    items = [Message("user", "hi"), *turn, Message("user", "again"), *turn]
    prepared = built(items)
    blocks = [block for message in prepared.body["messages"] for block in message["content"]]
    assert [block["id"] for block in blocks if block["type"] == "tool_use"] == ["a", "call00001"]
    assert [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"] == ["a", "call00001"]
    assert prepared.report.repaired == [
        "item 5 (function_call f) has the id of a call before it; sent call00001"
    ]
    chat = prepare(Request(items, model="gpt-4o"), "chat", OPENAI)  # which takes them
    assert not chat.report.repaired


@pytest.mark.parametrize(("output", "sent"), [("done", "done"), ([{"stdout": "x"}], '[{"stdout": "x"}]')])
def test_the_output_of_a_shell_is_that_of_a_function(output: Any, sent: str) -> None:
    """It has no class of its own; a conversation with one goes on with any API."""
    call = LocalShellCall("a", {"type": "exec", "command": ["ls"]})
    result = UnknownItem({"type": "local_shell_call_output", "call_id": "a", "output": output})
    items = [Message("user", "hi"), call, result]
    assert built(items).body["messages"][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": sent}
    ]
    gemini = prepare(Request(items, model="gemini-2.5-flash"), "gemini", GEMINI).body["contents"][-1]
    assert gemini["parts"][0]["functionResponse"]["response"] == {"output": sent}


# -- files -------------------------------------------------------------------------------------------


def _text(data: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": data},
        **fields,
    }


def _data(kind: str, media_type: str, data: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def _url(kind: str, url: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "url", "url": url}}


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("part", "block", "is_doubtful"),
    [
        (InputFile(file_data="data:application/json;base64,e30="), _text("{}"), False),
        (InputFile(file_data="data:application/atom+xml,%3Ca/%3E"), _text("<a/>"), False),
        (InputFile("a.txt", "SGk="), _text("Hi", title="a.txt"), False),
        (InputFile("a.pdf", "SGk="), {**_data("document", PDF, "SGk="), "title": "a.pdf"}, False),
        (InputFile(file_data="SGk="), _data("document", PDF, "SGk="), False),
        (InputFile(file_data=f"data:{WORD};base64,SGk="), _data("document", WORD, "SGk="), True),
        (InputFile(file_url="https://a.example/x.pdf"), _url("document", "https://a.example/x.pdf"), False),
        (
            InputFile(file_url="https://a.example/x.png?a=1"),
            _url("image", "https://a.example/x.png?a=1"),
            False,
        ),
        (InputFile(file_url="https://a.example/x.csv"), _url("document", "https://a.example/x.csv"), True),
        (InputImage("data:image/png;base64,iVBO"), _data("image", "image/png", "iVBO"), False),
        (InputImage("data:image/svg+xml,%3Csvg/%3E"), _data("image", "image/svg+xml", "PHN2Zy8+"), True),
    ],
)
def test_files_are_sent_as_the_api_reads_them(part: Any, block: dict[str, Any], is_doubtful: bool) -> None:
    """Text as text, pictures as pictures; what isn't PDF then is doubtful."""
    prepared = built([Message("user", [part])])
    assert prepared.body["messages"][0]["content"] == [block]
    assert bool(prepared.report.doubtful) == is_doubtful


def test_data_that_is_not_base64_names_its_place() -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=r"^input\[0\]\.content\[0\]: expected base64"):
        built([Message("user", [InputFile(file_data="data:text/plain;base64,abc")])])


# -- tools -------------------------------------------------------------------------------------------


def test_the_parameters_of_a_tool_are_an_object() -> None:
    """ "input_schema.type: Input should be 'object'"."""
    function = {"name": "f", "parameters": {"type": ["object", "null"], "properties": {"a": {}}}}
    prepared = built("hi", tools=[{"type": "function", "function": function}])
    assert prepared.body["tools"][0]["input_schema"] == {"type": "object", "properties": {"a": {}}}
    assert prepared.report.repaired == ["tools: f: the type of its parameters is sent as object"]


PLACE = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string", "description": "(minLength: 1)"}},
    "required": ["a"],
    "additionalProperties": False,
}
FREE = {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("model", "given", "strict", "schema"),
    [
        ("claude-sonnet-4-5", PLACE, True, CLOSED),
        ("claude-sonnet-4-0", PLACE, None, PLACE),
        ("claude-sonnet-4-5", FREE, None, FREE),
    ],
    ids=["with limits", "an older model", "free keys"],
)
def test_a_strict_tool_has_a_schema_that_structured_output_takes(
    model: str, given: Any, strict: Any, schema: Any
) -> None:
    """Strict tools have the limits of structured output; where they can't be kept, the tool isn't strict."""
    function = {"name": "f", "strict": True, "parameters": given}
    prepared = built("hi", model=model, tools=[{"type": "function", "function": function}])
    (tool,) = prepared.body["tools"]
    assert (tool.get("strict"), tool["input_schema"]) == (strict, schema)
    assert prepared.report.needs_attention


@pytest.mark.parametrize(
    ("tool", "sent", "said"),
    [
        (
            {"type": "web_search", "user_location": {"type": "approximate", "city": "Oslo"}},
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "user_location": {"type": "approximate", "city": "Oslo"},
            },
            "repaired: tools[0]: web_search is sent as web_search_20250305",
        ),
        (
            {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}},
            {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.org"]},
            "repaired: tools[0]: web_search is sent as web_search_20250305",
        ),
        (
            {"type": "web_search", "filters": {"allowed_domains": ["a.org"], "x": 1}},
            {"type": "web_search_20250305", "name": "web_search"},
            "repaired: tools[0]: web_search is sent as web_search_20250305, without filters",
        ),
        (
            {"type": "web_search_preview", "search_context_size": "low"},
            {"type": "web_search_20250305", "name": "web_search"},
            "repaired: tools[0]: web_search_preview is sent as web_search_20250305, without"
            " search_context_size",
        ),
        (
            {"type": "code_interpreter", "container": {"type": "auto"}},
            {"type": "code_execution_20250825", "name": "code_execution"},
            "repaired: tools[0]: code_interpreter is sent as code_execution_20250825, without container",
        ),
        ({"type": "web_search_20260209", "name": "web_search", "max_uses": 3}, ..., ""),
        ({"type": "new_tool_20300101", "name": "new_tool"}, ..., ""),
        ({"type": "mcp", "server_label": "x"}, None, "dropped: tools[0]: mcp, which the messages API"),
    ],
)
def test_tools_of_the_server(tool: dict[str, Any], sent: Any, said: str) -> None:
    """Another API's become this one's, or stay out; new ones of its own are sent."""
    prepared = built("hi", tools=[tool])
    assert prepared.body.get("tools") == (None if sent is None else [tool if sent is ... else sent])
    assert str(prepared.report).startswith(said)
    assert bool(prepared.report) == bool(said)


def test_a_choice_needs_a_tool_that_is_sent() -> None:
    """The only one stays out, so the choice does."""
    prepared = built("hi", tools=[{"type": "mcp", "server_label": "x"}], tool_choice="required")
    assert "tool_choice" not in prepared.body
    assert "tool_choice: the request has no tools" in prepared.report.dropped


# -- structured answers ------------------------------------------------------------------------------


def _asked(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


@pytest.mark.parametrize(
    "schema", [{"type": "array", "items": {"type": "string"}}, {"anyOf": [PLACE, FREE], "type": "object"}]
)
def test_an_answer_that_no_tool_can_have_is_asked_for(schema: Any) -> None:
    """A tool's input is one object; an older model is asked in words."""
    body = built("hi", model="claude-sonnet-4-0", response_format=_asked(schema)).body
    assert "tools" not in body
    assert "JSON schema" in str(body["system"])


def test_an_answer_to_go_on_with_next_to_a_format_is_doubtful() -> None:
    """Structured output refuses it."""
    items = [Message("user", "hi"), Message("assistant", "{")]
    (said,) = built(items, response_format=_asked(PLACE)).report.doubtful
    assert said.endswith("refuses to go on with one with a format of the answer")
    assert not built(items).report.doubtful


def test_a_function_of_the_program_can_be_strict() -> None:
    """Its schema is closed already."""
    spec = ToolSpec("f", "F.", {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}})
    spec = ToolSpec("f", "F.", spec.parameters, strict=True)
    (tool,) = built("hi", tools=[spec]).body["tools"]
    assert tool["strict"] is True
    assert "minimum" not in tool["input_schema"]["properties"]["a"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"tool_choice": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": 1.5}}},
            "tool_choice: expected a list of allowed names, got 1.5",
        ),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "a", "content": [None]}],
                    }
                ]
            },
            r"input\[0\]\.content\[0\]\.content: expected blocks, got None",
        ),
    ],
    ids=["names", "a block"],
)
def test_values_of_other_types_are_named(options: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    options = {"input": "hi", "tools": [ToolSpec("f", "F.", {})], **options}
    with pytest.raises(UsageError, match=f"^{said}"):
        Client("anthropic", model="m", api_key="k").prepare(options.pop("input"), **options)


def test_properties_that_are_no_object_are_sent_as_they_are() -> None:
    """The server's error is about them."""
    function = {"name": "f", "parameters": {"type": "object", "properties": 1.5}}
    (tool,) = built("hi", tools=[{"type": "function", "function": function}]).body["tools"]
    assert tool["input_schema"]["properties"] == 1.5


@pytest.mark.parametrize(
    ("payload", "is_sent"),
    [
        ({"type": "mcp_list_tools", "id": "m", "server_label": "s", "tools": []}, False),
        ({"type": "mcp_approval_request", "id": "m", "server_label": "s", "name": "t"}, False),
        ({"type": "mcp_approval_response", "approval_request_id": "m", "approve": True}, False),
        ({"type": "tool_search_output", "call_id": "c", "tools": []}, False),
        ({"type": "compaction", "id": "c", "encrypted_content": "e"}, False),
        ({"type": "compaction", "content": "So far."}, True),
        ({"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}, True),
        ({"type": "container_upload", "file_id": "f"}, True),
    ],
)
def test_items_that_a_program_kept_as_dicts(payload: dict[str, Any], is_sent: bool) -> None:
    """Blocks of this API are sent, items of the Responses API aren't: the API refuses kinds that it lacks."""
    prepared = built([Message("user", "hi"), UnknownItem(payload), Message("assistant", "a")])
    blocks = prepared.body["messages"][1]["content"]
    assert blocks == ([payload] if is_sent else []) + [{"type": "text", "text": "a"}]
    assert any("item 1" in said for said in prepared.report.dropped) is not is_sent


@pytest.mark.parametrize("wire", ["messages", "gemini"])
@pytest.mark.parametrize(
    ("arguments", "sent", "is_repaired"),
    [
        ('{"a": 1e400, "b": [1.5, -2E+999]}', {"a": None, "b": [1.5, None]}, True),
        ('{"a": 1e300, "b": "1e400"}', {"a": 1e300, "b": "1e400"}, False),
    ],
)
def test_a_number_of_the_models_that_is_larger_than_any(
    wire: str, arguments: str, sent: Any, is_repaired: bool
) -> None:
    """Valid JSON, so the call is complete; its value has no form in the body, so no turn could follow."""
    items = [Message("user", "hi"), FunctionCall("a", "f", arguments), FunctionCallOutput("a", "ok")]
    profile = ANTHROPIC if wire == "messages" else GEMINI
    prepared = prepare(Request(items, model="m"), wire, profile)
    turn = prepared.body["messages" if wire == "messages" else "contents"][1]
    block = turn["content"][0] if wire == "messages" else turn["parts"][0]["functionCall"]
    assert block["input" if wire == "messages" else "args"] == sent
    assert bool(prepared.report.repaired) is is_repaired


def _wide(optional: int, unions: int = 0) -> dict[str, Any]:
    """Return a schema with so many optional properties, and so many required ones of two types."""
    free = {f"o{n}": {"type": "string"} for n in range(optional)}
    nullable = {f"u{n}": {"type": ["string", "null"]} for n in range(unions)}
    return {"type": "object", "properties": {**free, **nullable}, "required": [*nullable]}


@pytest.mark.parametrize(
    ("schemas", "strict", "reason"),
    [
        ([_wide(24)], [True], ""),
        ([_wide(25)], [None], "optional properties"),
        ([_wide(0, 16)], [True], ""),
        ([_wide(0, 17)], [None], "properties of several types"),
        ([_wide(14), _wide(14), _wide(10)], [True, None, True], "optional properties"),
        ([_wide(1)] * 21, [True] * 20 + [None], "tools"),
    ],
    ids=["24", "25", "16 unions", "17 unions", "together", "21 tools"],
)
def test_strict_tools_share_the_limits_of_the_server(schemas: Any, strict: Any, reason: str) -> None:
    """ "Schemas contains too many optional parameters (25)": the tool that is too much isn't strict."""
    tools = [
        {"type": "function", "function": {"name": f"f{n}", "strict": True, "parameters": schema}}
        for n, schema in enumerate(schemas)
    ]
    prepared = built("hi", tools=tools)
    assert [tool.get("strict") for tool in prepared.body["tools"]] == strict
    said = [f"tools[{n}]: it isn't sent as strict: the API refuses too many {reason}" for n in range(21)]
    assert prepared.report.repaired == [said[n] for n, each in enumerate(strict) if each is None]


def test_a_format_with_more_optional_properties_than_the_server_takes() -> None:
    """It is asked for with a tool, which isn't compiled."""
    asked = {"type": "json_schema", "json_schema": {"schema": _wide(25)}}
    prepared = built("hi", response_format=asked)
    assert prepared.body["tool_choice"]["name"] == "json_answer"
    assert "response_format: the API refuses too many optional properties" in prepared.report.repaired


# -- the order of an answer's blocks -------------------------------------------------------------------

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALLS = {name: {"type": "tool_use", "id": name, "name": f"f{name}", "input": {}} for name in "ab"}


@pytest.mark.parametrize(
    ("given", "sent", "moved"),
    [
        (["a", SEARCH, FOUND], [SEARCH, FOUND, "a"], "fa"),
        ([THOUGHT, "a", SEARCH, FOUND], [THOUGHT, SEARCH, FOUND, "a"], "fa"),
        (["a", SEARCH, FOUND, "b"], [SEARCH, FOUND, "a", "b"], "fa"),
        (["a", "b", "Both."], ["Both.", "a", "b"], "fa, fb"),
        (["a", "So:", THOUGHT, "b"], ["So:", "a", THOUGHT, "b"], "fa"),
        (["a", THOUGHT, "b"], ["a", THOUGHT, "b"], ""),
        ([SEARCH, FOUND, "So:", "a", "b"], [SEARCH, FOUND, "So:", "a", "b"], ""),
    ],
)
def test_the_callers_calls_are_the_last_of_an_answer(given: list[Any], sent: list[Any], moved: str) -> None:
    """ "tool_use ids were found without tool_result blocks immediately after": for blocks of another kind."""

    def blocks(answer: list[Any]) -> list[Any]:
        return [
            each if isinstance(each, dict) else CALLS.get(each, {"type": "text", "text": each})
            for each in answer
        ]

    results = [
        {"type": "tool_result", "tool_use_id": each, "content": "ok"} for each in given if each in ("a", "b")
    ]
    prepared = built(
        [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": blocks(given)},
            {"role": "user", "content": results},
        ]
    )
    assert [message["content"] for message in prepared.body["messages"][1:]] == [blocks(sent), results]
    says = [f"the rest of the message is sent before the calls in it: {moved}"]
    assert prepared.report.repaired == (says if moved else [])


def test_an_answer_of_several_calls_and_texts_from_another_api_has_its_texts_first() -> None:
    """On the Responses API a message may follow a call; the outputs come later."""
    prepared = built(
        [
            "hi",
            FunctionCall("a", "f", "{}"),
            Message("assistant", "One moment."),
            FunctionCall("b", "f", "{}"),
            FunctionCallOutput("a", "1"),
            FunctionCallOutput("b", "2"),
        ]
    )
    kinds = [[block["type"] for block in message["content"]] for message in prepared.body["messages"]]
    assert kinds == [["text"], ["text", "tool_use", "tool_use"], ["tool_result", "tool_result"]]
