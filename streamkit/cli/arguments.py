"""Turn words of the command line into values, and add the help and the options that commands share.

Rule: a wrong value raises `argparse.ArgumentTypeError`; argparse puts the name of the option in front of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import textwrap
from typing import Any

from ..wires import WIRES

# Names that --param can't set: another option does, or the value isn't JSON.
_NOT_PARAMS = {
    "model": "use --model",
    "instructions": "use --system",
    "strict": "use --strict",
    **dict.fromkeys(("system", "system_prompt"), "use --system"),
    **dict.fromkeys(("input", "messages"), "use PROMPT"),
    "stream": "every answer is streamed",
    "conversation": "use PROMPT",
    "record": "use streamkit record",
    **dict.fromkeys(
        ("self", "client", "retry", "max_retries", "approve", "executor"),
        "set it in Python",
    ),
    **dict.fromkeys(("timeouts", "timeout"), "use --timeout"),
}


def set_help(parser: argparse.ArgumentParser, description: str, *examples: str) -> None:
    """Set the text of a command's `--help`: a description, and examples of one line each."""
    parser.description = description
    if examples:
        # This formatter keeps the lines of the examples, but doesn't wrap the description.
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = textwrap.fill(description, max(shutil.get_terminal_size().columns - 2, 20))
        parser.epilog = "examples:\n" + "".join(f"  {example}\n" for example in examples)


def speed(text: str) -> float:
    """Return the factor by which to play faster than recorded; 0 means without waiting."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected 0 or a factor such as 2.5, got {text!r:.40}")
    return value


def words(text: str) -> str:
    """Return *text*, which goes to a model. Bytes that the locale can't decode are read as UTF-8."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        raise argparse.ArgumentTypeError("expected text in UTF-8, got other bytes") from None


def param(text: str) -> tuple[str, Any]:
    """Return name and value of `name=value`; the value is JSON, or else a string."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"expected name=value, got {text!r:.40}")
    if name in _NOT_PARAMS:
        raise argparse.ArgumentTypeError(f"{name} isn't a parameter of the API; {_NOT_PARAMS[name]}")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def seconds(text: str) -> float:
    """Return a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r:.40}")
    return value


def port(text: str) -> int:
    """Return the number of a port; 0 stands for a free one."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r:.40}")
    return int(text)


def add_speed(parser: argparse.ArgumentParser) -> None:
    """Add the option that sets the pace of a recording."""
    parser.add_argument(
        "--speed",
        metavar="FACTOR",
        type=speed,
        default=1.0,
        help="play this many times as fast as recorded (default: 1; 0: without waiting)",
    )


def add_source(parser: argparse.ArgumentParser, *, stdin: bool = False) -> None:
    """Add the file to read and the profile to read it with; if *stdin* is set, the file can be `-`."""
    or_stdin = "; - reads a body from standard input" if stdin else ""
    parser.add_argument("file", metavar="FILE", help=f"a recording, or the body of a response{or_stdin}")
    parser.add_argument("--profile", metavar="NAME", help="the gateway that sent it (default: generic)")


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """Add the prompt, which can come from standard input."""
    about = "the prompt (default, or if it is -: standard input)"
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", type=words, help=about)


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """Add the options that select a gateway, its API and its key."""
    add = parser.add_argument
    add("--base-url", metavar="U", help="the API's root, such as http://127.0.0.1:8080/v1")
    add("--profile", metavar="P", help="the gateway (default: generic with --base-url, else openai)")
    add("--wire", choices=tuple(WIRES), help="the API to use (default: the profile's)")
    add(
        "--key-env",
        metavar="NAME",
        help="the environment variable that holds the key (default: the profile's)",
    )


def add_request(parser: argparse.ArgumentParser) -> None:
    """Add the options that select a gateway and set up the request."""
    add = parser.add_argument
    add("--model", "-m", metavar="M", required=True, help="the model's name; `streamkit models` lists them")
    add_gateway(parser)
    add("--system", metavar="TEXT", type=words, help="instructions for the model")
    add("--json-schema", metavar="FILE", help="ask for JSON that matches this schema")
    add(
        "--param",
        metavar="K=V",
        action="append",
        default=[],
        type=param,
        help="set a parameter of the API, such as temperature=0.2; V is JSON, or else a string; repeatable",
    )
    add(
        "--timeout",
        metavar="S",
        type=seconds,
        help="the seconds to wait for the first event, and for each next one (default: 120)",
    )
    add("--strict", action="store_true", help="fail if the answer was cut off")
    add("--quiet", "-q", action="store_true", help="print only the text of the answer")
    add("--json", action="store_true", help="print each event as a JSON object on a line of its own")
