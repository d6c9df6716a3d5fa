"""The Responses API, both directions, with the dialects of every gateway that speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import Completion
from ...errors import StreamkitError
from ..finish_words import CUTS
from ..usage import merge_usage
from ..wire import Wire, no_headers, no_words_of_its_own
from .read import read

if TYPE_CHECKING:
    from ..prepare import PreparedRequest


def _detect(payload: Mapping[str, Any]) -> bool:
    kind = payload.get("type")
    is_event = isinstance(kind, str) and (kind.startswith("response.") or kind == "error")
    return "choices" not in payload and (is_event or payload.get("object") == "response")


def _retry_with(error: StreamkitError, request: PreparedRequest) -> Mapping[str, str | None]:
    """`build` adds no option that a gateway might reject."""
    return {}


def _continue_from(params: Mapping[str, Any], completion: Completion) -> Mapping[str, Any]:
    """If the caller continues from a stored response, the next request continues from this one."""
    if "previous_response_id" in params and completion.id:
        return {"previous_response_id": completion.id}
    return {}


WIRE = Wire(
    name="responses",
    path="/responses",
    plain_path=None,
    resume_path="/responses/{id}?stream=true&starting_after={sequence}",
    detect=_detect,
    read=read,
    read_document=lazy("wires.responses.document:read_document"),
    read_native=no_words_of_its_own,
    build=lazy("wires.responses.build:build"),
    headers=no_headers,
    write_document=lazy("wires.responses.document:write_document"),
    sample=lazy("wires.responses.sample:sample"),
    params=lazy("wires.responses.build:param_table"),
    structure=frozenset(("reason", "truncation", "previous_response_id", "phase")),
    stop_reasons=CUTS,
    merge_usage=merge_usage,
    retry_with=_retry_with,
    continue_from=_continue_from,
    batch=lazy("wires.responses.batch:batch"),
)
