"""JSON text <-> Python values, for streams, bodies, histories and recordings: the one decoder and encoder.

| function | takes | returns |
|---|---|---|
| `loads` | `str`, or `bytes` in UTF-8 | any JSON value; raises `NotJSONError` |
| `loads_strict` | `str` | the same, but refuses NaN, Infinity and raw control characters |
| `is_json` | `str` | True if `loads_strict` reads it |
| `json_hash` | `str` | a number that is equal for texts that are equal as JSON |
| `scan_object` | `str` | the object that the whole text is, or None if the text needs a closer look |
| `scan_holes` | `str`, values | the same, if `NaN` stands for each of the values |
| `scan_first` | `str`, an index | the value that begins there and its end; None if there isn't one |
| `scan_value` | `str`, an index | the same for a value that isn't deep; raises StopIteration, ValueError |
| `dumps` | a value | `str` that encodes as UTF-8, with a space after each comma and colon |
| `encode`, `encode_compact` | a value | `bytes` in UTF-8, with and without those spaces |
| `dumps_for_terminal` | a value | `str` that can't control a terminal |

Rules: strings may contain raw control characters, because models write them and gateways pass them on.
Every reason why a text isn't JSON is a `NotJSONError`; so is nesting deeper than `MAX_DEPTH`. The decoder
accepts NaN and Infinity, which servers in Python send. JSON has no form for them: the encoder writes null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

# Levels of arrays and objects that a payload may have. Pickle, cattrs and our own recursion fail from 330
# levels on; an answer of the Responses API has about 10. To change it, set it here:
# `json_text.MAX_DEPTH = 50`. Documents and files of ours wrap payloads, so twice as many are read there.
MAX_DEPTH = 100

# Marks that show no character. Some models and servers write them before or after JSON.
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"

HOLE = "NaN"  # see `scan_holes`

_decoder = json.JSONDecoder(strict=False)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_compact_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_strict_decoder = json.JSONDecoder(parse_constant=lambda constant: _refuse(constant))
_nan_encoder = json.JSONEncoder(ensure_ascii=False)
_nan_decoder = json.JSONDecoder(strict=False, parse_constant=lambda constant: None)

# One C call without the frame of `raw_decode` and its search for white space: 1.8 us for a payload of 320
# characters, against 3.4 us for `json.loads` of its bytes.
_scan = _decoder.scan_once  # type: ignore[attr-defined]  # typeshed leaves it out
scan_value: Callable[[str, int], tuple[Any, int]] = _scan


# DEL and the C1 controls, which terminals obey; bidirectional controls; the line separators.
_STEERING = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"


class NotJSONError(ValueError):
    """A text isn't JSON, is nested too deeply, or isn't the kind of value that was expected."""


def loads(text: str | bytes, max_depth: int | None = None) -> Any:
    """Return the value that *text* is, with white space around it allowed.

    Raises `NotJSONError`, for more than *max_depth* levels too; the default is twice those of a payload.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NotJSONError(str(exc)) from exc
    return _decoded(text, _decoder, 2 * MAX_DEPTH if max_depth is None else max_depth)


def loads_strict(text: str) -> Any:
    """Return the value that *text* is by the letter of the specification. Raises `NotJSONError`."""
    return _decoded(text, _strict_decoder, MAX_DEPTH)


def is_json(text: str) -> bool:
    """Return True if `loads_strict` reads *text*: then a call's `parsed()` does, too."""
    try:
        loads_strict(text)
    except NotJSONError:
        return False
    return True


def _decoded(text: str, decoder: json.JSONDecoder, max_depth: int) -> Any:
    try:
        value = decoder.decode(text)
    except (ValueError, RecursionError) as exc:
        raise NotJSONError(str(exc)) from exc
    if _may_be_deep(text, max_depth) and _is_deep(value, max_depth):
        raise NotJSONError(f"nested deeper than {max_depth} levels")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} isn't JSON")


