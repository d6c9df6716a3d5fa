"""messages: nothing that the caller wrote is lost on its way into a chat body without a report."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    PROFILES,
    Completed,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Message,
    Origin,
    OutputText,
    Profile,
    Reasoning,
    ToolSpec,
    UsageError,
    events_from_completion,
    read_events,
)
from streamkit.media import file
from streamkit.profiles.known import GENERIC, MISTRAL, OPENAI, OPENROUTER
from streamkit.request import Request
from streamkit.testing import sse
from streamkit.wires.prepare import PreparedRequest, prepare

from .recorded import FIXTURES


def chat(input_: Any, profile: Profile = GENERIC, **params: Any) -> PreparedRequest:
    return prepare(Request(input_, model="m", params=params), "chat", profile)


def test_parts_of_system_and_assistant_messages_keep_their_marks() -> None:
    """Several parts stay apart; a string is one part without fields of its own."""
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = [{"type": "text", "text": "Long.", **mark}, {"type": "text", "text": "Today is Monday."}]
    sent = [
        {"role": "system", "content": parts},
        {"role": "system", "content": "One."},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "text", "text": "a", **mark}]},
        {"role": "user", "content": "r"},
    ]
    prepared = chat(sent, OPENROUTER)
    assert prepared.body["messages"] == sent
    assert not prepared.report


def test_system_messages_are_merged_for_a_server_that_reads_one() -> None:
    """With blank lines between, or as parts."""
    profile = evolve(GENERIC, one_system_message=True)
    sent = [Message("system", "a"), Message("user", "q"), Message("system", "b"), Message("user", "r")]
    prepared = chat(sent, profile)
    assert [m["content"] for m in prepared.body["messages"]] == ["a\n\nb", "q", "r"]
    assert prepared.report.repaired == [
        "2 system messages are sent as one, because the server reads one only"
    ]
    mixed = [
        Message("system", [InputText("a"), InputText("b")]),
        Message("system", "c"),
        Message("user", "q"),
    ]
    texts = [part["text"] for part in chat(mixed, profile).body["messages"][0]["content"]]
    assert texts == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["vllm", "llamacpp", "lmstudio", "sglang", "tgi", "jan", "koboldcpp"])
def test_engines_with_a_models_own_template_get_one_system_message(name: str) -> None:
    """Some templates refuse a system message that isn't the first one; instructions are one, too."""
    request = Request(["q", Message("system", "b"), "r"], model="m", instructions="a")
    messages = prepare(request, "chat", PROFILES[name]).body["messages"]
    assert [message["content"] for message in messages] == ["a\n\nb", "q", "r"]


@pytest.mark.parametrize(
    ("model", "params", "is_sent"),
    [
        ("gpt-5", {}, False),
        ("o3", {}, False),
        ("gpt-5.1", {}, True),
        ("openai/gpt-5.4-mini", {}, True),
        ("gpt-5.2-pro", {}, False),
        ("gpt-5.1", {"reasoning_effort": "low"}, False),
        ("gpt-5.1", {"reasoning_effort": "none"}, True),
    ],
)
def test_sampling_for_models_that_reason_on_request(
    model: str, params: dict[str, Any], is_sent: bool
) -> None:
    """From gpt-5.1 on the default effort is none, which allows a temperature."""
    prepared = prepare(Request("hi", model=model, params={"temperature": 0.5, **params}), "chat", OPENAI)
    assert ("temperature" in prepared.body) is is_sent


