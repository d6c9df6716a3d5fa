"""The results of a batch: bytes of JSON lines -> objects; a `Result` -> a completion or an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

from ..completion import Completion
from ..error_bodies import api_error
from ..errors import AnswerError, StreamkitError
from ..events import Completed
from ..json_text import NotJSONError, loads
from ..pipeline import events_from_completion
from ..profiles.profile import Profile
from ..typed.response_format import ResponseFormat
from ..wires.batch import Result
from .journal_lines import is_about_row

SHOWN = 80  # bytes of a line that can't be read


def objects_of(chunks: Iterable[bytes], unread: list[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a file as it arrives; the beginning of any other line goes to *unread*."""
    for line in _whole_lines(chunks):
        try:
            value = loads(line)
        except NotJSONError:
            value = None
        if isinstance(value, dict):
            yield value
        else:
            unread.append(bytes(line[:SHOWN]))


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pieces: list[bytes] = []  # of the line that isn't whole
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        for piece in others:
            line = b"".join(pieces)
            pieces = [piece]
            if line.strip():
                yield line
    rest = b"".join(pieces)
    if rest.strip():
        yield rest


def read_result(
    result: Result, wire: str, profile: Profile, wanted: ResponseFormat | None
) -> Completion | StreamkitError:
    """Return the completion, or the error, of a row."""
    if result.is_error:
        error = api_error(result.body, status=result.status, request_id=result.request_id)
        if result.is_unseen:
            error.retryable = True
        return error
    try:
        *_, last = events_from_completion(result.body, wire=wire, profile=profile)
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


def is_final(found: Completion | StreamkitError) -> bool:
    """Return True for an answer, and for an error that the same row would have again."""
    return isinstance(found, Completion) or is_about_row(found)
