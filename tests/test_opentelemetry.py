"""The output of observers: log lines, and spans and metrics in the real OpenTelemetry SDK."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    Completion,
    KeepAlive,
    Opened,
    RateLimitError,
    Retrying,
    Started,
    TextDelta,
    Usage,
    UsageError,
)
from streamkit.client.logs import log
from streamkit.client.observers import AttemptStarted, Ended, Fact, Observer, Operation
from streamkit.client.stats import Stats
from streamkit.completion import Choice
from streamkit.integrations.opentelemetry import opentelemetry_observer
from streamkit.items import FunctionCall, Message, Reasoning
from streamkit.request import Request
from streamkit.testing import FakeTransport, chat_stream

USAGE = Usage(input_tokens=12, output_tokens=34, cached_input_tokens=5, reasoning_tokens=7)
CHOICE = Choice(items=[Message("assistant", "Blue.")], finish_reason="stop")
ANSWER = Completion(id="id-1", model="gpt-x-2026", choices=[CHOICE], usage=USAGE)
LIMITED = RateLimitError("slow down", status=429)


def operation(**fields: Any) -> Operation:
    return Operation("chat", "openai", "gpt-x", "api.openai.com", 443, **fields)


def ended(
    how: Any = "completed", completion: Completion = ANSWER, *, attempts: int = 1, **fields: Any
) -> Ended:
    stats = Stats()
    stats.attempts = attempts
    return Ended(how, completion, stats, 1.5, **fields)


# -- logging ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        pytest.param(
            ended(status=200, request_id="req_1"),
            "gpt-x (openai): 200 stop, 12 + 34 tokens, 1.50 s, request req_1",
            id="completed",
        ),
        pytest.param(
            ended("failed", Completion(), attempts=3, error=LIMITED, status=429),
            "gpt-x (openai): 429 failed with RateLimitError, 1.50 s, 3 attempts",
            id="failed",
        ),
        pytest.param(
            ended("closed", Completion(), status=200), "gpt-x (openai): 200 closed, 1.50 s", id="closed"
        ),
        pytest.param(ended("abandoned", Completion()), "gpt-x (openai): abandoned, 1.50 s", id="abandoned"),
        pytest.param(
            ended("completed", Completion()), "gpt-x (openai): completed, 1.50 s", id="no finish reason"
        ),
    ],
)
def test_one_line_a_request(fact: Fact, line: str, caplog: pytest.LogCaptureFixture):
    """A line has model, status, finish reason, tokens, duration and request id, if they are known."""
    with caplog.at_level(logging.INFO, "streamkit"):
        log(operation(), fact)
    assert caplog.record_tuples == [("streamkit", logging.INFO, line)]


def test_retries_are_warnings(caplog: pytest.LogCaptureFixture):
    """A retry is logged when it is decided, with the error and the delay."""
    with caplog.at_level(logging.WARNING, "streamkit"):
        log(operation(), Retrying(1, 2.0, LIMITED))
        log(operation(), ended())  # at INFO, which this level leaves out
    line = "gpt-x (openai): attempt 1 failed (RateLimitError: slow down); retrying in 2.0 s"
    assert caplog.record_tuples == [("streamkit", logging.WARNING, line)]


def test_other_facts_are_not_logged(caplog: pytest.LogCaptureFixture):
    """Events aren't logged, and no level logs content."""
    with caplog.at_level(1, "streamkit"):
        for fact in (AttemptStarted(), Opened(), TextDelta("secret"), Completed(ANSWER)):
            log(operation(), fact)
    assert caplog.records == []


LOGS_ONE_LINE = """
from streamkit import Completion
from streamkit.client.observers import Ended, Operation
from streamkit.client.stats import Stats
from streamkit.client.logs import log
log(Operation("chat", "openai", "gpt-x"), Ended("closed", Completion(), Stats(), 1.0))
"""


