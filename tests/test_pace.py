"""Pace: threads wait for each other and for limits; budgets; forks, pickles and the garbage collector."""

from __future__ import annotations

import gc
import math
import os
import pickle
import threading
import time
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    PROFILES,
    Client,
    LimitError,
    Limits,
    RateLimitError,
    StreamCancelledError,
    Usage,
    UsageError,
)
from streamkit.client.pace import Budget, Need, Pace
from streamkit.http.clocks import Watch
from streamkit.http.ratelimits import RateLimit
from streamkit.request.options import RetryPolicy, Timeouts
from streamkit.testing import FakeClock, FakeReply, FakeTransport, chat_stream, refusal, sse
from tests.jobserver import job_server

REFUSED = RateLimitError("slow down", status=429, retryable=True)


def watch(**timeouts: Any) -> Watch:
    return Watch(Timeouts(**timeouts))


def client(*answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    return Client("generic", base_url="http://h/v1", transport=transport, **options), transport


# -- budgets ------------------------------------------------------------------------------


def test_the_rest_of_a_budget_is_divided_among_tasks() -> None:
    """3 of 10 tokens are used: 7 are left, 3 for each of two tasks. A spent budget never becomes no limit."""
    pace = Pace(Limits(tokens=10, cost=0.5))
    pace.spend(Usage(input_tokens=2, output_tokens=1, cost=0.1), has_answer=True)
    assert pace.left() == Budget(cost=0.4, tokens=7)
    assert pace.left().divided(2) == Budget(cost=0.2, tokens=3)
    pace.spend(Usage(input_tokens=9, output_tokens=9, cost=0.9), has_answer=True)
    spent = pace.left()
    assert spent.tokens == 1
    assert spent.cost is not None
    assert 0 < spent.cost < 1e-6
    assert Pace().left().divided(4) == Budget()


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(tokens=20), "tokens"),
        (Limits(cost=0.2), "cost"),
    ],
)
def test_a_spent_budget_stops_the_next_request(limits: Limits, name: str) -> None:
    """The request that passes the limit is answered; the next one isn't sent."""
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "cost": 0.1}
    transport = FakeTransport(
        sse({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": usage})
    )
    profile = evolve(PROFILES["generic"], usage_accounting=True, base_url="http://h/v1")
    own = Client(profile, transport=transport, limits=limits)
    own.complete("1", model="m")
    own.complete("2", model="m")
    with pytest.raises(LimitError, match=rf"^limits\.{name}: the budget of") as caught:
        own.complete("3", model="m")
    assert caught.value.limit == name
    assert len(transport.calls) == 2


def test_failures_are_a_budget() -> None:
    """A stream that failed counts once, however often it was tried."""
    own, transport = client(
        refusal(500), limits=Limits(failures=1), retry=RetryPolicy(max_retries=1, max_wait=0)
    )
    with pytest.raises(Exception, match="500"):
        own.complete("1", model="m")
    with pytest.raises(LimitError, match="failures"):
        own.complete("2", model="m")
    assert len(transport.calls) == 2


def test_a_cost_limit_needs_costs() -> None:
    """A budget that nothing counts against would never end."""
    with pytest.raises(UsageError, match=r"^limits\.cost: expected a gateway that reports costs"):
        client(chat_stream("a"), limits=Limits(cost=1.0))


def test_an_answer_without_cost_ends_a_cost_limit() -> None:
    """The gateway promised costs and sends none: the budget can't be kept."""
    own = Client(
        "openrouter", api_key="k", limits=Limits(cost=1.0), transport=FakeTransport(chat_stream("a"))
    )
    own.complete("1", model="m")
    with pytest.raises(UsageError, match=r"^limits\.cost: expected answers with a cost"):
        own.complete("2", model="m")


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests_per_minute": 0},
        {"tokens_per_minute": "many"},
        {"concurrency": 1.5},
        {"cost": -1},
        {"tokens": True},
        {"failures": float("nan")},
    ],
    ids=str,
)
def test_wrong_limits_are_named(wrong: dict[str, Any]) -> None:
    """The error has the field's name."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Limits(**wrong)


def test_limits_must_be_limits() -> None:
    """A number is a likely mistake."""
    with pytest.raises(UsageError, match=r"^limits: expected Limits or None, got 5"):
        client(chat_stream("a"), limits=5)


# -- waiting ------------------------------------------------------------------------------


def test_requests_per_minute_space_the_requests() -> None:
    """600 a minute are ten a second, one second's worth at once."""
    clock = FakeClock()
    pace = Pace(Limits(requests_per_minute=600), now=clock.now)
    for _ in range(10):
        pace.admit(Need("m"), watch()).ended(None, has_answer=True)
    traffic = pace._traffic["m"]
    assert pace._wait(traffic, 1.0, math.inf) == pytest.approx(0.1)
    clock.sleep(0.1)
    assert pace._wait(traffic, 1.0, math.inf) == pytest.approx(0.0)


