"""Messages of a user, a system and a model: text, images, speech and files."""

from __future__ import annotations

from streamkit import (
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Message,
    Note,
    OutputAudio,
    OutputImage,
    OutputText,
    Refusal,
    UnknownPart,
)

from . import A, Case, U, assistant, r_assistant, r_message, r_user, system, text, user

PIXEL = "data:image/png;base64,AA=="
PDF = "data:application/pdf;base64,JVBERi0="

CASES = {
    "string": Case("hi", [user("hi")], [r_user("hi")]),
    "strings": Case(["a", "b"], [user("a"), user("b")], [r_user("a"), r_user("b")]),
    "several_texts": Case(
        [U(InputText("a"), InputText(" "), InputText("b"))],
        [user([text("a"), text(" "), text("b")])],
        [r_user("a", " ", "b")],
    ),
    "instructions": Case(
        "hi",
        [system("be kind"), user("hi")],
        [r_user("hi")],
        request={"instructions": "be kind"},
        responses_fields={"instructions": "be kind"},
    ),
    "empty_instructions": Case("hi", [user("hi")], [r_user("hi")], request={"instructions": "  "}),
    "instructions_of_a_reasoning_model": Case(
        [Message("system", "s"), U("hi")],
        [
            {"role": "developer", "content": "be kind"},
            {"role": "developer", "content": "s"},
            user("hi"),
        ],
        [r_message("system", "s"), r_user("hi")],
        openrouter=[system("be kind"), system("s"), user("hi")],
        request={"instructions": "be kind", "model": "o4-mini"},
        responses_fields={"instructions": "be kind"},
    ),
    "developer_becomes_system_unless_the_model_reasons": Case(
        [Message("developer", "d"), U("hi")],
        [system("d"), user("hi")],
        [r_message("developer", "d"), r_user("hi")],
    ),
    "system_in_the_middle": Case(
        [U("u"), A("a"), Message("system", [InputText("s"), InputText("t")]), U("v")],
        [user("u"), assistant("a"), system([text("s"), text("t")]), user("v")],
        [r_user("u"), r_assistant("a"), r_message("system", "s", "t"), r_user("v")],
    ),
    "several_turns": Case(
        [U("u1"), A("a1"), U("u2"), A("a2"), U("u3")],
        [user("u1"), assistant("a1"), user("u2"), assistant("a2"), user("u3")],
        [r_user("u1"), r_assistant("a1"), r_user("u2"), r_assistant("a2"), r_user("u3")],
    ),
    "assistant_of_several_texts": Case(
        [U("u"), Message("assistant", [OutputText("a"), OutputText("b")])],
        [user("u"), assistant("ab")],
        [r_user("u"), r_assistant("a", "b")],
    ),
    "two_answers_stay_two": Case(
        [U("u"), A("one"), A("two")],
        [user("u"), assistant("one"), assistant("two")],
        [r_user("u"), r_assistant("one"), r_assistant("two")],
    ),
    "image_url": Case(
        [U(InputText("what?"), InputImage("https://x/y.png"))],
        [user([text("what?"), {"type": "image_url", "image_url": {"url": "https://x/y.png"}}])],
        [r_user("what?", {"type": "input_image", "image_url": "https://x/y.png"})],
    ),
    "image_with_detail": Case(
        [U(InputImage(PIXEL, "low"))],
        [user([{"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}])],
        [r_user({"type": "input_image", "image_url": PIXEL, "detail": "low"})],
    ),
    "white_space_next_to_an_image_stays": Case(
        [U(InputText("look "), InputImage(PIXEL), InputText(" "))],
        [user([text("look "), {"type": "image_url", "image_url": {"url": PIXEL}}, text(" ")])],
        [r_user("look ", {"type": "input_image", "image_url": PIXEL}, " ")],
    ),
    "audio": Case(
        [U(InputAudio("QUJD", "mp3"))],
        [user([{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}])],
        [r_user({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}})],
    ),
    "file_as_data_url": Case(
        [U(InputFile(file_data=PDF))],
        [user([{"type": "file", "file": {"filename": "document.pdf", "file_data": PDF}}])],
        [r_user({"type": "input_file", "filename": "document.pdf", "file_data": PDF})],
    ),
    "file_as_base64_with_a_name": Case(
        [U(InputFile("a.pdf", file_data="JVBERi0="))],
        [user([{"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}])],
        [r_user({"type": "input_file", "filename": "a.pdf", "file_data": PDF})],
    ),
    "file_by_url": Case(
        [U(InputFile(file_url="https://x/a.pdf"))],
        [user([{"type": "file", "file": {"filename": "document.pdf", "file_data": "https://x/a.pdf"}}])],
        [r_user({"type": "input_file", "file_url": "https://x/a.pdf"})],
    ),
    "file_by_id": Case(
        [U(InputFile(file_id="file-1"))],
        [user([{"type": "file", "file": {"file_id": "file-1"}}])],
        [r_user({"type": "input_file", "file_id": "file-1"})],
    ),
    "part_of_an_unknown_kind": Case(
        [U(UnknownPart({"type": "video_url", "video_url": {"url": "https://x/v"}}))],
        [user([{"type": "video_url", "video_url": {"url": "https://x/v"}}])],
        [r_user({"type": "video_url", "video_url": {"url": "https://x/v"}})],
    ),
    "cache_mark_on_a_part": Case(
        [U(InputText("long", extra={"cache_control": {"type": "ephemeral"}}))],
        [user([{**text("long"), "cache_control": {"type": "ephemeral"}}])],
        [r_user({"type": "input_text", "text": "long", "cache_control": {"type": "ephemeral"}})],
    ),
    "name_of_a_user": Case(
        [{"role": "user", "name": "bob", "content": "hi"}],
        [{"role": "user", "name": "bob", "content": "hi"}],
        [r_user("hi")],
        responses_report=["dropped: item 0 (message): its name, which the responses API doesn't have"],
    ),
    "blank_messages_are_dropped": Case(
        [U("u"), U("  "), A(""), U("v")],
        [user("u"), user("v")],
        [r_user("u"), r_user("v")],
        report=["dropped: item 1 (message) is empty", "dropped: item 2 (message) is empty"],
    ),
    "answer_stored_twice": Case(
        [U("u"), A("ok"), A("ok")],
        [user("u"), assistant("ok")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok")],
        report=["dropped: item 2 (message) repeats the message before it"],
        responses_report=[],
    ),
    "same_answer_in_a_later_turn": Case(
        [U("u"), A("ok"), U("v"), A("ok"), U("w")],
        [user("u"), assistant("ok"), user("v"), assistant("ok"), user("w")],
        [r_user("u"), r_assistant("ok"), r_user("v"), r_assistant("ok"), r_user("w")],
    ),
    "answer_stored_twice_around_a_blank_message": Case(
        [U("u"), A("ok"), U(" "), A("ok")],
        [user("u"), assistant("ok")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok")],
        report=[
            "dropped: item 2 (message) is empty",
            "dropped: item 3 (message) repeats the message before it",
        ],
        responses_report=["dropped: item 2 (message) is empty"],
    ),
    "answer_stored_twice_with_a_refusal": Case(
        [U("u"), A("ok"), Message("assistant", [OutputText("ok"), Refusal("no")])],
        [user("u"), assistant("ok"), assistant("ok", refusal="no")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok", {"type": "refusal", "refusal": "no"})],
    ),
    "image_in_a_system_message": Case(
        [Message("system", [InputText("s"), InputImage(PIXEL)]), U("u")],
        [system("s"), user("u")],
        [r_message("system", "s", {"type": "input_image", "image_url": PIXEL}), r_user("u")],
        report=[
            "dropped: item 0 (message): its input_image, because a system message on chat contains only text"
        ],
        responses_report=[],
    ),
    "refusal": Case(
        [U("u"), Message("assistant", [Refusal("no")]), U("v")],
        [user("u"), assistant(None, refusal="no"), user("v")],
        [r_user("u"), r_assistant({"type": "refusal", "refusal": "no"}), r_user("v")],
    ),
    "text_and_refusal": Case(
        [U("u"), Message("assistant", [OutputText("a"), Refusal("no")])],
        [user("u"), assistant("a", refusal="no")],
        [r_user("u"), r_assistant("a", {"type": "refusal", "refusal": "no"})],
    ),
    "speech_by_the_model": Case(
        [U("u"), Message("assistant", [OutputAudio("audio_1", "QUJD", "hello")]), U("v")],
        [user("u"), assistant(None, audio={"id": "audio_1"}), user("v")],
        [r_user("u"), r_assistant("hello"), r_user("v")],
    ),
    "image_by_the_model": Case(
        [U("u"), Message("assistant", [OutputText("here"), OutputImage(PIXEL)]), U("v")],
        [user("u"), assistant("here"), user("v")],
        [r_user("u"), r_assistant("here"), r_user("v")],
        report=["dropped: item 1 (message): its output_image, which the chat API doesn't accept back"],
        responses_report=[
            "dropped: item 1 (message): its output_image, which the responses API doesn't accept back"
        ],
    ),
    "only_an_image_by_the_model": Case(
        [U("u"), Message("assistant", [OutputImage(PIXEL)]), U("v")],
        [user("u"), user("v")],
        [r_user("u"), r_user("v")],
        report=[
            "dropped: item 1 (message): its output_image, which the chat API doesn't accept back",
            "dropped: item 1 (message) is empty",
        ],
        responses_report=[
            "dropped: item 1 (message): its output_image, which the responses API doesn't accept back",
            "dropped: item 1 (message) is empty",
        ],
    ),
    "note": Case(
        [U("u"), Note("remember"), A("a"), U("v")],
        [user("u"), assistant("a"), user("v")],
        [r_user("u"), r_assistant("a"), r_user("v")],
    ),
    "message_by_responses": Case(
        [
            U("u"),
            Message(
                "assistant",
                [OutputText("a", annotations=[{"type": "url_citation", "url": "https://x"}])],
                id="msg_1",
                status="completed",
                extra={"phase": "final_answer"},
            ),
        ],
        [user("u"), assistant("a")],
        [
            r_user("u"),
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {
                        "type": "output_text",
                        "text": "a",
                        "annotations": [{"type": "url_citation", "url": "https://x"}],
                    }
                ],
                "phase": "final_answer",
            },
        ],
        report=[
            "dropped: item 1 (message): its id, because a chat message has none",
            "dropped: item 1 (message): its phase, annotations, which this API doesn't have",
        ],
        responses_report=(),
    ),
    "chat_dicts": Case(
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "u"}]},
            {
                "role": "assistant",
                "content": "a",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ],
        [
            system("s"),
            user("u"),
            assistant(
                "a", {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ),
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ],
        [
            r_message("system", "s"),
            r_user("u"),
            r_assistant("a"),
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ],
    ),
}
