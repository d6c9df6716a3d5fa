"""A wire's table of parameters -> the fields of its body. Rule: a wire lists every parameter, once.

A writer takes (name, value, context) and returns fields of the body; it reports the values that it drops.
`UNSUPPORTED` stands for a parameter that the API doesn't have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

from ..errors import UsageError
from ..profiles.profile import Profile
from ..request import Request
from .report import BuildReport

UNSUPPORTED: Literal["unsupported"] = "unsupported"


@frozen
class BuildContext:
    """The facts about the whole request that writers need."""

    request: Request
    profile: Profile
    report: BuildReport
    has_tools: bool

    @property
    def params(self) -> Mapping[str, Any]:
        return self.request.params

    @property
    def is_reasoning_model(self) -> bool:
        return self.profile.is_reasoning_model(self.request.model)

    @property
    def effort(self) -> Any:
        """The reasoning effort in either of its two parameters, or None."""
        return self.params.get("reasoning_effort") or self.params.get("reasoning", {}).get("effort")

    @property
    def refuses_sampling(self) -> bool:
        """True if the model refuses sampling parameters: it reasons, and reasoning isn't switched off."""
        if self.effort is None:
            return self.profile.reasons_unasked(self.request.model)
        return self.is_reasoning_model and self.effort != "none"


Writer: TypeAlias = Callable[[str, Any, BuildContext], Mapping[str, Any]]
ParamTable: TypeAlias = Mapping[str, "Writer | Literal['unsupported']"]


def write_params(wire: str, table: ParamTable, context: BuildContext) -> dict[str, Any]:
    """Return the fields that the request's parameters become on *wire*.

    Raises `UsageError` for a parameter that the API doesn't have.
    """
    fields: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, value in context.params.items():
        writer = table.get(name, UNSUPPORTED)
        if isinstance(writer, str):
            raise UsageError(
                f"{name}: the {wire} API has no such parameter; use another wire, or pass it in extra_body"
            )
        written = _accepted(writer(name, value, context), context)
        for field in written.keys() & fields.keys():
            if written[field] != fields[field]:
                context.report.dropped.append(f"{sources[field]}: {name} is sent in its field, {field}")
        fields.update(written)
        sources.update(dict.fromkeys(written, name))
    in_settings = context.params.get("reasoning", {}).get("effort")
    if in_settings not in (None, context.effort):
        context.report.dropped.append("reasoning.effort: reasoning_effort is sent instead")
    return fields


def _accepted(fields: Mapping[str, Any], context: BuildContext) -> dict[str, Any]:
    """Return *fields* without those that the model refuses, under the gateway's own names."""
    profile, model = context.profile, context.request.model
    refused = [field for field in fields if profile.refuses(field, model)]
    context.report.dropped += [f"{field}: {model} refuses it" for field in refused]
    names = profile.field_names
    return {names.get(field, field): value for field, value in fields.items() if field not in refused}


def copy(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write the value under its own name."""
    return {name: value}


def skip(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write no field: `build` reads this parameter itself."""
    return {}


def absent(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Drop and report a parameter that only adjusts the answer, and that the API doesn't have."""
    context.report.dropped.append(f"{name}: this API has no such parameter")
    return {}


def unless_true(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Report a parameter that the API has no switch for, because it always does it."""
    if not value:
        context.report.leave_out(f"{name}: this API has no such switch, and always does it")
    return {}


def sampling(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write the value, unless the model refuses sampling parameters."""
    if context.refuses_sampling:
        context.report.dropped.append(f"{name}: {context.request.model} refuses it")
        return {}
    return {name: value}


def with_tools(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write the value, unless the request has no tools."""
    if not context.has_tools:
        context.report.dropped.append(f"{name}: the request has no tools")
        return {}
    return {name: value}
