"""The documents of Anthropic's Message Batches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from .form import TIME, Asked, Form, Kept, Outcome, RefusedError, Routes, Row, after, wire_at

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class MessagesForm(Form):
    """Anthropic's Message Batches."""

    routes: ClassVar[Routes] = (
        ("POST", r"/messages/batches", "begin"),
        ("GET", r"/messages/batches", "list"),
        ("GET", r"/messages/batches/([\w-]+)", "look"),
        ("POST", r"/messages/batches/([\w-]+)/cancel", "cancel"),
        ("GET", r"/messages/batches/([\w-]+)/results", "results"),
    )
    _WORDS: ClassVar[dict[str, str]] = {"expired": "expired", "cancelled": "canceled"}

    def error(self, refused: RefusedError) -> dict[str, Any]:
        kinds = {404: "not_found_error", 413: "request_too_large"}
        error = {"type": kinds.get(refused.status, "invalid_request_error"), "message": refused.message}
        return {"type": "error", "error": error}

    def begin(self, asked: Asked, places: tuple[str, ...], files: Mapping[str, bytes], number: int) -> Kept:
        requests = asked.json().get("requests")
        if not isinstance(requests, list) or not requests:
            raise RefusedError(400, "requests: expected a list with at least one request")
        rows = []
        for at, each in enumerate(requests):
            params = each.get("params") if isinstance(each, dict) else None
            name = each.get("custom_id") if isinstance(each, dict) else None
            if not isinstance(name, str) or not _CUSTOM_ID.fullmatch(name):
                raise RefusedError(
                    400, f"requests.{at}.custom_id: String should match pattern '{_CUSTOM_ID.pattern}'"
                )
            if not isinstance(params, dict) or params.get("stream"):
                raise RefusedError(400, f"requests.{at}.params: expected a request without stream")
            rows.append(Row(name, str(params.get("model")), params))
        if len({row.name for row in rows}) < len(rows):
            raise RefusedError(400, "requests: custom_id must be unique")
        if len(rows) > 100_000:
            raise RefusedError(413, "requests: expected at most 100000 requests")
        host = asked.header("host")
        root = f"http://{host}{asked.path}" if host else "https://api.anthropic.com/v1/messages/batches"
        return Kept(f"msgbatch_{number}", self, rows, {"root": root})

    def describe(self, kept: Kept) -> dict[str, Any]:
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for outcome in kept.outcomes:
            counts[str(self._result(outcome)["type"])] += 1
        counts["processing"] = len(kept.rows) - len(kept.outcomes)
        word = "ended" if kept.is_over else "canceling" if kept.state == "cancelling" else "in_progress"
        return {
            "id": kept.id,
            "type": "message_batch",
            "processing_status": word,
            "request_counts": counts,
            "created_at": TIME,
            "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": TIME if kept.is_over else None,
            "archived_at": None,
            "cancel_initiated_at": TIME if kept.is_cancelled else None,
            "results_url": f"{kept.facts['root']}/{kept.id}/results" if kept.is_over else None,
        }

    def page(self, batches: list[Kept], asked: Asked) -> dict[str, Any]:
        page, has_more = after(batches, asked.first("after_id"), asked.number("limit", 20))
        ends = (
            {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        )
        return {"data": [self.describe(kept) for kept in page], "has_more": has_more, **ends}

    def line(self, outcome: Outcome) -> dict[str, Any]:
        return {"custom_id": outcome.row.name, "result": self._result(outcome)}

    def _result(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.unseen:
            return {"type": self._WORDS[outcome.unseen]}
        if outcome.is_answer:
            return {"type": "succeeded", "message": outcome.document}
        error = outcome.document.get("error") if isinstance(outcome.document, dict) else None
        error = error if isinstance(error, dict) else {"message": str(outcome.document)}
        about = {"type": error.get("type") or "api_error", "message": error.get("message")}
        return {"type": "errored", "error": {"type": "error", "error": about, "request_id": None}}

    def wire_of(self, row: Row) -> str:
        return wire_at("/v1/messages")
