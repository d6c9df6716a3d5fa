"""What kind of body begins so: decided by its first bytes, which are handed on all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamkit import NotAnEventStreamError
from streamkit.pipeline.body import SHOWN, Body

BOM = b"\xef\xbb\xbf"
STREAMS = [b'data: {"a":1}\n\n', b": ping\n\n", b"event: x\n", b"id: 1\n", b"retry: 5\n", b"data:x"]
DOCUMENTS = [b'{"a":1}', b"[1]", b"<html>", b"<!DOCTYPE html>"]
OTHERS = [b"Bad gateway", b"0", b"nodata"]


def bytewise(body: bytes) -> Iterator[bytes]:
    return (body[i : i + 1] for i in range(len(body)))


@pytest.mark.parametrize("before", [b"", BOM, b"\n \r\n", b" " * 2000, BOM + b"\n"], ids=repr)
@pytest.mark.parametrize("cut", [lambda body: [body], bytewise, lambda body: [b"", body[:1], b"", body[1:]]])
@pytest.mark.parametrize("body", [*STREAMS, *DOCUMENTS, *OTHERS], ids=repr)
def test_the_first_bytes_decide_however_they_arrive(before, cut, body) -> None:  # type: ignore[no-untyped-def]
    """P3: a byte order mark and white space (gateways keep connections open with it) do not count."""
    looked = Body(cut(before + body))
    assert looked.is_document is (body in DOCUMENTS)
    assert looked.is_like_stream is (body in STREAMS)
    assert b"".join(looked.chunks) == before + body


@pytest.mark.parametrize("body", [b"", b"\n", BOM, BOM[:2], b"  \r\n"], ids=repr)
def test_a_body_with_nothing_in_it_is_neither(body: bytes) -> None:
    """An empty body is no document and no beginning of a stream."""
    looked = Body([body] if body else [])
    assert not looked.is_document
    assert not looked.is_like_stream or body == BOM[:2]


def test_no_more_is_read_than_decides() -> None:
    """Law 9: one byte of a field is enough."""
    taken = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"\n", b"d", b"ata: x\n\n", b"data: y\n\n"):
            taken.append(chunk)
            yield chunk

    body = Body(chunks())
    assert taken == [b"\n", b"d"]
    rest = body.chunks
    assert next(rest) == b"\n"
    assert taken == [b"\n", b"d"]


@pytest.mark.parametrize("cut", [lambda body: [body], bytewise], ids=["whole", "bytewise"])
def test_a_document_is_read_whole(cut) -> None:  # type: ignore[no-untyped-def]
    """A JSON object with a byte order mark, white space and any characters."""
    assert Body(cut(BOM + ' {"a":"é"}\n'.encode())).read_object(100) == {"a": "é"}


@pytest.mark.parametrize(
    ("body", "words", "limit"),
    [
        pytest.param(b"<html><title>502</title>", "an HTML page", 99, id="HTML"),
        pytest.param(b'{"a":', "broken JSON", 99, id="cut off"),
        pytest.param(b"[1]", "a JSON list", 99, id="a list"),
        pytest.param(b'{"a":' + b"[" * 100_000, "broken JSON", 10**6, id="too deep"),
        pytest.param(b'{"a":"' + b"x" * 2000 + b'"}', "more than 1000 bytes", 1000, id="too long"),
    ],
)
def test_any_other_document_is_refused_with_its_beginning(body: bytes, words: str, limit: int) -> None:
    """P3: the error says what came instead, and `.body` is the beginning of it."""
    with pytest.raises(NotAnEventStreamError, match=words) as caught:
        Body([body]).read_object(limit)
    assert caught.value.body == body[:SHOWN].decode()
    assert len(str(caught.value)) < 250


def test_the_shown_beginning_is_of_the_whole_body() -> None:
    """However small the first chunk was: the head goes on to grow as the chunks pass."""
    body = Body(bytewise(b"<html>" + b"x" * 1000))
    list(body.chunks)
    assert body.refusal("it").body == "<html>" + "x" * (SHOWN - 6)
