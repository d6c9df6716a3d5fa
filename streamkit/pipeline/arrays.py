"""The chunks of a JSON list -> the objects in it, each as soon as its braces balance.

    takes    the chunks of a body that begins with `[`
    yields   the text of each object
    raises   BadFrameError for an object that is too large

Gemini without `alt=sse` answers in this form, and so do proxies in front of it. The list needn't be closed,
and text between the objects is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..errors import BadFrameError

_MARKS = re.compile(rb'["\\{}]')


def read_array(chunks: Iterable[bytes], limit: int) -> Iterator[str]:
    """Yield each object in a list, and at the end the text of one that isn't whole."""
    held = bytearray()  # from the start of an object on
    depth = 0
    in_string = is_escaped = False
    for chunk in chunks:
        begin = 0 if depth else len(chunk)  # of the object, in this chunk
        at = 0
        if is_escaped and chunk:
            at, is_escaped = 1, False
        while found := _MARKS.search(chunk, at):
            mark, at = found[0], found.end()
            if in_string:
                if mark == b"\\":
                    is_escaped = at == len(chunk)
                    at += 1
                in_string = mark != b'"'
            elif mark == b'"':
                in_string = True
            elif mark == b"{":
                begin = at - 1 if not depth else begin
                depth += 1
            elif mark == b"}" and depth:
                depth -= 1
                if not depth:
                    held += chunk[begin:at]
                    yield held.decode(errors="replace")
                    held.clear()
                    begin = len(chunk)
        held += chunk[begin:]
        if len(held) > limit:
            raise BadFrameError(f"an object of the list is larger than {limit} bytes; raise max_event")
    if held.strip():
        yield held.decode(errors="replace")
