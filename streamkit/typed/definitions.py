"""The definitions of one schema: types that contain themselves, under names that no other type has.

    takes    types with the functions that write them, and schemas with definitions of their own (pydantic's)
    returns  references such as `#/$defs/Node`, and the finished schema with the definitions that it uses

Rule: nested classes are written in place, because many servers don't follow `$ref`. Only a class that
contains itself gets an entry in `$defs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from .subschemas import map_children, nodes_of

_PREFIX = "#/$defs/"


class Definitions:
    """The `$defs` of the schema that is being written."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}
        self._names: list[tuple[Any, str]] = []  # of the types in `$defs`; some types are unhashable
        self._inside: list[Any] = []  # the types whose schemas are being written

    def share(self, hint: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the schema that *make* returns, or a reference to it if the type contains itself."""
        if hint in self._inside:
            return {"$ref": _PREFIX + self._name(hint)}
        self._inside.append(hint)
        schema = make()
        self._inside.pop()
        if not any(hint == named for named, _ in self._names):
            return schema
        self._schemas[self._name(hint)] = schema
        return {"$ref": _PREFIX + self._name(hint)}

    def adopt(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Take over the `$defs` of *schema*, under new names if another type has one of the names."""
        defs = schema.pop("$defs", {})
        taken = self._taken()
        if any(name in taken and self._schemas.get(name) != each for name, each in defs.items()):
            renamed: dict[str, str] = {}
            for name in defs:
                renamed[name] = name if name not in taken else self._free_name(name)
                self._schemas[renamed[name]] = {}  # so that no other definition gets the name
            defs = {renamed[name]: _renamed(each, renamed) for name, each in defs.items()}
            schema = _renamed(schema, renamed)
        self._schemas.update(defs)
        return schema

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return *schema* with the definitions that it uses. A root that contains itself is written out."""
        if "$ref" in schema:
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._schemas[schema["$ref"].rpartition("/")[2]], **siblings}
        defs = self._used(schema)
        return schema | {"$defs": defs} if defs else schema

    def _used(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the definitions that *schema* leads to."""
        used: dict[str, Any] = {}
        left = [schema]
        while left:
            for _, node in nodes_of(left.pop()):
                reference = str(node.get("$ref")) if isinstance(node, Mapping) else ""
                name = reference.removeprefix(_PREFIX)
                if name != reference and name in self._schemas and name not in used:
                    used[name] = self._schemas[name]
                    left.append(used[name])
        return {name: each for name, each in self._schemas.items() if name in used}

    def _name(self, hint: Any) -> str:
        """Return the name of a type in `$defs`, which no other type has."""
        found = next((name for named, name in self._names if named == hint), None)
        if found is None:
            found = self._free_name(plain_name(_spelled(hint)))
            self._names.append((hint, found))
        return found

    def _free_name(self, name: str) -> str:
        taken = self._taken()
        numbered = (f"{name}_{n}" for n in range(2, len(taken) + 3))
        return name if name not in taken else next(each for each in numbered if each not in taken)

    def _taken(self) -> set[str]:
        return {*self._schemas, *(name for _, name in self._names)}


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of *schema* whose references point to the new names of definitions."""
    if not isinstance(schema, Mapping):
        return schema

    def pointed(reference: Any) -> Any:
        head, slash, name = str(reference).rpartition("/")
        return f"{head}/{names.get(name, name)}" if slash else reference

    copy = map_children(schema, lambda child: _renamed(child, names))
    if "$ref" in copy:
        copy["$ref"] = pointed(copy["$ref"])
    by_value = copy.get("discriminator")
    if isinstance(by_value, Mapping) and isinstance(by_value.get("mapping"), Mapping):
        mapping = {value: pointed(reference) for value, reference in by_value["mapping"].items()}
        copy["discriminator"] = {**by_value, "mapping": mapping}
    return copy


def _spelled(hint: Any) -> str:
    """Return the name of a type with its arguments: `Box[int]`."""
    name = getattr(hint, "__name__", None) or str(hint)
    arguments = "_".join(_spelled(each) for each in get_args(hint))
    return f"{name}_{arguments}" if arguments else name


def plain_name(name: Any) -> str:
    """Return a name that every API accepts: letters, digits, `_` and `-`, at most 64."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64] if isinstance(name, str) else ""
    return plain or "response"
