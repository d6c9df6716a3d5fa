"""An observer that turns streams and agent runs into OpenTelemetry's spans and metrics.

    Client(observers=[opentelemetry_observer()])

It needs the extra `otel`, and imports OpenTelemetry inside the factory. agent_spans.py has the spans of runs.

Rule: no prompt, answer or argument leaves through this file unless the caller sets `capture_content=True`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .._checks import FUNCTION, Kind, check, optional
from .._version import __version__
from ..client.observers import AttemptStarted, Ended, Fact, Observer, Operation
from ..completion import Completion
from ..errors import UsageError
from ..events import KeepAlive, Opened, Retrying
from .agent_spans import AGENT_FACTS, AgentSpans
from .otel_content import answers, as_json, asked
from .otel_names import BUCKETS, PARAMS, PROVIDERS, TOKENS, Names, usage_attributes

__all__ = ["PARAMS", "PROVIDERS", "TOKENS", "Names", "opentelemetry_observer"]


def opentelemetry_observer(
    *,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    capture_content: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> Observer:
    """Return an observer that gives each stream a client span, and records its duration and tokens.

    A run of `agent.run` is a span around those of its streams and its tools. A tool's span is current while
    the tool runs.

    A stream's span covers all attempts. Its parent is the span that is current when the first event is
    pulled, or the run's, and it ends with the stream, however that ends. It never becomes the current span:
    a generator that the caller abandons couldn't undo that.

    *capture_content* adds instructions, input and output, and the arguments and results of tools. The
    providers are by default the global ones; *now* is a clock in seconds. Raises `UsageError` if
    OpenTelemetry isn't installed.
    """
    check("tracer_provider", tracer_provider, _provider("get_tracer"))
    check("meter_provider", meter_provider, _provider("get_meter"))
    check("now", now, FUNCTION)
    try:
        from opentelemetry import metrics, trace
    except ImportError as exc:
        raise UsageError(
            "OpenTelemetry isn't installed; install the extra otel, in a clone with pip install '.[otel]'"
        ) from exc
    tracer = trace.get_tracer("streamkit", __version__, tracer_provider)
    meter = metrics.get_meter("streamkit", __version__, meter_provider)
    return _OpenTelemetry(tracer, meter, capture_content, now)


def _provider(method: str) -> Kind:
    return optional(
        Kind(
            "a provider of OpenTelemetry's SDK", lambda value: hasattr(value, method), "pass an object of it"
        )
    )


class _OpenTelemetry:
    """Spans by operation number, from the first attempt to `Ended`."""

    def __init__(self, tracer: Any, meter: Any, capture_content: bool, now: Callable[[], float]) -> None:
        self._tracer = tracer
        self._capture_content = capture_content
        self._now = now
        self._spans: dict[int, _Span] = {}
        self._runs = AgentSpans(tracer, meter, capture_content)
        self._duration, self._first_chunk = (
            meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=BUCKETS)
            for name in (Names.DURATION, Names.TIME_TO_FIRST_CHUNK)
        )
        self._tokens = {field: meter.create_counter(name, "{token}") for field, (_, name) in TOKENS.items()}

    def __call__(self, operation: Operation, fact: Fact) -> None:
        kind = type(fact)
        if isinstance(fact, AGENT_FACTS):
            self._runs(operation, fact)
            return
        if kind is AttemptStarted and operation.number not in self._spans:
            started = time.time_ns()
            self._spans[operation.number] = _Span(self._start(operation, started), started, self._now())
            return
        span = self._spans[operation.number]
        if isinstance(fact, Ended):
            del self._spans[operation.number]
            self._end(operation, span, fact)
        elif isinstance(fact, Retrying):
            span.first_chunk = None  # the failed attempt's chunk never reached the caller
            span.otel.add_event(
                Names.RETRY,
                {
                    Names.RETRY_ATTEMPT: fact.attempt,
                    Names.RETRY_DELAY: fact.delay,
                    Names.ERROR: type(fact.error).__name__,
                },
            )
        elif span.first_chunk is None and kind not in _NO_CHUNK:
            span.first_chunk = self._now() - span.began

    def _start(self, operation: Operation, at: int) -> Any:
        from opentelemetry.trace import SpanKind

        attributes = {**_common(operation), Names.STREAM: True}
        if operation.request is not None:
            params = operation.request.params
            attributes |= {PARAMS[name]: value for name, value in params.items() if name in PARAMS}
            if self._capture_content:
                attributes |= asked(operation)
        return self._tracer.start_span(
            f"chat {operation.model}",
            context=self._runs.context_of(operation),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=at,
        )

    def _end(self, operation: Operation, span: _Span, ended: Ended) -> None:
        from opentelemetry.trace import Status, StatusCode

        completion = ended.completion
        common = _common(operation)
        if completion.model:
            common[Names.RESPONSE_MODEL] = completion.model
        outcome: dict[str, Any] = {Names.ENDED: ended.how}
        if ended.how == "failed":
            common[Names.ERROR] = type(ended.error).__name__
            # A message may quote an unreadable body, and with it the answer.
            message = str(ended.error) if self._capture_content else None
            span.otel.set_status(Status(StatusCode.ERROR, message))
        if completion.id:
            outcome[Names.RESPONSE_ID] = completion.id
        if reasons := _finish_reasons(completion, ended.how):
            outcome[Names.FINISH_REASONS] = reasons
        if span.first_chunk is not None:
            outcome[Names.FIRST_CHUNK] = span.first_chunk
        if self._capture_content:
            outcome[Names.OUTPUT_MESSAGES] = as_json(answers(completion))
        span.otel.set_attributes(common | outcome | usage_attributes(completion.usage))
        span.otel.end(span.started_ns + int(ended.seconds * 1e9))
        self._measure(span, ended, common)

    def _measure(self, span: _Span, ended: Ended, common: dict[str, Any]) -> None:
        self._duration.record(ended.seconds, common)
        common = {name: value for name, value in common.items() if name != Names.ERROR}
        if span.first_chunk is not None:
            self._first_chunk.record(span.first_chunk, common)
        # time_per_output_chunk isn't recorded: events are pulled, so it would measure the caller's own work.
        by_modality = {**common, Names.MODALITY: "unknown"}
        for field, counter in self._tokens.items():
            count = getattr(ended.completion.usage, field, None)
            if count is not None or field in ("input_tokens", "output_tokens"):
                counter.add(count or 0, by_modality)  # the conventions ask for 0 if the operation failed


class _Span:
    """An open span: its start in nanoseconds since the epoch, and in seconds of the clock."""

    def __init__(self, otel: Any, started_ns: int, began: float) -> None:
        self.otel = otel
        self.started_ns = started_ns
        self.began = began
        self.first_chunk: float | None = None  # seconds since the operation began


_NO_CHUNK = (AttemptStarted, Opened, KeepAlive)


def _common(operation: Operation) -> dict[str, Any]:
    """Return the attributes that spans and metrics share."""
    common: dict[str, Any] = {
        Names.OPERATION: "chat",
        Names.PROVIDER: PROVIDERS.get(operation.profile, operation.profile),
        Names.REQUEST_MODEL: operation.model,
    }
    if operation.host is not None:
        common[Names.ADDRESS] = operation.host
        if operation.port is not None:
            common[Names.PORT] = operation.port
    return common


def _finish_reasons(completion: Completion, how: str) -> list[str]:
    """Return a reason for each choice: "error" if the stream broke off before it; [] if none was sent."""
    reasons = [choice.finish_reason for choice in completion.choices]
    if how == "completed" and None in reasons:
        return []
    return [reason or "error" for reason in reasons]
