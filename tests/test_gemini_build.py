"""Requests to Gemini: each body is written by hand from the API's rules."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Message,
    Origin,
    OutputText,
    Reasoning,
    UnknownItem,
    UsageError,
    events_from_completion,
    read_events,
    tool,
)
from streamkit.profiles.known import GEMINI, VERTEX_GEMINI
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.testing import FakeTransport, stream_of
from streamkit.wires.gemini.partial_args import PartialArgs, set_value
from streamkit.wires.prepare import PreparedRequest, prepare

HOME = Origin("gemini", "gemini")
STAND_IN = "skip_thought_signature_validator"


def built(
    items: Any, *, model: str = "gemini-2.5-flash", profile: Profile = GEMINI, **params: Any
) -> PreparedRequest:
    tools = params.pop("tools", ())
    instructions = params.pop("instructions", None)
    request = Request(items, model=model, tools=tools, instructions=instructions, params=params)
    return prepare(request, "gemini", profile)


def contents(items: Any, **options: Any) -> Any:
    return built(items, **options).body["contents"]


@tool
def look(city: str) -> str:
    """Look at a city."""
    return city


def test_a_tool_turn_keeps_the_order_of_the_calls() -> None:
    """Calls in one content, responses in a content of their own, then the user's text."""
    items = [
        Message("system", "Be brief."),
        Message("user", "hi"),
        FunctionCall("a", "look", '{"city": "Faro"}', signature="c2ln"),
        FunctionCall("minted_r_0_2", "look", ""),
        FunctionCallOutput("minted_r_0_2", "no city", is_error=True),
        FunctionCallOutput("a", '{"sky": "blue"}'),
        Message("user", "and now?"),
    ]
    body = built(items).body
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"name": "look", "args": {"city": "Faro"}, "id": "a"},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"name": "look", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "look", "response": {"sky": "blue"}}},
                {"functionResponse": {"name": "look", "response": {"error": "no city"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "and now?"}]},
    ]
    assert "model" not in body
    assert "stream" not in body


def test_the_model_is_in_the_address() -> None:
    """With or without its prefix; the key is in the header that the API reads."""
    transport = FakeTransport(stream_of("gemini", "hi"))
    client = Client("gemini", api_key="k-1234567890", transport=transport)
    client.complete("hi", model="models/gemini-3-pro")
    call = transport.calls[0]
    root = "https://generativelanguage.googleapis.com/v1beta"
    assert call.url == f"{root}/models/gemini-3-pro:streamGenerateContent"
    assert call.query == {"alt": "sse"}
    assert list(call.credentials) == ["x-goog-api-key"]


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://l-aiplatform.googleapis.com/v1/projects/p/locations/l", "/publishers/google/models/m"),
        ("https://aiplatform.googleapis.com/v1/publishers/google", "/models/m"),
    ],
)
def test_vertex_has_the_project_in_its_address(base_url: str, path: str) -> None:
    """The base URL may end at the location, or be express mode's; without a project it is refused."""
    transport = FakeTransport(stream_of("gemini", "hi"))
    client = Client("vertex-gemini", base_url=base_url, api_key=lambda: "t", transport=transport)
    client.complete("hi", model="m")
    (call,) = transport.calls
    assert call.url == f"{base_url}{path}:streamGenerateContent"


def test_an_address_without_a_project_is_a_usage_error() -> None:
    """The error says how the address has to end."""
    client = Client(
        "vertex-gemini",
        base_url="https://aiplatform.googleapis.com",
        api_key="t",
        transport=FakeTransport(b""),
    )
    with pytest.raises(UsageError, match=r"base_url: expected an address that ends in .*without \{project\}"):
        client.stream("hi", model="m")