def test_tokens_are_estimated_then_corrected() -> None:
    """A request books its body and its max_tokens; the usage gives back the rest."""
    clock = FakeClock()
    pace = Pace(Limits(tokens_per_minute=6000), now=clock.now)  # a hundred a second, a thousand at once
    admission = pace.admit(Need("m", 400, 600), watch())
    traffic = pace._traffic["m"]
    assert pace._wait(traffic, 1000, math.inf) == pytest.approx(10.0)
    admission.ended(Usage(400, 100), has_answer=True)
    assert pace._wait(traffic, 1000, math.inf) == pytest.approx(5.0)
    refused = pace.admit(Need("m", 100, 300), watch())
    refused.refused(REFUSED, {})
    refused.ended(None, has_answer=False)
    assert pace._tokens is not None
    assert pace._tokens.level == pytest.approx(500)


def test_concurrency_is_kept_by_threads() -> None:
    """A third stream waits until one of two ends, whichever it is; then it goes at once."""
    pace = Pace(Limits(concurrency=2))
    first, second = pace.admit(Need("m"), watch()), pace.admit(Need("n"), watch())
    admitted = threading.Event()

    def third() -> None:
        pace.admit(Need("m"), watch()).ended(None, has_answer=True)
        admitted.set()

    thread = threading.Thread(target=third)
    thread.start()
    assert not admitted.wait(0.1)
    second.ended(None, has_answer=True)
    assert admitted.wait(5)
    thread.join()
    first.ended(None, has_answer=True)


def test_a_thread_that_waits_for_itself_gets_an_error() -> None:
    """Nobody else could end the wait."""
    pace = Pace(Limits(concurrency=1))
    held = pace.admit(Need("m"), watch())
    with pytest.raises(UsageError, match=r"^limits\.concurrency: 1 is too low"):
        pace.admit(Need("m"), watch())
    held.ended(None, has_answer=True)
    pace.admit(Need("m"), watch()).ended(None, has_answer=True)


def test_a_thread_waits_for_a_stream_that_another_one_goes_on_reading() -> None:
    """Web servers read each event in the thread that is free: another one may end the stream."""
    answer = [*chat_stream("a", "b").splitlines(keepends=True)]
    own, _ = client(FakeReply(answer), chat_stream("c"), model="m", limits=Limits(concurrency=1))
    stream = own.stream("first")
    next(stream)
    has_read = threading.Event()

    def go_on() -> None:
        next(stream)
        has_read.set()
        while not own.pace._traffic["m"].queue:
            time.sleep(0.001)
        stream.close()

    thread = threading.Thread(target=go_on)
    thread.start()
    assert has_read.wait(5)
    assert own.complete("second").text == "c"
    thread.join()
    assert own.pace._held == {}


def test_a_stream_of_a_thread_that_is_gone_is_not_that_of_a_new_one() -> None:
    """The system gives the number of a thread away again."""
    pace = Pace(Limits(concurrency=1))
    held = pace.admit(Need("m"), watch())
    for _ in held.followed([]):
        pass
    assert pace._held == {threading.get_ident(): 1}
    held.thread = -1  # as if another thread had opened it
    pace._held = {-1: 1}
    for _ in held.followed([]):
        pass
    assert pace._held == {}
    held.ended(None, has_answer=True)
    assert (pace._open, pace._held) == (0, {})


def test_learned_limits_never_lock_a_thread_out() -> None:
    """After a refusal one open stream is allowed; a thread that holds it may open another."""
    pace = Pace()
    held = pace.admit(Need("m"), watch())
    other = pace.admit(Need("m"), watch())
    other.refused(REFUSED, {})
    other.ended(None, has_answer=False)
    assert pace._traffic["m"].throttle.open_limit == 1
    pace.admit(Need("m"), watch()).ended(None, has_answer=True)
    held.ended(None, has_answer=True)


def test_the_server_has_the_last_word_on_long_waits() -> None:
    """A reset in an hour is beyond max_wait: the request is sent at once, and the server's error arrives."""
    pace = Pace()
    admission = pace.admit(Need("m"), watch())
    admission.answered({"requests": RateLimit(limit=10, remaining=0, reset=3600.0)})
    admission.ended(None, has_answer=True)
    pace.admit(Need("m"), watch(), max_wait=60).ended(None, has_answer=True)
    assert pace._wait(pace._traffic["m"], 1.0, 7200.0) > 60


