"""Turn tagged thoughts in the text of a message, `<think>...</think>`, into reasoning.

    takes    deltas
    yields   deltas, with tagged text as ReasoningPiece

For servers that leave the model's tags in the text. It's opt-in by `Profile.think_tags`, because a text may
be about the tag.

Rules:
1. A tag may be cut anywhere. Text that may be the beginning of one is held until the next piece decides, and
   is yielded as text if no tag follows. White space before the first tag and after any tag belongs to it.
2. The first closing tag without an opening one ends a thought that began with the message: the chat template
   contains the opening tag. With `begins_inside` the thought was yielded as reasoning. Without it the thought
   was yielded as text, so the item is corrected: the text so far becomes reasoning. A tag in quotes is text.
3. A thought that arrives in a reasoning field and in the text is counted once, whichever is first. If a field
   contains another thought, text before a closing tag without an opening one stays text.
4. A finish is advisory, so it waits with the text that is held before it: both are yielded when usage or the
   end follows. If text follows, the finish is yielded, and the text stays held.
5. Every payload is the `raw` of a delta: one that contains only a tag gets a delta without text.
6. The offsets of annotations count in the server's text, so the ranges that were split off are attached to a
   message with annotations; those of a whole item are changed here. See state/citations.py.
7. Work and memory are linear: a text is searched from where the last search ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from attrs import evolve

from ..errors import StreamkitError
from ..items import Message, OutputText, Reasoning
from ..profiles.profile import ThinkTags
from ..state.answer import AnswerState
from ..state.citations import lost_offsets, moved_citations
from ..state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    Delta,
    ItemClosed,
    Piece,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    WholeItem,
)
from .repeated_thoughts import Repeats, union
from .tag_splitter import Grammar, joined
from .tagged_message import TaggedMessage, is_ours, our_key


def split_thinking(
    deltas: Iterable[Delta], tags: ThinkTags, state: AnswerState | None = None
) -> Iterator[Delta]:
    """Yield *deltas* with tagged text as reasoning. *state* gets a warning for each lost offset."""
    state = AnswerState() if state is None else state
    split = _Split(tags, state)
    state.passes_of = split.passes_of
    try:
        for delta in deltas:
            apply = split.table.get(type(delta))
            if apply is None:
                yield delta
            else:
                yield from apply(delta)
    except StreamkitError:  # the held text had arrived before the error
        yield from split.flush(None)
        raise
    yield from split.flush(None)  # the body was truncated


class _Split:
    """The messages and the choices of one stream; `table` has the function for each kind of delta."""

    def __init__(self, tags: ThinkTags, state: AnswerState) -> None:
        self._grammar = Grammar(tags)
        self._state = state
        self._warnings = state.warnings
        self._cited: set[Hashable] = set()  # messages whose annotations come before their text
        self._messages: dict[Hashable, TaggedMessage] = {}
        self._waiting: dict[Hashable, TaggedMessage] = {}  # those that hold text or payloads
        self._ends: dict[int, list[ChoiceFinished | UsageCounted]] = {}  # that wait, by choice
        self._repeats: dict[int, Repeats] = {}  # by choice
        self.table: dict[type, Callable[[Any], Iterator[Delta]]] = {
            TextPiece: self._text,
            ReasoningPiece: self._reasoning,
            Restated: self._restated,
            WholeItem: self._whole_item,
            Attached: self._attached,
            ItemClosed: self._item_closed,
            CallPiece: self._then,
            RefusalPiece: self._then,
            ChoiceFinished: self._finished,
            UsageCounted: self._usage,
            StreamEnded: self._ended,
        }

    def passes_of(self, piece: Piece) -> Callable[[str], bool] | None:
        """Return the function that tells if a further text of the message of *piece* is only text.

        None if the next text may not be, as inside a thought. For the lane: the function counts the text.
        """
        message = self._messages.get(piece.key)
        if not isinstance(piece, TextPiece) or message is None or message.is_waiting:
            return None
        return message.splitter.passes if message.splitter.is_plain else None

    def flush(self, choice: int | None) -> Iterator[Delta]:
        """Yield the held text of a choice, None for all, because no more of its text follows. Then yield its
        finish if that waited.
        """
        for key, message in list(self._waiting.items()):
            if choice is None or message.last.choice == choice:
                del self._waiting[key]
                yield from message.flush()
        for finished in [each for each in self._ends if choice in (None, each)]:
            yield from self._ends.pop(finished)

    def _then(self, delta: CallPiece | RefusalPiece) -> Iterator[Delta]:
        yield from self.flush(delta.choice)
        yield delta

    def _finished(self, delta: ChoiceFinished) -> Iterator[Delta]:
        yield from self._reopen(delta.choice)
        if any(message.last.choice == delta.choice for message in self._waiting.values()):
            self._ends[delta.choice] = [delta]
        else:
            yield delta

    def _reopen(self, choice: int) -> Iterator[Delta]:
        """Yield the finish of *choice* that waited, because more of the choice follows."""
        if choice in self._ends:
            yield from self._ends.pop(choice)

    def _usage(self, delta: UsageCounted) -> Iterator[Delta]:
        """Yield usage after the text and the finish that wait; it waits with a finish in its own payload."""
        for choice, (finish, *_) in list(self._ends.items()):
            if isinstance(finish, ChoiceFinished) and finish.with_output and finish.raw is delta.raw:
                self._ends[choice].append(delta)
                return
            yield from self.flush(choice)
        yield delta

    def _ended(self, delta: StreamEnded) -> Iterator[Delta]:
        yield from self.flush(None)
        yield delta

    def _item_closed(self, delta: ItemClosed) -> Iterator[Delta]:
        message = self._waiting.pop(delta.key, None)
        if message is not None:
            yield from message.flush()
        yield delta

    def _attached(self, delta: Attached) -> Iterator[Delta]:
        yield delta
        if delta.what == "annotations":
            self._cited.add(delta.key)
            if delta.key in self._messages:
                yield from self._messages[delta.key].cite()

    def _text(self, piece: TextPiece) -> Iterator[Delta]:
        yield from self._reopen(piece.choice)
        message = self._message(piece)
        if (passed := message.pass_on(piece)) is not None:
            yield passed
            return
        self._state.lone = None  # one piece may become several
        yield from message.read(piece)
        if message.is_waiting:
            self._waiting[piece.key] = message
        else:
            self._waiting.pop(piece.key, None)

    def _message(self, piece: TextPiece) -> TaggedMessage:
        """Return the message of *piece*. The template's opening tag counts for a choice's first one only."""
        known = self._messages.get(piece.key)
        if known is None:
            repeats = self._repeats_of(piece.choice)
            known = TaggedMessage(piece, self._grammar, repeats, is_first=not repeats.has_message)
            known.is_cited = piece.key in self._cited
            repeats.has_message = True
            self._messages[piece.key] = known
        return known

    def _repeats_of(self, choice: int) -> Repeats:
        return self._repeats.setdefault(choice, Repeats())

    def _reasoning(self, piece: ReasoningPiece) -> Iterator[Delta]:
        repeats = self._repeats_of(piece.choice)
        fresh = repeats.from_field(piece.text)
        repeats.shown = piece.raw
        repeats.is_ours = is_ours(piece.key)
        # A repeat keeps its payload, without text. An item that isn't ours is the server's own, and stays.
        yield replace(piece, text=fresh) if is_ours(piece.key) else piece

    # -- restatements ---------------------------------------------------------------------

    def _restated(self, delta: Restated) -> Iterator[Delta]:
        piece = delta.piece
        if isinstance(piece, TextPiece):
            found = self._restated_text(piece, withdraws=delta.withdraws)
        elif isinstance(piece, ReasoningPiece):
            found = self._restated_field(piece)
        else:
            found = iter([delta])
        for each in found:
            yield replace(each, announced=delta.announced) if isinstance(each, Restated) else each

    def _restated_field(self, piece: ReasoningPiece) -> Iterator[Delta]:
        """Yield a whole reasoning field, with the thoughts in the text that it lacks."""
        repeats = self._repeats_of(piece.choice)
        if not is_ours(piece.key):
            repeats.learn_field(piece.text)
            yield Restated(piece)
            return
        repeats.is_ours, repeats.whole_field = True, piece.text
        yield Restated(replace(piece, text=union(piece.text, "".join(repeats.tagged.texts))))

    def _restated_text(self, whole: TextPiece, *, withdraws: bool) -> Iterator[Delta]:
        """Yield a whole text as its reasoning, then its text, which *withdraws* another one.

        If the message is still arriving, and ends in what may become a tag, the next piece decides about it.
        """
        message = self._message(whole)
        splitter = message.splitter_for_whole(is_first=whole.part == message.first_part)
        parts = list(splitter.feed(whole.text))
        if withdraws:  # it is all of the text so far: the next piece goes on from its end
            message.splitter, message.last = splitter, whole
        elif not (splitter.is_holding and message.splitter.is_holding):
            parts += splitter.flush()
            message.splitter.drop_held()
        thought, text = joined(parts)
        yield from self._restated_thought(whole, thought, withdraws=withdraws)
        if text or withdraws:
            yield Restated(replace(whole, text=text), withdraws=withdraws)
        yield from message.learn_cuts(whole.part, splitter)
        if withdraws and message.is_waiting:
            self._waiting[whole.key] = message

    def _restated_thought(
        self, whole: TextPiece, thought: str, *, withdraws: bool = False
    ) -> Iterator[Delta]:
        repeats = self._repeats_of(whole.choice)
        field = repeats.field_text()
        if thought.strip() and thought.strip() not in field:
            text = union(field, thought) if repeats.is_ours else thought
            piece = ReasoningPiece(our_key(whole.key), whole.choice, text, whole.raw)
            yield Restated(piece, withdraws=withdraws)

    def _whole_item(self, delta: WholeItem) -> Iterator[Delta]:
        """Yield a whole message without its thoughts, which are restated before it."""
        item = delta.item
        if isinstance(item, Reasoning):
            self._repeats_of(delta.choice).learn_field("".join(item.content or item.summary))
        if not isinstance(item, Message):
            yield delta
            return
        template = TextPiece(delta.key, delta.choice, "", delta.raw)
        message = self._message(template)
        message.splitter.drop_held()
        yield from message.flush()
        self._waiting.pop(delta.key, None)
        thoughts, content = [], list(item.content)
        for place, part in enumerate(content):
            if isinstance(part, OutputText):
                splitter = message.splitter_for_whole(is_first=place == 0)
                thought, text = joined([*splitter.feed(part.text), *splitter.flush()])
                thoughts.append(thought)
                if text != part.text:
                    cited, lost = moved_citations(part.annotations, splitter.cuts, len(text))
                    if lost:
                        self._warnings.append(lost_offsets(lost))
                    content[place] = evolve(part, text=text, annotations=cited)
        yield from self._restated_thought(template, "".join(thoughts))
        yield replace(delta, item=evolve(item, content=content))
