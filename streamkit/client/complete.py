"""Open a stream, read it whole, and repeat that if the answer breaks or doesn't have the requested shape.

Rules: the caller gets nothing before the end, so a broken answer may be repeated, unlike in a stream. It
isn't repeated if the server keeps the conversation or runs tools: it may have acted already. Repeats follow
the policy of a stream's retries. An answer of another shape goes back with the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .._checks import TIMES, check
from ..completion import Completion
from ..errors import AnswerError, StreamkitError, TruncatedStreamError, UsageError
from ..http.retry import backoff, next_wait
from ..items import Item, Message
from ..request.inputs import as_items
from ..request.options import RetryPolicy, listed_tools

if TYPE_CHECKING:
    from ..request import Request
    from .stream import Stream

_ON_SERVER = ("conversation", "previous_response_id", "background")
_OUR_TOOLS = ("function", "custom")  # all other kinds are run by the server


def complete(
    stream: Callable[..., Stream],
    conversation: Any,
    policy: RetryPolicy,
    ask_again: int,
    options: Mapping[str, Any],
    *,
    sleep: Callable[[float], None],
    random: Callable[[], float],
) -> Completion:
    """Return the whole answer that *stream*, called with *conversation* and *options*, leads to.

    Raises the errors of the stream; `UsageError` for an *ask_again* that isn't a whole number.
    """
    check("ask_again", ask_again, TIMES)
    tools = options.get("tools")
    options = {**options, "tools": listed_tools(tools)}

    def ask(items: Any) -> Completion:
        return read_whole(lambda: stream(items, **options), policy, sleep=sleep, random=random)

    try:
        items = as_items(conversation)  # an iterator can be read only once
        return ask_until_fitting(ask, items, ask_again) if ask_again else ask(items)
    except StreamkitError as error:
        raise error.with_traceback(None)  # noqa: B904 - the same error, without the frames in between


def read_whole(
    open_stream: Callable[[], Stream],
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], None],
    random: Callable[[], float],
) -> Completion:
    """Return the whole answer. Raises the error of the last attempt."""
    attempt = 0
    while True:
        attempt += 1
        with open_stream() as stream:
            try:
                return stream.result()
            except StreamkitError as error:
                request = stream.request
                if request is None or not may_repeat(request.request):
                    raise
                # The stream itself has repeated what failed before its first output, except a cut.
                if not stream.had_output and not isinstance(error, TruncatedStreamError):
                    raise
                wait = _wait(error, attempt, policy, random)
                if wait is None:
                    raise
        sleep(wait)


def _wait(
    error: StreamkitError, attempt: int, policy: RetryPolicy, random: Callable[[], float]
) -> float | None:
    if isinstance(error, TruncatedStreamError):
        return min(backoff(attempt, random), policy.max_wait) if attempt <= policy.max_retries else None
    return next_wait(error, attempt=attempt, policy=policy, deadline_left=float("inf"), random=random)


def may_repeat(request: Request) -> bool:
    params = request.params
    hosted = any(isinstance(tool, Mapping) and tool["type"] not in _OUR_TOOLS for tool in request.tools)
    return not hosted and params.get("store") is not True and not any(name in params for name in _ON_SERVER)


def ask_until_fitting(ask: Callable[[Any], Completion], items: tuple[Item, ...], times: int) -> Completion:
    """Return the first answer of the requested shape, after at most *times* further tries.

    *ask* takes a conversation. The usage is the sum of all tries. Raises the `AnswerError` of the last one,
    with its answer in `partial` and the reasons of all tries in `reasons` and in the message.
    """
    usage = None
    reasons: tuple[str, ...] = ()
    for left in range(times, -1, -1):
        completion = ask(items)
        if completion.response_format is None:
            raise UsageError("ask_again: expected a response_format to check the answer against; pass one")
        if usage is not None:
            completion = evolve(completion, usage=usage + completion.usage if completion.usage else usage)
        usage = completion.usage
        try:
            completion.parsed()
        except AnswerError as error:
            error.partial = completion
            error.reasons = reasons = (*reasons, error.message)
            if not left or error.refusal:
                if len(reasons) > 1:
                    earlier = "; ".join(f"try {n}: {each}" for n, each in enumerate(reasons[:-1], 1))
                    error.message = f"{error.message} (after {len(reasons)} tries; {earlier})"
                raise
            wish = f"{error.message}. Answer once more, with JSON that fits the schema and nothing else."
            items = (*items, *completion.items, Message("user", wish))
        else:
            return completion
    raise AssertionError("unreachable")
