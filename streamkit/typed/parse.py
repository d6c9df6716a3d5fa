"""Make an object of the requested type from a model's answer, or list the reasons why it isn't one.

First the JSON is compared with the schema (check.py); then the objects are made (objects.py).

Rule: null for an optional value is the same as leaving it out, because the strict form of a schema makes
models write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import AnswerError, UsageError
from ..json_text import NotJSONError
from .check import Validator
from .json_in_text import read_json
from .objects import make, validator_of
from .response_format import WRAPPER, ResponseFormat

if TYPE_CHECKING:
    from ..completion import Completion


_MOST = 50  # problems in an error, which may go back to the model


def parse_answer(completion: Completion, as_class: Any = None) -> Any:
    """Parse the answer's text into *as_class*; if that is None, into the type that the request asked for.

    A response format without a type returns plain JSON values. Raises `AnswerError` for a refusal, for text
    that isn't JSON, and for JSON that doesn't fit; `IncompleteResponseError` if the answer was truncated;
    `UsageError` if neither the caller nor the request names a type.
    """
    wanted = completion.response_format if as_class is None else ResponseFormat.of(as_class, "as_type")
    if wanted is None:
        raise UsageError("as_type: expected a class, because the request had no response_format; got None")
    check_end(completion)
    validator = validator_for(wanted)

    def unwrapped(value: Any) -> Any:
        return value[WRAPPER] if wanted.is_wrapped and _is_wrapper(value) else value

    def fits(value: Any) -> bool:
        return not validator.problems(unwrapped(value), "")

    try:
        value = unwrapped(read_json(completion.text, fits, in_prose=not wanted.is_enforced))
    except NotJSONError as exc:
        shown = completion.text[:200]
        raise AnswerError(f"the answer isn't JSON ({exc}): {shown!r}", partial=completion) from exc
    try:
        return as_object(value, wanted.type, validator, "the answer")
    except UsageError as exc:
        raise AnswerError(f"the answer isn't the requested {wanted.name}: {exc}", partial=completion) from exc


def check_end(completion: Completion) -> None:
    """Raise the error of an answer that is a refusal, or that was truncated."""
    if completion.refusal:
        raise AnswerError(
            f"the model refused: {completion.refusal}", refusal=completion.refusal, partial=completion
        )
    completion.raise_for_incomplete()


def validator_for(wanted: ResponseFormat) -> Validator:
    """Return the validator of an answer; a schema that the caller wrote is taken by the letter."""
    if wanted.type is not None:
        return validator_of(wanted.type)
    return Validator(wanted.schema, null_is_absent=False)


def _is_wrapper(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {WRAPPER}


def as_type(value: Any, hint: Any, schema: Mapping[str, Any], where: str) -> Any:
    """Return *value* as an object of type *hint*, or unchanged if *hint* is None.

    Raises `UsageError` with every place of *value* that doesn't fit *schema*.
    """
    return as_object(value, hint, Validator(schema), where)


def as_object(value: Any, hint: Any, validator: Validator, where: str) -> Any:
    """Return *value* as `as_type` does, with the validator of the schema."""
    problems = validator.problems(value, where)
    if problems:
        more = [f"{len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise UsageError("; ".join([*problems[:_MOST], *more]))
    return value if hint is None else make(value, hint, where)
