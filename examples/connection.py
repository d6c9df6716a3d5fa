"""A client of a real server, or of a server on this machine that plays answers. The examples share it.

Without arguments, an example needs neither a key nor a network. To ask a real model, add for example

    --base-url http://127.0.0.1:8080/v1 --model qwen3
    --profile openrouter --model deepseek/deepseek-r1      (the key is in OPENROUTER_API_KEY)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from streamkit import Client
from streamkit.recordings.format import Recording
from streamkit.serve import serve

OPTIONS = argparse.ArgumentParser(add_help=False)
OPTIONS.add_argument("--base-url", help="the root of a real server's API")
OPTIONS.add_argument("--profile", help="a gateway that streamkit knows (default: generic)")
OPTIONS.add_argument("--model", default="demo", help="the name of a model there")


def options(about: str | None, *arguments: str) -> argparse.Namespace:
    """Return the options of the command line; each of *arguments* is an optional word, such as a file."""
    parser = argparse.ArgumentParser(
        description=about, parents=[OPTIONS], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in arguments:
        parser.add_argument(name, nargs="?")
    return parser.parse_args()


@contextmanager
def connected(chosen: argparse.Namespace, *answers: bytes, wire: str | None = None) -> Iterator[Client]:
    """Yield a client of the chosen server, or of one on this machine that sends *answers* in turn."""
    if chosen.base_url or chosen.profile:
        client = Client(chosen.profile or "generic", base_url=chosen.base_url, wire=wire, model=chosen.model)
        with client:
            yield client
        return
    os.environ["NO_PROXY"] = "127.0.0.1"  # no proxy can reach this machine's loopback
    with ExitStack() as stack:
        server = stack.enter_context(serve(*map(Recording.of, answers), speed=0))
        yield stack.enter_context(Client("generic", base_url=server.url, wire=wire, model=chosen.model))