def test_signatures_go_back_where_they_arrived() -> None:
    """On a text in the middle, on an empty text, on a thought, on a call."""
    parts = [
        OutputText("a "),
        OutputText("b", extra={"thoughtSignature": "s1"}),
        OutputText("", extra={"thoughtSignature": "s2"}),
    ]
    thought = Reasoning(summary=["Hm."], details=[{"thought": True, "thoughtSignature": "s0"}], origin=HOME)
    answer = contents([Message("user", "hi"), thought, Message("assistant", parts, origin=HOME)])[1]
    assert answer["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": "s0"},
        {"text": "a "},
        {"text": "b", "thoughtSignature": "s1"},
        {"text": "", "thoughtSignature": "s2"},
    ]


def test_foreign_calls_get_the_stand_in() -> None:
    """From 3 on, the first call of each step since the user's last message needs a signature."""
    step = [FunctionCall("a", "look", "{}"), FunctionCall("b", "look", "{}")]
    outputs = [FunctionCallOutput("a", "x"), FunctionCallOutput("b", "y")]
    items = [Message("user", "hi"), *step, *outputs, Message("user", "again"), *step, *outputs]
    prepared = built(items, model="gemini-3-pro")
    signed = [
        part.get("thoughtSignature")
        for content in prepared.body["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]
    assert signed == [None, None, STAND_IN, None]
    assert prepared.report.repaired == ["the call of look has no signature; sent the documented stand-in"]
    assert built(items).report.repaired == []


def test_own_parts_go_back_verbatim_and_foreign_state_stays_home() -> None:
    """Code and its result are the server's; another provider's signature is reported."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"}
    user = Message("user", "hi")
    assert contents([user, UnknownItem(code, origin=HOME), user])[1]["parts"] == [code]
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    prepared = built(
        [user, Reasoning(content=["Hm."], details=[signed], origin=Origin("messages", "x")), user]
    )
    assert len(prepared.body["contents"]) == 1
    assert prepared.report.dropped[0] == "item 1 (reasoning): its reasoning details are from messages/x"


def test_media() -> None:
    """Data without its prefix, addresses as fileData; a file of another host may not be read."""
    items = Message(
        "user",
        [
            InputImage("data:image/png;base64,iVBORw0="),
            InputAudio("AAAA", "mp3"),
            InputFile(filename="a.pdf", file_data="data:application/pdf;base64,JVBERi0="),
            InputFile(file_url="https://www.youtube.com/watch?v=1", extra={"mimeType": "video/mp4"}),
            InputImage("https://a.example/x.png"),
        ],
    )
    prepared = built([items])
    assert prepared.body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://www.youtube.com/watch?v=1"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/x.png"}},
    ]
    assert len(prepared.report.doubtful) == 1


def test_pictures_in_an_output() -> None:
    """From 3 on they are in the response; before, in a content after it."""
    items = [
        Message("user", "hi"),
        FunctionCall("a", "look", "{}", signature="s"),
        FunctionCallOutput("a", [InputText("see"), InputImage("data:image/png;base64,iVBORw0=")]),
    ]
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}}
    response = {"id": "a", "name": "look", "response": {"output": "see"}}
    assert contents(items, model="gemini-3-pro")[2:] == [
        {"role": "user", "parts": [{"functionResponse": {**response, "parts": [picture]}}]}
    ]
    assert contents(items)[2:] == [
        {"role": "user", "parts": [{"functionResponse": response}]},
        {"role": "user", "parts": [{"text": "Output of look:"}, picture]},
    ]


def test_tools_and_choices() -> None:
    """All functions in one entry; Gemini's own tools stay, other APIs' become Gemini's."""
    own = {"googleSearch": {}}
    theirs = {"name": "g", "description": "G.", "input_schema": {"type": "object", "properties": {"n": {}}}}
    prepared = built("hi", tools=[look, own, theirs, {"type": "web_search_20250305", "name": "web_search"}])
    functions, *others = prepared.body["tools"]
    assert [each["name"] for each in functions["functionDeclarations"]] == ["look", "g"]
    assert functions["functionDeclarations"][0]["parametersJsonSchema"]["required"] == ["city"]
    assert others == [own, {"googleSearch": {}}]
    assert prepared.report.repaired == ["tools[3]: web_search_20250305 is sent as googleSearch"]
    choice = built("hi", tools=[look], tool_choice="look").body["toolConfig"]
    assert choice == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}}


