"""Validators of attrs classes, and the work of their converters.

Rule: a wrong value is a `UsageError` that names its field. attrs' own validators raise `TypeError` with a
tuple of four objects, which helps no caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ._checks import got
from .errors import UsageError

Validator: TypeAlias = Callable[[Any, Any, Any], None]


def of(accepts: str, *types: type) -> Validator:
    """Return a validator for the values of these types. A boolean isn't a number."""

    def validate(instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise UsageError(f"{attribute.name}: expected {accepts}, got {got(value)}")

    return validate


def optional(validator: Validator) -> Validator:
    """Return the validator that accepts None, too."""

    def validate(instance: Any, attribute: Any, value: Any) -> None:
        if value is not None:
            validator(instance, attribute, value)

    return validate


def one_of(words: tuple[str, ...]) -> Validator:
    """Return a validator for these strings."""

    def validate(instance: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, str) or value not in words:
            raise UsageError(f"{attribute.name}: expected one of {', '.join(words)}, got {got(value)}")

    return validate


TEXT = of("a string", str)
BOOLEAN = of("True or False", bool)


def listed(
    name: str, value: Iterable[Any], of: type | tuple[type, ...] = object, accepts: str = "values"
) -> tuple[Any, ...]:
    """Return the members of *value*, the field *name*, as a tuple of objects of these types."""
    if isinstance(value, str | bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        raise UsageError(f"{name}: expected a list of {accepts}, got {got(value)}")
    members = tuple(value)
    if of is not object:
        for member in members:
            if not isinstance(member, of):
                raise UsageError(f"{name}: expected a list of {accepts}, got {got(member)} in it")
    return members


def mapped(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value*, the field *name*, as a dict."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{name}: expected a mapping with strings as keys, got {got(value)}")
    return dict(value)
