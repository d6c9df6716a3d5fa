"""Turn recorded Chat Completions answers into findings: how a gateway behaves, and its Profile fields.

Rule: a finding states only facts that the recording shows. Pure: no network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..client.stats import Stats
from ..events import KeepAlive
from ..items import REASONING_FIELDS
from ..pipeline import read_frames
from ..profiles.profile import ThinkTags
from ..recordings.format import Recording

# The fields of a delta that contain reasoning, and those that `Profile.reasoning_replay` can name.
_REASONING = (*REASONING_FIELDS, "thinking", "thinking_blocks", "reasoning_details")
_REPLAYED = ("reasoning_content", "reasoning", "reasoning_details")


class Finding(NamedTuple):
    """One fact about one topic, and the Profile fields that follow from it."""

    topic: str
    text: str
    fields: Mapping[str, Any] = {}


def about_text(recording: Recording, stats: Stats) -> Iterator[Finding]:
    """Yield the findings of a plain answer; *stats* are the stats of the stream that read it."""
    data, comments = _frames(recording)
    chunks = list(_chunks(data))
    content_type = recording.response.headers.get("content-type", "no content type")
    yield Finding("framing", f"{content_type}; {len(chunks)} chunks, {comments} comments")
    yield _about_ending(chunks, has_done="[DONE]" in (d.strip() for d in data))
    yield _about_usage(chunks)
    pace = f"{stats.data_events} events in {stats.data_chunks} reads"
    if stats.first_event is not None and stats.last_event is not None:
        pace += f", the first after {stats.first_event:.2f} s, the last after {stats.last_event:.2f} s"
    buffered = "; a proxy seems to buffer them" if stats.suspected_buffering else ""
    yield Finding("pacing", pace + buffered)


def about_calls(recording: Recording) -> Iterator[Finding]:
    """Yield how the calls of an answer are numbered and identified, and whether arguments are in pieces."""
    data, _ = _frames(recording)
    fragments = [
        call for delta in _deltas(_chunks(data)) for call in delta.get("tool_calls") or () if _is_object(call)
    ]
    if fragments:
        named = sum(1 for f in fragments if _is_object(f.get("function")) and f["function"].get("name"))
        pieces = "whole" if len(fragments) == named else "in pieces"
        facts = f"{_numbering(fragments, named)}; {_identity(fragments, named)}; arguments {pieces}"
    else:
        facts = "none, although a tool was offered: the model may not support tools"
    yield Finding("tool calls", facts)


def _numbering(fragments: list[dict[str, Any]], named: int) -> str:
    """Return how the fragments refer to their calls; *named* is the number of fragments with a name."""
    indexes = [fragment.get("index") for fragment in fragments]
    if None in indexes:
        return "without index"
    if named > 1 and len(set(indexes)) == 1:
        return f"{named} names, all at index {indexes[0]}"
    numbers = sorted({index for index in indexes if isinstance(index, int)})
    others = sorted({str(index) for index in indexes if not isinstance(index, int)})
    return f"indexes {', '.join([*map(str, numbers), *others])}"


def _identity(fragments: list[dict[str, Any]], named: int) -> str:
    ids = [fragment["id"] for fragment in fragments if fragment.get("id")]
    if not ids:
        return "without ids"
    return "an id on every fragment" if len(ids) == len(fragments) > named else "an id on each call"


def about_refusal(status: int | None, body: Any) -> Finding:
    """Return the place and the shape of an error; *status* is None if the server sent no error."""
    if status is None:
        return Finding("errors", "the gateway answered although the model doesn't exist")
    if isinstance(body, Mapping) and "error" in body:
        error = body["error"]
        shape = f"error with {', '.join(error)}" if isinstance(error, Mapping) else "error as a string"
    elif isinstance(body, Mapping):
        shape = f"an object with {', '.join(map(str, body))}"
    else:
        shape = "not JSON"
    place = f"status {status}" if status >= 400 else f"status {status}, in the stream"
    return Finding("errors", f"{place}; {shape}")


def _about_ending(chunks: list[dict[str, Any]], *, has_done: bool) -> Finding:
    reasons = {c["finish_reason"] for chunk in chunks for c in _choices(chunk) if c.get("finish_reason")}
    if reasons:
        done = "and [DONE]" if has_done else "without [DONE]"
        return Finding("ending", f"finish reason {', '.join(sorted(map(str, reasons)))} {done}")
    if has_done:
        return Finding("ending", "[DONE] without a finish reason")
    return Finding(
        "ending", "neither finish reason nor [DONE]: a cut-off stream looks the same", {"eof": "accept"}
    )


def _about_usage(chunks: list[dict[str, Any]]) -> Finding:
    reports = [chunk for chunk in chunks if chunk.get("usage")]
    if not reports:
        return Finding("usage", "none")
    if len(reports) > 1:
        return Finding("usage", f"on {len(reports)} chunks; the last one counts")
    has_choice = bool(_choices(reports[0]))
    return Finding("usage", "on a chunk with a choice" if has_choice else "on a chunk of its own")


def about_reasoning(chunks: list[dict[str, Any]]) -> Finding:
    """Return where reasoning is, in *chunks* of all answers: some models reason only before a call."""
    deltas = list(_deltas(chunks))
    names = [name for name in _REASONING if any(delta.get(name) for delta in deltas)]
    if names:
        replayed = [name for name in names if name in _REPLAYED]
        fields = {"reasoning_replay": replayed[-1]} if replayed else {}
        return Finding("reasoning", f"in {' and '.join(names)}", fields)
    texts = _texts(chunks)
    for opening, closing in ThinkTags().tags.items():
        if any(text.lstrip().startswith(opening) for text in texts):
            return Finding("reasoning", f"between {opening} tags in the text", {"think_tags": "start"})
        if any(closing in text and opening not in text for text in texts):
            inside = {"mode": "start", "tags": {opening: closing}, "begins_inside": True}
            where = f"in the text before {closing}, without an opening tag"
            return Finding("reasoning", where, {"think_tags": inside})
    if any(isinstance(part, dict) for delta in deltas for part in _list(delta.get("content"))):
        kinds = {p.get("type") for d in deltas for p in _list(d.get("content")) if isinstance(p, dict)}
        if kinds & {"thinking", "reasoning"}:
            return Finding("reasoning", "in parts of the content")
    return Finding("reasoning", "none in these answers")


def _texts(chunks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the text of each answer: chunks with one id, choice 0."""
    texts: dict[Any, str] = {}
    for chunk in chunks:
        for choice in _choices(chunk)[:1]:
            content = choice["delta"].get("content") if _is_object(choice.get("delta")) else None
            if isinstance(content, str):
                key = repr(chunk.get("id"))
                texts[key] = texts.get(key, "") + content
    return list(texts.values())


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# -- the payloads of a recording ----------------------------------------------------------


def _frames(recording: Recording) -> tuple[list[str], int]:
    """Return the data of each event, and the number of comments."""
    frames = list(read_frames([recording.body, b"\n\n"]))
    data = [frame.data for frame in frames if not isinstance(frame, KeepAlive)]
    return data, len(frames) - len(data)


def chunks_of(recording: Recording) -> list[dict[str, Any]]:
    """Return the payloads of an answer that are objects."""
    return list(_chunks(_frames(recording)[0]))


def _chunks(data: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in data:
        try:
            chunk = json.loads(text)
        except (ValueError, RecursionError):
            continue  # [DONE], or a bad frame, which the stream reports
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
