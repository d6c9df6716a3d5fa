"""Render items, completions and usage for people: HTML for a notebook, text for a terminal.

Rule: a model's text is never markup. In HTML it goes through `markdown.py` or `html.escape`; in Markdown it
is a block of code; `printable` replaces characters that control a terminal or break an encoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from ..completion import Completion, Usage
from ..events import Retrying, ToolFinished
from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    Note,
    OutputAudio,
    OutputImage,
    OutputText,
    Reasoning,
    Refusal,
)
from . import commonmark, markdown
from .code import code_html
from .links import code_span
from .maths import text_html

# Images that a browser only paints. SVG can contain scripts, and the address of a remote image could contain
# the conversation.
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+\Z")
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return *text* with U+FFFD for control characters, bidirectional overrides and lone surrogates.

    An escape sequence in a model's answer could retitle a terminal, move its cursor or fill the
    clipboard. Tabs and line ends stay.
    """
    return _STEERING.sub("\ufffd", text.replace("\r\n", "\n"))


# -- HTML ---------------------------------------------------------------------------------


def item_html(item: Item, *, growing: bool = False) -> str:
    """Return one item as HTML; if it is *growing*, a call ends in `…`, and reasoning is unfolded."""
    match item:
        case Message():
            return _role_html(item.role) + "".join(_part_html(part) for part in item.content)
        case Reasoning():
            return _reasoning_html(item, growing)
        case FunctionCall() | CustomToolCall():
            name, arguments = _call(item)
            return f"<p><strong>{_escape(name)}</strong>({_code(arguments)}){_state(item, growing)}</p>"
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            inner = _pre(output) if isinstance(output, str) else "".join(map(_part_html, output))
            return f"<details><summary>Output of the call</summary>{inner}</details>"
        case Note(text=text):
            return f"<p><em>{_escape(text)}</em></p>"
        case _:
            return f"<p><strong>{_escape(item.type)}</strong> {_code(_json(item))}</p>"


def completion_html(completion: Completion, line: str = "") -> str:
    """Return all choices with their items, and below them *line*, by default the ending and the usage."""
    blocks = []
    for choice in completion.choices:
        if len(completion.choices) > 1:
            blocks.append(f"<h4>Choice {choice.index}</h4>")
        blocks += [item_html(item) for item in choice.items]
    return "".join(blocks) + footer_html(line or _ending(completion))


def stream_html(partial: Completion, state: str, error: BaseException | None) -> str:
    """Return the answer of a stream so far, and below it the state of the stream."""
    return completion_html(partial, _state_line(state, error))


def stream_markdown(partial: Completion, state: str, error: BaseException | None) -> str:
    """Return what `stream_html` does, for front ends and exporters that don't show HTML."""
    return completion_markdown(partial, _state_line(state, error))


def _state_line(state: str, error: BaseException | None) -> str:
    """Return the line below an answer that isn't complete; "" for a complete one, which has its own."""
    if error is not None:
        return f"{type(error).__name__}: {error}"
    return {
        "completed": "",
        "not sent yet": "not sent yet: iterate over the stream, or call .show()",
        "open": "incomplete: the stream is still open",
        "closed": "incomplete: the stream was closed before its end",
        "interrupted": "incomplete: interrupted before its end",
    }.get(state, state)


def footer_html(line: str) -> str:
    """Return the small line at the end."""
    return f"<p><small>{_escape(line)}</small></p>"


def _markdown_html(text: str) -> str:
    text = printable(text)
    html = commonmark.to_html(text)
    return markdown.to_html(text) if html is None else html


def _escape(text: str) -> str:
    """Return text as HTML in which a page finds neither tags nor formulas."""
    return text_html(printable(text))


def _code(text: str) -> str:
    return code_span(printable(text))


def _pre(text: str) -> str:
    return code_html(printable(text))


def _role_html(role: str) -> str:
    return "" if role == "assistant" else f"<p><small>{_escape(role)}</small></p>"


