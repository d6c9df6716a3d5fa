"""A recording and a call -> whether the recording is of that request. Rule: only bodies are compared.

Addresses, headers and keys differ between a recorded run and a replay. Where the recording has a mask, any
text fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..http.scrubbing import HIDDEN
from .masking import mask_object
from .recorder import recorded_request

if TYPE_CHECKING:
    from ..http.messages import Call
    from .format import Recording

_MISSING = object()


def change_since(recording: Recording, call: Call) -> str | None:
    """Return the first part of the body that isn't as recorded, such as `messages[0].content`; None if none.

    A recording without a request fits every call.
    """
    request = recording.header.request
    if request is None or request.body is None:
        return None
    body = recorded_request(call, mask=False).body
    change = _change(request.body, body, "")
    if change is not None and _change(request.body, mask_object(body), "") is None:
        return None  # recorded with masked words
    return change


def _change(recorded: Any, asked: Any, place: str) -> str | None:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        names = {**recorded, **asked}
        pairs: Iterator[tuple[str, Any, Any]] = (
            (f"{place}.{name}".lstrip("."), recorded.get(name, _MISSING), asked.get(name, _MISSING))
            for name in names
        )
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        pairs = (
            (f"{place}[{index}]", each, other)
            for index, (each, other) in enumerate(zip(recorded, asked, strict=True))
        )
    else:
        return None if _is_equal(recorded, asked) else place or "the body"
    changes = (_change(each, other, name) for name, each, other in pairs)
    return next((change for change in changes if change is not None), None)


def _is_equal(recorded: Any, asked: Any) -> bool:
    if isinstance(recorded, str) and isinstance(asked, str) and HIDDEN in recorded:
        pattern = ".*".join(map(re.escape, recorded.split(HIDDEN)))
        return re.fullmatch(pattern, asked, re.DOTALL) is not None
    return bool(recorded == asked)
