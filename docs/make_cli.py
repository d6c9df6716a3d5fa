"""Write docs/cli.md from the parsers of the commands.

    python docs/make_cli.py

A test fails if the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).parent / "cli.md"
sys.path.insert(0, str(PAGE.parent.parent))

from streamkit.cli import COMMANDS  # noqa: E402 - the clone's own

HEAD = """\
# The command line

`streamkit COMMAND --help` prints the same. Results go to standard output, everything else to standard error, so a command
works in a pipe. `-V` prints the version. Errors are one line.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | the request failed, or the stream broke off; for `diff`: the recordings differ |
| 2 | wrong usage: the command line, a file or the request |
| 130 | interrupted by Ctrl-C |
| 141 | standard output was closed before the end |

On a terminal, a model's text can't change the terminal: control characters become U+FFFD. To a pipe or a file, it is
written unchanged. JSON is safe on both, and reads back the same.

A new user starts with these:

```sh
streamkit demo
streamkit models --profile openrouter deepseek
streamkit chat "When is high tide in Brest?" -m deepseek/deepseek-r1 --profile openrouter
```
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *(_section(name, target, line) for name, (target, line) in COMMANDS.items())])


def _section(name: str, target: str, line: str) -> str:
    parser = argparse.ArgumentParser(prog=f"streamkit {name}")
    import_module(f"streamkit.{target.removesuffix(':')}").configure(parser)
    description = " ".join((parser.description or line).split())
    rows = [_row(action) for action in parser._actions if action.dest != "help"]
    table = "| argument | meaning |\n|---|---|\n" + "\n".join(rows)
    examples = (parser.epilog or "").removeprefix("examples:\n")
    shown = "\n".join(each.strip() for each in examples.splitlines())
    code = f"\n\n```sh\n{shown}\n```" if shown else ""
    return f"## {name}\n\n{description}{code}\n\n{table}\n"


def _row(action: argparse.Action) -> str:
    if action.option_strings:
        value = action.metavar or (action.dest.upper() if action.nargs != 0 and not action.choices else "")
        words = ", ".join(action.option_strings) + (f" {value}" if value and action.nargs != 0 else "")
    else:
        words = str(action.metavar or action.dest)
    text = (action.help or "") % {"default": action.default}
    if action.choices:
        text += f"; one of {', '.join(f'`{choice}`' for choice in action.choices)}"
    return f"| `{words}` | {text.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
