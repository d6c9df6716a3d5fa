"""Build an answer from a name and a number of deltas: its events as bytes, and its content.

The events have the fields of OpenAI's servers in the same order, and the padding (`obfuscation`) that makes
their lengths similar, about 320 bytes. The texts resemble tokens: about four characters, words with their
space, punctuation, quotes and line ends that JSON escapes, and letters beyond ASCII. The same name and
number always give the same bytes, so a server and a client in two processes needn't exchange them.
"""

from __future__ import annotations

import itertools
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

WORDS = """a an and are as at be but by for from has in is it its of on or that the this to was were with
answer because between each first given however into line name never other people place same should small
stream such then there they time two value what when which while word would"""
SUBWORDS = ("able", "al", "ed", "er", "est", "ing", "ion", "ism", "ity", "ive", "ly", "ment", "ness", "s")
MARKS = (",", ".", ":", ";", ")", " (", " -", "\n", "\n\n", ":\n\n", "\n- ", "**", ' "', '"', "`", " \\", "/")
BEYOND_ASCII = (" café", " größer", " –", " „", "“", " 北京", " 👍")
TOKENS = (*(f" {word}" for word in WORDS.split()), *SUBWORDS, *MARKS, *BEYOND_ASCII)

CALLS = 8  # parallel calls of the workload "tools"
STAMP = b"<<stamp>>"  # in a paced text frame, the place of the time at which it is sent


@dataclass(frozen=True)
class Workload:
    """One answer: its events as bytes, blank lines included, and the content to expect from a contestant."""

    api: str  # "chat", "responses", "messages" or "gemini"
    deltas: int  # events with content; costs are divided by their number
    frames: list[bytes]
    text: str = ""
    reasoning: str = ""
    arguments: list[str] = field(default_factory=list)  # of each tool call


@lru_cache(maxsize=4)
def build(name: str, deltas: int) -> Workload:
    """Return the workload *name*, a key of `_BUILDERS`, with so many *deltas*."""
    return _BUILDERS[name](_Maker(f"{name} {deltas}"), deltas)


def paced_frames(deltas: int) -> tuple[list[bytes], bytes, list[bytes]]:
    """Return a chat answer for slow sending: first events, a delta with `STAMP` as its text, last events."""
    make = _Maker("paced")
    stamped = make.chunk({"content": STAMP.decode()})
    return [make.chunk({"role": "assistant", "content": ""})], stamped, list(make.ending("stop", deltas))


