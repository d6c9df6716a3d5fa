"""Objects of other packages -> dicts: messages, parts and tools of the APIs' own SDKs.

    takes    anything; an object with pydantic's `model_dump` becomes what its API reads, in its own spelling
    returns  the same value, with a dict for each such object, at any depth of dicts and lists

Rules: nothing is imported, and no package is named: the method is what counts. Fields that are None are left
out, because they say nothing. A value without such an object is returned as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks import got
from ..errors import UsageError

_DEEPEST = 12  # messages, blocks, results, documents and their parts have fewer levels


def as_data(value: Any, name: str, depth: int = _DEEPEST) -> Any:
    """Return *value* with dicts for the SDKs' objects; *name* is its place, for the error.

    Raises `UsageError` if an object can't be written as a dict.
    """
    if isinstance(value, str | int | float | bytes | type(None)) or not depth:
        return value
    if isinstance(value, Mapping):
        pairs = {key: as_data(inner, f"{name}.{key}", depth - 1) for key, inner in value.items()}
        return pairs if any(pairs[key] is not inner for key, inner in value.items()) else value
    if isinstance(value, list | tuple):
        entries = [as_data(inner, f"{name}[{n}]", depth - 1) for n, inner in enumerate(value)]
        return entries if any(a is not b for a, b in zip(entries, value, strict=True)) else value
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    return value if not callable(dump) else _dumped(dump, value, name)


def _dumped(dump: Any, value: Any, name: str) -> Any:
    try:
        return dump(mode="json", by_alias=True, exclude_none=True)
    except Exception as exc:  # a stranger's method may raise anything
        raise UsageError(
            f"{name}: expected an object that becomes a dict, got {got(value, 80)}: {exc}"
        ) from exc
