"""The effects of parameters and profiles on a Responses body. The table of bodies is in
test_conversations.py."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    PROFILES,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    Message,
    Origin,
    OutputImage,
    OutputText,
    Profile,
    Reasoning,
    UnknownItem,
    UsageError,
)
from streamkit.items import Item
from streamkit.profiles.known import GENERIC, OPENAI
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare


def responses(input_: Any, profile: Profile = GENERIC, **options: Any) -> PreparedRequest:
    model = options.pop("model", "m")
    return prepare(Request(input_, model=model, params=options), "responses", profile)


def test_an_output_may_answer_a_call_that_the_server_has() -> None:
    """With previous_response_id, the request contains only the new items."""
    prepared = responses([FunctionCallOutput("c1", "ok")], previous_response_id="resp_1")
    assert prepared.body == {
        "model": "m",
        "input": [{"type": "function_call_output", "call_id": "c1", "output": "ok"}],
        "stream": True,
        "previous_response_id": "resp_1",
    }
    assert not prepared.report


def test_the_input_may_be_empty_if_the_server_has_a_prompt() -> None:
    """Without a stored prompt or response, an empty input is an error."""
    assert responses([], prompt={"id": "pmpt_1"}).body["input"] == []
    with pytest.raises(UsageError, match="input: expected an item to send, got none; it is empty"):
        responses([])


def test_reasoning_text_is_dropped_if_the_server_refuses_it() -> None:
    """OpenAI accepts only its own reasoning: by id, or encrypted."""
    own = Reasoning(id="rs_1", encrypted_content="enc")
    items = [Message("user", "u"), Reasoning(content="foreign"), own, Message("assistant", "a")]
    prepared = responses(items, OPENAI)
    assert [item["type"] for item in prepared.body["input"]] == ["message", "reasoning", "message"]
    assert prepared.body["input"][1]["encrypted_content"] == "enc"
    assert prepared.report.dropped == [
        "item 1 (reasoning) has no encrypted content, and openai accepts only its own reasoning"
    ]


def test_reasoning_with_text_is_sent_even_if_nothing_is_stored() -> None:
    """Servers of open models return the text itself, so the id isn't only a reference."""
    items = [Message("user", "u"), Reasoning(id="rs_1", content="hm"), Message("assistant", "a")]
    assert responses(items, store=False).body["input"][1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }


def test_extra_wins() -> None:
    """A field that no attribute can hold as it was received is in `extra`, and goes back unchanged."""
    summary = [{"type": "summary_text", "text": "s", "lang": "en"}]
    thought = Reasoning(id="rs_1", summary=["s"], extra={"summary": summary})
    items = [Message("user", "u"), thought, Message("assistant", "a")]
    assert responses(items).body["input"][1]["summary"] == summary


KEPT, LATER = Reasoning(id="rs_1", summary=["s"]), Message("user", "u2")
_CALLED = [FunctionCall("c1", "f", "{}"), FunctionCallOutput("c1", "r")]
_SEARCHED = UnknownItem({"type": "file_search_call", "id": "fs_1", "queries": ["q"], "status": "completed"})
_COMPUTED = UnknownItem({"type": "computer_call_output", "call_id": "c2", "output": {"type": "x"}})


@pytest.mark.parametrize(
    ("behind", "is_kept"),
    [
        pytest.param([Message("assistant", "a"), LATER], True, id="a message"),
        pytest.param([Reasoning(id="rs_2"), Message("assistant", "a")], True, id="more reasoning"),
        pytest.param(_CALLED, True, id="a call"),
        pytest.param([_SEARCHED, LATER], True, id="a call of the server's"),
        pytest.param([], False, id="nothing"),
        pytest.param([LATER], False, id="the user"),
        pytest.param([Message("system", "s"), Message("assistant", "a")], False, id="the system"),
        pytest.param([Message("assistant", ""), LATER], False, id="a message that isn't sent"),
        pytest.param([_COMPUTED], False, id="an output"),
    ],
)
def test_reasoning_without_its_answer_stays_out(behind: list[Item], is_kept: bool) -> None:
    """An answer that was cut after its reasoning leaves it alone, and the server refuses it then."""
    prepared = responses([Message("user", "u"), KEPT, *behind])
    kinds = [item["type"] for item in prepared.body["input"]]
    assert (kinds[1:2] == ["reasoning"]) == is_kept
    lone = "item 1 (reasoning) is alone: the server refuses it without the item that followed it"
    assert (lone in prepared.report.dropped) != is_kept