def test_settings_have_the_names_of_the_api() -> None:
    """Sampling, limits, stop words, the schema of the answer."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    body = built(
        "hi", temperature=0.5, top_p=0.9, top_k=3, max_tokens=9, stop="END", n=2, response_format=schema
    ).body
    settings = body["generationConfig"]
    assert settings.pop("responseJsonSchema")["properties"]["n"] == {"type": "integer"}
    assert settings == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "candidateCount": 2,
        "responseMimeType": "application/json",
    }


@pytest.mark.parametrize(
    ("model", "budget", "expected"),
    [
        ("gemini-2.5-flash", 2000, {"thinkingBudget": 2000, "includeThoughts": True}),
        ("gemini-2.5-flash", 0, {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", -1, {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-3-pro", 2000, {"thinkingBudget": 2000, "includeThoughts": True}),
        ("gemini-3.8-flash", 0, {"thinkingLevel": "LOW", "includeThoughts": False}),
        ("gemini-3-flash", 0, {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        ("gemini-2.0-flash", 2000, None),
    ],
)
def test_a_budget_is_sent_as_one(model: str, budget: int, expected: Any) -> None:
    """`reasoning={"max_tokens": N}`; -1 lets the model decide, 0 switches thinking off."""
    prepared = built("hi", model=model, reasoning={"max_tokens": budget})
    assert prepared.body.get("generationConfig", {}).get("thinkingConfig") == expected
    assert bool(prepared.report.dropped) == (expected is None)


@pytest.mark.parametrize("wrong", ["many", 1.5, True])
def test_a_wrong_budget_is_named(wrong: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=r"^reasoning: expected a mapping, with a whole number"):
        built("hi", reasoning={"max_tokens": wrong})


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128, "includeThoughts": False}),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-3-pro", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.6-flash", "none", {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        ("gemini-3.8-flash", "none", {"thinkingLevel": "LOW", "includeThoughts": False}),
        ("models/gemini-3.7-flash", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.5-flash-lite", "none", {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        ("gemini-3-pro", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.0-flash", "low", None),
    ],
)
def test_effort_is_a_budget_or_a_level(model: str, effort: str, expected: Any) -> None:
    """Budgets for 2.5, levels from 3 on, nothing for models that don't think."""
    settings = built("hi", model=model, reasoning_effort=effort).body.get("generationConfig", {})
    assert settings.get("thinkingConfig") == expected


def test_a_native_conversation_comes_out_as_it_went_in() -> None:
    """Every part, with its signature, ids and thoughts."""
    turn = [
        {
            "role": "user",
            "parts": [{"text": "hi"}, {"fileData": {"mimeType": "text/plain", "fileUri": "gs://b/f"}}],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"text": "Let me.", "thoughtSignature": "s1"},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
                {"functionCall": {"id": "f1", "name": "f", "args": {"a": [1]}}, "thoughtSignature": "s2"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "f1", "name": "f", "response": {"output": '{"a": 1}'}}}],
        },
    ]
    prepared = built(turn)
    assert prepared.body["contents"] == turn
    assert not prepared.report


def test_a_bad_native_part_names_its_place() -> None:
    """The error says where the part is, and what was expected there."""
    with pytest.raises(UsageError, match=r"input\[0\]\.parts\[0\]\.functionCall\.name: expected a string"):
        built([{"role": "model", "parts": [{"functionCall": {}}]}])
    with pytest.raises(UsageError, match=r"input\[0\]\.role: expected user, model or system, got 'bot'"):
        built([{"role": "bot", "parts": []}])
    with pytest.raises(UsageError, match=r"input\[0\]\.role: expected user, model or system, got \[7\]"):
        built([{"role": [7], "parts": []}])


