"""A recording of one API -> a recording of another API, with the same answer at about the same times.

    takes    a recording with a whole answer, and the name of a wire
    returns  a recording whose body is a stream of that wire
    raises   every error of reading the recording

Text, reasoning, calls, the finish reason and the usage stay. Facts that the other API has no words for, such
as another server's tools, are left out, and so are other choices than the first. A payload gets the time at
which the piece of text or thought in it, or the whole call, arrived in the source, so gaps stay; the last one
gets the time of the source's last chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from attrs import define, evolve, field

from ..completion import Completion
from ..events import Completed, Event, ItemDone, ItemStarted, ReasoningDelta, TextDelta
from ..items import FunctionCall, Reasoning
from ..pipeline import read_events
from ..wires import find_wire
from ..wires.wire import SamplePart
from .format import Recording, TimedChunk, event_block
from .playback import replay


def translated(recording: Recording, source: str, target: str) -> Recording:
    """Return *recording*, which is of the API *source*, as one of the API *target*."""
    found: list[_Part] = []
    thoughts: dict[int, _Part] = {}
    completion: Completion | None = None
    for at, event in _timed_events(recording, source):
        if isinstance(event, Completed):
            completion = event.completion
        elif getattr(event, "choice", 0) == 0:
            _add(event, at, found, thoughts)
    assert completion is not None  # a stream ends in it, or raises
    parts = [each.part for each in found]
    times = list(accumulate((at for each in found for at in each.times), max))
    payloads = find_wire(target).sample(
        parts,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        model=completion.model or "unknown",
        id=completion.id or "translated",
    )
    blocks = [event_block(payload) for payload in payloads]
    last = recording.chunks[-1].at if recording.chunks else recording.ending.at
    chunks = [
        TimedChunk(times[min(number, len(times) - 1)] if times else last, block)
        for number, block in zip(_part_numbers(blocks, target), blocks, strict=True)
    ]
    chunks[-1] = evolve(chunks[-1], at=max(last, chunks[-1].at))
    response = evolve(recording.response, headers={"content-type": "text/event-stream"})
    return evolve(recording, header=evolve(recording.header, response=response), chunks=tuple(chunks))


def _timed_events(recording: Recording, wire: str) -> Iterator[tuple[float, Event]]:
    """Yield each event with the time of the chunk that completed it, at once: the clock only counts."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    for event in replay(recording, speed=1, wire=wire, now=lambda: clock[0], sleep=sleep):
        yield clock[0], event


def _part_numbers(blocks: Sequence[bytes], wire: str) -> list[int]:
    """Return, for each block of a stream of *wire*, the number of the piece that it has or follows.

    The wire's own reader counts the pieces: an event tells which block was read last.
    """
    numbers: list[int] = []
    parts = 0

    def feed() -> Iterator[bytes]:
        for block in blocks:
            yield block
            numbers.append(max(parts - 1, 0))

    for event in read_events(feed(), wire=wire):
        is_call = isinstance(event, ItemStarted) and event.kind == "function_call"
        parts += is_call or isinstance(event, TextDelta | ReasoningDelta)
    return numbers + [max(parts - 1, 0)] * (len(blocks) - len(numbers))


@define
class _Part:
    """A part of the answer: its pieces, if it is a thought, and the time of each piece."""

    part: SamplePart
    times: list[float]
    pieces: list[str] = field(factory=list)


def _add(event: Event, at: float, found: list[_Part], thoughts: dict[int, _Part]) -> None:
    """Add the part that *event* tells of to *found*; a thought is where it began, by slot in *thoughts*."""
    if isinstance(event, TextDelta):
        found.append(_Part(event.text, [at]))
    elif isinstance(event, ReasoningDelta):
        if event.slot not in thoughts:
            thoughts[event.slot] = _Part(Reasoning(), [])
            found.append(thoughts[event.slot])
        thoughts[event.slot].pieces.append(event.text)
        thoughts[event.slot].times.append(at)
    elif isinstance(event, ItemDone) and isinstance(event.item, FunctionCall):
        found.append(_Part(event.item, [at]))
    elif isinstance(event, ItemDone) and isinstance(event.item, Reasoning) and event.item.text:
        text = event.item.text
        if event.slot not in thoughts:
            found.append(_Part(evolve(event.item, content=[text], summary=()), [at]))
            return
        thought = thoughts[event.slot]
        if "".join(thought.pieces) != text:  # the server stated another text in the end
            thought.pieces, thought.times = [text], [at]
        thought.part = evolve(event.item, content=thought.pieces, summary=())
