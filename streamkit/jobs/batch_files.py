"""The files of a batch: rows -> the lines of its input file; the lines of its output files -> outcomes.

    {"custom_id": "k", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
    {"custom_id": "k", "response": {"status_code": 200, "request_id": ..., "body": {...}}, "error": null}
    {"custom_id": "k", "response": null, "error": {"code": "batch_expired", "message": ...}}

The format is that of OpenAI's Batch API (platform.openai.com/docs/guides/batch). Answers come without their
streams, so a body has no `stream`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

from ..completion import Completion
from ..error_bodies import api_error
from ..errors import AnswerError, StreamkitError
from ..events import Completed
from ..http.refusals import is_success
from ..json_text import NotJSONError, encode, loads
from ..pipeline import events_from_completion
from ..profiles.profile import Profile
from ..typed.response_format import ResponseFormat
from .rows import Row

MAX_ROWS = 50_000  # of one batch
MAX_BYTES = 190 << 20  # of its file, whose limit is 200 MB
_STREAM_FIELDS = ("stream", "stream_options")


def input_line(row: Row, custom_id: str, url: str) -> bytes:
    """Return the line of a row that has a request."""
    assert row.request is not None
    body = {name: value for name, value in row.request.body.items() if name not in _STREAM_FIELDS}
    return encode({"custom_id": custom_id, "method": "POST", "url": url, "body": body}) + b"\n"


def multipart(name: str, data: bytes) -> tuple[bytes, str]:
    """Return the body and the content type of an upload with the purpose "batch"."""
    boundary = f"streamkit-{uuid.uuid4().hex}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return (
        head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def output_lines(chunks: Iterable[bytes], unread: list[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of an output file as it arrives; the beginning of any other line goes to *unread*."""
    for line in _whole_lines(chunks):
        try:
            value = loads(line)
        except NotJSONError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("custom_id"), str):
            yield value
        else:
            unread.append(bytes(line[:80]))


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, lines)
    if rest.strip():
        yield rest


def read_output(
    line: Mapping[str, Any], wire: str, profile: Profile, wanted: ResponseFormat | None
) -> Completion | StreamkitError:
    """Return the completion, or the error, in a line of an output file."""
    response = line.get("response")
    if not isinstance(response, Mapping):
        error = api_error({"error": line.get("error") or {"message": "the row has neither answer nor error"}})
        error.retryable = True  # expired or cancelled: the model didn't see the row
        return error
    status, body = _status(response.get("status_code")), response.get("body")
    request_id = response.get("request_id")
    if not (status is None or is_success(status)) or not isinstance(body, Mapping):
        return api_error(body, status=status, request_id=request_id if isinstance(request_id, str) else None)
    try:
        *_, last = events_from_completion(body, wire=wire, profile=profile)
        assert isinstance(last, Completed)
        completion = evolve(last.completion, response_format=wanted)
        if wanted is not None:
            completion.parsed()
    except AnswerError as error:
        error.partial = completion
        return error
    except StreamkitError as error:
        return error
    return completion


def _status(value: Any) -> int | None:
    """Return a status code; None if there is none, and the body tells whether it is an error."""
    return int(value) if str(value).isdecimal() else None
