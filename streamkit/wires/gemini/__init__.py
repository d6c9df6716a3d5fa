"""Gemini's generateContent, both directions: the Gemini API, Vertex AI, and proxies of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import Completion
from ...errors import StreamkitError
from ..finish_words import FINISH
from ..wire import Wire, no_headers
from .read import is_of_this_api, read
from .usage import merge_usage

if TYPE_CHECKING:
    from ..prepare import PreparedRequest


def _retry_with(error: StreamkitError, request: PreparedRequest) -> Mapping[str, str | None]:
    """`build` adds no option that a server might reject."""
    return {}


def _continue_from(params: Mapping[str, Any], completion: Completion) -> Mapping[str, Any]:
    """The API keeps no conversation on the server."""
    return {}


WIRE = Wire(
    name="gemini",
    path="/v1beta/models/{model}:streamGenerateContent?alt=sse",
    plain_path="/v1beta/models/{model}:generateContent",
    resume_path=None,
    detect=is_of_this_api,
    read=read,
    read_document=lazy("wires.gemini.document:read_document"),
    read_native=lazy("wires.gemini.native:read_native"),
    build=lazy("wires.gemini.build:build"),
    headers=no_headers,
    write_document=lazy("wires.gemini.document:write_document"),
    sample=lazy("wires.gemini.sample:sample"),
    params=lazy("wires.gemini.build:param_table"),
    structure=frozenset(
        (
            *("finishReason", "finish_reason", "blockReason", "responseId", "response_id", "modelVersion"),
            *("model_version", "mimeType", "mime_type", "jsonPath", "json_path", "outcome", "language"),
            *("nullValue", "null_value", "trafficType", "modality"),
        )
    ),
    stop_reasons=FINISH,
    merge_usage=merge_usage,
    retry_with=_retry_with,
    continue_from=_continue_from,
    batch=lazy("wires.gemini.batch:batch"),
)
