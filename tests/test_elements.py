"""elements: the entries of a list as each completes, the right list, and an error for every bad end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from streamkit import (
    AnswerError,
    Choice,
    Client,
    Completion,
    IncompleteResponseError,
    Message,
    StreamkitError,
)
from streamkit.testing import FakeReply, FakeTransport, sse
from streamkit.typed.elements import read_elements


@dataclasses.dataclass
class Step:
    n: int


@dataclasses.dataclass
class Plan:
    tags: list[str]
    notes: list[str]
    sizes: dict[str, int]
    steps: list[Step] | None = None


def reply(text: str, finish: str = "stop", *, size: int = 1, **delta: Any) -> FakeReply:
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece, **delta}}]} for piece in pieces]
    return FakeReply(
        [sse(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, "[DONE]")]
    )


def stream(text: str, *, profile: str = "generic", wanted: Any = None, **options: Any) -> Any:
    client = Client(
        profile, base_url="http://h/v1", api_key="k", transport=FakeTransport(reply(text, **options))
    )
    return client.stream("hi", model="m", response_format=wanted)


def taken(stream: Any, kind: Any) -> tuple[list[Any], StreamkitError | None]:
    found = []
    try:
        for each in stream.elements(kind):
            found.append(each)
    except StreamkitError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("wanted", [list[int], None], ids=["asked for", "not asked for"])
@pytest.mark.parametrize(
    ("finish", "error"),
    [("stop", AnswerError), ("length", IncompleteResponseError), ("content_filter", IncompleteResponseError)],
)
@pytest.mark.parametrize("text", ['{"value":[1,2,3', '{"value":[1,2,3]', '{"value":[1,2,'])
def test_json_that_isnt_whole_at_the_end_raises(
    text: str, finish: str, error: type[StreamkitError], wanted: Any, size: int
) -> None:
    """The entries that are whole were yielded; `.partial` has the answer."""
    found, raised = taken(stream(text, finish=finish, wanted=wanted, size=size), int)
    assert found == ([1, 2, 3] if text.endswith("]") else [1, 2])
    assert type(raised) is error
    assert raised.partial is not None
    assert raised.partial.text == text


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("wanted", [list[int], None], ids=["asked for", "not asked for"])
def test_the_entries_before_a_fault_are_yielded(wanted: Any, size: int) -> None:
    """In every cutting."""
    found, raised = taken(stream('{"value": [1, 2, oops', wanted=wanted, size=size), int)
    assert (found, type(raised)) == ([1, 2], AnswerError)


@pytest.mark.parametrize(
    "text",
    [
        "{" + "".join(f'"key{n}": {n}, ' for n in range(20_000)) + '"steps": [{"n": 1}]}',
        '{"tags": [' + ", ".join('"x"' for _ in range(20_000)) + '], "steps": [{"n": 1}]}',
        "words " * 20_000 + '[{"n": 1}]',
        '{"text": "' + "x" * 100_000 + '", "steps": [{"n": 1}]}',
    ],
    ids=["many fields", "another list", "prose", "a long text"],
)
def test_the_search_for_the_list_takes_linear_time(text: str) -> None:
    """The square of these lengths takes minutes, and the test's own limit ends it."""
    pieces = [text[n : n + 4] for n in range(0, len(text), 4)]
    completion = Completion(choices=[Choice(0, [Message("assistant", text)], "stop")])
    assert list(read_elements(pieces, Step, lambda: completion)) == [Step(1)]


@pytest.mark.parametrize(
    ("text", "finish", "error"),
    [
        ('{"a": 1', "stop", AnswerError),
        ('{"a": 1', "length", IncompleteResponseError),
        ('{"a": 1}', "length", IncompleteResponseError),
        ('{"a": 1} x', "stop", AnswerError),
        ("", "stop", AnswerError),
        ("12", "stop", None),
        ('"a"', "stop", None),
        ('{"a": 1}', "stop", None),
    ],
)
def test_json_so_far_ends_in_an_error_unless_it_is_whole(text: str, finish: str, error: Any) -> None:
    """The pieces before it are yielded; `.partial` has the answer."""
    own = stream(text, finish=finish)
    if error is None:
        assert len(list(own.json_partial())) == len(text)
        return
    with pytest.raises(error) as caught:
        list(own.json_partial())
    assert type(caught.value) is error
    assert caught.value.partial is not None
    assert caught.value.partial.text == text


