"""citations: offsets of annotations point into the text that the caller gets, or are dropped."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import Completion, Message, OutputText, Profile, events_from_completion, read_events
from streamkit.profiles.profile import ThinkTags
from streamkit.state.citations import moved_citations

from .chat_payloads import Outcome, body, chunk, collect, read

TAGS = Profile("tags", base_url="http://localhost/v1", think_tags="anywhere")
SERVER = "<think>hm</think>\n\nBrest is wet. <think>so</think>Very wet."
TEXT = "Brest is wet. Very wet."
BREST = {"type": "url_citation", "start_index": 19, "end_index": 24, "url": "u"}  # of SERVER
VERY = {"type": "url_citation", "start_index": 50, "end_index": 54, "url": "v"}
THOUGHT = {"type": "url_citation", "start_index": 7, "end_index": 9, "url": "w"}


def nested(annotation: dict[str, Any]) -> dict[str, Any]:
    """As Chat Completions sends it."""
    facts = {key: value for key, value in annotation.items() if key != "type"}
    return {"type": annotation["type"], annotation["type"]: facts}


def facts(annotation: Any) -> Any:
    return annotation.get("url_citation", annotation)


def cited(completion: Completion) -> list[tuple[str, str]]:
    """The URL and the text that each annotation points at."""
    (message,) = [item for item in completion.items if item.type == "message"]
    (part,) = message.content  # type: ignore[union-attr]
    assert isinstance(part, OutputText)
    found = [facts(annotation) for annotation in part.annotations]
    return [(each["url"], part.text[each["start_index"] : each["end_index"]]) for each in found]


def test_the_example_is_right() -> None:
    assert SERVER[19:24] == "Brest"
    assert SERVER[50:54] == "Very"
    assert SERVER[7:9] == "hm"


# -- the rule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(0, 3, (0, 3), id="before every cut"),
        pytest.param(0, 5, (0, 5), id="up to a cut"),
        pytest.param(10, 12, (5, 7), id="after a cut"),
        pytest.param(20, 25, (10, 15), id="after both"),
        pytest.param(3, 12, (3, 7), id="around a cut"),
        pytest.param(3, 8, (3, 5), id="into a cut"),
        pytest.param(7, 12, (5, 7), id="out of a cut"),
        pytest.param(5, 10, None, id="a cut"),
        pytest.param(6, 9, None, id="in a cut"),
        pytest.param(20, 99, None, id="beyond the text"),
        pytest.param(12, 12, None, id="empty"),
    ],
)
@pytest.mark.parametrize("names", [("start_index", "end_index"), ("startIndex", "endIndex")])
def test_offsets_are_moved_by_the_cuts_before_them(
    start: int, end: int, expected: Any, names: tuple[str, str]
) -> None:
    """A text of 30 without [5, 10) and [15, 20)."""
    annotation = {"type": "a", names[0]: start, names[1]: end, "url": "u"}
    found, lost = moved_citations([annotation, nested(annotation)], [(5, 10), (15, 20)], 20)
    flat = {"type": "a", "url": "u"} | ({} if expected is None else dict(zip(names, expected, strict=True)))
    assert found == [flat, nested(flat)]
    assert lost == (2 if expected is None else 0)


def test_other_annotations_stay() -> None:
    """A file, an annotation with half a range, or of another kind, has no offsets to move."""
    others = [{"type": "file", "file": {"hash": "h"}}, {"type": "b", "start_index": 3}, "x", {"type": ["a"]}]
    assert moved_citations(others, [(0, 9)], 5) == (others, 0)
    assert moved_citations([BREST], [], 5) == ([BREST], 0)


# -- the wires --------------------------------------------------------------------------------


def pieces(size: int) -> list[str]:
    return [SERVER[at : at + size] for at in range(0, len(SERVER), size)]


@pytest.mark.parametrize("size", [1, 3, 7, 60])
@pytest.mark.parametrize("place", ["first", "last", "with the finish", "in the middle"])
def test_chat_deltas(size: int, place: str) -> None:
    """Wherever the annotations come; each delta may hold half a tag."""
    payloads = [chunk(content=piece) for piece in pieces(size)]
    annotations = chunk(
        "stop" if place == "with the finish" else None, annotations=[nested(BREST), nested(VERY)]
    )
    at = {"first": 0, "in the middle": len(payloads) // 2}.get(place, len(payloads))
    payloads.insert(at, annotations)
    outcome = read(*payloads, *([] if place == "with the finish" else [chunk("stop")]), profile=TAGS)
    assert outcome.completion.text == TEXT
    assert cited(outcome.completion) == [("u", "Brest"), ("v", "Very")]
    assert outcome.completion.warnings == ()
    assert outcome.done[-1] == outcome.completion.items[-1]


def test_an_answer_that_breaks_off_has_them_too() -> None:
    outcome = read(chunk(content=SERVER[:45]), chunk(annotations=[BREST]), profile=TAGS)
    assert outcome.error is not None
    assert cited(outcome.completion) == [("u", "Brest")]


def test_the_offsets_of_a_thought_are_dropped_with_a_warning() -> None:
    outcome = read(
        chunk(content=SERVER, annotations=[nested(THOUGHT), nested(VERY)]), chunk("stop"), profile=TAGS
    )
    (message,) = [item for item in outcome.completion.items if item.type == "message"]
    first, second = message.content[0].annotations
    assert first == {"type": "url_citation", "url_citation": {"url": "w"}}
    assert second["url_citation"]["start_index"] == TEXT.index("Very")
    assert outcome.completion.warnings == (
        "annotations: the offsets of 1 point into reasoning that was split off the text; dropped",
    )


def test_a_thought_without_its_opening_tag() -> None:
    """The text was yielded, and then taken back: its range is cut, too."""
    server = "So it is.</think>Brest"
    annotation = {"type": "url_citation", "start_index": 17, "end_index": 22, "url": "u"}
    payloads = [chunk(content=piece) for piece in ("So", " it is.", "</think>", "Brest")]
    for at in range(5):
        found = [*payloads]
        found.insert(at, chunk(annotations=[annotation]))
        outcome = read(*found, chunk("stop"), profile=TAGS)
        assert cited(outcome.completion) == [("u", "Brest")], (at, server)


def document(*annotations: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": SERVER, "annotations": [*annotations]}
    return {"id": "i", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def test_a_plain_chat_answer() -> None:
    outcome: Outcome = collect(events_from_completion(document(nested(BREST), nested(VERY)), profile=TAGS))
    assert cited(outcome.completion) == [("u", "Brest"), ("v", "Very")]


def test_a_message_next_to_its_deltas() -> None:
    """The restated text has the same ranges."""
    outcome = read(*(chunk(content=piece) for piece in pieces(5)), document(nested(VERY)), profile=TAGS)
    assert cited(outcome.completion) == [("v", "Very")]


def responses(*annotations: dict[str, Any], added: bool, size: int = 4) -> list[dict[str, Any]]:
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    content = [{"type": "output_text", "text": SERVER, "annotations": [*annotations]}]
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": content}
    return [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m"}},
        *({"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces(size)),
        *(
            {
                "type": "response.output_text.annotation.added",
                **place,
                "annotation_index": n,
                "annotation": each,
            }
            for n, each in enumerate(annotations)
            if added
        ),
        {"type": "response.output_text.done", **place, "text": SERVER},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}},
    ]


@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "before the item is restated"])
def test_the_responses_api(added: bool, cut: bool) -> None:
    payloads = responses(BREST, VERY, added=added)
    if cut:
        if not added:
            return
        payloads = payloads[:-3]
    outcome = collect(read_events(body(*payloads), wire="responses", profile=TAGS))
    assert outcome.completion.text == TEXT
    assert cited(outcome.completion) == [("u", "Brest"), ("v", "Very")]
    assert outcome.completion.warnings == ()


def test_the_responses_api_warns_once() -> None:
    outcome = collect(read_events(body(*responses(THOUGHT, added=True)), wire="responses", profile=TAGS))
    assert [text.split(":")[0] for text in outcome.completion.warnings] == ["annotations"]
    (message,) = [item for item in outcome.completion.items if isinstance(item, Message)]
    assert [part.annotations for part in message.content] == [({"type": "url_citation", "url": "w"},)]  # type: ignore[union-attr]


def test_without_tags_nothing_moves() -> None:
    """The text is the server's own."""
    outcome = read(chunk(content=SERVER, annotations=[BREST]), chunk("stop"))
    assert cited(outcome.completion) == [("u", "Brest")]
    plain = read(
        chunk(content="Brest", annotations=[{**BREST, "start_index": 0, "end_index": 5}]),
        chunk("stop"),
        profile=TAGS,
    )
    assert cited(plain.completion) == [("u", "Brest")]


