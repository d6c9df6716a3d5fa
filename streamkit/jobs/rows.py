"""The caller's rows -> `Row`s: each with its number, its key and its request.

Rules: a row is read only when it is asked for. A row that isn't a request gets an error of its own; only an
error of the iterator itself ends the job. Without the caller's key, a row is known by the hash of its body
and its number among equal bodies, so that the same prompt can be asked several times, and resumed.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from .._checks import got
from ..errors import StreamkitError, UsageError
from ..request import Request
from ..wires.prepare import PreparedRequest, prepare

if TYPE_CHECKING:
    from ..client import Client

_OPTIONS_OF_SEND = ("timeouts", "retry", "strict", "record", "extra_headers", "extra_query", "resume")

_LONGEST_KEY = 4096  # bits of a number: Python writes no more than 4300 digits


class _NoModelError(UsageError):
    """No row can be asked."""


@frozen
class Row:
    """One row. *digest* is the hash of the request's body; *error* is set if there is no request."""

    index: int
    key: str | int
    value: Any
    request: PreparedRequest | None = None
    digest: str = ""
    error: StreamkitError | None = None


def read_rows(
    rows: Iterable[Any],
    client: Client,
    *,
    to_input: Callable[[Any], Any] | None,
    key: Callable[[Any], Any] | None,
    options: Mapping[str, Any],
) -> Iterator[Row]:
    """Yield a `Row` for each of *rows*. *options* are those of `client.prepare`."""
    seen: dict[bytes, int] = {}  # without the caller's keys: how often each body came
    for index, value in enumerate(rows):
        try:
            request = _request(value, client, to_input, options)
            digest, error = _digest(request), None
        except _NoModelError:
            raise
        except StreamkitError as exc:
            request, digest, error = None, "", exc
        try:
            name = digest if key is None else _key(key, value)
        except StreamkitError as exc:
            request, name, error = None, "", error or exc
        if not name and name != 0:
            name = f"row-{index}"
        elif key is None:
            known = bytes.fromhex(digest)
            number = seen[known] = seen.get(known, 0) + 1
            name = f"{digest}-{number}"
        yield Row(index, name, value, request, digest, error)


def prepare_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options of `stream` that make up the request."""
    return {name: value for name, value in options.items() if name not in _OPTIONS_OF_SEND}


def send_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options of `stream` that say how the request is sent."""
    return {name: options[name] for name in _OPTIONS_OF_SEND if name in options}


def _request(
    value: Any, client: Client, to_input: Callable[[Any], Any] | None, options: Mapping[str, Any]
) -> PreparedRequest:
    if to_input is not None:
        value = _call("to_input", to_input, value)
    if not isinstance(value, Request):
        if not (options.get("model") or client.defaults["model"]):
            raise _NoModelError(
                "model: expected the name of a model, got None; pass model= to map or to Client"
            )
        try:
            return client.prepare(value, **options)
        except UsageError as error:
            if to_input is None and isinstance(value, Mapping):
                error.args = (f"{error.message}; pass to_input= to make the input from a row",)
                error.message = error.args[0]
            raise
    defaults = client.prepare("defaults", **{**options, "model": value.model}).request
    merged = evolve(
        value,
        instructions=defaults.instructions if value.instructions is None else value.instructions,
        tools=value.tools or defaults.tools,
        params={**defaults.params, **value.params},
        extra_body={**defaults.extra_body, **value.extra_body},
    )
    return prepare(merged, client.profile.wire, client.profile)


def _key(key: Callable[[Any], Any], value: Any) -> str | int:
    name = _call("key", key, value)
    if isinstance(name, str) and name:
        return name
    if hasattr(name, "__index__") and not isinstance(name, bool):  # NumPy's and pandas' integers, too
        number = operator.index(name)
        if number.bit_length() <= _LONGEST_KEY:
            return number
        name = f"one of {number.bit_length()} bits"
    raise UsageError(
        f"key: expected a string or a whole number for each row, got {got(name, 40)}; return str(...)"
    )


def _call(name: str, function: Callable[[Any], Any], value: Any) -> Any:
    try:
        return function(value)
    except StreamkitError:
        raise
    except Exception as exc:
        raise UsageError(
            f"{name}: the function raised {type(exc).__name__}: {exc!s:.200}; it gets one row"
        ) from exc


def _digest(request: PreparedRequest) -> str:
    try:
        body = json.dumps(request.body, sort_keys=True, separators=(",", ":"), default=repr)
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"request: the body isn't JSON: {exc!s:.200}") from exc
    return hashlib.sha256(body.encode()).hexdigest()[:24]
