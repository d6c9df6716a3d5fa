"""A Python type -> the JSON schema of it, and JSON text back into the type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .errors import UsageError


@frozen
class ResponseFormat:
    """The shape that an answer is asked to have.

    `kind` is the API's: "json_schema", "json_object" or "text"; `type` is the class that
    `Completion.parsed` makes, or None for plain JSON values.
    """

    kind: str = "json_schema"
    name: str = "response"
    schema: Mapping[str, Any] = field(factory=dict, hash=False)
    strict: bool = True
    type: Any = None

    @classmethod
    def of(cls, value: Any) -> ResponseFormat:
        """From a class, a JSON schema, "json_object", or the `response_format` object of either API."""
        if isinstance(value, ResponseFormat):
            return value
        if isinstance(value, str):
            return cls(kind=value)
        if not isinstance(value, Mapping):
            raise UsageError(f"response_format takes a class, a JSON schema or 'json_object', got {value!r}")
        inner = value.get("json_schema", value)
        return cls(
            kind=value.get("type", "json_schema"),
            name=inner.get("name", "response"),
            schema=inner.get("schema", {}),
            strict=inner.get("strict", True),
        )


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema)
