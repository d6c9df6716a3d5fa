"""Items that an earlier version pickled; the fields that it didn't have get their defaults."""

from __future__ import annotations

import base64
import copy
import pickle
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from streamkit import (
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Origin,
    Reasoning,
    UnknownItem,
    load,
    save,
)
from streamkit.items import Part

CLASSES = [Origin, *get_args(Part), *get_args(Item)]
ITEMS = [
    Message("user", "hi"),
    Reasoning(id="r", content=("hm",)),
    FunctionCall("c", "f", "{}"),
    FunctionCallOutput("c", "out"),
    UnknownItem({"type": "x"}),
]
# ITEMS, pickled by version 0.1.0, which had neither `origin` nor `is_error`.
OLD = """
gASVqAEAAAAAAABdlCiMD3N0cmVhbWtpdC5pdGVtc5SMB01lc3NhZ2WUk5QpgZR9lCiMBHJvbGWUjAR1c2VylIwHY29udGVu
dJRoAYwJSW5wdXRUZXh0lJOUKYGUfZQojAR0ZXh0lIwCaGmUjAVleHRyYZR9lHVihZSMAmlklE6MBnN0YXR1c5ROaA99lHVi
aAGMCVJlYXNvbmluZ5STlCmBlH2UKGgSjAFylIwHc3VtbWFyeZQpaAiMAmhtlIWUjBFlbmNyeXB0ZWRfY29udGVudJROjAdk
ZXRhaWxzlCloE05oD32UdWJoAYwMRnVuY3Rpb25DYWxslJOUKYGUfZQojAdjYWxsX2lklIwBY5SMBG5hbWWUjAFmlIwJYXJn
dW1lbnRzlIwCe32UaBJOjAlzaWduYXR1cmWUTmgTTmgPfZR1YmgBjBJGdW5jdGlvbkNhbGxPdXRwdXSUk5QpgZR9lChoJGgl
jAZvdXRwdXSUjANvdXSUaBJOaA99lHViaAGMC1Vua25vd25JdGVtlJOUKYGUfZSMB3BheWxvYWSUfZSMBHR5cGWUjAF4lHNz
YmUu
"""


def test_items_of_version_0_1_0_are_complete(tmp_path: Path) -> None:
    """They compare, copy, pickle and save like new ones."""
    items = pickle.loads(base64.b64decode(OLD))
    assert items == ITEMS
    assert [getattr(item, "origin", None) for item in items] == [None] * 5
    assert copy.deepcopy(items) == pickle.loads(pickle.dumps(items)) == ITEMS
    save(tmp_path / "history.jsonl", items)
    assert load(tmp_path / "history.jsonl") == ITEMS


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_pickle_may_lack_every_field_with_a_default(cls: Any) -> None:
    """Each class fills its missing fields, and containers aren't shared between items."""
    required = {"role": "user"} if cls is Message else {"wire": "chat"} if cls is Origin else {}
    first, second = cls.__new__(cls), cls.__new__(cls)
    first.__setstate__(required)
    second.__setstate__(required)
    assert first == cls(**required)
    for field in attrs.fields(cls):
        value = getattr(first, field.name)
        assert value is not getattr(second, field.name) or not isinstance(value, dict)
    assert pickle.loads(pickle.dumps(first)) == first


def test_a_state_of_values_in_order_is_read() -> None:
    """Old versions of attrs pickled a tuple of values, without names."""
    item = FunctionCallOutput.__new__(FunctionCallOutput)
    state: Any = ("c", "out", None, {})
    item.__setstate__(state)  # type: ignore[attr-defined]
    assert item == FunctionCallOutput("c", "out")
    assert item.is_error is False
