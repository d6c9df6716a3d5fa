"""A provider's batches in memory: an HTTP request in, the reply of the API out, for the server and for tests.

| API | rows come | results leave |
|---|---|---|
| OpenAI's Batch API, Mistral's jobs | in a file, `POST /files` | in files, `GET /files/ID/content` |
| Anthropic's Message Batches | in the request | as one file, `.../results` |
| Gemini's batchGenerateContent | in a file, or in the request | in a file, or in the operation |

A batch goes on by one state with each look at it, so nothing waits. Results come in the opposite order of the
rows, because no API promises one. Each API has a form.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs

from attrs import evolve, frozen

from ...json_text import encode, loads
from .form import Asked, Form, Kept, Outcome, RefusedError, Row
from .gemini_form import GeminiForm
from .messages_form import MessagesForm
from .openai_form import MistralForm, OpenAIForm

MAX_KEPT = 512 << 20  # bytes of all requests with rows
FORMS: tuple[Form, ...] = (OpenAIForm(), MistralForm(), MessagesForm(), GeminiForm())
Ends: TypeAlias = Literal["completed", "failed", "expired", "cancelled"]
AnswerRow: TypeAlias = Callable[[str, str, Mapping[str, Any]], tuple[int, Any]]
_FOLLOWING = {"validating": "in_progress", "in_progress": "finalizing", "finalizing": "", "cancelling": ""}
_REFUSED = {"message": "the input file can't be read", "code": "invalid_json_line", "line": 1}


@frozen
class DeskReply:
    """A reply: JSON, or the lines of a file."""

    status: int
    content: bytes
    kind: str = "application/json"


class BatchDesk:
    """The files and the batches of one provider. Thread-safe.

    *answer* takes the API, the model and the body of a row, and returns a status and a document of the API.
    *ends* is the last state of a batch. In one that expires or is cancelled, the first *done* rows have
    answers.
    """

    def __init__(self, answer: AnswerRow, *, ends: Ends = "completed", done: int = 0) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._bytes = 0
        self.ends, self.done = ends, done
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Kept] = {}

    def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> DeskReply | None:
        """Return the reply; None if *path* isn't one of batches or files."""
        asked = Asked(method, path.rstrip("/"), parse_qs(query), headers, body)
        with self._lock:
            replies = [
                self._act(form, action, asked, found)
                for form in FORMS
                for route_method, pattern, action in form.routes
                if route_method == method and (found := re.search(f"{pattern}$", asked.path))
            ]
        if len(replies) > 1:  # the lists of OpenAI and of Gemini, if both are under /v1, have other fields
            merged = {name: value for reply in replies for name, value in loads(reply.content).items()}
            return evolve(replies[0], content=encode(merged))
        return replies[0] if replies else None

    def _act(self, form: Form, action: str, asked: Asked, found: re.Match[str]) -> DeskReply:
        try:
            value = getattr(self, f"_{action}")(form, asked, *found.groups())
        except RefusedError as refused:
            return DeskReply(refused.status, encode(form.error(refused)))
        return value if isinstance(value, DeskReply) else DeskReply(200, encode(value))

    # -- files ----------------------------------------------------------------------------

    def _take(self, asked: Asked) -> None:
        """Count the bytes that a request leaves here. Raises `RefusedError` beyond `MAX_KEPT`."""
        self._bytes += len(asked.body)
        if self._bytes > MAX_KEPT:
            self._bytes -= len(asked.body)
            raise RefusedError(413, f"this server keeps at most {MAX_KEPT} bytes of rows; start it again")

    def _upload(self, form: Form, asked: Asked) -> dict[str, Any]:
        self._take(asked)
        name = form.file_name(next(self._numbers))
        self.files[name] = form.content(asked)
        return form.file(name, len(self.files[name]))

    def _download(self, form: Form, asked: Asked, name: str) -> DeskReply:
        if name not in self.files:
            raise RefusedError(404, f"no such file: {name}")
        return DeskReply(200, self.files[name], "application/octet-stream")

    # -- batches --------------------------------------------------------------------------

    def _begin(self, form: Form, asked: Asked, *places: str) -> dict[str, Any]:
        self._take(asked)
        number = next(self._numbers)
        kept = form.begin(asked, places, self.files, number)
        self.batches[kept.id] = kept
        return form.describe(kept)

    def _list(self, form: Form, asked: Asked) -> dict[str, Any]:
        batches = [kept for kept in self.batches.values() if kept.form is form]
        return form.page(batches[::-1], asked)

    def _look(self, form: Form, asked: Asked, name: str) -> dict[str, Any]:
        kept = self._find(form, name)
        self._step(kept)
        return form.describe(kept)

    def _cancel(self, form: Form, asked: Asked, name: str) -> dict[str, Any]:
        kept = self._find(form, name)
        if kept.is_over:
            raise RefusedError(form.late, f"{name} is {kept.state}")
        kept.state, kept.is_cancelled = "cancelling", True
        return form.cancelled(kept)

    def _results(self, form: Form, asked: Asked, name: str) -> DeskReply:
        kept = self._find(form, name)
        if not kept.is_over:
            raise RefusedError(404, f"no results of {name} yet")
        return DeskReply(200, form.lines(kept.outcomes), "application/x-jsonl")

    def _find(self, form: Form, name: str) -> Kept:
        kept = self.batches.get(name)
        if kept is None or kept.form is not form:
            raise RefusedError(404, f"no such batch: {name}")
        return kept

    def _step(self, kept: Kept) -> None:
        """Move a batch on by one state."""
        if kept.is_over:
            return
        ends = "cancelled" if kept.is_cancelled else self.ends
        following = _FOLLOWING[kept.state] or ends
        if ends == "failed" and kept.state == "validating":
            following = ends
        kept.state = following
        if not kept.is_over:
            return
        if following == "failed":
            kept.problem = kept.problem or dict(_REFUSED)
            return
        ready = len(kept.rows) if following == "completed" else self.done
        kept.outcomes = [self._outcome(kept, row, following, at < ready) for at, row in enumerate(kept.rows)][
            ::-1
        ]
        kept.form.store(kept, self.files)

    def _outcome(self, kept: Kept, row: Row, state: str, is_ready: bool) -> Outcome:
        if not is_ready:
            return Outcome(row, unseen=state)
        status, document = self._answer(kept.form.wire_of(row), row.model, row.body)
        return Outcome(row, status, document)
