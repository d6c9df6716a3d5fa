"""The batches of each API as pure generators: requests out, the replies of the documentation in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit.errors import StreamError
from streamkit.wires import find_batch_api
from streamkit.wires.batch import Ask, BatchAPI, Found, Look, Submission, multipart


def api_of(wire: str, kind: str = "own") -> BatchAPI:
    api = find_batch_api(wire, kind)
    assert api is not None
    return api


def run(steps: Any, *replies: dict[str, Any]) -> tuple[list[Ask], Any]:
    """Return the requests that *steps* make, and their value; each gets the next of *replies*."""
    asks = [next(steps)]
    for reply in replies:
        try:
            asks.append(steps.send(reply))
        except StopIteration as stop:
            return asks, stop.value
    raise AssertionError(f"{asks[-1]} has no reply")


def lost(**staged: str) -> Submission:
    return Submission("tag", "m", 2, staged=staged)


# -- the batch whose reply was lost -------------------------------------------------------


def test_openai_is_looked_through_back_to_the_upload() -> None:
    """Newest first: a page that ends before the upload is the last; one of the same second isn't."""
    page = [{"id": f"b{n}", "input_file_id": "other", "created_at": 1000 - n} for n in range(3)]
    find = api_of("chat").find
    asks, found = run(find(lost(file="f", at="999")), {"data": page, "has_more": True})
    assert [ask.path for ask in asks] == ["/batches?limit=100"]
    assert found == []
    asks, found = run(
        find(lost(file="f", at="998")),
        {"data": page, "has_more": True},
        {"data": [{"id": "b9", "input_file_id": "f", "created_at": 998}], "has_more": False},
    )
    assert [ask.path for ask in asks] == ["/batches?limit=100", "/batches?limit=100&after=b2"]
    assert found == [Found("b9")]


def test_mistral_is_looked_through_back_to_the_upload() -> None:
    """A page that isn't full is the last."""
    full = [{"id": f"b{n}", "input_files": ["other"], "created_at": 1000} for n in range(100)]
    asks, found = run(
        api_of("chat", "mistral").find(lost(file="f", at="1000")),
        {"data": full},
        {"data": [{"id": "b", "input_files": ["f"], "created_at": 1000}]},
    )
    assert [ask.path for ask in asks] == [
        "/batch/jobs?page=0&page_size=100&order_by=-created",
        "/batch/jobs?page=1&page_size=100&order_by=-created",
    ]
    assert found == [Found("b")]
    older = [{**each, "created_at": 9} for each in full]
    assert run(api_of("chat", "mistral").find(lost(file="f", at="10")), {"data": older})[1] == []


def test_anthropic_is_looked_through_back_to_the_newest_before() -> None:
    """Those with as many rows may be it; those without counts may be, too."""
    counts = {"processing": 1, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0}
    first = [{"id": "a", "request_counts": counts}, {"id": "b", "request_counts": {"processing": 3}}]
    second = [{"id": "c"}, {"id": "old"}, {"id": "d", "request_counts": counts}]
    asks, found = run(
        api_of("messages").find(lost(newer_than="old")),
        {"data": first, "has_more": True},
        {"data": second, "has_more": True},
    )
    assert [ask.path for ask in asks] == [
        "/v1/messages/batches?limit=100",
        "/v1/messages/batches?limit=100&after_id=b",
    ]
    assert found == [Found("a", is_certain=False), Found("c", is_certain=False)]


@pytest.mark.parametrize(
    "about",
    [
        {"displayName": "streamkit-tag"},
        {"display_name": "streamkit-tag"},
        {"inputConfig": {"fileName": "files/f"}},
    ],
    ids=str,
)
def test_gemini_is_looked_through_by_tokens(about: dict[str, Any]) -> None:
    """By our name for it, or by its file; fields may be in snake_case."""
    asks, found = run(
        api_of("gemini").find(lost(file="files/f")),
        {"operations": [{"name": "batches/x", "metadata": {"displayName": "x"}}], "nextPageToken": "a b"},
        {"operations": [{"name": "batches/y", "metadata": about}]},
    )
    assert [ask.path for ask in asks] == [
        "/v1beta/batches?pageSize=100",
        "/v1beta/batches?pageSize=100&pageToken=a%20b",
    ]
    assert found == [Found("batches/y")]
    assert run(api_of("gemini").find(lost(file="files/f")), {})[1] == []  # no batch at all


# -- states -------------------------------------------------------------------------------


def look(wire: str, raw: dict[str, Any], kind: str = "own") -> Look:
    return run(api_of(wire, kind).look("b"), raw)[1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", "validating"),
        ("RUNNING", "in_progress"),
        ("SUCCEEDED", "completed"),
        ("FAILED", "failed"),
        ("CANCELLED", "cancelled"),
        ("EXPIRED", "expired"),
        ("UNSPECIFIED", "in_progress"),
        ("SOMETHING_NEW", "in_progress"),
    ],
)
@pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_"])
def test_states_of_gemini(prefix: str, word: str, status: str) -> None:
    """In the words of the API, and in those of its packages and pages."""
    assert look("gemini", {"name": "b", "metadata": {"state": prefix + word}}).status == status
    assert look("gemini", {"name": "b", "state": prefix + word}).status == status  # the batch itself


