"""The pieces of an answer that is a list -> its entries, each one as soon as it is whole.

Rule: an entry is checked and made when it is whole. One that isn't whole at the end is never yielded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import AnswerError, UsageError
from ..pipeline.partial_json import PartialJSON
from .parse import as_type
from .schema import schema_of


def read_elements(texts: Iterable[str], kind: Any) -> Iterator[Any]:
    """Yield the entries of the list in *texts* as objects of the type *kind*.

    The list is the whole JSON, or the first field of an object that is a list. Raises `AnswerError` for text
    that isn't JSON, for an entry that doesn't fit, and for JSON without a list.
    """
    schema = schema_of(kind)
    partial = PartialJSON()
    done = 0
    for text in texts:
        partial.feed(text)
        entries = _find_list(partial.root)
        if entries is None:
            continue
        whole = partial.whole_in(entries)
        while done < whole:
            try:
                made = as_type(entries[done], kind, schema, f"entry {done}")
            except UsageError as exc:
                raise AnswerError(f"an entry of the answer doesn't fit: {exc}") from exc
            done += 1
            yield made
    if _find_list(partial.root) is None:
        raise AnswerError(f"the answer has no list, but {type(partial.root).__name__}")


def _find_list(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        value = next((each for each in value.values() if isinstance(each, list)), None)
    return value if isinstance(value, list) else None
