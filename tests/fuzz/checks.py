"""The checks: each takes a `Case`, and raises `Broken` if a promise doesn't hold.

An exception that isn't a `StreamkitError` passes through: it is a failure too.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import pickle
import shutil
import socket
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import GeneratorType
from typing import Any
from unittest.mock import patch

from streamkit import (
    PROFILES,
    Client,
    Completed,
    Completion,
    CustomToolCall,
    CustomToolCallOutput,
    Event,
    FunctionCall,
    FunctionCallOutput,
    ItemDone,
    Message,
    StreamkitError,
    TextDelta,
    aggregate,
    events_from_completion,
    history,
    pipeline,
    read_events,
)
from streamkit.cli import convert
from streamkit.cli.describe import describe_event
from streamkit.codec import event_to_jsonable, to_jsonable
from streamkit.display import (
    NotebookView,
    TerminalView,
    completion_html,
    completion_markdown,
    item_html,
    item_markdown,
    item_text,
    show,
)
from streamkit.items import Item
from streamkit.json_text import NotJSONError, encode, loads
from streamkit.request.options import RetryPolicy
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import Delta, Restated, TextPiece, WholeItem
from streamkit.state.encodable import encodable_item
from streamkit.surrogates import encodable_text
from streamkit.testing import FakeTransport, chat_stream
from streamkit.wires import WIRES, find_wire

from ..test_two_roads import FAST_PATHS, NONE
from .cases import Case
from .mutations import DATA

# Laws that the code doesn't keep yet; empty today. Their violations are counted in `pending`, and don't fail.
NOT_YET: frozenset[str] = frozenset()
pending: Counter[str] = Counter()


class Broken(AssertionError):
    """A law doesn't hold; the first argument names it."""

    def __init__(self, law: str, detail: str) -> None:
        super().__init__(f"{law}: {detail}")
        self.law = law


def require(holds: bool, law: str, detail: str, *, kind: str = "") -> None:
    """Raise `Broken` unless *holds*; count the violation instead if *law* isn't kept yet."""
    if holds:
        return
    if law not in NOT_YET:
        raise Broken(law, detail)
    pending[f"{law}{kind and ': '}{kind}"] += 1


# -- one reading --------------------------------------------------------------------------


@dataclass
class Reading:
    """The events of a case and the error that ended them."""

    events: list[Event] = field(default_factory=list)
    error: StreamkitError | None = None

    @property
    def completion(self) -> Completion:
        last = self.events[-1] if self.events else None
        if isinstance(last, Completed):
            return last.completion
        return (self.error and self.error.partial) or Completion()

    @property
    def items(self) -> list[Item]:
        return [item for choice in self.completion.choices for item in choice.items]


def read(case: Case) -> Reading:
    """Read the whole case."""
    reading = Reading()
    try:
        chunks = case.chunks(case.chance())
        for event in read_events(chunks, wire=case.wire, profile=case.profile, strict=case.strict):
            reading.events.append(event)
    except StreamkitError as error:
        reading.error = error
    return reading


@contextmanager
def _contradictions(state: AnswerState, texts: Mapping[tuple[int, int], str]) -> Iterator[list[str]]:
    """Collect the texts that the server restates, part by part, unless the item's deltas so far (*texts*, by
    choice and slot) begin with them.
    """
    contradicting: list[str] = []
    real = pipeline.accumulate

    def noted(deltas: Iterable[Delta]) -> Iterator[Delta]:
        for delta in deltas:
            key, wholes = None, [""]
            if isinstance(delta, Restated) and isinstance(delta.piece, TextPiece):
                key, wholes = delta.piece.key, [encodable_text(delta.piece.text)]
            elif isinstance(delta, WholeItem):
                key, wholes = delta.key, _part_texts(encodable_item(delta.item))
            item = state.items.get(key)
            seen = "" if item is None else texts.get((item.choice, item.slot), "")
            is_moved = isinstance(delta, Restated) and delta.withdraws  # text that turned out to be a thought
            if is_moved or contradicting or not seen.startswith("".join(wholes)):
                contradicting.extend(whole for whole in wholes if whole or is_moved)
            yield delta

    def accumulate(deltas: Iterable[Delta], *rest: Any, **options: Any) -> Iterator[Event]:
        return real(noted(deltas), *rest, **options)

    with patch.object(pipeline, "accumulate", accumulate):
        yield contradicting


def _part_texts(item: Item) -> list[str]:
    return [getattr(part, "text", "") for part in item.content] if isinstance(item, Message) else [""]


# -- laws 1 and 9: endings, the partial answer, no leaks ----------------------------------


