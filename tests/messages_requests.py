"""Requests on the Messages API, built for the tests of their bodies."""

from __future__ import annotations

from typing import Any

from streamkit import Origin, tool
from streamkit.profiles.known import ANTHROPIC
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

MODEL = "claude-sonnet-4-5"
HOME = Origin("messages", "anthropic")
DONE = {"type": "text", "text": "Done."}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def built(items: Any, *, model: str = MODEL, profile: Profile = ANTHROPIC, **params: Any) -> PreparedRequest:
    tools = params.pop("tools", ())
    instructions = params.pop("instructions", None)
    request = Request(items, model=model, tools=tools, instructions=instructions, params=params)
    return prepare(request, "messages", profile.on("messages"))


def messages(items: Any, **options: Any) -> Any:
    return built(items, **options).body["messages"]


@tool
def look(city: str) -> str:
    """Look at a city."""
    return city
