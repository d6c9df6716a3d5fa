"""A Python function -> a `ToolSpec`; a call by the model -> a call of the function with checked arguments.

    @tool
    def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
        \"\"\"The weather in a city.

        Args:
            city: its name in English
        \"\"\"

Rules: a function is called only with arguments that are complete and of the annotated types. Arguments that
aren't JSON are an error, never `{}`. JSON inside a string is read only if the schema refuses the string.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import importlib.util
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar, get_type_hints, overload

from ._checks import FUNCTION, TEXT, Kind, check, got
from ._interrupts import is_interrupt
from .errors import ToolError, UsageError
from .items import FunctionCall
from .request.options import ToolSpec
from .tool_outputs import output_of, settled
from .typed.docstrings import read_docstring
from .typed.fields import Field
from .typed.hints import takes_none
from .typed.parse import as_type
from .typed.schema import object_schema
from .typed.unquoted import unquoted

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("streamkit")

__all__ = [
    "StopRun",
    "ToolFailure",
    "bind",
    "call_tool",
    "load",
    "on_cancel",
    "output_of",
    "tool",
    "tool_of",
]


class StopRun(BaseException):
    """Raise it in a tool, or in a function that you gave to `agent.run`, to end the run without an error.

    No further call runs. It isn't an `Exception`, so that a tool's own `except Exception` lets it pass.
    """


class ToolFailure(Exception):
    """Raise it in a tool to choose the output of a call that failed: the model gets *output* unchanged.

    *output* is a string or parts, like a tool's result. Any other exception is named in the output.
    """

    def __init__(self, output: Any = "") -> None:
        super().__init__(output)
        self.output = output

    def __str__(self) -> str:
        return self.output if isinstance(self.output, str) else "the output has the reason"


class Cancellation:
    """Whether a run was cancelled, and functions to call when it is. Threads can share it."""

    def __init__(self) -> None:
        self.is_cancelled = False
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Call every function once, in this thread."""
        with self._lock:
            self.is_cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @contextlib.contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call *callback* if the run is cancelled during this block, or was before."""
        with self._lock:
            if not self.is_cancelled:
                self._callbacks.append(callback)
        if self.is_cancelled:
            callback()
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._callbacks.remove(callback)


CURRENT: contextvars.ContextVar[Cancellation | None] = contextvars.ContextVar("streamkit_run", default=None)


def on_cancel(callback: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
    """Call *callback* if the run whose tool this is gets cancelled during the block; use it in a tool.

    The thread that cancels calls it. Outside of a run, nothing is called.
    """
    check("callback", callback, FUNCTION)
    run = CURRENT.get()
    return contextlib.nullcontext() if run is None else run.calling(callback)


@overload
def tool(function: Callable[P, R], /) -> ToolSpec[P, R]: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, strict: bool | None = None
) -> Callable[[Callable[P, R]], ToolSpec[P, R]]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> Any:
    """Turn a function into a tool: `@tool`, or `@tool(strict=True)`. You can still call it as a function.

    The schema is built from the signature, with its annotations and defaults. Descriptions are read from the
    docstring (Google, NumPy or Sphinx style) and from `Annotated[X, "text"]`. With *strict*, the server
    enforces the schema. Raises `UsageError` if JSON can't fill a parameter (`*args`, a type without schema).
    """
    if function is None:
        return lambda f: tool_of(f, name=name, description=description, strict=strict)
    return tool_of(function)


def tool_of(
    function: Callable[P, R],
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> ToolSpec[P, R]:
    """Return the `ToolSpec` of *function*; see `tool`."""
    check("function", function, FUNCTION)
    check("name", name, TEXT)
    check("description", description, TEXT)
    inner = _inner(function)
    own = str(getattr(inner, "__name__", "__call__"))
    name = name or (type(function).__name__ if own == "__call__" else own)
    is_async = inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
    if is_async or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 - it's read
        raise UsageError(f"{name}: expected a function, got a coroutine function; wrap it with asyncio.run")
    about, notes = read_docstring(_doc(function, inner))
    fields = [field._replace(description=notes.get(field.name, "")) for field in _fields_of(function, name)]
    return ToolSpec(
        name,
        about if description is None else description,
        object_schema(fields, name),
        strict,
        function,
        is_method=_is_method(function),
    )


def _inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with the name, docstring and annotations: that inside a partial, or `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    is_object = not (inspect.isroutine(function) or isinstance(function, type))
    return type(function).__call__ if is_object and not hasattr(function, "__name__") else function


def _doc(function: Callable[..., Any], inner: Callable[..., Any]) -> str:
    is_class_of_partial = isinstance(function, functools.partial)
    own = None if is_class_of_partial else inspect.getdoc(function)
    return own or inspect.getdoc(inner) or ""


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters by name. Raises `UsageError` for a function in C that doesn't tell them."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError) as exc:
        raise UsageError(f"function: expected one with a signature, got {got(function)}; wrap it") from exc


def _is_method(function: Callable[..., Any]) -> bool:
    """Return True for a function in the body of a class, whose first parameter is the object."""
    where = getattr(function, "__qualname__", "").split(".")
    is_in_class = len(where) > 1 and where[-2] != "<locals>"
    first = next(iter(_parameters(function)), "")
    return inspect.isfunction(function) and is_in_class and first in ("self", "cls")


def _fields_of(function: Callable[..., Any], name: str, *, is_open: bool = False) -> list[Field]:
    """Return a function's parameters as fields of a JSON object; with *is_open*, without `**kwargs`."""
    try:
        hints = get_type_hints(_inner(function), include_extras=True)
    except (NameError, TypeError) as exc:
        raise UsageError(
            f"{name}: can't resolve its annotations ({exc}); define these types in its module"
        ) from exc
    fields = []
    given = function.keywords if isinstance(function, functools.partial) else {}
    parameters = list(_parameters(function).values())[int(_is_method(function)) :]
    for parameter in parameters:
        if parameter.name in given or (is_open and parameter.kind is parameter.VAR_KEYWORD):
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UsageError(f"{name}: expected parameters that are passed by name, got {parameter}")
        required = parameter.default is parameter.empty
        hint = hints.get(parameter.name, Any)
        fields.append(Field(parameter.name, hint, required, None if required else parameter.default))
    return fields


