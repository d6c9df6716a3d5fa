"""`streamkit doctor URL`: a few small requests to a gateway -> how it behaves, and the Profile it needs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from attrs import evolve

from ..client import Client
from ..client.stats import Stats
from ..errors import APIError, BadRequestError, StreamError, StreamkitError, UsageError
from ..events import Retrying
from ..http.transport import RequestsTransport
from ..profiles.known import GENERIC
from ..profiles.profile import Profile
from ..recordings.format import Recording, load_recording
from ..recordings.recorder import RecordingTransport
from ..request.options import RetryPolicy, ToolSpec
from .findings import Finding, about_calls, about_refusal, about_text
from .output import print_line
from .profiles import own_fields

_COUNT = "Count from one to twenty, in words."
_LOOK = "What is the weather in Oslo, and what in Rome? Call the tool once for each city, both at once."
_LIMIT = 500  # tokens of an answer, thinking included: there are models that never stop by themselves
_NO_MODEL = "streamkit-doctor-no-such-model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    parser.description = (
        "Send a few small requests to a gateway (they cost what small requests cost there), say "
        "in words how it answers, and print the profile that it needs as JSON for `load_profiles`."
    )
    parser.add_argument("url", metavar="URL", help="the API's root, such as http://127.0.0.1:8080/v1")
    parser.add_argument("--model", metavar="M", help="the model to ask (default: the first that it lists)")
    parser.add_argument("--key-env", metavar="NAME", help="the variable that holds the key")
    parser.add_argument("--name", default="mine", help="the profile's name (default: mine)")


def run(args: argparse.Namespace) -> int:
    """The findings go to standard error as they are made, the profile to standard output."""

    profile = evolve(GENERIC, name=args.name, base_url=args.url, key_env=args.key_env)
    model = args.model or _first_model(profile)
    _say("model", model)
    probe = Probe(profile, model)
    for finding in probe.findings():
        _say(finding.topic, finding.says)
        probe.profile = evolve(probe.profile, **finding.fields)
    print(json.dumps({args.name: own_fields(probe.profile)}, ensure_ascii=False, indent=2))
    return 0


def _say(topic: str, text: str) -> None:
    print_line(f"{topic:<11} {text}", file=sys.stderr)


def _first_model(profile: Profile) -> str:
    """The first model of the gateway's list. Raises `UsageError` where it has none to offer."""
    import requests

    key = os.environ.get(profile.key_env or "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{(profile.base_url or '').rstrip('/')}/models"
    try:
        listed = requests.get(url, headers=headers, timeout=10).json()
        return str(listed["data"][0]["id"])
    except (requests.RequestException, ValueError, LookupError, TypeError) as exc:
        raise UsageError(f"{url} lists no models ({type(exc).__name__}); name one with --model") from exc


class Answer(NamedTuple):
    """What came, how fast, what was wrong with the stream, and whether the first attempt was refused."""

    recording: Recording
    stats: Stats
    fault: StreamkitError | None
    was_refused: bool


class Probe:
    """Asks one model of one gateway; `profile` is what is known of it by now."""

    def __init__(self, profile: Profile, model: str) -> None:
        self.profile = profile
        self._model = model
        self._limit = "max_tokens"

    def findings(self) -> Iterator[Finding]:
        """Ask one thing after the other. Raises where not even a plain answer can be had."""

        try:
            answer = self._ask(_COUNT)
        except BadRequestError:
            self._limit = "max_completion_tokens"
            answer = self._ask(_COUNT)
            yield Finding("limit", "max_tokens is refused, max_completion_tokens is taken")
        if answer.was_refused:
            yield Finding("options", "stream_options are refused", {"include_usage": False})
        yield from about_text(answer.recording, answer.stats)
        if answer.fault is not None:
            yield Finding("fault", f"{type(answer.fault).__name__}: {answer.fault}")
        try:
            answer = self._ask(_LOOK, tools=[_weather()])
        except APIError as refused:
            yield Finding("tool calls", f"refused: {refused}")
        else:
            yield from about_calls(answer.recording)
        try:
            self._ask(_COUNT, model=_NO_MODEL)
        except APIError as refused:
            yield about_refusal(refused.status or 200, refused.body)
        else:
            yield about_refusal(None, None)
        yield self._about_responses()

    def _about_responses(self) -> Finding:

        try:
            fault = self._ask(_COUNT, wire="responses").fault
        except StreamkitError as refused:
            return Finding("responses", f"not answered: {type(refused).__name__}: {refused}")
        return Finding("responses", "answered" if fault is None else f"{type(fault).__name__}: {fault}")

    def _ask(self, prompt: str, *, model: str | None = None, wire: Any = "chat", **options: Any) -> Answer:
        """Ask, and keep what came. Raises `APIError` where the gateway says no; `APIConnectionError`."""

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer.jsonl"
            transport = RecordingTransport(RequestsTransport(), path)
            client = Client(self.profile, wire=wire, transport=transport, retry=RetryPolicy(max_retries=1))
            fault, was_refused = None, False
            options |= {"model": model or self._model, self._limit: _LIMIT}
            with client, client.stream(prompt, **options) as stream:
                try:
                    for event in stream:
                        # The client asks again without stream_options where they are refused.
                        was_refused |= isinstance(event, Retrying) and isinstance(
                            event.error, BadRequestError
                        )
                except StreamError as error:
                    fault = error
            return Answer(load_recording(path), stream.stats, fault, was_refused)


def _weather() -> Any:

    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return ToolSpec("get_weather", "The weather in a city.", city)
