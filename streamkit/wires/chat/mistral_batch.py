"""Mistral's batch jobs: OpenAI's files, with jobs of Mistral's own.

    {"custom_id": "k", "body": {...}}
    {"custom_id": "k", "response": {"status_code": 200, "body": {...}}, "error": null}

Source: docs.mistral.ai/capabilities/batch and its Python package (mistralai 3.7), as of 2026-11: a job has
one model, which isn't in the rows. A job whose reply was lost is known by its input file.
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
    Status,
    Steps,
    Submission,
    no_end,
    objects_in,
    segment,
    text_in,
    whole,
    without_stream,
)
from .batch import MAX_BYTES, file_paths, result, upload

MAX_ROWS = 50_000
_JOBS = "/batch/jobs"
_PAGE = 100
_STATUSES: dict[str, Status] = {
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "SUCCESS": "completed",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLATION_REQUESTED": "cancelling",
    "CANCELLED": "cancelled",
}


def batch() -> BatchAPI:
    """Return Mistral's batches of Chat Completions."""
    return BatchAPI(
        max_rows=MAX_ROWS,
        max_bytes=MAX_BYTES,
        takes_metadata=True,
        row=_row,
        stage=upload,
        begin=_begin,
        find=_find,
        look=_look,
        cancel=_cancel,
        sources=_sources,
        result=result,
    )


def _row(name: str, body: Mapping[str, Any]) -> bytes:
    return encode({"custom_id": name, "body": without_stream(body, "model")})


def _begin(submission: Submission) -> Steps[str]:
    wish = {
        "input_files": [submission.staged["file"]],
        "model": submission.model,
        "endpoint": "/v1/chat/completions",
        **({"metadata": dict(submission.metadata)} if submission.metadata else {}),
    }
    reply = yield Ask("POST", _JOBS, encode(wish))
    return text_in(reply, "id")


def _find(submission: Submission) -> Steps[list[Found]]:
    for page in range(PAGES):
        reply = yield Ask("GET", f"{_JOBS}?page={page}&page_size={_PAGE}&order_by=-created")
        jobs = objects_in(reply, "data")
        for each in jobs:
            files = each.get("input_files")
            if isinstance(files, list) and submission.staged["file"] in files:
                return [Found(text_in(each, "id"))]
        is_old = bool(jobs) and 0 < whole(jobs[-1].get("created_at")) < whole(submission.staged.get("at"))
        if len(jobs) < _PAGE or is_old:
            return []
    raise no_end()


def _look(batch_id: str) -> Steps[Look]:
    raw = yield Ask("GET", f"{_JOBS}/{segment(batch_id)}")
    word = str(raw.get("status"))
    kinds = {"total": "total_requests", "completed": "succeeded_requests", "failed": "failed_requests"}
    numbers = {ours: whole(raw.get(theirs)) for ours, theirs in kinds.items()}
    problems, status = objects_in(raw, "errors"), _STATUSES.get(word, "in_progress")
    return Look(status, word, numbers, raw, problems[0] if status == "failed" and problems else None)


def _cancel(batch_id: str) -> Steps[None]:
    yield Ask("POST", f"{_JOBS}/{segment(batch_id)}/cancel")


def _sources(batch_id: str, look: Look) -> list[str | list[Any]]:
    return file_paths(look.raw.get("output_file"), look.raw.get("error_file"))
