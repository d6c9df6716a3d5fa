"""Anthropic's Message Batches: the rows are in the request that begins a batch, the results are one file.

    {"requests": [{"custom_id": "k", "params": {...}}, ...]}
    {"custom_id": "k", "result": {"type": "succeeded", "message": {...}}}
    {"custom_id": "k", "result": {"type": "errored", "error": {"type": "error", "error": {...}}}}
    {"custom_id": "k", "result": {"type": "expired"}}

Source: platform.claude.com/docs/en/build-with-claude/batch-processing and /docs/en/api, as of 2026-11:
100,000 rows or 256 MB a batch, within 24 hours; results are kept for 29 days.

Rules: a batch has no name and no metadata of ours. So one whose reply was lost may be any that is newer than
the newest before it, and has as many rows; the names of its results decide. `results_url` isn't used: a key
goes to the client's own base URL only.
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
    no_end,
    object_in,
    objects_in,
    segment,
    text_in,
    whole,
    without_stream,
)

MAX_ROWS = 100_000
MAX_BYTES = 240 << 20
_PATH = "/v1/messages/batches"
_PAGE = 100
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


def batch() -> BatchAPI:
    """Return the batches of the Messages API."""
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
    return encode({"custom_id": name, "params": without_stream(body)})


def _stage(submission: Submission) -> Steps[dict[str, str]]:
    """Return the id of the newest batch: the one that begins will be newer."""
    reply = yield Ask("GET", f"{_PATH}?limit=1")
    newest = objects_in(reply, "data")
    return {"newer_than": text_in(newest[0], "id") if newest else ""}


def _begin(submission: Submission) -> Steps[str]:
    reply = yield Ask("POST", _PATH, b'{"requests": [' + b",".join(submission.rows) + b"]}")
    return text_in(reply, "id")


def _find(submission: Submission) -> Steps[list[Found]]:
    after, found = "", list[Found]()
    for _ in range(PAGES):
        reply = yield Ask("GET", f"{_PATH}?limit={_PAGE}{after}")
        page = objects_in(reply, "data")
        for each in page:
            name = text_in(each, "id")
            if name == submission.staged["newer_than"]:
                return found
            if _total(each) in (0, submission.count):
                found.append(Found(name, is_certain=False))
        if not page or reply.get("has_more") is not True:
            return found
        after = f"&after_id={segment(text_in(page[-1], 'id'))}"
    raise no_end()


def _look(batch_id: str) -> Steps[Look]:
    raw = yield Ask("GET", f"{_PATH}/{segment(batch_id)}")
    counts = object_in(raw, "request_counts")
    failed = sum(whole(counts.get(kind)) for kind in ("errored", "canceled", "expired"))
    numbers = {"total": _total(raw), "completed": whole(counts.get("succeeded")), "failed": failed}
    word = str(raw.get("processing_status"))
    return Look(_status(word, counts), word, numbers, raw)


def _status(word: str, counts: Mapping[str, Any]) -> Status:
    """Return our word: "ended" is the end of every batch, also of one that expired or was cancelled."""
    if word != "ended":
        return "cancelling" if word == "canceling" else "in_progress"
    if whole(counts.get("canceled")):
        return "cancelled"
    return "expired" if whole(counts.get("expired")) else "completed"


def _total(raw: Mapping[str, Any]) -> int:
    counts = object_in(raw, "request_counts")
    return sum(whole(counts.get(kind)) for kind in _COUNTS)


def _cancel(batch_id: str) -> Steps[None]:
    yield Ask("POST", f"{_PATH}/{segment(batch_id)}/cancel")


def _sources(batch_id: str, look: Look) -> list[str | list[Any]]:
    return [f"{_PATH}/{segment(batch_id)}/results"]


def _result(line: Mapping[str, Any]) -> Result | None:
    name, outcome = line.get("custom_id"), object_in(line, "result")
    if not isinstance(name, str):
        return None
    if isinstance(message := outcome.get("message"), Mapping):
        return Result(name, message)
    if outcome.get("error"):
        return Result(name, outcome["error"], is_error=True)
    word = outcome.get("type")
    reasons = {"expired": "the batch expired before this row", "canceled": "this row was cancelled"}
    error = {"message": reasons.get(str(word), "the row has neither answer nor error"), "code": word}
    return Result(name, {"error": error}, is_error=True, is_unseen=True)
