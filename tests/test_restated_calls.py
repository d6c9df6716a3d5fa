"""restated_calls: which call each entry of a message restates."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.wires.chat.restated_calls import match_calls

F1, F2, G1, OPEN = ("f", 1), ("f", 2), ("g", 1), ("f", None)


@pytest.mark.parametrize(
    ("entries", "calls", "by_id", "expected"),
    [
        pytest.param([F1, F2], [F1, F2], [0, 1], [0, 1], id="by id"),
        pytest.param([F2, F1], [F1, F2], [0, 1], [0, 1], id="an id counts more than the arguments"),
        pytest.param([F1, F2], [F1, F2], [None, None], [0, 1], id="without ids"),
        pytest.param([F2, F1], [F1, F2], [None, None], [1, 0], id="in another order"),
        pytest.param([G1, F1], [F1, G1], [None, None], [1, 0], id="by name, too"),
        pytest.param([F1, F1], [F1, F1], [None, None], [0, 1], id="equal calls, by position"),
        pytest.param([F1, F1, F1], [F1, F1], [None] * 3, [0, 1, None], id="one more"),
        pytest.param([F1], [OPEN], [None], [0], id="a call without its arguments"),
        pytest.param([F1], [F2], [None], [0], id="a call with others: the message corrects it"),
        pytest.param([F2, F1], [F1, OPEN], [None, None], [1, 0], id="the arguments first, then the rest"),
        pytest.param([F1, F2], [OPEN, F1], [None, None], [1, 0], id="whatever their order"),
        pytest.param([G1], [F1], [None], [None], id="another tool is another call"),
        pytest.param([F1, F2], [F1], [0, None], [0, None], id="a call that the deltas lack"),
        pytest.param([F1, F1], [F1], [None, 0], [None, 0], id="a call is restated once"),
        pytest.param([(None, 1)], [F1], [None], [0], id="an entry without a name, at its position"),
        pytest.param([F1], [(None, 1)], [None], [0], id="a call without a name, at its position"),
        pytest.param([(None, None)], [], [None], [None], id="no calls"),
        pytest.param([OPEN, OPEN], [OPEN, OPEN], [None, None], [0, 1], id="two without arguments"),
        pytest.param([], [F1], [], [], id="no entries"),
    ],
)
def test_calls_are_matched(entries: Any, calls: Any, by_id: Any, expected: Any) -> None:
    assert match_calls(entries, calls, by_id) == expected
