"""The Chat Completions API, both directions, with the dialects of every gateway that speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import Completion
from ...errors import BadRequestError, StreamkitError
from ..finish_words import FINISH
from ..usage import merge_usage
from ..wire import Wire, no_headers, no_words_of_its_own
from .read import read

if TYPE_CHECKING:
    from ..prepare import PreparedRequest


def _detect(payload: Mapping[str, Any]) -> bool:
    choices = payload.get("choices")
    has_choices = isinstance(choices, list) and all(isinstance(each, dict) for each in choices)
    return has_choices or str(payload.get("object")).startswith("chat.completion")


def _retry_without(error: StreamkitError, request: PreparedRequest) -> tuple[str, ...]:
    """Some gateways reject a request for `stream_options`, which `build` adds unless the caller did."""
    asked = {*request.request.params, *request.request.extra_body}
    is_ours = "stream_options" in request.body and not asked & {"stream_options", "include_usage"}
    if is_ours and isinstance(error, BadRequestError) and "stream_options" in f"{error.message} {error.body}":
        return ("stream_options",)
    return ()


def _continue_from(params: Mapping[str, Any], completion: Completion) -> Mapping[str, Any]:
    """Chat Completions keeps no conversation on the server."""
    return {}


WIRE = Wire(
    name="chat",
    path="/chat/completions",
    plain_path=None,
    resume_path=None,
    detect=_detect,
    read=read,
    read_document=lazy("wires.chat.document:read_document"),
    read_native=no_words_of_its_own,
    build=lazy("wires.chat.build:build"),
    headers=no_headers,
    write_document=lazy("wires.chat.document:write_document"),
    sample=lazy("wires.chat.sample:sample"),
    params=lazy("wires.chat.build:param_table"),
    structure=frozenset(("finish_reason", "native_finish_reason", "finishReason", "nativeFinishReason")),
    stop_reasons=FINISH,
    merge_usage=merge_usage,
    retry_without=_retry_without,
    continue_from=_continue_from,
)