@pytest.mark.parametrize(("level", "lines"), [(None, 0), ("info", 1), ("warning", 0)])
def test_the_environment_turns_the_log_on(level: str | None, lines: int):
    """`STREAMKIT_LOG=info` writes to standard error; without it, no line is written."""
    environment = {name: value for name, value in os.environ.items() if name != "STREAMKIT_LOG"}
    if level:
        environment["STREAMKIT_LOG"] = level
    done = subprocess.run(
        [sys.executable, "-c", LOGS_ONE_LINE], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert lines == 0 or done.stderr.endswith("INFO streamkit gpt-x (openai): closed, 1.00 s\n")


def test_a_wrong_level_in_the_environment_ends_no_program():
    """A warning names the wrong level, and the log is on at info."""
    done = subprocess.run(
        [sys.executable, "-c", LOGS_ONE_LINE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "STREAMKIT_LOG": "loud"},
    )
    warned, logged = done.stderr.splitlines()
    assert warned.endswith("error or critical; got 'loud'; logging at info")
    assert logged.endswith("closed, 1.00 s")


# -- OpenTelemetry ------------------------------------------------------------------------


class Collector:
    """The real SDK with its in-memory exporters, and an observer with a clock that the test sets."""

    def __init__(self, **options: Any) -> None:
        reason = "needs opentelemetry-sdk: install the extra check"
        pytest.importorskip("opentelemetry.sdk", reason=reason)
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meters = MeterProvider([self._reader])
        self.clock = 100.0
        self.observer: Observer = opentelemetry_observer(
            tracer_provider=self.tracers, meter_provider=self._meters, now=lambda: self.clock, **options
        )

    def tell(self, about: Operation, *facts: Fact | float) -> None:
        """Pass facts to the observer; a number advances the clock by so many seconds."""
        for fact in facts:
            if isinstance(fact, float):
                self.clock += fact
            else:
                self.observer(about, fact)

    @property
    def spans(self) -> list[Any]:
        return list(self._exporter.get_finished_spans())

    def metrics(self) -> dict[str, list[tuple[float, dict[str, Any]]]]:
        """Return each instrument's points as (sum, attributes)."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: [
                (getattr(point, "sum", None) or getattr(point, "value", 0), dict(point.attributes))
                for point in metric.data.data_points
            ]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def shutdown(self) -> None:
        self.tracers.shutdown()
        self._meters.shutdown()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()


COMMON = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-x",
    "server.address": "api.openai.com",
    "server.port": 443,
}


def test_a_completed_stream_is_one_client_span(collector: Collector):
    """Name, kind, times and attributes follow the GenAI conventions."""
    request = Request("Why?", model="gpt-x", params={"temperature": 0.5, "max_tokens": 99, "user": "ann"})
    collector.tell(
        operation(request=request),
        AttemptStarted(1),
        0.1,
        Opened(),
        0.2,
        KeepAlive("OPENROUTER PROCESSING"),
        0.2,
        Started("id-1"),
        1.0,
        TextDelta("Blue."),
        Completed(ANSWER),
        ended(),
    )
    (span,) = collector.spans
    assert (span.name, span.kind.name, span.status.status_code.name) == ("chat gpt-x", "CLIENT", "UNSET")
    assert span.end_time - span.start_time == 1_500_000_000
    assert dict(span.attributes) == {
        **COMMON,
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.response.id": "id-1",
        "gen_ai.response.model": "gpt-x-2026",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.5),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 34,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "streamkit.ended": "completed",
    }


def test_a_completed_stream_is_measured(collector: Collector):
    """The metrics are the span's duration, the time to the first chunk, and each kind of token."""
    collector.tell(operation(), AttemptStarted(1), 0.25, Started(), Completed(ANSWER), ended())
    common = {**COMMON, "gen_ai.response.model": "gpt-x-2026"}
    tokens = {**common, "gen_ai.token.modality": "unknown"}
    usage = "gen_ai.client.inference.usage"
    assert collector.metrics() == {
        "gen_ai.client.inference.duration": [(1.5, common)],
        "gen_ai.client.inference.time_to_first_chunk": [(0.25, common)],
        f"{usage}.input_tokens": [(12, tokens)],
        f"{usage}.output_tokens": [(34, tokens)],
        f"{usage}.cache_read.input_tokens": [(5, tokens)],
        f"{usage}.reasoning.output_tokens": [(7, tokens)],
    }


@pytest.mark.parametrize("computed", [False, True])
def test_the_cost_is_an_attribute(collector: Collector, computed: bool):
    """The conventions have no name for money, so the two names are streamkit's own."""
    usage = Usage(input_tokens=12, output_tokens=34, cost=0.25, cost_computed=computed)
    collector.tell(operation(), AttemptStarted(1), ended(completion=Completion(usage=usage)))
    (span,) = collector.spans
    assert span.attributes["streamkit.usage.cost"] == 0.25
    assert span.attributes["streamkit.usage.cost_computed"] is computed


def test_one_span_covers_all_attempts(collector: Collector):
    """Retries are events in the span; the first chunk is the one of the successful attempt."""
    collector.tell(
        operation(),
        AttemptStarted(1),
        1.0,
        Started(),  # the first chunk of an attempt that fails
        Retrying(1, 2.0, LIMITED),
        2.0,
        AttemptStarted(2),
        0.5,
        Started(),
        Completed(ANSWER),
        ended(attempts=2),
    )
    (span,) = collector.spans
    assert [(event.name, dict(event.attributes)) for event in span.events] == [
        (
            "streamkit.retry",
            {"streamkit.retry.attempt": 1, "streamkit.retry.delay": 2.0, "error.type": "RateLimitError"},
        )
    ]
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx(3.5)


def test_a_failed_stream_is_an_error_with_its_class(collector: Collector):
    """The span and the duration have `error.type`; a failed operation counts 0 tokens."""
    collector.tell(operation(), AttemptStarted(1), ended("failed", Completion(), error=LIMITED))
    (span,) = collector.spans
    assert (span.status.status_code.name, span.status.description) == ("ERROR", None)
    assert span.attributes["error.type"] == "RateLimitError"
    measured = collector.metrics()
    assert measured["gen_ai.client.inference.duration"] == [(1.5, {**COMMON, "error.type": "RateLimitError"})]
    (count, attributes) = measured["gen_ai.client.inference.usage.output_tokens"][0]
    assert (count, "error.type" in attributes) == (0, False)
    assert "gen_ai.client.inference.time_to_first_chunk" not in measured


@pytest.mark.parametrize("how", ["closed", "cancelled", "interrupted", "abandoned"])
def test_a_stream_that_is_left_early_ends_its_span(how: str, collector: Collector):
    """The span has no error status; the missing finish reason is "error", as the conventions require."""
    partial = Completion(choices=[Choice(items=[Message("assistant", "Bl")])])
    collector.tell(operation(), AttemptStarted(1), Started(), TextDelta("Bl"), ended(how, partial))
    (span,) = collector.spans
    assert span.status.status_code.name == "UNSET"
    assert span.attributes["streamkit.ended"] == how
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)


