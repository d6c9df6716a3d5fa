"""Markdown, as models write it -> HTML that is safe to show in a notebook.

A notebook runs what it trusts, and it trusts the output of a cell that was just run: a model's answer
handed to it as Markdown may bring HTML, scripts and `javascript:` links. So we render it ourselves.

Rules: every tag is one of ours, written in this file; every character of the text goes through
`html.escape`; a link leads to http, https or mailto; nothing is fetched (an image becomes a link, since
its address could carry the conversation away). Half an answer renders like a whole one. The work is
linear in the text, whatever the text is.

Known are headings, paragraphs, lists, quotes, tables, rules, code, emphasis and links; anything else
stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

MAX_DEPTH = 8  # of lists and quotes in each other; deeper ones are shown as text
MAX_OPEN = 50  # marks of emphasis that wait for their end at once; more of them are text

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_QUOTE = re.compile(r" {0,3}> ?")
_BULLET = re.compile(r"( *)([-*+]|\d{1,9}[.)])([ \t]+|$)")


def to_html(text: str) -> str:
    """Render *text*; never raises, whatever it holds."""
    return "".join(_blocks(text.expandtabs(4).splitlines(), MAX_DEPTH))


# -- blocks -------------------------------------------------------------------------------


def _blocks(lines: list[str], depth: int) -> Iterator[str]:
    """The HTML of each block; the readers below say where theirs ends."""
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


def _code(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    opening = _FENCE.match(lines[at])
    assert opening is not None
    fence = opening[1]
    indent = len(lines[at]) - len(lines[at].lstrip(" "))
    body = []
    at += 1
    while at < len(lines):
        bare = lines[at].strip()
        if len(bare) >= len(fence) and bare == fence[0] * len(bare):
            at += 1
            break
        body.append(lines[at][min(indent, len(lines[at]) - len(lines[at].lstrip(" "))) :])
        at += 1
    return at, f"<pre><code>{escape(chr(10).join(body))}</code></pre>"


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


def _list(lines: list[str], at: int, depth: int) -> tuple[int, str]:
    """Items of one kind at one indentation; what is indented deeper belongs to the item above."""
    first = _BULLET.match(lines[at])
    assert first is not None
    indent, ordered = len(first[1]), first[2][0].isdigit()
    items: list[list[str]] = []
    inside = 0  # the column where the item's own text begins
    while at < len(lines):
        line = lines[at]
        bullet = _BULLET.match(line)
        deep = len(line) - len(line.lstrip(" "))
        if bullet and len(bullet[1]) <= indent:
            if bullet[2][0].isdigit() != ordered or len(bullet[1]) < indent or _RULE.match(line):
                break
            inside = min(bullet.end(), len(bullet[1]) + len(bullet[2]) + 1)
            items.append([line[bullet.end() :]])
        elif not line.strip():
            following = next((text for text in lines[at + 1 : at + 3] if text.strip()), "")
            more = _BULLET.match(following)
            goes_on = more is not None and len(more[1]) == indent and more[2][0].isdigit() == ordered
            if not goes_on and len(following) - len(following.lstrip(" ")) <= indent:
                break
            items[-1].append("")
        elif deep > indent:
            items[-1].append(line[min(deep, inside) :])
        elif _begins_block(lines, at):
            break
        else:
            items[-1].append(line)
        at += 1
    start = f' start="{int(first[2][:-1])}"' if ordered and int(first[2][:-1]) != 1 else ""
    tag = "ol" if ordered else "ul"
    inner = "".join(f"<li>{_tight(''.join(_blocks(item, depth - 1)))}</li>" for item in items)
    return at, f"<{tag}{start}>{inner}</{tag}>"


def _tight(html: str) -> str:
    """An item that is one paragraph, without the paragraph's margins."""
    inner = html.removeprefix("<p>")
    if inner is html or not html.startswith("<p>"):
        return html
    text, _, rest = inner.partition("</p>")
    return html if rest.startswith("<p>") else text + rest


