"""Lone surrogates -> text that is valid UTF-8. JSON escapes can cut a character outside of the BMP in two.

A gateway that cuts text between two UTF-16 units sends one half of a pair in each payload. Halves are joined
across pieces (`TextBuffer`); a half that stays alone becomes U+FFFD, as the Unicode standard recommends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

REPLACEMENT = "\ufffd"
HIGH = ("\ud800", "\udbff")  # the first half of a pair is in this range

_SURROGATE = re.compile("[\ud800-\udfff]")
_SECOND = re.compile("[\udc00-\udfff]")
_PAIR = "[\ud800-\udbff][\udc00-\udfff]"


def has_surrogate(text: str) -> bool:
    """Return True if *text* isn't valid UTF-8. Fast for ASCII."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def characters(text: str) -> int:
    """Return the number of characters that *text* adds: the second half of a pair completes the first one.

    The pieces of a text that was cut inside a pair add up to the length of the joined text.
    """
    return len(text) if text.isascii() else len(text) - len(_SECOND.findall(text))


def split_half(text: str) -> tuple[str, str]:
    """Return *text* without half a pair at its end, and that half; "" if there is none."""
    return (text[:-1], text[-1]) if text and HIGH[0] <= text[-1] <= HIGH[1] else (text, "")


def encodable_text(text: str) -> str:
    """Return *text* with pairs joined, and U+FFFD for each half that is alone."""
    if not has_surrogate(text):
        return text
    joined = re.sub(_PAIR, lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _SURROGATE.sub(REPLACEMENT, joined)


def encodable(value: Any) -> Any:
    """Return *value*, decoded JSON, with every string encodable; the same object if each one is."""
    if isinstance(value, str):
        return encodable_text(value)
    if not any(map(has_surrogate, _strings(value))):
        return value
    return json.loads(encodable_text(json.dumps(value, ensure_ascii=False)))


def _strings(value: Any) -> Iterator[str]:
    """Yield all strings in *value*, names too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one
            waiting += one.values()