def test_the_url_of_a_file_is_refused_where_only_data_is_read() -> None:
    """OpenAI's chat API reads base64; OpenRouter reads URLs."""
    sent = [Message("user", [InputText("sum"), file("https://x/a.pdf")])]
    with pytest.raises(UsageError, match=r"^input\[0\]\.content\[1\]: .* pass wire='responses'$"):
        chat(sent, OPENAI)
    part = chat(sent, OPENROUTER).body["messages"][0]["content"][1]
    assert part["file"]["file_data"] == "https://x/a.pdf"


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n123").decode()


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_bare_base64_of_a_picture_becomes_a_data_url(wire: str) -> None:
    """By its first bytes; other text is refused, and a URL stays as it is."""
    request = Request([Message("user", [InputImage(PNG)])], model="m")
    assert f"data:image/png;base64,{PNG}" in str(prepare(request, wire, GENERIC).body)
    for url in ("photo.png", "QUJD" * 20):
        with pytest.raises(UsageError, match=r"expected a URL, a data URL or base64 of a picture"):
            prepare(Request([Message("user", [InputImage(url)])], model="m"), wire, GENERIC)
    for url in ("https://x", "gs://b/o", "data:image/jpeg;base64,AAAA"):
        assert url in str(
            prepare(Request([Message("user", [InputImage(url)])], model="m"), wire, GENERIC).body
        )


def test_at_most_four_marks_are_added() -> None:
    """The caller's own marks count, the most useful places come first, and the report has the rest."""
    mark = {"cache_control": {"type": "ephemeral"}}
    own = [{"role": "user", "content": [{"type": "text", "text": str(n), **mark}]} for n in range(3)]
    sent = [Message("system", "s"), *own, *(Message("user", f"u{n}") for n in range(5))]
    prepared = chat(sent, OPENROUTER, prompt_cache="ephemeral")
    assert str(prepared.body).count("cache_control") == 4
    assert "cache_control" in str(prepared.body["messages"][0])
    assert prepared.report.dropped == ["prompt_cache: a mark more than the 4 that servers accept"]
    many = [{"role": "user", "content": [{"type": "text", "text": str(n), **mark}]} for n in range(5)]
    assert chat(many, OPENROUTER).report.doubtful == ["5 cache_control marks; servers accept 4"]


# -- reasoning goes back in the field that it came in -------------------------------------


@pytest.mark.parametrize(
    "name",
    ["reasoning_content", "reasoning", "reasoning_text", "thought", "thoughts", "thinking_content"],
)
def test_reasoning_returns_in_its_field(name: str) -> None:
    """From a stream, a whole answer or a dict, through a gateway that isn't known."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, name: "think", "tool_calls": [call]}
    document = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    *_, completed = events_from_completion(document)
    assert isinstance(completed, Completed)
    deltas = [{name: "th"}, {name: "ink"}, {"tool_calls": [{"index": 0, **call}]}]
    payloads = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    *_, streamed = read_events([sse(*payloads, end, "[DONE]")])
    assert isinstance(streamed, Completed)
    output = {"role": "tool", "tool_call_id": "c1", "content": "r"}
    for items in (completed.completion.items, streamed.completion.items, [message]):
        body = chat(["q", *items, output, "thanks"], GENERIC).body
        assert body["messages"][1][name] == "think"  # of a call, so it stays after the next user message


def test_older_reasoning_is_left_out_and_reported() -> None:
    """Models discard it; the log has no warning about it."""
    items = [Message("user", "a"), Reasoning(content="r"), Message("assistant", "A"), Message("user", "b")]
    prepared = chat(items, GENERIC)
    assert "reasoning" not in prepared.body["messages"][1]
    assert prepared.report.dropped == ["item 2 (message): its reasoning, because a user message follows it"]
    assert not prepared.report.needs_attention


def test_annotations_of_parsed_files_go_back_to_openrouter() -> None:
    """Else the file is parsed and billed again; other gateways don't accept them."""
    parsed = {"type": "file", "file": {"hash": "h", "name": "d.pdf", "content": []}}
    cited = {"type": "url_citation", "url_citation": {"url": "https://x"}}
    answer = Message("assistant", [OutputText("a", [cited, parsed])])
    sent = chat([Message("user", "q"), answer, Message("user", "r")], OPENROUTER)
    assert sent.body["messages"][1] == {"role": "assistant", "content": "a", "annotations": [parsed]}
    other = chat([Message("user", "q"), answer, Message("user", "r")], GENERIC)
    assert other.body["messages"][1] == {"role": "assistant", "content": "a"}
    assert "its annotations" in str(other.report)


