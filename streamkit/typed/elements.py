"""The pieces of an answer -> its JSON so far; if it is a list, its entries, each as soon as it is whole.

Strategy. The format that the request asked for tells which list is meant. Without one, it is the first list
whose first entry fits. Text before the JSON, such as a fence, is skipped unless a server enforces a schema.

Rule: an entry is checked and made when it is whole. One that isn't whole at the end is never yielded, and the
end of a JSON that isn't whole is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ..errors import AnswerError, UsageError
from ..json_text import is_json
from ..pipeline.partial_json import PartialJSON
from .fields import fields_of
from .hints import bare, is_union
from .json_in_text import BEGINS_JSON
from .objects import validator_of
from .parse import as_object, check_end
from .response_format import WRAPPER, ResponseFormat
from .schema import LISTS, SETS

if TYPE_CHECKING:
    from ..completion import Completion

_START = re.compile(r"[\[{]")


_MAX_STARTS = 1000  # brackets in prose; each one costs a look


def read_elements(texts: Iterable[str], kind: Any, answer: Callable[[], Completion]) -> Iterator[Any]:
    """Yield the entries of the list in *texts* as objects of the type *kind*.

    The list is the whole JSON, or a field of an object. *answer* returns the answer so far. Raises
    `AnswerError` for a refusal, for text that isn't JSON or ends too soon, for an entry that doesn't fit and
    for JSON without a list of *kind*; `IncompleteResponseError` if the answer was truncated.
    """
    try:
        validator_of(kind)
    except UsageError as exc:  # before the request is sent
        raise UsageError(f"kind: {exc}") from exc
    reader = None
    for text in texts:
        # The format is that of the request which is answered: a fallback may have taken over.
        reader = reader or _Reader(kind, answer().response_format)
        yield from reader.feed(text)
    check_end(answer())
    (reader or _Reader(kind, None)).finish()


def read_partials(texts: Iterable[str], answer: Callable[[], Completion]) -> Iterator[PartialJSON]:
    """Yield the JSON in *texts* so far, after each of them; *answer* returns the answer so far.

    Raises `AnswerError` for a refusal, and for text that isn't JSON or ends too soon;
    `IncompleteResponseError` if the answer was truncated.
    """
    partial = PartialJSON()
    for text in texts:
        yield partial.feed(text)
    check_end(answer())
    if not (partial.complete or is_json(answer().text)):  # a number by itself is never complete
        raise AnswerError("the answer's JSON ends before it is whole")


class _Reader:
    """Finds the list in growing text. Until its first entry, a wrong start is given up for a later one."""

    def __init__(self, kind: Any, wanted: ResponseFormat | None) -> None:
        self._kind = kind
        self._validator = validator_of(kind)
        self._names = _names_of_list(kind, wanted)
        self._may_skip = wanted is None or not wanted.is_enforced
        self._json: PartialJSON | None = None
        self._text: list[str] = []  # since the start of the JSON, as long as that may be given up
        self._rest = ""  # behind the JSON
        self._list: list[Any] | None = None
        self._done = 0
        self._reason: AnswerError | None = None  # why the first start was given up
        self._misfit: AnswerError | None = None  # the first entry that doesn't fit
        self._misfitting: list[Any] | None = None  # the list with that entry
        self._starts = 0
        self._fields = 0  # of the object, those whose values were looked at

    def feed(self, text: str) -> Iterator[Any]:
        """Yield the entries that *text* completes."""
        while text:
            if self._json is None:
                text = self._start(text)
            if self._json is None:
                return
            if self._list is None:
                self._text.append(text)
            try:
                yield from self._read(text)
            except AnswerError as error:
                if self._list is not None or not self._may_give_up():
                    raise
                self._reason = self._reason or error
                text = self._rest if self._json.complete else "".join(self._text)[1:]
                self._text, self._json, self._fields = [], None, 0
                continue
            return

    def _read(self, text: str) -> Iterator[Any]:
        """Yield the new entries, and keep the text behind the JSON. An error comes after the entries."""
        assert self._json is not None
        fault = None
        try:
            self._rest = self._json.take(text)
        except AnswerError as exc:
            fault = exc
        yield from self._new_entries()
        if fault is not None:
            raise fault
        self._refuse_wrong_end(self._rest)

    def _may_give_up(self) -> bool:
        """Return True if the JSON is whole, or was only a bracket between words."""
        assert self._json is not None
        is_prose = self._json.complete or not BEGINS_JSON.match("".join(self._text))
        return self._may_skip and is_prose and self._starts <= _MAX_STARTS

    def _start(self, text: str) -> str:
        """Return the part of *text* from where JSON begins, and begin to read it."""
        if not self._may_skip:
            text = text.lstrip()
            if not text.startswith("`"):
                self._json = PartialJSON() if text else None
                return text
            self._may_skip = True  # a fence, in spite of the schema
        start = _START.search(text)
        if start is None:
            return ""
        self._starts += 1
        self._json = PartialJSON()
        return text[start.start() :]

    def _new_entries(self) -> Iterator[Any]:
        assert self._json is not None
        if self._list is None:
            self._list = self._find()
            if self._list is None:
                return
            self._text = []
        whole = self._json.whole_in(self._list)
        while self._done < whole:
            made = self._made(self._list[self._done], self._done)
            self._done += 1
            yield made

    def _made(self, entry: Any, number: int) -> Any:
        try:
            return as_object(entry, self._kind, self._validator, f"entry {number}")
        except UsageError as exc:
            raise AnswerError(f"an entry of the answer doesn't fit: {exc}") from exc

    def _find(self) -> list[Any] | None:
        """Return the list if it is certain which one is meant; raises `AnswerError` if none can be."""
        assert self._json is not None
        root = self._json.root
        if self._names is not None or not isinstance(root, dict):
            candidates = _lists_in(root, self._names)
        else:
            new = islice(reversed(root.values()), len(root) - self._fields + 1)
            candidates = [each for each in new if isinstance(each, list)][::-1]
            self._fields = len(root)
        if self._names is not None:
            return candidates[0] if candidates else None
        misfit = None
        for each in candidates:
            if each is self._misfitting or not self._json.whole_in(each):
                continue
            try:
                self._made(each[0], 0)
            except AnswerError as exc:
                misfit, self._misfitting = misfit or exc, each
            else:
                return each
        self._misfit = self._misfit or misfit
        if self._misfit is not None and (self._json.complete or (misfit and isinstance(root, list))):
            raise self._misfit
        return None

    def _refuse_wrong_end(self, rest: str) -> None:
        assert self._json is not None
        if not self._json.complete:
            return
        if self._list is None and not _lists_in(self._json.root, self._names):
            raise AnswerError(f"the answer has no list, but {type(self._json.root).__name__}")
        if rest.strip() and not self._may_skip:
            raise AnswerError(f"the answer isn't JSON: {rest.strip()[:40]!r} follows its end")

    def finish(self) -> None:
        """Raise `AnswerError` unless the JSON was whole, and had the list."""
        if self._json is not None and self._json.complete:
            return
        if self._json is None or self._json.root is None:
            raise self._misfit or self._reason or AnswerError("the answer has no list, but other text")
        raise AnswerError(f"the answer's JSON ends before it is whole, after {self._done} entries")


def _names_of_list(kind: Any, wanted: ResponseFormat | None) -> tuple[str, ...] | None:
    """Return the fields that may have the list, () for any; None if the format doesn't tell."""
    if wanted is None or wanted.type is None:
        return None
    if wanted.is_wrapped:
        return (WRAPPER,)
    fields = fields_of(bare(wanted.type)) or []
    named = [each.name for each in fields if _is_list_of(bare(kind), each.type)]
    return tuple(named[:1]) or None


def _is_list_of(kind: Any, hint: Any) -> bool:
    hint = bare(hint)
    if is_union(hint):
        return any(_is_list_of(kind, each) for each in get_args(hint))
    origin, arguments = get_origin(hint), get_args(hint)
    return origin in (*LISTS, *SETS, tuple) and bool(arguments) and bare(arguments[0]) == kind


def _lists_in(value: Any, names: tuple[str, ...] | None) -> list[list[Any]]:
    """Return the lists that *value* is or has, in the fields *names* if they aren't None."""
    if isinstance(value, dict):
        found = value.items() if names is None else [(name, value[name]) for name in names if name in value]
        return [each for _, each in found if isinstance(each, list)]
    return [value] if isinstance(value, list) else []
