"""HTML of items: the Markdown that models write, without anything that a notebook could run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from streamkit import Completion, FunctionCall, Message, OutputImage
from streamkit.completion import Choice
from streamkit.display import (
    code,
    commonmark,
    completion_html,
    item_html,
    item_markdown,
    item_text,
    markdown,
    printable,
)
from streamkit.display.markdown import to_html

from .hostile import HOSTILE, everywhere

OURS = "p strong em del code pre a ul ol li blockquote h1 h2 h3 h4 h5 h6 hr br img details summary small span"
TAGS = {*OURS.split(), "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {
    ("a", "href"),
    ("a", "target"),
    ("a", "rel"),
    ("ol", "start"),
    ("details", "open"),
    ("img", "src"),
    ("img", "alt"),
    ("pre", "style"),
    ("span", "style"),
    ("th", "style"),
    ("td", "style"),
}
# The styles of code.py and of aligned cells; nothing of a model's is in one.
STYLE = re.compile(
    r"background:var\(--jp-layout-color2,[^)]*\)\);padding:.6em .8em;border-radius:4px;white-space:pre;"
    r"overflow-x:auto|color:var\(--jp-mirror-editor-\w+-color,#[0-9a-f]{6}\)|text-align:(left|center|right)"
)
BLOCK = re.compile('<pre style="[^"]*">')
RENDERERS = [markdown.to_html, lambda text: commonmark.to_html(text) or ""]


class Page(HTMLParser):
    """A page as a browser parses it: its tags, its addresses, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.addresses: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.add("!--")

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_harmless(html: str) -> Page:
    page = Page(html)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    for address in page.addresses:
        assert address.startswith(("https://", "http://", "mailto:", "data:image/png;base64,"))
    for style in page.styles:
        assert STYLE.fullmatch(style)
    html.encode()  # no lone surrogate
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_a_model_wrote_can_run(text: str):
    """In every kind of item, HTML has only our own tags and attributes, and web addresses."""
    for item in everywhere(text).values():
        assert_harmless(item_html(item))
        assert_harmless(item_html(item, growing=True))
    completion = Completion(model=text, choices=[Choice(items=list(everywhere(text).values()))])
    assert_harmless(completion_html(completion, text))


@pytest.mark.parametrize("text", [*HOSTILE, "```\n<b>", "~~~~\n````\n<b>\n`````", "a ``````"])
def test_nothing_a_model_wrote_ends_its_block_of_markdown(text: str):
    """CommonMark 0.31, 4.5: a fence of backticks ends at a row of at least as many."""
    for item in everywhere(text).values():
        block = item_markdown(item).removeprefix("Reasoning:\n\n")
        fence, *inner, last, end = block.split("\n")
        assert (last, end) == (fence, "")
        assert fence.strip("`") == ""
        assert len(fence) >= 3
        assert not any(fence in line for line in inner)
        assert "\n".join(inner) == item_text(item)
        block.encode()


def test_pairs_of_hostile_texts_cannot_run_either():
    """Two hostile texts in one block, in two blocks, or in each other, are harmless too."""
    for one, other in itertools.permutations(HOSTILE, 2):
        for joint in ("", "\n", " `", "\n- ", "$", "\\("):
            assert_harmless(to_html(printable(one + joint + other)))


@pytest.mark.parametrize("text", HOSTILE[:8])
def test_escaped_text_is_not_lost(text: str):
    """A tag in a model's answer is shown as text."""
    assert Page(to_html(text)).text.strip() == text


def test_an_image_is_shown_only_if_it_is_a_data_url():
    """A raster image in a data URL is shown; a remote address or SVG isn't."""
    png = "data:image/png;base64,iVBORw0KGgo="
    assert item_html(Message("assistant", [OutputImage(png)])) == f'<img src="{png}" alt="image">'
    for address in ("https://e.example/x.png", "data:image/svg+xml;base64,PHN2Zz4="):
        assert "<img" not in item_html(Message("assistant", [OutputImage(address)]))


