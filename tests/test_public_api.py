"""The public API: names, signatures and fields that programs rely on, listed by hand."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
import types
from importlib import import_module
from typing import Any, get_args

import attrs
import pytest

import streamkit

ALIASES = {"Event", "Item"}  # unions have no docstring of their own
DATA = {"PROFILES", "__version__"}

EVENTS = {
    "Opened": "status request_id headers rate_limits",
    "Retrying": "attempt delay error source resumed",
    "Started": "id model created",
    "ItemStarted": "kind item_id name slot choice",
    "TextDelta": "text logprobs snapshot slot choice",
    "RefusalDelta": "text snapshot slot choice",
    "ReasoningDelta": "text kind snapshot slot choice",
    "ToolCallDelta": "call_id name arguments snapshot slot choice",
    "ItemDone": "item slot choice",
    "UsageReport": "usage",
    "KeepAlive": "comment",
    "BadFrame": "data error",
    "Unknown": "payload",
    "ToolFinished": "call output error",
    "Completed": "completion",
}

ITEMS = {
    "Message": "role content id",
    "Reasoning": "id summary content encrypted_content details",
    "FunctionCall": "call_id name arguments id signature status",
    "FunctionCallOutput": "call_id output",
    "CustomToolCall": "call_id name input",
    "CustomToolCallOutput": "call_id output",
    "LocalShellCall": "call_id action",
    "WebSearchCall": "id",
    "Note": "text",
    "UnknownItem": "payload",
    "OutputText": "text annotations logprobs",
    "Refusal": "refusal",
    "InputText": "text",
    "InputImage": "",
    "InputAudio": "",
    "InputFile": "",
    "Usage": "input_tokens output_tokens total_tokens cached_input_tokens cache_write_tokens "
    "reasoning_tokens cost raw",
    "Timeouts": "connect first_event idle deadline",
    "RetryPolicy": "max_retries max_wait",
}

# Parameters that callers may rely on; `*` comes before those that are keyword-only.
SIGNATURES = {
    "read_events": "chunks * wire profile strict",
    "read_frames": "chunks *",
    "aggregate": "events mode",
    "events_from_completion": "body * wire",
    "Client": "profile * api_key base_url wire timeouts retry session",
    "Client.stream": "self input * model instructions tools **params",
    "Client.complete": "self input * model ask_again",
    "Fallback.stream": "self input * model tools",
    "Fallback.complete": "self input * model tools ask_again",
    "Stream.elements": "self kind",
    "Completion.from_dict": "data",
    "Completion.to_dict": "self",
    "Completion.to_chat_completion": "self",
    "Completion.raise_for_incomplete": "self",
    "FunctionCall.parsed": "self",
}

ATTRIBUTES = {
    "streamkit.client.stream.Stream": "text_stream aggregate result until_done partial close cancel "
    "request_id "
    "headers stats",
    "streamkit.Completion": "id model choices usage finish_reason raw_finish_reason items text reasoning "
    "refusal tool_calls extras",
    "streamkit.Choice": "index items finish_reason raw_finish_reason text reasoning refusal tool_calls",
    "streamkit.pipeline.FrameReader": "last_event_id retry tail",
}

ERRORS = {
    "StreamkitError": "Exception",
    "UsageError": "StreamkitError ValueError",
    "APIConnectionError": "StreamkitError",
    "APITimeoutError": "APIConnectionError",
    "APIError": "StreamkitError",
    "BadRequestError": "APIError",
    "AuthenticationError": "APIError",
    "PermissionDeniedError": "APIError",
    "NotFoundError": "APIError",
    "RateLimitError": "APIError",
    "OverloadedError": "APIError",
    "ServerError": "APIError",
    "StreamError": "StreamkitError",
    "TruncatedStreamError": "StreamError",
    "NotAnEventStreamError": "StreamError",
    "BadFrameError": "StreamError",
    "IncompleteResponseError": "StreamError",
    "ToolError": "StreamkitError",
}


# Names of version 0.1.0 outside of `streamkit.__all__` whose import paths stay.
PATHS = {
    "agent": "AgentResult AgentRun StopRun run",
    "codec": "event_to_jsonable from_jsonable item_from_jsonable to_jsonable",
    "display": "View find_view show",
    "history": "load save",
    "media": "audio document file image",
    "playback": "NO_CLOCKS ReplayTransport Source Speed play replay speed_factor wait_for_headers",
    "profiles": "AZURE DEEPSEEK FIREWORKS GENERIC GROQ LITELLM LLAMACPP LMSTUDIO MISTRAL OLLAMA OPENAI "
    "OPENROUTER PERPLEXITY PROFILES Profile TOGETHER VLLM XAI find_profile load_profiles",
    "pytest_plugin": "MODES pytest_addoption pytest_configure pytest_report_header streamkit_replay",
    "serve": "MAX_REQUEST ReplayServer Source Speed serve wire_of",
    "telemetry": "Names PARAMS PROVIDERS TOKENS log log_to_stderr logger opentelemetry_observer",
    "testing": "Answer FakeTransport Part Recording ReplayTransport Speed chat_stream chunkings corrupt_at "
    "cut_at drop_range load_recording refusal replay responses_stream split_every sse stall_at",
    "tools": "bind call_tool load output_of tool tool_of",
}


def find(path: str) -> Any:
    """Return the object with that dotted name inside streamkit."""
    found: Any = streamkit
    for name in path.removeprefix("streamkit.").split("."):
        found = getattr(found, name)
    return found


def test_all_is_what_is_exposed() -> None:
    """`__all__` lists exactly the public names of the package, each once."""
    exposed = {
        name
        for name, value in vars(streamkit).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert exposed | {"__version__", *streamkit._LATE} == set(streamkit.__all__)
    assert len(streamkit.__all__) == len(set(streamkit.__all__))


def test_reading_a_stream_imports_no_client() -> None:
    """Each name is imported at its first use; an unknown name raises AttributeError."""
    code = """if True:
        import sys, streamkit
        print([name for name in ("requests", "attrs", "streamkit.events") if name in sys.modules])
        streamkit.read_events
        print([name for name in ("requests", "streamkit.client") if name in sys.modules])
        print(streamkit.errors.APIError is streamkit.APIError, streamkit.pipeline.read_events)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == ["[]", "[]"]
    assert done.stdout.splitlines()[2].startswith("True <function read_events")
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        streamkit.Clinet


