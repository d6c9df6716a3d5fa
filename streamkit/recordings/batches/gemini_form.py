"""The documents of Gemini's batchGenerateContent. Rows in the request have their results in the operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from .form import TIME, Asked, Form, Kept, Outcome, RefusedError, Routes, Row, read_lines, wire_at


class GeminiForm(Form):
    """Gemini's batchGenerateContent."""

    routes: ClassVar[Routes] = (
        ("POST", r"/upload/v\w+/files", "upload"),
        ("GET", r"/(files/[\w-]+):download", "download"),  # under /download/v1beta or under /v1beta
        ("POST", r"/models/([^/:]+):batchGenerateContent", "begin"),
        ("GET", r"(?<!/messages)/batches", "list"),
        ("GET", r"/(batches/g[\w-]+)", "look"),
        ("POST", r"/(batches/g[\w-]+):cancel", "cancel"),
    )
    _WORDS: ClassVar[dict[str, str]] = {
        "validating": "PENDING",
        "in_progress": "RUNNING",
        "finalizing": "RUNNING",
        "cancelling": "RUNNING",
        "completed": "SUCCEEDED",
    }

    def error(self, refused: RefusedError) -> dict[str, Any]:
        status = "NOT_FOUND" if refused.status == 404 else "INVALID_ARGUMENT"
        return {"error": {"code": refused.status, "message": refused.message, "status": status}}

    def file_name(self, number: int) -> str:
        return f"files/{number}"

    def file(self, name: str, size: int) -> dict[str, Any]:
        about = {"name": name, "mimeType": "application/jsonl", "sizeBytes": str(size), "state": "ACTIVE"}
        return {"file": {**about, "createTime": TIME, "source": "UPLOADED"}}

    def begin(self, asked: Asked, places: tuple[str, ...], files: Mapping[str, bytes], number: int) -> Kept:
        wish = _get(asked.json(), "batch")
        source = _get(wish, "inputConfig")
        name = _get(source, "fileName") or None
        inlined = _get(_get(source, "requests"), "requests")
        if name is not None and name not in files:
            raise RefusedError(404, f"no such file: {name}")
        if name is not None:
            lines = [(line.get("key"), line["request"]) for line in read_lines(files[name], "request")]
        elif isinstance(inlined, list) and inlined:
            lines = [(_get(_get(each, "metadata"), "key"), _get(each, "request")) for each in inlined]
        else:
            raise RefusedError(400, "inputConfig: expected fileName or requests")
        rows = [Row(str(key or at), places[0], body) for at, (key, body) in enumerate(lines)]
        facts = {"display": _get(wish, "displayName"), "file": name}
        return Kept(f"batches/g{number}", self, rows, facts)

    def describe(self, kept: Kept) -> dict[str, Any]:
        good, wrong = kept.count()
        numbers = {
            "requestCount": len(kept.rows),
            "successfulRequestCount": good,
            "failedRequestCount": wrong,
        }
        numbers["pendingRequestCount"] = len(kept.rows) - good - wrong
        word = f"BATCH_STATE_{self._WORDS.get(kept.state, kept.state.upper())}"
        output = kept.facts.get("output")
        about = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{kept.rows[0].model}" if kept.rows else "",
            "displayName": kept.facts["display"],
            "inputConfig": {"fileName": kept.facts["file"]} if kept.facts["file"] else {},
            "createTime": TIME,
            "updateTime": TIME,
            "batchStats": {kind: str(number) for kind, number in numbers.items() if number},
            "state": word,
            "name": kept.id,
            **({"output": output} if output else {}),
        }
        operation: dict[str, Any] = {"name": kept.id, "metadata": about}
        if kept.is_over:
            operation["done"] = True
        if kept.problem:
            operation["error"] = {"code": 3, "message": kept.problem["message"]}
        elif output:
            operation["response"] = output
        return operation

    def page(self, batches: list[Kept], asked: Asked) -> dict[str, Any]:
        size, begin = asked.number("pageSize", 50), asked.number("pageToken", 0)
        following = {"nextPageToken": str(begin + size)} if begin + size < len(batches) else {}
        return {"operations": [self.describe(kept) for kept in batches[begin : begin + size]], **following}

    def cancelled(self, kept: Kept) -> dict[str, Any]:
        return {}

    def line(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.is_answer:
            return {"key": outcome.row.name, "response": outcome.document}
        if outcome.unseen:
            return {
                "key": outcome.row.name,
                "error": {"code": 4, "message": f"the batch was {outcome.unseen}"},
            }
        error = outcome.document.get("error") if isinstance(outcome.document, dict) else None
        message = error.get("message") if isinstance(error, dict) else str(outcome.document)
        code = {400: 3, 404: 5, 429: 8, 503: 14}.get(outcome.status, 13)
        return {"key": outcome.row.name, "error": {"code": code, "message": message}}

    def store(self, kept: Kept, files: dict[str, bytes]) -> None:
        if kept.facts["file"] is not None:
            name = f"files/{kept.id.replace('/', '-')}"
            files[name] = self.lines(kept.outcomes)
            kept.facts["output"] = {"responsesFile": name}
            return
        lines = []
        for outcome in kept.outcomes:
            line = self.line(outcome)
            lines.append({"metadata": {"key": line.pop("key")}, **line})
        kept.facts["output"] = {"inlinedResponses": {"inlinedResponses": lines}}

    def wire_of(self, row: Row) -> str:
        return wire_at("/v1beta/models/m:generateContent")


def _get(source: Any, name: str) -> Any:
    """Return the field *name*, in camelCase or in snake_case; an empty object without it."""
    if not isinstance(source, Mapping):
        return {}
    snake = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
    return source.get(name, source.get(snake, {}))
