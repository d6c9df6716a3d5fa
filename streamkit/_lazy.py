"""Late imports, through one mechanism: a name is imported when it is first used.

`import streamkit` reads streams; the code that talks to servers, runs tools, displays and replays is imported
with its first use. Rule: a target is "module:name" inside streamkit, written as a literal.
tests/test_layers.py reads every `lazy(...)`; the tables of names (`streamkit._LATE`, the commands, the APIs)
stand on the lowest floors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import Any

_importing = RLock()


def load(module: str) -> ModuleType:
    """Import and return *module*. Streamkit's own modules are imported by one thread at a time.

    Otherwise two threads that each import a package and a module of the other's package find one of them
    half-imported. Other modules stay outside of the lock: they may import streamkit in any order.

    Raises `StreamkitError` if the file can't be read, as in a program that has too many files open.
    """
    if not module.startswith(f"{__package__}."):
        return import_module(module)
    try:
        with _importing:
            return import_module(module)
    except OSError as exc:
        from .errors import StreamkitError

        error = StreamkitError(f"{module} can't be loaded: {exc}")
        error.retryable = True  # files are closed again
        raise error from exc


def find(target: str) -> Any:
    """Import and return *target*, such as "client:Client"; "agent:" is the module itself."""
    module, _, name = target.partition(":")
    imported = load(f"{__package__}.{module}")
    return getattr(imported, name) if name else imported


def lazy(target: str) -> Callable[..., Any]:
    """Return a function that imports *target* at its first call and passes each call on to it."""
    found: Callable[..., Any] | None = None

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal found
        if found is None:
            found = find(target)
        return found(*args, **kwargs)

    return call


def attributes(namespace: dict[str, Any], targets: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's `__getattr__`, which imports the *targets* by name and keeps them in *namespace*."""

    def get(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = find(targets[name])
        return value

    return get
