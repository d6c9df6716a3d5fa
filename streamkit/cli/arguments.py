"""Words of the command line -> values; argparse tells the person where one does not fit."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..wires import WIRES


def speed(text: str) -> float:
    """How many times as fast as recorded, from 0 (no waiting) on."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def param(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON or else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def add_request(parser: argparse.ArgumentParser) -> None:
    """The arguments that say whom to ask, and how."""
    add = parser.add_argument
    add("--model", metavar="M", required=True, help="the model's name, as the server knows it")
    add("--base-url", metavar="U", help="the API's root, such as http://127.0.0.1:8080/v1")
    add("--profile", metavar="P", help="the gateway (default: generic with --base-url, else openai)")
    add("--wire", choices=tuple(WIRES), help="the API (default: the profile's own)")
    add("--key-env", metavar="NAME", help="the variable that holds the key (default: the profile's own)")
    add("--system", metavar="TEXT", help="instructions for the model")
    add("--json-schema", metavar="FILE", help="ask for JSON of this schema")
    add(
        "--param",
        metavar="K=V",
        action="append",
        default=[],
        type=param,
        help="a parameter of the API, V as JSON or else as text: temperature=0.2 (may be repeated)",
    )
    add("--strict", action="store_true", help="fail where the answer was cut")
    add("--quiet", "-q", action="store_true", help="the text and nothing else")