# -- ids of calls -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "call_id", "is_kept"),
    [
        (OPENAI, "c" * 40, True),
        (OPENAI, "c" * 41, False),
        (MISTRAL, "abcDEF123", True),
        (MISTRAL, "call_1", False),
        (GENERIC, "c" * 80, True),
    ],
)
def test_an_id_that_the_server_refuses_is_replaced(profile: Profile, call_id: str, is_kept: bool) -> None:
    """In the call and in its output; the report has it, and every server accepts the new one."""
    other = [FunctionCall("call00001", "f", "{}"), FunctionCallOutput("call00001", "s")]
    prepared = chat(
        ["q", FunctionCall(call_id, "f", "{}"), FunctionCallOutput(call_id, "r"), *other], profile
    )
    messages = prepared.body["messages"]
    sent = messages[1]["tool_calls"][0]["id"]
    assert messages[2]["tool_call_id"] == sent
    assert sent == (call_id if is_kept else "call00002")
    assert bool(prepared.report.repaired) is not is_kept


# -- law 13: each key of a message is in the body, or in the report ------------------------

VALUES = {
    "name": "MARK",
    "metadata": {"a": "MARK"},
    "cache_control": {"type": "MARK"},
    "a_key_of_the_program": ["MARK"],
    "prefix": "MARK",
    "refusal": "MARK",
    "annotations": [{"type": "url_citation", "url_citation": {"url": "MARK"}}],
    "thinking_blocks": [{"type": "thinking", "thinking": "MARK"}],
    "function_call": {"name": "g", "arguments": '{"a": "MARK"}'},
    "id": "MARK",
    "reasoning": "MARK",
    "reasoning_content": "MARK",
    "reasoning_details": [{"type": "reasoning.text", "text": "MARK"}],
}
PARTS = {
    "text": {"type": "text", "text": "MARK"},
    "mark": {"type": "text", "text": "t", "cache_control": {"type": "MARK"}},
    "picture": {"type": "image_url", "image_url": {"url": "https://MARK"}},
    "key of a picture": {"type": "image_url", "image_url": {"url": "https://x", "a": "MARK"}},
    "speech": {"type": "input_audio", "input_audio": {"data": "MARK", "format": "wav"}},
    "bare speech": {"type": "input_audio", "input_audio": "MARK"},
    "file": {"type": "file", "file": {"file_id": "f", "a": "MARK"}},
    "another kind": {"type": "video_url", "video_url": {"url": "MARK"}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def conversations() -> Iterator[Any]:
    for role in ("user", "system", "developer", "assistant", "tool"):
        before = [{"role": "user", "content": "q"}, *([ASKED] if role == "tool" else [])]
        message: dict[str, Any] = {"role": role, "content": "c"} | (
            {"tool_call_id": "c1"} if role == "tool" else {}
        )
        for name, value in VALUES.items():
            yield pytest.param([*before, {**message, name: value}], name, id=f"{role} {name}")
        for name, part in PARTS.items():
            content = [{"type": "text", "text": "a"}, part]
            key = "cache_control" if name == "mark" else "content"
            yield pytest.param([*before, {**message, "content": content}], key, id=f"{role} part: {name}")
    output = {"role": "tool", "tool_call_id": "c1", "content": "r"}
    for call in ({**CALL, "extra_content": "MARK"}, {**CALL, "function": {**CALL["function"], "a": "MARK"}}):
        sent = [{"role": "user", "content": "q"}, {**ASKED, "tool_calls": [call]}, output]
        yield pytest.param(sent, "extra_content", id=str(call))


# A part or a thought is in the report by the word for what it is.
WORDS = ("input_", "unknown", "reasoning", "content[1]", "output[", "its function")


@pytest.mark.parametrize("profile", [GENERIC, OPENAI, OPENROUTER, MISTRAL], ids=lambda profile: profile.name)
@pytest.mark.parametrize("wire", ["chat", "responses", "messages", "gemini"])
@pytest.mark.parametrize(("messages", "key"), list(conversations()))
def test_every_key_is_in_the_body_or_in_the_report(
    messages: Any, key: str, wire: str, profile: Profile
) -> None:
    """Or the request is refused with the place of what can't be sent."""
    refusal = ""
    body, report = "", ""
    try:
        prepared = prepare(Request(messages, model="m"), wire, profile.on(wire))
    except UsageError as error:
        refusal = str(error)
    else:
        body, report = json.dumps(prepared.body), str(prepared.report)
    is_reported = re.search(rf"\b{key}\b", report) or any(word in report for word in WORDS)
    assert "MARK" in body or is_reported or refusal.startswith("input["), report


def test_a_programs_own_keys_are_sent_if_the_profile_says_so() -> None:
    """Gradio's `metadata`, for example, which OpenAI refuses."""
    message = {"role": "user", "content": "q", "metadata": {"a": 1}}
    dropped = chat([message], GENERIC)
    assert dropped.body["messages"] == [{"role": "user", "content": "q"}]
    assert dropped.report.dropped == [
        "item 0 (message): its metadata, which no chat API knows; see unknown_keys"
    ]
    assert chat([message], evolve(GENERIC, unknown_keys="send")).body["messages"] == [message]


# -- thinking blocks ----------------------------------------------------------------------


def _turn(name: str, profile: str = "litellm") -> list[Any]:
    """Return the items of a recorded answer of LiteLLM, as its profile reads them."""
    last = list(read_events((FIXTURES / f"litellm/{name}.sse").read_bytes(), profile=profile))[-1]
    assert isinstance(last, Completed)
    return ["q", *last.completion.items, "and then?"]


SIGNED = {"type": "thinking", "thinking": "So be it", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "cmVk"}


@pytest.mark.parametrize("profile", ["litellm", "generic"])
def test_thinking_blocks_go_back_as_they_came(profile: str) -> None:
    """LiteLLM hands them to Anthropic, which checks the signatures: whole blocks, in their own field."""
    prepared = chat(_turn("thinking_blocks_only", profile), PROFILES[profile])
    assert prepared.body["messages"][1] == {
        "role": "assistant",
        "content": "Amen",
        "thinking_blocks": [SIGNED, REDACTED],
    }
    assert not prepared.report


def test_thinking_blocks_of_tool_calls_go_back_next_to_the_text() -> None:
    """The text goes back in its own field too, if it came in one."""
    origin = Origin("chat", "litellm")
    thought = Reasoning(content="So be it", details=[SIGNED], origin=origin, field_name="reasoning_content")
    input_ = ["q", thought, FunctionCall("c1", "f", "{}"), FunctionCallOutput("c1", "ok")]
    (_, message, _) = chat(input_, PROFILES["litellm"]).body["messages"]
    assert (message["thinking_blocks"], message["reasoning_content"]) == ([SIGNED], "So be it")


def test_a_thinking_block_without_a_signature_stays_out() -> None:
    """Anthropic refuses a block that was cut before its signature; the report has it."""
    cut = Reasoning(content="So", details=[{"type": "thinking", "thinking": "So"}])
    prepared = chat(["q", cut, Message("assistant", "Amen"), "and then?"], PROFILES["litellm"])
    assert "thinking_blocks" not in json.dumps(prepared.body)
    assert "its thinking blocks without a signature" in str(prepared.report)


def test_openrouter_gets_no_thinking_blocks() -> None:
    """Its field is `reasoning_details`; blocks of LiteLLM are none."""
    detail = {"type": "reasoning.text", "text": "So be it", "signature": "s"}
    both = Reasoning(content="So be it", details=[detail, SIGNED])
    prepared = chat(["q", both, Message("assistant", "Amen"), "and then?"], OPENROUTER)
    assert prepared.body["messages"][1]["reasoning_details"] == [detail]
    assert "its thinking blocks" in str(prepared.report)


def test_the_document_of_an_answer_has_both_lists_in_their_fields() -> None:
    """`to_chat_completion` writes blocks where LiteLLM does, so the document reads as the stream did."""
    last = list(read_events((FIXTURES / "litellm/thinking_blocks_only.sse").read_bytes()))[-1]
    assert isinstance(last, Completed)
    document = last.completion.to_chat_completion()
    message = document["choices"][0]["message"]
    assert message["thinking_blocks"] == [SIGNED, REDACTED]
    assert "reasoning_details" not in message
    again = list(events_from_completion(document))[-1]
    assert isinstance(again, Completed)
    assert again.completion.items[0].details == (SIGNED, REDACTED)  # type: ignore[union-attr]


def test_a_dumped_message_goes_back_without_its_nulls() -> None:
    """OpenAI's package and chat pages write every field; servers refuse a name of null."""
    call = {**CALL, "extra_content": None, "function": {**CALL["function"], "parsed_arguments": None}}
    empty = dict.fromkeys(("refusal", "audio", "function_call", "name", "metadata"))
    sent = [
        {"role": "user", "content": [{"type": "text", "text": "q", "cache_control": None}], **empty},
        {"role": "assistant", "content": None, "tool_calls": [call], "annotations": [], **empty},
        {"role": "tool", "tool_call_id": "c1", "content": "r", **empty},
    ]
    prepared = chat(sent, OPENAI)
    assert prepared.body["messages"] == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ]
    assert not prepared.report


# -- what gateways refuse --------------------------------------------------------------------------


def test_neighbours_of_one_role_are_one_message_where_roles_alternate() -> None:
    """Perplexity: "user or tool message(s) should alternate with assistant message(s)"."""
    texts = [InputText("c"), InputText("d")]
    sent = [
        *(Message("system", "s"), Message("system", "t")),
        *(Message("user", "a"), Message("user", "b"), Message("user", texts)),
        *(Message("assistant", "e"), Message("assistant", "f")),
        *(FunctionCall("c1", "f", "{}"), FunctionCallOutput("c1", "r")),
        *(Message("user", "g"),),
    ]
    prepared = chat(sent, PROFILES["perplexity"])
    roles = [message["role"] for message in prepared.body["messages"]]
    assert roles == ["system", "system", "user", "assistant", "tool", "user"]
    user = [{"type": "text", "text": text} for text in ("a\n\nb", "c", "d")]
    assert prepared.body["messages"][2]["content"] == user
    assert len(prepared.report.repaired) == 3
    model = prepared.body["messages"][3]
    assert (model["content"], len(model["tool_calls"])) == ("e\n\nf", 1)


@pytest.mark.parametrize(
    ("profile", "model", "is_joined"),
    [
        ("vllm", "google/gemma-3-27b-it", True),
        ("llamacpp", "devstral-small-2", True),
        ("lmstudio", "mistralai/Ministral-3-8B", True),
        ("vllm", "Qwen/Qwen3-8B", False),
        ("vllm", "/gemma-server/Qwen3-8B", False),
        ("openrouter", "google/gemma-3-27b-it", False),
        ("generic", "gemma-3", False),
    ],
)
def test_templates_that_alternate_get_one_message_of_a_role(
    profile: str, model: str, is_joined: bool
) -> None:
    """The template raises: "conversation roles must alternate user and assistant roles"."""
    sent = Request(["a", Message("user", "b")], model=model)
    contents = [m["content"] for m in prepare(sent, "chat", PROFILES[profile]).body["messages"]]
    assert contents == (["a\n\nb"] if is_joined else ["a", "b"])


def test_messages_with_calls_stay_apart() -> None:
    """An output follows its call at once."""
    calls = [FunctionCall("c1", "f", "{}"), FunctionCallOutput("c1", "r"), FunctionCall("c2", "f", "{}")]
    prepared = chat(["q", *calls, FunctionCallOutput("c2", "r")], PROFILES["perplexity"])
    roles = [message["role"] for message in prepared.body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]


INTERRUPTED = ["q", FunctionCall("abcDEF123", "f", "{}"), FunctionCallOutput("abcDEF123", "r"), "no, stop"]


@pytest.mark.parametrize(
    ("profile", "model", "is_filled"),
    [
        ("mistral", "ft:open-mistral-7b:x", True),
        ("generic", "mistral-medium-latest", True),
        ("nvidia", "mistralai/mistral-small-4-119b-2603", True),
        ("openrouter", "mistralai/devstral-medium", True),
        ("vllm", "mistralai/Devstral-Small-2-24B", True),
        ("generic", "gpt-4.1", False),
        ("generic", "my-mistral", False),
        ("mistral", "ministral-3b-latest", False),
        ("openrouter", "mistralai/ministral-8b", False),
    ],
)
def test_models_that_want_to_answer_an_output_do(profile: str, model: str, is_filled: bool) -> None:
    """Mistral's: "Unexpected role 'user' after role 'tool'". A user who interrupts makes that order."""
    prepared = prepare(Request(INTERRUPTED, model=model), "chat", PROFILES[profile])
    roles = [message["role"] for message in prepared.body["messages"]]
    filler = ["assistant"] if is_filled else []
    assert roles == ["user", "assistant", "tool", *filler, "user"]
    assert any("'OK.' of the assistant" in said for said in prepared.report.repaired) == is_filled
    answered = [*INTERRUPTED[:3], Message("assistant", "a"), "r"]
    roles = [m["role"] for m in prepare(Request(answered, model=model), "chat", MISTRAL).body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize(
    ("name", "sent"),
    [("Jo M", "Jo_M"), ("a<b>|c\\d/e", "a_b_c_d_e"), ("ok-1", "ok-1"), ("<>", None)],
)
def test_the_name_of_a_message_has_characters_that_are_accepted(name: str, sent: str | None) -> None:
    """OpenAI refuses blanks, slashes, angle brackets and bars."""
    prepared = chat([{"role": "user", "name": name, "content": "q"}], GENERIC)
    assert prepared.body["messages"][0].get("name") == sent
    assert bool(prepared.report.repaired) == (name != sent)


def test_texts_are_one_string_where_lists_are_refused() -> None:
    """DeepSeek: "invalid type: sequence, expected a string". A picture stays a part."""
    mark = {"cache_control": {"type": "ephemeral"}}
    picture = {"type": "image_url", "image_url": {"url": "https://x/a.png"}}
    parts = [{"type": "text", "text": "a", **mark}, {"type": "text", "text": "b"}]
    sent = [{"role": "user", "content": parts}, {"role": "user", "content": [parts[1], picture]}]
    prepared = chat(sent, PROFILES["deepseek"])
    assert [m["content"] for m in prepared.body["messages"]] == ["a\n\nb", [parts[1], picture]]
    assert prepared.report.dropped == ["item 0 (message): its cache_control, which this API doesn't have"]


def test_texts_in_one_string_have_no_marks() -> None:
    """A mark would make a list of the text."""
    prepared = chat([Message("system", "s"), "q"], PROFILES["deepseek"], prompt_cache="ephemeral")
    assert [message["content"] for message in prepared.body["messages"]] == ["s", "q"]
    assert prepared.report.dropped == ["prompt_cache: deepseek reads texts as one string, without marks"]


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        ("grok-4-0709", {"stop", "presence_penalty", "reasoning_effort"}),
        ("grok-4-1-fast-reasoning", {"stop", "presence_penalty", "reasoning_effort"}),
        ("grok-4-fast-non-reasoning", {"reasoning_effort"}),
        ("grok-4.20-0309-reasoning", {"stop", "presence_penalty", "reasoning_effort"}),
        ("grok-4.20-multi-agent-0309", {"stop", "presence_penalty"}),
        ("grok-4.3", {"stop", "presence_penalty"}),
        ("grok-3-mini", {"stop", "presence_penalty"}),
        ("grok-3", {"reasoning_effort"}),
        ("grok-code-fast-1", {"stop", "presence_penalty", "reasoning_effort"}),
        ("grok-build", set()),
    ],
)
def test_fields_that_a_model_refuses_are_dropped(model: str, refused: set[str]) -> None:
    """xAI answers 400 to them; the report names each."""
    profile = PROFILES["xai"]
    given = {"stop": ["x"], "presence_penalty": 0.5, "reasoning_effort": "high"}
    prepared = prepare(Request("hi", model=model, params=given), "chat", profile)
    assert given.keys() - prepared.body.keys() == refused
    assert {said.split(":")[0] for said in prepared.report.dropped} == refused
    effort = Request("hi", model=model, params={"reasoning_effort": "high"})
    on_responses = prepare(effort, "responses", profile)
    assert ("reasoning" in on_responses.body) == ("reasoning_effort" not in refused)


