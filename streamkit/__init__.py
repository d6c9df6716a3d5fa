"""Streaming from language models in plain synchronous Python.

`import streamkit` imports the part that reads streams. The part that talks to servers, runs tools, displays
and replays is imported with its first use, which halves the time of the import.
"""

import logging
import typing

from ._lazy import attributes as _attributes
from ._log_lines import one_line as _one_line
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
    Origin,
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
from .pipeline.aggregate import aggregate
from .pipeline.frames import Frame
from .profiles import load_profiles
from .profiles.known import PROFILES
from .profiles.profile import Profile

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent until the program sets logging up
for _name in ("streamkit", "streamkit.sse", "streamkit.mcp"):  # a filter doesn't hold for loggers below
    logging.getLogger(_name).addFilter(_one_line)

if typing.TYPE_CHECKING:
    from . import agent, media
    from .client import Client
    from .client.fallback import Fallback
    from .client.observers import (
        AttemptStarted,
        Ended,
        Observer,
        Operation,
        RunEnded,
        RunStarted,
        ToolEnded,
        ToolStarted,
    )
    from .client.options import AppInfo
    from .client.prices import genai_prices
    from .client.stream import Stream
    from .display import show
    from .history import load, save
    from .integrations.opentelemetry import opentelemetry_observer
    from .jobs.answer import Answer
    from .jobs.journal import read_journal
    from .jobs.map import MapRun
    from .jobs.report import MapReport
    from .pipeline.partial_json import PartialJSON
    from .recordings.cache import Cache
    from .recordings.playback import ReplayTransport, replay
    from .request.options import Limits, RetryPolicy, Timeouts, ToolSpec
    from .request.params import ProviderPreferences
    from .tools import tool

_LATE = {
    "Answer": "jobs.answer:Answer",
    "AppInfo": "client.options:AppInfo",
    "AttemptStarted": "client.observers:AttemptStarted",
    "Cache": "recordings.cache:Cache",
    "Client": "client:Client",
    "Ended": "client.observers:Ended",
    "Fallback": "client.fallback:Fallback",
    "Limits": "request.options:Limits",
    "MapReport": "jobs.report:MapReport",
    "MapRun": "jobs.map:MapRun",
    "Observer": "client.observers:Observer",
    "Operation": "client.observers:Operation",
    "PartialJSON": "pipeline.partial_json:PartialJSON",
    "ProviderPreferences": "request.params:ProviderPreferences",
    "ReplayTransport": "recordings.playback:ReplayTransport",
    "RetryPolicy": "request.options:RetryPolicy",
    "RunEnded": "client.observers:RunEnded",
    "RunStarted": "client.observers:RunStarted",
    "Stream": "client.stream:Stream",
    "Timeouts": "request.options:Timeouts",
    "ToolEnded": "client.observers:ToolEnded",
    "ToolSpec": "request.options:ToolSpec",
    "ToolStarted": "client.observers:ToolStarted",
    "agent": "agent:",
    "genai_prices": "client.prices:genai_prices",
    "load": "history:load",
    "media": "media:",
    "opentelemetry_observer": "integrations.opentelemetry:opentelemetry_observer",
    "read_journal": "jobs.journal:read_journal",
    "replay": "recordings.playback:replay",
    "save": "history:save",
    "show": "display:show",
    "tool": "tools:tool",
}

__all__ = [
    "PROFILES",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "Answer",
    "AnswerError",
    "AppInfo",
    "AttemptStarted",
    "AuthenticationError",
    "BadFrame",
    "BadFrameError",
    "BadRequestError",
    "Cache",
    "Choice",
    "Client",
    "Completed",
    "Completion",
    "CustomToolCall",
    "CustomToolCallOutput",
    "Ended",
    "Event",
    "Fallback",
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
    "Limits",
    "LocalShellCall",
    "MapReport",
    "MapRun",
    "Message",
    "NotAnEventStreamError",
    "NotFoundError",
    "Note",
    "Observer",
    "Opened",
    "Operation",
    "Origin",
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
    "RunEnded",
    "RunStarted",
    "ServerError",
    "Started",
    "Stream",
    "StreamCancelledError",
    "StreamError",
    "StreamkitError",
    "TextDelta",
    "Timeouts",
    "ToolCallDelta",
    "ToolEnded",
    "ToolError",
    "ToolFinished",
    "ToolSpec",
    "ToolStarted",
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
    "genai_prices",
    "load",
    "load_profiles",
    "media",
    "opentelemetry_observer",
    "read_events",
    "read_frames",
    "read_journal",
    "replay",
    "save",
    "show",
    "tool",
]


__getattr__ = _attributes(globals(), _LATE)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
