"""Events about content blocks of the Messages API -> deltas of items.

    takes    content_block_start, content_block_delta, content_block_stop; the blocks of a whole message
    yields   the deltas of each block's item

| block | item |
|---|---|
| text | a part of a Message; neighbouring text blocks are parts of the same one |
| thinking, redacted_thinking | one Reasoning for each block, with the verbatim block in `details` |
| tool_use | FunctionCall; the tool that `build` forces for a structured answer is the text of a Message |
| any other: hosted tools, their results, compaction, new kinds | UnknownItem with the whole block |

Rules: a delta that doesn't fit the block at its index is kept as what it is. Input of hosted tools never
looks like a call of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from typing import Any, TypeAlias

from ...items import Reasoning
from ...state.cumulative import ENOUGH
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    ItemClosed,
    ItemOpened,
    Leftover,
    Payload,
    ReasoningPiece,
    Repeat,
    Restated,
    TextPiece,
    WholeItem,
    Withdrawn,
)
from ..fields import has_content, json_text, object_in, objects_in, string_in
from .blocks import TEXTS, THOUGHTS, Block, Blocks
from .calls import last_copy
from .content import ANSWER_TOOL
from .shapes import index_of, is_like_input, is_odd, kind_of, kind_of_delta, leftover

_CALL_FIELDS = frozenset(("type", "id", "name", "input"))


# -- a piece that goes where the last one went --------------------------------------------

_Piece: TypeAlias = TextPiece | ReasoningPiece | CallPiece


def read_piece(payload: Payload, blocks: Blocks) -> _Piece | None:
    """Return the piece of a delta that goes where the last one went; None if unsure.

    The fast path: the same delta as `read_delta`, without the search for the block.
    """
    block = blocks.last
    if block is None or payload.get("index") != block.index:
        return None
    delta = payload.get("delta")
    if type(delta) is not dict or payload.get("type") != "content_block_delta":
        return None
    kind, field, make = _PIECES[block.kind]
    text = delta.get(field)
    if delta.get("type") != kind or type(text) is not str or not text:
        return None
    return make(block, text, payload)


def repeat_of(blocks: Blocks) -> Repeat | None:
    """Return how the payload of the last piece may repeat: with another text."""
    return None if blocks.last is None else Repeat(("delta", _PIECES[blocks.last.kind][1]))


def _text(block: Block, text: str, payload: Payload) -> TextPiece:
    return TextPiece(block.key, 0, text, payload, None, block.number)


def _thought(block: Block, text: str, payload: Payload) -> ReasoningPiece:
    return ReasoningPiece(block.key, 0, text, payload)


def _call(block: Block, text: str, payload: Payload) -> CallPiece:
    return CallPiece(block.key, 0, text, payload, block.call_id, block.name)


_PIECES: dict[str, tuple[str, str, Callable[[Block, str, Payload], _Piece]]] = {
    "text": ("text_delta", "text", _text),
    "thinking": ("thinking_delta", "thinking", _thought),
    "tool_use": ("input_json_delta", "partial_json", _call),
    "answer": ("input_json_delta", "partial_json", _text),
}


# -- any event about a block --------------------------------------------------------------


def read_start(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read content_block_start. Some servers repeat it for a block that is open."""
    fields = object_in(payload, "content_block")
    index = index_of(payload)
    kind = kind_of(fields)
    known = blocks.at(index)
    if (
        known is not None
        and known.is_open
        and known.kind == kind
        and known.call_id == string_in(fields, "id")
    ):
        yield Leftover(payload, news=fields != known.fields)
        known.restate(fields)
        return
    yield from _start(index, kind, fields, payload, blocks)
    if payload.keys() - _START or is_odd(payload):
        yield leftover({k: v for k, v in payload.items() if k != "content_block"}, payload)


_START = frozenset(("type", "index", "content_block"))
_TEXT = frozenset(("type", "text", "citations"))


