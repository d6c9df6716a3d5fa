"""The result of a tool's function -> the output of its call: text, or parts with pictures and files.

Rule: the model gets text, JSON or a file, never the `repr` of an object with its address. A result without
such a form is a `UsageError`, which tells the author of the tool what to return.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from .errors import UsageError
from .items import InputText, Part
from .media import as_part
from .typed.encode import to_json

_PARTS = get_args(Part)


def output_of(value: Any) -> str | tuple[Part, ...]:
    """Return a function's result as the output of a call.

    A string and parts (such as an `InputImage`) stay unchanged, also in a list of both. Bytes become a
    picture or a document if their kind can be detected. Any other value becomes JSON text.

    Raises `UsageError` for a value without a JSON form, and for one that contains itself.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, _PARTS):
        return (value,)
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_bytes(bytes(value))
    if isinstance(value, list | tuple) and any(isinstance(v, (*_PARTS, bytes)) for v in value):
        outputs = map(output_of, value)
        return tuple(part for out in outputs for part in ([InputText(out)] if isinstance(out, str) else out))
    try:
        return to_json(value)
    except Exception as exc:  # any attribute or method of the value can raise
        why = str(exc) if isinstance(exc, TypeError | ValueError) else type(exc).__name__
        raise UsageError(
            f"result: expected text, JSON values or message parts, got {type(value).__name__} ({why}); "
            "return one of those"
        ) from exc


def settled(value: Any) -> Any:
    """Return a function's result after all of it was made: the values of a generator are joined or listed.

    Raises `UsageError` for a coroutine or another awaitable, which this library can't run.
    """
    is_async = hasattr(value, "__aiter__") and not isinstance(value, Iterator)
    if is_async or inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # otherwise Python warns that it was never awaited
        raise UsageError("result: expected a value, got a coroutine; wrap the function with asyncio.run")
    if isinstance(value, Iterator):
        values = list(value)
        return "".join(values) if all(isinstance(each, str) for each in values) else values
    return value


def capped(output: str | tuple[Part, ...], most: int | None) -> str | tuple[Part, ...]:
    """Return *output* with at most *most* characters of text, and a note to the model about the rest."""
    if most is None:
        return output
    if isinstance(output, str):
        return (
            output
            if len(output) <= most
            else f"{output[:most]}\n[cut after {most} of {len(output)} characters]"
        )
    texts = [InputText(str(capped(p.text, most))) if isinstance(p, InputText) else p for p in output]
    return tuple(texts)


def _of_bytes(data: bytes) -> str | tuple[Part, ...]:
    part = as_part(data)
    if part is not None:
        return (part,)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError("result: expected text or a known kind of file, got bytes; pass them to media.file")
    return text