LOGPROBS: dict[str, Any] = {"logprobs": True, "top_logprobs": 2}
PENALTIES: dict[str, Any] = {"presence_penalty": 0.5, "frequency_penalty": 0.5}
HEAT: dict[str, Any] = {"temperature": 0.3, "top_p": 0.9, **PENALTIES}
PARALLEL: dict[str, Any] = {"parallel_tool_calls": False}
EFFORT: dict[str, Any] = {"reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("profile", "model", "params", "is_refused"),
    [
        ("openai", "o4-mini-2025-04-16", PARALLEL, True),
        ("openai", "gpt-5", PARALLEL, False),
        ("openai", "gpt-4o", EFFORT, True),
        ("openai", "ft:gpt-4.1-mini:x", EFFORT, True),
        ("openai", "gpt-5-chat-latest", EFFORT, True),
        ("openai", "gpt-5.1", EFFORT, False),
        ("azure", "o3-mini", PARALLEL, True),
        ("openai", "gpt-4o-search-preview", HEAT, True),
        ("openai", "gpt-4o", HEAT, False),
        ("deepseek", "deepseek-reasoner", LOGPROBS, True),
        ("deepseek", "deepseek-chat", LOGPROBS, False),
        ("moonshot", "kimi-k2.5", HEAT, True),
        ("moonshot", "kimi-k2-0905-preview", HEAT, False),
        ("groq", "llama-3.3-70b-versatile", {**LOGPROBS, "logit_bias": {"5": 1}}, True),
        ("groq", "llama-3.3-70b-versatile", HEAT, False),
        ("cerebras", "gpt-oss-120b", {**PENALTIES, "logit_bias": {"5": 1}}, True),
        ("mistral", "mistral-medium-latest", {**LOGPROBS, "user": "u", "top_k": 5, "store": False}, True),
        ("mistral", "mistral-medium-latest", HEAT, False),
        ("gemini-openai", "gemini-3-pro", {"frequency_penalty": 0.5, "top_k": 5, "store": False}, True),
        ("gemini-openai", "gemini-3-pro", {**EFFORT, "temperature": 0.3, "top_p": 0.9}, False),
        ("generic", "o4-mini", PARALLEL, False),
        ("openrouter", "openai/o4-mini", PARALLEL, False),
    ],
)
def test_known_gateways_get_no_field_that_they_refuse(
    profile: str, model: str, params: dict[str, Any], is_refused: bool
) -> None:
    """Each answers 400 or 422; a gateway that isn't known decides itself."""
    tool = ToolSpec("f", "d")
    prepared = prepare(Request("hi", model=model, tools=[tool], params=params), "chat", PROFILES[profile])
    assert params.keys() & prepared.body.keys() == (set() if is_refused else params.keys())
    names = {said.split(":")[0] for said in prepared.report.dropped}
    assert names == (params.keys() if is_refused else set())