def endings(case: Case) -> None:
    """The last event is Completed, or an error has `.partial`; its text is always that of the deltas."""
    chance = case.chance()
    state = AnswerState()
    reading = Reading()
    texts: dict[tuple[int, int], str] = {}
    with _contradictions(state, texts) as restated:
        events = read_events(
            case.chunks(chance), wire=case.wire, profile=case.profile, strict=case.strict, state=state
        )
        try:
            for event in events:
                reading.events.append(event)
                if isinstance(event, TextDelta):
                    place = (event.choice, event.slot)
                    texts[place] = texts.get(place, "") + event.text
                if chance.random() < 0.15:
                    _check_text(state, state.completion(), texts, restated)
        except StreamkitError as error:
            reading.error = error
    completed = [number for number, each in enumerate(reading.events) if isinstance(each, Completed)]
    if reading.error is None:
        require(completed == [len(reading.events) - 1], "1", f"Completed at {completed}, no error")
    else:
        require(not completed, "1", "Completed, then an error")
        require(isinstance(reading.error.partial, Completion), "1", f"no .partial in {reading.error!r}")
    _check_text(state, reading.completion, texts, restated)


def _check_text(
    state: AnswerState, partial: Completion, texts: dict[tuple[int, int], str], contradicting: list[str]
) -> None:
    seen = "".join(texts[place] for place in sorted(texts) if place[0] == 0)
    of_all = "".join(texts[place] for place in sorted(texts, key=lambda place: place[1]))
    first = next(iter(partial.choices), None)
    if first is not None and first.text and not (state.has_ended or state.has_finishes):
        require(first.index == 0, "choice 0", f".text is that of {first!r:.200}")
    text = next((choice.text for choice in partial.choices if choice.index == 0), "")
    if text in (seen, of_all):  # blocks that were numbered as choices are folded
        return
    if sorted(text) == sorted(seen):  # the pieces of several parts arrived in turn
        return
    parts = [part for choice in partial.choices for item in choice.items for part in _part_texts(item)]
    # A message that an image or a call divides is restated as a whole.
    if any(part.startswith(each) for part in [*parts, text] for each in contradicting):
        return
    require(False, "1", f"deltas {seen[:300]!r}, partial {text[:300]!r}, restated {contradicting!r:.300}")


def leaving(case: Case) -> None:
    """A consumer that leaves closes the source at once; so does an error, and the end."""
    chance = case.chance()
    source = case.chunks(chance)
    watcher = weakref.ref(source)
    events = read_events(source, wire=case.wire, profile=case.profile, strict=case.strict)
    del source
    try:
        for _ in range(chance.choice((1, 2, 5, 10**6))):
            next(events)
    except (StreamkitError, StopIteration):
        pass
    events.close()  # type: ignore[attr-defined]
    del events
    if watcher() is not None:
        gc.collect()
    require(watcher() is None, "9", "the source is still open")


def still_open() -> Counter[str]:
    """Count the suspended generators of streamkit, and the open sockets, in this process."""
    gc.collect()
    here = str(Path(pipeline.__file__).parent.parent)
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        if isinstance(each, GeneratorType):
            code = each.gi_code
            found[code.co_name] += each.gi_frame is not None and code.co_filename.startswith(here)
        elif isinstance(each, socket.socket):
            found["socket"] += each.fileno() != -1
    return found


# -- law 15: both roads -------------------------------------------------------------------


def roads(case: Case) -> None:
    """Without its fast paths, reading gives the same events, with the same raw, and the same error."""
    path = case.chance().choice((*FAST_PATHS, "all"))
    fast = _outcome(read(case))
    with _slow_road(FAST_PATHS if path == "all" else (path,)):
        slow = _outcome(read(case))
    for left, right in zip(fast, slow, strict=False):
        require(left == right, "15", f"without {path}: {right:.300} instead of {left:.300}")
    require(len(fast) == len(slow), "15", f"without {path}: {len(slow)} events instead of {len(fast)}")


@contextmanager
def _slow_road(paths: Iterable[str]) -> Iterator[None]:
    kept = {path: getattr(*FAST_PATHS[path]) for path in paths}
    try:
        for path in kept:
            setattr(*FAST_PATHS[path], NONE)
        yield
    finally:
        for path, real in kept.items():
            setattr(*FAST_PATHS[path], real)


def _outcome(reading: Reading) -> list[str]:
    events = [f"{event!r} {event.raw!r}" for event in reading.events]  # repr: NaN isn't equal to itself
    return [*events, f"{reading.error!r} {reading.error and reading.error.partial!r}"]


# -- law 8: events are values -------------------------------------------------------------