def test_an_operation_of_gemini_that_is_done_is_over() -> None:
    """Whatever its state is called; with an error it failed, for a reason with an HTTP status."""
    assert look("gemini", {"done": True, "metadata": {}}).status == "completed"
    failed = look("gemini", {"done": True, "error": {"code": 3, "message": "bad"}, "metadata": {}})
    assert failed.status == "failed"
    assert failed.problem == {"code": 400, "message": "bad"}


def test_counts_of_gemini_are_texts() -> None:
    """Google writes 64-bit numbers as strings."""
    stats = {"requestCount": "5", "successfulRequestCount": "3", "failedRequestCount": "1"}
    assert look("gemini", {"metadata": {"batchStats": stats}}).counts == {
        "total": 5,
        "completed": 3,
        "failed": 1,
    }


@pytest.mark.parametrize(
    ("word", "counts", "status"),
    [
        ("in_progress", {"processing": 2}, "in_progress"),
        ("canceling", {"processing": 2}, "cancelling"),
        ("ended", {"succeeded": 1, "errored": 1}, "completed"),
        ("ended", {"succeeded": 1, "expired": 1}, "expired"),
        ("ended", {"canceled": 1, "expired": 1}, "cancelled"),
    ],
)
def test_states_of_anthropic(word: str, counts: dict[str, int], status: str) -> None:
    """An expired batch ends as any other; its counts tell."""
    assert look("messages", {"processing_status": word, "request_counts": counts}).status == status


# -- results ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        {"response": {"responsesFile": "files/r"}},
        {"response": {"responses_file": "files/r"}},
        {"metadata": {"output": {"responsesFile": "files/r"}}},
        {"dest": {"fileName": "files/r"}},
    ],
    ids=str,
)
def test_the_file_of_gemini_is_found(raw: dict[str, Any]) -> None:
    """The guide, the reference and the SDK each have it in another place."""
    sources = api_of("gemini").sources("b", Look("completed", "", {}, raw))
    assert sources == ["/download/v1beta/files/r:download?alt=media"]


def test_ids_stay_one_part_of_a_path() -> None:
    """Also those that a server would take for another path."""
    asks, _ = run(api_of("chat").cancel("a/../b?c"), {})
    assert asks[0].path == "/batches/a%2F..%2Fb%3Fc/cancel"
    asks, _ = run(api_of("gemini").cancel("123"), {})
    assert asks[0].path == "/v1beta/batches/123:cancel"


@pytest.mark.parametrize(
    ("wire", "kind"), [("chat", "own"), ("messages", "own"), ("gemini", "own"), ("chat", "mistral")]
)
def test_a_reply_without_an_id_is_an_error(wire: str, kind: str) -> None:
    """So the batch is looked for."""
    submission = Submission("tag", "m", 1, [b"{}"], staged={"file": "f"})
    with pytest.raises(StreamError, match=r"^batches: expected (id|name) in the provider's reply"):
        run(api_of(wire, kind).begin(submission), {"object": "error"})


def test_the_requests_that_begin_batches() -> None:
    """As the documentation writes them."""
    submission = Submission("tag", "models/m", 2, [b'{"a": 1}', b'{"b": 2}'], staged={"file": "files/f"})
    asks, name = run(api_of("messages").begin(submission), {"id": "x"})
    assert (asks[0].method, asks[0].path, name) == ("POST", "/v1/messages/batches", "x")
    assert json.loads(asks[0].body) == {"requests": [{"a": 1}, {"b": 2}]}
    asks, name = run(api_of("gemini").begin(submission), {"name": "batches/x"})
    assert (asks[0].method, asks[0].path, name) == (
        "POST",
        "/v1beta/models/m:batchGenerateContent",
        "batches/x",
    )
    wish = {"displayName": "streamkit-tag", "inputConfig": {"fileName": "files/f"}}
    assert json.loads(asks[0].body) == {"batch": wish}
    asks, _ = run(api_of("responses").begin(submission), {"id": "x"})
    wish = {"input_file_id": "files/f", "endpoint": "/v1/responses", "completion_window": "24h"}
    assert json.loads(asks[0].body) == wish
    asks, _ = run(api_of("chat", "mistral").begin(submission), {"id": "x"})
    job = {"input_files": ["files/f"], "model": "models/m", "endpoint": "/v1/chat/completions"}
    assert json.loads(asks[0].body) == job


def test_an_upload_is_multipart() -> None:
    """RFC 2046, section 5.1: delimiters, and a last one with two hyphens."""
    body, kind = multipart("related", "tag", [("A: b", b"x\r\ny"), ("C: d", b"")])
    assert kind == "multipart/related; boundary=streamkit-tag"
    assert body == (
        b"--streamkit-tag\r\nA: b\r\n\r\nx\r\ny\r\n--streamkit-tag\r\nC: d\r\n\r\n\r\n--streamkit-tag--\r\n"
    )
