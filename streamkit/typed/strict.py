"""A JSON schema -> the form that strict mode accepts, and whether there is one.

The rules are those of OpenAI's guide to structured outputs: every object is closed, and every property is
required. A part that isn't in the guide's subset makes a schema loose: it is sent without `strict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .references import MISSING, References
from .subschemas import map_children, nodes_of

# Notes for people and defaults: they may stand next to a reference, and the nearer one wins.
_NOTES = ("title", "description", "examples", "deprecated", "readOnly", "writeOnly", "$comment")
_DROPPED = ("default", "oneOf", "discriminator")  # oneOf becomes anyOf; OpenAPI's discriminator is a hint
_LOOSE = (
    *("allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
    *("prefixItems", "additionalItems", "contains", "minContains", "maxContains", "uniqueItems"),
    *("patternProperties", "propertyNames", "minProperties", "maxProperties"),
    *("unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"),
)
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of *schema* in the form that strict mode accepts.

    Objects are closed. Every property is required; it may be null if it was optional. `oneOf` becomes
    `anyOf`. A `$ref` with siblings, and an `allOf` of one schema, are written in place. `default`,
    `discriminator` and the formats that `unknown_formats` lists are removed.
    """
    strict: dict[str, Any] = _strict(schema, References(schema), ())
    return strict


def unknown_formats(schema: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each string format in *schema* that strict mode refuses."""
    return [
        f"the format {node['format']!r:.40} at {place or '/'} isn't sent: strict mode doesn't have it"
        for place, node in nodes_of(schema)
        if isinstance(node, Mapping) and "format" in node and node["format"] not in _FORMATS
    ]


def is_loose(schema: Mapping[str, Any]) -> bool:
    """Return True if strict mode refuses a part of *schema*, which is in the strict form."""
    return any(_is_loose(node) for _, node in nodes_of(schema))


def _is_loose(node: Any) -> bool:
    """Return True if strict mode refuses the node: free keys, a keyword it lacks, or no type."""
    if not isinstance(node, Mapping):
        return node is not False  # additionalProperties: false
    if "$ref" in node:
        return not node.keys() <= {"$ref", "$defs", "definitions"}
    untyped = not node.keys() & {"type", "enum", "anyOf"}
    return untyped or node.get("additionalProperties", False) is not False or bool(node.keys() & {*_LOOSE})


def _strict(schema: Any, references: References, inside: tuple[Any, ...]) -> Any:
    """Return the strict form. *inside* has the ids of the schemas that were written in place around it."""
    if not isinstance(schema, Mapping):
        return schema
    if ("$ref" in schema and len(schema) > 1) or _has_one_part(schema):
        return _in_place(schema, references, inside)
    strict = {key: value for key, value in schema.items() if key not in _DROPPED}
    if strict.get("format", _FORMATS[0]) not in _FORMATS:
        del strict["format"]
    if isinstance(schema.get("oneOf"), list):
        either = schema.get("anyOf")
        strict["anyOf"] = [*(either if isinstance(either, list) else ()), *schema["oneOf"]]
    strict = map_children(strict, lambda child: _strict(child, references, inside))
    if schema.get("type") == "object" or "properties" in schema:
        properties = strict.get("properties", {})
        if not isinstance(properties, Mapping):
            return strict
        was_required = schema.get("required", ())
        was_required = was_required if isinstance(was_required, list | tuple) else ()
        strict["properties"] = {
            name: each if name in was_required else or_null(each) for name, each in properties.items()
        }
        strict["required"] = list(properties)
        strict.setdefault("additionalProperties", False)
    return strict


def _has_one_part(schema: Mapping[str, Any]) -> bool:
    parts = schema.get("allOf")
    return isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], Mapping)


def _in_place(schema: Mapping[str, Any], references: References, inside: tuple[Any, ...]) -> Any:
    """Write the target of a `$ref`, or the one part of an `allOf`, together with its siblings.

    If the two have a keyword in common, or contain each other, the target becomes an `anyOf` of one schema,
    which means the same.
    """
    keyword = "$ref" if "$ref" in schema else "allOf"
    siblings = {
        key: value for key, value in schema.items() if key not in (keyword, "default", "discriminator")
    }
    if keyword == "allOf":
        pointer: Any = schema["allOf"][0]
        target = pointer
    else:
        pointer = {"$ref": schema["$ref"]}
        target = next((found for _, found in references.targets(schema)), MISSING)
    if not siblings.keys() - {"$defs", "definitions"} and keyword == "$ref":
        kept = map_children(siblings, lambda child: _strict(child, references, inside))
        return {**pointer, **kept}
    shared = siblings.keys() & (target.keys() if isinstance(target, Mapping) else ())
    if isinstance(target, Mapping) and shared <= {*_NOTES} and id(target) not in inside:
        return _strict({**target, **siblings}, references, (*inside, id(target)))
    if siblings.keys() & {"anyOf", "oneOf"}:
        return {keyword: schema[keyword], **siblings}  # which is loose
    return _strict({"anyOf": [pointer], **siblings}, references, inside)


def or_null(schema: Any) -> Any:
    """Return a schema for *schema* or null."""
    if not isinstance(schema, Mapping) or not schema:
        return schema
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else kind
    if isinstance(kinds, list) and "null" in kinds:
        return schema
    if isinstance(kinds, list) and kinds and not schema.keys() & {"anyOf", "const"}:
        values = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [*kinds, "null"], **values}
    options = schema.get("anyOf") if schema.keys() <= {"anyOf", *_NOTES} else None
    if not isinstance(options, list):
        return {"anyOf": [schema, {"type": "null"}]}
    if {"type": "null"} in options:
        return schema
    return {**schema, "anyOf": [*options, {"type": "null"}]}


def with_items(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array with `items`, which OpenAI requires next to `prefixItems`, too."""
    if "items" in schema:
        return schema
    first = schema.get("prefixItems")
    kinds: list[Any] = []
    for each in first if isinstance(first, list) else ():
        if each not in kinds:
            kinds.append(each)
    return {**schema, "items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}}
