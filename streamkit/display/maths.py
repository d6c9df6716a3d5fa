r"""Find formulas in text; write text and formulas as HTML that the page's MathJax or KaTeX reads as meant.

A notebook typesets every formula that it finds in the HTML of an output. So a formula is passed on unchanged,
and any other text is cut up so that no formula is found in it.

Rules: a formula is `$...$`, `$$...$$`, `\(...\)`, `\[...\]` or `\begin{x}...\end{x}`. A `$` next to white
space, or in front of a digit, is money. A formula with a macro that can run, style or load something is
shown as code, which isn't typeset. Every search has a limit, so the work is linear.
"""

from __future__ import annotations

import re
from html import escape

MAX_FORMULA = 10_000  # characters
_MAX_INLINE = 1_000
_MAX_LINES = 200  # of a formula that is a block

_DOLLAR = re.compile(rf"\$(?![\s$])(?:[^$\\]|\\.){{1,{_MAX_INLINE}}}?(?<!\s)\$(?![\d$])", re.DOTALL)
_BEGIN = re.compile(r"\\begin\{([a-zA-Z]{1,30}\*?)\}")
_CLOSING = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}

# MathJax's and KaTeX's macros that make links, set styles, ids or classes, load things, or define macros; the
# last ones could put a forbidden name together, or never end.
_FORBIDDEN = re.compile(
    r"""\\(?:
        href|url|html\w*|style|class|cssId|data|includegraphics|require|bbox|enclose|texttip|tooltip|toggle
        |mathtip|action|mmlToken|unicode|char|Rule|Space|input|include|openin|read|write|special|catcode
        |[egx]?def|let|futurelet|(?:re)?new\w*|provide\w*|Declare\w*|csname|expandafter|loop|repeat|afterassignment
    )(?![a-z])""",
    re.VERBOSE,
)
# A length of a hundred units or more moves or blows up something over the page.
_HUGE = re.compile(r"\d{3,}(?:\.\d*)?\s*(?:em|ex|pt|px|pc|cm|mm|in|mu|bp)")
_DELIMITER = re.compile(r"[$\\]+")


def formula_end(text: str, at: int) -> int | None:
    """Return the index after the formula that begins at *at*, or None if none does.

    The caller skips a `\\` that is escaped by one in front of it.
    """
    if text[at] == "$" and text[at : at + 2] != "$$":
        found = _DOLLAR.match(text, at)
        return found.end() if found and "\n\n" not in found[0] else None
    opening = text[at : at + 2]
    start, closing = at + 2, _CLOSING.get(opening)
    if closing is None:
        begin = _BEGIN.match(text, at)
        if begin is None:
            return None
        start, closing = begin.end(), f"\\end{{{begin[1]}}}"
    limit = _MAX_INLINE if opening == "\\(" else MAX_FORMULA
    end = text.find(closing, start, start + limit)
    return end + len(closing) if end >= 0 and text[start:end].strip() else None


def begins_block(line: str) -> bool:
    """Return True if a formula that has lines of its own may begin with *line*."""
    bare = line.lstrip(" ")
    return bare.startswith(("$$", "\\[")) or _BEGIN.match(bare) is not None


def block_end(lines: list[str], at: int) -> int | None:
    """Return the number of the line after the formula that begins with line *at* and ends with a line."""
    first = lines[at].strip()
    begin = _BEGIN.match(first)
    closing = f"\\end{{{begin[1]}}}" if begin else _CLOSING[first[:2]]
    for number in range(at, min(at + _MAX_LINES, len(lines))):
        if closing in (lines[number] if number > at else first[2:]):
            text = "\n".join(line.strip() for line in lines[at : number + 1])
            return number + 1 if formula_end(text, 0) == len(text) else None
    return None


def formula_html(source: str) -> str:
    """Return a formula, with its delimiters, for MathJax or KaTeX; as code if it could do harm."""
    if _FORBIDDEN.search(source) or _HUGE.search(source):
        return f"<code>{escape(source)}</code>"
    return f"<span>{escape(source)}</span>"


def text_html(text: str) -> str:
    """Return *text* as HTML in which no formula is found: a delimiter is alone in an element."""
    return _DELIMITER.sub(lambda found: "".join(f"<span>{c}</span>" for c in found[0]), escape(text))
