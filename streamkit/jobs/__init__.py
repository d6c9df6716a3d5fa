"""Rows in, an `Answer` for each out: `client.map`, its journal, other processes, and `client.batches`.

| file | takes | returns |
|---|---|---|
| question.py | the options of a job | `Question`: what every row is asked, checked |
| rows.py | the caller's rows | `Row`: a number, a key, a request |
| ask.py | a row | `Outcome`: its answer or its error, after retries |
| local.py, remote.py | rows | outcomes, from threads or from an executor's processes |
| journal.py, journal_lines.py | outcomes | lines of a file, and the rows that it has already |
| loop.py | all of these | the answers, in the thread that iterates |
| map.py | the arguments of `client.map` | `MapRun`, the iterator of `Answer` |
| report.py | answers | `MapReport`, the counts |
| batches.py, batch_run.py | the arguments of `client.batches` | `Batch`, whose results are answers |
| batch_rows.py | rows | the rows of each batch, within the limits of the API |
| batch_begin.py, batch_calls.py | the rows of a batch | a batch of the provider that has begun, once |
| batch_log.py | lines of the journal | the rows that the provider has |
| batch_results.py | results of a batch | completions and errors |
"""

from __future__ import annotations

from .answer import Answer
from .journal import read_journal
from .map import MapRun
from .report import MapReport

__all__ = ["Answer", "MapReport", "MapRun", "read_journal"]
