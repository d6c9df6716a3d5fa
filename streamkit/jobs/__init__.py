"""Rows in, an `Answer` for each out: `client.map`, its journal, and its work in other processes.

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
"""

from __future__ import annotations

from .answer import Answer
from .journal import read_journal
from .map import MapRun
from .report import MapReport

__all__ = ["Answer", "MapReport", "MapRun", "read_journal"]
