"""Tools that a server runs, in the words of any API -> the words that the APIs have in common.

takes    a tool in Gemini's form, `{"googleSearch": {}}`, or a type of Anthropic's, `web_search_20250305`
returns  `{"type": "web_search"}`, `code_interpreter` or `web_fetch`; each API has its own form, or none
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .report import BuildReport

# Gemini's words without case and underscores.
_KEYED = {
    "googlesearch": "web_search",
    "googlesearchretrieval": "web_search",
    "enterprisewebsearch": "web_search",
    "codeexecution": "code_interpreter",
    "urlcontext": "web_fetch",
}
_DATED = re.compile(r"([a-z_]+)_20\d{6}")
_COMMON = {"web_search": "web_search", "web_fetch": "web_fetch", "code_execution": "code_interpreter"}


def keyed_tools(tool: Mapping[str, Any], place: str, report: BuildReport) -> Iterator[dict[str, Any]]:
    """Yield the tools in a mapping of Gemini's without a type; *report* has those that only Gemini has."""
    for name, settings in tool.items():
        kind = _KEYED.get(name.replace("_", "").lower())
        if kind is None:
            report.dropped.append(f"{place}: {name}, which this API doesn't have")
            continue
        rest = ", ".join(settings) if isinstance(settings, Mapping) else ""
        report.repaired.append(f"{place}: {name} is read as {kind}{f', without {rest}' if rest else ''}")
        yield {"type": kind}


def is_anthropics(kind: str) -> bool:
    """Return True for the type of a tool of Anthropic's servers: it ends in a date, except for one."""
    return kind == "mcp_toolset" or _DATED.fullmatch(kind) is not None


def common_kind(kind: str) -> str | None:
    """Return the common word for *kind*, a tool of Anthropic's; None if there is none."""
    found = _DATED.fullmatch(kind)
    return _COMMON.get(found[1]) if found else None