def _table(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    head = _row(lines[at], "th")
    at += 2
    body = []
    while at < len(lines) and "|" in lines[at] and lines[at].strip():
        body.append(_row(lines[at], "td"))
        at += 1
    return at, f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _row(line: str, tag: str) -> str:
    line = line.strip().removeprefix("|")
    line = line.removesuffix("|") if not line.endswith("\\|") else line
    cells = re.split(r"(?<!\\)\|", line)
    inner = "".join(f"<{tag}>{_inline(cell.strip().replace(chr(92) + '|', '|'))}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _paragraph(lines: list[str], at: int, _depth: int) -> tuple[int, str]:
    begin = at
    at += 1
    while at < len(lines) and lines[at].strip() and not _begins_block(lines, at):
        at += 1
    text = "\n".join(
        line.strip(" ") if not line.endswith("  ") else line.lstrip(" ") for line in lines[begin:at]
    )
    return at, f"<p>{_inline(text.rstrip())}</p>"


def _is_table(lines: list[str], at: int) -> bool:
    if "|" not in lines[at] or at + 1 >= len(lines):
        return False
    below = lines[at + 1].strip()
    return "-" in below and "|" in below and not set(below) - set("|-: ")


_READERS: list[
    tuple[Callable[[list[str], int], object], Callable[[list[str], int, int], tuple[int, str]]]
] = [
    (lambda lines, at: _FENCE.match(lines[at]), _code),
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
    r"(?P<escaped>\\[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|!?\[(?P<label>[^\[\]]{0,500})\]\(\s{0,9}<?(?P<target>[^\s()<>]{1,2000})>?(?:\s+\"[^\"]{0,500}\")?\s{0,9}\)"
    r"|(?P<bare>https?://[^\s<>()\[\]\"'`*]{1,2000})"
    r"|(?P<mark>\*{1,3}|_{1,3}|~~)"
    r"|(?P<break> {2,}\n)"
)
_MARKS = {
    "*": ("<em>", "</em>"),
    "**": ("<strong>", "</strong>"),
    "***": ("<strong><em>", "</em></strong>"),
    "~~": ("<del>", "</del>"),
}
_MARKS |= {mark.replace("*", "_"): tags for mark, tags in _MARKS.items() if "*" in mark}


def _inline(text: str) -> str:
    """Code, links and emphasis within one block. Emphasis that is not closed stays as it was written."""
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # marks not closed yet, and where in *out* they stand
    unclosed_ticks: set[int] = set()
    at = 0
    while found := _TOKEN.search(text, at):
        out.append(escape(text[at : found.start()]))
        at = found.end()
        token = found[0]
        if found["escaped"]:
            out.append(escape(token[1]))
        elif found["ticks"]:
            end = -1 if len(token) in unclosed_ticks else _closing_ticks(text, at, token)
            if end < 0:
                unclosed_ticks.add(len(token))
                out.append(token)
            else:
                out.append(f"<code>{escape(text[at:end].strip() or text[at:end])}</code>")
                at = end + len(token)
        elif found["target"]:
            out.append(_link(found["target"], found["label"], token))
        elif found["bare"]:
            address = token.rstrip(".,;:!?")
            out.append(_link(address, address, address) + escape(token[len(address) :]))
        elif found["mark"]:
            _emphasize(text, found, opened, out)
        else:
            out.append("<br>")
    out.append(escape(text[at:]))
    return "".join(out)


def _closing_ticks(text: str, at: int, ticks: str) -> int:
    """Where the run of exactly as many backticks stands, or -1."""
    found = re.compile(rf"(?<!`){ticks}(?!`)").search(text, at)
    return found.start() if found else -1


def _link(target: str, label: str, written: str) -> str:
    """A link where the address is harmless; anything else stays as it was written."""
    if not re.match(r"(?:https?://|mailto:)", target, re.IGNORECASE):
        return escape(written)
    return (
        f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer">{escape(label or target)}</a>'
    )


def _emphasize(text: str, found: re.Match[str], opened: list[tuple[str, int]], out: list[str]) -> None:
    """Close the emphasis that this mark ends, or note that it may begin one."""
    mark = found[0]
    before = text[found.start() - 1] if found.start() else " "
    after = text[found.end()] if found.end() < len(text) else " "
    in_word = mark[0] == "_" and before.isalnum() and after.isalnum()  # snake_case is no emphasis
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
