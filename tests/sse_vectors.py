"""Byte streams and their frames, worked out by hand from WHATWG HTML 9.2.5 and 9.2.6.

Each vector is true for every cutting of its bytes. `frames` are those of streamkit's own chain; the public
reader leaves out `ErrorFrame` and `TornFrame`. `last_event_id`, `retry` and `tail` are the reader's values at
the end of the body.
"""

from __future__ import annotations

from typing import NamedTuple

from streamkit.events import KeepAlive
from streamkit.pipeline.frames import ErrorFrame, Frame, TornFrame

BOM = b"\xef\xbb\xbf"


class Vector(NamedTuple):
    name: str
    body: bytes
    frames: list[Frame | KeepAlive]
    last_event_id: str = ""
    retry: int | None = None
    tail: bytes = b""


def plain(*data: str) -> list[Frame | KeepAlive]:
    """Return frames of type "message" with these data."""
    return [Frame("message", text) for text in data]


def torn(data: str, tail: bytes) -> dict[str, object]:
    return {"frames": [TornFrame("message", data)], "tail": tail}


LINE_ENDS = [
    Vector("lf", b"data: a\ndata: b\n\ndata: c\n\n", plain("a\nb", "c")),
    Vector("crlf", b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", plain("a\nb", "c")),
    Vector("cr", b"data: a\rdata: b\r\rdata: c\r\r", plain("a\nb", "c")),
    Vector("mixed-within-block", b"data: a\r\ndata: b\ndata: c\rdata: d\r\n\n", plain("a\nb\nc\nd")),
    Vector("lf-then-crlf-is-blank", b"data: a\n\r\ndata: b\n\r\n", plain("a", "b")),
    Vector("cr-then-crlf-is-blank", b"data: a\r\r\ndata: b\r\r\n", plain("a", "b")),
    Vector("lf-cr-is-blank", b"data: a\n\rdata: b\n\r", plain("a", "b")),
    Vector("cr-lf-lf", b"data: a\r\n\ndata: b\r\n\n", plain("a", "b")),
    Vector("crlf-never-a-blank-line", b"data: a\r\ndata: b\r\n", **torn("a\nb", b"data: a\ndata: b\n")),
    Vector("many-blank-lines", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", plain("a", "b")),
    Vector("blank-lines-crlf", b"\r\n\r\n\r\ndata: a\r\n\r\n\r\n", plain("a")),
    Vector("vt-and-ff-are-text", b"data: a\x0bb\x0cc\n\n", plain("a\x0bb\x0cc")),
    Vector("file-separators-are-text", b"data: a\x1cb\x1dc\x1ed\n\n", plain("a\x1cb\x1dc\x1ed")),
    Vector("nel-is-text", "data: a\u0085b\n\n".encode(), plain("a\u0085b")),
    Vector("line-separator-is-text", "data: a\u2028b\n\n".encode(), plain("a\u2028b")),
    Vector("paragraph-separator-is-text", "data: a\u2029b\n\n".encode(), plain("a\u2029b")),
    Vector("separators-in-other-blocks", "id: 1\ndata: a\u2028b\x0bc\n\n".encode(),
           [Frame("message", "a\u2028b\x0bc", "1")], "1"),
    Vector("escaped-newline-is-text", b"data: a\\nb\n\n", plain("a\\nb")),
    Vector("empty-body", b"", []),
    Vector("only-line-ends", b"\r\n\n\r", []),
]  # fmt: skip

BYTE_ORDER_MARK = [
    Vector("bom-at-start", BOM + b"data: a\n\n", plain("a")),
    Vector("bom-before-blank-line", BOM + b"\ndata: a\n\n", plain("a")),
    Vector("bom-before-comment", BOM + b": hi\ndata: a\n\n", [KeepAlive("hi"), *plain("a")]),
    Vector("second-bom-names-a-field", BOM + BOM + b"data: a\n\ndata: b\n\n", plain("b")),
    Vector("bom-later-names-a-field", b"data: a\n\n" + BOM + b"data: b\n\ndata: c\n\n", plain("a", "c")),
    Vector("bom-in-a-value-stays", b"data: " + BOM + b"a\n\n", plain("\ufeffa")),
    Vector("bom-alone", BOM, []),
    Vector("half-a-bom-names-a-field", b"\xef\xbbdata: a\n\ndata: b\n\n", plain("b")),
    Vector("half-a-bom-at-the-end", b"\xef\xbb", [], tail=b"\xef\xbb"),
    Vector("utf-16-bom-names-a-field", b"\xff\xfedata: a\n\ndata: b\n\n", plain("b")),
]  # fmt: skip

DATA = [
    Vector("one-space-removed", b"data: a\n\n", plain("a")),
    Vector("no-space", b"data:a\n\n", plain("a")),
    Vector("second-space-stays", b"data:  a\n\n", plain(" a")),
    Vector("tab-stays", b"data:\ta\n\n", plain("\ta")),
    Vector("no-break-space-stays", "data:\u00a0a\n\n".encode(), plain("\u00a0a")),
    Vector("trailing-space-stays", b"data: a \n\n", plain("a ")),
    Vector("only-the-first-colon-divides", b"data: a: b:c\n\n", plain("a: b:c")),
    Vector("value-starts-with-colon", b"data::a\n\n", plain(":a")),
    Vector("json", b'data: {"a": "b:c"}\n\n', plain('{"a": "b:c"}')),
    Vector("done", b"data: [DONE]\n\n", plain("[DONE]")),
    # At the blank line the data buffer is "\n", so it isn't empty; then its last newline is removed.
    Vector("empty-data-dispatches", b"data:\n\n", plain("")),
    Vector("empty-data-with-space", b"data: \n\n", plain("")),
    Vector("data-without-colon", b"data\n\n", plain("")),
    # The three blocks of the specification's own example; the last has no blank line.
    Vector("specification-example-empty", b"data\n\ndata\ndata\n\ndata:",
           [*plain("", "\n"), TornFrame("message", "")], tail=b"data:"),
    Vector("two-empty-lines-are-a-newline", b"data:\ndata:\n\n", plain("\n")),
    Vector("empty-lines-around", b"data:\ndata: a\ndata:\n\n", plain("\na\n")),
    Vector("lines-with-and-without-space", b"data: a\ndata:b\n\n", plain("a\nb")),
    Vector("specification-example-two-lines", b"data: YHOO\ndata: +2\ndata: 10\n\n", plain("YHOO\n+2\n10")),
    Vector("specification-example-space", b"data:test\n\ndata: test\n\n", plain("test", "test")),
    Vector("more-lines-than-a-group", b"data: a\n" * 65 + b"\n", plain("\n".join("a" * 65))),
    Vector("as-many-lines-as-a-group", b"data: a\n" * 64 + b"\n", plain("\n".join("a" * 64))),
    Vector("nul-in-data-stays", b"data: a\0b\n\n", plain("a\0b")),
]  # fmt: skip

NAMES = [
    Vector("event-named", b"event: add\ndata: a\n\n", [Frame("add", "a")]),
    Vector("event-after-data", b"data: a\nevent: add\n\n", [Frame("add", "a")]),
    Vector("event-without-space", b"event:add\ndata:a\n\n", [Frame("add", "a")]),
    Vector("event-keeps-further-spaces", b"event:  add \ndata: a\n\n", [Frame(" add ", "a")]),
    Vector("event-empty", b"event: \ndata: a\n\n", plain("a")),
    Vector("event-without-colon", b"event\ndata: a\n\n", plain("a")),
    Vector("last-event-line-wins", b"event: a\nevent: b\ndata: x\n\n", [Frame("b", "x")]),
    Vector("last-event-line-wins-empty", b"event: a\nevent:\ndata: x\n\n", plain("x")),
    Vector("first-event-line-empty", b"event:\nevent: b\ndata: x\n\n", [Frame("b", "x")]),
    Vector("event-between-many-lines", b"data: a\n" * 65 + b"event: e\n" + b"data: b\n" * 65 + b"\n",
           [Frame("e", "\n".join("a" * 65 + "b" * 65))]),
    Vector("event-does-not-persist", b"event: add\ndata: a\n\ndata: b\n\n", [Frame("add", "a"), *plain("b")]),
    Vector("event-alone-dispatches-nothing", b"event: ping\n\ndata: a\n\n", plain("a")),
    Vector("event-with-multibyte-name", "event: größe\ndata: a\n\n".encode(), [Frame("größe", "a")]),
    Vector("specification-example-named",
           b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
           [Frame("add", "73857293"), Frame("remove", "2153"), Frame("add", "113411")]),
    Vector("event-error-is-an-ordinary-name", b'event: error\ndata: {"code": 429}\n\n',
           [Frame("error", '{"code": 429}')]),
]  # fmt: skip

IDS = [
    Vector("id", b"id: 1\ndata: a\n\n", [Frame("message", "a", "1")], "1"),
    Vector("id-after-data", b"data: a\nid: 1\n\n", [Frame("message", "a", "1")], "1"),
    Vector("id-persists", b"id: 1\ndata: a\n\ndata: b\n\n",
           [Frame("message", "a", "1"), Frame("message", "b", "1")], "1"),
    Vector("id-reset-by-empty-value", b"id: 1\ndata: a\n\nid\ndata: b\n\ndata: c\n\n",
           [Frame("message", "a", "1"), *plain("b", "c")]),
    Vector("id-alone-counts", b"id: 1\n\ndata: a\n\n", [Frame("message", "a", "1")], "1"),
    Vector("id-alone-at-the-end", b"data: a\n\nid: 7\n\n", plain("a"), "7"),
    Vector("id-with-nul-is-ignored", b"id: 1\nid: 2\0\ndata: a\n\n", [Frame("message", "a", "1")], "1"),
    Vector("id-last-line-wins", b"id: 1\nid: 2\ndata: a\n\n", [Frame("message", "a", "2")], "2"),
    Vector("id-keeps-further-spaces", b"id:  1 \ndata: a\n\n", [Frame("message", "a", " 1 ")], " 1 "),
    Vector("id-multibyte", "id: …\ndata: a\n\n".encode(), [Frame("message", "a", "…")], "…"),
    Vector("id-in-a-torn-block-does-not-count", b"id: 1\ndata: a\n\nid: 2\ndata: b\n",
           [Frame("message", "a", "1"), TornFrame("message", "b", "2")], "1", tail=b"id: 2\ndata: b\n"),
    Vector("specification-example-ids",
           b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
           [KeepAlive("test stream"), Frame("message", "first event", "1"), *plain("second event"),
            TornFrame("message", " third event")], tail=b"data:  third event\n"),
]  # fmt: skip

RETRY = [
    Vector("retry", b"retry: 3000\ndata: a\n\n", [Frame("message", "a", "", 3000)], retry=3000),
    Vector("retry-alone-counts", b"retry: 10\n\ndata: a\n\n", plain("a"), retry=10),
    Vector("retry-leading-zeros", b"retry: 03000\n\n", [], retry=3000),
    Vector("retry-zero", b"retry: 0\n\n", [], retry=0),
    Vector("retry-last-valid-wins", b"retry: 1\nretry: 2\nretry: x\ndata: a\n\n",
           [Frame("message", "a", "", 2)], retry=2),
    Vector("retry-belongs-to-its-block", b"retry: 5\ndata: a\n\ndata: b\n\n",
           [Frame("message", "a", "", 5), *plain("b")], retry=5),
    Vector("retry-not-digits",
           b"retry: 1000x\n\nretry: -1\n\nretry: 1.5\n\nretry: 1e3\n\nretry: 1_0\n\n", []),
    Vector("retry-spaces", b"retry:  1\n\nretry: 1 \n\n", []),
    Vector("retry-empty", b"retry: 500\n\nretry\n\nretry:\n\n", [], retry=500),
    Vector("retry-digits-of-other-scripts", "retry: ٣\n\nretry: ３\n\nretry: ²\n\n".encode(), []),
    Vector("retry-beyond-64-bits", b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", plain("a")),
    Vector("retry-in-a-torn-block-counts", b"retry: 3000\n", [], retry=3000, tail=b"retry: 3000\n"),
    Vector("retry-cut-off-does-not-count", b"retry: 30", [], tail=b"retry: 30"),
]  # fmt: skip

COMMENTS = [
    Vector("comment", b": OPENROUTER PROCESSING\n\ndata: a\n\n",
           [KeepAlive("OPENROUTER PROCESSING"), *plain("a")]),
    Vector("comment-without-space", b":hi\n\n", [KeepAlive("hi")]),
    Vector("comment-second-space-stays", b":  hi\n\n", [KeepAlive(" hi")]),
    Vector("comment-empty", b":\n\n: \n", [KeepAlive(""), KeepAlive("")]),
    Vector("comment-within-a-block", b"data: a\n: hi\ndata: b\n\n", [KeepAlive("hi"), *plain("a\nb")]),
    Vector("comment-does-not-end-a-block", b"data: a\n:\ndata: b\n\n", [KeepAlive(""), *plain("a\nb")]),
    Vector("comment-next-to-an-id", b"id: 1\n: hi\ndata: a\n\n",
           [KeepAlive("hi"), Frame("message", "a", "1")], "1"),
    Vector("comment-that-looks-like-data", b":data: a\n\n", [KeepAlive("data: a")]),
    Vector("comment-with-bad-utf-8", b": \xff!\n", [KeepAlive("\ufffd!")]),
    Vector("comments-in-a-row", b": a\n: b\r\n: c\r", [KeepAlive("a"), KeepAlive("b"), KeepAlive("c")]),
    Vector("comment-cut-off", b"data: a\n\n: hi", plain("a"), tail=b": hi"),
]  # fmt: skip

OTHER_FIELDS = [
    Vector("unknown-field", b"foo: 1\ndata: a\n\n", plain("a")),
    Vector("unknown-without-colon", b"foo\ndata: a\n\n", plain("a")),
    Vector("unknown-alone", b"foo: 1\n\n{}\n\n", []),
    Vector("names-are-case-sensitive", b"Data: a\nDATA: b\ndata: c\nEVENT: d\nId: 1\n\n", plain("c")),
    Vector("leading-space-is-another-name", b" data: a\ndata: b\n\n", plain("b")),
    Vector("trailing-space-is-another-name", b"data : a\ndata: b\n\n", plain("b")),
    Vector("longer-name-is-another-name", b"database: a\ndata2: b\nevents: c\ndata: d\n\n", plain("d")),
    Vector("shorter-name-is-another-name", b"dat: a\ndata: b\n\n", plain("b")),
    Vector("nul-in-a-name-is-another-name", b"data\0: a\n\0data: b\ndata: c\n\n", plain("c")),
    Vector("line-of-spaces-does-not-end-a-block", b"data: a\n  \ndata: b\n\n", plain("a\nb")),
    Vector("json-lines-are-unknown-fields", b'{\n "error": {"code": 1}\n}\n\n', []),
    Vector("fields-of-every-kind",
           b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\r"
           b"data_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
           plain("\0\n 2\n1\n3\n\n4")),
]  # fmt: skip

TEXT = [
    Vector("multibyte", "data: é 我們 😀\n\n".encode(), plain("é 我們 😀")),
    Vector("one-bad-byte", b"data: a\xffb\n\ndata: c\n\n", plain("a\ufffdb", "c")),
    Vector("lone-continuation-byte", b"data: \x80\n\n", plain("\ufffd")),
    Vector("half-a-character", b"data: \xf0\x9f\x98\n\ndata: c\n\n", plain("\ufffd", "c")),
    Vector("half-a-character-in-each-line", b"data: \xc3\ndata: \xa9\n\n", plain("\ufffd\n\ufffd")),
    Vector("surrogate-bytes", b"data: \xed\xa0\x80\n\n", plain("\ufffd\ufffd\ufffd")),
    Vector("bad-byte-in-a-rare-block", b"id: \xff\ndata: a\xff\nevent: \xff\n\n",
           [Frame("\ufffd", "a\ufffd", "\ufffd")], "\ufffd"),
    Vector("bad-byte-in-a-name", b"\xffdata: a\ndata: b\n\n", plain("b")),
]  # fmt: skip

ENDINGS = [
    Vector("torn-before-the-blank-line", b"data: a\n\ndata: b\n",
           [*plain("a"), TornFrame("message", "b")], tail=b"data: b\n"),
    Vector("torn-within-a-line", b"data: a\n\nda", plain("a"), tail=b"da"),
    Vector("torn-without-line-end", b"data: [DONE]", **torn("[DONE]", b"data: [DONE]")),
    Vector("torn-after-cr", b"data: a\r", **torn("a", b"data: a\n")),
    Vector("torn-block-of-two-lines", b"data: a\r\nevent: e\r\ndata: b",
           [TornFrame("e", "a\nb")], tail=b"data: a\nevent: e\ndata: b"),
    Vector("torn-within-a-character", b"data: \xe2\x82", **torn("\ufffd", b"data: \xe2\x82")),
    Vector("torn-with-a-comment", b"data: a\n: hi\n", [KeepAlive("hi"), TornFrame("message", "a")],
           tail=b"data: a\n"),
    Vector("torn-event-name-only", b"event: e\n", [], tail=b"event: e\n"),
]  # fmt: skip

# llama.cpp's server announces errors in a field of its own; the specification ignores the field.
ERROR_FIELD = [
    Vector("error-field", b'error: {"code": 400}\n\n', [ErrorFrame("error", '{"code": 400}')]),
    Vector("error-field-next-to-data", b"error: {}\ndata: a\n\n", [*plain("a"), ErrorFrame("error", "{}")]),
    Vector("error-field-of-two-lines", b"error: {\nerror: }\n\n", [ErrorFrame("error", "{\n}")]),
    Vector("error-field-ignores-the-event-name", b"event: e\nerror: {}\n\n", [ErrorFrame("error", "{}")]),
    Vector("error-field-with-id-and-retry", b"id: 1\nretry: 2\nerror: {}\n\n",
           [ErrorFrame("error", "{}", "1", 2)], "1", 2),
    Vector("error-field-torn", b"error: {}", [TornFrame("error", "{}")], tail=b"error: {}"),
]  # fmt: skip

VECTORS = [
    *LINE_ENDS,
    *BYTE_ORDER_MARK,
    *DATA,
    *NAMES,
    *IDS,
    *RETRY,
    *COMMENTS,
    *OTHER_FIELDS,
    *TEXT,
    *ENDINGS,
    *ERROR_FIELD,
]
