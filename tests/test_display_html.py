"""HTML of items: the Markdown that models write, without anything that a notebook could run."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

import pytest

from streamkit import Completion, FunctionCall, Message, OutputImage
from streamkit.completion import Choice
from streamkit.display import (
    completion_html,
    item_html,
    item_markdown,
    item_text,
    printable,
)
from streamkit.display.markdown import to_html

from .hostile import HOSTILE, everywhere

OURS = "p strong em del code pre a ul ol li blockquote h1 h2 h3 h4 h5 h6 hr br img details summary small"
TAGS = {*OURS.split(), "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {
    ("a", "href"),
    ("a", "target"),
    ("a", "rel"),
    ("ol", "start"),
    ("details", "open"),
    ("img", "src"),
    ("img", "alt"),
}


class Page(HTMLParser):
    """A page as a browser parses it: its tags, its addresses, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
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
        for joint in ("", "\n", " `", "\n- "):
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
            "```py\na < b\n\n  c\n```\nd", "<pre><code>a &lt; b\n\n  c</code></pre><p>d</p>", id="fence"
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
            "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><td>1</td><td>x|y</td></tr></tbody></table>",
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
        pytest.param("\\*not\\* 5 \\# \\x", "<p>*not* 5 # \\x</p>", id="escapes"),
        pytest.param("a &lt; b & c", "<p>a &amp;lt; b &amp; c</p>", id="entities are text"),
    ],
)
def test_markdown(markdown: str, html: str):
    """Each construct that models use renders, whole or truncated."""
    assert to_html(markdown) == html


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
        assert_harmless(to_html(printable(answer[:end])))
