"""Turn frames into JSON payloads and the END mark.

    takes    Frame, ErrorFrame, TornFrame, KeepAlive
    yields   a payload (dict) for each JSON object, KeepAlive, BadFrame, END
    raises   APIError for an error that SSE itself announces, BadFrameError

Rule: this file knows JSON, `[DONE]` and `event: error`, and not which API is read. No frame is pulled after
`[DONE]`. Nearly every frame is exactly one JSON object; `_read_plain` reads those, and returns None for all
others. `_read_frame` reads any frame. tests/test_payloads.py compares the two on random texts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Literal

from ..error_bodies import api_error
from ..errors import BadFrameError
from ..events import BadFrame, KeepAlive
from ..json_text import NotJSONError, loads, scan_object
from ..state.deltas import END, Mark, Payload, PayloadOrNote
from .frames import Frame, TornFrame

logger = logging.getLogger("streamkit.sse")
_SHOWN = 200  # characters of a bad frame in logs and messages


def read_payloads(frames: Iterable[Frame | KeepAlive], *, strict: bool = False) -> Iterator[PayloadOrNote]:
    """Yield each frame's payload, or a `BadFrame` if it isn't a JSON object; `END` is last after `[DONE]`.

    Raises `BadFrameError` if every frame was bad, and at the first bad one if *strict*. Raises `APIError`
    for `event: error`.
    """
    has_payload = False
    last_bad: BadFrame | None = None
    for frame in frames:
        if type(frame) is Frame:
            payload = _read_plain(frame)
            if payload is not None:
                has_payload = True
                yield payload
                continue
        elif isinstance(frame, KeepAlive):
            yield frame
            continue
        for each in _read_frame(frame, strict=strict):
            if each is END:
                if last_bad is not None and not has_payload:
                    raise _all_bad(last_bad)
                yield END
                return
            if type(each) is BadFrame:
                last_bad = each
            else:
                has_payload = True
            yield each
    if last_bad is not None and not has_payload:
        raise _all_bad(last_bad)


def _all_bad(last: BadFrame) -> BadFrameError:
    return BadFrameError(
        f"no frame of the stream is a JSON object; the last one: {last.data[:_SHOWN]!r}", data=last.data
    )


def _read_plain(frame: Frame) -> Payload | None:
    """Return the payload of a frame whose data is one object that needs no change, else None."""
    event, data, _, _ = frame
    payload = scan_object(data)
    if payload is None or event == "message" or ("type" in payload and event != "error"):
        return payload
    return None


def _read_frame(frame: Frame, *, strict: bool) -> Iterator[PayloadOrNote]:
    """Yield the payloads of any frame and `END` after `[DONE]`, or a `BadFrame` if the data isn't JSON."""
    data = frame.data.strip()
    if data == "[DONE]":
        yield END
        return
    if frame.event == "error":
        yield from _read_error(data)
        return
    if not data:
        return
    try:
        payloads = _read_objects(data)
    except NotJSONError as exc:
        if type(frame) is TornFrame:
            return  # the body was cut inside this frame: the stream's ending reports that
        complaint = f"a frame is not a JSON object ({exc}): {data[:_SHOWN]!r}"
        if strict:
            raise BadFrameError(complaint, data=data) from exc
        logger.warning("%s", complaint)
        yield BadFrame(data, str(exc))
        return
    for payload in payloads:
        # The Responses API repeats the event's name as `type`; some gateways send the name alone.
        if payload is not END and "type" not in payload and frame.event.startswith("response."):
            yield {"type": frame.event, **payload}
        else:
            yield payload


def _read_error(data: str) -> Iterator[Payload]:
    """Raise the `APIError` that *data* describes; first yield its payload if that has choices too."""
    try:
        payload = _read_objects(data)[0]
    except NotJSONError as exc:
        raise api_error(data) from exc
    if payload is not END and payload.get("choices"):
        yield payload
    raise api_error(payload)


def _read_objects(data: str) -> list[Payload | Literal[Mark.END]]:
    """Return the JSON object in *data*, or one for each line if a gateway left out the blank lines.

    A last line `[DONE]` becomes `END`. Raises `NotJSONError` for anything else.
    """
    try:
        return [_read_object(data)]
    except NotJSONError:
        lines = [line for line in data.split("\n") if line.strip()]
        if len(lines) < 2:
            raise
        is_done = lines[-1].strip() == "[DONE]"
        payloads = [_read_object(line) for line in (lines[:-1] if is_done else lines)]
        return [*payloads, END] if is_done else [*payloads]


def _read_object(text: str) -> Payload:
    value = loads(text.strip())
    if not isinstance(value, dict):
        raise NotJSONError(f"expected a JSON object, got a {type(value).__name__}")
    return value
