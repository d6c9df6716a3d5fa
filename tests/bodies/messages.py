"""Messages: what a user, a system and a model say, in text, pictures, speech and files."""

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
    "string": Case("RQ-07", "hi", [user("hi")], [r_user("hi")]),
    "strings": Case("RQ-07", ["a", "b"], [user("a"), user("b")], [r_user("a"), r_user("b")]),
    "several_texts": Case(
        "RQ-07 RL-23",
        [U(InputText("a"), InputText(" "), InputText("b"))],
        [user([text("a"), text(" "), text("b")])],
        [r_user("a", " ", "b")],
    ),
    "instructions": Case(
        "RQ-03 RQ-06 PQ-02",
        "hi",
        [system("be kind"), user("hi")],
        [r_user("hi")],
        request={"instructions": "be kind"},
        responses_fields={"instructions": "be kind"},
    ),
    "empty_instructions": Case("RL-02", "hi", [user("hi")], [r_user("hi")], request={"instructions": "  "}),
    "instructions_of_a_reasoning_model": Case(
        "RO-02",
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
    "developer_where_nobody_knows_the_word": Case(
        "RO-02",
        [Message("developer", "d"), U("hi")],
        [system("d"), user("hi")],
        [r_message("developer", "d"), r_user("hi")],
    ),
    "system_in_the_middle": Case(
        "RQ-03 RL-26",
        [U("u"), A("a"), Message("system", [InputText("s"), InputText("t")]), U("v")],
        [user("u"), assistant("a"), system("st"), user("v")],
        [r_user("u"), r_assistant("a"), r_message("system", "s", "t"), r_user("v")],
    ),
    "several_turns": Case(
        "RQ-15",
        [U("u1"), A("a1"), U("u2"), A("a2"), U("u3")],
        [user("u1"), assistant("a1"), user("u2"), assistant("a2"), user("u3")],
        [r_user("u1"), r_assistant("a1"), r_user("u2"), r_assistant("a2"), r_user("u3")],
    ),
    "assistant_of_several_texts": Case(
        "RL-25 RQ-15",
        [U("u"), Message("assistant", [OutputText("a"), OutputText("b")])],
        [user("u"), assistant("ab")],
        [r_user("u"), r_assistant("a", "b")],
    ),
    "two_answers_stay_two": Case(
        "RL-22",
        [U("u"), A("one"), A("two")],
        [user("u"), assistant("one"), assistant("two")],
        [r_user("u"), r_assistant("one"), r_assistant("two")],
    ),
    "image_url": Case(
        "RQ-08 PQ-03 PQ-04",
        [U(InputText("what?"), InputImage("https://x/y.png"))],
        [user([text("what?"), {"type": "image_url", "image_url": {"url": "https://x/y.png"}}])],
        [r_user("what?", {"type": "input_image", "image_url": "https://x/y.png"})],
    ),
    "image_with_detail": Case(
        "RQ-08 RQ-09 OQ-05",
        [U(InputImage(PIXEL, "low"))],
        [user([{"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}])],
        [r_user({"type": "input_image", "image_url": PIXEL, "detail": "low"})],
    ),
    "white_space_beside_an_image_stays": Case(
        "RL-23",
        [U(InputText("look "), InputImage(PIXEL), InputText(" "))],
        [user([text("look "), {"type": "image_url", "image_url": {"url": PIXEL}}, text(" ")])],
        [r_user("look ", {"type": "input_image", "image_url": PIXEL}, " ")],
    ),
    "audio": Case(
        "RQ-11 OQ-05",
        [U(InputAudio("QUJD", "mp3"))],
        [user([{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}])],
        [r_user({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}})],
    ),
    "file_as_data_url": Case(
        "RQ-12 PQ-05 OQ-06",
        [U(InputFile(file_data=PDF))],
        [user([{"type": "file", "file": {"filename": "document.pdf", "file_data": PDF}}])],
        [r_user({"type": "input_file", "filename": "document.pdf", "file_data": PDF})],
    ),
    "file_as_base64_with_a_name": Case(
        "RQ-12 OQ-06",
        [U(InputFile("a.pdf", file_data="JVBERi0="))],
        [user([{"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}])],
        [r_user({"type": "input_file", "filename": "a.pdf", "file_data": PDF})],
    ),
    "file_by_url": Case(
        "OQ-05 PQ-05",
        [U(InputFile(file_url="https://x/a.pdf"))],
        [user([{"type": "file", "file": {"filename": "document.pdf", "file_data": "https://x/a.pdf"}}])],
        [r_user({"type": "input_file", "file_url": "https://x/a.pdf"})],
    ),
    "file_by_id": Case(
        "PQ-05",
        [U(InputFile(file_id="file-1"))],
        [user([{"type": "file", "file": {"file_id": "file-1"}}])],
        [r_user({"type": "input_file", "file_id": "file-1"})],
    ),
    "part_that_nobody_knows": Case(
        "OQ-05 P18",
        [U(UnknownPart({"type": "video_url", "video_url": {"url": "https://x/v"}}))],
        [user([{"type": "video_url", "video_url": {"url": "https://x/v"}}])],
        [r_user({"type": "video_url", "video_url": {"url": "https://x/v"}})],
    ),
    "cache_mark_on_a_part": Case(
        "OQ-15 RL-33",
        [U(InputText("long", extra={"cache_control": {"type": "ephemeral"}}))],
        [user([{**text("long"), "cache_control": {"type": "ephemeral"}}])],
        [r_user({"type": "input_text", "text": "long", "cache_control": {"type": "ephemeral"}})],
    ),
    "name_of_a_user": Case(
        "DESIGN 3",
        [{"role": "user", "name": "bob", "content": "hi"}],
        [{"role": "user", "name": "bob", "content": "hi"}],
        [r_user("hi")],
        responses_report=["dropped: item 0 (message): Responses has no name beside the role"],
    ),
    "white_space_is_no_message": Case(
        "RL-24",
        [U("u"), U("  "), A(""), U("v")],
        [user("u"), user("v")],
        [r_user("u"), r_user("v")],
        report=["dropped: item 1 (message) says nothing", "dropped: item 2 (message) says nothing"],
    ),
    "answer_said_twice": Case(
        "RL-27",
        [U("u"), A("ok"), A("ok")],
        [user("u"), assistant("ok")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok")],
        report=["dropped: item 2 (message) says what the message before it says"],
        responses_report=[],
    ),
    "answer_said_again_in_a_later_turn": Case(
        "RL-27",
        [U("u"), A("ok"), U("v"), A("ok"), U("w")],
        [user("u"), assistant("ok"), user("v"), assistant("ok"), user("w")],
        [r_user("u"), r_assistant("ok"), r_user("v"), r_assistant("ok"), r_user("w")],
    ),
    "answer_said_twice_around_nothing": Case(
        "RL-27 RL-24",
        [U("u"), A("ok"), U(" "), A("ok")],
        [user("u"), assistant("ok")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok")],
        report=[
            "dropped: item 2 (message) says nothing",
            "dropped: item 3 (message) says what the message before it says",
        ],
        responses_report=["dropped: item 2 (message) says nothing"],
    ),
    "refusal": Case(
        "X-14",
        [U("u"), Message("assistant", [Refusal("no")]), U("v")],
        [user("u"), assistant(None, refusal="no"), user("v")],
        [r_user("u"), r_assistant({"type": "refusal", "refusal": "no"}), r_user("v")],
    ),
    "text_and_refusal": Case(
        "X-14",
        [U("u"), Message("assistant", [OutputText("a"), Refusal("no")])],
        [user("u"), assistant("a", refusal="no")],
        [r_user("u"), r_assistant("a", {"type": "refusal", "refusal": "no"})],
    ),
    "speech_by_the_model": Case(
        "B-18",
        [U("u"), Message("assistant", [OutputAudio("audio_1", "QUJD", "hello")]), U("v")],
        [user("u"), assistant(None, audio={"id": "audio_1"}), user("v")],
        [r_user("u"), r_assistant("hello"), r_user("v")],
    ),
    "picture_by_the_model": Case(
        "RL-25 RQ-15",
        [U("u"), Message("assistant", [OutputText("here"), OutputImage(PIXEL)]), U("v")],
        [user("u"), assistant("here"), user("v")],
        [r_user("u"), r_assistant("here"), r_user("v")],
        report=["dropped: item 1 (message) holds output_image, which cannot be sent back on chat"],
        responses_report=[
            "dropped: item 1 (message) holds an image or audio, which Responses does not take back"
        ],
    ),
    "nothing_but_a_picture_by_the_model": Case(
        "RL-25",
        [U("u"), Message("assistant", [OutputImage(PIXEL)]), U("v")],
        [user("u"), user("v")],
        [r_user("u"), r_user("v")],
        report=[
            "dropped: item 1 (message) holds output_image, which cannot be sent back on chat",
            "dropped: item 1 (message) says nothing",
        ],
        responses_report=[
            "dropped: item 1 (message) holds an image or audio, which Responses does not take back",
            "dropped: item 1 (message) says nothing",
        ],
    ),
    "note": Case(
        "RL-32, DESIGN 3",
        [U("u"), Note("remember"), A("a"), U("v")],
        [user("u"), assistant("a"), user("v")],
        [r_user("u"), r_assistant("a"), r_user("v")],
    ),
    "message_by_responses": Case(
        "PQ-07 P15",
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
    ),
    "chat_dicts": Case(
        "DESIGN 3",
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