class _Maker:
    """Makes events; its generator is the only source of randomness in a workload."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.sequence = 0

    def pieces(self, count: int) -> list[str]:
        return self.random.choices(TOKENS, k=count)

    def padding(self, piece: str) -> str:
        return "".join(self.random.choices(string.ascii_letters + string.digits, k=max(1, 14 - len(piece))))

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None, piece: str = "") -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._chunk([choice], None, piece)

    def ending(self, finish_reason: str, tokens: int) -> Iterator[bytes]:
        yield self.chunk({}, finish_reason)
        usage = {
            "prompt_tokens": 11,
            "completion_tokens": tokens,
            "total_tokens": tokens + 11,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
        yield self._chunk([], usage, "")
        yield b"data: [DONE]\n\n"

    def _chunk(self, choices: list[Any], usage: dict[str, Any] | None, piece: str) -> bytes:
        payload = {
            "id": "chatcmpl-CkT7vq2uWbYw0ZsHn4dRr9oXJmE1L",
            "object": "chat.completion.chunk",
            "created": 1_763_000_000,
            "model": "gpt-4o-2024-08-06",
            "service_tier": "default",
            "system_fingerprint": "fp_3f58d112f7",
            "choices": choices,
            "usage": usage,
            "obfuscation": self.padding(piece),
        }
        return b"data: " + _json(payload) + b"\n\n"

    def event(self, kind: str, **fields: Any) -> bytes:
        payload = {"type": kind, "sequence_number": self.sequence, **fields}
        self.sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + _json(payload) + b"\n\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _text(make: _Maker, deltas: int) -> Workload:
    pieces = make.pieces(deltas)
    frames = [
        make.chunk({"role": "assistant", "content": "", "refusal": None}),
        *(make.chunk({"content": piece}, piece=piece) for piece in pieces),
        *make.ending("stop", deltas),
    ]
    return Workload("chat", deltas, frames, "".join(pieces))


def _reasoning(make: _Maker, deltas: int) -> Workload:
    """Build an answer whose first half is reasoning and whose second half is text."""
    thoughts, pieces = make.pieces(deltas // 2), make.pieces(deltas - deltas // 2)
    frames = [
        make.chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
        *(make.chunk({"content": None, "reasoning_content": t}, piece=t) for t in thoughts),
        *(make.chunk({"content": piece, "reasoning_content": None}, piece=piece) for piece in pieces),
        *make.ending("stop", deltas),
    ]
    return Workload("chat", deltas, frames, "".join(pieces), "".join(thoughts))


def _tools(make: _Maker, deltas: int) -> Workload:
    """Build eight calls that write a file each; the fragments of their arguments are interleaved."""
    each = max(1, deltas // CALLS)
    arguments = [
        json.dumps({"path": f"notes/{n}.md", "content": "".join(make.pieces(each))}, ensure_ascii=False)
        for n in range(CALLS)
    ]
    fragments = [iter(_cut(text, each, make.random)) for text in arguments]
    order = [n for n in range(CALLS) for _ in range(each)]
    make.random.shuffle(order)
    heads = [
        {
            "index": n,
            "id": f"call_{n}xK2b",
            "type": "function",
            "function": {"name": f"write_{n}", "arguments": ""},
        }
        for n in range(CALLS)
    ]
    frames = [
        make.chunk({"role": "assistant", "content": None, "tool_calls": [heads[0]]}),
        *(make.chunk({"tool_calls": [head]}) for head in heads[1:]),
    ]
    for n in order:
        piece = next(fragments[n])
        call = {"index": n, "function": {"arguments": piece}}
        frames.append(make.chunk({"tool_calls": [call]}, piece=piece))
    frames += make.ending("tool_calls", deltas)
    return Workload("chat", len(order), frames, arguments=arguments)


def _cut(text: str, count: int, random: random.Random) -> list[str]:
    """Return *text* in *count* pieces, none of them empty."""
    places = [0, *sorted(random.sample(range(1, len(text)), count - 1)), len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(places)]


def _responses(make: _Maker, deltas: int) -> Workload:
    pieces = make.pieces(deltas)
    text = "".join(pieces)
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    item = {"id": _ITEM_ID, "type": "message", "status": "completed", "content": [part], "role": "assistant"}
    begun = {**item, "status": "in_progress", "content": []}
    place = {"item_id": _ITEM_ID, "output_index": 0, "content_index": 0}
    event = make.event
    frames = [
        event("response.created", response=_response("in_progress", [], None)),
        event("response.in_progress", response=_response("in_progress", [], None)),
        event("response.output_item.added", output_index=0, item=begun),
        event("response.content_part.added", **place, part={**part, "text": ""}),
        *(
            event("response.output_text.delta", **place, delta=p, logprobs=[], obfuscation=make.padding(p))
            for p in pieces
        ),
        event("response.output_text.done", **place, text=text, logprobs=[]),
        event("response.content_part.done", **place, part=part),
        event("response.output_item.done", output_index=0, item=item),
        event("response.completed", response=_response("completed", [item], deltas)),
    ]
    return Workload("responses", deltas, frames, text)


_ITEM_ID = "msg_0a91c6bedc8190a7abfec07b1a1332096610f474011cc0"


def _response(status: str, output: list[Any], tokens: int | None) -> dict[str, Any]:
    usage = tokens and {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens + 11,
    }
    return {
        "id": "resp_0a91c5efe0819096d0511c92b8c890096610f474011cc0",
        "object": "response",
        "created_at": 1_763_000_000,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "gpt-4o-2024-08-06",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }


def _messages(make: _Maker, deltas: int) -> Workload:
    """Build an answer of the Messages API: a thought, then text. The padding is Anthropic's, spaces."""
    thoughts, pieces = make.pieces(deltas // 4), make.pieces(deltas - deltas // 4)
    usage = {"input_tokens": 11, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = {
        "model": "claude-sonnet-4-5-20250929",
        "id": "msg_01WfGvmFB8rFrZBUTVJBmyqL",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }

    def block(index: int, begun: dict[str, Any], kind: str, field: str, texts: list[str]) -> Iterator[bytes]:
        yield _event("content_block_start", index=index, content_block=begun)
        for text in texts:
            event = _event("content_block_delta", index=index, delta={"type": kind, field: text})
            yield event[:-3] + b" " * make.random.randrange(14) + b"}\n\n"
        yield _event("content_block_stop", index=index)

    end = {"stop_reason": "end_turn", "stop_sequence": None}
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    frames = [
        _event("message_start", message=message),
        *block(0, thinking, "thinking_delta", "thinking", thoughts),
        *block(1, {"type": "text", "text": ""}, "text_delta", "text", pieces),
        _event("message_delta", delta=end, usage={**usage, "output_tokens": deltas}),
        _event("message_stop"),
    ]
    return Workload("messages", deltas, frames, "".join(pieces), "".join(thoughts))


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + _json({"type": kind, **fields}) + b"\n\n"


def _gemini(make: _Maker, deltas: int) -> Workload:
    """Build an answer of the Gemini API: usage in every payload. Its CRLF is LF here, for the floor."""
    pieces = make.pieces(deltas)
    frames = []
    for number, piece in enumerate(pieces, 1):
        candidate: dict[str, Any] = {"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}
        if number == deltas:
            candidate["finishReason"] = "STOP"
        usage = {
            "promptTokenCount": 11,
            "candidatesTokenCount": number,
            "totalTokenCount": number + 11,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
        }
        payload = {"candidates": [candidate], "usageMetadata": usage}
        payload |= {"modelVersion": "gemini-2.5-flash", "responseId": "q2TVaLGPOYXo7M8P_8aU4Ag"}
        frames.append(b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n")
    return Workload("gemini", deltas, frames, "".join(pieces))


_BUILDERS = {
    "text": _text,
    "tools": _tools,
    "reasoning": _reasoning,
    "responses": _responses,
    "messages": _messages,
    "gemini": _gemini,
}
