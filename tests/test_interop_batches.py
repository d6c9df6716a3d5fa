"""The official packages against the batches of the replay server: what they send and read is what we do."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamkit import Client
from streamkit.recordings.server import ReplayServer, serve
from streamkit.testing import stream_of

pytestmark = pytest.mark.interop

TEXT = "from the server"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReplayServer]:
    (tmp_path / "one.sse").write_bytes(stream_of("chat", TEXT))
    with serve(tmp_path / "one.sse") as running:
        yield running


def test_openai(server: ReplayServer) -> None:
    """Upload, create, list, retrieve, content; and cancel."""
    openai = pytest.importorskip("openai", reason="needs openai: install the extra interop")
    sdk = openai.OpenAI(base_url=server.url, api_key="k")
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    line = {"custom_id": "k", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = sdk.files.create(file=("rows.jsonl", io.BytesIO(json.dumps(line).encode())), purpose="batch")
    batch = sdk.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    assert batch.status == "validating"
    assert [each.id for each in sdk.batches.list()] == [batch.id]
    while batch.status not in ("completed", "failed"):
        batch = sdk.batches.retrieve(batch.id)
    assert (batch.request_counts.total, batch.request_counts.completed, batch.metadata) == (1, 1, {"a": "b"})
    (result,) = map(json.loads, sdk.files.content(batch.output_file_id).text.splitlines())
    assert result["response"]["body"]["choices"][0]["message"]["content"] == TEXT
    other = sdk.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert sdk.batches.cancel(other.id).status == "cancelling"


def test_anthropic(server: ReplayServer) -> None:
    """Create, list, retrieve, results by their `results_url`, cancel; a name that the API refuses."""
    anthropic = pytest.importorskip("anthropic", reason="needs anthropic: install the extra interop")
    sdk = anthropic.Anthropic(base_url=server.url.removesuffix("/v1"), api_key="k")
    params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    batch = sdk.messages.batches.create(requests=[{"custom_id": "k", "params": params}])
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 1)
    assert [each.id for each in sdk.messages.batches.list()] == [batch.id]
    while batch.processing_status != "ended":
        batch = sdk.messages.batches.retrieve(batch.id)
    assert batch.request_counts.succeeded == 1
    (result,) = sdk.messages.batches.results(batch.id)
    assert (result.custom_id, result.result.type) == ("k", "succeeded")
    assert result.result.message.content[0].text == TEXT
    other = sdk.messages.batches.create(requests=[{"custom_id": "k", "params": params}])
    assert sdk.messages.batches.cancel(other.id).processing_status == "canceling"
    with pytest.raises(anthropic.BadRequestError, match="should match pattern"):
        sdk.messages.batches.create(requests=[{"custom_id": "a b", "params": params}])


def test_google(server: ReplayServer) -> None:
    """Rows in the request, with and without keys; create, list, get, cancel; a job that streamkit began."""
    genai = pytest.importorskip("google.genai", reason="needs google-genai: install the extra interop")
    root = server.url.removesuffix("/v1")
    sdk = genai.Client(api_key="k", http_options={"base_url": root})
    asked = [{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "metadata": {"key": "k"}}]
    job = sdk.batches.create(model="m", src=asked, config={"display_name": "d"})
    assert job.state.name == "JOB_STATE_PENDING"
    assert [each.name for each in sdk.batches.list()] == [job.name]
    while job.state.name not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"):
        job = sdk.batches.get(name=job.name)
    (inlined,) = job.dest.inlined_responses
    assert inlined.response.text == TEXT
    own = Client("gemini", api_key="k", base_url=root, model="m")
    batch = own.batches.submit(["Hi"], key=str)
    batch.wait(0)
    theirs = sdk.batches.get(name=batch.id)
    assert theirs.state.name == "JOB_STATE_SUCCEEDED"
    (line,) = map(json.loads, sdk.files.download(file=theirs.dest.file_name).splitlines())
    assert line["response"]["candidates"][0]["content"]["parts"][0]["text"] == TEXT
    assert [answer.text for answer in batch.results()] == [TEXT]
    sdk.batches.cancel(name=own.batches.submit(["Ho"]).id)


def test_mistral(server: ReplayServer) -> None:
    """Upload, create, list, get, download, cancel."""
    mistral: Any = pytest.importorskip(
        "mistralai.client", reason="needs mistralai: install the extra interop"
    )
    sdk = mistral.Mistral(api_key="k", server_url=server.url.removesuffix("/v1"))
    line = {"custom_id": "k", "body": {"messages": [{"role": "user", "content": "Hi"}]}}
    file = sdk.files.upload(
        file={"file_name": "rows.jsonl", "content": json.dumps(line).encode()}, purpose="batch"
    )
    job = sdk.batch.jobs.create(input_files=[file.id], model="m", endpoint="/v1/chat/completions")
    assert job.status == "QUEUED"
    assert [each.id for each in sdk.batch.jobs.list().data] == [job.id]
    while job.status in ("QUEUED", "RUNNING"):
        job = sdk.batch.jobs.get(job_id=job.id)
    assert (job.status, job.total_requests, job.succeeded_requests) == ("SUCCESS", 1, 1)
    (result,) = map(json.loads, sdk.files.download(file_id=job.output_file).read().splitlines())
    assert result["response"]["body"]["choices"][0]["message"]["content"] == TEXT
    other = sdk.batch.jobs.create(input_files=[file.id], model="m", endpoint="/v1/chat/completions")
    assert sdk.batch.jobs.cancel(job_id=other.id).status == "CANCELLATION_REQUESTED"
