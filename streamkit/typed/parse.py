"""Make an object of the requested type from a model's answer, or list every reason why it isn't one.

First the JSON is compared with the schema (check.py); then the objects are made (objects.py).

Rule: null for an optional value is the same as leaving it out, because the strict form of a schema makes
models write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import AnswerError, UsageError
from ..json_text import NotJSONError, loads_strict
from .check import problems_of
from .objects import make
from .schema import WRAPPER, ResponseFormat, schema_of

if TYPE_CHECKING:
    from ..completion import Completion

# All of a text between one pair of fences: models without an enforced schema write it around JSON.
_FENCED = re.compile(r"[^`]*```(?:json|JSON)?[ \t]*\n(.*?)\n?[ \t]*```[^`]*", re.DOTALL)


def parse_answer(completion: Completion, as_class: Any = None) -> Any:
    """Parse the answer's text into *as_class*; if that is None, into the type that the request asked for.

    A response format without a type returns plain JSON values. Raises `AnswerError` for a refusal, for text
    that isn't JSON, and for JSON that doesn't fit; `IncompleteResponseError` if the answer was truncated;
    `UsageError` if neither the caller nor the request names a type.
    """
    wanted = completion.response_format if as_class is None else ResponseFormat.of(as_class)
    if wanted is None:
        raise UsageError("as_type: expected a class, because the request had no response_format; got None")
    if completion.refusal:
        raise AnswerError(
            f"the model refused: {completion.refusal}", refusal=completion.refusal, partial=completion
        )
    completion.raise_for_incomplete()
    try:
        value = read_json(completion.text)
    except NotJSONError as exc:
        shown = completion.text[:200]
        raise AnswerError(f"the answer isn't JSON ({exc}): {shown!r}", partial=completion) from exc
    if wanted.is_wrapped and isinstance(value, dict) and value.keys() == {WRAPPER}:
        value = value[WRAPPER]
    schema = schema_of(wanted.type) if wanted.type is not None else wanted.schema
    try:
        return as_type(value, wanted.type, schema, "the answer")
    except UsageError as exc:
        raise AnswerError(f"the answer isn't the requested {wanted.name}: {exc}", partial=completion) from exc


def as_type(value: Any, hint: Any, schema: Mapping[str, Any], where: str) -> Any:
    """Return *value* as an object of type *hint*, or unchanged if *hint* is None.

    Raises `UsageError` with every place of *value* that doesn't fit *schema*.
    """
    problems = problems_of(value, schema, where)
    if problems:
        raise UsageError("; ".join(problems))
    return value if hint is None else make(value, hint, where)


def read_json(text: str) -> Any:
    """Return the JSON value in *text*, alone or in one fenced block. Raises `NotJSONError`."""
    try:
        return loads_strict(text)
    except NotJSONError:
        fenced = _FENCED.fullmatch(text)
        if fenced is None:
            raise
        return loads_strict(fenced[1])