def test_a_refusal_and_an_empty_answer_raise() -> None:
    """Neither is a list without entries."""
    found, raised = taken(stream("", wanted=list[int]), int)
    assert (found, type(raised)) == ([], AnswerError)
    client = Client(
        "generic",
        base_url="http://h/v1",
        transport=FakeTransport(
            FakeReply(
                [
                    sse(
                        {"choices": [{"index": 0, "delta": {"refusal": "No."}}]},
                        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                        "[DONE]",
                    )
                ]
            )
        ),
    )
    with pytest.raises(AnswerError, match=r"the model refused: No\.") as caught:
        list(client.stream("hi", model="m", response_format=list[int]).elements(int))
    assert caught.value.refusal == "No."


PLAN = '{"tags": ["a", "b"], "notes": [], "sizes": {"x": 1}, "steps": [{"n": 1}, {"n": 2}]}'
STEPS = [Step(1), Step(2)]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("text", "kind", "wanted", "found"),
    [
        pytest.param(PLAN, Step, Plan, STEPS, id="the field of that type"),
        pytest.param(PLAN, Step, None, STEPS, id="the first that fits"),
        pytest.param(PLAN, str, Plan, ["a", "b"], id="the first of several fields of a type"),
        pytest.param('{"value": [], "n": 1}', Step, list[Step], [], id="an empty list"),
        pytest.param('{"a": [], "b": [{"n": 1}]}', Step, None, [Step(1)], id="after an empty list"),
        pytest.param('```json\n[{"n": 1}, {"n": 2}]\n```', Step, None, STEPS, id="a fence"),
        pytest.param('```[{"n": 1}, {"n": 2}]``` done', Step, None, STEPS, id="a fence without newlines"),
        pytest.param('```json\n{"value": [{"n": 1}]}\n```', Step, list[Step], [Step(1)], id="a fence, asked"),
        pytest.param('See [1], [the list]: [{"n": 1}] and {more}', Step, None, [Step(1)], id="prose"),
        pytest.param('{"hint": "x"} then {"steps": [{"n": 1}]}', Step, None, [Step(1)], id="a second object"),
    ],
)
def test_the_list_that_is_meant(text: str, kind: Any, wanted: Any, found: list[Any], size: int) -> None:
    """Whatever is around it, in every cutting."""
    assert taken(stream(text, wanted=wanted, size=size), kind) == (found, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"value": [{"n": "x"}]}', r"entry 0\.n: expected integer"),
        ('{"value": [{"n": 1}]} [', "isn't JSON: '\\[' follows its end"),
        ('Here: {"value": [{"n": 1}]}', "isn't JSON at character 0: 'Here"),
        ('{"n": 1}', "the answer has no list, but dict"),
    ],
)
def test_under_a_schema_the_first_fault_ends_it(text: str, words: str) -> None:
    """No part is skipped: the server promised to keep to the schema."""
    _, raised = taken(stream(text, wanted=list[Step], size=1000), Step)
    assert raised is not None
    with pytest.raises(AnswerError, match=words):
        raise raised


def test_the_inside_of_broken_json_isnt_read() -> None:
    """A list in it isn't the one that was asked for."""
    found, raised = taken(stream('So: {"a": {"b": [{"n": 1}]} x'), Step)
    assert (found, type(raised)) == ([], AnswerError)


def test_prose_is_skipped_where_no_schema_is_enforced() -> None:
    """DeepSeek accepts json_object only."""
    text = 'Here you are:\n```json\n{"value": [{"n": 1}, {"n": 2}]}\n```\nAnything else?'
    assert taken(stream(text, profile="deepseek", wanted=list[Step]), Step) == (STEPS, None)


def test_many_brackets_end_in_an_error() -> None:
    """Each one costs a look; they don't cost the square of their number."""
    _, raised = taken(stream("[a" * 20_000, size=100_000), Step)
    assert type(raised) is AnswerError


def test_each_entry_comes_before_the_next_one_has_begun() -> None:
    """Also if the list is in a fence."""
    own = stream('```json\n[{"n": 1}, {"n": 2}]\n```')
    entries = own.elements(Step)
    assert next(entries) == Step(1)
    assert own.partial.text == '```json\n[{"n": 1}'
