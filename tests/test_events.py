"""events: frozen classes that are cheap to make, with snapshots that never change."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, get_args

import pytest

from streamkit import (
    Completed,
    Completion,
    Event,
    FunctionCall,
    ItemDone,
    Message,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
    Usage,
    UsageReport,
    events,
)
from streamkit.pipeline.fast_events import reasoning_delta, text_delta, tool_call_delta
from streamkit.state.pieces import new_pieces

KINDS: tuple[type[Any], ...] = get_args(Event)
DELTAS = (TextDelta, RefusalDelta, ReasoningDelta, ToolCallDelta)
NEEDED: dict[type, dict[str, Any]] = {
    ItemDone: {"item": Message("assistant", "A")},
    UsageReport: {"usage": Usage(1)},
    ToolFinished: {"call": FunctionCall("a", "f", "{}")},
    Completed: {"completion": Completion("i")},
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)


def test_there_are_at_most_fifteen() -> None:
    """A reader can remember them all."""
    assert len(KINDS) <= 15


@every_kind
def test_the_table_names_each_kind_and_its_fields(kind: type[Any]) -> None:
    """The table in the module's docstring is complete and right."""
    row = next(
        line for line in (events.__doc__ or "").splitlines() if line.startswith(f"| `{kind.__name__}`")
    )
    own = [f.name for f in dataclasses.fields(kind) if f.name not in ("slot", "choice", "raw")]
    assert row.split("|")[3].strip(" `").split(", ") == own


@every_kind
def test_events_are_frozen_and_have_no_dict(kind: type[Any]) -> None:
    """They never change, and a million of them need little memory."""
    event = kind(**NEEDED.get(kind, {}))
    assert not hasattr(event, "__dict__")
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, field.name, None)


@every_kind
def test_raw_takes_no_part_in_equality_or_repr(kind: type[Any]) -> None:
    """Two events with equal fields are equal, whatever their payloads are."""
    one, other = (kind(**NEEDED.get(kind, {}), raw=raw) for raw in ({"n": 1}, {"n": 2}))
    assert one == other
    assert "raw" not in repr(one)
    assert pickle.loads(pickle.dumps(one)) == one
    assert pickle.loads(pickle.dumps(one)).raw == {"n": 1}


# -- snapshots ----------------------------------------------------------------------------------


def test_a_snapshot_never_changes() -> None:
    """Read later, after more text has arrived, it still ends at its own delta."""
    buffer = new_pieces()
    kept = []
    for piece in ["Hé", "", "😀", "\r\n", "lo"]:
        buffer.write(piece)
        kept.append(TextDelta(piece, None, (buffer, buffer.tell())))  # type: ignore[arg-type]
    assert [event.snapshot for event in kept] == ["Hé", "Hé", "Hé😀", "Hé😀\r\n", "Hé😀\r\nlo"]


@pytest.mark.parametrize("kind", DELTAS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_copies_contain_the_text_itself(kind: Any, copied: Any) -> None:
    """A pickled delta needs no buffer, and contains the text up to that delta only."""
    buffer = new_pieces()
    buffer.write("secret later text")
    event = kind(snapshot=(buffer, 6))
    again = copied(event)
    assert again.snapshot == "secret"
    assert b"later" not in pickle.dumps(again)


def test_a_snapshot_may_be_a_plain_string() -> None:
    """An event that is made by hand has its text as a string."""
    event = TextDelta("lo", snapshot="Hello")
    assert event.snapshot == "Hello"
    assert dataclasses.replace(event, text="x").snapshot == "Hello"
    assert "snapshot" not in repr(event)


# -- the quick constructor ------------------------------------------------------------------------


FAST = {TextDelta: text_delta, ReasoningDelta: reasoning_delta, ToolCallDelta: tool_call_delta}


@pytest.mark.parametrize("kind", FAST, ids=lambda k: k.__name__)
def test_quick_makes_the_same_event(kind: Any) -> None:
    """The fast constructor makes an equal, frozen event of the same class, which can be pickled."""
    values = [f"v{n}" for n, _ in enumerate(dataclasses.fields(kind))]
    event: Any = FAST[kind](*values)
    assert type(event) is kind
    assert event == kind(*values)
    assert hash(event) == hash(kind(*values))
    assert pickle.loads(pickle.dumps(event)) == event
    assert event.snapshot == kind(*values).snapshot
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.slot = 1