def test_what_a_model_refuses_stays_out_on_responses_too() -> None:
    """The effort is in `reasoning` there."""
    params = {"reasoning_effort": "low"}
    prepared = prepare(Request("hi", model="gpt-4.1", params=params), "responses", OPENAI)
    assert "reasoning" not in prepared.body
    assert prepared.report.dropped == ["reasoning: gpt-4.1 refuses it"]


@pytest.mark.parametrize(
    ("profile", "limit", "is_doubtful"), [(OPENAI, 15, True), (OPENAI, 16, False), (GENERIC, 1, False)]
)
def test_a_limit_that_openai_refuses_is_doubtful(profile: Profile, limit: int, is_doubtful: bool) -> None:
    """Its 400: "Expected a value >= 16". The caller's own number is sent all the same."""
    params = {"max_output_tokens": limit}
    prepared = prepare(Request("hi", model="gpt-4.1", params=params), "responses", profile)
    assert prepared.body["max_output_tokens"] == limit
    assert any("max_output_tokens" in said for said in prepared.report.doubtful) == is_doubtful


@pytest.mark.parametrize(
    ("model", "role", "limit"),
    [
        ("ft:o4-mini-2025-04-16:acme::a", "developer", "max_completion_tokens"),
        ("ft:o4-mini-2025-04-16:acme:chat-bot:a", "developer", "max_completion_tokens"),
        ("ft:gpt-4.1-mini-2025-04-14:acme:o3:a", "system", "max_tokens"),
        ("gpt-5-chat-latest", "system", "max_tokens"),
        ("gpt-5.2-mini", "developer", "max_completion_tokens"),
    ],
)
def test_a_fine_tuned_model_is_known_by_its_base(model: str, role: str, limit: str) -> None:
    """Its name is ft:BASE:ORGANIZATION:SUFFIX:ID, where organization and suffix may be any words."""
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    body = prepare(Request(messages, model=model, params={"max_tokens": 9}), "chat", OPENAI).body
    assert body["messages"][0]["role"] == role
    assert body[limit] == 9


