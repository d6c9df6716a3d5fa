"""The `response_format` of a request -> a `ResponseFormat`: what is sent, and what the answer must fit.

Takes a Python type, a JSON schema, the objects of the APIs, "json_object" or "text".
Rule: an object in an API's own form is sent as the caller wrote it, with every key; only a type gets the
strict form.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, get_origin

import attrs
from attrs import evolve, field, frozen, validators

from .._checks import got
from ..errors import UsageError
from .definitions import plain_name
from .foreign import is_adapter
from .hints import alias_of, bare
from .schema import schema_of
from .schema_rules import TYPES, check_schema
from .strict import is_loose, strict_schema, unknown_formats

KINDS = ("json_schema", "json_object", "text")
WRAPPER = "value"  # servers accept only objects at the top
_OWN_KEYS = ("name", "description", "schema", "strict")


@frozen
class ResponseFormat:
    """The requested shape of an answer.

    `kind` is the API's: "json_schema", "json_object" or "text". `type` is the Python type of
    `Completion.parsed()`; if it's None, the result is plain JSON values. `strict` is None if the caller left
    it to the server.
    """

    kind: str = field(default="json_schema", validator=validators.in_(KINDS))
    name: str = "response"
    schema: Mapping[str, Any] = field(factory=dict, hash=False)
    strict: bool | None = True
    type: Any = None
    is_wrapped: bool = False  # the schema is that of an object with the value in the field `WRAPPER`
    description: str = ""
    extra: Mapping[str, Any] = field(factory=dict, hash=False)  # further keys next to the type
    extra_inside: Mapping[str, Any] = field(factory=dict, hash=False)  # and next to the schema
    written: tuple[str, ...] = ()  # those of name, description and strict that the caller wrote
    notes: tuple[str, ...] = ()  # for the report: the parts that aren't sent as they were
    is_enforced: bool = False  # the server keeps the model to the schema, as far as the profile knows

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without a `type` that can't be pickled, such as a class that was made inside a function."""
        fields = {each.name: getattr(self, each.name) for each in attrs.fields(ResponseFormat)}
        return _restored, ({**fields, "type": _picklable(self.type)},)

    @classmethod
    def of(cls, value: Any, name: str = "response_format") -> ResponseFormat:
        """Return the format for a type, a JSON schema, "json_object", or the object that either API takes.

        Raises `UsageError`, with the *name* of the argument, for anything else, for a type without a JSON
        form, and for a schema that isn't one.
        """
        try:
            return cls._of(value)
        except UsageError as exc:
            words = str(exc).removeprefix("response_format: ")
            raise UsageError(words if words.startswith("response_format") else f"{name}: {words}") from exc
        except Exception as exc:  # of the caller's own object, such as its `__eq__`
            kind = type(value).__name__
            raise UsageError(f"{name}: expected a type, a JSON schema or 'json_object', got {kind}") from exc

    @classmethod
    def _of(cls, value: Any) -> ResponseFormat:
        if isinstance(value, ResponseFormat):
            return value
        if isinstance(value, str) and value in KINDS[1:]:
            return cls(kind=value)
        if isinstance(value, Mapping):
            return _of_mapping(value)
        if not _is_type(value):
            raise UsageError(
                f"response_format: expected a type, a JSON schema or 'json_object', got {got(value, 100)}"
            )
        return _of_type(value)

    def as_sent(self, *, takes_schema: bool) -> ResponseFormat:
        """Return the format for the reader of the answer; *takes_schema*: the server can enforce a schema."""
        return evolve(self, is_enforced=takes_schema and self.kind == "json_schema" and bool(self.strict))


def as_response_format(value: Any) -> ResponseFormat:
    """Return `ResponseFormat.of(value)`."""
    return ResponseFormat.of(value)


def _is_type(value: Any) -> bool:
    if value is Any or value is object:
        return False
    has_form = get_origin(value) is not None or alias_of(value) is not None
    return isinstance(value, type) or has_form or is_adapter(value)


