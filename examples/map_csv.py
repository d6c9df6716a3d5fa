"""A question about every row of a CSV, many at once. After a crash, it asks only what is missing.

    python examples/map_csv.py [ROWS.csv] [JOURNAL.jsonl]

The rows need a column `text`. The journal has an answer for each row, as JSON lines.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from connection import connected, options

from streamkit import Limits
from streamkit.testing import chat_stream

ROWS = "id,text\n1,The harbour is calm today.\n2,The last ferry was cancelled.\n3,Fog until noon.\n"
ANSWER = chat_stream("neutral")


def main() -> None:
    chosen = options(__doc__, "rows", "journal")
    journal = Path(chosen.journal or Path(tempfile.mkdtemp()) / "answers.jsonl")
    text = Path(chosen.rows).read_text(encoding="utf-8") if chosen.rows else ROWS
    with connected(chosen, ANSWER) as client:
        for number in (1, 2):
            run = client.map(
                csv.DictReader(io.StringIO(text)),
                to_input=lambda row: f"One word, positive, neutral or negative: {row['text']}",
                key=lambda row: row["id"],
                journal=journal,
                ordered=True,
                workers=8,
                limits=Limits(requests_per_minute=600),
            )
            with run:
                for answer in run:
                    print(number, answer.key, answer.source, answer.text if answer.ok else answer.error)


if __name__ == "__main__":
    main()
