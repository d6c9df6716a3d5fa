"""Type annotations: what is inside a marker, an alias or a generic class, and whether None is a value.

Rule: names are compared, not objects, because typing and typing_extensions have classes of their own for the
same marker in older versions of Python.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

_MARKERS = ("Required", "NotRequired", "ReadOnly", "Final")


def marker(hint: Any) -> str | None:
    """Return the name of the marker around *hint*, such as "Required", or None."""
    name = getattr(get_origin(hint), "_name", None) or getattr(get_origin(hint), "__name__", None)
    return name if name in _MARKERS else None


def markers(hint: Any) -> Iterator[str]:
    """Yield the names of all markers around *hint*, in any order with `Annotated`."""
    while (word := marker(hint)) is not None or get_origin(hint) is Annotated:
        if word is not None:
            yield word
        hint = get_args(hint)[0]


def alias_of(hint: Any) -> Any:
    """Return the type that a NewType or a `type` statement names; None for other hints."""
    if hasattr(hint, "__supertype__"):
        return hint.__supertype__
    cls = get_origin(hint) or hint
    if type(cls).__name__ == "TypeAliasType":
        parameters = getattr(cls, "__type_params__", ())
        return substituted(_value_of(cls), dict(zip(parameters, get_args(hint), strict=False)))
    return None


def _value_of(alias: Any) -> Any:
    """Return the type that a `type` statement names, with the names in quotes resolved in its module."""
    holder = SimpleNamespace(__annotations__={"value": alias.__value__})
    names = vars(sys.modules.get(alias.__module__, holder))
    try:
        return get_type_hints(holder, names, {alias.__name__: alias}, include_extras=True)["value"]
    except Exception:  # noqa: BLE001 - a name in quotes is code; the writer of the schema names the place
        return alias.__value__


def bare(hint: Any) -> Any:
    """Return *hint* without markers, `Annotated` and aliases around it; a type variable as its bound."""
    while True:
        if marker(hint) or get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif (named := alias_of(hint)) is not None:
            hint = named
        elif isinstance(hint, TypeVar):
            hint = bound_of(hint)
        else:
            return hint


def bound_of(variable: TypeVar) -> Any:
    """Return the type that stands for a type variable without a value."""
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007 - `|` can't take a tuple
    return variable.__bound__ or Any


def is_union(hint: Any) -> bool:
    """Return True for `A | B`, `Union` and `Optional`."""
    return get_origin(hint) in (Union, types.UnionType)


def is_enum(hint: Any) -> bool:
    """Return True for a class of members; in Python 3.10, `deque[int]` is a type to `isinstance`, too."""
    return get_origin(hint) is None and isinstance(hint, type) and issubclass(hint, enum.Enum)


def takes_none(hint: Any) -> bool:
    """Return True if None is a value of the type."""
    hint = bare(hint)
    if hint is None or hint is Any or hint is object or hint is types.NoneType:
        return True
    return is_union(hint) and any(takes_none(arg) for arg in get_args(hint))


# -- generic classes ----------------------------------------------------------------------

Values = Mapping[Any, Any]  # type variable -> type


def substituted(hint: Any, values: Values) -> Any:
    """Return *hint* with the type variables in it replaced by their values."""
    if isinstance(hint, TypeVar):
        return values.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if get_origin(hint) is None or not parameters or not values:
        return hint
    return hint[tuple(values.get(each, each) for each in parameters)]


def values_by_class(hint: Any) -> dict[type, Values]:
    """Return the values of the type variables in a class and in each of its bases.

    *hint* is a class, or a generic class with its arguments, such as `Box[int]`.
    """
    found: dict[type, Values] = {}

    def visit(alias: Any, outer: Values) -> None:
        cls = get_origin(alias) or alias
        if not isinstance(cls, type) or cls in (Generic, object):
            return
        arguments = [substituted(each, outer) for each in get_args(alias)]
        found[cls] = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
        for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
            visit(base, found[cls])

    visit(hint, {})
    return found