@pytest.mark.parametrize(("format_", "said"), [("wav", 1), ("pcm16", 0), (None, 0)])
def test_audio_in_another_format_than_pcm16_is_doubtful(format_: str | None, said: int) -> None:
    """OpenAI: "'audio.format' does not support 'wav' when stream=true"."""
    audio = {"voice": "alloy", **({"format": format_} if format_ else {})}
    prepared = chat("hi", OPENAI, modalities=["text", "audio"], audio=audio)
    assert prepared.body["audio"] == audio
    assert prepared.report.doubtful == ["audio: OpenAI streams pcm16 only, not 'wav'"] * said


def test_a_gateway_has_names_of_its_own_for_fields() -> None:
    """Mistral refuses fields that it doesn't know."""
    prepared = chat("hi", MISTRAL, seed=5, max_completion_tokens=7)
    assert (prepared.body["random_seed"], prepared.body["max_tokens"]) == (5, 7)
    assert not {"seed", "max_completion_tokens"} & prepared.body.keys()


@pytest.mark.parametrize(
    ("model", "params", "is_sent"),
    [("o4-mini", {}, False), ("gpt-5", {}, False), ("gpt-5.1", {}, True), ("gpt-4.1", {}, True)],
)
def test_models_that_reason_refuse_stop_words(model: str, params: dict[str, Any], is_sent: bool) -> None:
    """OpenAI's reference: not supported with the reasoning models since o3."""
    prepared = prepare(Request("hi", model=model, params={"stop": "x", **params}), "chat", OPENAI)
    assert ("stop" in prepared.body) is is_sent
