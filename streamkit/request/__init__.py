"""The caller's arguments -> a `Request`, which every wire can build a body from.

    Request(input, model=..., **...)  --  wires.prepare.prepare(request, wire, profile)  ->  PreparedRequest

Rules: a Request knows no API, so the same one goes to every wire. Every field is checked here, before
anything is sent. If a wire leaves a part out or repairs it, its `BuildReport` names the part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .._checks import got
from ..errors import UsageError
from ..items import Item
from .inputs import as_items
from .options import Tool, ToolSpec, as_tools
from .params import check_params

if TYPE_CHECKING:
    from ..typed.response_format import ResponseFormat


def _mapping(value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(f"extra_body: expected a mapping of fields, got {type(value).__name__}")
    return dict(value or {})


def _shown(tools: tuple[Tool, ...]) -> str:
    """Return the repr of *tools*: of those in an API's own form only the names of their fields."""
    return repr([tool if isinstance(tool, ToolSpec) else _names(tool) for tool in tools])


def _names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* without their values, which may be the credentials of an MCP server."""
    return {name: value if name in ("type", "name") else ... for name, value in fields.items()}


@frozen
class Request:
    """One turn to request from a model. Raises `UsageError` if a field has a wrong type or value.

    *input* is a string, an item, or a list of items, strings and chat-style dicts. *params* has the names and
    types of `params.Params`. *extra_body* is merged into the body last, objects into objects, and wins.
    """

    input: tuple[Item, ...] = field(converter=as_items)
    model: str = field(kw_only=True)
    instructions: str | None = field(default=None, kw_only=True)
    tools: tuple[Tool, ...] = field(default=(), converter=as_tools, kw_only=True, repr=_shown)
    params: Mapping[str, Any] = field(factory=dict, converter=check_params, kw_only=True)
    extra_body: Mapping[str, Any] = field(
        default=None, converter=_mapping, kw_only=True, repr=lambda body: repr(_names(body))
    )

    @model.validator
    def _check_model(self, _: Any, model: Any) -> None:
        if not isinstance(model, str) or not model.strip():
            raise UsageError(f"model: expected the name of a model, got {got(model, 80)}; pass model=")

    @instructions.validator
    def _check_instructions(self, _: Any, instructions: Any) -> None:
        if instructions is not None and not isinstance(instructions, str):
            raise UsageError(f"instructions: expected a string or None, got {got(instructions, 80)}")

    @property
    def response_format(self) -> ResponseFormat | None:
        """The format that the answer must have, if the caller set one."""
        return self.params.get("response_format")  # check_params returns a ResponseFormat
