"""`prepare` for an API made up here: pairs, tools, parameters, origins and the report need no wire's help."""

from __future__ import annotations

import ast
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import streamkit
from streamkit import (
    Client,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    LocalShellCall,
    Message,
    Origin,
    OutputText,
    Profile,
    Reasoning,
    UnknownItem,
    UsageError,
)
from streamkit.profiles.known import GENERIC
from streamkit.request import Request
from streamkit.request.options import ToolSpec
from streamkit.testing import FakeTransport
from streamkit.wires import WIRES
from streamkit.wires.batch import no_batches
from streamkit.wires.call_pairs import arguments_to_send, pair
from streamkit.wires.param_table import UNSUPPORTED, BuildContext, ParamTable, copy, sampling, write_params
from streamkit.wires.prepare import prepare
from streamkit.wires.report import BuildReport
from streamkit.wires.tool_specs import function_object
from streamkit.wires.wire import Wire, no_headers

PARAMS: ParamTable = {"temperature": sampling, "seed": copy, "stop": UNSUPPORTED}


def _build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body of an API that has one list of lines, and a field for failed calls."""
    lines: list[Any] = []
    for entry in pair(request.input, report):
        match entry.item:
            case Message() as message:
                lines.append([message.role, message.text])
            case Reasoning() as reasoning:
                lines.append(["thought", reasoning.text, reasoning.encrypted_content])
            case FunctionCall() as call:
                lines.append(["call", entry.call_id, call.name, arguments_to_send(entry, report)])
            case FunctionCallOutput() as output:
                lines.append(["failed" if output.is_error else "done", entry.call_id, output.output])
    tools = [function_object(tool, report) for tool in request.tools if isinstance(tool, ToolSpec)]
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    return {"lines": lines, "tools": tools, **write_params("toy", PARAMS, context)}


def _unused(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("a request needs no reader")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the API as a user would: a module with a WIRE, and a row in the table."""
    module = ModuleType("toy_wire")
    module.WIRE = Wire(  # type: ignore[attr-defined]
        name="toy",
        path="/models/{model}/toy",
        plain_path=None,
        resume_path=None,
        detect=_unused,
        read=_unused,
        read_document=_unused,
        read_native=_unused,
        build=_build,
        headers=no_headers,
        write_document=_unused,
        sample=_unused,
        params=lambda: PARAMS,
        structure=frozenset(),
        stop_reasons={},
        merge_usage=_unused,
        retry_with=_unused,
        continue_from=_unused,
        batch=no_batches,
    )
    monkeypatch.setitem(sys.modules, "toy_wire", module)
    monkeypatch.setitem(WIRES, "toy", "toy_wire")


def test_the_body_of_a_new_api() -> None:
    """Pairs, tools, parameters, the merge of extra_body and the check of origins work for it."""
    request = Request(
        [
            "hi",
            Reasoning(content="mine", encrypted_content="enc", origin=Origin("toy", "p")),
            Reasoning(content="theirs", encrypted_content="enc", origin=Origin("chat", "p")),
            FunctionCall(None, "f", ""),
            FunctionCallOutput(None, "no", is_error=True),
            FunctionCall("c2", "f", "{}"),
        ],
        model="m",
        tools=[ToolSpec("f")],
        params={"temperature": 0.5, "seed": 1},
        extra_body={"seed": 2},
    )
    prepared = prepare(request, "toy", Profile("p", wire="toy"))
    assert (prepared.wire, prepared.path) == ("toy", "/models/{model}/toy")
    assert prepared.body == {
        "lines": [
            ["user", "hi"],
            ["thought", "mine", "enc"],
            ["thought", "theirs", None],
            ["call", "call00001", "f", "{}"],
            ["failed", "call00001", "no"],
        ],
        "tools": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        "temperature": 0.5,
        "seed": 2,
    }
    assert prepared.report == BuildReport(
        dropped=[
            "item 2 (reasoning): its encrypted content is from chat/p",
            "item 5 (function_call f) has no output",
        ],
        repaired=[
            "item 3 (function_call f) has no id; sent call00001",
            "item 3 (function_call f) had no arguments; sent {}",
        ],
    )


