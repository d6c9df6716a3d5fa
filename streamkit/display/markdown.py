"""Render Markdown, as models write it, to HTML that is safe to show in a notebook.

A notebook trusts the output of a cell that was just run. If it rendered a model's answer as Markdown, the
answer could contain HTML, scripts and `javascript:` links, and the notebook would run them. So this file
renders it.

Rules: every tag is written in this folder. Every character of the text goes through `text_html` or
`html.escape`; links.py and maths.py have the rules of links, images and formulas. A truncated answer renders
too, since every answer is truncated while it arrives. The work is linear in the length of the text.

It knows headings, paragraphs, lists, quotes, tables, rules, code, formulas, emphasis and links; any other
construct stays unchanged. If markdown-it-py is installed, render.py prefers commonmark.py, which knows more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .code import code_html
from .links import code_span, is_web, link
from .maths import begins_block, block_end, formula_end, formula_html, text_html

MAX_DEPTH = 8  # of nested lists and quotes; deeper ones are shown as text
MAX_OPEN = 50  # marks of emphasis that wait for their closing mark; more of them are shown as text

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_QUOTE = re.compile(r" {0,3}> ?")
_BULLET = re.compile(r"( *)([-*+]|\d{1,9}[.)])([ \t]+|$)")


def to_html(text: str) -> str:
    """Return *text* as HTML; never raises."""
    return "".join(_blocks(text.expandtabs(4).splitlines(), MAX_DEPTH))


# -- blocks -------------------------------------------------------------------------------
# A reader takes the lines, the number of its first line and the depth that is left; it returns the number of
# the line after its block, and the block's HTML.


def _blocks(lines: list[str], depth: int) -> Iterator[str]:
    """Yield the HTML of each block."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        for begins, read in _READERS:
            if (depth or read not in _NESTING) and begins(lines, at):
                at, block = read(lines, at, depth)
                break
        else:
            at, block = _paragraph(lines, at, depth)
        yield block


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _code(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    opening = _FENCE.match(lines[at])
    assert opening is not None
    fence = opening[1]
    indent = _indent(lines[at])
    body = []
    at += 1
    while at < len(lines):
        bare = lines[at].strip()
        if len(bare) >= len(fence) and bare == fence[0] * len(bare):
            at += 1
            break
        body.append(lines[at][min(indent, _indent(lines[at])) :])
        at += 1
    language = opening[2].split(maxsplit=1)[:1]
    return at, code_html("\n".join(body), *language)


def _heading(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    found = _HEADING.match(lines[at])
    assert found is not None
    level, text = len(found[1]), found[2].rstrip().rstrip("#").rstrip()
    return at + 1, f"<h{level}>{_inline(text)}</h{level}>"


def _rule(_lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    return at + 1, "<hr>"


def _quote(lines: list[str], at: int, depth: int) -> tuple[int, str]:
    inner = []
    while at < len(lines) and (mark := _QUOTE.match(lines[at])):
        inner.append(lines[at][mark.end() :])
        at += 1
    return at, f"<blockquote>{''.join(_blocks(inner, depth - 1))}</blockquote>"


class _Bullet(NamedTuple):
    """The beginning of a list item: `- `, `* `, `+ `, `1. ` or `1) `."""

    indent: int
    number: int | None  # None if the list isn't ordered
    text_at: int  # the column of the item's text
    inside: int  # the column of the item's further lines: one space after the mark

    def is_sibling_of(self, other: _Bullet) -> bool:
        """Return True if both are items of one list."""
        return self.indent == other.indent and (self.number is None) == (other.number is None)


def _bullet(line: str) -> _Bullet | None:
    found = _BULLET.match(line)
    if found is None:
        return None
    mark = found[2]
    inside = min(found.end(), len(found[1]) + len(mark) + 1)
    return _Bullet(len(found[1]), int(mark[:-1]) if mark[0].isdigit() else None, found.end(), inside)


def _list(lines: list[str], at: int, depth: int) -> tuple[int, str]:
    """Read the items of one list; a line with a deeper indent belongs to the item above it."""
    first = current = _bullet(lines[at])
    assert first is not None
    assert current is not None
    items: list[list[str]] = []
    while at < len(lines):
        line = lines[at]
        bullet = _bullet(line)
        if bullet and bullet.indent <= first.indent:
            if not bullet.is_sibling_of(first) or _RULE.match(line):
                break
            current = bullet
            items.append([line[bullet.text_at :]])
        elif not line.strip():
            if not _list_continues(lines, at + 1, first):
                break
            items[-1].append("")
        elif _indent(line) > first.indent:
            items[-1].append(line[min(_indent(line), current.inside) :])
        elif _begins_block(lines, at):
            break
        else:
            items[-1].append(line)
        at += 1
    start = f' start="{first.number}"' if first.number not in (None, 1) else ""
    tag = "ul" if first.number is None else "ol"
    inner = "".join(f"<li>{_tight(''.join(_blocks(item, depth - 1)))}</li>" for item in items)
    return at, f"<{tag}{start}>{inner}</{tag}>"


def _list_continues(lines: list[str], at: int, first: _Bullet) -> bool:
    """Return True if the list goes on after a blank line, which may be followed by one more."""
    following = next((line for line in lines[at : at + 2] if line.strip()), "")
    bullet = _bullet(following)
    return (bullet is not None and bullet.is_sibling_of(first)) or _indent(following) > first.indent


def _tight(html: str) -> str:
    """Return an item that begins with a paragraph without that paragraph's tags, which add margins."""
    inner = html.removeprefix("<p>")
    if inner is html or not html.startswith("<p>"):
        return html
    text, _, rest = inner.partition("</p>")
    return html if rest.startswith("<p>") else text + rest


def _table(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    sides = [_side(cell) for cell in _cells(lines[at + 1])]
    head = _row(lines[at], "th", sides)
    at += 2
    body = []
    while at < len(lines) and "|" in lines[at] and lines[at].strip():
        body.append(_row(lines[at], "td", sides))
        at += 1
    return at, f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _row(line: str, tag: str, sides: list[str]) -> str:
    inner = ""
    for number, cell in enumerate(_cells(line)):
        side = sides[number] if number < len(sides) else ""
        style = f' style="text-align:{side}"' if side else ""
        inner += f"<{tag}{style}>{_inline(cell.replace(chr(92) + '|', '|'))}</{tag}>"
    return f"<tr>{inner}</tr>"


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    line = line.removesuffix("|") if not line.endswith("\\|") else line
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]


def _side(rule: str) -> str:
    """Return the alignment that a cell of the line below the head asks for, or ""."""
    left, right = rule.startswith(":"), rule.endswith(":")
    return "center" if left and right else "left" if left else "right" if right else ""


def _formula(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    end = block_end(lines, at)
    assert end is not None
    return end, f"<p>{formula_html(chr(10).join(line.strip() for line in lines[at:end]))}</p>"


def _is_formula(lines: list[str], at: int) -> bool:
    return begins_block(lines[at]) and block_end(lines, at) is not None


def _paragraph(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    begin = at
    at += 1
    while at < len(lines) and lines[at].strip() and not _begins_block(lines, at):
        at += 1
    # Two spaces at the end of a line are a line break.
    stripped = (line.lstrip(" ") if line.endswith("  ") else line.strip(" ") for line in lines[begin:at])
    return at, f"<p>{_inline(chr(10).join(stripped).rstrip())}</p>"


def _is_table(lines: list[str], at: int) -> bool:
    if "|" not in lines[at] or at + 1 >= len(lines):
        return False
    below = lines[at + 1].strip()
    return "-" in below and "|" in below and not set(below) - set("|-: ")


_READERS: list[
    tuple[Callable[[list[str], int], object], Callable[[list[str], int, int], tuple[int, str]]]
] = [
    (lambda lines, at: _FENCE.match(lines[at]), _code),
    (_is_formula, _formula),
    (lambda lines, at: _HEADING.match(lines[at]), _heading),
    (lambda lines, at: _RULE.match(lines[at]), _rule),
    (lambda lines, at: _QUOTE.match(lines[at]), _quote),
    (lambda lines, at: _BULLET.match(lines[at]), _list),
    (_is_table, _table),
]
_NESTING = (_quote, _list)


def _begins_block(lines: list[str], at: int) -> bool:
    return any(begins(lines, at) for begins, _ in _READERS)


# -- inline -------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"(?P<formula>\$|\\[(\[]|\\begin\{)"
    r"|(?P<escaped>\\[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|!?\[(?P<label>[^\[\]]{0,500})\]\(\s{0,9}<?(?P<target>[^\s()<>]{1,2000})>?(?:\s+\"[^\"]{0,500}\")?\s{0,9}\)"
    r"|(?P<bare>https?://[^\s<>()\[\]\"'`*]{1,2000})"
    r"|(?P<mark>\*{1,3}|_{1,3}|~~)"
    r"|(?P<break>(?<! ) {2,}\n)"  # not from every blank of a run, which would be quadratic
)
_MARKS = {
    "*": ("<em>", "</em>"),
    "**": ("<strong>", "</strong>"),
    "***": ("<strong><em>", "</em></strong>"),
    "~~": ("<del>", "</del>"),
}
_MARKS |= {mark.replace("*", "_"): tags for mark, tags in _MARKS.items() if "*" in mark}


def _inline(text: str) -> str:
    """Render code, links and emphasis within one block; emphasis that isn't closed stays unchanged."""
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # marks that aren't closed yet, and their positions in *out*
    unclosed_ticks: set[int] = set()  # lengths of backtick runs for which no closing run follows
    at = 0
    while found := _TOKEN.search(text, at):
        out.append(text_html(text[at : found.start()]))
        at = found.end()
        token = found[0]
        if found["formula"]:
            end = formula_end(text, found.start())
            if end is None:
                # Without a formula, `\(` is an escaped bracket.
                out.append(text_html(token[1:] if token in ("\\(", "\\[") else token))
            else:
                out.append(formula_html(text[found.start() : end]))
                at = end
        elif found["escaped"]:
            out.append(text_html(token[1]))
        elif found["ticks"]:
            code, at = _code_span(text, at, token, unclosed_ticks)
            out.append(code)
        elif found["target"]:
            label = found["label"]
            out.append(link(found["target"], label) if is_web(found["target"]) else text_html(token))
        elif found["bare"]:
            address = token.rstrip(".,;:!?")
            out.append(link(address, address) + text_html(token[len(address) :]))
        elif found["mark"]:
            _emphasize(text, found, opened, out)
        else:
            out.append("<br>")
    out.append(text_html(text[at:]))
    return "".join(out)


def _code_span(text: str, at: int, ticks: str, unclosed: set[int]) -> tuple[str, int]:
    """Return the HTML of the code that *ticks* opens, and the position after it.

    The code ends at a run of exactly as many backticks. If none follows, the ticks are text, and *unclosed*
    remembers their length: without that, many of them would make the search quadratic.
    """
    closing = None if len(ticks) in unclosed else re.compile(rf"(?<!`){ticks}(?!`)").search(text, at)
    if closing is None:
        unclosed.add(len(ticks))
        return ticks, at
    code = text[at : closing.start()]
    return code_span(code.strip() or code), closing.end()


def _emphasize(text: str, found: re.Match[str], opened: list[tuple[str, int]], out: list[str]) -> None:
    """Close the emphasis that this mark ends, or add the mark to *opened* if it can begin one."""
    mark = found[0]
    before = text[found.start() - 1] if found.start() else " "
    after = text[found.end()] if found.end() < len(text) else " "
    in_word = mark[0] == "_" and before.isalnum() and after.isalnum()  # as in snake_case
    if not before.isspace() and not in_word and any(mark == open_mark for open_mark, _ in opened):
        while True:
            open_mark, position = opened.pop()
            if open_mark == mark:
                break
        out[position], closing = _MARKS[mark]
        out.append(closing)
        return
    if not after.isspace() and not in_word and len(opened) < MAX_OPEN:
        opened.append((mark, len(out)))
    out.append(mark)
