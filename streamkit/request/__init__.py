"""What the caller asks for, validated before anything is sent, and what is sent for it.

    Request(input, model=..., **...)  --  wires.building.prepare(request, wire, profile)  ->  PreparedRequest

Rules: a Request says nothing of any API: the same one goes to every wire. What a wire had to leave out
or put right is in the `BuildReport`; nothing is changed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ..errors import UsageError
from ..items import Item
from .inputs import as_items
from .options import Tool, as_tools
from .params import check_params

if TYPE_CHECKING:
    from ..typed.schema import ResponseFormat


def _mapping(value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(f"extra_body takes a mapping, got {value!r}")
    return dict(value or {})


@frozen
class Request:
    """One turn to be asked for. Every field is checked here: a wrong one raises `UsageError`.

    *input* is a string, an item, or a list of items, strings and chat-style dicts. *params* are those of
    `parameters.Params`. *extra_body* is merged into the body last, objects into objects, and wins.
    """

    input: tuple[Item, ...] = field(converter=as_items)
    model: str = field(kw_only=True)
    instructions: str | None = field(default=None, kw_only=True)
    tools: tuple[Tool, ...] = field(default=(), converter=as_tools, kw_only=True)
    params: Mapping[str, Any] = field(factory=dict, converter=check_params, kw_only=True)
    extra_body: Mapping[str, Any] = field(default=None, converter=_mapping, kw_only=True)

    @model.validator
    def _check_model(self, _: Any, model: Any) -> None:
        if not isinstance(model, str) or not model.strip():
            raise UsageError(f"model takes the name of a model, got {model!r}")

    @instructions.validator
    def _check_instructions(self, _: Any, instructions: Any) -> None:
        if instructions is not None and not isinstance(instructions, str):
            raise UsageError(f"instructions takes a string, got {instructions!r}")

    @property
    def response_format(self) -> ResponseFormat | None:
        """The shape that the answer is asked to have."""
        return self.params.get("response_format")  # check_params made it one
