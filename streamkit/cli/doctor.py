"""`streamkit doctor URL`: a few small requests to a gateway -> how it behaves, and the Profile it needs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import APIError, StreamkitError, UsageError
from .terminal import print_line

if TYPE_CHECKING:
    from ..net.recording import Recording
    from ..profiles import Profile
    from ..stats import Stats
    from .findings import Finding

_COUNT = "Count from one to twenty, in words."
_LOOK = "What is the weather in Oslo, and what in Rome? Call the tool once for each city, both at once."
_NO_MODEL = "streamkit-doctor-no-such-model"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of `doctor`."""
    parser = commands.add_parser(
        "doctor",
        help="find out how a gateway behaves, and write its profile",
        description="Send a few small requests to a gateway (they cost what small requests cost there), say "
        "in words how it answers, and print the profile that it needs as JSON for `load_profiles`.",
    )
    parser.add_argument("url", metavar="URL", help="the API's root, such as http://127.0.0.1:8080/v1")
    parser.add_argument("--model", metavar="M", help="the model to ask (default: the first that it lists)")
    parser.add_argument("--key-env", metavar="NAME", help="the variable that holds the key")
    parser.add_argument("--name", default="mine", help="the profile's name (default: mine)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The findings go to standard error as they are made, the profile to standard output."""
    from attrs import evolve

    from ..profiles import GENERIC
    from .profiles import own_fields

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


class Probe:
    """Asks one model of one gateway; `profile` is what is known of it by now."""

    def __init__(self, profile: Profile, model: str) -> None:
        self.profile = profile
        self._model = model

    def findings(self) -> Iterator[Finding]:
        """Ask one thing after the other. Raises where not even a plain answer can be had."""
        from .findings import Finding, about_calls, about_refusal, about_text

        try:
            recording, stats, error = self._ask(_COUNT)
        except APIError as refused:
            if not refused.status or refused.status not in (400, 422):
                raise
            yield Finding("usage", "stream_options are refused", {"include_usage": False})
            recording, stats, error = self._ask(_COUNT)
        yield from about_text(recording, stats)
        if error is not None:
            yield Finding("fault", f"{type(error).__name__}: {error}")
        try:
            recording, _, _ = self._ask(_LOOK, tools=[_weather()])
        except APIError as refused:
            yield Finding("tool calls", f"refused: {refused}")
        else:
            yield from about_calls(recording)
        try:
            self._ask(_COUNT, model=_NO_MODEL)
        except APIError as refused:
            yield about_refusal(refused.status or 200, refused.body)
        else:
            yield about_refusal(None, None)
        yield self._about_responses()

    def _about_responses(self) -> Finding:
        from .findings import Finding

        try:
            _, _, error = self._ask(_COUNT, wire="responses")
        except StreamkitError as refused:
            return Finding("responses", f"not answered: {type(refused).__name__}: {refused}")
        return Finding("responses", "answered" if error is None else f"{type(error).__name__}: {error}")

    def _ask(
        self, prompt: str, *, model: str | None = None, wire: Any = "chat", **options: Any
    ) -> tuple[Recording, Stats, StreamkitError | None]:
        """The recorded answer, what reading it measured, and what was wrong with the stream.

        Raises `APIError` where the gateway said no, and `APIConnectionError` where there is none.
        """
        from ..client import Client
        from ..errors import StreamError
        from ..net.recorder import RecordingTransport
        from ..net.recording import load_recording
        from ..net.transport import RequestsTransport
        from ..request import RetryPolicy

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer.jsonl"
            transport = RecordingTransport(RequestsTransport(), path)
            client = Client(self.profile, wire=wire, transport=transport, retry=RetryPolicy(max_retries=1))
            error = None
            with client, client.stream(prompt, model=model or self._model, **options) as stream:
                try:
                    stream.until_done()
                except StreamError as fault:
                    error = fault
            return load_recording(path), stream.stats, error


def _weather() -> Any:
    from ..request import ToolSpec

    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return ToolSpec("get_weather", "The weather in a city.", city)
