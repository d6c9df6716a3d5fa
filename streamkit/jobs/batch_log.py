"""The batches in a journal: their lines in, the rows that the provider has out.

    {"batch": "4be1...", "state": "sent", "model": "m", "staged": {...}, "rows": ["a-9f2c...", ...]}
    {"batch": "4be1...", "state": "begun", "ids": [["batch_1", true]]}
    {"batch": "4be1...", "state": "dropped"}

Rules: the first line is written before the request that begins a batch, so a row that may be with the
provider is in the file. A row is with the provider until its answer, or its error, has a line. A batch is
dropped if it surely never began, or if the caller gave it up.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from ..wires.batch import Found

_SLUG = 32  # characters of the key in a name: with hash and tag, a name has at most 64


def row_name(key: str | int, digest: str) -> str:
    """Return the name of a row in every batch: letters, digits, `_` and `-`.

    It depends on the body too, so the answer to another question of the same key isn't taken for its answer.
    """
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", str(key)[:_SLUG]).strip("-")
    digest = hashlib.sha256(f"{key!r} {digest}".encode(errors="backslashreplace")).hexdigest()[:20]
    return f"{slug}-{digest}" if slug else digest


def new_tag() -> str:
    """Return a name for a batch that begins. Row names end in it, because not every API keeps one."""
    return os.urandom(5).hex()


@frozen
class KeptBatch:
    """A batch of the journal. *found* is empty until it is known whether it began."""

    tag: str
    model: str
    staged: Mapping[str, str]
    names: tuple[str, ...]
    found: tuple[Found, ...] = ()


class BatchLog:
    """The batches whose rows aren't all answered."""

    def __init__(self) -> None:
        self._batches: dict[str, KeptBatch] = {}
        self._holders: dict[str, str] = {}  # by the name of a row, the tag of its batch
        self._left: Counter[str] = Counter()  # by tag, the rows without a line

    def apply(self, line: Mapping[str, Any]) -> None:
        """Take in a line of a batch; one that another program changed is left out."""
        tag, state = str(line.get("batch")), line.get("state")
        kept = self._batches.get(tag)
        if state == "sent":
            names = tuple(filter(_is_text, _list(line.get("rows"))))
            staged = line.get("staged")
            facts = {k: v for k, v in staged.items() if _is_text(v)} if isinstance(staged, Mapping) else {}
            self._batches[tag] = KeptBatch(tag, str(line.get("model")), facts, names)
            self._holders.update(dict.fromkeys(names, tag))
            self._left[tag] = len(names)
        elif state == "begun" and kept is not None:
            pairs = [each for each in _list(line.get("ids")) if isinstance(each, list) and len(each) == 2]
            found = tuple(Found(str(name), is_certain=bool(certain)) for name, certain in pairs)
            self._batches[tag] = evolve(kept, found=found)
        elif state == "dropped" and kept is not None:
            for name in kept.names:
                if self._holders.get(name) == tag:
                    del self._holders[name]
            del self._batches[tag]

    def settle(self, key: str | int, digest: str) -> None:
        """Take in that a row has a line of its own."""
        if self._holders:
            tag = self._holders.pop(row_name(key, digest), None)
            if tag is not None:
                self._left[tag] -= 1
                if not self._left[tag]:
                    self._batches[tag] = evolve(self._batches[tag], names=())  # there may be many

    def holder(self, name: str) -> KeptBatch | None:
        """Return the batch that has the row called *name*, or None."""
        tag = self._holders.get(name)
        return None if tag is None else self._batches[tag]

    def open(self) -> list[KeptBatch]:
        """Return the batches that still have rows, in the order in which they were sent."""
        tags = set(self._holders.values())
        return [batch for tag, batch in self._batches.items() if tag in tags]

    def ids(self) -> set[str]:
        """Return the provider's ids of all batches in the journal."""
        return {each.id for batch in self._batches.values() for each in batch.found}


def sent_line(batch: KeptBatch) -> dict[str, Any]:
    """Return the line that is written before a batch begins."""
    return {
        "batch": batch.tag,
        "state": "sent",
        "model": batch.model,
        "staged": dict(batch.staged),
        "rows": list(batch.names),
    }


def begun_line(tag: str, found: list[Found]) -> dict[str, Any]:
    """Return the line of a batch that has begun, or may have."""
    return {"batch": tag, "state": "begun", "ids": [[each.id, each.is_certain] for each in found]}


def dropped_line(tag: str) -> dict[str, Any]:
    """Return the line of a batch that didn't begin, or that the caller gave up."""
    return {"batch": tag, "state": "dropped"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