def _start(index: Hashable, kind: str, fields: Payload, payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Open a block with the content that it starts with. A message opens with its first text."""
    if kind == "tool_use" and fields.get("name") == ANSWER_TOOL and blocks.state.response_format is not None:
        kind = "answer"
        blocks.is_answered = True
    block, ended = blocks.open(index, kind, fields)
    if ended is not None:
        yield ItemClosed(ended, payload)
    match kind:
        case "text":
            citations = objects_in(fields, "citations")
            if has_content(fields.get("citations")) and not citations:
                yield Leftover(payload, news=True)
            if citations:
                yield Attached(block.key, 0, "annotations", citations, payload, part=block.number)
            if text := string_in(fields, "text"):
                blocks.add_to(block)
                yield _text(block, text, payload)
            if any(has_content(value) for name, value in fields.items() if name not in _TEXT):
                yield Leftover(payload, news=True)
        case "thinking":
            yield ItemOpened(block.key, 0, "reasoning", payload)
            block.signature = string_in(fields, "signature")
            if text := string_in(fields, "thinking"):
                yield _thought(block, text, payload)
        case "redacted_thinking":
            yield WholeItem(block.key, 0, Reasoning(details=[fields]), payload)
        case "answer":
            yield ItemOpened(block.key, 0, "message", payload)
        case "tool_use":
            blocks.calls.begin(block.key)
            yield _call(block, "", payload)
            if extra := {k: v for k, v in fields.items() if k not in _CALL_FIELDS and v is not None}:
                yield Attached(block.key, 0, "extra", extra, payload, "function_call")
        case _:
            yield ItemOpened(block.key, 0, kind, payload, block.call_id, block.name)
            yield Attached(block.key, 0, "extra", fields, payload, kind)
    if kind in _PIECES and kind not in TEXTS:
        blocks.last = block


def read_whole_block(fields: Any, payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read a block of a message that is already whole."""
    if type(fields) is not dict:
        yield Leftover(payload, news=True)
        return
    yield from _start(None, kind_of(fields), fields, payload, blocks)
    block = blocks.at(None)
    assert block is not None
    yield from _close(block, payload, blocks)


def read_delta(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read content_block_delta."""
    delta = object_in(payload, "delta")
    index = index_of(payload)
    block = blocks.of(payload)
    match kind_of_delta(delta):
        case "text_delta" if text := string_in(delta, "text"):
            block = yield from _growing(block, "text", index, payload, blocks)
            yield _text(block, text, payload)
        case "thinking_delta" if text := string_in(delta, "thinking"):
            block = yield from _growing(block, "thinking", index, payload, blocks)
            yield _thought(block, text, payload)
        case "input_json_delta" if text := json_text(delta.get("partial_json")):
            yield from _read_input(blocks.taking_input(block), text, payload, blocks)
        case "signature_delta" if block is not None and block.is_open and block.kind == "thinking":
            signature = string_in(delta, "signature")
            if signature is None or block.signature is not None:
                yield leftover(payload)
            else:
                block.signed_by = payload
            block.signature = signature or block.signature
        case "citations_delta" if block is not None and block.kind == "text" and blocks.is_growing(block):
            if citation := object_in(delta, "citation"):
                yield Attached(block.key, 0, "annotations", [citation], payload, part=block.number)
            yield leftover(payload)
        case "compaction_delta" if block is not None and block.is_open and block.kind == "compaction":
            news = {k: v for k, v in delta.items() if k != "type" and v is not None}
            if piece := string_in(news, "content"):
                news["content"] = _longer(string_in(block.fields, "content") or "", piece)
                block.fields = {**block.fields, "content": news["content"]}
            yield Attached(block.key, 0, "extra", news, payload, block.kind)
            yield leftover(payload)
        case _:
            if block is not None and block.kind == "tool_use" and is_like_input(delta):
                yield from blocks.calls.lose(delta, payload)
            yield leftover(payload)


def _longer(text: str, piece: str) -> str:
    """Return *text* with *piece*, which may be all of it, told once more."""
    return piece if len(text) >= ENOUGH and piece.startswith(text) else text + piece


def _growing(
    block: Block | None, kind: str, index: Hashable, payload: Payload, blocks: Blocks
) -> Generator[Delta, None, Block]:
    """Return the block that a piece of *kind* extends: *block* if it fits, else one of the piece's own.

    Text never goes before text that was yielded: late text of an earlier block is a part at the end.
    """

    def fits(found: Block | None) -> bool:
        if found is None or found.kind != kind or not blocks.is_growing(found):
            return False
        return kind != "text" or blocks.takes_text(found)

    if not fits(block):
        own: Hashable = index if block is None else (index, kind)  # the other block keeps its place
        block = blocks.at(own)
        if not fits(block):
            yield from _start(own, kind, {"type": kind}, payload, blocks)
            block = blocks.at(own)
    assert block is not None
    blocks.add_to(block)
    return block


def _read_input(block: Block | None, text: str, payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read a piece of the JSON of a call's input; without a *block* that takes it, it is lost."""
    if block is None:
        if blocks.of(payload) is None:
            blocks.calls.note_early(index_of(payload), text)
        yield from blocks.calls.lose(text, payload)
        yield leftover(payload)
    elif block.kind in _PIECES:
        blocks.add_to(block)
        yield _PIECES[block.kind][2](block, text, payload)
    else:  # a hosted tool's, which the caller must not run
        yield Attached(block.key, 0, "input", text, payload, block.kind)
        yield Leftover(payload, news=True)


def read_stop(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read content_block_stop. It may have the whole block, as the events of Anthropic's packages do."""
    block = blocks.of(payload)
    if block is not None and block.is_open:
        whole = object_in(payload, "content_block")
        block.restate(whole)
        if block.kind == "text" and (text := string_in(whole, "text")) and blocks.takes_text(block):
            yield Restated(_text(block, text, payload), announced=True)
            blocks.add_to(block)
        elif block.kind == "thinking" and (text := string_in(whole, "thinking")):
            yield Restated(_thought(block, text, payload), announced=True)
        yield from _close(block, payload, blocks)
    yield leftover(payload)


def _close(block: Block, raw: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Close a block: its item too, unless that is a message that the next block may extend."""
    ended = blocks.stop(block)
    if block.kind == "text":
        if ended is not None:
            yield ItemClosed(ended, raw)
        return
    if block.kind == "thinking" and (verbatim := _signed(block, blocks)):
        text = verbatim["thinking"]
        yield WholeItem(block.key, 0, Reasoning(content=[text] if text else [], details=[verbatim]), raw)
    elif block.signed_by is not None:
        yield Leftover(block.signed_by, news=True)
    elif block.kind in ("tool_use", "answer") and not blocks.state.has_text(block.key):
        yield from _whole_input(block, raw)
        if block.kind == "tool_use" and not block.fields.get("input"):
            yield from blocks.calls.claim(block.key, block.index, raw)
    elif block.kind == "tool_use" and (copy := last_copy(blocks.state.arguments(block.key))) is not None:
        yield Restated(_call(block, copy, raw), is_copy=True)
    if block.kind == "tool_use" and blocks.calls.repeats(block.key, block.call_id, block.name):
        yield Withdrawn(block.key)
        return
    yield ItemClosed(block.key, raw)


def _whole_input(block: Block, raw: Payload) -> Iterator[Delta]:
    """Yield the input that a call started with; pieces count more."""
    whole = json_text(block.fields.get("input") or None)
    if whole:
        yield _PIECES[block.kind][2](block, whole, raw)


def _signed(block: Block, blocks: Blocks) -> Payload | None:
    """Return a thinking block as it goes back; None without a signature, or if a frame of it was lost."""
    if not block.signature or blocks.state.growth.lost_frames > block.lost_frames:
        return None
    text = blocks.state.thought(block.key)
    return {**block.fields, "type": "thinking", "thinking": text, "signature": block.signature}


# -- the end of a message, or of the stream -----------------------------------------------


def close_thoughts(blocks: Blocks, raw: Payload) -> Iterator[Delta]:
    """Close the thoughts that are open, so that each has its verbatim block."""
    for block in blocks.still_open:
        if block.kind in THOUGHTS:
            yield from _close(block, raw, blocks)


def close_all(blocks: Blocks, raw: Payload) -> Iterator[Delta]:
    """Close every block that is still open when the message ends."""
    for block in blocks.still_open:
        yield from _close(block, raw, blocks)


def unclosed_signatures(blocks: Blocks) -> Iterator[Delta]:
    """Yield the payloads with signatures of blocks that never close: the stream was cut."""
    for block in blocks.still_open:
        if block.signed_by is not None:
            yield Leftover(block.signed_by, news=True)