def test_an_answer_goes_back_as_it_came() -> None:
    """What was read is what is sent: thoughts, signatures, a call without an id."""
    import json

    parts = [
        {"text": "Hm.", "thought": True, "thoughtSignature": "s0"},
        {"text": "Let me look."},
        {"functionCall": {"name": "f", "args": {"city": "Évora"}}, "thoughtSignature": "s1"},
    ]
    payload = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "responseId": "r"}
    *_, last = read_events([f"data: {json.dumps(payload)}\n\n".encode()], wire="gemini", profile="gemini")
    items = last.completion.items  # type: ignore[union-attr]
    output = FunctionCallOutput(items[-1].call_id, "x")
    answer, response = contents([Message("user", "hi"), *items, output], model="gemini-3-pro")[1:]
    assert answer["parts"] == parts
    assert response["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], "{}"),
        ([("$.a", 1), ("$.b", None)], '{"a":1,"b":null}'),
        ([("$.a.b[0].c", "x"), ("$.a.b[0].d", True), ("$.a.b[1].c", "y"), ("$.e", 2)],
         '{"a":{"b":[{"c":"x","d":true},{"c":"y"}]},"e":2}'),
        ([("$['a.b']", "q\"\n"), ("$.c[0]", 1), ("$.c[1]", 2)], '{"a.b":"q\\"\\n","c":[1,2]}'),
    ],
)  # fmt: skip
def test_pieces_of_arguments_add_up(pieces: list[tuple[str, Any]], text: str) -> None:
    """Names, numbers, brackets; the text is JSON in the order of the pieces."""
    arguments = PartialArgs()
    names = {bool: "boolValue", str: "stringValue", int: "numberValue"}
    written = [
        arguments.add({"jsonPath": path, names.get(type(value), "nullValue"): value})
        for path, value in pieces
    ]
    assert "".join(map(str, written)) + arguments.end() == text


def test_a_place_that_has_passed_is_not_written_twice() -> None:
    """Instead, the value is set in the decoded arguments."""
    arguments = PartialArgs()
    arguments.add({"jsonPath": "$.a.b", "numberValue": 1})
    arguments.add({"jsonPath": "$.c", "numberValue": 2})
    assert arguments.add({"jsonPath": "$.a.d", "numberValue": 3}) is None
    tree: dict[str, Any] = {"a": {"b": 1}, "c": 2}
    set_value(tree, ("a", "d"), 3)
    set_value(tree, ("l", 1), "x")
    assert tree == {"a": {"b": 1, "d": 3}, "c": 2, "l": [None, "x"]}


@pytest.mark.parametrize("indices", [5, 1.5, "0", {"0": 0}, [None, "0", 9]])
def test_sources_without_a_list_of_indexes_are_no_annotations(indices: Any) -> None:
    """The text stays, and the object is in the extras."""
    support = {"segment": {"endIndex": 2}, "groundingChunkIndices": indices}
    metadata = {"groundingChunks": [{"web": {"uri": "https://a.example/"}}], "groundingSupports": [support]}
    candidate = {
        "content": {"parts": [{"text": "Hi"}]},
        "finishReason": "STOP",
        "groundingMetadata": metadata,
    }
    *_, last = events_from_completion({"candidates": [candidate]}, wire="gemini")
    assert isinstance(last, Completed)
    (message,) = last.completion.items
    assert isinstance(message, Message)
    assert (message.text, message.content) == ("Hi", (OutputText("Hi"),))
    assert last.completion.extras["groundingMetadata"] == metadata


# -- a caller's own words ------------------------------------------------------------------------

ASKED = {"role": "user", "parts": [{"text": "hi"}]}