def test_reasoning_that_no_server_knows_may_be_alone() -> None:
    """Servers of open models read its text, and refuse none."""
    items = [Message("user", "u"), Reasoning(content="hm"), LATER]
    kinds = [item["type"] for item in responses(items, profile=GENERIC).body["input"]]
    assert kinds == ["message", "reasoning", "message"]


def test_ids_that_the_server_refuses_are_left_out() -> None:
    """Copilot sends ids of some 400 characters, and answers 400 to more than 64."""
    home, long = Origin("responses", "copilot"), "A/b+" * 100
    items = [
        Message("user", "u"),
        Reasoning(id=long, encrypted_content="e", origin=home),
        Message("assistant", [OutputText("a")], id=long, origin=home),
        FunctionCall("c1", "f", "{}", id=long, origin=home),
        FunctionCallOutput("c1", "r"),
        Message("assistant", "b", id="msg_1", origin=home),
    ]
    prepared = responses(items, profile=PROFILES["copilot"])
    assert [item.get("id") for item in prepared.body["input"]] == [None] * 5 + ["msg_1"]
    assert prepared.body["input"][1]["encrypted_content"] == "e"
    assert responses(items[:2] + items[2:3], profile=GENERIC).body["input"][2]["id"] == long


def test_reasoning_that_only_a_refused_id_names_stays_out() -> None:
    """Without the id, nothing says which reasoning it is."""
    home = Origin("responses", "copilot")
    items = [Message("user", "u"), Reasoning(id="x" * 99, origin=home), Message("assistant", "a")]
    prepared = responses(items, profile=PROFILES["copilot"])
    assert [item["type"] for item in prepared.body["input"]] == ["message", "message"]


def test_include_has_each_entry_once() -> None:
    """The caller's own entries stay, and none is repeated."""
    wanted = ["file_search_call.results", "reasoning.encrypted_content"]
    assert responses("hi", store=False, include=wanted).body["include"] == wanted


def test_text_of_the_caller_wins() -> None:
    """The fields of `text` stay, and the others are added."""
    body = responses(
        "hi", text={"format": {"type": "text"}}, response_format="json_object", verbosity="low"
    ).body
    assert body["text"] == {"verbosity": "low", "format": {"type": "text"}}


def test_effort_joins_the_other_settings() -> None:
    """`reasoning_effort` is a field of `reasoning` here."""
    body = responses("hi", reasoning={"summary": "auto"}, reasoning_effort="low").body
    assert body["reasoning"] == {"summary": "auto", "effort": "low"}


@pytest.mark.parametrize("name", ["n", "stop", "seed", "logit_bias", "prediction", "modalities", "audio"])
def test_a_parameter_of_chat_is_a_usage_error(name: str) -> None:
    """The message names the parameter and the alternatives."""
    values: dict[str, Any] = {"n": 2, "stop": "x", "seed": 1, "modalities": ["text"]}
    with pytest.raises(UsageError, match=f"{name}: the responses API has no such parameter"):
        responses("hi", **{name: values.get(name, {})})


def test_an_empty_message_with_an_id_goes_back() -> None:
    """The server wrote it next to its reasoning, which it refuses without the message."""
    items = [Message("user", "u"), Message("assistant", [], id="msg_1")]
    assert responses(items).body["input"][1] == {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [],
    }


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (InputImage(), "expected image_url or file_id, got neither; pass one"),
        (InputFile("a.pdf"), "expected file_data, file_url or file_id, got none of them; pass one"),
    ],
)
def test_a_part_without_data_is_a_usage_error(part: Any, words: str) -> None:
    """An empty part would become an invalid data URL."""
    with pytest.raises(UsageError) as caught:
        responses([Message("user", [part])])
    assert str(caught.value) == f"input[0].content[0]: {words}"


