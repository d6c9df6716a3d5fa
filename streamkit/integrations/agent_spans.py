"""Agent runs as spans and metrics: `invoke_agent NAME` around `execute_tool TOOL` and the streams.

Rules: a run's span never becomes the current one, because its generator can be abandoned. A tool's span is
current while the tool runs, in that call's own context, so spans that the tool starts are inside it.
"""

from __future__ import annotations

from typing import Any

from ..client.observers import Fact, Operation, RunEnded, RunStarted, ToolEnded, ToolStarted
from ..errors import ToolError
from ..tools import StopRun
from .otel_content import answers, as_json, result_of
from .otel_names import BUCKETS, PROVIDERS, Names, usage_attributes

AGENT_FACTS = (RunStarted, ToolStarted, ToolEnded, RunEnded)


class AgentSpans:
    """Open spans by the number of their run, or of their tool's call."""

    def __init__(self, tracer: Any, meter: Any, capture_content: bool) -> None:
        self._tracer = tracer
        self._capture_content = capture_content
        self._spans: dict[int, Any] = {}
        self._names: dict[int, str | None] = {}  # of the agents
        self._tokens: dict[int, Any] = {}  # what the context was before the tool's span
        self._run_duration, self._tool_duration = (
            meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=BUCKETS)
            for name in (Names.AGENT_DURATION, Names.TOOL_DURATION)
        )

    def __call__(self, operation: Operation, fact: Fact) -> None:
        match fact:
            case RunStarted(name=name):
                self._start_run(operation, name)
            case ToolStarted():
                self._start_tool(operation, fact)
            case ToolEnded():
                self._end_tool(fact)
            case RunEnded():
                self._end_run(operation, fact)

    def context_of(self, operation: Operation) -> Any:
        """Return the context of the run that *operation* is a stream of; None stands for the current one.

        A stream that a tool asks for has the current one, which is that of the tool or one inside of it.
        """
        from opentelemetry.trace import set_span_in_context

        if operation.parent is None or operation.parent not in self._names:
            return None
        return set_span_in_context(self._spans[operation.parent])

    def _start_run(self, operation: Operation, name: str | None) -> None:
        attributes = {
            Names.OPERATION: "invoke_agent",
            Names.PROVIDER: PROVIDERS.get(operation.profile, operation.profile),
            Names.REQUEST_MODEL: operation.model,
            Names.AGENT_NAME: name,
        }
        self._names[operation.number] = name
        self._spans[operation.number] = self._tracer.start_span(
            f"invoke_agent {name}" if name else "invoke_agent",
            attributes={key: value for key, value in attributes.items() if value},
        )

    def _end_run(self, operation: Operation, fact: RunEnded) -> None:
        span, name = self._spans.pop(operation.number), self._names.pop(operation.number)
        common = {Names.AGENT_NAME: name} if name else {}
        if fact.how == "failed":
            common |= self._failed(span, fact.error)
        span.set_attributes({Names.ENDED: fact.how, **common, **usage_attributes(fact.result.usage)})
        if self._capture_content and fact.result.completion is not None:
            span.set_attribute(Names.OUTPUT_MESSAGES, as_json(answers(fact.result.completion)))
        span.end()
        self._run_duration.record(fact.seconds, common)

    def _start_tool(self, operation: Operation, fact: ToolStarted) -> None:
        from opentelemetry import context
        from opentelemetry.trace import set_span_in_context

        attributes = {
            Names.OPERATION: "execute_tool",
            Names.TOOL_NAME: fact.spec.name,
            Names.TOOL_TYPE: "function",
            Names.TOOL_DESCRIPTION: fact.spec.description,
            Names.CALL_ID: fact.call.call_id,
        }
        if self._capture_content:
            attributes[Names.CALL_ARGUMENTS] = fact.call.arguments
        run = self._spans.get(operation.number)
        span = self._tracer.start_span(
            f"execute_tool {fact.spec.name}",
            context=None if run is None else set_span_in_context(run),
            attributes={key: value for key, value in attributes.items() if value},
        )
        self._spans[fact.number] = span
        self._tokens[fact.number] = context.attach(set_span_in_context(span))

    def _end_tool(self, fact: ToolEnded) -> None:
        from opentelemetry import context

        context.detach(self._tokens.pop(fact.number))
        span = self._spans.pop(fact.number)
        common = {Names.OPERATION: "execute_tool", Names.TOOL_NAME: fact.call.name}
        if fact.error is not None and not isinstance(fact.error, StopRun):
            common |= self._failed(span, fact.error)
        span.set_attributes(common)
        if self._capture_content and fact.output is not None:
            span.set_attribute(Names.CALL_RESULT, result_of(fact.output))
        span.end()
        self._tool_duration.record(fact.seconds, common)

    def _failed(self, span: Any, error: BaseException | None) -> dict[str, str]:
        """Mark the span as failed, and return its error's attribute. The message may quote arguments."""
        from opentelemetry.trace import Status, StatusCode

        cause = error.__cause__ if isinstance(error, ToolError) and error.__cause__ else error
        span.set_status(Status(StatusCode.ERROR, str(error) if self._capture_content else None))
        return {Names.ERROR: type(cause).__name__}
