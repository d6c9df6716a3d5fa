"""The Chat Completions API, both directions, with the dialects of every gateway that speaks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import Completion
from ...errors import BadRequestError, StreamkitError
from ..finish_words import FINISH
from ..usage import merge_usage
from ..wire import Wire, no_headers, no_words_of_its_own
from .read import read
from .usual_choices import FINISH_FIELDS, STOP_FIELDS

if TYPE_CHECKING:
    from ..prepare import PreparedRequest


_LIMITS = ("max_tokens", "max_completion_tokens")  # the older spelling, and that of models that reason


def _detect(payload: Mapping[str, Any]) -> bool:
    choices = payload.get("choices")
    has_choices = isinstance(choices, list) and all(isinstance(each, dict) for each in choices)
    return has_choices or str(payload.get("object")).startswith("chat.completion")


def _retry_with(error: StreamkitError, request: PreparedRequest) -> Mapping[str, str | None]:
    """Leave out `stream_options`, or spell the limit as the server says; the caller chose neither.

    Some gateways reject a request for usage, which `build` adds. Behind the name of a deployment may be a
    model that reasons: "Unsupported parameter: 'max_tokens' ... Use 'max_completion_tokens' instead."
    """
    if not isinstance(error, BadRequestError):
        return {}
    words = f"{error.message} {error.body}"
    asked = {*request.request.params, *request.request.extra_body}
    is_ours = "stream_options" in request.body and not asked & {"stream_options", "include_usage"}
    if is_ours and "stream_options" in words:
        return {"stream_options": None}
    limit, other = _LIMITS
    is_spelled = limit in request.body and limit not in request.request.extra_body
    if is_spelled and other not in request.body and re.search(rf"\b{limit}\b", words) and other in words:
        return {limit: other}
    return {}


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
    structure=frozenset((*FINISH_FIELDS, *STOP_FIELDS)),
    stop_reasons=FINISH,
    merge_usage=merge_usage,
    retry_with=_retry_with,
    continue_from=_continue_from,
    batch=lazy("wires.chat.batch:batch"),
)
