"""Agent runs and tools in the real OpenTelemetry SDK: spans inside of spans, with the conventions' names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamkit import Client, FunctionCall, Usage, agent
from streamkit.integrations.opentelemetry import opentelemetry_observer
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tools import tool

pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk (the extra check)")


class Telemetry:
    """The SDK with exporters in memory."""

    def __init__(self) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    def client(self, *answers: Any, **options: Any) -> Client:
        observer = opentelemetry_observer(tracer_provider=self.tracers, meter_provider=self.meters, **options)
        return Client(
            "generic",
            base_url="http://fake/v1",
            model="m",
            transport=FakeTransport(*answers),
            observers=[observer],
        )

    @property
    def spans(self) -> dict[str, Any]:
        """The spans that have ended, by name."""
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def tree(self) -> dict[str, str | None]:
        """Return the name of each span's parent; spans with the same name need the same parent."""
        names = {span.context.span_id: span.name for span in self._exporter.get_finished_spans()}
        return {
            span.name: names.get(span.parent.span_id) if span.parent else None
            for span in self._exporter.get_finished_spans()
        }

    def counts(self) -> dict[str, list[tuple[int, dict[str, Any]]]]:
        """Return the number of measurements and the attributes of each histogram of runs and tools."""
        data = self._reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return {
            m.name: [(point.count, dict(point.attributes)) for point in m.data.data_points]
            for m in metrics
            if m.name.endswith(("agent.duration", "tool.duration"))
        }


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.tracers.shutdown()
    telemetry.meters.shutdown()


USAGE = Usage(10, 5, 15)
LOOK = chat_stream(FunctionCall("c1", "look", '{"place": "attic"}'), usage=USAGE)
DONE = chat_stream("Found.", usage=USAGE)


@tool
def look(place: str) -> str:
    """Look somewhere."""
    return f"nothing in {place}"


def test_a_run_is_a_span_around_its_streams_and_tools(telemetry: Telemetry) -> None:
    """Names, kinds and attributes follow the GenAI conventions; no content is exported."""
    agent.run(telemetry.client(LOOK, DONE), "Where?", [look], name="seeker").result()
    assert telemetry.tree() == {
        "invoke_agent seeker": None,
        "chat m": "invoke_agent seeker",
        "execute_tool look": "invoke_agent seeker",
    }
    run, called = telemetry.spans["invoke_agent seeker"], telemetry.spans["execute_tool look"]
    assert (run.kind.name, called.kind.name) == ("INTERNAL", "INTERNAL")
    assert dict(run.attributes) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "generic",
        "gen_ai.request.model": "m",
        "gen_ai.agent.name": "seeker",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 10,
        "streamkit.ended": "completed",
    }
    assert dict(called.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Look somewhere.",
        "gen_ai.tool.call.id": "c1",
    }
    assert telemetry.counts() == {
        "gen_ai.invoke_agent.duration": [(1, {"gen_ai.agent.name": "seeker"})],
        "gen_ai.execute_tool.duration": [
            (1, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"})
        ],
    }


def test_content_is_recorded_on_request(telemetry: Telemetry) -> None:
    """The arguments and the result of a call, and the answer of the run."""
    agent.run(telemetry.client(LOOK, DONE, capture_content=True), "Where?", [look]).result()
    called, run = telemetry.spans["execute_tool look"].attributes, telemetry.spans["invoke_agent"].attributes
    assert called["gen_ai.tool.call.arguments"] == '{"place": "attic"}'
    assert called["gen_ai.tool.call.result"] == '"nothing in attic"'
    assert "Found." in run["gen_ai.output.messages"]


@pytest.mark.parametrize("how", ["in order", "executor", "timeout"])
def test_spans_of_a_tool_are_inside_its_span(telemetry: Telemetry, how: str) -> None:
    """The tool's own spans, and those of streams that it asks for, in whichever thread it runs."""
    from opentelemetry import trace

    client = telemetry.client(LOOK, chat_stream("A box."), DONE)

    def look(place: str) -> str:
        with telemetry.tracers.get_tracer("mine").start_as_current_span("search"):
            return client.complete(f"What is in {place}?", model="small").text

    with ThreadPoolExecutor(1) as pool:
        options = {"executor": {"executor": pool}, "timeout": {"tool_timeout": 10}}.get(how, {})
        with telemetry.tracers.get_tracer("mine").start_as_current_span("job") as job:
            agent.run(client, "Where?", [look], **options).result()  # type: ignore[arg-type]
            assert trace.get_current_span() is job
    assert telemetry.tree() == {
        "job": None,
        "invoke_agent": "job",
        "chat m": "invoke_agent",
        "execute_tool look": "invoke_agent",
        "search": "execute_tool look",
        "chat small": "search",
    }


def test_a_failed_tool_is_an_error_with_the_class_of_its_cause(telemetry: Telemetry) -> None:
    """The run itself goes on, so its span has no error. Messages can quote arguments, so they stay out."""

    def look(place: str) -> str:
        raise KeyError(place)

    agent.run(telemetry.client(LOOK, DONE), "Where?", [look]).result()
    span = telemetry.spans["execute_tool look"]
    assert (span.status.status_code.name, span.status.description) == ("ERROR", None)
    assert span.attributes["error.type"] == "KeyError"
    assert telemetry.spans["invoke_agent"].status.status_code.name == "UNSET"


def test_a_failed_run_is_an_error_with_its_class(telemetry: Telemetry) -> None:
    """A limit is one."""
    run = agent.run(telemetry.client(LOOK, DONE), "Where?", [look], max_turns=1)
    with pytest.raises(Exception, match="max_turns=1 reached"):
        run.result()
    span = telemetry.spans["invoke_agent"]
    assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", "LimitError")


def test_stopping_is_no_error(telemetry: Telemetry) -> None:
    """A tool that raises `StopRun` ended the run on purpose."""

    def look(place: str) -> str:
        raise agent.StopRun

    agent.run(telemetry.client(LOOK, DONE), "Where?", [look]).result()
    codes = {name: span.status.status_code.name for name, span in telemetry.spans.items()}
    assert codes == {"chat m": "UNSET", "execute_tool look": "UNSET", "invoke_agent": "UNSET"}


def test_parallel_calls_have_spans_of_their_own(telemetry: Telemetry) -> None:
    """Two calls of one tool at the same time don't mix up their contexts."""
    both = chat_stream(*(FunctionCall(f"c{n}", "look", f'{{"place": "{n}"}}') for n in range(4)))
    with ThreadPoolExecutor(4) as pool:
        agent.run(telemetry.client(both, DONE), "Where?", [look], executor=pool).result()
    assert telemetry.tree()["execute_tool look"] == "invoke_agent"
    assert telemetry.counts()["gen_ai.execute_tool.duration"][0][0] == 4