def pickles(case: Case) -> None:
    """Events, errors and completions can be pickled."""
    reading = read(case)
    again = pickle.loads(pickle.dumps(reading.events))
    require(repr(again) == repr(reading.events), "8", "a pickled event differs")
    for before, after in zip(reading.events, again, strict=True):
        require(
            _more(before) == _more(after), "8", f"the snapshot or raw of a pickled {before!r:.200} differs"
        )
    if reading.error is not None:
        error = pickle.loads(pickle.dumps(reading.error))
        facts = [(type(e), str(e), repr(vars(e))) for e in (error, reading.error)]
        require(facts[0] == facts[1], "8", f"a pickled error differs: {facts!r:.300}")


def _more(event: Event) -> tuple[str, str]:
    return repr(event.raw), getattr(event, "snapshot", "")


def strings(case: Case) -> None:
    """Every string outside `raw` is UTF-8 encodable."""
    reading = read(case)
    for event in reading.events:
        for place, text in strings_in(event, type(event).__name__):
            require(_is_utf8(text), "utf-8", f"{place}: {text!r:.100}", kind=place)
    if reading.error is not None:
        for place, text in strings_in([str(reading.error), vars(reading.error)], "error"):
            require(_is_utf8(text), "utf-8", f"{place}: {text!r:.100}", kind=place)


def strings_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every string in *value* with its place, but not those in `raw`."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings_in(key, f"{place} key")
            yield from strings_in(inner, place)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from strings_in(inner, place)
    elif is_dataclass(value) or hasattr(value, "__attrs_attrs__"):
        names = [f.name for f in (fields(value) if is_dataclass(value) else value.__attrs_attrs__)]
        for name in names:
            if name != "raw":
                yield from strings_in(getattr(value, name), f"{type(value).__name__}.{name}")
    elif isinstance(value, StreamkitError):
        yield from strings_in(vars(value), type(value).__name__)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# -- law 5: the aggregator ----------------------------------------------------------------


def aggregates(case: Case) -> None:
    """The aggregator yields each finished item once, and no call that the stream withheld."""
    reading = read(case)
    for mode in ("final", "streaming"):
        given: list[Event] = []
        try:
            for event in aggregate(_replayed(reading), mode):  # type: ignore[arg-type]
                given.append(event)
        except StreamkitError as error:
            require(error is reading.error, "1", f"aggregate raised {error!r}")
        done = [event for event in reading.events if isinstance(event, ItemDone)]
        whole = [event for event in given if isinstance(event, ItemDone)]
        require(not _missing(done, whole), "3", f"{mode}: not yielded: {_missing(done, whole)!r:.300}")
        more = _missing(whole, done)
        calls = [event for event in more if isinstance(event.item, FunctionCall | CustomToolCall)]
        require(not calls, "aggregated calls", f"{mode}: {calls!r:.300}")


def _missing(events: list[ItemDone], others: list[ItemDone]) -> list[ItemDone]:
    known = Counter(map(repr, others))
    known.subtract(map(repr, events))
    return [event for event in events if known[repr(event)] < 0]


# -- values in other forms ----------------------------------------------------------------


def documents(case: Case) -> None:
    """A completion survives `to_dict`, JSON and `from_dict`; its documents can be written and read."""
    completion = read(case).completion
    data = completion.to_dict()
    _check_json(encode(data), "to_dict")
    again = Completion.from_dict(loads(encode(data)))
    require(encode(again.to_dict()) == encode(data), "to_dict", f"{again!r:.300} from {completion!r:.300}")
    _check_json(encode(completion.to_chat_completion()), "to_chat_completion")
    for wire in WIRES:
        with _only_ours():
            document = find_wire(wire).write_document(completion, None)
            _check_json(encode(document), f"{wire} document")
            for _ in events_from_completion(loads(encode(document)), wire=wire):
                pass
    with _only_ours():
        completion.parsed(dict)
    for call in completion.tool_calls:
        if isinstance(call, FunctionCall):
            with _only_ours():
                call.parsed()


def resend(case: Case) -> None:
    """An answer can be sent back on every wire, as items, as its document and as the server's own objects."""
    chance = case.chance()
    reading = read(case)
    profile = chance.choice((case.profile, chance.choice([*PROFILES])))
    for wire in WIRES:
        client = _client(wire, profile)
        for conversation in (_turns(reading), _document_turns(reading), _server_objects(case, chance)):
            for turn in conversation:
                with _only_ours():
                    stream = client.stream(turn, model="m")
                    assert stream.request is not None
                    _check_json(encode(stream.request.body), f"body on {wire}", stream.request.body)


def _client(wire: str, profile: str) -> Client:
    transport = FakeTransport(chat_stream("ok"))
    retry = RetryPolicy(max_retries=0)
    return Client(
        profile, wire=wire, base_url="http://fake/v1", api_key="k", transport=transport, retry=retry
    )