@pytest.mark.parametrize("name", sorted(set(streamkit.__all__) - ALIASES - DATA))
def test_every_public_name_is_documented(name: str) -> None:
    """Classes and functions have docstrings; each public method has one, or its class mentions it."""
    value = getattr(streamkit, name)
    assert inspect.getdoc(value)
    if isinstance(value, type):
        assert not (value.__doc__ or "").startswith(f"{name}("), "a generated docstring isn't enough"
        undocumented = [
            member
            for member, function in vars(value).items()
            if not member.startswith("_")
            and isinstance(function, types.FunctionType | property | classmethod)
            and not inspect.getdoc(getattr(value, member))
            and f"`{member}`" not in (inspect.getdoc(value) or "")
        ]
        assert undocumented == []


def test_events_are_these_fifteen() -> None:
    """`Event` is the union of exactly the listed classes: frozen dataclasses with slots and `raw`."""
    classes = get_args(streamkit.Event)
    assert {cls.__name__ for cls in classes} == set(EVENTS)
    assert len(classes) <= 15
    for cls in classes:
        names = [field.name for field in dataclasses.fields(cls)]
        assert sorted(names) == sorted([*EVENTS[cls.__name__].split(), "raw"]), cls
        assert cls.__dataclass_params__.frozen
        assert "__slots__" in vars(cls)


@pytest.mark.parametrize("name", ITEMS)
def test_classes_that_callers_build_have_their_fields(name: str) -> None:
    """Items, parts and settings are frozen attrs classes with at least the listed fields."""
    cls = getattr(streamkit, name)
    assert set(ITEMS[name].split()) <= {field.name for field in attrs.fields(cls)}
    assert cls.__setattr__ is not object.__setattr__


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures_are_as_promised(path: str) -> None:
    """Each listed parameter exists, positional or keyword-only as listed."""
    wanted, _, keywords = SIGNATURES[path].partition(" *")
    parameters = inspect.signature(find(path)).parameters
    positional = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == wanted.split()
    for name in keywords.replace("*", "").split():
        kind = parameters[name].kind
        assert kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


@pytest.mark.parametrize("path", ATTRIBUTES)
def test_attributes_are_as_promised(path: str) -> None:
    """Each listed method, property or field exists."""
    module, _, name = path.rpartition(".")
    cls = getattr(__import__(module, fromlist=[name]), name)
    fields = {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()
    assert [a for a in ATTRIBUTES[path].split() if a not in fields and not hasattr(cls, a)] == []


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_tree(name: str) -> None:
    """Each error has the listed base classes, by which callers catch it."""
    bases = [base.__name__ for base in getattr(streamkit, name).__bases__]
    assert bases == ERRORS[name].split()


def test_profiles_are_listed_under_their_names() -> None:
    """`PROFILES` has openai, openrouter and generic, and each profile under its own name."""
    assert {"openai", "openrouter", "generic"} <= set(streamkit.PROFILES)
    assert all(profile.name == name for name, profile in streamkit.PROFILES.items())


def test_importing_streamkit_is_light() -> None:
    """`import streamkit` loads neither the network nor the converter, so that scripts start fast."""
    heavy = {"requests", "urllib3", "cattrs", "sseclient", "asyncio", "http.client", "ssl", "email", "socket"}
    code = f"import sys, streamkit; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", PATHS)
def test_names_of_version_0_1_0_keep_their_paths(module: str) -> None:
    """Each public module still has the names that version 0.1.0 defined or listed in it."""
    found = import_module(f"streamkit.{module}")
    assert [name for name in PATHS[module].split() if not hasattr(found, name)] == []


RACE = """
import sys, threading
import streamkit

sys.setswitchinterval(1e-6)
names = ["Client", "Observer", "Stream", "opentelemetry_observer", "media", "tool", "replay", "agent"]
barrier, errors = threading.Barrier(len(names)), []

def read(name):
    barrier.wait()
    try:
        getattr(streamkit, name)
    except BaseException as error:
        errors.append(f"{name}: {error!r}")

threads = [threading.Thread(target=read, args=(name,)) for name in names]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("\\n".join(errors))
"""


def test_threads_can_import_late_names_at_once() -> None:
    """Eight threads each use another late name first; none sees a deadlock or a half-imported module."""
    for _ in range(8):
        done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "", done.stderr
        assert done.returncode == 0, done.stderr
