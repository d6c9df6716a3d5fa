"""Recorded answers of a gateway -> how it behaves, in words, and the fields of the Profile that follow.

Rule: only what a recording shows is said; pure, no network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..client.stats import Stats
from ..events import KeepAlive
from ..pipeline import read_frames
from ..recordings.format import Recording


class Finding(NamedTuple):
    """What is so, about which topic, and what a Profile says of it."""

    topic: str
    says: str
    fields: Mapping[str, Any] = {}


def about_text(recording: Recording, stats: Stats) -> Iterator[Finding]:
    """What a plain answer shows. *stats* are those of reading it."""
    data, comments = _frames(recording)
    chunks = list(_chunks(data))
    kind = recording.response.headers.get("content-type", "no content type")
    yield Finding("framing", f"{kind}; {len(chunks)} chunks, {comments} comments")
    yield _about_ending(chunks, has_done="[DONE]" in (d.strip() for d in data))
    yield _about_usage(chunks)
    yield _about_reasoning(chunks)
    pace = f"{stats.data_events} events in {stats.data_chunks} reads"
    if stats.first_event is not None and stats.last_event is not None:
        pace += f", the first after {stats.first_event:.2f} s, the last after {stats.last_event:.2f} s"
    held = "; something on the way seems to hold them back" if stats.suspected_buffering else ""
    yield Finding("pacing", pace + held)


def about_calls(recording: Recording) -> Iterator[Finding]:
    """What an answer with tool calls shows of their numbering, ids and arguments."""
    data, _ = _frames(recording)
    fragments = [
        c for delta in _deltas(_chunks(data)) for c in delta.get("tool_calls") or () if _is_object(c)
    ]
    if not fragments:
        yield Finding("tool calls", "none came, though tools were offered: the model may not know them")
        return
    indexes = [fragment.get("index") for fragment in fragments]
    ids = [fragment["id"] for fragment in fragments if fragment.get("id")]
    named = sum(1 for f in fragments if _is_object(f.get("function")) and f["function"].get("name"))
    if None in indexes:
        numbering = "without index"
    elif named > 1 and len(set(indexes)) == 1:
        numbering = f"{named} names, all at index {indexes[0]}"
    else:
        numbering = f"indexes {', '.join(map(str, sorted(set(indexes), key=str)))}"
    identity = "without ids"
    if ids:
        identity = "an id on every fragment" if len(ids) == len(fragments) > named else "an id on each call"
    pieces = "whole" if len(fragments) == named else "in pieces"
    yield Finding("tool calls", f"{numbering}; {identity}; arguments {pieces}")


def about_refusal(status: int | None, body: Any) -> Finding:
    """What the answer to a wrong request shows. *status* None: the server found nothing wrong."""
    if status is None:
        return Finding("errors", "a model that does not exist was answered all the same")
    if isinstance(body, Mapping) and "error" in body:
        error = body["error"]
        shape = f"error with {', '.join(error)}" if isinstance(error, Mapping) else "error as a text"
    elif isinstance(body, Mapping):
        shape = f"an object with {', '.join(map(str, body))}"
    else:
        shape = "no JSON"
    where = f"status {status}" if status >= 400 else f"status {status}, in the stream"
    return Finding("errors", f"{where}; {shape}")


def _about_ending(chunks: list[dict[str, Any]], *, has_done: bool) -> Finding:
    reasons = {c["finish_reason"] for chunk in chunks for c in _choices(chunk) if c.get("finish_reason")}
    if reasons:
        done = "and [DONE]" if has_done else "without [DONE]"
        return Finding("ending", f"finish reason {', '.join(sorted(map(str, reasons)))} {done}")
    if has_done:
        return Finding("ending", "[DONE] without a finish reason")
    return Finding(
        "ending", "neither finish reason nor [DONE]: a cut stream looks the same", {"eof": "accept"}
    )


def _about_usage(chunks: list[dict[str, Any]]) -> Finding:
    reports = [chunk for chunk in chunks if chunk.get("usage")]
    if not reports:
        return Finding("usage", "none")
    if len(reports) > 1:
        return Finding("usage", f"on {len(reports)} chunks, of which the last counts")
    on_its_own = not _choices(reports[0])
    return Finding("usage", "on a chunk of its own" if on_its_own else "on a chunk with a choice")


def _about_reasoning(chunks: list[dict[str, Any]]) -> Finding:
    deltas = list(_deltas(chunks))
    names = [
        name
        for name in ("reasoning_content", "reasoning", "reasoning_details")
        if any(delta.get(name) for delta in deltas)
    ]
    if names:
        return Finding("reasoning", f"in {' and '.join(names)}", {"reasoning_replay": names[-1]})
    text = "".join(d["content"] for d in deltas if isinstance(d.get("content"), str))
    if text.lstrip().startswith("<think>"):
        return Finding("reasoning", "between <think> tags in the text", {"think_tags": "start"})
    return Finding("reasoning", "none in this answer")


# -- what the bytes hold ------------------------------------------------------------------


def _frames(recording: Recording) -> tuple[list[str], int]:
    """The data of each event, and how many comments there were."""
    frames = list(read_frames([recording.body, b"\n\n"]))
    data = [frame.data for frame in frames if not isinstance(frame, KeepAlive)]
    return data, len(frames) - len(data)


def _chunks(data: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in data:
        try:
            chunk = json.loads(text)
        except (ValueError, RecursionError):
            continue  # [DONE], or a frame that reading the answer has reported
        if isinstance(chunk, dict):
            yield chunk


def _choices(chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = chunk.get("choices")
    return [choice for choice in choices if _is_object(choice)] if isinstance(choices, list) else []


def _deltas(chunks: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        for choice in _choices(chunk):
            if isinstance(choice.get("delta"), dict):
                yield choice["delta"]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
