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
from .markdown import to_html

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
            name, arguments = (_escape(text) for text in _call(item))
            return f"<p><strong>{name}</strong>(<code>{arguments}</code>){_state(item, growing)}</p>"
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            inner = _pre(output) if isinstance(output, str) else "".join(map(_part_html, output))
            return f"<details><summary>Output of the call</summary>{inner}</details>"
        case Note(text=text):
            return f"<p><em>{_escape(text)}</em></p>"
        case _:
            return f"<p><strong>{_escape(item.type)}</strong> <code>{_escape(_json(item))}</code></p>"


def completion_html(completion: Completion, line: str = "") -> str:
    """Return all choices with their items, and below them *line*, by default the ending and the usage."""
    blocks = []
    for choice in completion.choices:
        if len(completion.choices) > 1:
            blocks.append(f"<h4>Choice {choice.index}</h4>")
        blocks += [item_html(item) for item in choice.items]
    return "".join(blocks) + footer_html(line or _ending(completion))


def footer_html(line: str) -> str:
    """Return the small line at the end."""
    return f"<p><small>{_escape(line)}</small></p>"


def _escape(text: str) -> str:
    return escape(printable(text))


def _pre(text: str) -> str:
    return f"<pre><code>{_escape(text)}</code></pre>"


def _role_html(role: str) -> str:
    return "" if role == "assistant" else f"<p><small>{escape(role)}</small></p>"


def _part_html(part: Any) -> str:
    match part:
        case OutputText(text=text) | InputText(text=text):
            return to_html(printable(text))
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
    return f"<details{opened}><summary>{summary}</summary>{to_html(printable(text))}</details>"


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


def completion_markdown(completion: Completion) -> str:
    """Return all choices with their items, and the ending and the usage below them."""
    blocks = []
    for choice in completion.choices:
        if len(completion.choices) > 1:
            blocks.append(f"Choice {choice.index}:\n")
        blocks += [item_markdown(item) for item in choice.items]
    return "\n".join([*blocks, item_markdown(Note(_ending(completion)))])


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
    return line + (f", cost {usage.cost:.6g}" if usage.cost is not None else "")


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
