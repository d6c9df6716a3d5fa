"""A toy API, in one file: proof that an API is one module with a `WIRE` and one row in the registry.

Its stream is server-sent events with one letter a payload, and no `[DONE]`:

    {"toy": 1, "id": ..., "model": ...}   head         {"t": "text"}       a piece of text
    {"c": id, "f": name, "a": arguments}  a call       {"s": blob}         opaque state, to be sent back
    {"u": [input, output]}                usage        {"end": word}       the end
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streamkit import Completion, FunctionCall, FunctionCallOutput, Message, Reasoning, StreamkitError, Usage
from streamkit.completion import FinishReason
from streamkit.errors import NotAnEventStreamError
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.request.params import Params
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import (
    END,
    Attached,
    CallPiece,
    ChoiceFinished,
    Delta,
    Head,
    ItemClosed,
    Leftover,
    Payload,
    PayloadOrNote,
    StreamEnded,
    TextPiece,
    UsageCounted,
)
from streamkit.wires.batch import no_batches
from streamkit.wires.param_table import UNSUPPORTED, BuildContext, ParamTable, copy, write_params
from streamkit.wires.prepare import PreparedRequest
from streamkit.wires.report import BuildReport
from streamkit.wires.wire import SamplePart, Wire, no_headers, no_words_of_its_own

STOP_REASONS: dict[str, FinishReason] = {"fin": "stop", "full": "length", "act": "tool_calls"}


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    for payload in payloads:
        if payload is END:
            return
        if not isinstance(payload, dict):
            yield payload
        elif "toy" in payload:
            yield Head(payload, payload.get("id"), payload.get("model"))
        elif "t" in payload:
            yield TextPiece("text", 0, payload["t"], payload)
        elif "c" in payload:
            yield CallPiece(payload["c"], 0, payload["a"], payload, payload["c"], payload["f"])
            yield ItemClosed(payload["c"], payload)
        elif "s" in payload:
            yield Attached("state", 0, "encrypted", payload["s"], payload, "reasoning")
            yield Leftover(payload)
        elif "u" in payload:
            yield UsageCounted(merge_usage(state.usage, payload), payload)
        elif "end" in payload:
            word = payload["end"]
            yield ChoiceFinished(0, STOP_REASONS.get(word, "other"), word, payload)
            yield StreamEnded(payload)
            return


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    before = previous or Usage()
    count_in, count_out = raw["u"]
    return Usage(count_in or before.input_tokens, count_out or before.output_tokens, raw=raw)


def read_document(body: Payload) -> list[Payload]:
    if "toy" not in body:
        raise NotAnEventStreamError("not a toy", body=str(body)[:80])
    return [{"toy": 1, "id": body["id"], "model": body["model"]}, *body["pieces"], {"end": body["end"]}]


def write_document(completion: Completion, ending: Payload | None) -> dict[str, Any]:
    words = {reason: word for word, reason in STOP_REASONS.items()}
    pieces = [piece for item in completion.items for piece in _pieces(item)]
    end = words[completion.finish_reason or "stop"]
    return {"toy": 1, "id": completion.id, "model": completion.model, "pieces": pieces, "end": end}


def _pieces(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, Message):
        yield {"t": item.text}
    elif isinstance(item, FunctionCall):
        yield {"c": item.call_id, "f": item.name, "a": item.arguments}
    elif isinstance(item, FunctionCallOutput):
        yield {"o": item.call_id, "t": item.output}
    elif isinstance(item, Reasoning) and item.encrypted_content:
        yield {"s": item.encrypted_content}


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    context = BuildContext(request, profile, report, has_tools=bool(request.tools))
    says = [piece for item in request.input for piece in _pieces(item)]
    return {"who": request.model, "says": says, "stream": True, **write_params("toy", param_table(), context)}


def param_table() -> ParamTable:
    return {name: copy if name == "temperature" else UNSUPPORTED for name in Params.__annotations__}


def sample(
    parts: Iterable[SamplePart],
    *,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "toy-model",
    id: str = "toy-1",  # noqa: A002 - the API's own word
) -> list[Payload | str]:
    pieces: list[Payload | str] = [{"toy": 1, "id": id, "model": model}]
    word = "fin"
    for part in parts:
        pieces += [{"t": part}] if isinstance(part, str) else list(_pieces(part))
        word = "act" if isinstance(part, FunctionCall) else word
    if usage is not None:
        pieces.append({"u": [usage.input_tokens, usage.output_tokens]})
    return [*pieces, {"end": finish_reason or word}]


def detect(payload: Mapping[str, Any]) -> bool:
    return "toy" in payload


def retry_with(error: StreamkitError, request: PreparedRequest) -> Mapping[str, str | None]:
    return {"temperature": None} if "temperature" in str(error) and "temperature" in request.body else {}


def continue_from(params: Mapping[str, Any], completion: Completion) -> Mapping[str, Any]:
    return {}


WIRE = Wire(
    name="toy",
    path="/toys/{model}:speak",
    plain_path=None,
    resume_path=None,
    detect=detect,
    read=read,
    read_document=read_document,
    read_native=no_words_of_its_own,
    build=build,
    headers=no_headers,
    write_document=write_document,
    sample=sample,
    params=param_table,
    structure=frozenset(),
    stop_reasons=STOP_REASONS,
    merge_usage=merge_usage,
    retry_with=retry_with,
    continue_from=continue_from,
    batch=no_batches,
)
