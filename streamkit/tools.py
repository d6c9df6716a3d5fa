"""A Python function -> a `ToolSpec`; a call by the model -> a call of the function, arguments checked.

    @tool
    def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
        \"\"\"The weather in a city.

        Args:
            city: its name in English
        \"\"\"

Rule: a function is never called with arguments that are not whole and of their types, and arguments
that cannot be read are never taken for `{}`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints, overload

from .errors import ToolError, UsageError
from .items import FunctionCall, Part
from .request.options import ToolSpec
from .typed.parse import as_type, to_json
from .typed.schema import Field, object_schema, takes_none

_PARTS = get_args(Part)


@overload
def tool(function: Callable[..., Any], /) -> ToolSpec: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, strict: bool | None = None
) -> Callable[[Callable[..., Any]], ToolSpec]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> Any:
    """Make a tool of a function: `@tool`, or `@tool(strict=True)`. It can still be called as before.

    The schema comes from the signature, its annotations and defaults; the descriptions from the docstring
    (Google, NumPy or Sphinx style) and from `Annotated[X, "text"]`. With *strict* the server keeps to
    the schema. Raises `UsageError` for a parameter that JSON cannot fill: `*args`, a type without schema.
    """
    if function is None:
        return lambda f: tool_of(f, name=name, description=description, strict=strict)
    return tool_of(function)


def tool_of(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> ToolSpec:
    """The `ToolSpec` of *function*; see `tool`."""
    name = name or str(getattr(function, "__name__", type(function).__name__))
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"{name} is a coroutine function, and nothing here would await it")
    about, notes = _read_docstring(inspect.getdoc(function) or "")
    fields = [field._replace(description=notes.get(field.name, "")) for field in _fields_of(function, name)]
    return ToolSpec(
        name, about if description is None else description, object_schema(fields, name), strict, function
    )


def _fields_of(function: Callable[..., Any], name: str) -> list[Field]:
    """The parameters of a function as fields of a JSON object."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as exc:
        raise UsageError(f"{name}: {exc}; annotations must be names of the function's module") from exc
    fields = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UsageError(f"{name}: a model passes arguments by name; it cannot fill {parameter}")
        required = parameter.default is parameter.empty
        hint = hints.get(parameter.name, Any)
        fields.append(Field(parameter.name, hint, required, None if required else parameter.default))
    return fields


# -- calling ------------------------------------------------------------------------------


def bind(spec: ToolSpec, call: FunctionCall) -> dict[str, Any]:
    """The call's arguments as Python objects of the annotated types, by name.

    Raises `UsageError` with every reason, in words that help the model to try again.
    """
    arguments = call.parsed()
    where = "arguments"
    if not isinstance(arguments, dict):
        raise UsageError(f"{where}: object expected, got {call.arguments[:80]}")
    as_type(arguments, None, spec.parameters, where)
    if spec.function is None:
        return arguments
    fields = {field.name: field for field in _fields_of(spec.function, spec.name)}
    unknown = [name for name in arguments if name not in fields]
    if unknown:
        known = ", ".join(fields) or "none at all"
        raise UsageError(f"{where}: there is no {', '.join(unknown)}; the parameters are {known}")
    return {
        name: as_type(value, fields[name].type, {}, f"{where}.{name}")
        for name, value in arguments.items()
        if value is not None or fields[name].required or takes_none(fields[name].type)
    }


def call_tool(spec: ToolSpec, call: FunctionCall) -> Any:
    """What the function returns for *call*.

    Raises `UsageError` where the arguments are bad (the function was not called), and `ToolError` where
    the function raised; the exception is its `__cause__`.
    """
    if spec.function is None:
        raise UsageError(f"tool {spec.name!r} has no function to call")
    arguments = bind(spec, call)
    try:
        return spec.function(**arguments)
    except Exception as exc:
        raise ToolError(f"tool {spec.name!r} raised {type(exc).__name__}: {exc}", call=call) from exc


def output_of(value: Any) -> str | tuple[Part, ...]:
    """What a function returned, as the output of a call.

    A string as it is, parts (an `InputImage`, say) as they are, anything else as JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, _PARTS):
        return (value,)
    if isinstance(value, list | tuple) and value and all(isinstance(v, _PARTS) for v in value):
        return tuple(value)
    return to_json(value)


# -- finding ------------------------------------------------------------------------------


def load(reference: str) -> ToolSpec:
    """The tool that `"module:function"` or `"file.py:function"` names; a plain function becomes one.

    Raises `UsageError` where there is none. Modules are also looked for in the current directory.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name:
        raise UsageError(f"a tool is named module:function or file.py:function, got {reference!r}")
    found = getattr(_module(where), name, None)
    if isinstance(found, ToolSpec):
        return found
    if not callable(found):
        raise UsageError(f"{where} has no function {name!r}")
    return tool_of(found)


def _module(where: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            return _module_in(Path(where))
        try:
            return importlib.import_module(where)
        except ModuleNotFoundError:
            beside = Path(*where.split(".")).with_suffix(".py")
            if not beside.is_file():
                raise
            return _module_in(beside)
    except (ImportError, OSError, SyntaxError) as exc:
        raise UsageError(f"cannot import {where}: {exc}") from exc


def _module_in(path: Path) -> ModuleType:
    """The file as a module, under a name that hides no other module."""
    spec = importlib.util.spec_from_file_location(f"_tools_in_{path.stem}", path)
    assert spec is not None  # which it is for names without .py only
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # the annotations of its classes are looked up there
    spec.loader.exec_module(module)
    return module


# -- docstrings ---------------------------------------------------------------------------

# Where the description ends: a section of Google's or NumPy's style, or a field of Sphinx's.
_SECTION = re.compile(
    r"^(?:(?:Args|Arguments|Parameters|Returns?|Raises|Yields?|Examples?|Notes?):[ \t]*$"
    r"|\w+[ \t]*\n-{3,}[ \t]*$|:\w+[^:\n]*:)",
    re.M,
)
_GOOGLE = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*\n?|\n)+)", re.M)
_NUMPY = re.compile(r"^Parameters[ \t]*\n-{3,}[ \t]*\n((?:.*\n?)*?)(?=^\w+[ \t]*\n-{3,}|\Z)", re.M)
_SPHINX = re.compile(r"^:param\s+(?:[^:\n]*\s)?(\w+):((?:.*\n?)(?:[ \t]+.*\n?)*)", re.M)
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*(?::\s*(.*))?$")


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """What a function does, and what its parameters are."""
    end = _SECTION.search(text)
    about = text[: end.start()] if end else text
    notes = {match[1]: match[2] for match in _SPHINX.finditer(text)}
    google, numpy = _GOOGLE.search(text), _NUMPY.search(text)
    if google:
        notes |= _read_entries(google[1], typed=False)
    if numpy:
        notes |= _read_entries(numpy[1], typed=True)
    return about.strip(), {name: " ".join(note.split()) for name, note in notes.items()}


def _read_entries(block: str, *, typed: bool) -> dict[str, str]:
    """The entries of a section: a name at the margin, deeper lines go on. *typed*: its type stands beside."""
    notes: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(block).splitlines():
        entry = _ENTRY.match(line)
        if entry:
            name = entry[1]
            notes[name] = "" if typed else entry[2] or ""
        elif name:
            notes[name] += f" {line}"
    return notes
