"""Anthropic's Messages API, both directions, with the dialects of every server that speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import Completion
from ...errors import StreamkitError
from ..finish_words import FINISH
from ..wire import Wire
from .read import is_of_this_api, read
from .usage import merge_usage

if TYPE_CHECKING:
    from ..prepare import PreparedRequest


def _retry_with(error: StreamkitError, request: PreparedRequest) -> Mapping[str, str | None]:
    """`build` adds no option that a server might reject."""
    return {}


def _continue_from(params: Mapping[str, Any], completion: Completion) -> Mapping[str, Any]:
    """If the answer's code ran in a container, the next request runs in the same one."""
    container = completion.extras.get("container")
    container_id = container.get("id") if isinstance(container, Mapping) else None
    return {"container": container_id} if isinstance(container_id, str) else {}


WIRE = Wire(
    name="messages",
    path="/v1/messages",
    plain_path=None,
    resume_path=None,
    detect=is_of_this_api,
    read=read,
    read_document=lazy("wires.messages.document:read_document"),
    read_native=lazy("wires.messages.native:read_native"),
    build=lazy("wires.messages.build:build"),
    headers=lazy("wires.messages.betas:beta_headers"),
    write_document=lazy("wires.messages.document:write_document"),
    sample=lazy("wires.messages.sample:sample"),
    params=lazy("wires.messages.build:param_table"),
    structure=frozenset(("stop_reason", "tool_use_id", "media_type", "category", "request_id")),
    stop_reasons=FINISH,
    merge_usage=merge_usage,
    retry_with=_retry_with,
    continue_from=_continue_from,
    batch=lazy("wires.messages.batch:batch"),
)
