"""Gemini's Batch API: a file of rows goes to the Files API, an operation reads it, a file has the results.

    {"key": "k", "request": {...}}
    {"key": "k", "response": {...}}
    {"key": "k", "error": {"code": 3, "message": ...}}

Source: ai.google.dev/gemini-api/docs/batch-api and ai.google.dev/api/batch-api, as of 2026-11: files of up to
2 GB, one model a batch, within 24 hours, expiry after 48. "If you send the same creation request twice, two
separate batch jobs will be created", so one whose reply was lost is found by its display name.

Rules: rows are never sent inside of the request: inlined responses come in any order, and often without
their metadata (googleapis/python-genai#1909, #2008). They are read, by the `key` in the metadata. The states
are BATCH_STATE_ words; JOB_STATE_ words are those of Google's packages and pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...json_text import encode
from ..batch import (
    PAGES,
    Ask,
    BatchAPI,
    Found,
    Look,
    Result,
    Status,
    Steps,
    Submission,
    multipart,
    no_end,
    segment,
    status_code,
    text_in,
    whole,
    without_stream,
)
from .fields import get, object_in, objects_in

MAX_ROWS = 50_000  # there is no limit but that of the file; so that one isn't all
MAX_BYTES = 190 << 20
_STATUSES: dict[str, Status] = {
    "PENDING": "validating",
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "UPDATING": "in_progress",
    "PAUSED": "in_progress",
    "CANCELLING": "cancelling",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
# The HTTP statuses of the codes of google.rpc.Status, from 1: google/rpc/code.proto.
_UNSEEN = (1, 4)  # CANCELLED and DEADLINE_EXCEEDED, by which a batch ends, not a row
_HTTP = (499, 500, 400, 504, 404, 400, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def batch() -> BatchAPI:
    """Return the batches of Gemini's API."""
    return BatchAPI(
        max_rows=MAX_ROWS,
        max_bytes=MAX_BYTES,
        takes_metadata=False,
        row=_row,
        stage=_stage,
        begin=_begin,
        find=_find,
        look=_look,
        cancel=_cancel,
        sources=_sources,
        result=_result,
    )


def _row(name: str, body: Mapping[str, Any]) -> bytes:
    return encode({"key": name, "request": without_stream(body)})


def _name(submission: Submission) -> str:
    return f"streamkit-{submission.tag}"


def _stage(submission: Submission) -> Steps[dict[str, str]]:
    """Upload the rows as a file, in one request; return its name, such as files/abc."""
    about = encode({"file": {"displayName": _name(submission), "mimeType": "application/jsonl"}})
    lines = b"".join(row + b"\n" for row in submission.rows)
    parts = [
        ("Content-Type: application/json; charset=utf-8", about),
        ("Content-Type: application/jsonl", lines),
    ]
    body, kind = multipart("related", submission.tag, parts)
    headers = {"Content-Type": kind, "X-Goog-Upload-Protocol": "multipart"}
    reply = yield Ask("POST", "/upload/v1beta/files", body, headers)
    return {"file": text_in(object_in(reply, "file"), "name")}


def _begin(submission: Submission) -> Steps[str]:
    model = segment(submission.model.removeprefix("models/"))
    wish = {"displayName": _name(submission), "inputConfig": {"fileName": submission.staged["file"]}}
    reply = yield Ask("POST", f"/v1beta/models/{model}:batchGenerateContent", encode({"batch": wish}))
    return text_in(reply, "name")


def _find(submission: Submission) -> Steps[list[Found]]:
    token = ""
    for _ in range(PAGES):
        reply = yield Ask("GET", f"/v1beta/batches?pageSize=100{token}")
        for each in objects_in(reply, "operations"):
            about = object_in(each, "metadata")
            file = get(object_in(about, "inputConfig"), "fileName")
            if get(about, "displayName") == _name(submission) or file == submission.staged["file"]:
                return [Found(text_in(each, "name"))]
        following = get(reply, "nextPageToken")
        if not isinstance(following, str) or not following:
            return []
        token = f"&pageToken={segment(following)}"
    raise no_end()


def _look(batch_id: str) -> Steps[Look]:
    raw = yield Ask("GET", f"/v1beta/{_operation(batch_id)}")
    about = object_in(raw, "metadata") or raw
    word, stats = str(get(about, "state")), object_in(about, "batchStats")
    names = ("requestCount", "successfulRequestCount", "failedRequestCount")
    total, completed, failed = (whole(get(stats, name)) for name in names)
    numbers = {"total": total, "completed": completed, "failed": failed}
    problem = object_in(raw, "error")
    status = _STATUSES.get(word.partition("_STATE_")[2].upper(), "in_progress")
    if status not in ("failed", "cancelled", "expired") and raw.get("done") is True:
        status = "failed" if problem else "completed"
    error = {**problem, "code": _http(problem)} if problem and status == "failed" else None
    return Look(status, word, numbers, raw, error)


def _operation(batch_id: str) -> str:
    """Return the name of a batch, such as batches/123, also of its last part alone."""
    return "/".join(map(segment, (batch_id if "/" in batch_id else f"batches/{batch_id}").split("/")))


def _cancel(batch_id: str) -> Steps[None]:
    yield Ask("POST", f"/v1beta/{_operation(batch_id)}:cancel")


def _sources(batch_id: str, look: Look) -> list[str | list[Any]]:
    """Return the file of the results, or those in the operation; the page and the SDK differ in where."""
    about = object_in(look.raw, "metadata") or look.raw
    for output in (object_in(look.raw, "response"), object_in(about, "output"), object_in(about, "dest")):
        file = get(output, "responsesFile") or get(output, "fileName")
        if isinstance(file, str) and file:
            return [f"/download/v1beta/{'/'.join(map(segment, file.split('/')))}:download?alt=media"]
        inlined = get(output, "inlinedResponses")
        if isinstance(inlined, Mapping):
            inlined = get(inlined, "inlinedResponses")
        if isinstance(inlined, list):
            return [inlined]
    return []


def _result(line: Mapping[str, Any]) -> Result | None:
    name = line.get("key") or object_in(line, "metadata").get("key")
    if not isinstance(name, str):
        return None
    if isinstance(answer := line.get("response"), Mapping):
        return Result(name, answer)
    if error := object_in(line, "error"):
        is_unseen = whole(error.get("code")) in _UNSEEN
        status = None if is_unseen else _http(error)
        return Result(name, {"error": error}, is_error=True, is_unseen=is_unseen, status=status)
    return Result(
        name, {"error": {"message": "the row has neither answer nor error"}}, is_error=True, is_unseen=True
    )


def _http(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP status of an error, whose code is that of google.rpc or already the status."""
    code = whole(error.get("code"))
    return _HTTP[code - 1] if 1 <= code <= len(_HTTP) else status_code(code)
