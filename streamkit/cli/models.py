"""`streamkit models`: list the models of a gateway, as its server names them."""

from __future__ import annotations

import argparse

from .arguments import add_gateway, set_help
from .chat import profile_of
from .model_list import fetch_models
from .output import one_line, print_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `models`."""
    set_help(
        parser,
        "List the models of a gateway: one name a line, as --model takes it. With WORD, list only names that "
        "contain it. The request has no cost.",
        "streamkit models --profile openrouter deepseek",
        "streamkit models --base-url http://127.0.0.1:8080/v1 --json | jq .id",
    )
    parser.add_argument("word", metavar="WORD", nargs="?", default="", help="a part of the name")
    add_gateway(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the server's entries, one JSON object a line"
    )


def run(args: argparse.Namespace) -> int:
    """Print the list; return 1 if no name contains WORD."""
    models = fetch_models(profile_of(args), args.base_url)
    found = [model for model in models if args.word.lower() in str(model["id"]).lower()]
    for model in found:
        if args.json:
            print_json(model)
        else:
            print(one_line(str(model["id"])), flush=True)
    return 0 if found else 1
