"""Calls and their outputs: merged into messages, paired, repaired and dropped."""

from __future__ import annotations

from streamkit import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    LocalShellCall,
    Message,
    UnknownItem,
    WebSearchCall,
)

from . import (
    A,
    C,
    Case,
    O,
    U,
    assistant,
    call,
    r_assistant,
    r_call,
    r_output,
    r_user,
    text,
    tool,
    user,
)

PIXEL = "data:image/png;base64,AA=="

CASES = {
    "one_call": Case(
        [U("u"), C("c1", '{"x": 1.0, "a":[ ]}'), O("c1", "42")],
        [user("u"), assistant(None, call("c1", '{"x": 1.0, "a":[ ]}')), tool("c1", "42")],
        [r_user("u"), r_call("c1", '{"x": 1.0, "a":[ ]}'), r_output("c1", "42")],
    ),
    "text_and_call_are_one_message": Case(
        [U("u"), A("let me see"), C("c1"), O("c1")],
        [user("u"), assistant("let me see", call("c1")), tool("c1")],
        [r_user("u"), r_assistant("let me see"), r_call("c1"), r_output("c1")],
    ),
    "parallel_calls_are_one_message": Case(
        [U("u"), C("c1"), C("c2", name="g"), O("c1", "1"), O("c2", "2")],
        [user("u"), assistant(None, call("c1"), call("c2", name="g")), tool("c1", "1"), tool("c2", "2")],
        [r_user("u"), r_call("c1"), r_call("c2", name="g"), r_output("c1", "1"), r_output("c2", "2")],
    ),
    "outputs_keep_their_own_order": Case(
        [U("u"), C("c1"), C("c2"), O("c2", "2"), O("c1", "1")],
        [user("u"), assistant(None, call("c1"), call("c2")), tool("c2", "2"), tool("c1", "1")],
        [r_user("u"), r_call("c1"), r_call("c2"), r_output("c2", "2"), r_output("c1", "1")],
    ),
    "calls_in_turn_are_two_messages": Case(
        [U("u"), C("c1"), O("c1", "1"), C("c2"), O("c2", "2")],
        [
            user("u"),
            assistant(None, call("c1")),
            tool("c1", "1"),
            assistant(None, call("c2")),
            tool("c2", "2"),
        ],
        [r_user("u"), r_call("c1"), r_output("c1", "1"), r_call("c2"), r_output("c2", "2")],
    ),
    "text_after_calls_joins_them": Case(
        [U("u"), C("c1"), A("calling"), O("c1")],
        [user("u"), assistant("calling", call("c1")), tool("c1")],
        [r_user("u"), r_call("c1"), r_assistant("calling"), r_output("c1")],
    ),
    "second_text_after_calls_follows_the_outputs": Case(
        [U("u"), A("one"), C("c1"), A("two"), O("c1")],
        [user("u"), assistant("one", call("c1")), tool("c1"), assistant("two")],
        [r_user("u"), r_assistant("one"), r_call("c1"), r_assistant("two"), r_output("c1")],
        report=["repaired: item 4 (function_call_output) moved before item 3 (message), to follow its call"],
        responses_report=[],
    ),
    "user_between_call_and_output": Case(
        [U("u"), C("c1"), U("hurry"), O("c1")],
        [user("u"), assistant(None, call("c1")), tool("c1"), user("hurry")],
        [r_user("u"), r_call("c1"), r_user("hurry"), r_output("c1")],
        report=["repaired: item 3 (function_call_output) moved before item 2 (message), to follow its call"],
        responses_report=[],
    ),
    "user_text_after_outputs_is_kept": Case(
        [U("u"), C("c1"), O("c1"), U("and now?")],
        [user("u"), assistant(None, call("c1")), tool("c1"), user("and now?")],
        [r_user("u"), r_call("c1"), r_output("c1"), r_user("and now?")],
    ),
    "only_the_call_without_output_is_dropped": Case(
        [U("u1"), C("c1"), U("u2"), A("a2"), U("u3")],
        [user("u1"), user("u2"), assistant("a2"), user("u3")],
        [r_user("u1"), r_user("u2"), r_assistant("a2"), r_user("u3")],
        report=["dropped: item 1 (function_call f) has no output"],
    ),
    "call_without_output_next_to_one_with": Case(
        [U("u"), A("both"), C("c1"), C("c2"), O("c2")],
        [user("u"), assistant("both", call("c2")), tool("c2")],
        [r_user("u"), r_assistant("both"), r_call("c2"), r_output("c2")],
        report=["dropped: item 2 (function_call f) has no output"],
    ),
    "custom_call_without_output": Case(
        [U("u"), CustomToolCall("k1", "sql", "select 1"), U("n")],
        [user("u"), user("n")],
        [r_user("u"), r_user("n")],
        report=["dropped: item 1 (custom_tool_call sql) has no output"],
    ),
    "shell_call_without_output": Case(
        [U("u"), LocalShellCall("s1", {"type": "exec"}), U("n")],
        [user("u"), user("n")],
        [r_user("u"), r_user("n")],
        report=["dropped: item 1 (local_shell_call) has no output"],
    ),
    "output_without_call": Case(
        [U("u"), O("zz"), U("n")],
        [user("u"), user("n")],
        [r_user("u"), r_user("n")],
        report=["dropped: item 1 (function_call_output) answers no call"],
    ),
    "output_before_its_call": Case(
        [U("u"), O("c1"), C("c1"), U("n")],
        [user("u"), user("n")],
        [r_user("u"), r_user("n")],
        report=[
            "dropped: item 1 (function_call_output) answers no call",
            "dropped: item 2 (function_call f) has no output",
        ],
    ),
    "id_twice_one_output": Case(
        [U("u"), C("c1"), C("c1"), O("c1")],
        [user("u"), assistant(None, call("c1")), tool("c1")],
        [r_user("u"), r_call("c1"), r_output("c1")],
        report=["dropped: item 2 (function_call f) has no output"],
    ),
    "id_twice_two_outputs": Case(
        [U("u"), C("c1"), C("c1"), O("c1", "1"), O("c1", "2")],
        [
            user("u"),
            assistant(None, call("c1"), call("call00001")),
            tool("c1", "1"),
            tool("call00001", "2"),
        ],
        [r_user("u"), r_call("c1"), r_call("call00001"), r_output("c1", "1"), r_output("call00001", "2")],
        report=["repaired: item 2 (function_call f) has the id of a call that is still open; sent call00001"],
    ),
    "same_id_in_a_later_turn": Case(
        [U("u"), C("c1"), O("c1", "1"), A("a"), U("n"), C("c1"), O("c1", "2")],
        [
            user("u"),
            assistant(None, call("c1")),
            tool("c1", "1"),
            assistant("a"),
            user("n"),
            assistant(None, call("c1")),
            tool("c1", "2"),
        ],
        [
            r_user("u"),
            r_call("c1"),
            r_output("c1", "1"),
            r_assistant("a"),
            r_user("n"),
            r_call("c1"),
            r_output("c1", "2"),
        ],
    ),
    "no_ids_pair_by_position": Case(
        [U("u"), C(None), C(None, name="g"), O(None, "1"), O(None, "2")],
        [
            user("u"),
            assistant(None, call("call00001"), call("call00002", name="g")),
            tool("call00001", "1"),
            tool("call00002", "2"),
        ],
        [
            r_user("u"),
            r_call("call00001"),
            r_call("call00002", name="g"),
            r_output("call00001", "1"),
            r_output("call00002", "2"),
        ],
        report=[
            "repaired: item 1 (function_call f) has no id; sent call00001",
            "repaired: item 2 (function_call g) has no id; sent call00002",
        ],
    ),
    "minted_id_is_not_in_use": Case(
        [U("u"), C(None), C("call00001"), O(None, "1"), O("call00001", "2")],
        [
            user("u"),
            assistant(None, call("call00002"), call("call00001")),
            tool("call00002", "1"),
            tool("call00001", "2"),
        ],
        [
            r_user("u"),
            r_call("call00002"),
            r_call("call00001"),
            r_output("call00002", "1"),
            r_output("call00001", "2"),
        ],
        report=["repaired: item 1 (function_call f) has no id; sent call00002"],
    ),
    "bad_arguments_are_dropped_with_their_output": Case(
        [U("u"), C("c1", '{"x": '), O("c1", "1"), C("c1", '{"x": 1}'), O("c1", "2")],
        [user("u"), assistant(None, call("c1", '{"x": 1}')), tool("c1", "2")],
        [r_user("u"), r_call("c1", '{"x": 1}'), r_output("c1", "2")],
        report=[
            "dropped: item 1 (function_call f) has arguments that are not JSON: '{\"x\": '; "
            "left out with its output"
        ],
    ),
    "call_that_was_cut_off": Case(
        [U("u"), A("a"), FunctionCall("c1", "f", '{"x": 1', status="incomplete"), U("go on")],
        [user("u"), assistant("a"), user("go on")],
        [r_user("u"), r_assistant("a"), r_user("go on")],
        report=["dropped: item 2 (function_call f) was cut off"],
    ),
    "no_arguments": Case(
        [U("u"), C("c1", ""), O("c1")],
        [user("u"), assistant(None, call("c1", "{}")), tool("c1")],
        [r_user("u"), r_call("c1", "{}"), r_output("c1")],
        report=["repaired: item 1 (function_call f) had no arguments; sent {}"],
    ),
    "blank_and_null_arguments": Case(
        [U("u"), C("c1", " \n"), C("c2", "null"), O("c1"), O("c2")],
        [user("u"), assistant(None, call("c1"), call("c2")), tool("c1"), tool("c2")],
        [r_user("u"), r_call("c1"), r_call("c2"), r_output("c1"), r_output("c2")],
        report=[
            "repaired: item 1 (function_call f) had no arguments; sent {}",
            "repaired: item 2 (function_call f) had no arguments; sent {}",
        ],
    ),
    "arguments_that_are_not_an_object": Case(
        [U("u"), C("c1", "5"), O("c1")],
        [user("u"), assistant(None, call("c1", "5")), tool("c1")],
        [r_user("u"), r_call("c1", "5"), r_output("c1")],
        report=["doubtful: item 1 (function_call f) has arguments that aren't an object: 5"],
    ),
    "shell_call": Case(
        [U("u"), LocalShellCall("s1", {"type": "exec", "command": ["ls"]}), O("s1", "a.txt")],
        [
            user("u"),
            assistant(
                None,
                {
                    "id": "s1",
                    "type": "local_shell_call",
                    "status": "completed",
                    "action": {"type": "exec", "command": ["ls"]},
                },
            ),
            tool("s1", "a.txt"),
        ],
        [
            r_user("u"),
            {
                "type": "local_shell_call",
                "call_id": "s1",
                "action": {"type": "exec", "command": ["ls"]},
            },
            r_output("s1", "a.txt"),
        ],
    ),
    "custom_call": Case(
        [U("u"), CustomToolCall("k1", "sql", "select 1", id="ctc_9"), CustomToolCallOutput("k1", "1")],
        [
            user("u"),
            assistant(None, {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}),
            tool("k1", "1"),
        ],
        [
            r_user("u"),
            {
                "type": "custom_tool_call",
                "call_id": "k1",
                "name": "sql",
                "input": "select 1",
                "id": "ctc_9",
            },
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "1"},
        ],
    ),
    "outputs_around_a_user_message": Case(
        [U("u"), C("c1"), C("c2"), O("c1", "1"), U("hurry"), O("c2", "2")],
        [user("u"), assistant(None, call("c1"), call("c2")), tool("c1", "1"), tool("c2", "2"), user("hurry")],
        [r_user("u"), r_call("c1"), r_call("c2"), r_output("c1", "1"), r_user("hurry"), r_output("c2", "2")],
        report=["repaired: item 5 (function_call_output) moved before item 4 (message), to follow its call"],
        responses_report=[],
    ),
    "output_of_a_hosted_tool": Case(
        [
            U("u"),
            C("c1"),
            UnknownItem({"type": "apply_patch_call_output", "call_id": "c1", "output": [{"ok": True}]}),
        ],
        [user("u"), assistant(None, call("c1")), tool("c1", '[{"ok": true}]')],
        [
            r_user("u"),
            r_call("c1"),
            {"type": "apply_patch_call_output", "call_id": "c1", "output": [{"ok": True}]},
        ],
    ),
    "tool_message_without_an_id_answers_the_next_call": Case(
        [U("u"), C(None), Message("tool", "42")],
        [user("u"), assistant(None, call("call00001")), tool("call00001", "42")],
        [
            r_user("u"),
            r_call("call00001"),
            r_output("call00001", [{"type": "input_text", "text": "42"}]),
        ],
        report=["repaired: item 1 (function_call f) has no id; sent call00001"],
    ),
    "output_of_texts": Case(
        [U("u"), C("c1"), O("c1", [InputText("a"), InputText("b")])],
        [user("u"), assistant(None, call("c1")), tool("c1", "a\nb")],
        [
            r_user("u"),
            r_call("c1"),
            r_output("c1", [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
        ],
    ),
    "output_with_image": Case(
        [U("u"), C("c1"), O("c1", [InputText(""), InputImage(PIXEL)])],
        [
            user("u"),
            assistant(None, call("c1")),
            tool("c1", [text(""), {"type": "image_url", "image_url": {"url": PIXEL}}]),
        ],
        [
            r_user("u"),
            r_call("c1"),
            r_output("c1", [{"type": "input_text", "text": ""}, {"type": "input_image", "image_url": PIXEL}]),
        ],
    ),
    "empty_output": Case(
        [U("u"), C("c1"), O("c1", "")],
        [user("u"), assistant(None, call("c1")), tool("c1", "")],
        [r_user("u"), r_call("c1"), r_output("c1", "")],
    ),
    "failed_call": Case(
        [U("u"), C("c1"), FunctionCallOutput("c1", "no such city", is_error=True)],
        [user("u"), assistant(None, call("c1")), tool("c1", "no such city")],
        [r_user("u"), r_call("c1"), r_output("c1", "no such city")],
        report=[
            "dropped: item 2 (function_call_output): its is_error, because the API has no such field; "
            'begin the text with "Error"'
        ],
    ),
    "failed_call_whose_text_shows_it": Case(
        [
            U("u"),
            C("c1"),
            CustomToolCall("k1", "sql", "x"),
            FunctionCallOutput("c1", "\nERROR: no such city", is_error=True),
            CustomToolCallOutput("k1", "errors: 2", is_error=True),
        ],
        [
            user("u"),
            assistant(
                None, call("c1"), {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}}
            ),
            tool("c1", "\nERROR: no such city"),
            tool("k1", "errors: 2"),
        ],
        [
            r_user("u"),
            r_call("c1"),
            {"type": "custom_tool_call", "call_id": "k1", "name": "sql", "input": "x"},
            r_output("c1", "\nERROR: no such city"),
            {"type": "custom_tool_call_output", "call_id": "k1", "output": "errors: 2"},
        ],
    ),
    "failed_custom_call_with_an_output_of_parts": Case(
        [
            U("u"),
            CustomToolCall("k1", "sql", "x"),
            CustomToolCallOutput("k1", [InputText("syntax"), InputText("Error")], is_error=True),
        ],
        [
            user("u"),
            assistant(None, {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}}),
            tool("k1", "syntax\nError"),
        ],
        [
            r_user("u"),
            {"type": "custom_tool_call", "call_id": "k1", "name": "sql", "input": "x"},
            {
                "type": "custom_tool_call_output",
                "call_id": "k1",
                "output": [{"type": "input_text", "text": "syntax"}, {"type": "input_text", "text": "Error"}],
            },
        ],
        report=[
            "dropped: item 2 (custom_tool_call_output): its is_error, because the API has no such field; "
            'begin the text with "Error"'
        ],
    ),
    "call_with_a_field_of_chat": Case(
        [U("u"), FunctionCall("c1", "f", "{}", extra={"extra_content": {"google": {"t": "s"}}}), O("c1")],
        [
            user("u"),
            assistant(None, {**call("c1"), "extra_content": {"google": {"t": "s"}}}),
            tool("c1"),
        ],
        [r_user("u"), r_call("c1"), r_output("c1")],
        responses_report=[
            "dropped: item 1 (function_call f): its extra_content, which the responses API doesn't have"
        ],
    ),
    "call_by_responses": Case(
        [
            U("u"),
            FunctionCall("c1", "f", "{}", id="fc_1", status="completed", extra={"namespace": "n"}),
            FunctionCallOutput("c1", "ok", extra={"status": "completed"}),
        ],
        [user("u"), assistant(None, call("c1")), tool("c1")],
        [
            r_user("u"),
            {**r_call("c1"), "id": "fc_1", "status": "completed", "namespace": "n"},
            {**r_output("c1"), "status": "completed"},
        ],
        report=[
            "dropped: item 1 (function_call f): its status, which no chat API knows; see unknown_keys",
            "dropped: item 1 (function_call f): its namespace, which this API doesn't have",
            "dropped: item 2 (function_call_output): its status, which this API doesn't have",
        ],
        responses_report=[],
    ),
    "hosted_calls_stay_on_responses": Case(
        [
            U("u"),
            WebSearchCall("ws_1", "completed", {"type": "search", "query": "q"}),
            UnknownItem({"type": "mcp_call", "id": "mcp_1", "output": "x"}),
            A("a"),
        ],
        [user("u"), assistant("a")],
        [
            r_user("u"),
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {"type": "search", "query": "q"},
            },
            {"type": "mcp_call", "id": "mcp_1", "output": "x"},
            r_assistant("a"),
        ],
        report=[
            "dropped: item 1 (web_search_call) has no form in the chat API",
            "dropped: item 2 (unknown) has no form in the chat API",
        ],
        responses_report=[],
    ),
}
