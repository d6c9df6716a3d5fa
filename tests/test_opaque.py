"""Opaque state goes back only to the API and the provider that made it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import attrs
import pytest

from streamkit import (
    Client,
    Completed,
    Completion,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    LocalShellCall,
    Message,
    Note,
    Origin,
    OutputAudio,
    OutputText,
    Profile,
    Reasoning,
    UnknownItem,
    UnknownPart,
    UsageError,
    WebSearchCall,
    events_from_completion,
    read_events,
)
from streamkit.completion import Choice
from streamkit.profiles.known import GENERIC, OPENAI, OPENROUTER
from streamkit.request import Request
from streamkit.testing import FakeTransport, sse, stream_of
from streamkit.wires import WIRES, find_wire
from streamkit.wires.opaque import without_foreign_state
from streamkit.wires.prepare import PreparedRequest, prepare
from streamkit.wires.report import BuildReport

from .conversations import (
    A,
    O,
    U,
    assistant,
    call,
    r_assistant,
    r_call,
    r_output,
    r_reasoning,
    r_user,
    text,
    tool,
    user,
)

HOME = attrs.evolve(OPENROUTER, name="home")  # OpenRouter accepts every form of reasoning
ANY = attrs.evolve(OPENROUTER, name="generic")

SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}
GEMINI = {"google": {"thought_signature": "sig"}}
VIDEO = {"type": "video_url", "video_url": {"url": "https://x/v"}}
SEARCH = {"type": "search", "query": "q"}
SOUND = "item 1 (message): its data, which this API doesn't have"


class Case(NamedTuple):
    """The items after a user message, with state of some origin, and the bodies at home and elsewhere."""

    items: Callable[[Origin], list[Item]]
    dropped: str  # from the report elsewhere, up to the origin
    chat: Sequence[Any]
    chat_elsewhere: Sequence[Any]
    responses: Sequence[Any]
    responses_elsewhere: Sequence[Any]
    chat_dropped: str | None = None  # at home, if chat can't express the item or a field anyway
    responses_dropped: str | None = None


CASES = {
    "encrypted content": Case(
        lambda origin: [Reasoning(content="hm", encrypted_content="enc", origin=origin), A("a")],
        "item 1 (reasoning): its encrypted content is from",
        [assistant("a", reasoning_details=[{"type": "reasoning.encrypted", "data": "enc", "index": 0}])],
        [assistant("a", reasoning="hm")],
        [{**r_reasoning("hm"), "encrypted_content": "enc"}, r_assistant("a")],
        [r_reasoning("hm"), r_assistant("a")],
    ),
    "encrypted content without text": Case(
        lambda origin: [Reasoning(encrypted_content="enc", origin=origin), A("a")],
        "item 1 (reasoning): its encrypted content is from",
        [assistant("a", reasoning_details=[{"type": "reasoning.encrypted", "data": "enc", "index": 0}])],
        [assistant("a")],
        [{"type": "reasoning", "summary": [], "encrypted_content": "enc"}, r_assistant("a")],
        [r_assistant("a")],
    ),
    "reasoning details": Case(
        lambda origin: [Reasoning(content="hm", details=[SIGNED], origin=origin), A("a")],
        "item 1 (reasoning): its reasoning details are from",
        [assistant("a", reasoning_details=[SIGNED])],
        [assistant("a", reasoning="hm")],
        [r_reasoning("hm"), r_assistant("a")],  # which has no field for them
        [r_reasoning("hm"), r_assistant("a")],
        responses_dropped="item 1 (reasoning): its details, which this API doesn't have",
    ),
    "signature of reasoning": Case(
        lambda origin: [Reasoning(content="hm", extra={"signature": "sig"}, origin=origin), A("a")],
        "item 1 (reasoning): its signature is from",
        [assistant("a", reasoning="hm")],  # which has no field for it
        [assistant("a", reasoning="hm")],
        [{**r_reasoning("hm"), "signature": "sig"}, r_assistant("a")],
        [r_reasoning("hm"), r_assistant("a")],
        chat_dropped="item 1 (reasoning): its signature, which this API doesn't have",
    ),
    "signature of a call": Case(
        lambda origin: [FunctionCall("c1", "f", "{}", signature="sig", origin=origin), O("c1")],
        "item 1 (function_call f): its signature is from",
        [
            assistant(
                None,
                call("c1"),
                reasoning_details=[{"type": "reasoning.encrypted", "id": "c1", "data": "sig"}],
            ),
            tool("c1"),
        ],
        [assistant(None, call("c1")), tool("c1")],
        [r_call("c1"), r_output("c1")],  # which has no field for it
        [r_call("c1"), r_output("c1")],
        responses_dropped="item 1 (function_call f): its signature, which this API doesn't have",
    ),
    "extra of a call": Case(
        lambda origin: [
            FunctionCall("c1", "f", "{}", extra={"extra_content": GEMINI}, origin=origin),
            O("c1"),
        ],
        "item 1 (function_call f): its extra_content is from",
        [assistant(None, {**call("c1"), "extra_content": GEMINI}), tool("c1")],
        [assistant(None, call("c1")), tool("c1")],
        [{**r_call("c1"), "extra_content": GEMINI}, r_output("c1")],
        [r_call("c1"), r_output("c1")],
    ),
    "signature, extra and id of a call": Case(
        lambda origin: [
            FunctionCall("c1", "f", "{}", id="fc_1", signature="sig", extra={"x": 1, "y": 2}, origin=origin),
            O("c1"),
        ],
        "item 1 (function_call f): its signature, x and y are from",
        [
            assistant(
                None,
                {**call("c1"), "x": 1, "y": 2},
                reasoning_details=[{"type": "reasoning.encrypted", "id": "c1", "data": "sig"}],
            ),
            tool("c1"),
        ],
        [assistant(None, call("c1")), tool("c1")],
        [{**r_call("c1"), "id": "fc_1", "x": 1, "y": 2}, r_output("c1")],
        [r_call("c1"), r_output("c1")],
        responses_dropped="item 1 (function_call f): its signature, which this API doesn't have",
    ),
    "extra of a custom call": Case(
        lambda origin: [
            CustomToolCall("k1", "sql", "x", id="ctc_1", extra={"x": 1}, origin=origin),
            CustomToolCallOutput("k1", "1"),
        ],
        "item 1 (custom_tool_call sql): its x is from",
        [
            assistant(None, {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}, "x": 1}),
            tool("k1", "1"),
        ],
        [
            assistant(None, {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}}),
            tool("k1", "1"),
        ],
        [
            {
                "type": "custom_tool_call",
                "call_id": "k1",
                "name": "sql",
                "input": "x",
                "id": "ctc_1",
                "x": 1,
            },
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "1"},
        ],
        [
            {"type": "custom_tool_call", "call_id": "k1", "name": "sql", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "1"},
        ],
    ),
    "extra of a shell call": Case(
        lambda origin: [
            LocalShellCall("s1", {"type": "exec"}, id="lsh_1", extra={"x": 1}, origin=origin),
            O("s1"),
        ],
        "item 1 (local_shell_call): its x is from",
        [
            assistant(
                None,
                {
                    "id": "s1",
                    "type": "local_shell_call",
                    "status": "completed",
                    "action": {"type": "exec"},
                    "x": 1,
                },
            ),
            tool("s1"),
        ],
        [
            assistant(
                None,
                {"id": "s1", "type": "local_shell_call", "status": "completed", "action": {"type": "exec"}},
            ),
            tool("s1"),
        ],
        [
            {
                "type": "local_shell_call",
                "call_id": "s1",
                "action": {"type": "exec"},
                "id": "lsh_1",
                "x": 1,
            },
            r_output("s1"),
        ],
        [{"type": "local_shell_call", "call_id": "s1", "action": {"type": "exec"}}, r_output("s1")],
    ),
    "web search": Case(
        lambda origin: [WebSearchCall("ws_1", "completed", SEARCH, origin=origin), A("a")],
        "item 1 (web_search_call) is from",
        [assistant("a")],
        [assistant("a")],
        [
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": SEARCH},
            r_assistant("a"),
        ],
        [r_assistant("a")],
        chat_dropped="item 1 (web_search_call) has no form in the chat API",
    ),
    "item of an unknown kind": Case(
        lambda origin: [UnknownItem({"type": "mcp_call", "id": "mcp_1"}, origin=origin), A("a")],
        "item 1 (unknown) is from",
        [assistant("a")],
        [assistant("a")],
        [{"type": "mcp_call", "id": "mcp_1"}, r_assistant("a")],
        [r_assistant("a")],
        chat_dropped="item 1 (unknown) has no form in the chat API",
    ),
    "part of an unknown kind": Case(
        lambda origin: [U(InputText("look"), UnknownPart(VIDEO, origin=origin))],
        "item 1 (message): its video_url part is from",
        [user([text("look"), VIDEO])],
        [user("look")],
        [r_user("look", VIDEO)],
        [r_user("look")],
    ),
    "part of an output": Case(
        lambda origin: [
            FunctionCall("c1", "f", "{}"),
            FunctionCallOutput("c1", [InputText("see"), UnknownPart(VIDEO, origin=origin)]),
        ],
        "item 2 (function_call_output): its video_url part is from",
        [assistant(None, call("c1")), tool("c1", [text("see"), VIDEO])],
        [assistant(None, call("c1")), tool("c1", "see")],
        [r_call("c1"), r_output("c1", [{"type": "input_text", "text": "see"}, VIDEO])],
        [r_call("c1"), r_output("c1", [{"type": "input_text", "text": "see"}])],
    ),
}


def _prepare(items: Any, wire: str, profile: Profile = HOME) -> PreparedRequest:
    return prepare(Request(items, model="m"), wire, profile)


def _content(prepared: PreparedRequest) -> Any:
    return prepared.body["messages" if prepared.wire == "chat" else "input"]


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize(
    ("provider", "target"),
    [
        pytest.param("home", HOME, id="the same provider"),
        pytest.param(None, HOME, id="an unknown provider"),
        pytest.param("other", ANY, id="generic stands for any provider"),
    ],
)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_state_goes_home(case: Case, wire: str, provider: str | None, target: Profile) -> None:
    """The body contains the state; if the API can't express it at all, the report has it."""
    prepared = _prepare([U("u"), *case.items(Origin(wire, provider))], wire, target)
    first, expected = (user("u"), case.chat) if wire == "chat" else (r_user("u"), case.responses)
    assert _content(prepared) == [first, *expected]
    dropped = case.chat_dropped if wire == "chat" else case.responses_dropped
    assert prepared.report.dropped == ([dropped] if dropped else [])


