"""Streaming from language models in plain synchronous Python.

`import streamkit` imports nothing else. Each public name is imported when it is first used: reading streams
takes half of what a client takes to import, and a program may need neither.
"""

import logging
import typing

from ._lazy import attributes as _attributes
from ._log_lines import one_line as _one_line
from ._version import __version__

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
    from .completion import Choice, Completion, Usage
    from .display import show
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
    from .history import load, save
    from .integrations.opentelemetry import opentelemetry_observer
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
    from .jobs.answer import Answer
    from .jobs.journal import read_journal
    from .jobs.map import MapRun
    from .jobs.report import MapReport
    from .pipeline import events_from_completion, read_events, read_frames
    from .pipeline.aggregate import aggregate
    from .pipeline.frames import Frame
    from .pipeline.partial_json import PartialJSON
    from .profiles import load_profiles
    from .profiles.known import PROFILES
    from .profiles.profile import Profile
    from .recordings.cache import Cache
    from .recordings.playback import ReplayTransport, replay
    from .request.options import Limits, RetryPolicy, Timeouts, ToolSpec
    from .request.params import ProviderPreferences
    from .tools import tool

_LATE = {
    "APIConnectionError": "errors:APIConnectionError",
    "APIError": "errors:APIError",
    "APITimeoutError": "errors:APITimeoutError",
    "Answer": "jobs.answer:Answer",
    "AnswerError": "errors:AnswerError",
    "AppInfo": "client.options:AppInfo",
    "AttemptStarted": "client.observers:AttemptStarted",
    "AuthenticationError": "errors:AuthenticationError",
    "BadFrame": "events:BadFrame",
    "BadFrameError": "errors:BadFrameError",
    "BadRequestError": "errors:BadRequestError",
    "Cache": "recordings.cache:Cache",
    "Choice": "completion:Choice",
    "Client": "client:Client",
    "Completed": "events:Completed",
    "Completion": "completion:Completion",
    "CustomToolCall": "items:CustomToolCall",
    "CustomToolCallOutput": "items:CustomToolCallOutput",
    "Ended": "client.observers:Ended",
    "Event": "events:Event",
    "Fallback": "client.fallback:Fallback",
    "Frame": "pipeline.frames:Frame",
    "FunctionCall": "items:FunctionCall",
    "FunctionCallOutput": "items:FunctionCallOutput",
    "IncompleteResponseError": "errors:IncompleteResponseError",
    "InputAudio": "items:InputAudio",
    "InputFile": "items:InputFile",
    "InputImage": "items:InputImage",
    "InputText": "items:InputText",
    "Item": "items:Item",
    "ItemDone": "events:ItemDone",
    "ItemStarted": "events:ItemStarted",
    "KeepAlive": "events:KeepAlive",
    "LimitError": "errors:LimitError",
    "Limits": "request.options:Limits",
    "LocalShellCall": "items:LocalShellCall",
    "MapReport": "jobs.report:MapReport",
    "MapRun": "jobs.map:MapRun",
    "Message": "items:Message",
    "NotAnEventStreamError": "errors:NotAnEventStreamError",
    "NotFoundError": "errors:NotFoundError",
    "Note": "items:Note",
    "Observer": "client.observers:Observer",
    "Opened": "events:Opened",
    "Operation": "client.observers:Operation",
    "Origin": "items:Origin",
    "OutputAudio": "items:OutputAudio",
    "OutputImage": "items:OutputImage",
    "OutputText": "items:OutputText",
    "OverloadedError": "errors:OverloadedError",
    "PROFILES": "profiles.known:PROFILES",
    "PartialJSON": "pipeline.partial_json:PartialJSON",
    "PermissionDeniedError": "errors:PermissionDeniedError",
    "Profile": "profiles.profile:Profile",
    "ProviderPreferences": "request.params:ProviderPreferences",
    "RateLimitError": "errors:RateLimitError",
    "Reasoning": "items:Reasoning",
    "ReasoningDelta": "events:ReasoningDelta",
    "Refusal": "items:Refusal",
    "RefusalDelta": "events:RefusalDelta",
    "ReplayTransport": "recordings.playback:ReplayTransport",
    "RetryPolicy": "request.options:RetryPolicy",
    "Retrying": "events:Retrying",
    "RunEnded": "client.observers:RunEnded",
    "RunStarted": "client.observers:RunStarted",
    "ServerError": "errors:ServerError",
    "Started": "events:Started",
    "Stream": "client.stream:Stream",
    "StreamCancelledError": "errors:StreamCancelledError",
    "StreamError": "errors:StreamError",
    "StreamkitError": "errors:StreamkitError",
    "TextDelta": "events:TextDelta",
    "Timeouts": "request.options:Timeouts",
    "ToolCallDelta": "events:ToolCallDelta",
    "ToolEnded": "client.observers:ToolEnded",
    "ToolError": "errors:ToolError",
    "ToolFinished": "events:ToolFinished",
    "ToolSpec": "request.options:ToolSpec",
    "ToolStarted": "client.observers:ToolStarted",
    "TruncatedStreamError": "errors:TruncatedStreamError",
    "Unknown": "events:Unknown",
    "UnknownItem": "items:UnknownItem",
    "UnknownPart": "items:UnknownPart",
    "Usage": "completion:Usage",
    "UsageError": "errors:UsageError",
    "UsageReport": "events:UsageReport",
    "WebSearchCall": "items:WebSearchCall",
    "agent": "agent:",
    "aggregate": "pipeline.aggregate:aggregate",
    "events_from_completion": "pipeline:events_from_completion",
    "genai_prices": "client.prices:genai_prices",
    "load": "history:load",
    "load_profiles": "profiles:load_profiles",
    "media": "media:",
    "opentelemetry_observer": "integrations.opentelemetry:opentelemetry_observer",
    "read_events": "pipeline:read_events",
    "read_frames": "pipeline:read_frames",
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


# Modules that `import streamkit` is enough for, as it was when it imported them.
_MODULES = ("completion", "errors", "events", "items", "pipeline", "profiles")

__getattr__ = _attributes(globals(), _LATE | {name: f"{name}:" for name in _MODULES})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