# -- calling ------------------------------------------------------------------------------


_SPEC = Kind("a ToolSpec", lambda value: isinstance(value, ToolSpec), "decorate the function with @tool")
_CALL = Kind("a FunctionCall", lambda value: isinstance(value, FunctionCall), "pass one of its calls")


def bind(spec: ToolSpec, call: FunctionCall) -> dict[str, Any]:
    """Return the call's arguments by name, as Python objects of the annotated types.

    Raises `UsageError` with every problem, worded for a model that tries again.
    """
    check("spec", spec, _SPEC)
    check("call", call, _CALL)
    given = call.parsed()
    where = "arguments"
    arguments = unquoted(given, spec.parameters)
    if arguments != given:
        logger.warning(
            "tool %r: arguments have JSON inside strings; reading it as the schema asks", spec.name
        )
    if not isinstance(arguments, dict):
        raise UsageError(f"{where}: object expected, got {call.arguments:.80}")
    as_type(arguments, None, spec.parameters, where)
    if spec.function is None:
        return arguments
    fields = {field.name: field for field in _fields_of(spec.function, spec.name, is_open=True)}
    is_open = any(p.kind is p.VAR_KEYWORD for p in _parameters(spec.function).values())
    unknown = ", ".join(repr(name) for name in arguments if name not in fields)
    if unknown and not is_open:
        raise UsageError(f"unexpected argument {unknown}; expected: {', '.join(fields) or 'no arguments'}")
    return {
        name: as_type(value, fields[name].type, {}, f"{where}.{name}") if name in fields else value
        for name, value in arguments.items()
        if value is not None or name not in fields or fields[name].required or takes_none(fields[name].type)
    }


def call_tool(spec: ToolSpec, call: FunctionCall) -> Any:
    """Run the tool's function with the arguments of *call*, and return its result.

    Raises `UsageError` if the arguments are wrong; the function isn't called then. Raises `ToolError` if the
    function raises; its exception is the `__cause__`.
    """
    check("spec", spec, _SPEC)
    if spec.function is None:
        raise UsageError(f"tool {spec.name!r} has no function to call; pass function= to ToolSpec")
    arguments = bind(spec, call)
    try:
        return settled(spec.function(**arguments))
    except ToolFailure as exc:
        raise ToolError(f"tool {spec.name!r} failed{_words(exc)}", call=call) from exc
    except Exception as exc:
        if is_interrupt(exc):
            raise
        raise ToolError(f"tool {spec.name!r} raised {type(exc).__name__}{_words(exc)}", call=call) from exc


def _words(error: Exception) -> str:
    """Return the error's message after a colon; nothing if it has none, or if it can't be made."""
    with contextlib.suppress(Exception):
        return f": {error}".removesuffix(": ")
    return ""


# -- finding ------------------------------------------------------------------------------


def load(reference: str) -> ToolSpec:
    """Return the tool at `"module:function"` or `"file.py:function"`. A plain function becomes a tool.

    Modules are also searched in the current directory. Raises `UsageError` if the function doesn't exist.
    """
    where, _, name = reference.rpartition(":") if isinstance(reference, str) else ("", "", "")
    if not where or not name:
        raise UsageError(f"tool: expected module:function or file.py:function, got {got(reference, 80)}")
    found = getattr(_module(where), name, None)
    if isinstance(found, ToolSpec):
        return found
    if not callable(found):
        raise UsageError(f"tool: {where} has no function {name!r}")
    return tool_of(found)


def _module(where: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            return _module_in(Path(where))
        try:
            return importlib.import_module(where)
        except ModuleNotFoundError:
            in_this_directory = Path(*where.split(".")).with_suffix(".py")
            if not in_this_directory.is_file():
                raise
            return _module_in(in_this_directory)
    except (ImportError, OSError, SyntaxError) as exc:
        raise UsageError(f"tool: can't import {where}: {exc}") from exc


def _module_in(path: Path) -> ModuleType:
    """Import a file as a module, under a name that doesn't hide another module."""
    spec = importlib.util.spec_from_file_location(f"_tools_in_{path.stem}", path)
    assert spec is not None  # it is None only for names without .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # get_type_hints looks up the annotations of its classes there
    spec.loader.exec_module(module)
    return module
