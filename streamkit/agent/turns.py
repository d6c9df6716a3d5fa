"""Stream a turn, answer its calls, stream the next one, until a turn ends without a call.

Rules: the connection is closed before a tool runs. The limits on turns and tokens are checked before a turn
begins. If the conversation ends in unanswered calls, the run begins with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from attrs import evolve

from ..client.observers import belonging_to
from ..completion import Completion
from ..errors import TruncatedStreamError, UsageError
from ..events import Completed, Event
from ..items import Item, Message
from ..request.inputs import as_items
from ..tools import StopRun
from .calls import answer, check_cancelled, check_limit, decide
from .plan import Plan, specs_of, tools_of
from .progress import State, Turn, tokens_of, unanswered

logger = logging.getLogger("streamkit")

_OF_THE_RUN = ("input", "tools", "conversation")  # a turn has them as fields, not as options


def read_turns(plan: Plan, state: State) -> Generator[Event, None, None]:
    """Yield the events of all turns, with a `ToolFinished` for each call. Raises the errors of streams."""
    pending, told = unanswered(state.result.conversation), None
    state.specs = specs_of(plan.tools)
    try:
        while True:
            # Checked before the calls run: without a turn that reads their outputs, they would run for no
            # use. With a condition, the outputs can be the aim.
            if not (pending and plan.stop_when):
                check_limit(plan, state, "max_turns", state.result.turns + 1)
            check_limit(plan, state, "max_total_tokens", tokens_of(state.result.usage) + 1)
            if pending:
                state.result = evolve(state.result, pending=pending)
                decisions = decide(plan, state, pending)
                if decisions is None:
                    return
                yield from answer(plan, state, decisions)
                if any(condition(state.result) for condition in plan.stop_when):
                    state.result = evolve(state.result, stopped=True)
                    return
                check_limit(plan, state, "max_turns", state.result.turns + 1)
            if told is not None:
                state.result = evolve(state.result, conversation=(*state.result.conversation, told))
            yield from _read_turn(plan, state)
            pending = unanswered(state.result.conversation)
            told = _about_bad_calls(plan, state)
            if not pending and told is None:
                return
    except StopRun:
        state.result = evolve(state.result, stopped=True)


def _about_bad_calls(plan: Plan, state: State) -> Message | None:
    """Return a message about the calls of the turn that aren't complete; None if there are none.

    A turn that a limit or a filter cut isn't asked for again: it would be cut again. Raises
    `IncompleteResponseError` if the cut left only a part of a call, and if the run doesn't tell.
    """
    completion = state.result.completion
    if completion is None:
        return None
    reason, word = completion.finish_reason, str(completion.raw_finish_reason).lower()
    bad = completion.choices[0].incomplete_calls if completion.choices else ()
    if reason in ("length", "content_filter") or (reason == "error" and "call" not in word):
        if not bad:
            return None
        if not completion.tool_calls:
            completion.raise_for_incomplete()
    if not bad and (reason not in ("tool_calls", "error") or completion.tool_calls):
        return None
    if not plan.tell:
        completion.raise_for_incomplete()
    names = ", ".join(call.name for call in bad if call.name) or "a tool"
    logger.warning("a turn has a tool call that isn't complete (%s); the model is told", names)
    return Message(
        "user",
        f"The call of {names} wasn't complete and didn't run. Send it again, with arguments in valid JSON.",
    )


# -- a turn -------------------------------------------------------------------------------


def _read_turn(plan: Plan, state: State) -> Iterator[Event]:
    """Stream one turn. Its connection is closed before this ends."""
    conversation, tools, options = _request(plan, state)
    with belonging_to(state.observation.operation.number):
        stream = plan.client.stream(conversation, tools=tools, **options)
    state.stream = stream
    completion = None
    try:
        check_cancelled(state)  # cancel() may have run before state.stream was set
        for event in stream:
            if isinstance(event, Completed):
                completion = event.completion
                _add_turn(state, completion, getattr(stream, "continue_from", None))
            yield event
    finally:
        state.stream = None
        stream.close()
    if completion is None:
        raise TruncatedStreamError("the stream ended without Completed; a client's stream must end with one")


def _request(plan: Plan, state: State) -> tuple[list[Item], list[Any], dict[str, Any]]:
    """Return conversation, tools and options of the turn's request, as *before_turn* left them."""
    options = dict(plan.options)
    if state.result.turns and options.get("tool_choice") not in (None, "auto", "none"):
        del options["tool_choice"]  # otherwise every turn would be a call
    conversation, sent, tools = state.result.conversation, None, plan.tools
    if plan.before_turn is not None:
        turn = Turn(state.result.turns + 1, state.result, list(conversation), list(tools), options)
        plan.before_turn(turn)
        options = _checked(turn.options)
        conversation = as_items(turn.conversation, "turn.conversation")
        sent = None if turn.input is None else as_items(turn.input, "turn.input")
        tools = tools_of(turn.tools)
        state.specs = specs_of(tools)
    kept = state.result.conversation[: state.sent]
    state.result = evolve(state.result, conversation=conversation)
    if sent is not None:
        return list(sent), list(tools), options
    if state.continued and conversation[: state.sent] == kept:
        # The server has the conversation up to its last answer.
        return list(conversation[state.sent :]), list(tools), {**options, **state.continued}
    return list(conversation), list(tools), options


def _checked(options: Any) -> dict[str, Any]:
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise UsageError(
            f"before_turn: expected turn.options to be a dict of parameters, got {type(options).__name__}"
        )
    wrong = next((name for name in _OF_THE_RUN if name in options), None)
    if wrong is not None:
        raise UsageError(f"before_turn: unexpected option {wrong!r}; set turn.{wrong} instead")
    return dict(options)


def _add_turn(
    state: State, completion: Completion, continue_from: Callable[[], Mapping[str, Any]] | None
) -> None:
    result = state.result
    usage = completion.usage
    if usage is not None and result.usage is not None:
        usage = result.usage + usage
    state.result = evolve(
        result,
        conversation=(*result.conversation, *completion.items),
        completion=completion,
        usage=usage or result.usage,
        turns=result.turns + 1,
        pending=(),
    )
    state.continued = continue_from() if continue_from is not None else {}
    state.sent = len(state.result.conversation)
