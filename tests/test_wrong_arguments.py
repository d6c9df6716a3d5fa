"""Every public call, with values of wrong types: an error of ours that names the argument, or none.

Hypothesis draws a call, one of its arguments and a value. If the value doesn't fit the annotation, a
`UsageError` names the argument; a lenient call may also accept it. Whatever the value is, no other exception
reaches the caller. The signatures are read from the package, so a new parameter is tried, too.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import pytest

import streamkit
from streamkit import (
    Client,
    Completed,
    Completion,
    Fallback,
    FunctionCall,
    Message,
    StreamkitError,
    ToolSpec,
    UsageError,
    agent,
    codec,
    events_from_completion,
    history,
    media,
    profiles,
    testing,
    tools,
    web,
)
from streamkit.completion import Choice
from streamkit.items import Item, Part
from streamkit.playback import ReplayTransport
from streamkit.request.params import CHECKS
from streamkit.serve import serve
from streamkit.testing import FakeTransport, Recording, chat_stream
from streamkit.wires import WIRES

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis (pip install '.[test,check]')")
st = hypothesis.strategies


class Plain:
    """A class without fields."""


class Broken:
    """An object that can't be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("not loaded")

    __str__ = __repr__


class Array:
    """An array of numbers, as of NumPy: it has no truth value, and a comparison returns an array."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[float]:
        return iter((1.0, 2.0))


VALUES: list[Any] = [
    *(None, True, 0, 3, -1, 10**400, 2.5, float("nan"), float("inf"), 1j, decimal.Decimal(1)),
    *("", "x", "é\ud800", "a\0b", "http://[", b"x", bytearray(b"y"), memoryview(b"z")),
    *([], [1], ["a"], [None], [[]], (), (1,), {}, {1: 2}, {"a": 1}, {"a": {"b": object()}}, {1}, range(3)),
    *(object(), Plain, Plain(), Broken(), [Broken()], {"a": Broken()}, int, list[int], ...),
    *(datetime.date(2026, 1, 1), ValueError("x"), Path("no/such/file")),
    *(Array(), [Array()], {"a": Array()}),
]
ANSWERS = (chat_stream(FunctionCall("c1", "look", '{"place": "a"}')), chat_stream("Found."))
CALL = FunctionCall("c1", "look", '{"place": "a"}')
RECORDING = Recording.of(chat_stream("Found."))
EVENTS = list(streamkit.read_events([RECORDING.body], wire="chat"))
COMPLETION = typing.cast("Completed", EVENTS[-1]).completion


@tools.tool
def look(place: str) -> str:
    """Look somewhere."""
    return f"nothing in {place}"


class Case(NamedTuple):
    """A call whose arguments, by keyword, are all right; *of* has its signature."""

    run: Callable[..., Any]
    of: Callable[..., Any]
    base: Mapping[str, Any] = {}
    more: tuple[str, ...] = ()  # parameters behind **params


def client(**options: Any) -> Client:
    options = {"base_url": "http://fake/v1", "model": "m", "transport": FakeTransport(*ANSWERS), **options}
    return Client(**{"profile": "generic", **options})


def new(cls: type[Any], **base: Any) -> Case:
    return Case(cls, cls.__init__, base)


_BASES: dict[type[Any], dict[str, Any]] = {
    Message: {"role": "user"},
    streamkit.Origin: {"wire": "chat"},
    streamkit.Profile: {"name": "mine"},
    ToolSpec: {"name": "look"},
}
CLASSES = (
    *get_args(Item),
    *get_args(Part),
    *(Choice, Completion, ToolSpec, streamkit.Origin, streamkit.Profile, streamkit.AppInfo, streamkit.Usage),
    *(streamkit.Timeouts, streamkit.RetryPolicy, streamkit.Limits, streamkit.ProviderPreferences),
)
PARAMS = tuple(CHECKS)
CASES: dict[str, Case] = {
    **{cls.__name__: new(cls, **_BASES.get(cls, {})) for cls in CLASSES},
    "Client": Case(lambda **k: client(**k).complete("hi"), Client.__init__, {}, PARAMS),
    "Client.stream": Case(lambda **k: client().stream(**k).result(), Client.stream, {"input": "hi"}, PARAMS),
    "Client.complete": Case(lambda **k: client().complete(**k), Client.complete, {"input": "hi"}),
    "Client.prepare": Case(lambda **k: client().prepare(**k), Client.prepare, {"input": "hi"}, PARAMS),
    "Client.map": Case(lambda **k: list(client().map(**k)), Client.map, {"rows": ["hi"]}),
    "Client.send": Case(
        lambda **k: client().send(**k).result(), Client.send, {"request": client().prepare("hi")}
    ),
    "Fallback.stream": Case(
        lambda **k: Fallback(client()).stream(**k).result(), Fallback.stream, {"input": "hi"}
    ),
    "agent.run": Case(
        lambda **k: agent.run(**{"client": client(), **k}).result(),
        agent.run,
        {"conversation": "hi", "tools": [look]},
    ),
    "read_events": Case(
        lambda **k: list(streamkit.read_events(**k)),
        streamkit.read_events,
        {"chunks": [RECORDING.body], "wire": "chat"},
    ),
    "read_frames": Case(
        lambda **k: list(streamkit.read_frames(**k)), streamkit.read_frames, {"chunks": [RECORDING.body]}
    ),
    "aggregate": Case(lambda **k: list(streamkit.aggregate(**k)), streamkit.aggregate, {"events": EVENTS}),
    "events_from_completion": Case(
        lambda **k: list(events_from_completion(**k)),
        events_from_completion,
        {"body": COMPLETION.to_chat_completion()},
    ),
    "tool": Case(lambda **k: tools.tool_of(**k), tools.tool_of, {"function": look.function}),
    "tools.bind": Case(tools.bind, tools.bind, {"spec": look, "call": CALL}),
    "tools.call_tool": Case(tools.call_tool, tools.call_tool, {"spec": look, "call": CALL}),
    "tools.output_of": Case(tools.output_of, tools.output_of),
    "tools.on_cancel": Case(tools.on_cancel, tools.on_cancel),
    "media.image": Case(media.image, media.image, {"source": b"\x89PNG\r\n\x1a\n"}),
    "media.audio": Case(media.audio, media.audio, {"source": b"x", "format": "wav"}),
    "media.file": Case(media.file, media.file, {"source": b"%PDF-1.4"}),
    "media.document": Case(media.document, media.document, {"text": "a", "id": "1"}),
    "history.save": Case(history.save, history.save, {"path": "history.jsonl", "conversation": "hi"}),
    "history.load": Case(history.load, history.load, {"path": "history.jsonl", "missing_ok": True}),
    "load_profiles": Case(profiles.load_profiles, profiles.load_profiles),
    "find_profile": Case(profiles.find_profile, profiles.find_profile),
    "codec.from_jsonable": Case(
        codec.from_jsonable, codec.from_jsonable, {"data": {"type": "note"}, "cls": streamkit.Note}
    ),
    "codec.item_from_jsonable": Case(codec.item_from_jsonable, codec.item_from_jsonable),
    "codec.event_to_jsonable": Case(codec.event_to_jsonable, codec.event_to_jsonable),
    "chat_stream": Case(chat_stream, chat_stream),
    "responses_stream": Case(testing.responses_stream, testing.responses_stream),
    "refusal": Case(testing.refusal, testing.refusal, {"status": 429}),
    "FakeReply": new(testing.FakeReply, chunks=[b"x"]),
    "FakeTransport": Case(
        lambda **k: client(transport=FakeTransport(*ANSWERS, **k)).complete("hi"), FakeTransport.__init__
    ),
    "FakeTransport, answers": Case(
        lambda answers: client(transport=FakeTransport(answers)).complete("hi"), lambda answers: None
    ),
    "FakeClock": new(testing.FakeClock),
    "chunkings": Case(testing.chunkings, testing.chunkings, {"body": b"abc"}),
    "cut_at": Case(testing.cut_at, testing.cut_at, {"recording": RECORDING, "at": 3}),
    "stall_at": Case(testing.stall_at, testing.stall_at, {"recording": RECORDING, "at": 3, "seconds": 1}),
    "corrupt_at": Case(testing.corrupt_at, testing.corrupt_at, {"recording": RECORDING, "at": 3}),
    "drop_range": Case(
        testing.drop_range, testing.drop_range, {"recording": RECORDING, "start": 1, "stop": 3}
    ),
    "split_every": Case(testing.split_every, testing.split_every, {"recording": RECORDING, "size": 3}),
    "load_recording": Case(testing.load_recording, testing.load_recording),
    "replay": Case(lambda **k: list(streamkit.replay(**k)), streamkit.replay, {"source": RECORDING}),
    "ReplayTransport": Case(
        lambda **k: client(transport=ReplayTransport(RECORDING, **k)).complete("hi"), ReplayTransport.__init__
    ),
    "serve": Case(lambda **k: serve(RECORDING, **k).close(), serve),
    "web.openai_chunks": Case(
        lambda **k: list(web.openai_chunks(**k)), web.openai_chunks, {"events": EVENTS}
    ),
    "web.ui_messages": Case(lambda **k: list(web.ui_messages(**k)), web.ui_messages, {"events": EVENTS}),
    "web.plain_text": Case(lambda **k: list(web.plain_text(**k)), web.plain_text, {"events": EVENTS}),
    "web.read_ui_messages": Case(
        web.read_ui_messages,
        web.read_ui_messages,
        {"messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]},
    ),
    "web.sse": Case(lambda **k: list(web.sse(**k)), web.sse, {"events": EVENTS}),
    "Completion.parsed": Case(COMPLETION.parsed, COMPLETION.parsed),
    "Completion.from_dict": Case(Completion.from_dict, Completion.from_dict),
    "Stream.aggregate": Case(
        lambda **k: list(client().stream("hi").aggregate(**k)), streamkit.Stream.aggregate
    ),
    "Stream.elements": Case(
        lambda **k: list(client(transport=FakeTransport(chat_stream("[1]"))).stream("hi").elements(**k)),
        streamkit.Stream.elements,
    ),
    "show": Case(streamkit.show, streamkit.show, {"events": EVENTS}),
    "Cache": Case(lambda **k: streamkit.Cache(**k).close(), streamkit.Cache.__init__, {"path": "cache"}),
    "read_journal": Case(lambda **k: list(streamkit.read_journal(**k)), streamkit.read_journal),
    "opentelemetry_observer": Case(streamkit.opentelemetry_observer, streamkit.opentelemetry_observer),
}


def arguments(name: str) -> list[str]:
    """Return the names of the call's parameters."""
    case = CASES[name]
    found = inspect.signature(case.of).parameters.values()
    plain = [p.name for p in found if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return [*plain, *case.more]


def hint_of(name: str, argument: str) -> Any:
    try:
        return get_type_hints(CASES[name].of).get(argument, Any)
    except (NameError, TypeError):  # of a type that only type checkers import
        return Any


def fits(value: Any, hint: Any) -> bool:
    """Return False if *value* can't be meant by *hint*; members of containers aren't looked at."""
    origin = get_origin(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in get_args(hint))
    if origin is Literal:
        return any(value is each for each in get_args(hint))
    if hint is None or hint is type(None):
        return value is None
    if origin in (Callable, typing.get_origin(Callable[..., Any])):
        return callable(value)
    if origin is type:
        return isinstance(value, type) or get_origin(value) is not None
    kind = origin or hint
    if kind is float:
        kind = (int, float)
    if not isinstance(kind, type | tuple):
        return True
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol
        return True


PAIRS = [(name, argument) for name in CASES for argument in arguments(name)]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the values are names of files."""
    monkeypatch.chdir(tmp_path)


def attempt(name: str, argument: str, value: Any) -> None:
    """Call it. Raises `AssertionError` for a foreign exception, and for an error that doesn't name it."""
    case = CASES[name]
    try:
        case.run(**{**case.base, argument: value})
    except UsageError as error:
        if not fits(value, hint_of(name, argument)) and argument not in str(error):
            raise AssertionError(f"{name}({argument}=): {error}") from error
    except StreamkitError:
        pass
    except Exception as error:
        if not callable(value):  # the caller's own function is called, and may raise
            words = f"{name}({argument}=) raised {type(error).__name__}: {error}"
            raise AssertionError(words) from error  # noqa: TRY004 - it fails the test


def refusal(work: Callable[[], Any], *words: str) -> UsageError | None:
    """Return the `UsageError` of *work*, or None. Raises `AssertionError` if it has none of these words."""
    try:
        work()
    except UsageError as error:
        if not any(word in str(error) for word in words):
            raise AssertionError(str(error)) from error
        return error
    return None


@hypothesis.settings(max_examples=1500, derandomize=True, database=None, deadline=None)
@hypothesis.given(pair=st.sampled_from(PAIRS), value=st.sampled_from(range(len(VALUES))))
def test_a_wrong_value_is_named(pair: tuple[str, str], value: int) -> None:
    """One argument is wrong, the others are right."""
    attempt(*pair, VALUES[value])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@hypothesis.settings(max_examples=1500, derandomize=True, database=None, deadline=None)
@hypothesis.given(pair=st.sampled_from(PAIRS), value=JSON)
def test_a_value_of_any_form_is_named(pair: tuple[str, str], value: Any) -> None:
    """Values inside of values."""
    attempt(*pair, value)


TAGS = [cls.type for cls in (*get_args(Item), *get_args(Part))]
KEYS = [
    "role",
    "content",
    "type",
    "text",
    "tool_calls",
    "name",
    "arguments",
    "call_id",
    "id",
    "output",
    "parts",
]
ENTRIES = st.dictionaries(
    st.sampled_from(KEYS),
    JSON | st.sampled_from([*TAGS, "user", "assistant", "tool", "text", "image_url", "tool_use", "thinking"]),
    max_size=6,
)


@hypothesis.settings(max_examples=600, derandomize=True, database=None, deadline=None)
@hypothesis.given(entries=st.lists(ENTRIES | JSON, max_size=3), wire=st.sampled_from(sorted(WIRES)))
def test_a_conversation_of_any_form_is_sent_or_refused(entries: Any, wire: str) -> None:
    """Dicts with the keys of messages and items, and values of every type."""
    refusal(lambda: client(wire=wire).prepare(entries, tools=[look]), "input")


@hypothesis.settings(max_examples=400, derandomize=True, database=None, deadline=None)
@hypothesis.given(cls=st.sampled_from([*get_args(Item)]), data=st.data(), wire=st.sampled_from(sorted(WIRES)))
def test_an_item_that_exists_can_be_sent(cls: type[Any], data: Any, wire: str) -> None:
    """What a constructor accepts, every wire sends, or refuses with an error of ours."""
    names = [name for name in inspect.signature(cls).parameters if name != "origin"]
    values = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=4))
    made: list[Any] = []
    if not refusal(lambda: made.append(cls(**{**_BASES.get(cls, {}), **values})), *values):
        refusal(lambda: client(wire=wire).prepare(["hi", *made]), "input")


def test_every_public_call_is_tried() -> None:
    """Each public name that can be called, but for events, errors and the classes that streamkit makes."""
    made = {
        *("Answer", "MapReport", "MapRun", "Stream", "PartialJSON", "Operation", "Observer", "Ended"),
        *("AttemptStarted", "RunStarted", "RunEnded", "ToolStarted", "ToolEnded", "Frame", "genai_prices"),
        *("Event", "Item"),
    }
    events = {event.__name__ for event in get_args(streamkit.Event)}
    tried = {name.partition(".")[0] for name in CASES} | {name.partition(".")[2] for name in CASES}
    left = {
        name
        for name in streamkit.__all__
        if callable(getattr(streamkit, name)) and not name.endswith("Error")
    }
    names = {"load": "history.load", "save": "history.save"}
    assert {n for n in left - made - events if names.get(n, n) not in tried | set(CASES)} == {
        "Fallback"
    } - tried
