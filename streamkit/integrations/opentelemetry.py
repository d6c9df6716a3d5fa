"""An observer that turns streams into OpenTelemetry spans and metrics: `Client(observers=[...])`.

It needs the extra `otel`, and imports OpenTelemetry inside the factory.

Rule: no prompt, answer or argument leaves through this file unless the caller sets `capture_content=True`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from .._version import __version__
from ..client.observers import AttemptStarted, Ended, Fact, Observer, Operation
from ..completion import Choice, Completion, Usage
from ..errors import UsageError
from ..events import KeepAlive, Opened, Retrying
from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    Refusal,
)


class Names:
    """The names of attributes, events and histograms; no other place spells them.

    They are from docs/gen-ai/client-inference.md of open-telemetry/semantic-conventions-genai, autumn 2026.
    That page is still in development. It replaces the names of release 1.41 (`gen_ai.client.operation.*`,
    `gen_ai.client.token.usage`).
    """

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    REQUEST_MODEL = "gen_ai.request.model"
    STREAM = "gen_ai.request.stream"
    ADDRESS = "server.address"
    PORT = "server.port"
    RESPONSE_ID = "gen_ai.response.id"
    RESPONSE_MODEL = "gen_ai.response.model"
    FINISH_REASONS = "gen_ai.response.finish_reasons"
    FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
    ERROR = "error.type"
    INPUT_MESSAGES = "gen_ai.input.messages"
    OUTPUT_MESSAGES = "gen_ai.output.messages"
    INSTRUCTIONS = "gen_ai.system_instructions"
    MODALITY = "gen_ai.token.modality"
    # our own
    ENDED = "streamkit.ended"
    COST = "streamkit.usage.cost"  # the conventions have no name for money
    COST_COMPUTED = "streamkit.usage.cost_computed"
    RETRY = "streamkit.retry"
    RETRY_ATTEMPT = "streamkit.retry.attempt"
    RETRY_DELAY = "streamkit.retry.delay"
    # histograms
    DURATION = "gen_ai.client.inference.duration"
    TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"


# Parameters of a request whose values aren't content: our name -> the attribute.
PARAMS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "previous_response_id": "gen_ai.request.previous_response.id",
}
# A field of `Usage` -> its span attribute and its counter.
TOKENS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.client.inference.usage.input_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.client.inference.usage.output_tokens"),
    "cached_input_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
    ),
}
# Profiles for which the conventions have another name; every other profile keeps its own.
PROVIDERS = {
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    **dict.fromkeys(("bedrock", "bedrock-openai"), "aws.bedrock"),
    **dict.fromkeys(("gemini", "gemini-openai"), "gcp.gemini"),
    **dict.fromkeys(("vertex", "vertex-gemini", "vertex-openai"), "gcp.vertex_ai"),
}
_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]  # seconds


def opentelemetry_observer(
    *,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    capture_content: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> Observer:
    """Return an observer that gives each stream a client span, and records its duration and tokens.

    The span covers all attempts. Its parent is the span that is current when the first event is pulled, and
    it ends with the stream, however that ends. It never becomes the current span: a generator that the
    caller abandons couldn't undo that. *capture_content* adds instructions, input and output. The providers
    are by default the global ones; *now* is a clock in seconds. Raises `UsageError` if OpenTelemetry isn't
    installed.
    """
    try:
        from opentelemetry import metrics, trace
    except ImportError as exc:
        raise UsageError(
            "OpenTelemetry isn't installed; install the extra otel, in a clone with pip install '.[otel]'"
        ) from exc
    tracer = trace.get_tracer("streamkit", __version__, tracer_provider)
    meter = metrics.get_meter("streamkit", __version__, meter_provider)
    return _OpenTelemetry(tracer, meter, capture_content, now)


class _OpenTelemetry:
    """Spans by operation number, from the first attempt to `Ended`."""

    def __init__(self, tracer: Any, meter: Any, capture_content: bool, now: Callable[[], float]) -> None:
        self._tracer = tracer
        self._capture_content = capture_content
        self._now = now
        self._spans: dict[int, _Span] = {}
        self._duration, self._first_chunk = (
            meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=_BUCKETS)
            for name in (Names.DURATION, Names.TIME_TO_FIRST_CHUNK)
        )
        self._tokens = {field: meter.create_counter(name, "{token}") for field, (_, name) in TOKENS.items()}

    def __call__(self, operation: Operation, fact: Fact) -> None:
        kind = type(fact)
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
                attributes |= _asked(operation)
        return self._tracer.start_span(
            f"chat {operation.model}", kind=SpanKind.CLIENT, attributes=attributes, start_time=at
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
            outcome[Names.OUTPUT_MESSAGES] = _json(_answers(completion))
        span.otel.set_attributes(common | outcome | _usage_attributes(completion.usage))
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


def _usage_attributes(usage: Usage | None) -> dict[str, int | float | bool]:
    """Return the counts that are known, and the cost, with a mark if streamkit computed it."""
    counts = {name: getattr(usage, field, None) for field, (name, _) in TOKENS.items()}
    found: dict[str, int | float | bool] = {k: count for k, count in counts.items() if count is not None}
    if usage is not None and usage.cost is not None:
        found |= {Names.COST: usage.cost, Names.COST_COMPUTED: usage.cost_computed}
    return found


# -- content, in the shape of gen-ai-input-messages.json and gen-ai-output-messages.json --------


def _asked(operation: Operation) -> dict[str, str]:
    request = operation.request
    assert request is not None
    content = {Names.INPUT_MESSAGES: _json([_message(item) for item in request.input])}
    if request.instructions:
        content[Names.INSTRUCTIONS] = _json([{"type": "text", "content": request.instructions}])
    return content


def _answers(completion: Completion) -> list[dict[str, Any]]:
    return [
        {
            "role": "assistant",
            "parts": [part for item in choice.items for part in _message(item)["parts"]],
            "finish_reason": _spelled(choice),
        }
        for choice in completion.choices
    ]


def _spelled(choice: Choice) -> str:
    return "tool_call" if choice.finish_reason == "tool_calls" else choice.finish_reason or "error"


def _message(item: Item) -> dict[str, Any]:
    match item:
        case Message(role=role, content=content):
            return {"role": role, "parts": list(_text_parts(content))}
        case Reasoning():
            return {"role": "assistant", "parts": [{"type": "reasoning", "content": item.text}]}
        case (
            FunctionCall(call_id=call_id, name=name, arguments=arguments)
            | CustomToolCall(call_id=call_id, name=name, input=arguments)
        ):
            part = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
            return {"role": "assistant", "parts": [part]}
        case (
            FunctionCallOutput(call_id=call_id, output=output)
            | CustomToolCallOutput(call_id=call_id, output=output)
        ):
            response = output if isinstance(output, str) else list(_text_parts(output))
            return {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": call_id, "response": response}],
            }
        case _:
            return {"role": "assistant", "parts": [{"type": item.type}]}


def _text_parts(parts: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Yield texts with their content; of an image, audio or a file, only the type."""
    for part in parts:
        if isinstance(part, InputText | OutputText):
            yield {"type": "text", "content": part.text}
        elif isinstance(part, Refusal):
            yield {"type": "refusal", "content": part.refusal}
        else:
            yield {"type": part.type}


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # exporters can't encode a lone surrogate
