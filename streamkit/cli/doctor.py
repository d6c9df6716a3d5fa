"""`streamkit doctor URL`: send a few small requests to a gateway, report its behaviour, print its Profile."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
from attrs import evolve

from ..client import Client
from ..client.stats import Stats
from ..errors import APIError, BadRequestError, StreamError, StreamkitError, UsageError
from ..events import Retrying
from ..http.secrets import redact_url
from ..http.transport import RequestsTransport
from ..profiles.known import GENERIC
from ..profiles.profile import Profile
from ..recordings.format import Recording, load_recording
from ..recordings.recorder import RecordingTransport
from ..request.options import RetryPolicy, ToolSpec
from ..wires import WIRES
from .arguments import set_help
from .findings import Finding, about_calls, about_refusal, about_text
from .output import error_text, print_json, print_line
from .profiles import own_fields

_COUNT = "Count from one to twenty, in words."
_LOOK = "What is the weather in Oslo, and what in Rome? Call the tool once for each city, both at once."
_LIMIT = 500  # tokens of an answer, thinking included: some models never stop by themselves
_NO_MODEL = "streamkit-doctor-no-such-model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    set_help(
        parser,
        "Send a few small requests to a gateway, report how it answers, and print the profile that it needs "
        "as JSON, which `load_profiles` reads. The gateway may charge for the requests.",
        "streamkit doctor http://127.0.0.1:8080/v1 > mine.json",
    )
    parser.add_argument("url", metavar="URL", help="the API's root, such as http://127.0.0.1:8080/v1")
    parser.add_argument("--model", metavar="M", help="the model to test (default: the first one listed)")
    parser.add_argument("--key-env", metavar="NAME", help="the environment variable that holds the key")
    parser.add_argument("--name", default="mine", help="the profile's name (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print each finding on standard error when it is made, and the profile on standard output."""
    if "://" not in args.url:
        raise UsageError(f"URL: expected http:// or https:// and a host, got {redact_url(args.url)!r:.60}")
    if args.key_env and not os.environ.get(args.key_env):
        raise UsageError(f"--key-env: the variable {args.key_env} isn't set; export it with the key")
    profile = evolve(GENERIC, name=args.name, base_url=args.url, key_env=args.key_env)
    model = args.model or _first_model(profile)
    _report("model", model)
    probe = Probe(profile, model)
    for finding in probe.findings():
        _report(finding.topic, finding.text)
        probe.profile = evolve(probe.profile, **finding.fields)
    print_json({args.name: own_fields(probe.profile)}, indent=2)
    return 0


def _report(topic: str, text: str) -> None:
    print_line(f"{topic:<11} {text}", file=sys.stderr)


def _first_model(profile: Profile) -> str:
    """Return the first model that the gateway lists. Raises `UsageError` if it lists none."""
    key = os.environ.get(profile.key_env or "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{(profile.base_url or '').rstrip('/')}/models"
    shown = redact_url(url)
    try:
        listed = requests.get(url, headers=headers, timeout=10).json()
        return str(listed["data"][0]["id"])
    except requests.ConnectionError as exc:
        raise UsageError(f"can't connect to {shown}; is the server running?") from exc
    except (requests.RequestException, ValueError, LookupError, TypeError) as exc:
        raise UsageError(f"{shown} lists no models ({type(exc).__name__}); name one with --model") from exc


class Answer(NamedTuple):
    """One reply, its timing, the fault that ended its stream, and whether the first attempt was refused."""

    recording: Recording
    stats: Stats
    fault: StreamError | None
    was_refused: bool


class Probe:
    """Sends requests to one model of one gateway; `profile` holds the findings so far."""

    def __init__(self, profile: Profile, model: str) -> None:
        self.profile = profile
        self._model = model
        self._limit = "max_tokens"

    def findings(self) -> Iterator[Finding]:
        """Send one request after the other. Raises if the gateway doesn't answer even a plain request."""
        yield from self._plain_answer()
        yield from self._tool_calls()
        yield self._wrong_model()
        for wire in WIRES:
            if wire != self.profile.wire:
                yield self._other_api(wire)

    def _plain_answer(self) -> Iterator[Finding]:
        try:
            answer = self._ask(_COUNT)
        except BadRequestError:
            self._limit = "max_completion_tokens"
            answer = self._ask(_COUNT)
            yield Finding("limit", "refuses max_tokens, accepts max_completion_tokens")
        if answer.was_refused:
            yield Finding("options", "refuses stream_options", {"include_usage": False})
        yield from about_text(answer.recording, answer.stats)
        if answer.fault is not None:
            yield Finding("fault", _named(answer.fault))

    def _tool_calls(self) -> Iterator[Finding]:
        try:
            answer = self._ask(_LOOK, tools=[_weather()])
        except APIError as refusal:
            yield Finding("tool calls", f"refused: {refusal}")
        else:
            yield from about_calls(answer.recording)

    def _wrong_model(self) -> Finding:
        try:
            self._ask(_COUNT, model=_NO_MODEL)
        except APIError as refusal:
            return about_refusal(refusal.status or 200, refusal.body)
        return about_refusal(None, None)

    def _other_api(self, wire: str) -> Finding:
        """Return whether the gateway answers a plain request of another API."""
        try:
            fault = self._ask(_COUNT, wire=wire).fault
        except StreamkitError as refusal:
            return Finding(wire, f"not answered: {_named(refusal)}")
        return Finding(wire, "answered" if fault is None else _named(fault))

    def _ask(
        self, prompt: str, *, model: str | None = None, wire: str | None = None, **options: Any
    ) -> Answer:
        """Send a request and record the reply. Raises `APIError` if refused, or `APIConnectionError`.

        A stream that breaks off is a finding, so `StreamError` goes into the answer.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer.jsonl"
            transport = RecordingTransport(RequestsTransport(), path)
            client = Client(self.profile, wire=wire, transport=transport, retry=RetryPolicy(max_retries=1))
            fault, was_refused = None, False
            options["model"] = model or self._model
            options[self._limit if wire is None else "max_tokens"] = _LIMIT  # every API maps max_tokens
            with client, client.stream(prompt, **options) as stream:
                try:
                    for event in stream:
                        # If a gateway refuses stream_options, the client retries without them.
                        was_refused |= isinstance(event, Retrying) and isinstance(
                            event.error, BadRequestError
                        )
                except StreamError as error:
                    fault = error
            return Answer(load_recording(path), stream.stats, fault, was_refused)


def _named(error: StreamkitError) -> str:
    return f"{type(error).__name__}: {error_text(error)}"


def _weather() -> ToolSpec:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return ToolSpec("get_weather", "The weather in a city.", city)
