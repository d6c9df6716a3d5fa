"""A provider with OpenAI's Batch API, as its documentation describes it, for a `FakeTransport`.

https://platform.openai.com/docs/guides/batch and /docs/api-reference/batch: files are uploaded with the
purpose "batch"; a batch validates, is in progress, finalizes, and ends as completed, failed, expired or
cancelled. Rows that failed or expired are in the error file.
"""

from __future__ import annotations

import json
import re
from typing import Any

from streamkit.http.messages import Call
from streamkit.testing import FakeReply

JSON = {"content-type": "application/json"}


class Provider:
    """Answers each row with "echo: PROMPT"; *ends* is the status in which a batch ends.

    In a batch that expires or is cancelled, the first *done* rows have answers. A prompt with "bad" is
    refused with status 400.
    """

    def __init__(self, *, ends: str = "completed", done: int = 2) -> None:
        self.ends, self.done = ends, done
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []

    def __call__(self, call: Call) -> Any:
        path = re.sub(r"^https?://[^/]+/v1", "", call.url)
        self.calls.append(f"{call.method} {path}")
        if (call.method, path) == ("POST", "/files"):
            return self.upload(call)
        if (call.method, path) == ("POST", "/batches"):
            return self.create(json.loads(call.body))
        if found := re.fullmatch(r"/files/([\w-]+)/content", path):
            body = self.files[found[1]]
            return FakeReply([body[:37], body[37:]], headers={"content-type": "application/octet-stream"})
        found = re.fullmatch(r"/batches/([\w-]+)(/cancel)?", path)
        if found is None or found[1] not in self.batches:
            return self.reply({"error": {"message": "no such batch"}}, 404)
        batch = self.batches[found[1]]
        if found[2]:
            self.ends = "cancelled"
            batch["status"] = "cancelling"
        else:
            self.step(batch)
        return self.reply(batch)

    def reply(self, value: Any, status: int = 200) -> FakeReply:
        return FakeReply([json.dumps(value).encode()], status=status, headers=JSON)

    def upload(self, call: Call) -> FakeReply:
        boundary = call.headers["Content-Type"].partition("boundary=")[2].encode()
        purpose, file = call.body.split(b"--" + boundary)[1:3]
        assert purpose.strip().endswith(b"batch")
        assert b'name="file"; filename="rows.jsonl"' in file
        name = f"file-{len(self.files)}"
        self.files[name] = file.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return self.reply({"id": name, "object": "file", "purpose": "batch"})

    def create(self, wish: dict[str, Any]) -> FakeReply:
        assert wish["completion_window"] == "24h"
        name = f"batch_{len(self.batches)}"
        rows = [json.loads(line) for line in self.files[wish["input_file_id"]].splitlines()]
        assert all(row["url"] == wish["endpoint"] and row["method"] == "POST" for row in rows)
        assert len({row["custom_id"] for row in rows}) == len(rows)
        self.batches[name] = {"id": name, "object": "batch", "status": "validating", "rows": rows, **wish}
        return self.reply({k: v for k, v in self.batches[name].items() if k != "rows"})

    def step(self, batch: dict[str, Any]) -> None:
        """Move a batch on by one state."""
        following = {
            "validating": "failed" if self.ends == "failed" else "in_progress",
            "in_progress": "finalizing",
            "finalizing": self.ends,
            "cancelling": "cancelled",
        }
        batch["status"] = following.get(batch["status"], batch["status"])
        if batch["status"] == "failed":
            problem = {"code": "invalid_json_line", "message": "line 1 is invalid", "line": 1}
            batch["errors"] = {"object": "list", "data": [problem]}
        elif batch["status"] == self.ends and "output_file_id" not in batch:
            self.finish(batch)

    def finish(self, batch: dict[str, Any]) -> None:
        rows = batch["rows"]
        ready = rows if self.ends == "completed" else rows[: self.done]
        good = [answer(row) for row in ready if "bad" not in prompt(row)]
        wrong = [refused(row) for row in ready if "bad" in prompt(row)]
        code = {"expired": "batch_expired", "cancelled": "batch_cancelled"}.get(self.ends, "")
        wrong += [unseen(row, code) for row in rows[len(ready) :]]
        for kind, lines in (("output", good), ("error", wrong)):
            if lines:
                name = f"file-{batch['id']}-{kind}"
                text = "".join(json.dumps(line) + "\n" for line in reversed(lines))  # in any order
                self.files[name] = text.encode()
                batch[f"{kind}_file_id"] = name
        batch["request_counts"] = {"total": len(rows), "completed": len(good), "failed": len(wrong)}


def prompt(row: dict[str, Any]) -> str:
    body = row["body"]
    assert "stream" not in body
    assert "stream_options" not in body
    return str(body["messages"][-1]["content"])


def answer(row: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"echo: {prompt(row)}"}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": row["body"]["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    response = {"status_code": 200, "request_id": "req_1", "body": body}
    return {"id": "batch_req_1", "custom_id": row["custom_id"], "response": response, "error": None}


def refused(row: dict[str, Any]) -> dict[str, Any]:
    body = {"error": {"message": "that is bad", "type": "invalid_request_error", "code": "bad_input"}}
    response = {"status_code": 400, "request_id": "req_2", "body": body}
    return {"id": "batch_req_2", "custom_id": row["custom_id"], "response": response, "error": None}


def unseen(row: dict[str, Any], code: str) -> dict[str, Any]:
    error = {"code": code, "message": "This request could not be executed before the completion window."}
    return {"id": "batch_req_3", "custom_id": row["custom_id"], "response": None, "error": error}