def scan_object(text: str) -> dict[str, Any] | None:
    """Return the object that *text* is from its first to its last character, else None.

    This is the fast road for payloads: `loads` decides everything that it returns None for.
    """
    try:
        value, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):  # StopIteration: no value begins at 0
        return None
    if type(value) is not dict or end != len(text):
        return None
    # A level takes at least two characters.
    if end > 2 * MAX_DEPTH and _may_be_deep(text, MAX_DEPTH) and _is_deep(value, MAX_DEPTH):
        return None
    return value


def scan_holes(text: str, values: Iterable[Any]) -> dict[str, Any] | None:
    """Return what `scan_object` does, with *values* in the places of `HOLE`, in order."""
    left = iter(values)
    scan = json.JSONDecoder(
        strict=False, parse_constant=lambda name: next(left) if name == HOLE else float(name)
    ).scan_once  # type: ignore[attr-defined]  # typeshed leaves it out
    try:
        value, end = scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None
    return value if type(value) is dict and end == len(text) and not _is_deep(value, MAX_DEPTH) else None


def _may_be_deep(text: str, max_depth: int) -> bool:
    """Return True if *text* has enough brackets to be nested too deeply; most of them may be in strings."""
    arrays = text.count("[")
    if len(text) < 5 * max_depth - 3 * arrays:  # a level takes 2 characters, or 5 if it's an object
        return False
    return arrays + text.count("{") > max_depth


def _is_deep(value: Any, max_depth: int) -> bool:
    """Return True if *value* is nested too deeply. Level by level, because recursion could fail."""
    level = [value]
    for _ in range(max_depth + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return False
        level = [v for each in containers for v in (each.values() if isinstance(each, dict) else each)]
    return True


def scan_first(text: str, at: int) -> tuple[Any, int] | None:
    """Return the value that begins at index *at* of *text* and the index after it, else None."""
    try:
        value, end = _scan(text, at)
    except (StopIteration, ValueError, RecursionError):
        return None
    return None if _is_deep(value, MAX_DEPTH) else (value, end)


def dumps(value: Any) -> str:
    """Return *value* as JSON text; NaN and infinite numbers become null.

    Raises TypeError if JSON has no form for a value, ValueError if it's cyclic or nested too deeply.
    """
    return encode(value).decode()


def dumps_for_terminal(value: Any, *, indent: int | None = None) -> str:
    """Return *value* as JSON text whose characters can't control a terminal, and that reads back the same.

    JSON escapes only the controls below U+0020. C1 controls, which terminals obey, bidirectional controls and
    the line separators become `\\uXXXX` here. *indent* is that of `json.dumps`.
    """
    text = dumps(value)
    if indent is not None:
        text = json.dumps(_decoder.decode(text), ensure_ascii=False, indent=indent)
        text = text.encode(errors="backslashreplace").decode()
    # Outside of strings, JSON text has none of these characters.
    return re.sub(_STEERING, lambda found: f"\\u{ord(found[0]):04x}", text)


def encode(value: Any) -> bytes:
    """Return `dumps(value)` in UTF-8. A lone surrogate isn't valid UTF-8; it is escaped, as `\\ud83d`."""
    return _encoded(value, _encoder)


def encode_compact(value: Any) -> bytes:
    """Return *value* as `encode` does, without spaces between the tokens."""
    return _encoded(value, _compact_encoder)


def _encoded(value: Any, encoder: json.JSONEncoder) -> bytes:
    try:
        text = encoder.encode(value)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    except ValueError:  # NaN or a cycle, which raises here again
        text = encoder.encode(_nan_decoder.decode(_nan_encoder.encode(value)))
    return text.encode(errors="backslashreplace")


def json_hash(text: str) -> int:
    """Return a hash that is equal for texts that are equal as JSON."""
    try:
        return hash(json.dumps(loads(text), sort_keys=True))
    except (NotJSONError, RecursionError):
        return hash(text)
