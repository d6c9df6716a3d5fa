"""Chat messages -> the messages that a gateway accepts: their order, their names, the form of their contents.

    takes    the messages of a body, in the order of the conversation
    returns  the messages to send; the report has each change

Rule: the text of every message is sent. `Profile` has the rules of a gateway, this file their effects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ...profiles.profile import Profile, is_one_of
from ..parts import bare_audio
from ..report import BuildReport
from .content import join_contents

_Message: TypeAlias = dict[str, Any]
_REFUSED_IN_NAMES = re.compile(r"[\s<|\\/>]+")  # the 400 of OpenAI names the pattern
_FILLER = "OK."  # between an output and a user, who can't follow each other


def accepted_messages(
    messages: list[_Message], model: str, profile: Profile, report: BuildReport
) -> list[_Message]:
    """Return *messages* as the gateway and the model accept them."""
    if profile.one_system_message:
        messages = _with_one_system_message(messages, report)
    if is_one_of(profile.alternating_models, model):
        messages = list(_alternating(messages, report))
    if is_one_of(profile.answered_models, model):
        messages = list(_answered(messages, report))
    messages = [_with_plain_name(_with_accepted_audio(each, profile), report) for each in messages]
    return messages if profile.text_parts else list(map(_in_one_text, messages))


def _with_one_system_message(messages: list[_Message], report: BuildReport) -> list[_Message]:
    """Return *messages* with the contents of all system messages in one, with blank lines between."""
    systems = [message for message in messages if message["role"] in ("system", "developer")]
    if len(systems) < 2:
        return messages
    report.repaired.append(
        f"{len(systems)} system messages are sent as one, because the server reads one only"
    )
    merged = {**systems[0], "content": join_contents(message["content"] for message in systems)}
    return [merged, *(message for message in messages if message not in systems)]


def _alternating(messages: list[_Message], report: BuildReport) -> Iterator[_Message]:
    """Yield neighbours of the user, and texts of the model, as one message each."""
    last: _Message | None = None
    for message in messages:
        if last is None:
            last = message
        elif _may_join(last, message):
            contents = [each["content"] for each in (last, message) if each["content"] is not None]
            last = {**last, **message, "content": join_contents(contents) if contents else None}
            report.repaired.append(
                f"two messages of the {message['role']} are sent as one, because roles have to alternate"
            )
        else:
            yield last
            last = message
    if last is not None:
        yield last


def _may_join(first: _Message, second: _Message) -> bool:
    is_of_one = first["role"] == second["role"] and first["role"] in ("user", "assistant")
    return is_of_one and "tool_calls" not in first  # whose outputs follow


def _answered(messages: list[_Message], report: BuildReport) -> Iterator[_Message]:
    """Yield the messages, and one of the model's between an output and the user."""
    last = None
    for message in messages:
        if last == "tool" and message["role"] == "user":
            report.repaired.append(
                f"{_FILLER!r} of the assistant is sent between an output and the user's message, because the "
                "model refuses one behind the other"
            )
            yield {"role": "assistant", "content": _FILLER}
        yield message
        last = message["role"]


def _with_plain_name(message: _Message, report: BuildReport) -> _Message:
    """Return *message* with a name of the characters that OpenAI accepts."""
    name = message.get("name")
    if not isinstance(name, str) or not _REFUSED_IN_NAMES.search(name):
        return message
    plain = _REFUSED_IN_NAMES.sub("_", name).strip("_")
    report.repaired.append(f"the name of a message is sent as {plain!r}, because of its characters")
    return {**message, "name": plain} if plain else {k: v for k, v in message.items() if k != "name"}


def _with_accepted_audio(message: _Message, profile: Profile) -> _Message:
    """Return *message* with its speech as base64 or as a data URL, whichever the gateway accepts."""
    parts = message.get("content")
    if profile.audio_data == "received" or not isinstance(parts, list):
        return message
    if not any(part.get("type") == "input_audio" for part in parts):
        return message
    return {**message, "content": [_accepted_audio(part, profile) for part in parts]}


def _accepted_audio(part: _Message, profile: Profile) -> _Message:
    audio = part.get("input_audio")
    if not (isinstance(audio, Mapping) and isinstance(audio.get("data"), str)):
        return part
    if profile.audio_data == "url":
        url = (
            audio["data"] if audio["data"].startswith(("data:", "http")) else f"data:;base64,{audio['data']}"
        )
        return {**part, "input_audio": {**audio, "data": url}}
    data, kind = bare_audio(audio["data"], str(audio.get("format")))
    return {**part, "input_audio": {**audio, "data": data, "format": kind}}


def _in_one_text(message: _Message) -> _Message:
    """Return *message* with a string for a content that is a list of texts, or null."""
    parts = message.get("content")
    if parts is None:
        return {**message, "content": ""}
    if not isinstance(parts, list) or any(part.get("type") != "text" for part in parts):
        return message
    return {**message, "content": join_contents(part["text"] for part in parts)}