@pytest.mark.parametrize(
    ("wire", "origin", "target", "name"),
    [
        pytest.param("chat", Origin("chat", "other"), HOME, "chat/other", id="chat, another provider"),
        pytest.param("chat", Origin("responses", "home"), HOME, "responses/home", id="chat, another API"),
        pytest.param("chat", Origin("responses"), ANY, "responses", id="chat, another API, generic"),
        pytest.param(
            "responses", Origin("responses", "other"), HOME, "responses/other", id="responses, other"
        ),
        pytest.param("responses", Origin("chat", "home"), HOME, "chat/home", id="responses, another API"),
        pytest.param("responses", Origin("chat"), ANY, "chat", id="responses, another API, generic"),
    ],
)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_state_goes_nowhere_else(case: Case, wire: str, origin: Origin, target: Profile, name: str) -> None:
    """The rest of the item is sent, and one sentence names the item, its state and the origin."""
    prepared = _prepare([U("u"), *case.items(origin)], wire, target)
    is_chat = wire == "chat"
    first, expected = (user("u"), case.chat_elsewhere) if is_chat else (r_user("u"), case.responses_elsewhere)
    assert _content(prepared) == [first, *expected]
    assert prepared.report.dropped == [f"{case.dropped} {name}"]


# -- ids on Responses ---------------------------------------------------------------------


