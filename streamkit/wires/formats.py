"""A `ResponseFormat` -> the fields that every API has for a schema, and the sentences in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..profiles.profile import Profile
from .report import BuildReport

if TYPE_CHECKING:
    from ..typed.response_format import ResponseFormat


def format_fields(wanted: ResponseFormat) -> dict[str, Any]:
    """Return the name, description, strictness and schema, if they are set, and the caller's own keys."""
    about = {"description": wanted.description} if wanted.description else {}
    strict = {} if wanted.strict is None else {"strict": wanted.strict}
    return {"name": wanted.name, **about, **strict, "schema": dict(wanted.schema), **wanted.extra_inside}


def lone_schema(wanted: ResponseFormat, report: BuildReport) -> dict[str, Any]:
    """Return the schema for an API that has no field next to it; {} if the caller gave none.

    The description becomes the schema's own, unless it has one. *report* lists the keys that are left out.
    """
    schema = dict(wanted.schema)
    if others := [name for name in wanted.written if name != "description"]:
        report.leave_out(f"response_format: {', '.join(others)}, which this API doesn't have")
    unknown = [name for name in (*wanted.extra, *wanted.extra_inside) if name != "schema"]
    if wanted.description and schema.get("description", wanted.description) != wanted.description:
        unknown.append("description")
    elif wanted.description:
        schema["description"] = wanted.description
    if unknown:
        report.dropped.append(f"response_format: {', '.join(unknown)}, which this API doesn't have")
    return schema


def report_format(wanted: ResponseFormat, messages: Sequence[Any], report: BuildReport) -> None:
    """Add to *report*: the parts of the format that aren't sent, and a prompt that the server refuses.

    The APIs document that a prompt for json_object must contain the word JSON; a model without it writes
    blanks until it reaches the limit.
    """
    report.repaired += wanted.notes
    if wanted.kind == "json_object" and not any(map(_has_word, messages)):
        report.doubtful.append(
            "response_format: json_object needs the word JSON in a message; ask for JSON there"
        )


def report_schema_in_prompt(wanted: ResponseFormat, profile: Profile, report: BuildReport) -> None:
    """Add to *report* that the schema is in the prompt, because *profile* has no field for it."""
    report.repaired.append(
        f"response_format: {profile.name} accepts no schema; "
        "sent json_object, and the schema in a system message"
    )
    if others := [name for name in wanted.written if name != "description"]:
        report.leave_out(f"response_format: {', '.join(others)}: {profile.name} accepts no schema")
    if wanted.extra_inside:
        names = ", ".join(wanted.extra_inside)
        report.dropped.append(f"response_format: {names}: {profile.name} accepts no schema")


def _has_word(value: Any) -> bool:
    if isinstance(value, str):
        return "json" in value.lower()
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_word, inner))
