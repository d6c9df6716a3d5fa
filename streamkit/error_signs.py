"""Does a payload state that a request failed? The signs of it, for payloads of any server.

    takes    a payload, or a value in it
    returns  True or False; the failure itself (`failure_in`, `exception_in`)

A server may put such signs into payloads with output, too. So `has_error` reads the fields that mean a
failure wherever they are, and `is_refusal` is for payloads without output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .error_facts import (
    CODES,
    ERROR_CODES,
    ERROR_MESSAGES,
    ONLY_ERRORS,
    STATUSES,
    as_status,
    message_of,
    string,
    values,
    wording_of,
)

_NO_FAILURE = (
    *(None, "", 0, 200, "0", "200", "ok", "success"),
    *("succeeded", "successful", "succeed", "completed", "pending", "processing"),
)
# Fields that contain an error, and whose name says so.
ERRORS = ("error", "err")
# The type of an error.
_KINDS = ("type", "object", "event")
_KIND = re.compile(
    r"(?i:(?:api|server|stream|response)?[._-]?(?:error|exception))|.*[A-Z]\w*(?:Error|Exception)"
)
# Objects around an error, in a payload without output: iFlytek's header, Volcengine's metadata.
_AROUND = ("response", "header", "status", "meta", "responsemetadata", "output")
_DEPTH = 2  # of such objects
_BAD = "(?i)err|fail|exce|invalid|denied|unauth|unavail|forbid|not.?found|limit|abort|cancel|time.*out|reject"


def is_error(value: Any) -> bool:
    """Return True if the value of a field `error` is an error: an object, a string or a list of them.

    Some gateways send `null`, `""`, `{}` or an object of such values in every good chunk.
    """
    return any(value.values()) if isinstance(value, dict) else isinstance(value, str | list) and bool(value)


def has_failed(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* states that the request failed, whatever else it contains."""
    return failure_in(payload) is not None


def failure_in(payload: Mapping[str, Any]) -> Any:
    """Return the failure in `base_resp` (MiniMax) or `x_groq` (Groq: a stream that was stopped early)."""
    base, notes = payload.get("base_resp"), payload.get("x_groq")
    if isinstance(base, dict) and base.get("status_code") not in _NO_FAILURE:
        return {"message": base.get("status_msg"), "code": base["status_code"]}
    return notes["error"] if isinstance(notes, dict) and is_error(notes.get("error")) else None


def has_error(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* has a field that contains an error."""
    return is_error(payload.get("error")) or has_failed(payload)


def is_refusal(payload: Mapping[str, Any]) -> bool:
    """Return True if all of *payload* is about an error, in a field `error` or in another known shape."""
    return _is_refusal(payload, _DEPTH)


def _is_refusal(payload: Mapping[str, Any], depth: int) -> bool:
    if has_error(payload):
        return True
    if payload.get("choices"):
        return False
    if _names_failure(payload):
        return True
    if "id" in payload:  # it may be any object of an API; DashScope's errors have the id of the answer
        return message_of(payload) is not None and _is_failure_word(payload.get("code"))
    errors = payload.get("errors")
    if payload.get("success") is False or (isinstance(errors, list) and errors):
        return True
    if payload.get("detail") or isinstance(payload.get("fault"), dict) or exception_in(payload) is not None:
        return True
    if depth and any(_is_refusal(each, depth - 1) for each in around(payload)):
        return True
    return _has_bad_code(payload)


def _has_bad_code(payload: Mapping[str, Any]) -> bool:
    """Return True for a code, a type or a status that isn't one of success, next to its explanation."""
    message, statuses = message_of(payload), list(values(payload, STATUSES))
    if message is None:
        has_status = any(as_status(code) for code in (*values(payload, CODES), *statuses))
        return has_status and wording_of(payload) is not None
    if not _is_failure(message.strip()):
        return False
    codes = values(payload, (*CODES, *ONLY_ERRORS))
    return any(map(_is_failure, codes)) or any(map(_is_bad_status, statuses))


def around(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects in *payload* that may be about an error."""
    return [value for value in values(payload, _AROUND) if isinstance(value, dict) and value]


def _names_failure(payload: Mapping[str, Any]) -> bool:
    """Return True for a code or a message whose name tells that it is an error's (Baidu: `error_code`)."""
    codes = list(values(payload, ERROR_CODES))
    if codes:
        return any(map(_is_failure, codes))
    if any(string(text) for text in values(payload, (*ERROR_MESSAGES, "faultstring"))):
        return True
    if any(is_error(value) for value in values(payload, (*ERRORS, "exception"))):
        return True
    if any(type(value) in (bool, int) and value for value in values(payload, ERRORS)):
        return message_of(payload) is not None or wording_of(payload) is not None
    kinds = (*values(payload, _KINDS), payload.get("__type"))
    return any(isinstance(kind, str) and _KIND.fullmatch(kind) for kind in kinds)


def _is_failure(code: Any) -> bool:
    """Return True unless *code* means success."""
    if isinstance(code, dict | list):
        return False
    return (code.lower() if isinstance(code, str) else code) not in _NO_FAILURE


def _is_bad_status(status: Any) -> bool:
    """Return True for the status of a failure: one may also be that of some progress."""
    return as_status(status) is not None or (isinstance(status, str) and bool(re.search(_BAD, status)))


def _is_failure_word(code: Any) -> bool:
    """Return True for a word that isn't one of success, such as DataInspectionFailed."""
    return isinstance(code, str) and re.fullmatch(r"[A-Za-z._-]+", code) is not None and _is_failure(code)


def exception_in(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return Bedrock's error, an object under the name of its exception, with that as its type."""
    for name, value in payload.items():
        if name.lower().endswith("exception") and isinstance(value, dict):
            return {"type": name, **value}
    return None
