"""The events of a run -> the same events; observers of the client learn how the run began and ended.

Rule: a client without observers costs one comparison for each run.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

from .._interrupts import is_interrupt
from ..client.observers import How, Observation, Operation, RunEnded, RunStarted
from ..errors import StreamCancelledError
from ..events import Event
from .plan import Plan
from .progress import State


def observation_of(plan: Plan) -> Observation:
    """Return the run as an operation of the client, with the client's observers; a fake may have none."""
    client: Any = plan.client
    profile = getattr(client, "profile", None)
    models = (plan.options.get("model"), getattr(client, "defaults", {}).get("model"))
    model = next((model for model in models if isinstance(model, str)), "")
    operation = Operation(getattr(profile, "wire", ""), getattr(profile, "name", ""), model)
    return Observation(operation, getattr(client, "observers", ()))


def observed(events: Iterator[Event], plan: Plan, state: State) -> Generator[Event, None, None]:
    """Yield *events*. Observers get `RunStarted` before the first one, and `RunEnded` however it ends."""
    if not state.observation:
        yield from events
        return
    began = time.monotonic()
    how: How = "completed"
    failure: BaseException | None = None
    state.observation.tell(RunStarted(plan.name))
    try:
        yield from events
    except GeneratorExit:
        how = state.leaving
        raise
    except BaseException as error:
        how, failure = _end(error), error
        raise
    finally:
        state.observation.tell(RunEnded(how, state.result, time.monotonic() - began, failure))


def _end(error: BaseException) -> How:
    if isinstance(error, StreamCancelledError):
        return "cancelled"
    return "interrupted" if is_interrupt(error) else "failed"
