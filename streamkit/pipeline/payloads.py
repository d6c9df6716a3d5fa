"""Frames -> JSON payloads and the END mark. Rule: this file knows JSON, `[DONE]` and errors that SSE
itself announces, and not which API speaks.

Comments pass through; a frame that is no JSON object becomes a `BadFrame` (`strict` raises); a
stream with nothing but such frames raises at its end. Nothing is read after `[DONE]`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator

from ..error_bodies import api_error
from ..errors import BadFrameError
from ..events import BadFrame, KeepAlive
from ..state.deltas import END, Payload, PayloadOrNote
from .frames import Frame, TornFrame

logger = logging.getLogger("streamkit.sse")
_SHOWN = 200  # characters of a bad frame in logs and messages

# strict=False: models write raw control characters into strings, and gateways pass them on.
# raw_decode leaves out the encoding check of loads(bytes) and two regular expressions for white space:
# 1.8 us against 3.4 us for a payload of 320 characters.
_decoder = json.JSONDecoder(strict=False)
_decode = _decoder.raw_decode
_scan = _decoder.scan_once  # type: ignore[attr-defined]  # raw_decode without its frame: 0.1 us


def read_payloads(
    frames: Iterable[Frame | TornFrame | KeepAlive], *, strict: bool = False
) -> Iterator[PayloadOrNote]:
    """Yield each frame's payload; `END` last where the stream said `[DONE]`.

    Raises `BadFrameError` on a bad frame when *strict*, or where every frame was bad; `APIError` for
    an `event: error`. A torn last block counts only if it is whole JSON or `[DONE]` (llama.cpp ends
    its bodies without the blank line).
    """
    good = False
    bad: BadFrame | None = None  # the last one
    for frame in frames:
        if isinstance(frame, KeepAlive):
            yield frame
            continue
        data = frame.data
        try:
            payload, end = _scan(data, 0)
        except (StopIteration, ValueError, RecursionError):  # StopIteration: no value begins here
            payload, end = None, 0
        if type(payload) is dict and end == len(data):  # nearly always
            event = frame.event
            if event == "message" or ("type" in payload and event != "error"):
                good = True
                yield payload
                continue
        for said in _read_frame(frame, strict=strict):
            if said is END:
                if bad is None or good:
                    yield END
                    return
                raise _nothing_but(bad)
            if type(said) is BadFrame:
                bad = said
            else:
                good = True
            yield said
    if bad is not None and not good:
        raise _nothing_but(bad)


def _nothing_but(bad: BadFrame) -> BadFrameError:
    return BadFrameError(
        f"no frame of the stream is JSON; the last one: {bad.data[:_SHOWN]!r}", data=bad.data
    )


def _read_frame(frame: Frame | TornFrame, *, strict: bool) -> Iterator[PayloadOrNote]:
    """What any frame says, in any shape."""
    data = frame.data.strip()
    announced = frame.event == "error"
    if data == "[DONE]":
        yield END
        return
    if not data and not announced:
        return
    try:
        payloads, last = _read_objects(data)
    except (ValueError, RecursionError) as exc:
        if announced:
            raise api_error(data) from exc
        if type(frame) is TornFrame:
            return  # part of a truncation
        complaint = f"a frame is not a JSON object ({exc}): {data[:_SHOWN]!r}"
        if strict:
            raise BadFrameError(complaint, data=data) from exc
        logger.warning("%s", complaint)
        yield BadFrame(data, str(exc))
        return
    if announced:
        if payloads[0].get("choices"):  # what it carries beside its error
            yield payloads[0]
        raise api_error(payloads[0])
    if frame.event.startswith("response."):
        # The Responses API says the type twice; a gateway that says it once says it here.
        payloads = [{"type": frame.event, **payload} for payload in payloads]
    yield from payloads
    if last:
        yield END


def _read_objects(data: str) -> tuple[list[Payload], bool]:
    """The JSON object in *data*, or one in each line where a gateway forgot the blank lines between.

    And whether `[DONE]` is the last line. Raises ValueError (or RecursionError) for anything else.
    """
    try:
        return [_read_object(data)], False
    except (ValueError, RecursionError):
        lines = [line for line in data.split("\n") if line.strip()]
        if len(lines) < 2:
            raise
        last = lines[-1].strip() == "[DONE]"
        return [_read_object(line) for line in (lines[:-1] if last else lines)], last


def _read_object(text: str) -> Payload:
    value, end = _decode(text.lstrip())
    if text.lstrip()[end:].strip():
        raise ValueError(f"a second value after the first one, at character {end}")
    if type(value) is not dict:
        raise ValueError(f"a JSON {type(value).__name__} where an object belongs")
    return value
