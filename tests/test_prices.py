"""client.prices: the cost of an answer, computed if the server sends none, and marked as computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from streamkit import Client, Completed, Completion, Usage, UsageError, UsageReport, genai_prices
from streamkit.client.observers import Operation
from streamkit.client.prices import Prices
from streamkit.display import usage_line
from streamkit.testing import FakeTransport, chat_stream

USAGE = Usage(input_tokens=1000, output_tokens=100, total_tokens=1100)
ANSWER = chat_stream("Hi", usage=USAGE, model="gpt-4o-2024-08-06")


def client(prices: Prices | None, answer: bytes = ANSWER, **options: Any) -> Client:
    return Client(api_key="sk-none", transport=FakeTransport(answer), prices=prices, **options)


def at_a_cent(usage: Usage, model: str, operation: Operation) -> float:
    """A cent for each token of either kind."""
    return 0.01 * ((usage.input_tokens or 0) + (usage.output_tokens or 0))


def test_a_cost_is_computed_from_the_callers_prices() -> None:
    """The function gets the counts, the model that answered, and the operation; every event has the cost."""
    asked: list[tuple[Usage, str, str, str | None]] = []

    def prices(usage: Usage, model: str, operation: Operation) -> Decimal:
        asked.append((usage, model, operation.model, operation.host))
        return Decimal("0.25")

    events = list(client(prices).stream("Hi", model="gpt-4o"))
    assert [each[1:] for each in asked] == [("gpt-4o-2024-08-06", "gpt-4o", "api.openai.com")] * 2
    assert asked[0][0].input_tokens == 1000
    (report,) = (event for event in events if isinstance(event, UsageReport))
    last = events[-1]
    assert isinstance(last, Completed)
    for usage in (report.usage, last.completion.usage):
        assert usage is not None
        assert (usage.cost, usage.cost_computed, usage.output_tokens) == (0.25, True, 100)


def test_observers_and_the_stream_have_the_cost() -> None:
    """What an observer gets at the end, and `partial`, are the same completion."""
    ended: list[Completion] = []
    observing = client(
        at_a_cent,
        observers=[lambda _, fact: ended.append(fact.completion) if hasattr(fact, "completion") else None],
    )
    stream = observing.stream("Hi", model="m")
    completion = stream.result()
    assert completion.usage
    assert completion.usage.cost == pytest.approx(11.0)
    assert ended[-1] == stream.partial == completion


def test_a_cost_that_the_server_sent_stays() -> None:
    """The gateway knows better; the function isn't asked."""
    body = ANSWER.replace(b'"prompt_tokens"', b'"cost":0.5,"prompt_tokens"', 1)
    assert b"0.5" in body

    def prices(*_: object) -> float:
        raise AssertionError

    usage = client(prices, body).complete("Hi", model="m").usage
    assert usage
    assert (usage.cost, usage.cost_computed) == (0.5, False)


@pytest.mark.parametrize(
    "price",
    [
        pytest.param(lambda *_: None, id="not known"),
        pytest.param(lambda *_: float("nan"), id="NaN"),
        pytest.param(lambda *_: -1.0, id="negative"),
        pytest.param(lambda *_: "free", id="text"),
        pytest.param(lambda *_: 1 / 0, id="an error"),
    ],
)
def test_prices_never_break_an_answer(price: Callable[..., Any]) -> None:
    """Without a sound cost, the cost stays None, and the answer arrives."""
    completion = client(price).complete("Hi", model="m")
    assert completion.text == "Hi"
    assert completion.usage
    assert (completion.usage.cost, completion.usage.cost_computed) == (None, False)


def test_an_answer_without_usage_has_no_cost() -> None:
    """Nothing is estimated."""
    assert client(at_a_cent, chat_stream("Hi", usage=None)).complete("Hi", model="m").usage is None


def test_sums_are_marked_if_a_part_is_computed() -> None:
    """A conversation's cost is computed if that of one of its turns is."""
    computed, sent = Usage(cost=0.1, cost_computed=True), Usage(cost=0.2)
    assert (computed + sent, sent + sent) == (Usage(cost=0.3, cost_computed=True), Usage(cost=0.4))


def test_a_computed_cost_is_marked_where_it_is_shown() -> None:
    """The line of notebook and command line has the mark, JSON keeps it; a server's document has no cost."""
    completion = client(at_a_cent).complete("Hi", model="m")
    assert usage_line(completion.usage) == "1000 + 100 tokens, cost 11 (computed)"
    assert "cost" not in completion.to_chat_completion()["usage"]
    assert Completion.from_dict(json.loads(json.dumps(completion.to_dict()))) == completion


@pytest.mark.parametrize("prices", [5, "genai", True], ids=repr)
def test_prices_are_a_function(prices: Any) -> None:
    """Anything else is refused when the client is made."""
    with pytest.raises(UsageError, match="prices: expected a function"):
        client(prices)


# -- genai-prices ---------------------------------------------------------------------------


def operation(host: str | None, model: str = "gpt-4o") -> Operation:
    return Operation("chat", "openai", model, host)


def test_genai_prices_knows_models_by_provider() -> None:
    """gpt-4o: $2.50 for a million input tokens, $10 for a million output tokens, $1.25 for cached ones."""
    pytest.importorskip("genai_prices", reason="needs genai-prices (pip install '.[prices]')")
    at_openai = operation("api.openai.com")
    assert genai_prices(USAGE, "gpt-4o-2024-08-06", at_openai) == Decimal("0.0035")
    cached = Usage(input_tokens=1000, output_tokens=0, cached_input_tokens=1000)
    assert genai_prices(cached, "gpt-4o", at_openai) == Decimal("0.00125")
    # A fine-tuned or renamed model that answers is priced by the one that was asked for.
    assert genai_prices(USAGE, "no-such-model", at_openai) == Decimal("0.0035")


@pytest.mark.parametrize(
    ("usage", "where"),
    [
        pytest.param(USAGE, operation("127.0.0.1"), id="a server on this machine"),
        pytest.param(USAGE, operation(None), id="no host"),
        pytest.param(USAGE, operation("api.openai.com", "no-such"), id="no such model"),
        pytest.param(Usage(input_tokens=5), operation("api.openai.com"), id="half of the counts"),
    ],
)
def test_genai_prices_invents_nothing(usage: Usage, where: Operation) -> None:
    """A model of the same name elsewhere has another price, or none."""
    pytest.importorskip("genai_prices", reason="needs genai-prices (pip install '.[prices]')")
    model = where.model
    assert genai_prices(usage, model, where) is None


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs the extra."""
    monkeypatch.setitem(__import__("sys").modules, "genai_prices", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[prices\]'"):
        client(genai_prices).complete("Hi", model="m")
