"""A question about every row of a CSV, at half the price within a day. After a crash, the same call goes on.

    python examples/batch_csv.py [ROWS.csv] [JOURNAL.jsonl]
    python examples/batch_csv.py rows.csv answers.jsonl --profile anthropic --model claude-haiku-4-5

The rows need a column `text`. With the profiles openai, anthropic, gemini and mistral the call is the same.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from connection import connected, options

from streamkit.testing import chat_stream

ROWS = "id,text\n1,The harbour is calm today.\n2,The last ferry was cancelled.\n3,Fog until noon.\n"
ANSWER = chat_stream("neutral")


def main() -> None:
    chosen = options(__doc__, "rows", "journal")
    journal = Path(chosen.journal or Path(tempfile.mkdtemp()) / "answers.jsonl")
    text = Path(chosen.rows).read_text(encoding="utf-8") if chosen.rows else ROWS
    with connected(chosen, ANSWER) as client:
        for number in (1, 2):
            batch = client.batches.submit(
                csv.DictReader(io.StringIO(text)),
                to_input=lambda row: f"One word, positive, neutral or negative: {row['text']}",
                key=lambda row: row["id"],
                journal=journal,
            )
            print(number, len(batch.ids), "batches")
            batch.wait(60 if chosen.profile else 0)  # a server on this machine needs no time
            for answer in sorted(batch.results(), key=lambda answer: answer.index):
                print(number, answer.key, answer.source, answer.text if answer.ok else answer.error)


if __name__ == "__main__":
    main()