def test_a_cut_call_is_marked():
    """A call with truncated arguments is shown as cut off."""
    cut = FunctionCall("1", "tide", '{"po', status="incomplete")
    assert item_html(cut) == "<p><strong>tide</strong>(<code>{&quot;po</code>) <em>cut off</em></p>"


# -- Markdown -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        pytest.param("a\nb\n\nc", "<p>a\nb</p><p>c</p>", id="paragraphs"),
        pytest.param("a  \nb", "<p>a<br>b</p>", id="line break"),
        pytest.param("## T *i* ##", "<h2>T <em>i</em></h2>", id="heading"),
        pytest.param("#nothing", "<p>#nothing</p>", id="no heading"),
        pytest.param(
            "***b***, **b _i_**, ~~d~~",
            "<p><strong><em>b</em></strong>, <strong>b <em>i</em></strong>, <del>d</del></p>",
            id="emphasis",
        ),
        pytest.param("snake_case_name 2 * 3 * 4", "<p>snake_case_name 2 * 3 * 4</p>", id="no emphasis"),
        pytest.param("**half", "<p>**half</p>", id="emphasis under way"),
        pytest.param(
            "`a < b` and ``x ` y``", "<p><code>a &lt; b</code> and <code>x ` y</code></p>", id="code"
        ),
        pytest.param("`half", "<p>`half</p>", id="code under way"),
        pytest.param(
            "```no-such\na < b\n\n  c\n```\nd", "<pre><code>a &lt; b\n\n  c</code></pre><p>d</p>", id="fence"
        ),
        pytest.param("```py\nhalf", "<pre><code>half</code></pre>", id="fence under way"),
        pytest.param("````\n```\n````", "<pre><code>```</code></pre>", id="fence in a fence"),
        pytest.param(
            "- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>", id="list"
        ),
        pytest.param("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>', id="numbers"),
        pytest.param("1. a\n\n2. b", "<ol><li>a</li><li>b</li></ol>", id="loose list"),
        pytest.param(
            "1. a\n   ```\n   x\n   ```", "<ol><li>a<pre><code>x</code></pre></li></ol>", id="code in a list"
        ),
        pytest.param(
            "> a\n> - b\n\nc", "<blockquote><p>a</p><ul><li>b</li></ul></blockquote><p>c</p>", id="quote"
        ),
        pytest.param("a\n\n---\nb", "<p>a</p><hr><p>b</p>", id="rule"),
        pytest.param(
            "| a | b |\n|---|:-:|\n| 1 | x\\|y |",
            '<table><thead><tr><th>a</th><th style="text-align:center">b</th></tr></thead>'
            '<tbody><tr><td>1</td><td style="text-align:center">x|y</td></tr></tbody></table>',
            id="table",
        ),
        pytest.param("a | b", "<p>a | b</p>", id="no table"),
        pytest.param(
            "[x](https://e.example/?a=1&b=2)",
            '<p><a href="https://e.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">x</a></p>',
            id="link",
        ),
        pytest.param(
            "see https://e.example/a.",
            '<p>see <a href="https://e.example/a" target="_blank" rel="noopener noreferrer">https://e.example/a</a>.</p>',
            id="bare link",
        ),
        pytest.param("\\*not\\* 5 \\# \\x", "<p>*not* 5 # <span>\\</span>x</p>", id="escapes"),
        pytest.param("a &lt; b & c", "<p>a &amp;lt; b &amp; c</p>", id="entities are text"),
    ],
)
def test_markdown(markdown: str, html: str):
    """Each construct that models use renders, whole or truncated."""
    assert BLOCK.sub("<pre>", to_html(markdown)) == html


@pytest.mark.parametrize(
    "text",
    ["> " * 5000 + "x", "- " * 5000 + "x", "\n".join(" " * n + "- x" for n in range(500))],
    ids=["quotes", "bullets", "lists"],
)
def test_deep_nesting_is_no_recursion(text: str):
    """Quotes and lists nested deeper than eight levels are text."""
    assert Page(to_html(text)).tags <= TAGS


