"""Answer many questions in parallel: one question per line on stdin, one JSON line per answer on stdout.

    OPENROUTER_API_KEY=... python examples/batch.py MODEL < questions.txt > answers.jsonl

If an answer fails, its line contains the partial text and the error, and the exit status is 1.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streamkit import Client, StreamkitError, Timeouts


def main(model: str) -> int:
    client = Client("openrouter", timeouts=Timeouts(deadline=600))

    def answer(question: str) -> dict[str, Any]:
        try:
            completion = client.complete(question, model=model).raise_for_incomplete()
        except StreamkitError as error:
            text = error.partial.text if error.partial else ""
            return {"question": question, "text": text, "error": f"{type(error).__name__}: {error}"}
        return {"question": question, "text": completion.text}

    failed = False
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(answer, (line.strip() for line in sys.stdin if line.strip())):
            failed = failed or "error" in result
            print(json.dumps(result, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
