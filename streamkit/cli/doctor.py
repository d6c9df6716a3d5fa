"""`streamkit doctor URL`: send a few small requests to a gateway, report its behaviour, print its Profile."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from attrs import evolve

from ..client import Client
from ..client.address import check_base_url
from ..client.stats import Stats
from ..errors import APIConnectionError, APIError, BadRequestError, StreamError, StreamkitError, UsageError
from ..events import Retrying
from ..http.transport import RequestsTransport
from ..profiles.known import GENERIC, PROFILES
from ..profiles.profile import Profile
from ..recordings.format import Recording, load_recording
from ..recordings.recorder import RecordingTransport
from ..request.options import RetryPolicy, Timeouts, ToolSpec
from ..wires import WIRES
from .arguments import set_help
from .diagnosis import explain
from .findings import Finding, about_calls, about_reasoning, about_refusal, about_text, chunks_of
from .model_list import fetch_models
from .output import error_text, print_json, print_line
from .profiles import own_fields

_COUNT = "Count from one to twenty, in words."
_LOOK = "What is the weather in Oslo, and what in Rome? Call the tool once for each city, both at once."
_LIMIT = 500  # tokens of an answer, thinking included: some models never stop by themselves
_CLOCKS = Timeouts(first_event=60, idle=60, deadline=180)  # a server that hangs is a finding
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
    """Print each finding on standard error when it is made; then print the profile, whatever happened.

    Return 1 if the gateway answered no request of any API.
    """
    check_base_url(args.url, "URL")
    if args.key_env and not os.environ.get(args.key_env):
        raise UsageError(f"--key-env: the variable {args.key_env} isn't set; export it with the key")
    profile = evolve(GENERIC, name=args.name, base_url=args.url, key_env=args.key_env)
    probe = Probe(profile, args.model or "")
    try:
        _report_known(args.url)
        probe.model = args.model or _first_model(profile)
        _report("model", probe.model)
        for finding in probe.findings():
            _report(finding.topic, finding.text)
            probe.profile = evolve(probe.profile, **finding.fields)
    except APIConnectionError as error:
        raise APIConnectionError(explain(error, args.url)) from error
    finally:
        print_json({args.name: own_fields(_without_password(probe.profile))}, indent=2)
    return 0 if probe.has_answered else 1


def _report(topic: str, text: str) -> None:
    print_line(f"{topic:<11} {text}", file=sys.stderr)


def _without_password(profile: Profile) -> Profile:
    """Return *profile* without user and password in its address, because a profile is often shared."""
    scheme, _, rest = (profile.base_url or "").partition("://")
    host, slash, path = rest.partition("/")
    return evolve(profile, base_url=f"{scheme}://{host.rpartition('@')[2]}{slash}{path}")


def _report_known(url: str) -> None:
    """Report the profiles that streamkit has for the host of *url*."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    known = [p.name for p in PROFILES.values() if p.base_url and urlsplit(p.base_url).netloc == host]
    if known:
        _report("known", f"streamkit has a profile for this address: --profile {' or '.join(known)}")


def _first_model(profile: Profile) -> str:
    """Return the first model that the gateway lists. Raises `UsageError` if it lists none."""
    try:
        models = fetch_models(profile)
    except APIConnectionError:
        raise
    except StreamkitError as error:
        raise UsageError(f"no list of models: {error_text(error)}; name a model with --model") from error
    if not models:
        raise UsageError("the list of models is empty; name a model with --model, or load one in the server")
    return str(models[0]["id"])


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
        self.model = model
        self.has_answered = False  # a request of any API, with a whole answer or a part of one
        self._chunks: list[dict[str, Any]] = []  # of all answers of the profile's own API
        self._limit = "max_tokens"

    def findings(self) -> Iterator[Finding]:
        """Send one request after the other; a failed one is a finding. Raises if there is no connection."""
        yield from self._plain_answer()
        yield from self._tool_calls()
        if self._chunks:
            yield about_reasoning(self._chunks)
        yield self._wrong_model()
        for wire in WIRES:
            if wire != self.profile.wire:
                yield self._other_api(wire)

    def _plain_answer(self) -> Iterator[Finding]:
        try:
            try:
                answer = self._ask(_COUNT)
            except BadRequestError:
                self._limit = "max_completion_tokens"
                answer = self._ask(_COUNT)
                yield Finding("limit", "refuses max_tokens, accepts max_completion_tokens")
        except APIError as refusal:
            yield Finding(self.profile.wire, f"not answered: {self._why(refusal)}")
            return
        if answer.was_refused:
            yield Finding("options", "refuses stream_options", {"include_usage": False})
        yield from about_text(answer.recording, answer.stats)
        if answer.fault is not None:
            yield Finding("fault", self._why(answer.fault))

    def _tool_calls(self) -> Iterator[Finding]:
        """Ask for two calls. The connection has worked before, so one that breaks now is a finding, too."""
        try:
            answer = self._ask(_LOOK, tools=[_weather()])
        except StreamkitError as error:
            yield Finding("tool calls", f"not answered: {self._why(error)}")
            return
        yield from about_calls(answer.recording)
        if answer.fault is not None:
            yield Finding("fault", f"with tools: {self._why(answer.fault)}")

    def _wrong_model(self) -> Finding:
        try:
            self._ask(_COUNT, model=_NO_MODEL)
        except APIError as refusal:
            return about_refusal(refusal.status or 200, refusal.body)
        except StreamkitError as error:
            return Finding("errors", f"no answer about a model that doesn't exist: {self._why(error)}")
        return about_refusal(None, None)

    def _other_api(self, wire: str) -> Finding:
        """Return whether the gateway answers a plain request of another API; if no other did, select it."""
        had_answered = self.has_answered
        try:
            fault = self._ask(_COUNT, wire=wire).fault
        except StreamkitError as refusal:
            return Finding(wire, f"not answered: {self._why(refusal)}")
        if fault is not None:
            return Finding(wire, self._why(fault))
        return Finding(wire, "answered", {} if had_answered else {"wire": wire})

    def _why(self, error: StreamkitError) -> str:
        return explain(error, self.profile.base_url or "")

    def _ask(
        self, prompt: str, *, model: str | None = None, wire: str | None = None, **options: Any
    ) -> Answer:
        """Send a request and record the reply. Raises `APIError` if refused, or `APIConnectionError`.

        A stream that breaks off is a finding, so `StreamError` goes into the answer.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer.jsonl"
            transport = RecordingTransport(RequestsTransport(), path)
            client = Client(
                self.profile,
                wire=wire,
                transport=transport,
                timeouts=_CLOCKS,
                retry=RetryPolicy(max_retries=1),
            )
            fault, was_refused = None, False
            options["model"] = model or self.model
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
            recording = load_recording(path)
            if wire is None:
                self._chunks += chunks_of(recording)
            self.has_answered |= fault is None or bool(stream.partial.items)
            return Answer(recording, stream.stats, fault, was_refused)


def _weather() -> ToolSpec:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return ToolSpec("get_weather", "The weather in a city.", city)