def _tool_loop(origin: Origin | None) -> list[Item]:
    """A turn of two answers and the start of another turn; only the reasoning has an origin."""
    return [
        U("u"),
        Reasoning("rs_1", ["s"], encrypted_content="enc", origin=origin),
        Message("assistant", [OutputText("a")], id="msg_1", extra={"phase": "commentary"}),
        FunctionCall("c1", "f", "{}", id="fc_1", status="completed"),
        FunctionCallOutput("c1", "ok"),
        Message("assistant", [OutputText("b")], id="msg_2"),
        U("v"),
        Message("assistant", [OutputText("c")], id="msg_3"),
    ]


def _written(name: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": name, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content, **fields}


SUMMARY = [{"type": "summary_text", "text": "s"}]


def test_ids_stay_with_the_reasoning_of_the_provider() -> None:
    """At home, the whole turn goes back as it was received."""
    prepared = _prepare(_tool_loop(Origin("responses", "home")), "responses")
    assert _content(prepared) == [
        r_user("u"),
        {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": "enc"},
        _written("a", id="msg_1", phase="commentary"),
        {**r_call("c1"), "id": "fc_1", "status": "completed"},
        r_output("c1"),
        _written("b", id="msg_2"),
        r_user("v"),
        _written("c", id="msg_3"),
    ]
    assert not prepared.report


def test_ids_are_dropped_with_foreign_reasoning() -> None:
    """They are in every answer of that turn. The next turn has no foreign item, so its id is sent."""
    prepared = _prepare(_tool_loop(Origin("responses", "other")), "responses")
    assert _content(prepared) == [
        r_user("u"),
        {"type": "reasoning", "summary": SUMMARY},
        r_assistant("a"),
        {**r_call("c1"), "status": "completed"},
        r_output("c1"),
        r_assistant("b"),
        r_user("v"),
        _written("c", id="msg_3"),
    ]
    assert prepared.report.dropped == [
        "item 1 (reasoning): its encrypted content is from responses/other",
        "item 2 (message): its phase is from responses/other",
    ]


def test_ids_are_dropped_before_the_item_that_has_the_origin() -> None:
    """A message is part of the same answer as the call after it."""
    items = [
        U("u"),
        Message("assistant", [OutputText("a")], id="msg_1"),
        FunctionCall("c1", "f", "{}", id="fc_1", extra={"x": 1}, origin=Origin("responses", "other")),
        O("c1"),
    ]
    assert _content(_prepare(items, "responses")) == [
        r_user("u"),
        r_assistant("a"),
        r_call("c1"),
        r_output("c1"),
    ]


def test_reasoning_without_an_origin_ends_the_search_for_one() -> None:
    """The provider can change between two answers of a turn, and reasoning shows that it may have."""
    items = [
        *_tool_loop(Origin("responses", "other"))[:5],
        Reasoning("rs_2", ["s"]),
        Message("assistant", [OutputText("b")], id="msg_2"),
    ]
    assert _content(_prepare(items, "responses"))[-2:] == [
        {"type": "reasoning", "id": "rs_2", "summary": SUMMARY},
        _written("b", id="msg_2"),
    ]


def test_a_foreign_reference_is_dropped_as_a_whole() -> None:
    """Reasoning known by its id only has nothing that another server understands."""
    items = [U("u"), Reasoning("rs_1", origin=Origin("responses", "other")), A("a")]
    prepared = _prepare(items, "responses")
    assert _content(prepared) == [r_user("u"), r_assistant("a")]
    assert prepared.report.dropped == ["item 1 (reasoning) is from responses/other"]


def test_foreign_reasoning_text_follows_the_rules_for_text() -> None:
    """OpenAI refuses the text of others, so both its parts are dropped and reported."""
    prepared = _prepare(_tool_loop(Origin("responses", "other"))[:3], "responses", OPENAI)
    assert _content(prepared) == [r_user("u"), r_assistant("a")]
    assert prepared.report.dropped == [
        "item 1 (reasoning): its encrypted content is from responses/other",
        "item 2 (message): its phase is from responses/other",
        "item 1 (reasoning) has no encrypted content, and openai accepts only its own reasoning",
    ]


def test_fields_of_a_message_without_an_id_are_the_callers() -> None:
    """An answer of another provider may contain a message that the caller edited."""
    items = [
        U("u"),
        Reasoning(content="hm", details=[SIGNED], origin=Origin("chat", "other")),
        Message("assistant", "a", extra={"name": "bot"}),
    ]
    assert _content(_prepare(items, "chat")) == [user("u"), assistant("a", reasoning="hm", name="bot")]


# -- the request --------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_a_request_without_foreign_state_is_not_copied(wire: str) -> None:
    """The same object goes to the wire, and the report stays empty."""
    request = Request([*_tool_loop(None), *_tool_loop(Origin(wire, "home")), Note("n")], model="m")
    report = BuildReport()
    assert without_foreign_state(request, wire, HOME, report) is request
    assert not report


def test_the_callers_request_stays_the_same() -> None:
    """Another attempt, or another provider, gets the state again."""
    items = _tool_loop(Origin("responses", "other"))
    request = Request(items, model="m")
    prepared = prepare(request, "responses", HOME)
    assert prepared.request is request
    assert request.input == tuple(items)
    away = attrs.evolve(HOME, name="other")
    assert _content(prepare(prepared.request, "responses", away))[1]["encrypted_content"] == "enc"


def test_positions_in_the_report_are_those_of_the_input() -> None:
    """A dropped item doesn't renumber the items after it."""
    items = [U("u"), UnknownItem({"type": "x"}, Origin("chat")), FunctionCall("c1", "f", "{}")]
    assert _prepare(items, "responses").report.dropped == [
        "item 1 (unknown) is from chat",
        "item 2 (function_call f) has no output",
    ]


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_an_input_of_foreign_state_only_is_a_usage_error(wire: str) -> None:
    """The message contains the reason."""
    items = [Reasoning(encrypted_content="enc", origin=Origin("responses", "other"))]
    with pytest.raises(UsageError, match="its encrypted content is from responses/other"):
        _prepare(items, wire)


def test_a_document_has_no_state_of_another_api() -> None:
    """A chat answer written as a Responses answer: its items are valid there."""
    made = FunctionCall("c1", "f", "{}", extra={"extra_content": GEMINI}, origin=Origin("chat", "other"))
    completion = Completion(id="1", model="m", choices=[Choice(0, [made], "tool_calls")])
    assert find_wire("responses").write_document(completion, None)["output"] == [r_call("c1")]


# -- the origin of an answer --------------------------------------------------------------

ENCRYPTED = {"type": "reasoning.encrypted", "data": "OPAQUE", "id": "r"}
DELTA = {"role": "assistant", "content": "hi", "reasoning_details": [ENCRYPTED]}
BODIES = {
    "chat": sse({"id": "i", "choices": [{"index": 0, "delta": DELTA, "finish_reason": "stop"}]}, "[DONE]"),
    "responses": stream_of("responses", Reasoning(content=("hm",)), "hi"),
    "messages": stream_of("messages", Reasoning(content=("hm",), details=[{"signature": "s"}]), "hi"),
    "gemini": stream_of("gemini", Reasoning(content=("hm",), details=[{"thoughtSignature": "s"}]), "hi"),
}


def origin_of(items: Sequence[Item]) -> Origin | None:
    """Return the origin of the first item, which is the reasoning."""
    assert isinstance(items[0], Reasoning)
    return items[0].origin


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("wire", [None, *WIRES])
def test_the_generic_client_is_a_provider(wire: str | None, pickled: bool) -> None:
    """Its answers have an origin however the client was made."""
    transport = FakeTransport(BODIES[wire or "chat"])
    client = Client("generic", base_url="http://fake/v1", wire=wire, transport=transport)
    if pickled:
        client = pickle.loads(pickle.dumps(client))
    items = client.complete("hi", model="m").items
    assert origin_of(items) == Origin(wire or "chat", "generic")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("profile", ["generic", GENERIC, attrs.evolve(GENERIC), None])
def test_bytes_without_a_profile_are_from_any_provider(wire: str, profile: str | Profile | None) -> None:
    """Only None means any; the generic profile means itself, whichever object it is."""
    home = Origin(wire, None if profile is None else "generic")
    for name in (wire, "auto"):
        *_, last = read_events(BODIES[wire], wire=name, profile=profile)
        assert isinstance(last, Completed)
        assert origin_of(last.completion.items) == home


# -- the state in the parts of an answer ----------------------------------------------------

CITED = {"type": "url_citation", "url": "https://x/", "title": "X", "start_index": 0, "end_index": 1}
IN_A_FILE = {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 1}
IN_A_CONTAINER = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1"}
NESTED = {"type": "url_citation", "url_citation": {**CITED, "content": "X is"}}
NESTED["url_citation"].pop("type")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("origin", "expected", "dropped"),
    [
        (Origin("chat", "home"), {"content": None, "audio": {"id": "audio_1"}}, []),
        (
            Origin("chat", "other"),
            {"content": "hi"},
            ["item 1 (message): its audio id is from chat/other", SOUND],
        ),
        (
            Origin("responses", "home"),
            {"content": "hi"},
            ["item 1 (message): its audio id is from responses/home", SOUND],
        ),
    ],
)
def test_the_id_of_audio_goes_home_only(origin: Origin, expected: Any, dropped: list[str]) -> None:
    """Other servers get the transcript: they can't know the id, and refuse the message."""
    answer = Message("assistant", [OutputAudio("audio_1", "AAAA", "hi")], origin=origin)
    prepared = _prepare([U("u"), answer, U("v")], "chat")
    assert _content(prepared)[1] == {"role": "assistant", **expected}
    assert prepared.report.dropped == dropped


def test_the_id_of_audio_has_the_origin_of_its_answer() -> None:
    """The message has no origin of its own here; the call after it has one."""
    made = FunctionCall("c1", "f", "{}", signature="sig", origin=Origin("chat", "other"))
    audio = Message("assistant", [OutputAudio("audio_1", "AAAA", "hi")])
    prepared = _prepare([U("u"), audio, made, O("c1")], "chat")
    assert _content(prepared)[1]["content"] == "hi"
    assert "audio" not in _content(prepared)[1]


@pytest.mark.parametrize("about_files", [IN_A_FILE, IN_A_CONTAINER, {"type": "new_kind", "ref": "r1"}])
def test_annotations_about_files_go_home_only(about_files: Any) -> None:
    """A citation of a URL is a plain fact, which goes to every provider."""
    parts = [OutputText("a", [CITED, about_files], extra={"x": 1})]
    items = [U("u"), Message("assistant", parts, id="msg_1", origin=Origin("responses", "home"))]
    home = _content(_prepare(items, "responses"))[1]
    assert home["content"][0]["annotations"] == [CITED, about_files]
    away = _prepare(items, "responses", attrs.evolve(HOME, name="other"))
    part = {"type": "output_text", "text": "a", "annotations": [CITED]}
    assert _content(away)[1] == {"type": "message", "role": "assistant", "content": [part]}
    assert away.report.dropped == ["item 1 (message): its annotations and x are from responses/home"]


@pytest.mark.parametrize("origin", [None, Origin("chat", "other"), Origin("chat", "home")])
def test_a_citation_of_chat_is_sent_in_the_form_of_responses(origin: Origin | None) -> None:
    """OpenAI's reference: a url_citation has exactly these fields, next to its type."""
    items = [U("u"), Message("assistant", [OutputText("a", [NESTED])], origin=origin)]
    prepared = _prepare(items, "responses")
    assert _content(prepared)[1]["content"][0]["annotations"] == [CITED]
    assert prepared.report.dropped == [
        "item 1 (message): its annotations.content, which this API doesn't have"
    ]


@pytest.mark.parametrize(
    "annotation",
    [
        {"type": "url_citation", "url_citation": {"url": "https://x/"}},
        {"type": "file", "file": {"hash": "h", "name": "a.pdf"}},
    ],
)
def test_an_annotation_that_responses_cannot_express_is_reported(annotation: Any) -> None:
    """The text is still sent."""
    items = [U("u"), Message("assistant", [OutputText("a", [annotation])])]
    prepared = _prepare(items, "responses")
    assert "annotations" not in _content(prepared)[1]["content"][0]
    assert prepared.report.dropped == [
        "item 1 (message): its annotations in a form that the responses API doesn't have"
    ]


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a", "annotations": [{"type": "file", "file": {"hash": "h"}}]},
        {"audio": {"id": "audio_1", "data": "AAAA", "transcript": "a"}},
        {"audio": {"data": "AAAA", "transcript": "a", "voice": "alloy"}},
    ],
)
def test_a_chat_answer_with_state_in_its_parts_has_an_origin(delta: Any) -> None:
    """Such a message has neither an id nor fields of its own."""
    message = {"role": "assistant", "content": None, **delta}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    *_, last = events_from_completion(body, profile="openrouter")
    assert isinstance(last, Completed)
    (item,) = last.completion.items
    assert isinstance(item, Message)
    assert item.origin == Origin("chat", "openrouter")
