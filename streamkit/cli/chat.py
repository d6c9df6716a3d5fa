"""`streamkit chat PROMPT`: send a prompt to a server and show the answer as it arrives."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import evolve

from .. import agent
from ..client import Client
from ..client.prices import genai_prices
from ..completion import Completion
from ..display import usage_line
from ..errors import StreamkitError, UsageError
from ..events import Completed, Event, TextDelta
from ..history import check_writable, load, save, unreadable
from ..http.messages import Transport
from ..items import Item, Message, Note
from ..profiles import find_profile
from ..profiles.profile import Profile
from ..request.options import Timeouts, ToolSpec, as_tools
from ..tools import load as load_tool
from .answer import Form, form_of, print_warnings, show_answer, show_events
from .arguments import add_prompt, add_request, set_help
from .output import error_text, one_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `chat`."""
    set_help(
        parser,
        "Send a prompt and show the answer as it arrives. On a terminal, it shows reasoning and calls too; "
        "to a pipe or file, it writes only the text. Usage and timing go to standard error. Without PROMPT, "
        "standard input is the prompt. If that is a terminal, chat holds a conversation: Ctrl-C stops an "
        "answer, Ctrl-D ends the conversation.",
        'streamkit chat "Say hi" --model gpt-5-mini',
        'streamkit chat "Say hi" --model qwen3 --base-url http://127.0.0.1:8080/v1',
        "streamkit chat --profile openrouter --model deepseek/deepseek-r1 --history trip.jsonl",
    )
    add_prompt(parser)
    parser.add_argument(
        "--history", metavar="FILE", help="continue the conversation in FILE, and append the new turn"
    )
    parser.add_argument(
        "--tool",
        metavar="MODULE:FUNCTION",
        action="append",
        default=[],
        help="a Python function that the model may call; it runs on this machine; repeatable",
    )
    add_request(parser)


def run(args: argparse.Namespace) -> int:
    """Run one turn, or a conversation if the prompts come from a terminal."""
    tools = [load_tool(reference) for reference in args.tool]
    with client_of(args) as client:
        conversation = Conversation(client, options_of(args), tools, args.history, form=form_of(args))
        if args.prompt is None and sys.stdin.isatty():
            conversation.hold(_typed())
        else:
            conversation.say(prompt_of(args))
    return 0


def prompt_of(args: argparse.Namespace) -> str:
    """Return PROMPT, or standard input if PROMPT isn't given, or is `-`."""
    if args.prompt not in (None, "-"):
        return str(args.prompt)
    with _text_expected():
        return sys.stdin.read().removeprefix("\ufeff")


def client_of(args: argparse.Namespace, transport: Transport | None = None) -> Client:
    """Return a client for the gateway that *args* select."""
    # The table of the extra prices knows providers, not an address of yours.
    prices = genai_prices if not args.base_url and find_spec("genai_prices") else None
    return Client(
        profile_of(args),
        base_url=args.base_url,
        wire=args.wire,
        timeouts=args.timeout and Timeouts(first_event=args.timeout, idle=args.timeout),
        transport=transport,
        prices=prices,
    )