def test_no_finish_reason_is_invented(collector: Collector):
    """If the server ends with `[DONE]` alone, the span has no finish reason."""
    answer = Completion(choices=[Choice(items=[Message("assistant", "Blue.")])])
    collector.tell(operation(), AttemptStarted(1), Completed(answer), ended(completion=answer))
    assert "gen_ai.response.finish_reasons" not in collector.spans[0].attributes


def test_the_current_span_becomes_the_parent(collector: Collector):
    """The current span is the parent of a stream's span, and stays the current one."""
    from opentelemetry import trace

    about = operation()
    with collector.tracers.get_tracer("job").start_as_current_span("job") as job:
        collector.tell(about, AttemptStarted(1), Started())
        assert trace.get_current_span() is job
    collector.tell(about, Completed(ANSWER), ended())
    spans = {span.name: span for span in collector.spans}
    assert spans["chat gpt-x"].parent.span_id == spans["job"].context.span_id


def test_two_streams_at_once_are_two_spans(collector: Collector):
    """Interleaved streams have separate spans."""
    one, other = operation(), Operation("chat", "mistral", "m", "127.0.0.1", 8080)
    for about in (one, other):
        collector.tell(about, AttemptStarted(1))
    collector.tell(other, Started(), ended("closed", Completion()))
    collector.tell(one, Completed(ANSWER), ended())
    ends = {
        (span.name, span.attributes["gen_ai.provider.name"]): span.attributes["streamkit.ended"]
        for span in collector.spans
    }
    assert ends == {("chat m", "mistral_ai"): "closed", ("chat gpt-x", "openai"): "completed"}