def _called(part: dict[str, Any], response: dict[str, Any]) -> list[dict[str, Any]]:
    answer = {"role": "user", "parts": [{"functionResponse": response}]}
    return [ASKED, {"role": "model", "parts": [part]}, answer]


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "parts": [{"text": "x", "newModifier": {"a": 1}}]}],
        [ASKED, {"role": "model", "parts": [{"text": "x", "newModifier": 1}]}, ASKED],
        [
            ASKED,
            {
                "role": "model",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA_-"}, "thought": True}],
            },
            ASKED,
        ],
        [
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "text/plain;charset=utf-8", "data": "AA_-"}}],
            }
        ],
        _called({"functionCall": {"name": "f"}}, {"name": "f", "response": {"output": "x"}}),
        _called(
            {"functionCall": {"name": "f", "args": {}, "newKey": 1}, "partMetadata": {"a": 1}},
            {"name": "f", "response": {"a": 1}, "willContinue": False, "scheduling": "SILENT"},
        ),
    ],
)
def test_what_is_sent_is_what_the_caller_wrote(turns: list[dict[str, Any]]) -> None:
    """Modifiers, drafts, media types with parameters, calls without arguments, fields of a response."""
    prepared = built(turns)
    assert prepared.body["contents"] == turns
    assert not prepared.report


def test_an_empty_content_of_the_caller_stays_before_a_call() -> None:
    """It stands for the user: the API refuses a conversation that begins with a call."""
    turns = _called({"functionCall": {"name": "f", "args": {}}}, {"name": "f", "response": {"output": "x"}})
    turns[0] = {"role": "user", "parts": [{"text": ""}]}
    assert built(turns).body["contents"] == turns


def test_names_that_the_caller_declared_stay() -> None:
    """The API accepts dots and colons; a choice finds the functions of a list, too."""
    turns = _called(
        {"functionCall": {"name": "a.b:c", "args": {}}}, {"name": "a.b:c", "response": {"output": "x"}}
    )
    body = built(turns, tools=[{"functionDeclarations": [{"name": "a.b:c"}]}], tool_choice="a.b:c").body
    assert body["contents"] == turns
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["a.b:c"]


def test_a_tool_that_no_table_knows_is_sent() -> None:
    """Google adds tools; each is an object under its name."""
    assert built("hi", tools=[{"newTool": {"x": 1}}]).body["tools"] == [{"newTool": {"x": 1}}]
    with pytest.raises(UsageError, match="expected a dict with a type"):
        built("hi", tools=[{"name": "f", "parameters": {}}])


@pytest.mark.parametrize(
    ("model", "profile", "field", "doubts"),
    [
        ("gemini-3-pro", GEMINI, True, 0),
        ("gemini-3-pro", VERTEX_GEMINI, None, 0),
        ("gemini-2.5-flash", GEMINI, None, 1),
    ],
)
def test_functions_next_to_the_servers_tools(model: str, profile: Any, field: Any, doubts: int) -> None:
    """Models from 3 on want a field, which Vertex doesn't know; older ones refuse the two together."""
    tools = [look, {"googleSearch": {}}]
    prepared = built("hi", model=model, profile=profile, tools=tools, tool_choice="look")
    config = prepared.body["toolConfig"]
    assert config["functionCallingConfig"]["mode"] == "ANY"
    assert config.get("includeServerSideToolInvocations") is field
    assert len(prepared.report.doubtful) == doubts
    assert "toolConfig" not in built("hi", model=model, profile=profile, tools=tools[1:]).body


def test_a_cached_prompt_has_its_own_tools_and_system_text() -> None:
    """The API refuses both next to it."""
    own = Client("gemini", api_key="k", transport=FakeTransport(b""))
    extra = {"cachedContent": "cachedContents/1"}
    request = own.stream("hi", model="gemini-3-pro", instructions="s", tools=[look], extra_body=extra).request
    assert request is not None
    assert request.report.doubtful == [
        "cachedContent: the API refuses systemInstruction and tools next to it"
    ]


@pytest.mark.parametrize("parts", [[{"text": "hi"}], {"text": "hi"}, ["hi"], ("hi",)])
def test_parts_in_short_forms(parts: Any) -> None:
    """One part without a list, and strings: the documentation and Google's packages have both."""
    assert contents([{"role": "user", "parts": parts}]) == [ASKED]
    assert built([{"role": "system", "parts": parts}, "q"]).body["systemInstruction"] == {
        "parts": [{"text": "hi"}]
    }