def profile_of(args: argparse.Namespace) -> Profile:
    """Return the profile that *args* select, on the API that they select."""
    profile = find_profile(args.profile or ("generic" if args.base_url else "openai"))
    if args.key_env:
        profile = evolve(profile, key_env=args.key_env, key_required=True)
    return profile.on(args.wire or profile.wire)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that every turn passes to `Client.stream`."""
    options = {**dict(args.param), "model": args.model, "instructions": args.system, "strict": args.strict}
    if args.json_schema is not None:
        path = Path(args.json_schema)
        schema = _read_json(path)
        if not isinstance(schema, dict):
            raise UsageError(f"--json-schema: expected a JSON object in {path}, got {type(schema).__name__}")
        options["response_format"] = {"title": path.stem, **schema}
    return options


class Conversation:
    """The items so far, which the file *history* also contains, and the options of the next turn."""

    def __init__(
        self,
        client: Client,
        options: Mapping[str, Any],
        tools: Sequence[ToolSpec],
        history: str | None,
        *,
        form: Form,
    ) -> None:
        self._client = client
        self._options = options
        self._tools = tools
        self._history = history
        self._form = form
        self._items = _load(history) if history is not None else []

    def hold(self, prompts: Iterable[str]) -> None:
        """Run a turn for each prompt; if a turn fails or is interrupted, continue with the next prompt."""
        for prompt in prompts:
            try:
                self.say(prompt)
            except StreamkitError as error:
                print(f"streamkit: {one_line(error_text(error))}", file=sys.stderr)
            except KeyboardInterrupt:
                print("streamkit: stopped", file=sys.stderr)

    def say(self, prompt: str) -> None:
        """Send *prompt*, show the answer and keep both; if the stream breaks off, keep neither.

        If Ctrl-C stops the answer, keep the text that the user has read.
        """
        asked = [*self._items, Message("user", prompt)]
        if self._tools:
            self._answer_with_tools(asked)
        else:
            stream = self._client.stream(asked, **self._options)
            try:
                items = show_answer(stream, form=self._form).items
            except KeyboardInterrupt:
                self._keep_stopped(
                    asked, [item for item in stream.partial.items if isinstance(item, Message)]
                )
                raise
            self._keep([*asked, *items])

    def _answer_with_tools(self, asked: list[Item]) -> None:
        """Run turns until one has no calls.

        If a turn fails, keep the turns in front of it: their tools have run, and must not run again.
        """
        options = dict(self._options)
        tools = [*as_tools(options.pop("tools", None)), *self._tools]  # --param tools=[...] adds hosted ones
        answer = agent.run(self._client, asked, tools, **options)
        heard = _Heard(answer)
        try:
            with answer:
                show_events(heard, form=self._form)
        except KeyboardInterrupt:
            turns = answer.partial.turns
            self._keep_stopped(list(answer.partial.conversation) if turns else asked, heard.messages())
            raise
        finally:
            result = answer.partial
            if result.turns and len(result.conversation) > len(self._items):
                self._keep(list(result.conversation))
            if self._form != "text":
                for completion in heard.completions:
                    print_warnings(completion)
        if self._form != "text":
            facts = (f"{result.turns} turns, {result.calls} calls", usage_line(result.usage))
            print(", ".join(filter(None, facts)), file=sys.stderr)

    def _keep_stopped(self, items: list[Item], heard: Sequence[Item]) -> None:
        """Keep an answer that Ctrl-C stopped, with a note, which is never sent."""
        if heard:
            self._keep([*items, *heard, Note("Ctrl-C stopped this answer")])

    def _keep(self, items: list[Item]) -> None:
        if self._history is not None:
            save(self._history, items[len(self._items) :], append=True)
        self._items = items


class _Heard:
    """Passes events on, and keeps the completed turns, and the text of the one that hasn't completed."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events
        self._last: dict[int, TextDelta] = {}
        self.completions: list[Completion] = []

    def __iter__(self) -> Iterator[Event]:
        for event in self._events:
            if isinstance(event, TextDelta) and event.choice == 0:
                self._last[event.slot] = event
            elif isinstance(event, Completed):
                self._last.clear()
                self.completions.append(event.completion)
            yield event

    def messages(self) -> list[Item]:
        """Return a message for each text so far."""
        return [Message("assistant", event.snapshot) for event in self._last.values()]


def _load(path: str) -> list[Item]:
    """Return the conversation in *path*; name its broken lines. Raises `UsageError` if it isn't writable."""
    items = load(path, missing_ok=True)
    check_writable(path)
    for place in unreadable(items):
        print(f"streamkit: warning: {one_line(place)}; the line isn't sent, and stays", file=sys.stderr)
    return items


def _typed() -> Iterator[str]:
    """Yield each line that the user types, until Ctrl-D."""
    sign = "> " if sys.stdout.isatty() else ""
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its line editing
    while True:
        try:
            with _text_expected():
                prompt = input(sign)
        except EOFError:
            print(file=sys.stderr)
            return
        if prompt.strip():
            yield prompt


@contextmanager
def _text_expected() -> Iterator[None]:
    """Raise `UsageError` if standard input can't be decoded."""
    try:
        yield
    except UnicodeDecodeError as exc:
        raise UsageError(f"standard input: expected {exc.encoding} text, got other bytes") from exc


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"--json-schema: can't read {path}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"--json-schema: {path} isn't JSON: {exc}") from exc
