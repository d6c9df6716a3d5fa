"""`Run`: the state that a `Stream`, its attempts and its counts share.

takes    the parts of a client that one answer needs: transport, clocks, request, limits
holds    the results so far: the answer's state, statistics, the completion or the failure
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..completion import Completion
from ..errors import StreamkitError
from ..events import Opened, Retrying
from ..http.clocks import Watch
from ..profiles.profile import Profile
from ..request.options import RetryPolicy
from ..state.answer import AnswerState
from .counting import without_secrets
from .observers import How, Observation
from .pace import Need, Pace
from .prices import Prices
from .stats import Stats

if TYPE_CHECKING:
    from ..http.messages import Call, Transport
    from ..typed.response_format import ResponseFormat
    from ..wires.prepare import PreparedRequest
    from .resume import Position

MAX_BODY = 256 << 20  # bytes of one answer: enough for images, and a limit for a server that never stops


@dataclass(slots=True)
class Run:
    """The state that a stream and its generator share: first the parts, then the results."""

    transport: Transport
    make_call: Callable[[], Call]
    watch: Watch
    retry: RetryPolicy
    wire: str
    profile: Profile
    observation: Observation
    strict: bool = False
    random: Callable[[], float] = random.random
    max_body: int = MAX_BODY
    request: PreparedRequest | None = None
    # Changes the request after an error that another form of it avoids; returns None without such a form.
    adapt: Callable[[StreamkitError], PreparedRequest | None] | None = None
    locate: Callable[[StreamkitError], None] | None = None  # adds the request's address to an error
    prices: Prices | None = None  # computes the cost if the server sends none
    pace: Pace | None = None  # admits each attempt
    need: Need = field(default_factory=Need)
    failed: Callable[[], None] | None = None  # called once if the stream fails
    resume: int = 0  # how often a broken answer is continued
    new_position: Callable[[], Position] | None = None
    continue_at: Callable[[str], Call] | None = None
    resumed: list[Retrying] = field(default_factory=list)  # events of that, which the caller gets next
    fallbacks: list[Run] = field(default_factory=list)  # the requests that may take over, in order
    state: AnswerState = field(default_factory=AnswerState)
    stats: Stats = field(default_factory=Stats)
    opened: Opened | None = None
    output: bool = False  # True once an event with output was yielded
    completion: Completion | None = None
    failure: StreamkitError | None = None
    leaving: How = "abandoned"  # the way the caller left the stream, unless it was read to its end
    secrets: tuple[str, ...] = ()  # of the request that was sent last
    taken_over_after: int = 0  # the attempts before the fallback whose request this is; 0 without one

    @property
    def response_format(self) -> ResponseFormat | None:
        """The format that the request asks for, as its profile sends it."""
        wanted = self.request.request.response_format if self.request is not None else None
        return None if wanted is None else wanted.as_sent(takes_schema=self.profile.json_schema)

    def partial(self) -> Completion:
        """Return everything received so far; the whole answer at the end."""
        state = self.state  # before the question: it is dropped once the answer is complete
        return self.completion or without_secrets(state.completion(), self.secrets)
