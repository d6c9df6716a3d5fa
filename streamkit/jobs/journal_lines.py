"""The lines of a journal: its header and its answers as JSON objects, in both directions.

Rule: a failure is *final* if it is about the row: the model's answer, or a refusal of the request itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from attrs import evolve

from .. import errors
from ..codec import to_jsonable
from ..completion import Completion
from ..errors import AnswerError, APIError, BadRequestError, StreamkitError, UsageError
from ..json_text import NotJSONError, dumps, loads
from ..typed.response_format import ResponseFormat
from .answer import Answer
from .rows import Row

_SHOWN = 80  # characters of a parameter in the header; of a longer one, the header has a hash
_FACTS = ("status", "code", "request_id", "refusal", "phase")  # of an error


def is_about_row(error: StreamkitError) -> bool:
    """Return True if the same row would fail again: not for errors of the network, the server, the key.

    A `UsageError` isn't, because a row that isn't a request never gets into a journal: a wrong option is one.
    """
    if isinstance(error, APIError):
        is_refusal = isinstance(error, BadRequestError) and not error.retryable  # a 409 may pass
        return is_refusal or _is_moderation(error)
    return isinstance(error, AnswerError | errors.IncompleteResponseError)


def _is_moderation(error: APIError) -> bool:
    text = f"{error.code} {error.type} {error.message}".lower()
    return error.status == 403 and any(word in text for word in ("moderat", "flagged", "content", "safety"))


def is_fatal(error: StreamkitError) -> bool:
    """Return True for a refusal that every other row would get, too: of the key, the account, the model."""
    if not isinstance(error, APIError):
        return False
    if error.status in (401, 402, 404):
        return True
    return (error.status == 403 and not _is_moderation(error)) or (
        error.status == 429 and not error.retryable
    )


# -- the header ---------------------------------------------------------------------------


def header_of(profile: str, wire: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answers depend on. *options* are those of the request, with `model`."""
    given = {name: value for name, value in options.items() if value is not None and name != "model"}
    return {
        "profile": profile,
        "wire": wire,
        "model": options.get("model"),
        "parameters": {name: _shown(name, given[name]) for name in sorted(given)},
    }


def _shown(name: str, value: Any) -> Any:
    if name == "response_format":
        wanted = ResponseFormat.of(value)
        value = {"name": wanted.name, "kind": wanted.kind, "schema": wanted.schema}
    elif name == "tools":
        value = [
            to_jsonable(evolve(tool, function=None)) if hasattr(tool, "function") else tool for tool in value
        ]
    try:
        text = dumps(to_jsonable(value))
    except (TypeError, ValueError):
        text = repr(value)
    if len(text) <= _SHOWN and name not in ("extra_body",):
        return loads(text) if text[:1] in '"[{0123456789-tfn' else text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def check_header(data: Any, header: Mapping[str, Any], path: Path) -> None:
    if data is None or "streamkit_journal" not in data:
        raise UsageError(f"journal: expected a journal or a new file, got {path}, which is something else")
    if data["streamkit_journal"] != 1:
        raise UsageError(f"journal: {path} was written by a newer streamkit ({data.get('streamkit')})")
    parameters = data.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    before = {**data, **parameters}
    after = {**header, **header["parameters"]}
    for name in [*(n for n in after if n != "parameters"), *parameters]:
        if before.get(name) != after.get(name):
            raise UsageError(
                f"journal: {path} has answers for {name}={before.get(name)!r:.60}, not "
                f"{after.get(name)!r:.60}; use another file, or the same {name}"
            )


# -- lines --------------------------------------------------------------------------------


def is_torn_header(line: bytes) -> bool:
    """Return True for the beginning of a header, which a crash cut off."""
    begin = b'{"streamkit_journal": '
    return not line.endswith(b"\n") and (line.startswith(begin) or begin.startswith(line))


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None if it is torn."""
    try:
        data = loads(line)
    except NotJSONError:
        return None
    if not isinstance(data, dict):
        return None
    is_entry = isinstance(data.get("key"), str | int) and data.get("status") in ("done", "failed")
    return data if is_entry or "streamkit_journal" in data or "batch" in data else None


def line_of(answer: Answer, row: Row, is_final: bool) -> dict[str, Any]:
    completion, error = answer.completion, answer.error
    partial = completion or (error.partial if error else None)
    usage = partial.usage if partial else None
    data: dict[str, Any] = {
        "key": answer.key,
        "index": answer.index,
        "body": row.digest,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "status": "done" if answer.ok else "failed",
        "attempts": answer.attempts,
        "seconds": round(answer.seconds, 3),
        "model": partial.model if partial else None,
        "finish_reason": partial.finish_reason if partial else None,
        "text": partial.text if partial else None,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost": usage.cost if usage else None,
    }
    if error is not None:
        data["final"] = is_final
        data["error"] = {
            "type": type(error).__name__,
            "message": str(error),
            **{name: v for name in _FACTS if isinstance(v := getattr(error, name, None), str | int)},
        }
    if partial is not None:
        data["completion"] = partial.to_dict()
    return data


def answer_of(data: Mapping[str, Any], row: Any, wanted: ResponseFormat | None) -> Answer:
    completion = Completion.from_dict(data["completion"]) if data.get("completion") else None
    if completion is not None:
        completion = evolve(completion, response_format=wanted)
    elif data["status"] == "done":
        raise UsageError(f"journal: the line of {data['key']!r:.60} has no completion")
    error = None
    if data["status"] == "failed":
        facts = data.get("error")
        error = _error(facts if isinstance(facts, Mapping) else {}, completion)
        completion = None
    return Answer(
        data["key"],
        data.get("index", 0),
        row,
        completion,
        error,
        data.get("attempts", 0),
        data.get("seconds", 0.0),
        "journal",
    )


def _error(data: Mapping[str, Any], partial: Completion | None) -> StreamkitError:
    kind = getattr(errors, str(data.get("type")), StreamkitError)
    is_ours = isinstance(kind, type) and issubclass(kind, StreamkitError)
    error: StreamkitError = (kind if is_ours else StreamkitError)(str(data.get("message", "")))
    for name in _FACTS:
        if name in data:
            setattr(error, name, data[name])
    error.partial = partial
    return error
