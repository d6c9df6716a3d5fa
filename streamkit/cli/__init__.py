"""`streamkit COMMAND ...`: arguments in, text on standard output and an exit status out.

One file per command: `configure(parser)` adds its arguments, `run(args)` runs it and returns the exit status.
Only the file of the command in use is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from .._lazy import find
from .._version import __version__
from ..errors import StreamkitError, UsageError
from .output import one_line, tolerate_any_text

_EPILOG = """\
Results go to standard output, everything else to standard error.

exit status:
  0    done
  1    it failed: the server said no, the stream was cut
  2    it was asked wrongly: the command line, a file, the request
  130  interrupted with Ctrl-C
  141  the program that read the output went away
"""


# Each command's module, imported if it is the one asked for, and its line in `streamkit --help`.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("cli.demo:", "watch a stream, without a key and without a network"),
    "chat": ("cli.chat:", "stream the answer of a server"),
    "show": ("cli.show:", "print the events of a recorded stream"),
    "record": ("cli.record:", "keep the answer of a server in a file"),
    "replay": ("cli.replay:", "watch a recording as it came"),
    "serve": ("cli.serve:", "serve recordings to any client, as OpenAI's API does"),
    "stats": ("cli.stats:", "time to first event, gaps and speed of recordings"),
    "convert": ("cli.convert:", "write a recorded answer in another form"),
    "diff": ("cli.diff:", "compare two recordings"),
    "profiles": ("cli.profiles:", "list the gateways known by name"),
    "doctor": ("cli.doctor:", "find out how a gateway behaves, and write its profile"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names; every failure is one line on standard error."""
    tolerate_any_text(sys.stdout, sys.stderr)
    argv = sys.argv[1:] if argv is None else argv
    args = _parser(argv).parse_args(argv)
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


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamkit",
        description="Streaming from language models: see a stream, look into a recorded one, ask a server",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"streamkit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((word for word in argv if word in COMMANDS), None)
    for name, (target, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name == chosen:
            module = find(target)
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser
