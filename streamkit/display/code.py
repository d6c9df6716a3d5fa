"""Write code as HTML: coloured by Pygments if it is installed, else plain; long lines scroll.

Rules: every tag and style is written in this file. The colours are those of JupyterLab's theme, light
or dark; other pages get colours that are readable on both.
"""

from __future__ import annotations

from html import escape

MAX_CODE = 20_000  # characters to colour; a longer block is plain, because it is drawn again as it grows

_BLOCK = (
    "background:var(--jp-layout-color2,rgba(127,127,127,.12));padding:.6em .8em;border-radius:4px;"
    "white-space:pre;overflow-x:auto"
)
# The kinds of Pygments' tokens, the most specific ones first, and the theme's names for their colours.
_COLOURS = (
    ("Token.Comment.Preproc", "meta", "#8a6d00"),
    ("Token.Comment", "comment", "#5f8787"),
    ("Token.Keyword", "keyword", "#2e8b57"),
    ("Token.Operator.Word", "keyword", "#2e8b57"),
    ("Token.Operator", "operator", "#a64dff"),
    ("Token.Literal.String", "string", "#c0504d"),
    ("Token.Literal.Number", "number", "#3a8a3a"),
    ("Token.Name.Builtin", "builtin", "#2e8b57"),
    ("Token.Name.Function", "def", "#3f7fdf"),
    ("Token.Name.Class", "def", "#3f7fdf"),
    ("Token.Name.Decorator", "meta", "#8a6d00"),
    ("Token.Name.Tag", "tag", "#2e8b57"),
    ("Token.Name.Attribute", "attribute", "#3f7fdf"),
)


def code_html(code: str, language: str = "") -> str:
    """Return a block of code; *language* is the word after the fence."""
    return f'<pre style="{_BLOCK}"><code>{_coloured(code, language) or escape(code)}</code></pre>'


def _coloured(code: str, language: str) -> str | None:
    """Return the code with coloured spans, or None without Pygments or a known language."""
    if not language or len(code) > MAX_CODE:
        return None
    try:
        from pygments.lexers import get_lexer_by_name
        from pygments.util import ClassNotFound
    except ImportError:
        return None
    try:
        lexer = get_lexer_by_name(language[:40].lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return "".join(_span(str(kind), text) for kind, text in lexer.get_tokens(code))


def _span(kind: str, text: str) -> str:
    for prefix, name, colour in _COLOURS:
        if kind.startswith(prefix):
            return f'<span style="color:var(--jp-mirror-editor-{name}-color,{colour})">{escape(text)}</span>'
    return escape(text)
