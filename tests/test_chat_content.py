"""The content of a delta and of a message in any form: texts, thoughts, annotations and images."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import Message, OutputImage, OutputText

from .chat_payloads import Outcome, chunk, read

TEXT = {"type": "text", "text": "A"}


def both(source: dict[str, Any]) -> list[Outcome]:
    """Read *source* as a delta and as a message."""
    message = {"choices": [{"message": {"role": "assistant", **source}, "finish_reason": "stop"}]}
    return [read(chunk(**source), chunk("stop")), read(message)]


TEXTS = {
    "a part": [TEXT],
    "a lone part": TEXT,
    "OpenAI's Responses": [{"type": "output_text", "text": "A"}],
    "a user's": [{"type": "input_text", "text": "A"}],
    "capitals": [{"type": "TEXT", "text": "A"}],
    "Anthropic's delta": [{"type": "text_delta", "text": "A"}],
    "the Assistants API": [{"type": "text", "text": {"value": "A", "annotations": []}}],
    "in content": [{"type": "text", "content": "A"}],
    "without a type": [{"text": "A"}],
    "Gemini's": {"role": "model", "parts": [{"text": "A"}]},
    "a message": [{"type": "message", "content": [{"type": "output_text", "text": "A"}]}],
    "a list in a list": [[TEXT]],
    "null in a list": [None, TEXT],
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_text_is_found_in_every_form(content: Any) -> None:
    """None of them becomes an unknown part."""
    for outcome in both({"content": content}):
        (item,) = outcome.completion.items
        assert isinstance(item, Message)
        assert [*item.content] == [OutputText("A")]


@pytest.mark.parametrize("source", [{"text": "A"}, {"output_text": "A"}, {"parts": [{"text": "A"}]}], ids=str)
@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}], ids=str)
def test_another_field_may_be_in_the_place_of_content(
    source: dict[str, Any], content: dict[str, Any]
) -> None:
    """Also next to reasoning, after pieces of it."""
    for outcome in both({**content, **source}):
        assert outcome.completion.text == "A"
    thoughts = [chunk(reasoning=piece) for piece in ("x", "y", "z")]
    outcome = read(*thoughts, chunk(reasoning="!", **content, **source), chunk("stop"))
    assert (outcome.completion.reasoning, outcome.completion.text) == ("xyz!", "A")


def test_content_counts_before_a_field_in_its_place() -> None:
    """Some gateways have both, with one text."""
    outcome = read(*(chunk(content=text, text=text) for text in ("A", "B", "C")), chunk("stop"))
    assert outcome.completion.text == "ABC"


THOUGHTS = {
    "Mistral": {"type": "thinking", "thinking": [{"type": "text", "text": "B"}]},
    "a detail": {"type": "reasoning_text", "text": "B"},
    "a summary": {"type": "summary_text", "text": "B"},
    "a thought": {"type": "thought", "text": "B"},
    "Gemini's mark": {"text": "B", "thought": True},
    "Bedrock": {"reasoningContent": {"reasoningText": {"text": "B", "signature": "s"}}},
    "Bedrock's delta": {"reasoningContent": {"text": "B"}},
}


@pytest.mark.parametrize("part", THOUGHTS.values(), ids=THOUGHTS)
def test_a_thought_among_the_parts_is_no_text(part: dict[str, Any]) -> None:
    """Types and marks of other APIs."""
    for outcome in both({"content": [part, TEXT]}):
        assert (outcome.completion.reasoning, outcome.completion.text) == ("B", "A")


@pytest.mark.parametrize(
    "source",
    [
        {"reasoningContent": "B"},
        {"reasoning_summary": "B"},
        {"cot_summary": "B"},
        {"reasoning_details": "B"},
        {"provider_specific_fields": {"reasoning_content": "B"}},
        {"reasoning_content": None, "provider_specific_fields": {"reasoning_content": "B"}},
        {"reasoning_content": "B", "provider_specific_fields": {"reasoning_content": "B"}},
        {"provider_specific_fields": {"thinking_blocks": [{"type": "thinking", "thinking": "B"}]}},
    ],
    ids=str,
)
def test_reasoning_is_found_under_rare_names(source: dict[str, Any]) -> None:
    """LiteLLM repeats fields in `provider_specific_fields`; sometimes they are only there."""
    for outcome in both({**source, "content": "A"}):
        assert (outcome.completion.reasoning, outcome.completion.text) == ("B", "A")
    texts = [chunk(content=text) for text in ("C", "D")]
    outcome = read(*texts, chunk(content="E", **source), chunk("stop"))
    assert (outcome.completion.reasoning, outcome.completion.text) == ("B", "CDE")


@pytest.mark.parametrize(
    "part",
    [
        {**TEXT, "annotations": [{"url": "u"}]},
        {**TEXT, "citations": [{"url": "u"}]},
        {"type": "text", "text": {"value": "A", "annotations": [{"url": "u"}]}},
    ],
    ids=["annotations", "citations", "the Assistants API"],
)
def test_annotations_of_a_part_are_kept(part: dict[str, Any]) -> None:
    """They belong to the text."""
    for outcome in both({"content": [part]}):
        (item,) = outcome.completion.items
        assert isinstance(item, Message)
        assert [*item.content] == [OutputText("A", [{"url": "u"}])]


URL = "data:image/png;base64,AAAA"
IMAGES = {
    "OpenRouter": {"type": "image_url", "image_url": {"url": URL}},
    "a bare URL": {"type": "image_url", "image_url": URL},
    "DashScope": {"type": "image", "image": URL},
    "Anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    "Gemini": {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    "OpenAI's images": {"b64_json": "AAAA"},
}


@pytest.mark.parametrize("part", IMAGES.values(), ids=IMAGES)
def test_an_image_of_every_form_is_one(part: dict[str, Any]) -> None:
    """In the content and in `images`."""
    for source in ({"content": [part]}, {"content": "", "images": [part]}):
        for outcome in both(source):
            (item,) = outcome.completion.items
            assert isinstance(item, Message)
            assert [*item.content] == [OutputImage(URL)]