def _of_type(hint: Any) -> ResponseFormat:
    schema = schema_of(hint)
    is_wrapped = schema.get("type") != "object"
    if is_wrapped:
        inner = {name: value for name, value in schema.items() if name != "$defs"}
        defs = {"$defs": schema["$defs"]} if "$defs" in schema else {}
        schema = {"type": "object", "properties": {WRAPPER: inner}, "required": [WRAPPER], **defs}
    strict = strict_schema(schema)
    is_strict = not is_loose(strict)
    return ResponseFormat(
        name=plain_name(getattr(hint if alias_of(hint) else bare(hint), "__name__", None)),
        schema=strict if is_strict else schema,
        strict=is_strict,
        type=hint,
        is_wrapped=is_wrapped,
        notes=tuple(f"response_format: {note}" for note in unknown_formats(schema)) if is_strict else (),
    )


def _of_mapping(value: Mapping[str, Any]) -> ResponseFormat:
    kind = value.get("type")
    is_nested = isinstance(value.get("json_schema"), Mapping)
    if kind == "json_schema" or (kind is None and (is_nested or isinstance(value.get("schema"), Mapping))):
        return _of_api(value, is_nested=is_nested)
    if isinstance(kind, str) and kind in KINDS:
        rest = {key: each for key, each in value.items() if key != "type"}
        schema = rest.get("schema", {})  # next to json_object, as Together and llama.cpp take it
        if "schema" in rest:
            check_schema(schema, "response_format.schema")
        return ResponseFormat(kind=kind, schema=schema, extra=rest)
    if isinstance(kind, str) and kind not in TYPES:
        raise UsageError(
            f"response_format: expected the type {', '.join(KINDS)}, or that of a JSON schema "
            f"({', '.join(TYPES)}), got {got(kind, 40)}; a server's own format goes into extra_body"
        )
    check_schema(value, "response_format")
    # A schema that is already in the strict form is sent as strict; the API refuses any other.
    is_strict = strict_schema(value) == value and not is_loose(value)
    return ResponseFormat(name=plain_name(value.get("title")), schema=dict(value), strict=is_strict)


def _of_api(value: Mapping[str, Any], *, is_nested: bool) -> ResponseFormat:
    """Read the object of an API: the schema is nested in Chat Completions, and flat in Responses."""
    inner = value["json_schema"] if is_nested else value
    schema, name, strict = inner.get("schema"), inner.get("name"), inner.get("strict")
    about = inner.get("description")
    if not isinstance(schema, Mapping):
        raise UsageError(f"response_format: expected a schema for type json_schema, got {got(value, 90)}")
    for key, given, kind in (("name", name, str), ("description", about, str), ("strict", strict, bool)):
        if given is not None and not isinstance(given, kind):
            raise UsageError(f"response_format.{key}: expected a {kind.__name__}, got {got(given, 60)}")
    check_schema(schema, "response_format.schema")
    changed = name is not None and plain_name(name) != name
    outer = {key: each for key, each in value.items() if key not in ("type", "json_schema")}
    inside = {key: each for key, each in inner.items() if key not in (*_OWN_KEYS, "type")}
    return ResponseFormat(
        name=plain_name(name),
        schema=dict(schema),
        strict=strict,
        description=about or "",
        extra=outer if is_nested else {},
        extra_inside=inside,
        written=tuple(key for key in ("name", "description", "strict") if inner.get(key) is not None),
        notes=(f"response_format: the name {name!r:.80} is sent as {plain_name(name)}",) if changed else (),
    )


def _restored(fields: Mapping[str, Any]) -> ResponseFormat:
    return ResponseFormat(**fields)


def _picklable(hint: Any) -> Any:
    try:
        pickle.dumps(hint)
    except Exception:  # noqa: BLE001 - whatever the type's own code raises
        return None
    return hint
