"""_log_lines: a server's words can't forge a log line or control the terminal that shows it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from streamkit import Client
from streamkit.testing import FakeTransport, chat_stream, refusal

PACKAGE = Path(__file__).parent.parent / "streamkit"
NAMES = sorted(
    {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'getLogger\("(streamkit[\w.]*)"\)', path.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_every_record_is_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Line ends, escape sequences, C1 and bidirectional controls in arguments are escaped."""
    call = "look\n2026-11-27 INFO root all is well\x1b[2J\x9b\u202e\ud83d"
    logging.getLogger(name).warning("tool %s failed: %s", call, ValueError("a\r\nb"))
    (record,) = caplog.records
    expected = r"tool look\n2026-11-27 INFO root all is well\x1b[2J\x9b\u202e\ud83d failed: a\r\nb"
    assert record.getMessage() == expected


def test_harmless_records_keep_their_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers that group records by template still can."""
    logging.getLogger("streamkit").warning("%s took %.1f s", "é 漢", 2.0)
    (record,) = caplog.records
    assert (record.msg, record.args) == ("%s took %.1f s", ("é 漢", 2.0))


def test_a_retry_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A server's message with line ends is one record without any."""
    error = {"error": {"message": "busy\nERROR root stolen"}}
    fake = FakeTransport(refusal(503, error, headers={"retry-after": "0"}), chat_stream("Hi"))
    client = Client("generic", base_url="http://127.0.0.1/v1", transport=fake)
    with caplog.at_level("INFO", "streamkit"):
        assert client.complete("Hi", model="m").text == "Hi"
    retried = next(r for r in caplog.records if "retrying" in r.getMessage())
    assert r"busy\nERROR root stolen" in retried.getMessage()