def _turns(reading: Reading) -> list[list[Any]]:
    items = reading.items
    outputs: list[Item] = [
        (FunctionCallOutput if isinstance(item, FunctionCall) else CustomToolCallOutput)(item.call_id, "done")
        for item in items
        if isinstance(item, FunctionCall | CustomToolCall)
    ]
    return [[Message("user", "hi"), *items, *outputs, Message("user", "go on")]]


def _document_turns(reading: Reading) -> list[list[Any]]:
    with _only_ours():
        document = reading.completion.to_chat_completion()
        return [["hi", choice["message"], "go on"] for choice in document["choices"]]
    return []


def _server_objects(case: Case, chance: Random) -> list[list[Any]]:
    """Return the messages and items in the payloads, as a program that keeps them sends them back."""
    turns: list[list[Any]] = []
    for found in DATA.finditer(case.body):
        try:
            payload = loads(found[1])
        except NotJSONError:
            continue
        for each in _objects(payload, 6):
            if not _SENT_BACK.isdisjoint(each):
                turns += [each], [{"role": "assistant", **each}], [{"role": "user", "content": [each]}]
                turns += ([{"role": "tool", "tool_call_id": "c", **each}],)
    return chance.sample(turns, min(8, len(turns)))


# An object with one of these fields is a message or an item, or contains one.
_SENT_BACK = frozenset({"role", "content", "tool_calls", "summary", "encrypted_content", "item"})


def _objects(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if depth and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _objects(inner, depth - 1)


def _check_json(data: bytes, form: str, value: Any = None) -> None:
    """Every form that is written is JSON: UTF-8, without NaN."""

    def refuse(constant: str) -> None:
        raise Broken("JSON", f"{form} contains {constant}")

    json.loads(data.decode(), parse_constant=refuse)
    if value is not None:
        json.dumps(value, allow_nan=False)


def _only_ours() -> AbstractContextManager[None]:
    """Allow the errors of streamkit, and no others."""
    return suppress(StreamkitError)


def client(case: Case) -> None:
    """A stream of a client is read or left; each reply is closed."""
    chance = case.chance()
    transport = FakeTransport([*case.chunks(chance)])
    asked = Client(
        case.profile,
        base_url="http://fake/v1/projects/p/locations/l",
        api_key="k",
        wire=case.wire if case.wire in WIRES else None,
        transport=transport,
        retry=RetryPolicy(max_retries=0),
    )
    most = chance.choice((1, 3, 10**6))
    with _only_ours(), asked.stream("hi", model="m", strict=case.strict) as stream:
        for number, _ in enumerate(stream):
            if number == most:
                break
    require(transport.closed == len(transport.calls), "9", "a reply is still open")
    require(isinstance(stream.partial, Completion), "1", "no .partial")


# -- views and files ----------------------------------------------------------------------


def displays(case: Case) -> None:
    """Every view shows the answer, and its text can be written."""
    reading = read(case)
    texts: list[str] = []
    for item in reading.items:
        texts += item_html(item), item_html(item, growing=True), item_markdown(item), item_text(item)
    texts += completion_html(reading.completion), completion_markdown(reading.completion)
    out = io.StringIO()
    for view in (TerminalView(out, colour=True), NotebookView(lambda *args, **options: _Handle(texts))):
        with _only_ours():
            show(_replayed(reading), view=view)
    texts.append(out.getvalue())
    for text in texts:
        require(_is_utf8(text), "8", f"a view shows {text!r:.200}")


class _Handle:
    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def update(self, bundle: dict[str, str], **options: Any) -> None:
        self._texts += bundle.values()


def _replayed(reading: Reading) -> Iterator[Event]:
    yield from reading.events
    if reading.error is not None:
        raise reading.error


def histories(case: Case) -> None:
    """A history comes back from its file, which is JSON in every line."""
    items = read(case).items
    path = _folder() / "history.jsonl"
    history.save(path, items)
    for line in path.read_bytes().splitlines():
        _check_json(line, "history")
    again = history.load(path)
    require(
        [encode(to_jsonable(item)) for item in again] == [encode(to_jsonable(item)) for item in items],
        "history",
        f"{again!r:.300} from {items!r:.300}",
    )


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="streamkit-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def commands(case: Case) -> None:
    """`show` and `convert` print every event and every form."""
    reading = read(case)
    for event in reading.events:
        describe_event(event)
        describe_event(event, whole=True)
        _check_json(encode(event_to_jsonable(event)), "event")
    for form in (*WIRES, "text", "markdown"):
        with _only_ours(), redirect_stdout(io.StringIO()) as out:
            convert._write(form, reading.completion)
        if form in WIRES and out.getvalue():
            _check_json(out.getvalue().encode(errors="backslashreplace"), f"convert to {form}")


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        *(endings, roads, leaving, pickles, strings, aggregates, documents, resend, client),
        *(displays, histories, commands),
    )
}
ALWAYS = ("endings", "roads")  # on each case; one of the others, too