CALL = FunctionCall("call_1", "sky", '{"hour": 12}')
SECRET = Completion(
    choices=[Choice(items=[Reasoning(content=["Hm."]), *CHOICE.items, CALL], finish_reason="tool_calls")]
)


def test_no_content_is_exported_by_default(collector: Collector):
    """The span contains no prompt, answer, reasoning or arguments by default."""
    request = Request("Why is it so?", model="gpt-x", instructions="Be brief.")
    about = operation(request=request)
    collector.tell(about, AttemptStarted(1), Completed(SECRET), ended(completion=SECRET))
    everything = str(dict(collector.spans[0].attributes)) + str(collector.metrics())
    for secret in ("Why is it so?", "Be brief.", "Blue.", "Hm.", "hour"):
        assert secret not in everything


def test_content_is_captured_if_requested():
    """With capture_content, the span has instructions, input and output in the conventions' shapes."""
    collector = Collector(capture_content=True)
    request = Request("Why is it so?", model="gpt-x", instructions="Be brief.")
    about = operation(request=request)
    collector.tell(about, AttemptStarted(1), Completed(SECRET), ended(completion=SECRET))
    attributes = collector.spans[0].attributes
    collector.shutdown()
    assert json.loads(attributes["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Why is it so?"}]}
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Blue."},
                {"type": "tool_call", "id": "call_1", "name": "sky", "arguments": '{"hour": 12}'},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_lone_surrogate_is_escaped():
    """An exporter would fail to encode it, and discard the whole batch."""
    collector = Collector(capture_content=True)
    about = operation(request=Request("half \ud83d é", model="gpt-x"))
    collector.tell(about, AttemptStarted(1), ended("closed"))
    exported = collector.spans[0].attributes["gen_ai.input.messages"]
    collector.shutdown()
    assert "half \\ud83d é" in exported
    assert json.loads(exported)[0]["parts"][0]["content"] == "half \ud83d é"


def test_streams_of_a_client_become_spans(collector: Collector):
    """A stream read to the end, one left early and one dropped: each has a span that has ended."""
    transport = FakeTransport(chat_stream("Hel", "lo", usage=USAGE))
    client = Client("generic", base_url="http://fake/v1", transport=transport, observers=[collector.observer])
    client.complete("Hi", model="m")
    with client.stream("Hi", model="m") as stream:
        next(stream)
    dropped = client.stream("Hi", model="m")
    next(dropped)
    del dropped
    gc.collect()
    assert [span.attributes["streamkit.ended"] for span in collector.spans] == [
        "completed",
        "closed",
        "abandoned",
    ]
    first = collector.spans[0].attributes
    assert (first["server.address"], first["server.port"]) == ("fake", 80)
    assert first["gen_ai.usage.input_tokens"] == 12


def test_an_errors_message_is_content():
    """An error's message may quote the body, so it is exported only with capture_content."""
    collector = Collector(capture_content=True)
    collector.tell(operation(), AttemptStarted(1), ended("failed", Completion(), error=LIMITED))
    (span,) = collector.spans
    collector.shutdown()
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "slow down")


def test_without_opentelemetry_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    """The factory imports OpenTelemetry; if that fails, the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(UsageError, match=r"extra otel.*pip install '\.\[otel\]'"):
        opentelemetry_observer()