def test_image_by_file_id() -> None:
    """Uploaded images have an id on Responses."""
    (message,) = responses([Message("user", [InputImage(file_id="file-1", detail="high")])]).body["input"]
    assert message["content"] == [{"type": "input_image", "file_id": "file-1", "detail": "high"}]


def test_an_image_by_a_model_in_a_user_message() -> None:
    """A user can show the model an image that a model made."""
    (message,) = responses([Message("user", [OutputImage("data:image/png;base64,AA==")])]).body["input"]
    assert message["content"] == [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]


def test_items_of_chat_go_to_responses_and_back() -> None:
    """One turn from either wire continues on the other: `conversation += completion.items`."""
    by_chat = [Reasoning(content="hm"), Message("assistant", "a"), FunctionCall("c1", "f", "{}")]
    by_responses = [
        Reasoning(id="rs_1", summary=["s"], encrypted_content="enc"),
        Message("assistant", [OutputText("a")], id="msg_1", status="completed"),
        FunctionCall("c1", "f", "{}", id="fc_1", status="completed"),
    ]
    output = FunctionCallOutput("c1", "ok")
    for items in (by_chat, by_responses):
        request = Request([Message("user", "u"), *items, output], model="m")
        chat = prepare(request, "chat", GENERIC)
        assert [m["role"] for m in chat.body["messages"]] == ["user", "assistant", "tool"]
        kinds = [item["type"] for item in prepare(request, "responses", GENERIC).body["input"]]
        assert kinds == ["message", "reasoning", "message", "function_call", "function_call_output"]
        assert not chat.report.needs_attention


def test_a_generated_picture_goes_back_without_the_fields_of_an_answer() -> None:
    """The API refuses them in an input; a picture that failed has no result to refer to."""
    answer = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA"}
    raw = {**answer, "action": "generate", "background": "opaque", "size": "1x1"}
    failed = {**answer, "id": "ig_2", "status": "failed", "result": None}
    request = Request(["draw", raw, failed, "again"], model="m")
    prepared = prepare(request, "responses", OPENAI)
    assert prepared.body["input"][1] == answer
    assert len(prepared.body["input"]) == 3
    assert prepared.report.dropped == [
        "item 1 (unknown): its action, background, size, which the API sends and doesn't accept",
        "item 2 (unknown) is an image_generation_call without a result",
    ]


def test_ids_go_with_the_reasoning_that_is_left_out() -> None:
    """OpenAI: "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item"."""
    answer = [Reasoning(id="rs_1"), FunctionCall("c1", "f", "{}", id="fc_1"), FunctionCallOutput("c1", "r")]
    said = Message("assistant", [OutputText("a")], id="msg_1")  # another answer: it doesn't depend on rs_1
    items = ["q", Reasoning(id="rs_0"), evolve(said, id="msg_0"), "r", *answer, said]
    request = Request(items, model="gpt-5", params={"store": False})
    sent = prepare(request, "responses", OPENAI).body["input"]
    assert [item.get("id") for item in sent] == [None, None, None, None, None, "msg_1"]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
def test_an_item_that_the_server_may_have_is_doubtful(name: str) -> None:
    """It refuses an item twice; the caller's own messages have no id there."""
    items = ["q", Message("assistant", [OutputText("a")], id="msg_1"), "r"]
    prepared = prepare(Request(items, model="gpt-5", params={name: "x_1"}), "responses", OPENAI)
    assert len(prepared.body["input"]) == 3
    assert prepared.report.doubtful == [
        "item 1 (message): the server refuses an item that is in the conversation that goes on"
    ]
    assert not prepare(Request(["q"], model="gpt-5", params={name: "x_1"}), "responses", OPENAI).report