def test_other_tags_count_too() -> None:
    profile = Profile("tags", base_url="http://localhost/v1", think_tags=ThinkTags("start", {"<r>": "</r>"}))
    annotation = {"type": "url_citation", "start_index": 9, "end_index": 14, "url": "u"}
    outcome = read(
        chunk(content="<r>h</r>"),
        chunk(content="\nBrest", annotations=[annotation]),
        chunk("stop"),
        profile=profile,
    )
    assert cited(outcome.completion) == [("u", "Brest")]


@pytest.mark.parametrize("together", [True, False], ids=["with the text", "at the end"])
def test_many_thoughts_and_citations(together: bool) -> None:
    """Each piece of 17 characters leaves one, which its annotation cites."""
    piece, count = "<think>a</think>b", 40
    facts = [
        {"type": "url_citation", "url": str(n), "start_index": 17 * n + 16, "end_index": 17 * n + 17}
        for n in range(count)
    ]
    payloads = [chunk(content=piece, annotations=[each] if together else []) for each in facts]
    payloads += [] if together else [chunk(annotations=facts)]
    completion = read(*payloads, chunk("stop"), profile=TAGS).completion
    assert completion.text == "b" * count
    (message,) = [item for item in completion.items if isinstance(item, Message)]
    (part,) = message.content
    assert isinstance(part, OutputText)
    assert [(each["start_index"], each["end_index"]) for each in part.annotations] == [
        (n, n + 1) for n in range(count)
    ]