def test_models_have_limits_of_their_own() -> None:
    """A pause of one model doesn't stop the other."""
    pace = Pace()
    slow = pace.admit(Need("slow"), watch())
    slow.refused(RateLimitError("wait", status=429, retry_after=50.0, retryable=True), {})
    slow.ended(None, has_answer=False)
    assert pace._wait(pace._traffic["slow"], 1.0, 60) > 40
    pace.admit(Need("fast"), watch()).ended(None, has_answer=True)


def test_cancel_ends_the_wait() -> None:
    """A request that waits for its turn can be cancelled from another thread."""
    pace = Pace(Limits(requests_per_minute=1))
    pace.admit(Need("m"), watch()).ended(None, has_answer=True)
    waiting = watch()
    timer = threading.Timer(0.05, waiting.cancel)
    timer.start()
    with pytest.raises(StreamCancelledError):
        pace.admit(Need("m"), waiting)
    timer.join()


def test_the_deadline_is_kept() -> None:
    """A wait past the deadline isn't begun."""
    pace = Pace(Limits(requests_per_minute=1))
    pace.admit(Need("m"), watch()).ended(None, has_answer=True)
    with pytest.raises(Exception, match=r"^deadline: waited 5 s"):
        pace.admit(Need("m"), watch(deadline=5))


# -- clients ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["requests", "req-minute", "tokens-minute", "input-tokens"])
def test_headers_of_replies_reach_the_pace(kind: str) -> None:
    """An answer with nothing left makes the next request wait for the reset, not be refused."""
    headers = {
        "content-type": "text/event-stream",
        f"x-ratelimit-remaining-{kind}": "0",
        f"x-ratelimit-reset-{kind}": "30s",
    }
    own, _ = client(FakeReply([chat_stream("a")], headers=headers))
    own.complete("1", model="m")
    assert own.pace._wait(own.pace._traffic["m"], 1.0, 60) == pytest.approx(30, abs=5)


def test_closed_and_dropped_streams_free_their_place() -> None:
    """However a stream ends, its place is free: closed, dropped, cancelled, failed, or never read."""
    own, _ = client(chat_stream("a", "b"), limits=Limits(concurrency=1))
    stream = own.stream("1", model="m")
    next(stream)
    stream.close()
    stream = own.stream("2", model="m")
    next(stream)
    del stream
    gc.collect()
    own.stream("unread", model="m")
    with own.stream("3", model="m") as stream:
        next(stream)
        stream.cancel()
        with pytest.raises(StreamCancelledError):
            stream.result()
    assert own.complete("4", model="m").text == "ab"
    assert own.pace._open == 0
    assert own.pace._held == {}


def test_a_pickled_client_has_a_pace_of_its_own() -> None:
    """Limits travel; open streams and learned limits don't."""
    own, _ = client(chat_stream("a"), limits=Limits(concurrency=1, tokens=5))
    with own.stream("1", model="m") as stream:
        next(stream)
        copy = pickle.loads(pickle.dumps(own.pace))
    assert copy.limits == own.pace.limits
    assert copy._open == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_begins_anew() -> None:
    """Streams that are open in the parent don't occupy places in the child."""
    pace = Pace(Limits(concurrency=1))
    pace.admit(Need("m"), watch())
    child = os.fork()
    if not child:
        try:
            pace.admit(Need("m"), watch()).ended(None, has_answer=True)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_close_with_cancel_ends_everything_under_way() -> None:
    """A complete() in another thread raises within half a second."""
    errors: list[BaseException] = []
    with job_server(delay=5) as server:
        own = Client("generic", base_url=server.url)

        def work() -> None:
            try:
                own.complete("hi", model="m")
            except StreamCancelledError as exc:
                errors.append(exc)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while server.busy < 4:
            time.sleep(0.01)
        own.close(cancel=True)
        for thread in threads:
            thread.join(2)
        assert len(errors) == 4


def test_prices_make_a_cost_limit_possible() -> None:
    """The cost that the client computes counts like the server's."""
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    transport = FakeTransport(sse({"choices": [choice], "usage": usage}))
    own = Client(
        "generic",
        base_url="http://h/v1",
        transport=transport,
        prices=lambda usage, model, operation: 0.3,
        limits=Limits(cost=0.5),
    )
    own.complete("1", model="m")
    own.complete("2", model="m")
    with pytest.raises(LimitError, match=r"^limits\.cost"):
        own.complete("3", model="m")
