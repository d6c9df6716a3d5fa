"""Turn lines and errors into one line of printable text each, for standard output or a terminal."""

from __future__ import annotations

import re
import shutil
import sys
from typing import Any, TextIO

from .._lazy import lazy
from ..errors import APITimeoutError, LimitError, StreamkitError, UsageError
from ..json_text import dumps_for_terminal

_is_param = lazy("request.params:is_param")
_printable = lazy("display.render:printable")  # `streamkit --help` doesn't need it

# Python arguments in errors of the library -> the command line's own words.
_OPTION_NAMES = (
    (r"\bpass api_key=", "name its variable with --key-env"),
    (r"\bapi_key\b", "key"),
    (r"\bbase_url\b=?", "--base-url"),
    (r"\bextra_body\b=?", "--param extra_body={...}"),
    (r"^input\b(?=:)", "PROMPT"),
    (r"^journal\b(?=:)", "--output"),
    (r"^ask_again\b(?=:)", "--ask-again"),
    (r"^(workers|attempts)\b(?=:)", r"--\1"),
    (r"^(?:limits\.)?requests_per_minute\b", "--rpm"),
    (r"^(?:limits\.)?tokens_per_minute\b", "--tpm"),
    (r"^(?:limits\.)?(cost|tokens|failures)\b(?=:)", r"--max-\1"),
    (
        r"\ba response_format to check the answers against; pass one",
        "--json-schema, to check the answers against",
    ),
    (
        r"pass prices= to Client, set a limit of tokens instead, or .*",
        "install genai-prices, or pass --max-tokens",
    ),
    (r"^(model|profile|wire|tool)\b(?=:| takes\b)", r"--\1"),
    (r"\b(model|profile|wire)=(?=$|[\s,;.)])", r"--\1"),
    (r"\b(?:pass )?(wire|profile|model)='([\w.-]+)'", r"use --\1 \2"),
    (r",? or (?:pass )?a Profile\b", ""),
    (r"\ba Profile or (?=one of)", ""),
    (r"\ba ToolSpec or a dict in the API's own form\b", "an object in the API's own form"),
    (r"; decorate a function with @tool\b", "; name a Python function with --tool"),
    (r",? or None\b(?=, got)", ""),
    (r"^(extra_headers|extra_query|tools)\b(?=[:\[])", r"--param \1"),
    (r'; pass \{"(X-Name|name)": "value"\}', r'; write {"\1": "value"}'),
)
# A clause about an attribute of the exception, which the command line can't show.
_ATTRIBUTE_CLAUSE = r"; \.partial\b[^;]*"


def error_text(error: StreamkitError) -> str:
    """Return the message of *error* in the words of the command line: `--base-url` for `base_url=`.

    Only the library's own words change: an `APIError` quotes the server, and stays as received.
    """
    text = re.sub(_ATTRIBUTE_CLAUSE, "", str(error))
    if isinstance(error, APITimeoutError):
        text = re.sub(r"Timeouts\((first_event|idle)=\.\.\.\)", "--timeout", text)
        text = re.sub(r"; Timeouts\(\w+=\.\.\.\) sets the limit", "", text)
    if isinstance(error, UsageError | LimitError):
        for pattern, words in _OPTION_NAMES:
            text = re.sub(pattern, words, text)
        name = re.match(r"\w+", text)
        if name is not None and _is_param(name[0]):
            text = f"--param {text}"
    return text


def one_line(text: str) -> str:
    """Return *text* without line ends, tabs and characters that control a terminal."""
    printed: str = _printable(text)
    return printed.replace("\n", "␊").replace("\t", " ")


def print_line(text: str, *, file: TextIO | None = None) -> None:
    """Print *text* as one line and flush it; if *file* is a terminal, truncate the line to its width."""
    file = file or sys.stdout
    text = one_line(text)
    if file.isatty():
        width = shutil.get_terminal_size().columns
        text = text if len(text) <= width else text[: width - 1] + "…"
    print(text, file=file, flush=True)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print *value* as JSON that can't control a terminal, and flush it; a program reads the same value."""
    print(dumps_for_terminal(value, indent=indent), flush=True)


def print_text(text: str, *, end: str = "\n") -> None:
    """Print a model's text and flush it: unchanged to a pipe or file, printable on a terminal."""
    print(_printable(text) if sys.stdout.isatty() else text, end=end, flush=True)


def tolerate_any_text(*streams: TextIO) -> None:
    """Escape the characters that a stream's encoding lacks, so that none of them ends the program."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
