"""Hooks of the site: links to files of the repository become plain names, and `llms.txt` is written.

`llms.txt` lists the pages for programs that read documentation; `llms-full.txt` is all of them in one file.
See https://llmstxt.org.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")
_ROW = re.compile(r"^\| \[([\w-]+)\.md\]\([\w-]+\.md\) \| (.+) \|$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page without links that lead out of docs/: the site has no such files."""
    return _OUTSIDE.sub(r"\1", markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Write llms.txt and llms-full.txt next to the front page."""
    site = Path(config["site_dir"])
    (site / "llms.txt").write_text(llms_txt(), encoding="utf-8")
    pages = [DOCS / f"{name}.md" for name, _ in _rows()]
    full = "\n\n".join(page.read_text(encoding="utf-8") for page in pages)
    (site / "llms-full.txt").write_text(full, encoding="utf-8")


def llms_txt() -> str:
    """Return the list of pages with a sentence about each one."""
    lines = [
        "# streamkit",
        "",
        "> A synchronous Python library that streams answers from language models: typed events from Chat "
        "Completions, Responses, Messages and Gemini, for every gateway. Import it as `streamkit`; the "
        "distribution is `streamkit-llm`, installed from a clone. `pip install streamkit` is another project.",
        "",
        "## Pages",
        "",
        *(f"- [{name}]({name}/): {about}" for name, about in _rows()),
        "",
        "## Reference",
        "",
        *(f"- [{page.stem}](reference/{page.stem}/)" for page in sorted((DOCS / "reference").glob("*.md"))),
        "",
    ]
    return "\n".join(lines)


def _rows() -> list[tuple[str, str]]:
    return _ROW.findall((DOCS / "README.md").read_text(encoding="utf-8"))
