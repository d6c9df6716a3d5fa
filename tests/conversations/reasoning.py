"""Reasoning: the message that it goes back with, and its form."""

from __future__ import annotations

from streamkit import FunctionCall, Message, OutputText, Reasoning

from . import (
    A,
    C,
    Case,
    O,
    R,
    U,
    assistant,
    call,
    r_assistant,
    r_call,
    r_output,
    r_reasoning,
    r_user,
    tool,
    user,
)

SIGNED = {
    "type": "reasoning.text",
    "text": "hm",
    "signature": "sig",
    "format": "anthropic-claude-v1",
    "index": 0,
}
SECRET = {"type": "reasoning.encrypted", "data": "enc", "id": "c1", "format": "google-gemini-v1", "index": 0}

CASES = {
    "the_user_has_the_last_message": Case(
        [A("p"), R("r"), U("n")],
        [assistant("p"), user("n")],
        [r_assistant("p"), r_reasoning("r"), r_user("n")],
        report=["dropped: item 0 (message): its reasoning, because a user message follows it"],
        responses_report=(),
    ),
    "before_the_last_user": Case(
        [U("u"), R("old"), A("a"), U("v"), R("new"), C("c1"), O("c1")],
        [user("u"), assistant("a"), user("v"), assistant(None, call("c1"), reasoning="new"), tool("c1")],
        [
            r_user("u"),
            r_reasoning("old"),
            r_assistant("a"),
            r_user("v"),
            r_reasoning("new"),
            r_call("c1"),
            r_output("c1"),
        ],
        report=["dropped: item 2 (message): its reasoning, because a user message follows it"],
        responses_report=(),
    ),
    "no_user": Case(
        [R("r"), A("a")],
        [assistant("a", reasoning="r")],
        [r_reasoning("r"), r_assistant("a")],
    ),
    "parts_are_joined": Case(
        [U("u"), Reasoning(content=["a", "b"]), A("x")],
        [user("u"), assistant("x", reasoning="ab")],
        [r_user("u"), r_reasoning("a", "b"), r_assistant("x")],
    ),
    "blank_reasoning": Case(
        [U("u"), R("   "), A("x")],
        [user("u"), assistant("x")],
        [r_user("u"), r_reasoning("   "), r_assistant("x")],
    ),
    "summary_without_text": Case(
        [U("u"), Reasoning(summary=["s1", "s2"]), A("x")],
        [user("u"), assistant("x", reasoning="s1\n\ns2")],
        [
            r_user("u"),
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "s1"}, {"type": "summary_text", "text": "s2"}],
            },
            r_assistant("x"),
        ],
    ),
    "after_its_message": Case(
        [U("u"), A("a"), R("r")],
        [user("u"), assistant("a", reasoning="r")],
        [r_user("u"), r_assistant("a"), r_reasoning("r")],
    ),
    "before_a_call": Case(
        [U("u"), R("r"), C("c1"), O("c1")],
        [user("u"), assistant(None, call("c1"), reasoning="r"), tool("c1")],
        [r_user("u"), r_reasoning("r"), r_call("c1"), r_output("c1")],
    ),
    "two_before_a_call": Case(
        [U("u"), R("r1"), R("r2"), C("c1"), O("c1")],
        [user("u"), assistant(None, call("c1"), reasoning="r1\nr2"), tool("c1")],
        [r_user("u"), r_reasoning("r1"), r_reasoning("r2"), r_call("c1"), r_output("c1")],
    ),
    "two_after_a_message": Case(
        [U("u"), A("a"), R("r1"), R("r2")],
        [user("u"), assistant("a", reasoning="r1\nr2")],
        [r_user("u"), r_assistant("a"), r_reasoning("r1"), r_reasoning("r2")],
    ),
    "between_message_and_call": Case(
        [U("u"), A("a"), R("r"), C("c1"), O("c1")],
        [user("u"), assistant("a", call("c1"), reasoning="r"), tool("c1")],
        [r_user("u"), r_assistant("a"), r_reasoning("r"), r_call("c1"), r_output("c1")],
    ),
    "before_a_message_with_calls": Case(
        [U("u"), A("a"), R("r"), A("b"), C("c1"), O("c1")],
        [user("u"), assistant("a"), assistant("b", call("c1"), reasoning="r"), tool("c1")],
        [r_user("u"), r_assistant("a"), r_reasoning("r"), r_assistant("b"), r_call("c1"), r_output("c1")],
    ),
    "before_and_after": Case(
        [U("u"), R("r1"), A("a"), R("r2")],
        [user("u"), assistant("a", reasoning="r1\nr2")],
        [r_user("u"), r_reasoning("r1"), r_assistant("a"), r_reasoning("r2")],
    ),
    "between_two_messages": Case(
        [U("u"), A("a"), R("r"), A("b")],
        [user("u"), assistant("a", reasoning="r"), assistant("b")],
        [r_user("u"), r_assistant("a"), r_reasoning("r"), r_assistant("b")],
    ),
    "its_message_is_stored_twice": Case(
        [U("u"), A("ok"), A("ok"), R("r")],
        [user("u"), assistant("ok", reasoning="r")],
        [r_user("u"), r_assistant("ok"), r_assistant("ok"), r_reasoning("r")],
        report=["dropped: item 2 (message) repeats the message before it"],
        responses_report=[],
    ),
    "its_call_is_dropped": Case(
        [U("u"), R("r"), C("c1", "{"), O("c1"), A("a")],
        [user("u"), assistant("a", reasoning="r")],
        [r_user("u"), r_reasoning("r"), r_assistant("a")],
        report=[
            "dropped: item 2 (function_call f) has arguments that are not JSON: '{'; left out with its output"
        ],
    ),
    "no_message_in_its_run": Case(
        [U("u"), C("c1"), O("c1"), R("r")],
        [user("u"), assistant(None, call("c1")), tool("c1")],
        [r_user("u"), r_call("c1"), r_output("c1"), r_reasoning("r")],
        report=["dropped: item 3 (reasoning) belongs to no message in the body"],
        responses_report=[],
    ),
    "each_round_of_tools_has_its_own": Case(
        [U("u"), R("r1"), C("c1"), O("c1"), R("r2"), C("c2"), O("c2")],
        [
            user("u"),
            assistant(None, call("c1"), reasoning="r1"),
            tool("c1"),
            assistant(None, call("c2"), reasoning="r2"),
            tool("c2"),
        ],
        [
            r_user("u"),
            r_reasoning("r1"),
            r_call("c1"),
            r_output("c1"),
            r_reasoning("r2"),
            r_call("c2"),
            r_output("c2"),
        ],
    ),
    "before_a_custom_call": Case(
        [
            U("u"),
            R("r"),
            {"type": "custom_tool_call", "call_id": "k1", "name": "sql", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "1"},
        ],
        [
            user("u"),
            assistant(
                None, {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}}, reasoning="r"
            ),
            tool("k1", "1"),
        ],
        [
            r_user("u"),
            r_reasoning("r"),
            {"type": "custom_tool_call", "call_id": "k1", "name": "sql", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "1"},
        ],
    ),
    "details_go_back_untouched": Case(
        [
            U("u"),
            Reasoning(content="hm", details=[SIGNED, {"type": "reasoning.news", "x": [1]}]),
            A("a"),
            U("v"),
        ],
        [user("u"), assistant("a"), user("v")],
        [r_user("u"), r_reasoning("hm"), r_assistant("a"), r_user("v")],
        openrouter=[
            user("u"),
            assistant("a", reasoning_details=[SIGNED, {"type": "reasoning.news", "x": [1]}]),
            user("v"),
        ],
        report=[
            "dropped: item 2 (message): its reasoning details, which generic doesn't accept back",
            "dropped: item 2 (message): its reasoning, because a user message follows it",
        ],
        responses_report=["dropped: item 1 (reasoning): its details, which this API doesn't have"],
    ),
    "details_of_a_call": Case(
        [
            U("u"),
            Reasoning(content="t", details=[SECRET]),
            FunctionCall("c1", "f", "{}", signature="enc"),
            O("c1"),
        ],
        [user("u"), assistant(None, call("c1"), reasoning="t"), tool("c1")],
        [r_user("u"), r_reasoning("t"), r_call("c1"), r_output("c1")],
        openrouter=[user("u"), assistant(None, call("c1"), reasoning_details=[SECRET]), tool("c1")],
        report=[
            "dropped: item 2 (function_call f): its reasoning details, which generic doesn't accept back",
            "dropped: item 2 (function_call f): its signature, which this API doesn't have",
        ],
        responses_report=[
            "dropped: item 1 (reasoning): its details, which this API doesn't have",
            "dropped: item 2 (function_call f): its signature, which this API doesn't have",
        ],
    ),
    "signature_without_its_reasoning": Case(
        [U("u"), FunctionCall("c1", "f", "{}", signature="enc"), O("c1")],
        [user("u"), assistant(None, call("c1")), tool("c1")],
        [r_user("u"), r_call("c1"), r_output("c1")],
        openrouter=[
            user("u"),
            assistant(
                None,
                call("c1"),
                reasoning_details=[{"type": "reasoning.encrypted", "id": "c1", "data": "enc"}],
            ),
            tool("c1"),
        ],
        report=["dropped: item 1 (function_call f): its signature, which this API doesn't have"],
    ),
    "reasoning_by_responses": Case(
        [
            U("u"),
            Reasoning(id="rs_1", summary=["s"], encrypted_content="enc", status="completed"),
            Message("assistant", [OutputText("a")], id="msg_1"),
            U("v"),
        ],
        [user("u"), assistant("a"), user("v")],
        [
            r_user("u"),
            {
                "type": "reasoning",
                "id": "rs_1",
                "status": "completed",
                "summary": [{"type": "summary_text", "text": "s"}],
                "encrypted_content": "enc",
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": []}],
            },
            r_user("v"),
        ],
        openrouter=[
            user("u"),
            assistant(
                "a",
                reasoning_details=[
                    {"type": "reasoning.summary", "summary": "s", "id": "rs_1", "index": 0},
                    {"type": "reasoning.encrypted", "data": "enc", "id": "rs_1", "index": 1},
                ],
            ),
            user("v"),
        ],
        report=[
            "dropped: item 2 (message): its id, because a chat message has none",
            "dropped: item 2 (message): its reasoning, because a user message follows it",
            "dropped: item 1 (reasoning): its encrypted_content, which this API doesn't have",
        ],
        responses_report=(),
    ),
    "empty_summary_is_sent": Case(
        [U("u"), Reasoning(id="rs_1"), A("a")],
        [user("u"), assistant("a")],
        [r_user("u"), {"type": "reasoning", "id": "rs_1", "summary": []}, r_assistant("a")],
    ),
    "known_by_id_only_and_not_stored": Case(
        [U("u"), Reasoning(id="rs_1", summary=["s"]), A("a")],
        [user("u"), assistant("a", reasoning="s")],
        [r_user("u"), r_assistant("a")],
        responses_report=["dropped: item 1 (reasoning) is known by its id only, and store is False"],
        params={"store": False},
        chat_fields={"store": False},
        responses_fields={"store": False, "include": ["reasoning.encrypted_content"]},
    ),
}