@pytest.mark.parametrize("params", [{"stop": "x"}, {"top_k": 1}], ids=["unsupported", "not in the table"])
def test_a_parameter_that_the_api_lacks_is_a_usage_error(params: dict[str, Any]) -> None:
    """The message names the parameter and the API."""
    with pytest.raises(UsageError, match=f"{next(iter(params))}: the toy API has no such parameter"):
        prepare(Request("hi", model="m", params=params), "toy", Profile("p"))


@pytest.mark.parametrize(
    "name", ["prepare", "opaque", "param_table", "report", "call_pairs", "parts", "tool_specs"]
)
def test_the_shared_files_name_no_api(name: str) -> None:
    """They contain no literal with the name of an API, and import no file of one."""
    source = (Path(streamkit.__file__).parent / "wires" / f"{name}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        assert not (isinstance(node, ast.Constant) and node.value in WIRES)
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in WIRES


SERVER_ITEMS = [
    UnknownItem(
        {"type": "mcp_call", "id": "m", "output": [{"score": math.nan, "n": 1}]}, Origin("responses")
    ),
    Message(
        "assistant",
        [OutputText("a", [{"type": "url_citation", "url": "https://x/", "at": math.inf}])],
        id="msg_1",
    ),
    LocalShellCall("s1", {"command": ["ls"], "timeout": -math.inf}),
    FunctionCallOutput("s1", "ok"),
    FunctionCall("c1", "f", "{}", extra={"cost": math.nan}),
    FunctionCallOutput("c1", [InputText("x", {"at": math.nan})]),
]


@pytest.mark.parametrize("wire", WIRES)
def test_an_answer_with_nan_can_be_sent_back(wire: str) -> None:
    """A server's NaN becomes null and is reported; it made every later request of the conversation fail."""
    request = Request(["hi", *SERVER_ITEMS], model="m")
    prepared = prepare(request, wire, Profile("generic"))
    json.dumps(prepared.body, allow_nan=False)
    repaired = [line for line in prepared.report.repaired if line.endswith("sent null")]
    assert [line.split(" ", 2)[1] for line in repaired][-4:] == ["2", "3", "5", "6"]
    assert request.input[1:] == tuple(SERVER_ITEMS)  # unchanged


def test_the_callers_own_nan_is_refused() -> None:
    """Only items are repaired: NaN as a parameter is a mistake of the caller."""
    client = Client("generic", base_url="http://fake/v1", transport=FakeTransport(b""))
    with pytest.raises(UsageError, match=r"^temperature: expected values that JSON can express"):
        client.stream("hi", model="m", extra_body={"temperature": math.nan})


def test_items_without_nan_stay_the_same_objects() -> None:
    """A request without such a number isn't copied, and not reported."""
    request = Request([Message("assistant", "a"), UnknownItem({"a": [1.5, {"b": "NaN"}]}), "hi"], model="m")
    prepared = prepare(request, "responses", Profile("generic"))
    assert prepared.request is request
    assert not prepared.report.repaired


@pytest.mark.parametrize("wire", ["chat", "responses", "messages", "gemini"])
def test_half_a_surrogate_pair_is_never_sent(wire: str) -> None:
    """Servers refuse its escape; a pair that is whole becomes its character. In names and values alike."""
    extra = {"a \ud83d": ["\ud83d\ude00", "\udc00"]}
    prepared = prepare(Request("hi \ud800 x", model="m", extra_body=extra), wire, GENERIC)
    body = json.dumps(prepared.body, ensure_ascii=False)
    body.encode()
    assert "hi \ufffd x" in body
    assert prepared.body["a \ufffd"] == ["\U0001f600", "\ufffd"]
    assert prepared.report.repaired == ["halves of surrogate pairs are joined, or sent as U+FFFD"]
