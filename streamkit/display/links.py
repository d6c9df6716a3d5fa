"""Write links, and code inside a line, as HTML.

Rules: a link has the scheme http, https or mailto. An image becomes a link, because loading it would send its
address, which could contain the conversation.
"""

from __future__ import annotations

import re
from html import escape

from .maths import text_html

_WEB = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def is_web(target: str) -> bool:
    """Return True if a link to *target* is harmless."""
    return _WEB.match(target) is not None


def link_open(target: str) -> str:
    """Return the opening tag of a link to *target*."""
    return f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer">'


def link(target: str, label: str) -> str:
    """Return a link to *target*; only its label, if a link to it isn't harmless."""
    if not is_web(target):
        return text_html(label or target)
    return f"{link_open(target)}{text_html(label or target)}</a>"


def code_span(code: str) -> str:
    """Return code inside a line, which no page typesets."""
    return f"<code>{escape(code)}</code>"
