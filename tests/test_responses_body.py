"""What parameters and profiles change in a Responses body. The table is in test_bodies.py."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    Message,
    OutputImage,
    OutputText,
    Profile,
    Reasoning,
    UsageError,
)
from streamkit.profiles.known import GENERIC, OPENAI
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare


def responses(input_: Any, profile: Profile = GENERIC, **options: Any) -> PreparedRequest:
    model = options.pop("model", "m")
    return prepare(Request(input_, model=model, params=options), "responses", profile)


def test_an_output_may_answer_a_call_that_the_server_keeps() -> None:
    """With previous_response_id only what is new is sent; the call is on the server (PQ-10)."""
    prepared = responses([FunctionCallOutput("c1", "ok")], previous_response_id="resp_1")
    assert prepared.body == {
        "model": "m",
        "input": [{"type": "function_call_output", "call_id": "c1", "output": "ok"}],
        "stream": True,
        "previous_response_id": "resp_1",
    }
    assert not prepared.report


def test_nothing_new_is_needed_where_the_server_keeps_the_rest() -> None:
    """A stored prompt or response may be all there is to say; else an empty input is an error (PQ-13)."""
    assert responses([], prompt={"id": "pmpt_1"}).body["input"] == []
    with pytest.raises(UsageError, match="input: nothing to send; it is empty"):
        responses([])


def test_reasoning_of_another_api_stays_behind_where_it_is_refused() -> None:
    """OpenAI takes back its own reasoning only: by id, or encrypted (P15)."""
    own = Reasoning(id="rs_1", encrypted_content="enc")
    items = [Message("user", "u"), Reasoning(content="foreign"), own, Message("assistant", "a")]
    prepared = responses(items, OPENAI)
    assert [item["type"] for item in prepared.body["input"]] == ["message", "reasoning", "message"]
    assert prepared.body["input"][1]["encrypted_content"] == "enc"
    assert prepared.report.dropped == [
        "item 1 (reasoning) comes from another API, and openai takes back its own reasoning only"
    ]


def test_reasoning_that_says_its_text_is_sent_even_if_nothing_is_stored() -> None:
    """Open models give the text itself; the id is then no mere reference."""
    items = [Message("user", "u"), Reasoning(id="rs_1", content="hm"), Message("assistant", "a")]
    assert responses(items, store=False).body["input"][1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }


def test_extra_wins() -> None:
    """What an attribute could not hold as it came is in `extra`, and goes back as it came (P15)."""
    summary = [{"type": "summary_text", "text": "s", "lang": "en"}]
    items = [Message("user", "u"), Reasoning(id="rs_1", summary=["s"], extra={"summary": summary})]
    assert responses(items).body["input"][1]["summary"] == summary


def test_include_is_asked_for_once() -> None:
    """PQ-11: the caller's own entries stay, and none comes twice."""
    wanted = ["file_search_call.results", "reasoning.encrypted_content"]
    assert responses("hi", store=False, include=wanted).body["include"] == wanted


def test_text_of_the_caller_wins() -> None:
    """PQ-12: what `text` says stands, the rest is filled in."""
    body = responses(
        "hi", text={"format": {"type": "text"}}, response_format="json_object", verbosity="low"
    ).body
    assert body["text"] == {"verbosity": "low", "format": {"type": "text"}}


def test_effort_joins_the_other_settings() -> None:
    """`reasoning_effort` is a field of `reasoning` here."""
    body = responses("hi", reasoning={"summary": "auto"}, reasoning_effort="low").body
    assert body["reasoning"] == {"summary": "auto", "effort": "low"}


@pytest.mark.parametrize("name", ["n", "stop", "seed", "logit_bias", "prediction", "modalities", "audio"])
def test_what_only_chat_has_is_a_usage_error(name: str) -> None:
    """The message names the parameter and the ways out."""
    values: dict[str, Any] = {"n": 2, "stop": "x", "seed": 1, "modalities": ["text"]}
    with pytest.raises(UsageError, match=f"{name}: the responses API has no such parameter"):
        responses("hi", **{name: values.get(name, {})})


def test_an_empty_message_with_an_id_goes_back() -> None:
    """The server wrote it beside its reasoning, and misses it where it is left out (P15)."""
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
        (InputImage(), "item 0 \\(message\\), part 0: an image needs image_url or file_id"),
        (InputFile("a.pdf"), "item 0 \\(message\\), part 0: a file needs file_data"),
    ],
)
def test_a_part_that_says_nothing_is_named(part: Any, words: str) -> None:
    """PQ-04, PQ-05: no invalid data URL is made up."""
    with pytest.raises(UsageError, match=words):
        responses([Message("user", [part])])


def test_image_by_file_id() -> None:
    """Uploaded images are known by id here."""
    (message,) = responses([Message("user", [InputImage(file_id="file-1", detail="high")])]).body["input"]
    assert message["content"] == [{"type": "input_image", "file_id": "file-1", "detail": "high"}]


def test_picture_by_a_model_in_a_users_hands() -> None:
    """A user may show the model a picture that a model made."""
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
        assert not chat.report
