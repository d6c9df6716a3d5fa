"""OpenAI's Batch API: a file of rows is uploaded, a batch reads it, and two files have the results.

    {"custom_id": "k", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
    {"custom_id": "k", "response": {"status_code": 200, "request_id": ..., "body": {...}}, "error": null}
    {"custom_id": "k", "response": null, "error": {"code": "batch_expired", "message": ...}}

Source: platform.openai.com/docs/guides/batch and /docs/api-reference/batch, as of 2026-11: 50,000 rows or
200 MB a batch, and one model in each. A batch whose reply was lost is known by its input file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ...json_text import encode
from ..batch import (
    OVER,
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
    object_in,
    objects_in,
    segment,
    status_code,
    text_in,
    whole,
    without_stream,
)

MAX_ROWS = 50_000
MAX_BYTES = 190 << 20
_PAGE = 100
_STATUSES: dict[str, Status] = {
    **{word: word for word in OVER},
    "validating": "validating",
    "finalizing": "finalizing",
    "cancelling": "cancelling",
    "canceling": "cancelling",
    "canceled": "cancelled",
}


def api(url: str) -> BatchAPI:
    """Return the batches of rows for *url*, the path of an API with its version."""
    return BatchAPI(
        max_rows=MAX_ROWS,
        max_bytes=MAX_BYTES,
        takes_metadata=True,
        row=partial(_row, url),
        stage=upload,
        begin=partial(_begin, url),
        find=_find,
        look=_look,
        cancel=_cancel,
        sources=_sources,
        result=result,
    )


def batch() -> BatchAPI:
    """Return the batches of Chat Completions."""
    return api("/v1/chat/completions")


def _row(url: str, name: str, body: Mapping[str, Any]) -> bytes:
    return encode({"custom_id": name, "method": "POST", "url": url, "body": without_stream(body)})


def upload(submission: Submission) -> Steps[dict[str, str]]:
    """Upload the rows as a file with the purpose "batch"; return its id and the time of its making."""
    lines = b"".join(row + b"\n" for row in submission.rows)
    head = 'Content-Disposition: form-data; name="file"; filename="rows.jsonl"'
    parts = [
        ('Content-Disposition: form-data; name="purpose"', b"batch"),
        (f"{head}\r\nContent-Type: application/jsonl", lines),
    ]
    body, kind = multipart("form-data", submission.tag, parts)
    reply = yield Ask("POST", "/files", body, {"Content-Type": kind})
    return {"file": text_in(reply, "id"), "at": str(whole(reply.get("created_at")))}


def _begin(url: str, submission: Submission) -> Steps[str]:
    wish = {"input_file_id": submission.staged["file"], "endpoint": url, "completion_window": "24h"}
    more = {"metadata": dict(submission.metadata)} if submission.metadata else {}
    reply = yield Ask("POST", "/batches", encode({**wish, **more}))
    return text_in(reply, "id")


def _find(submission: Submission) -> Steps[list[Found]]:
    """Look through the batches, newest first, back to the time of the upload."""
    after = ""
    for _ in range(PAGES):
        reply = yield Ask("GET", f"/batches?limit={_PAGE}{after}")
        page = objects_in(reply, "data")
        for each in page:
            if each.get("input_file_id") == submission.staged["file"]:
                return [Found(text_in(each, "id"))]
        is_old = bool(page) and 0 < whole(page[-1].get("created_at")) < whole(submission.staged.get("at"))
        if not page or is_old or reply.get("has_more") is not True:
            return []
        after = f"&after={segment(text_in(page[-1], 'id'))}"
    raise no_end()


def _look(batch_id: str) -> Steps[Look]:
    raw = yield Ask("GET", f"/batches/{segment(batch_id)}")
    word = str(raw.get("status"))
    counts = object_in(raw, "request_counts")
    numbers = {kind: whole(counts.get(kind)) for kind in ("total", "completed", "failed")}
    problems = objects_in(object_in(raw, "errors"), "data")
    status = _STATUSES.get(word.lower(), "in_progress")
    return Look(status, word, numbers, raw, problems[0] if status == "failed" and problems else None)


def _cancel(batch_id: str) -> Steps[None]:
    yield Ask("POST", f"/batches/{segment(batch_id)}/cancel")


def _sources(batch_id: str, look: Look) -> list[str | list[Any]]:
    return file_paths(look.raw.get("output_file_id"), look.raw.get("error_file_id"))


def file_paths(*files: Any) -> list[str | list[Any]]:
    """Return the paths of the content of *files*, ids or None."""
    return [f"/files/{segment(file)}/content" for file in files if isinstance(file, str) and file]


def result(line: Mapping[str, Any]) -> Result | None:
    """Return the result in a line of an output file."""
    name, response = line.get("custom_id"), line.get("response")
    if not isinstance(name, str):
        return None
    if not isinstance(response, Mapping):
        error = line.get("error") or {"message": "the row has neither answer nor error"}
        return Result(name, {"error": error}, is_error=True, is_unseen=True)
    status, body, request_id = (response.get(key) for key in ("status_code", "body", "request_id"))
    status = status_code(status)
    return Result(
        name,
        body,
        is_error=not (status is None or 200 <= status < 300) or not isinstance(body, Mapping),
        status=status,
        request_id=request_id if isinstance(request_id, str) else None,
    )
