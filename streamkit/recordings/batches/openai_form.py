"""The documents of OpenAI's Batch API, and those of Mistral's jobs, whose files are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .form import SECONDS, Asked, Form, Kept, Outcome, RefusedError, Routes, Row, after, read_lines, wire_at

_MISTRALS = {"sample_type": "batch_request", "source": "upload"}  # fields of a file that its package needs


class OpenAIForm(Form):
    """OpenAI's Batch API."""

    routes: ClassVar[Routes] = (
        ("POST", r"(?<!upload/v1beta)(?<!upload/v1)/files", "upload"),
        ("GET", r"/files/([\w-]+)/content", "download"),
        ("POST", r"(?<!/messages)/batches", "begin"),
        ("GET", r"(?<!/messages)/batches", "list"),
        ("GET", r"(?<!/messages)/batches/(batch_[\w-]+)", "look"),
        ("POST", r"(?<!/messages)/batches/(batch_[\w-]+)/cancel", "cancel"),
    )

    def file(self, name: str, size: int) -> dict[str, Any]:
        about = {"id": name, "object": "file", "bytes": size, "created_at": SECONDS, "status": "processed"}
        return {**about, "filename": "rows.jsonl", "purpose": "batch", **_MISTRALS}

    def begin(self, asked: Asked, places: tuple[str, ...], files: Mapping[str, bytes], number: int) -> Kept:
        wish = asked.json()
        if wish.get("completion_window") != "24h" or wish.get("input_file_id") not in files:
            raise RefusedError(400, "expected completion_window 24h and the id of an uploaded file")
        rows = [
            Row(str(line["custom_id"]), str(line["body"]["model"]), line["body"], str(line["url"]))
            for line in read_lines(files[wish["input_file_id"]], "custom_id", "body", "url")
        ]
        problem = _problem(rows, str(wish.get("endpoint")))
        kept = Kept(f"batch_{number}", self, rows, wish, problem=problem)
        if problem:
            kept.state = "failed"
        return kept

    def describe(self, kept: Kept) -> dict[str, Any]:
        good, wrong = kept.count()
        about = {
            "id": kept.id,
            "object": "batch",
            "endpoint": kept.facts["endpoint"],
            "input_file_id": kept.facts["input_file_id"],
            "completion_window": "24h",
            "created_at": SECONDS,
            "metadata": kept.facts.get("metadata"),
            "status": kept.state,
            "errors": {"object": "list", "data": [kept.problem]} if kept.problem else None,
            "request_counts": {"total": len(kept.rows), "completed": good, "failed": wrong},
        }
        return {**about, **{f"{kind}_id": kept.facts.get(kind) for kind in ("output_file", "error_file")}}

    def page(self, batches: list[Kept], asked: Asked) -> dict[str, Any]:
        page, has_more = after(batches, asked.first("after"), asked.number("limit", 20))
        data = [self.describe(kept) for kept in page]
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {}
        return {"object": "list", "data": data, "has_more": has_more, **ends}

    def line(self, outcome: Outcome) -> dict[str, Any]:
        name = outcome.row.name
        if outcome.unseen:
            words = {"expired": "batch_expired", "cancelled": "batch_cancelled"}
            error = {"code": words[outcome.unseen], "message": "This request could not be executed in time."}
            return {"id": f"r-{name}", "custom_id": name, "response": None, "error": error}
        response = {"status_code": outcome.status, "request_id": f"req_{name}", "body": outcome.document}
        return {"id": f"r-{name}", "custom_id": name, "response": response, "error": None}

    def store(self, kept: Kept, files: dict[str, bytes]) -> None:
        for kind, is_answer in (("output_file", True), ("error_file", False)):
            outcomes = [outcome for outcome in kept.outcomes if outcome.is_answer is is_answer]
            if outcomes:
                kept.facts[kind] = f"{kept.id}-{kind}"
                files[kept.facts[kind]] = self.lines(outcomes)

    def wire_of(self, row: Row) -> str:
        return wire_at(row.url)


class MistralForm(OpenAIForm):
    """Mistral's batch jobs; its files are OpenAI's."""

    routes: ClassVar[Routes] = (
        ("POST", r"/batch/jobs", "begin"),
        ("GET", r"/batch/jobs", "list"),
        ("GET", r"/batch/jobs/([\w-]+)", "look"),
        ("POST", r"/batch/jobs/([\w-]+)/cancel", "cancel"),
    )
    _WORDS: ClassVar[dict[str, str]] = {
        "validating": "QUEUED",
        "in_progress": "RUNNING",
        "finalizing": "RUNNING",
        "cancelling": "CANCELLATION_REQUESTED",
        "completed": "SUCCESS",
        "failed": "FAILED",
        "expired": "TIMEOUT_EXCEEDED",
        "cancelled": "CANCELLED",
    }

    def begin(self, asked: Asked, places: tuple[str, ...], files: Mapping[str, bytes], number: int) -> Kept:
        wish = asked.json()
        names = wish.get("input_files")
        if not isinstance(names, list) or len(names) != 1 or names[0] not in files or not wish.get("model"):
            raise RefusedError(422, "expected one input file and a model")
        lines = read_lines(files[names[0]], "custom_id", "body")
        url = str(wish.get("endpoint"))
        rows = [Row(str(line["custom_id"]), str(wish["model"]), line["body"], url) for line in lines]
        return Kept(f"00000000-0000-4000-8000-{number:012}", self, rows, wish)

    def describe(self, kept: Kept) -> dict[str, Any]:
        good, wrong = kept.count()
        about = {
            "id": kept.id,
            "object": "batch",
            "input_files": kept.facts["input_files"],
            "endpoint": kept.facts["endpoint"],
            "model": kept.facts["model"],
            "metadata": kept.facts.get("metadata"),
            "errors": [kept.problem] if kept.problem else [],
            "status": self._WORDS[kept.state],
            "created_at": SECONDS,
            "total_requests": len(kept.rows),
            "completed_requests": good + wrong,
            "succeeded_requests": good,
            "failed_requests": wrong,
        }
        return {**about, **{kind: kept.facts.get(kind) for kind in ("output_file", "error_file")}}

    def page(self, batches: list[Kept], asked: Asked) -> dict[str, Any]:
        size = asked.number("page_size", 100)
        begin = asked.number("page", 0) * size
        data = [self.describe(kept) for kept in batches[begin : begin + size]]
        return {"object": "list", "data": data, "total": len(batches)}


def _problem(rows: list[Row], endpoint: str) -> dict[str, Any] | None:
    """Return the error for which OpenAI fails a whole batch; None for a good file."""
    if len({row.name for row in rows}) < len(rows):
        return {"code": "duplicate_custom_id", "message": "custom_id must be unique", "line": None}
    if len({row.model for row in rows}) > 1:
        return {"code": "model_mismatch", "message": "all rows need the same model", "line": None}
    if any(row.url != endpoint for row in rows):
        return {"code": "url_mismatch", "message": f"all rows need the url {endpoint}", "line": None}
    return None if rows else {"code": "empty_file", "message": "the file has no rows", "line": None}
