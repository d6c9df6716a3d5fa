"""`streamkit COMMAND ...`: takes the words of the command line, prints text, returns an exit status.

One file per command: `configure(parser)` adds its arguments, `run(args)` runs it and returns the exit status.
Only the file of the chosen command is imported.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence

from .._lazy import find
from .._version import __version__
from ..errors import APIConnectionError, StreamkitError, UsageError
from .output import error_text, one_line, tolerate_any_text

_EPILOG = """\
The options of a command follow its name; streamkit COMMAND --help lists them.
Results go to standard output, everything else to standard error.

exit status:
  0    done
  1    the request failed, or the stream broke off; for diff: the recordings differ
  2    wrong usage: the command line, a file or the request
  130  interrupted by Ctrl-C
  141  standard output was closed before the end
"""


# Each command's module, which is imported only if the command is chosen, and its line in `streamkit --help`.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("cli.demo:", "stream a bundled recording, without a key or a network"),
    "chat": ("cli.chat:", "send a prompt and show the answer as it arrives"),
    "map": ("cli.map:", "ask about every row of a file; a later run asks the rest"),
    "show": ("cli.show:", "print the events of a recorded stream"),
    "record": ("cli.record:", "send a prompt and save the raw reply to a file"),
    "replay": ("cli.replay:", "show a recording at its original pace"),
    "serve": ("cli.serve:", "serve recordings over HTTP, as OpenAI's API does"),
    "stats": ("cli.stats:", "print the times, sizes and speed of recordings"),
    "convert": ("cli.convert:", "write a recorded answer in another format"),
    "diff": ("cli.diff:", "compare two recordings"),
    "models": ("cli.models:", "list the models of a gateway"),
    "profiles": ("cli.profiles:", "list the gateways that --profile knows"),
    "doctor": ("cli.doctor:", "test how a gateway behaves, and write its profile"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names and return its exit status; a failure is one line on standard error.

    Without a command, print the help on standard error and return 2.
    """
    _open_missing_streams()
    tolerate_any_text(sys.stdout, sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="strict")  # a prompt of other bytes is an error, and isn't sent changed
    argv = sys.argv[1:] if argv is None else argv
    parser = _parser(argv)
    args = parser.parse_args(argv)
    if "run" not in args:
        parser.print_help(sys.stderr)
        return 2
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except UsageError as error:
        return _fail(2, error_text(error))
    except APIConnectionError as error:
        return _fail(1, f"{type(error).__name__}: {_explained(error)}")
    except StreamkitError as error:
        return _fail(1, f"{type(error).__name__}: {error_text(error)}")
    except BrokenPipeError:
        # Python flushes standard output once more at exit; send that to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(141, "standard output was closed")
    except OSError as error:
        return _fail(1, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return _fail(130, "interrupted")
    return status


def _explained(error: APIConnectionError) -> str:
    """Return the reason in words, if the error names the address that was asked."""
    from .diagnosis import explain

    method, _, rest = error.where.partition(" ")
    return explain(error, rest.partition(" ")[0]) if method == "POST" else error_text(error)


def _open_missing_streams() -> None:
    """Replace a stream that the shell closed (`>&-`), which is None in Python, by the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until exit


def _fail(status: int, reason: str) -> int:
    print(f"streamkit: {one_line(reason)}", file=sys.stderr)
    return status


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamkit",
        description="Stream answers from language models; record, replay and inspect the streams.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"streamkit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    # No option in front of the command takes a value, so the first word without a dash is the command.
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, (target, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name == chosen:
            module = find(target)
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser
