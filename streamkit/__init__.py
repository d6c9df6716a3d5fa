"""Streaming from language models in plain synchronous Python, done right.

What reads a stream is imported here and now; what talks to servers, runs tools, shows and replays is
imported with its first use: half of what `import streamkit` would cost otherwise.
"""

import importlib
import logging
import typing

from ._version import __version__
from .completion import Choice, Completion, Usage
from .errors import (
    AnswerError,
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadFrameError,
    BadRequestError,
    IncompleteResponseError,
    LimitError,
    NotAnEventStreamError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamCancelledError,
    StreamError,
    StreamkitError,
    ToolError,
    TruncatedStreamError,
    UsageError,
)
from .events import (
    BadFrame,
    Completed,
    Event,
    ItemDone,
    ItemStarted,
    KeepAlive,
    Opened,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
    Unknown,
    UsageReport,
)
from .frame import Frame
from .items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Item,
    LocalShellCall,
    Message,
    Note,
    OutputAudio,
    OutputImage,
    OutputText,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
)
from .pipeline import events_from_completion, read_events, read_frames
from .profiles import PROFILES, Profile, load_profiles
from .stages.aggregate import aggregate

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent until the program sets logging up

if typing.TYPE_CHECKING:
    from . import agent, media
    from .client import AppInfo, Client
    from .display import show
    from .history import load, save
    from .observe import AttemptStarted, Ended, Observer, Operation
    from .parameters import ProviderPreferences
    from .partial_json import PartialJSON
    from .playback import ReplayTransport, replay
    from .request import RetryPolicy, Timeouts, ToolSpec
    from .stream import Stream
    from .telemetry import opentelemetry_observer
    from .tools import tool

_LATER = {
    "AppInfo": "client",
    "AttemptStarted": "observe",
    "Client": "client",
    "Ended": "observe",
    "Observer": "observe",
    "Operation": "observe",
    "PartialJSON": "partial_json",
    "ProviderPreferences": "parameters",
    "ReplayTransport": "playback",
    "RetryPolicy": "request",
    "Stream": "stream",
    "Timeouts": "request",
    "ToolSpec": "request",
    "load": "history",
    "opentelemetry_observer": "telemetry",
    "replay": "playback",
    "save": "history",
    "show": "display",
    "tool": "tools",
}
_MODULES = ("agent", "media")  # to be used by their own names: agent.run, media.image

__all__ = [
    "PROFILES",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AnswerError",
    "AppInfo",
    "AttemptStarted",
    "AuthenticationError",
    "BadFrame",
    "BadFrameError",
    "BadRequestError",
    "Choice",
    "Client",
    "Completed",
    "Completion",
    "CustomToolCall",
    "CustomToolCallOutput",
    "Ended",
    "Event",
    "Frame",
    "FunctionCall",
    "FunctionCallOutput",
    "IncompleteResponseError",
    "InputAudio",
    "InputFile",
    "InputImage",
    "InputText",
    "Item",
    "ItemDone",
    "ItemStarted",
    "KeepAlive",
    "LimitError",
    "LocalShellCall",
    "Message",
    "NotAnEventStreamError",
    "NotFoundError",
    "Note",
    "Observer",
    "Opened",
    "Operation",
    "OutputAudio",
    "OutputImage",
    "OutputText",
    "OverloadedError",
    "PartialJSON",
    "PermissionDeniedError",
    "Profile",
    "ProviderPreferences",
    "RateLimitError",
    "Reasoning",
    "ReasoningDelta",
    "Refusal",
    "RefusalDelta",
    "ReplayTransport",
    "RetryPolicy",
    "Retrying",
    "ServerError",
    "Started",
    "Stream",
    "StreamCancelledError",
    "StreamError",
    "StreamkitError",
    "TextDelta",
    "Timeouts",
    "ToolCallDelta",
    "ToolError",
    "ToolFinished",
    "ToolSpec",
    "TruncatedStreamError",
    "Unknown",
    "UnknownItem",
    "UnknownPart",
    "Usage",
    "UsageError",
    "UsageReport",
    "WebSearchCall",
    "__version__",
    "agent",
    "aggregate",
    "events_from_completion",
    "load",
    "load_profiles",
    "media",
    "opentelemetry_observer",
    "read_events",
    "read_frames",
    "replay",
    "save",
    "show",
    "tool",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    try:
        module = _LATER[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = globals()[name] = getattr(importlib.import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
