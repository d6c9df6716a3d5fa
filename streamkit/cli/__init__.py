"""`streamkit COMMAND ...`: arguments in, text on standard output and an exit status out.

One file for each command: `add(commands)` describes its arguments, `run(args)` does it and returns the exit
status. Rule: nothing is imported at the top here that `--help` does not need; commands import inside `run`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..errors import StreamkitError, UsageError
from . import chat, convert, demo, diff, doctor, profiles, record, replay, serve, show, stats
from .terminal import one_line, tolerate_any_text

_EPILOG = """\
Results go to standard output, everything else to standard error.

exit status:
  0    done
  1    it failed: the server said no, the stream was cut
  2    it was asked wrongly: the command line, a file, the request
  130  interrupted with Ctrl-C
  141  the program that read the output went away
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names; every failure is one line on standard error."""
    tolerate_any_text(sys.stdout, sys.stderr)
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except UsageError as error:
        return _fail(2, str(error))
    except StreamkitError as error:
        return _fail(1, f"{type(error).__name__}: {error}")
    except BrokenPipeError:
        # Python flushes standard output once more when it exits; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(141, "the program that read the output went away")
    except OSError as error:
        return _fail(1, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return _fail(130, "interrupted")
    return status


def _fail(status: int, reason: str) -> int:
    print(f"streamkit: {one_line(reason)}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamkit",
        description="Streaming from language models: see a stream, look into a recorded one, ask a server",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"streamkit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, chat, show, record, replay, serve, stats, convert, diff, profiles, doctor):
        command.add(commands)
    return parser
