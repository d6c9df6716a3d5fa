"""`streamkit chat PROMPT`: a prompt in, the answer of a real server out as it is written."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import evolve

from .. import agent
from ..client import Client
from ..client.stream import Stream
from ..completion import Completion
from ..display import find_view, usage_line
from ..errors import StreamkitError, UsageError
from ..events import Event, RefusalDelta, TextDelta
from ..history import load, save
from ..http.messages import Transport
from ..items import Item, Message
from ..profiles import find_profile
from ..request.options import ToolSpec
from ..tools import load as load_tool
from .arguments import add_request
from .describe import describe_timing
from .output import one_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `chat`."""
    parser.description = (
        "Send a prompt and show the answer while it is written: on a terminal with reasoning and "
        "calls, else the text alone; usage and timing go to standard error. Without PROMPT, standard input "
        "is the prompt; on a terminal that is a conversation: Ctrl-C stops an answer, Ctrl-D ends it all."
    )
    parser.epilog = (
        "examples:\n"
        '  streamkit chat "Say hi" --model gpt-5-mini\n'
        '  streamkit chat "Say hi" --model qwen3 --base-url http://127.0.0.1:8080/v1\n'
        "  streamkit chat --profile openrouter --model deepseek/deepseek-r1 --history trip.jsonl\n"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to say")
    parser.add_argument(
        "--history", metavar="FILE", help="go on with the conversation in FILE, and keep it there"
    )
    parser.add_argument(
        "--tool",
        metavar="MODULE:FUNCTION",
        action="append",
        default=[],
        help="a Python function that the model may call; it runs on this machine (may be repeated)",
    )
    add_request(parser)


def run(args: argparse.Namespace) -> int:
    """Hold the conversation: one turn, or as many as the person at the terminal wants."""

    tools = [load_tool(reference) for reference in args.tool]
    with client_of(args) as client:
        conversation = Conversation(client, options_of(args), tools, args.history, quiet=args.quiet)
        if args.prompt is None and sys.stdin.isatty():
            conversation.hold(_typed())
        else:
            conversation.say(sys.stdin.read() if args.prompt is None else args.prompt)
    return 0


def client_of(args: argparse.Namespace, transport: Transport | None = None) -> Client:
    """The client for the gateway that was named."""

    profile = find_profile(args.profile or ("generic" if args.base_url else "openai"))
    if args.key_env:
        profile = evolve(profile, key_env=args.key_env, key_required=True)
    return Client(profile, base_url=args.base_url, wire=args.wire, transport=transport)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """What every turn is asked with."""
    options = {**dict(args.param), "model": args.model, "instructions": args.system, "strict": args.strict}
    if args.json_schema is not None:
        path = Path(args.json_schema)
        schema = _read_json(path)
        if not isinstance(schema, dict):
            raise UsageError(f"{path} holds no JSON schema, which is an object")
        options["response_format"] = {"title": path.stem, **schema}
    return options


class Conversation:
    """What was said so far, here and in the file *history*, and how to go on."""

    def __init__(
        self,
        client: Client,
        options: Mapping[str, Any],
        tools: Sequence[ToolSpec],
        history: str | None,
        *,
        quiet: bool,
    ) -> None:

        self._client = client
        self._options = options
        self._tools = tools
        self._history = history
        self._quiet = quiet
        self._items = load(history, missing_ok=True) if history else []

    def hold(self, prompts: Iterable[str]) -> None:
        """A turn for each prompt. One that fails or is interrupted ends by itself, not the conversation."""
        for prompt in prompts:
            try:
                self.say(prompt)
            except (StreamkitError, KeyboardInterrupt) as error:
                print(f"streamkit: {one_line(str(error)) or 'stopped'}", file=sys.stderr)

    def say(self, prompt: str) -> None:
        """Ask, show the answer, keep both. An answer that did not come to its end is not kept."""

        asked = [*self._items, Message("user", prompt)]
        if self._tools:
            self._answer_with_tools(asked)
        else:
            stream = self._client.stream(asked, **self._options)
            self._keep([*asked, *show_answer(stream, quiet=self._quiet).items])

    def _answer_with_tools(self, asked: list[Item]) -> None:
        """As many turns as the calls need. What tools did is done: it is kept whatever comes after it."""

        answer = agent.run(self._client, asked, self._tools, **self._options)
        try:
            with answer:
                show_events(answer, quiet=self._quiet)
        finally:
            result = answer.partial
            if result.turns:
                self._keep(list(result.conversation))
        if not self._quiet:
            facts = (f"{result.turns} turns, {result.calls} calls", usage_line(result.usage))
            print(", ".join(filter(None, facts)), file=sys.stderr)

    def _keep(self, items: list[Item]) -> None:

        if self._history:
            save(self._history, items[len(self._items) :], append=True)
        self._items = items


def show_answer(stream: Stream, *, quiet: bool) -> Completion:
    """Show a stream while it is written, then say on standard error what it took."""

    with stream:
        show_events(stream, quiet=quiet)
    completion = stream.result()
    if not quiet:
        facts = (completion.model, completion.finish_reason, usage_line(completion.usage))
        line = ", ".join(filter(None, (*facts, describe_timing(stream.stats))))
        print(one_line(line), file=sys.stderr)
    return completion


def show_events(events: Iterable[Event], *, quiet: bool) -> None:
    """Show all there is on a terminal, the text alone in a pipe."""

    view = TextOnly() if quiet or not sys.stdout.isatty() else find_view()
    try:
        for event in events:
            view.take(event)
    finally:
        view.end("")


class TextOnly:
    """A view of nothing but what the model said to the user: for pipes, files, and --quiet."""

    def __init__(self) -> None:
        self._in_line = False

    def take(self, event: Event) -> None:
        """Write a piece of the first choice's text or refusal."""

        if isinstance(event, TextDelta | RefusalDelta) and event.choice == 0 and event.text:
            print(event.text, end="", flush=True)
            self._in_line = not event.text.endswith("\n")

    def end(self, line: str) -> None:
        """End the last line."""
        if self._in_line:
            print(flush=True)


def _typed() -> Iterator[str]:
    """What the person types, line by line, until Ctrl-D."""
    sign = "> " if sys.stdout.isatty() else ""
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its line editing
    while True:
        try:
            prompt = input(sign)
        except EOFError:
            print(file=sys.stderr)
            return
        if prompt.strip():
            yield prompt


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise UsageError(f"{path} is no JSON: {exc}") from exc
