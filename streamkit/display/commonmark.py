"""Render Markdown with markdown-it-py (extra `notebook`), which reads all of CommonMark, and tables.

Rules: markdown-it only parses. Every tag and attribute is written in this file, and all text goes through
`text_html`. Links and images are those of markdown.py. A text that would take markdown-it long is left to
markdown.py, whose work is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from .code import code_html
from .links import code_span, is_web, link, link_open
from .maths import begins_block, block_end, formula_end, formula_html, text_html

MAX_TEXT = 50_000  # characters: 0.2 s of the slowest kind
MAX_NESTING = 20
# Runs of these make markdown-it search the rest of the text again and again.
_SLOW = re.compile(r"[\[<`*_~!]{200}|(?:!?\[[^\[\]\n]{0,3}){200}|(?:[*_]\w?){400}|(?:<[^<>\n]{0,3}){200}")
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"'`*]{1,2000}")
_PLAIN = {
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "list_item": "li",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "em": "em",
    "strong": "strong",
    "s": "del",
}
_ALIGNED = re.compile(r"text-align:(left|center|right)\Z")


def to_html(text: str) -> str | None:
    """Return *text* as HTML; None if markdown-it isn't installed, or would take long."""
    parser = _parser()
    if parser is None or len(text) > MAX_TEXT or _SLOW.search(text):
        return None
    return "".join(_blocks(parser.parse(text)))


@cache
def _parser() -> Any:
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        return None
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING}).enable(
        ["table", "strikethrough"]
    )
    above: Any = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "formula", _read_block, above)
    parser.inline.ruler.before("escape", "formula", _read_inline)
    return parser


def _read_block(state: Any, first: int, end: int, silent: bool) -> bool:
    """Take the lines of a formula for markdown-it; see its documentation of block rules."""
    if state.is_code_block(first) or not begins_block(_line(state, first)):
        return False
    lines = [_line(state, number) for number in range(first, min(end, first + 200))]
    after = block_end(lines, 0)
    if after is None:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = "\n".join(lines[:after]).strip()
        token.map = [first, first + after]
        state.line = first + after
    return True


def _line(state: Any, number: int) -> str:
    return str(state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]])


def _read_inline(state: Any, silent: bool) -> bool:
    """Take a formula inside a line for markdown-it; see its documentation of inline rules."""
    if state.src[state.pos] not in "$\\":
        return False
    end = formula_end(state.src, state.pos)
    if end is None or end > state.posMax:
        return False
    if not silent:
        state.push("formula", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def _blocks(tokens: Iterable[Any]) -> Iterable[str]:
    for token in tokens:
        name, _, edge = token.type.rpartition("_")
        slash = "/" if edge == "close" else ""
        if token.type == "inline":
            yield _inline(token.children)
        elif token.type in ("fence", "code_block"):
            yield code_html(
                token.content.removesuffix("\n"),
                token.info.split(maxsplit=1)[0] if token.info.strip() else "",
            )
        elif token.type == "formula":
            yield f"<p>{formula_html(token.content)}</p>"
        elif token.type == "hr":
            yield "<hr>"
        elif name == "paragraph":
            yield "" if token.hidden else f"<{slash}p>"
        elif name == "heading" and token.tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            yield f"<{slash}{token.tag}>"
        elif name == "ordered_list":
            start = token.attrs.get("start", 1)
            yield f'<ol start="{int(start)}">' if not slash and start != 1 else f"<{slash}ol>"
        elif name in ("th", "td"):
            aligned = _ALIGNED.match(str(token.attrs.get("style", "")))
            yield f'<{name} style="{aligned[0]}">' if aligned and not slash else f"<{slash}{name}>"
        elif name in _PLAIN:
            yield f"<{slash}{_PLAIN[name]}>"
        else:
            yield text_html(token.content)


def _inline(tokens: Iterable[Any]) -> str:
    out: list[str] = []
    targets: list[str | None] = []  # of the links that are open; None for one that isn't written
    for token in tokens:
        name, _, edge = token.type.rpartition("_")
        if token.type == "text":
            out.append(text_html(token.content) if targets else _with_links(token.content))
        elif token.type == "code_inline":
            out.append(code_span(token.content))
        elif token.type == "formula":
            out.append(formula_html(token.content))
        elif token.type == "softbreak":
            out.append("\n")
        elif token.type == "hardbreak":
            out.append("<br>")
        elif token.type == "image":
            out.append(link(str(token.attrs.get("src", "")), token.content))
        elif token.type == "link_open":
            href = str(token.attrs.get("href", ""))
            targets.append(href if is_web(href) else None)
            out.append(link_open(href) if targets[-1] is not None else "")
        elif token.type == "link_close":
            out.append("</a>" if targets.pop() is not None else "")
        elif name in _PLAIN:
            out.append(f"<{'/' if edge == 'close' else ''}{_PLAIN[name]}>")
        else:
            out.append(text_html(token.content))
    return "".join(out)


def _with_links(text: str) -> str:
    """Return text in which addresses are links."""
    out, at = [], 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(".,;:!?")
        out += [text_html(text[at : found.start()]), link(address, address)]
        at = found.start() + len(address)
    return "".join(out) + text_html(text[at:])