def _part_html(part: Any) -> str:
    match part:
        case OutputText(text=text) | InputText(text=text):
            return _markdown_html(text)
        case Refusal(refusal=refusal):
            return f"<p><strong>Refused:</strong> {_escape(refusal)}</p>" if refusal else ""
        case OutputImage(image_url=url) if _PICTURE.match(url):
            return f'<img src="{escape(url)}" alt="image">'
        case OutputAudio(transcript=transcript):
            return f"<p><em>Spoken:</em> {_escape(transcript)}</p>"
        case _:
            return f"<p><em>{_escape(part.type)}</em></p>"


def _reasoning_html(item: Reasoning, growing: bool) -> str:
    text = item.text
    if not text:
        return "<p><small>Reasoning without text: the server doesn't send it</small></p>"
    opened = " open" if growing else ""
    summary = f"Reasoning ({len(text):,} characters)"
    return f"<details{opened}><summary>{summary}</summary>{_markdown_html(text)}</details>"


def _state(item: FunctionCall | CustomToolCall, growing: bool) -> str:
    if growing:
        return " …"
    return " <em>cut off</em>" if item.status == "incomplete" else ""


# -- text ---------------------------------------------------------------------------------


def item_text(item: Item) -> str:
    """Return one item as printable text, without a line end."""
    match item:
        case Message():
            parts = (getattr(part, "text", "") or getattr(part, "refusal", "") for part in item.content)
            return printable("\n".join(text for text in parts if text))
        case Reasoning():
            return printable(item.text)
        case FunctionCall() | CustomToolCall():
            name, arguments = _call(item)
            cut = "  [cut off]" if item.status == "incomplete" else ""
            return printable(f"{name}({arguments})") + cut
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            return "-> " + printable(output if isinstance(output, str) else _texts(output))
        case Note(text=text):
            return printable(f"[{text}]")
        case _:
            return printable(f"{item.type} {_json(item)}")


def item_markdown(item: Item) -> str:
    """Return one item as a block of code, for front ends and exporters that don't show HTML.

    In plain Markdown, the text could contain HTML, scripts and images. The fence is longer than any run of
    backticks in the text, so every renderer shows it as text.
    """
    text = item_text(item)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    label = "Reasoning:\n\n" if isinstance(item, Reasoning) else ""
    return f"{label}{fence}\n{text}\n{fence}\n"


def completion_markdown(completion: Completion, line: str = "") -> str:
    """Return all choices with their items, and below them *line*, by default the ending and the usage."""
    blocks = []
    for choice in completion.choices:
        if len(completion.choices) > 1:
            blocks.append(f"Choice {choice.index}:\n")
        blocks += [item_markdown(item) for item in choice.items]
    return "\n".join([*blocks, item_markdown(Note(line or _ending(completion)))])


def usage_line(usage: Usage | None) -> str:
    """Return `12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012`, or "" if the counts are unknown."""
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return ""
    details = [
        f"{count} {name}"
        for count, name in ((usage.cached_input_tokens, "cached"), (usage.reasoning_tokens, "reasoning"))
        if count
    ]
    line = f"{usage.input_tokens} + {usage.output_tokens} tokens"
    line += f" ({', '.join(details)})" if details else ""
    if usage.cost is None:
        return line
    return f"{line}, cost {usage.cost:.6g}{' (computed)' if usage.cost_computed else ''}"


def as_item(event: ToolFinished | Retrying) -> Item:
    """Return the event as an item to show between the others."""
    if isinstance(event, Retrying):
        return Note(f"attempt {event.attempt} failed ({event.error}); trying again in {event.delay:.1f} s")
    output = event.output if isinstance(event.output, str | tuple) else repr(event.output)
    return FunctionCallOutput(event.call.call_id, output)


def _ending(completion: Completion) -> str:
    reason = completion.finish_reason or "no finish reason"
    return " · ".join(part for part in (completion.model, reason, usage_line(completion.usage)) if part)


def _call(item: FunctionCall | CustomToolCall) -> tuple[str, str]:
    return item.name, item.arguments if isinstance(item, FunctionCall) else item.input


def _texts(parts: Iterable[Any]) -> str:
    return " ".join(getattr(part, "text", None) or f"[{part.type}]" for part in parts)


def _json(item: Any) -> str:
    """Return the content of an item of a rare kind as JSON."""
    content = getattr(item, "payload", None) or getattr(item, "action", None)
    return json.dumps(content, ensure_ascii=False, default=str) if content else ""
