"""A Messages body -> the same body with cache marks: the server caches all before a mark.

The API reads tools first, then the system text, then the messages. Rules: at most four marks, the caller's
own included; thinking and empty text can't have one. Text stays the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..cache_marks import MARK, MOST_MARKS, count_marks
from ..report import BuildReport

_SHORTEST = 4096  # characters, about 1,024 tokens: below it, no model caches anything
_UNMARKED = ("thinking", "redacted_thinking")


def mark_for_caching(body: Mapping[str, Any], report: BuildReport, *, elsewhere: int = 0) -> dict[str, Any]:
    """Return *body* with marks on its system text, its last tool, and the last two messages of the user.

    *elsewhere* is the number of marks that aren't in *body* yet.
    """
    marked = dict(body)
    left = MOST_MARKS - count_marks(body) - elsewhere
    if len(json.dumps([body.get(name) for name in ("tools", "system", "messages")])) < _SHORTEST:
        report.doubtful.append(
            "prompt_cache: the prompt has fewer than about 1,024 tokens, so it isn't cached"
        )
    users = [n for n, message in enumerate(body["messages"]) if message["role"] == "user"]
    places: list[str | int] = ["system", "tools", *reversed(users[-2:])]
    longest = _last_long_mark(body)
    for place in places:
        entries = marked["messages"][place]["content"] if isinstance(place, int) else marked.get(place)
        # A mark for an hour may not follow one for five minutes: such a mark of the caller's goes on behind.
        changed = _marked(entries, is_long=_order(place) < longest)
        if changed is None:
            continue
        if left <= 0:
            report.dropped.append(f"prompt_cache: a mark more than the {MOST_MARKS} that the API accepts")
            break
        left -= 1
        if isinstance(place, int):
            messages = [*marked["messages"]]
            messages[place] = {**messages[place], "content": changed}
            marked["messages"] = messages
        else:
            marked[place] = changed
    return marked


def _order(place: str | int) -> int:
    """Return the rank of *place* in the order in which the API reads a prompt."""
    return ("tools", "system").index(place) if isinstance(place, str) else place + 2


def _last_long_mark(body: Mapping[str, Any]) -> int:
    """Return the rank of the last place with a mark for an hour; -1 if there is none."""
    places = [body.get("tools"), body.get("system"), *body["messages"]]
    return max((rank for rank, each in enumerate(places) if _has_long_mark(each)), default=-1)


def _has_long_mark(value: Any) -> bool:
    if isinstance(value, Mapping):
        mark = value.get("cache_control")
        is_long = isinstance(mark, Mapping) and mark.get("ttl") == "1h"
        return is_long or any(map(_has_long_mark, value.values()))
    return isinstance(value, list) and any(map(_has_long_mark, value))


def _marked(entries: Any, *, is_long: bool) -> list[dict[str, Any]] | None:
    """Return *entries* with a mark on the last one, or None if there is none to mark."""
    if isinstance(entries, str):
        entries = [{"type": "text", "text": entries}] if entries else []
    if not entries or "cache_control" in entries[-1] or entries[-1].get("type") in _UNMARKED:
        return None
    mark = {"cache_control": {**MARK["cache_control"], "ttl": "1h"}} if is_long else MARK
    return [*entries[:-1], {**entries[-1], **mark}]


def with_fewer_marks(body: Mapping[str, Any], report: BuildReport, *, elsewhere: int = 0) -> dict[str, Any]:
    """Return *body* with at most four marks, none on thinking; tools, system and new messages come first.

    *elsewhere* is the number of marks that aren't in *body* yet.
    """
    budget = [MOST_MARKS - elsewhere]
    kept = dict(body)
    for place in ("tools", "system"):
        if isinstance(kept.get(place), list):
            kept[place] = [_limited(each, budget, report) for each in kept[place]]
    newest_first = [_limited(message, budget, report) for message in reversed(kept["messages"])]
    kept["messages"] = newest_first[::-1]
    return kept


def _limited(value: Any, budget: list[int], report: BuildReport) -> Any:
    if isinstance(value, Mapping):
        kept = dict(value)
        if "cache_control" in kept:
            is_thought = kept.get("type") in _UNMARKED
            if is_thought or budget[0] <= 0:
                del kept["cache_control"]
                why = "thinking can't have one" if is_thought else f"the API accepts {MOST_MARKS}"
                report.dropped.append(f"a cache_control mark: {why}")
            else:
                budget[0] -= 1
        return {name: _limited(inner, budget, report) for name, inner in kept.items()}
    return [_limited(each, budget, report) for each in value] if isinstance(value, list) else value