def test_every_beginning_of_an_answer_renders():
    """Every prefix of an answer renders, with our own tags only."""
    answer = "\n\n".join(HOSTILE)
    for end in range(0, len(answer), 7):
        for render in RENDERERS:
            assert_harmless(render(printable(answer[:end])))


# -- markdown-it-py ---------------------------------------------------------------------------

needs_markdown_it = pytest.mark.skipif(
    commonmark.to_html("") is None, reason="needs markdown-it-py (pip install '.[notebook]')"
)
LINK = 'target="_blank" rel="noopener noreferrer"'


@needs_markdown_it
@pytest.mark.parametrize(
    ("text", "html"),
    [
        pytest.param("a &lt; b &copy;", "<p>a &lt; b ©</p>", id="entities"),
        pytest.param("T\n=\n", "<h1>T</h1>", id="setext heading"),
        pytest.param("a *b\nc* d", "<p>a <em>b\nc</em> d</p>", id="emphasis over lines"),
        pytest.param("- a\n\n  b\n- c", "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>", id="loose"),
        pytest.param("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>', id="numbers"),
        pytest.param("~~d~~ **b**", "<p><del>d</del> <strong>b</strong></p>", id="deleted"),
        pytest.param(
            "|a|b|c|\n|:-|:-:|-:|\n|1|2|3|",
            '<table><thead><tr><th style="text-align:left">a</th><th style="text-align:center">b</th>'
            '<th style="text-align:right">c</th></tr></thead><tbody><tr><td style="text-align:left">1</td>'
            '<td style="text-align:center">2</td><td style="text-align:right">3</td></tr></tbody></table>',
            id="aligned table",
        ),
        pytest.param(
            "[x][r]\n\n[r]: https://e.example/a",
            f'<p><a href="https://e.example/a" {LINK}>x</a></p>',
            id="reference",
        ),
        pytest.param("[x](ftp://e.example)", "<p>x</p>", id="another scheme"),
        pytest.param(
            "see https://e.example/a.",
            f'<p>see <a href="https://e.example/a" {LINK}>https://e.example/a</a>.</p>',
            id="address",
        ),
        pytest.param(
            "![x](https://e.example/p.png)",
            f'<p><a href="https://e.example/p.png" {LINK}>x</a></p>',
            id="image",
        ),
        pytest.param("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>", id="HTML is text"),
        pytest.param("```\na < b\n```", "<pre><code>a &lt; b</code></pre>", id="fence"),
        pytest.param("    a < b", "<pre><code>a &lt; b</code></pre>", id="indented code"),
    ],
)  # fmt: skip
def test_commonmark(text: str, html: str) -> None:
    """Expected by CommonMark 0.31 and GitHub's tables, with streamkit's tags for code and links."""
    rendered = commonmark.to_html(text)
    assert rendered is not None
    assert BLOCK.sub("<pre>", rendered) == html


@needs_markdown_it
def test_a_text_that_takes_long_is_left_to_the_linear_renderer() -> None:
    """Runs of brackets and marks make markdown-it search the rest of the text again and again."""
    for run in ("[", "![", "*a", "_", "`", "[a", "<a"):
        assert commonmark.to_html(run * 500) is None
    assert commonmark.to_html("a" * (commonmark.MAX_TEXT + 1)) is None
    assert "<p>" in item_html(Message("assistant", "[" * 500))


# -- formulas -----------------------------------------------------------------------------

FORMULAS = [
    "$a_1 + b_2 * c * d$",
    "$$\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n$$",
    "\\(x_1 \\le y_1\\)",
    "\\[\nE = mc^2 \\\\\n- a_1*b_1*c\n\\]",
    "\\begin{align}\na &= b_1 \\\\\nc &= d_1\n\\end{align}",
    "$\\text{price} = \\$5$",
]
# MathJax typesets the text inside one element; `html` outside of the elements of formulas has no delimiter.
ALONE = re.compile(r"<span>([^<]*)</span>")


def formulas(html: str) -> list[str]:
    """Return the texts of elements that MathJax would search, if they contain a delimiter."""
    pieces: list[str] = []

    class Pieces(HTMLParser):
        inside: tuple[str, ...] = ()

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("br", "hr", "img"):
                self.inside = (*self.inside, tag)

        def handle_endtag(self, tag: str) -> None:
            self.inside = self.inside[:-1]

        def handle_data(self, data: str) -> None:
            if not {"code", "pre"} & set(self.inside) and re.search(r"[$\\]", data) and len(data) > 1:
                pieces.append(data)

    Pieces().feed(html)
    return pieces


@pytest.mark.parametrize("render", RENDERERS, ids=["plain", "markdown-it"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_left_to_the_page(render: Callable[[str], str], formula: str) -> None:
    """Delimiters, backslashes, `_` and `*` stay; the formula is one text in one element."""
    html = render(f"So\n\n{formula}\n\nis *it*.")
    if html:
        assert formulas(html) == [formula]
        assert "<em>it</em>" in html
        assert html.count("<em>") == 1


@pytest.mark.parametrize("render", RENDERERS, ids=["plain", "markdown-it"])
@pytest.mark.parametrize(
    "text",
    [
        "It costs $5, not $6.",
        "from $5-$6 to $ 7 $",
        "\\\\(a\\\\)",
        "a \\( b",
        "`$a$`\n\n```\n$b$\n```",
        "\\begin{x} alone",
        "$$",
        "$a",
        "cost: $\n\nand $",
    ],
)
def test_text_that_is_no_formula_is_cut_up(render: Callable[[str], str], text: str) -> None:
    """No element has a delimiter and another character, so a page finds no formula in it."""
    assert formulas(render(text)) == []


@pytest.mark.parametrize("render", RENDERERS, ids=["plain", "markdown-it"])
@pytest.mark.parametrize(
    "formula",
    [
        "$\\href{javascript:alert(1)}{x}$",
        "$$\\url{https://e.example/?leak}$$",
        "\\(\\style{position:fixed;inset:0}{x}\\)",
        "$\\class{x}{y}$",
        "$\\cssId{x}{y}$",
        "$\\htmlStyle{position:fixed}{x}$",
        "$\\includegraphics{https://e.example/x.png}$",
        "$\\require{html}$",
        "$\\def\\a{\\a\\a}\\a$",
        "$\\newcommand{\\a}{\\a}$",
        "$\\csname href\\endcsname{x}$",
        "$\\rule{9999em}{9999em}$",
        "$\\hspace{-500px} x$",
        "$\\bbox[background:url(https://e.example)]{x}$",
        "\\begin{align}\\href{javascript:alert(1)}{x}\\end{align}",
    ],
)
def test_a_formula_that_could_do_harm_is_shown_as_code(render: Callable[[str], str], formula: str) -> None:
    """MathJax and KaTeX leave the text of `code` alone."""
    html = render(formula)
    if html:
        assert_harmless(html)
        assert formulas(html) == []
        assert formula in Page(html).text


# -- code ---------------------------------------------------------------------------------


def test_code_is_coloured_and_stays_the_same_text() -> None:
    """Each span has one of the theme's colours; copying gives the code unchanged; unknown words are plain."""
    pytest.importorskip("pygments", reason="needs Pygments (pip install '.[notebook]')")
    source = "\ndef f(x):  # <b>\n    return \"a\" + '&'  \n\n"
    html = code.code_html(source, "Python")
    page = assert_harmless(html)
    assert page.text == source
    assert any("keyword" in style for style in page.styles)
    assert len(assert_harmless(code.code_html(source, "no-such-language")).styles) == 1
    assert len(assert_harmless(code.code_html("x = 1\n" * 5000, "python")).styles) == 1


@pytest.mark.parametrize("language", ["python", "html", "bash", "json", "latex", "diff", "javascript"])
def test_hostile_code_is_harmless_in_every_language(language: str) -> None:
    """A lexer only cuts the text; every piece of it is escaped."""
    for text in HOSTILE:
        html = code.code_html(printable(text), language)
        assert assert_harmless(html).text == printable(text)
