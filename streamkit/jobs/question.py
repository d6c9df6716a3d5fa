"""The options of a job -> `Question`: what every row is asked, checked before the first row is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from .._checks import TEXT, Kind, check
from ..request.options import listed_tools
from .journal_lines import header_of
from .rows import prepare_options, send_options

if TYPE_CHECKING:
    from ..client import Client
    from ..typed.response_format import ResponseFormat

_NO_PATH = Kind(
    "None", lambda value: value is None, "use journal=, because all rows would write to the same file"
)


@frozen
class Question:
    """The parts of a job's options.

    *options* are those of `client.prepare`, *sending* those of `client.send`. *wanted* is the format of the
    answers as it is sent, or None. *header* is the first line of a journal of these answers.
    """

    options: Mapping[str, Any]
    sending: Mapping[str, Any]
    wanted: ResponseFormat | None
    header: dict[str, Any]


def question_of(client: Client, options: Mapping[str, Any]) -> Question:
    """Return the question that *options*, those of `stream`, ask. Raises `UsageError` for a wrong one."""
    options = {**options, "tools": listed_tools(options.get("tools"))}
    to_prepare, sending = prepare_options(options), send_options(options)
    check("model", to_prepare.get("model"), TEXT)
    model = to_prepare.get("model") or client.defaults["model"]
    sample = client.prepare("a row", **{**to_prepare, "model": model or "of the rows"})
    client.send(sample, use_cache=False, **{**sending, "record": None}).close()  # raises for a wrong option
    check("record", sending.get("record"), _NO_PATH)
    wanted = sample.request.response_format
    asked = {**client.defaults, **to_prepare, "model": model}
    return Question(
        to_prepare,
        sending,
        None if wanted is None else wanted.as_sent(takes_schema=client.profile.json_schema),
        header_of(client.profile.name, client.profile.wire, asked),
    )
