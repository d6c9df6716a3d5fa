"""Record an answer once, then test your program with it: no key, no network, the same bytes every time.

    python examples/record_and_test.py [FILE.jsonl]

In pytest, the fixture `streamkit_replay` does both; see docs/testing.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from connection import connected, options

from streamkit import Client, ReplayTransport, RetryPolicy, TruncatedStreamError
from streamkit.recordings.faults import cut_at
from streamkit.recordings.format import Recording, load_recording
from streamkit.testing import chat_stream

ANSWER = chat_stream("High tide in Brest", " is at 18:04.")


def hour(client: Client) -> str:
    """The program under test: the hour of high tide, or "?" if the answer breaks off."""
    try:
        text = client.complete("When is high tide in Brest?").text
    except TruncatedStreamError:
        return "?"
    return next((word.rstrip(".") for word in text.split() if ":" in word), "?")


def main() -> None:
    chosen = options(__doc__, "file")
    path = Path(chosen.file or Path(tempfile.mkdtemp()) / "tide.jsonl")
    with connected(chosen, ANSWER) as client:
        client.stream("When is high tide in Brest?", record=path).until_done()
    print("recorded:", path.name)

    def replayed(recording: Recording) -> Client:
        return Client(
            "generic",
            base_url="http://replayed/v1",
            model="demo",
            transport=ReplayTransport(recording),
            retry=RetryPolicy(max_retries=0),  # a cut recording is cut every time
        )

    recording = load_recording(path)
    print("whole:", hour(replayed(recording)))
    print("cut after 200 bytes:", hour(replayed(cut_at(recording, 200))))


if __name__ == "__main__":
    main()
