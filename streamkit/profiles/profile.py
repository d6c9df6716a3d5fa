"""A gateway as data: its address, its key, and the behaviors that need a choice.

Rule: every field is checked when a profile is made. A wrong value is a `UsageError` that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen
from attrs import fields as attrs_fields

from .._checks import got
from ..errors import UsageError
from ..wires import BATCHES, WIRES

# OpenAI's o-series, and the models from gpt-5 on, except the chat models. A fine-tuned one is called
# ft:o4-mini-2025-04-16:ORGANIZATION:SUFFIX:ID.
_REASONING_MODELS: str | None = r"(.*/)?(ft:)?(o[1-9]|gpt-([5-9]|\d\d))(?![^:]*chat)"
# From gpt-5.1 on, the default effort is none: BerriAI/litellm#17011, langchain-ai/langchain#35424.
_OPTIONAL_REASONING: str | None = r"(.*/)?(ft:)?gpt-(5\.[1-9]|[6-9]|\d\d)(?![^:]*(pro|codex))"
# Mistral's models, on every server: their templates refuse the order. Ministral's doesn't.
_ANSWERED_MODELS: str | None = r"(?i)(.*/)?(open-)?(mis|mix|magis|devs|codes|pix|vox)tral[^/]*\Z"


# -- the kinds of fields ------------------------------------------------------------------


def _check(expected: str, fits: Callable[[Any], bool], *, show: bool = True) -> Any:
    """Return a validator for the values that *fit*. The error contains the value, or only its type."""

    def validate(profile: Profile, attribute: Any, value: Any) -> None:
        if not fits(value):
            shown = got(value, 60) if show else type(value).__name__
            raise UsageError(f"{attribute.name}: expected {expected}, got {shown}")

    return validate


def _text(default: str) -> Any:
    return field(default=default, validator=_check("a string", _is_text))


def _optional_text(*, show: bool = True) -> Any:
    validator = _check("a string or None", lambda value: value is None or _is_text(value), show=show)
    return field(default=None, validator=validator, repr=True if show else _host)


def _host(url: str | None) -> str:
    """Return the repr of an address: its scheme and host. A user, a path or a query may contain a key."""
    scheme, mark, rest = (url or "").partition("://")
    host = re.split(r"[/?#]", rest)[0].rpartition("@")[2]
    return repr(url) if not url else repr(f"{scheme}{mark}{host}/..." if mark else "...")


def _texts(*, show: bool = True) -> Any:
    # The error never contains the values: they are headers, addresses and queries.
    validator = _check("a mapping of strings to strings", _is_texts, show=False)
    return field(factory=dict, converter=_copied, validator=validator, repr=show)


def _flag(default: bool) -> Any:
    return field(default=default, validator=_check("True or False", lambda value: isinstance(value, bool)))


def _choice(default: str, *others: str) -> Any:
    choices = (default, *others)
    check = _check(f"one of {', '.join(choices)}", lambda value: _is_text(value) and value in choices)
    return field(default=default, validator=check)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(text) for pair in value.items() for text in pair)


def _is_bodies(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    fields = [name for body in value.values() if isinstance(body, Mapping) for name in body]
    return all(isinstance(body, Mapping) for body in value.values()) and all(map(_is_text, [*value, *fields]))


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _is_pattern_or_none(value: Any) -> bool:
    try:
        return value is None or (_is_text(value) and bool(re.compile(value)))
    except re.error:
        return False


def _is_patterns(value: Any) -> bool:
    return _is_texts(value) and all(map(_is_pattern_or_none, value.values()))


def _is_fillers(value: Any) -> bool:
    return _is_texts(value) and all(map(_is_pattern_or_none, value))


def is_one_of(pattern: str | None, model: str) -> bool:
    """Return True if *model* is one of those that *pattern*, a field of a profile, names; None names none."""
    return pattern is not None and re.match(pattern, model) is not None


def _is_limit_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _check_wire(profile: Profile, attribute: Any, value: Any) -> None:
    """Look the wire up when the profile is made: a program may have added one to the table."""
    _check(f"one of {', '.join(WIRES)}", lambda value: _is_text(value) and value in WIRES)(
        profile, attribute, value
    )


def _check_endpoints(profile: Profile, attribute: Any, value: Any) -> None:
    _check("a mapping of wires to mappings of fields", _is_bodies, show=False)(profile, attribute, value)
    names = {each.name for each in attrs_fields(type(profile))} - {"name", "wire", "endpoints"}
    for wire, fields in value.items():
        unknown = next((name for name in fields if name not in names), None)
        if unknown is not None:
            raise UsageError(f"endpoints: expected fields of a profile for {wire}, got {got(unknown, 60)}")


# -- tags of thoughts ---------------------------------------------------------------------

# Tags that models write around their thoughts, with the closing tag of each.
_TAGS: Mapping[str, str] = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<|begin_of_thought|>": "<|end_of_thought|>",  # OpenThinker
    "\N{WHITE LEFT-POINTING TRIANGLE}think\N{WHITE RIGHT-POINTING TRIANGLE}": (  # Kimi
        "\N{WHITE LEFT-POINTING TRIANGLE}/think\N{WHITE RIGHT-POINTING TRIANGLE}"
    ),
    "[THINK]": "[/THINK]",  # Magistral
}


def _is_tags(value: Any) -> bool:
    """Return True for a mapping of opening to closing tags; no tag begins or ends with white space."""
    if not (_is_texts(value) and value):
        return False
    return all(tag and tag == tag.strip() for pair in value.items() for tag in pair)


@frozen
class ThinkTags:
    """The tags around the thoughts in a text.

    In a file it is a table with these fields. `mode` is the place of the thoughts: at the start of a message
    only, or anywhere in it. With `begins_inside` each answer begins inside a thought, because the opening tag
    is in the model's chat template. Then the text before the first closing tag is reasoning. If there is
    none, all text is.
    """

    mode: Literal["off", "start", "anywhere"] = _choice("start", "off", "anywhere")
    tags: Mapping[str, str] = field(
        factory=lambda: dict(_TAGS),
        converter=_copied,
        validator=_check("a mapping of opening tags to closing tags", _is_tags),
    )
    begins_inside: bool = _flag(False)


def _read_tags(value: Any) -> Any:
    """Return the `ThinkTags` that a table describes; any other value unchanged."""
    if not isinstance(value, Mapping):
        return value
    names = [attribute.name for attribute in attrs_fields(ThinkTags)]
    unknown = [name for name in value if name not in names]
    if unknown:
        raise UsageError(f"think_tags: expected the fields {', '.join(names)}, got {got(unknown[0], 60)}")
    try:
        return ThinkTags(**value)
    except UsageError as exc:
        raise UsageError(f"think_tags.{exc}") from exc


def _is_think_tags(value: Any) -> bool:
    return isinstance(value, ThinkTags) or (_is_text(value) and value in ("off", "start", "anywhere"))


# -- the profile --------------------------------------------------------------------------


@frozen
class Profile:
    """One gateway. Derive a new one with `attrs.evolve(profile, ...)`.

    The name is also the provider in the `Origin` of items. So two gateways that can't read each other's
    encrypted reasoning need two names.
    """

    name: str = field(validator=_check("a non-empty string", lambda value: _is_text(value) and value.strip()))
    base_url: str | None = _optional_text(show=False)
    base_url_env: str | None = _optional_text()  # the variable that overrides base_url
    key_env: str | None = _optional_text()  # the variable that contains the key
    key_required: bool = _flag(True)  # has no effect without key_env
    key_header: str = _text("Authorization")
    key_prefix: str = _text("Bearer ")
    token_as_bearer: bool = _flag(False)  # a JSON Web Token goes into Authorization, not into key_header
    # Paths by wire, if they aren't the API's own. They apply if the base URL's path is a beginning of them:
    # any other URL is the root of an ordinary API. {model} stands for the model, which is Azure's deployment.
    paths: Mapping[str, str] = _texts()
    # Paths by wire that continue a broken stream, if they aren't the API's own; see client/resume.py.
    resume_paths: Mapping[str, str] = _texts()
    conversation_header: str | None = _optional_text()  # that gives a request the id by which to continue it
    headers: Mapping[str, str] = _texts(show=False)
    env_headers: Mapping[str, str] = _texts()  # by header, the variable with its value
    query: Mapping[str, str] = _texts(show=False)
    # By parameter in the query of a path, the variable that overrides its value.
    env_query: Mapping[str, str] = _texts()
    # By wire, fields that every request body gets, such as a switch that other gateways refuse. The caller's
    # `extra_body` wins.
    extra_body: Mapping[str, Mapping[str, Any]] = field(
        factory=dict,
        converter=_copied,
        validator=_check("a mapping of wires to mappings of fields", _is_bodies),
    )
    wire: str = field(default="chat", validator=_check_wire)
    # By wire, the fields of this profile that differ on the gateway's endpoint for that API; see `on`.
    endpoints: Mapping[str, Mapping[str, Any]] = field(
        factory=dict, converter=_copied, validator=_check_endpoints, repr=False
    )
    # The batches of the gateway: those of its API, none, or those of another one.
    batch_api: str = _choice("own", "none", *BATCHES)
    # The meaning of a body that ends without a finish reason, [DONE] or terminal event.
    #   raise: the stream was cut. accept: this server never sends an ending.
    #   infer: this gateway omits the terminal event; the answer is complete if every item was closed.
    eof: Literal["raise", "accept", "infer"] = _choice("raise", "accept", "infer")
    # If <think>...</think>, or another known tag, is split off the text as reasoning: never, at the start of
    # a message only, or anywhere. A `ThinkTags`, or its table, names other tags. It is off by default: a text
    # can be about the tag.
    think_tags: Literal["off", "start", "anywhere"] | ThinkTags = field(
        default="off",
        converter=_read_tags,
        validator=_check("one of off, start, anywhere, or a ThinkTags or its table", _is_think_tags),
    )
    include_usage: bool = _flag(True)  # request usage with stream_options; a few gateways reject the option
    usage_accounting: bool = _flag(False)  # request cost and cache counts, too: `usage: {include: true}`
    # The field of a chat message in which the model's own reasoning goes back. received: the one that it came
    # in, else `reasoning`. off: the gateway accepts none, and on Responses only encrypted reasoning and
    # reasoning with an id.
    reasoning_replay: Literal["received", "off", "reasoning", "reasoning_content", "reasoning_details"] = (
        _choice("received", "off", "reasoning", "reasoning_content", "reasoning_details")
    )
    # If the text of reasoning that led to tool calls goes back in every later request. Providers that think
    # between calls demand it. Other reasoning goes back only until the next user message.
    keeps_tool_reasoning: bool = _flag(True)
    # By a pattern for models, the reasoning of a message that has none: on chat `reasoning_content`, if there
    # are tools; on the messages API a block before the calls.
    reasoning_filler: Mapping[str, str] = field(
        factory=dict,
        converter=_copied,
        validator=_check("a mapping of regular expressions to strings", _is_fillers),
    )
    # On chat, a pattern for the models that refuse a call without Google's signature.
    signed_models: str | None = field(
        default=None, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # Headers of a request with pictures.
    picture_headers: Mapping[str, str] = _texts()
    unsigned_thinking: bool = _flag(False)  # True: thinking without a signature goes back on the messages API
    # If a reasoning effort may become a budget of tokens there. False: the server takes the effort itself,
    # and its models think unless they are told not to.
    thinking_budget: bool = _flag(True)
    cache_marks: bool = _flag(True)  # False: the server ignores `cache_control`, and caches by itself
    # If features of a body add their headers, such as anthropic-beta; other servers may refuse the words.
    sends_betas: bool = _flag(False)
    # On Gemini's API: if functions next to the server's own tools need `includeServerSideToolInvocations`.
    marks_server_tools: bool = _flag(False)
    replays_annotations: bool = _flag(False)  # OpenRouter: a parsed file isn't billed again
    # If keys of a chat message that no API knows are sent: servers refuse a program's own, such as metadata.
    unknown_keys: Literal["drop", "send"] = _choice("drop", "send")
    # A pattern for the ids of calls that chat messages may have; others are replaced, in the output, too.
    call_ids: str | None = field(
        default=None, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # A pattern for the ids of items that the Responses API accepts back; others are left out.
    item_ids: str | None = field(
        default=None, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # By type of an item, how its id begins where the server accepts it; others are left out.
    item_id_prefixes: Mapping[str, str] = _texts()
    # The form of speech in a chat message: base64, or a data URL. received: as the caller has it.
    audio_data: Literal["base64", "url", "received"] = _choice("base64", "url", "received")
    file_urls: bool = _flag(True)  # False: a file in a chat message must be data, not a URL
    one_system_message: bool = _flag(False)  # True: all of them are sent as the first message
    # A pattern for the models that refuse neighbours of one role; they are sent as one chat message.
    alternating_models: str | None = field(
        default=None, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # A pattern for the models that refuse a user's message behind an output, without one of theirs between.
    answered_models: str | None = field(
        default=_ANSWERED_MODELS, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    text_parts: bool = _flag(True)  # False: the content of a chat message without files is one string
    field_names: Mapping[str, str] = _texts()  # by field of a body, the gateway's own name for it
    # By field of a body, of a call, or the `refusal` of a message, a pattern for the models that refuse it.
    refused_fields: Mapping[str, str] = field(
        factory=dict,
        converter=_copied,
        validator=_check("a mapping of fields to regular expressions", _is_patterns),
    )
    # The form of the reasoning effort on chat: a string of its own, or an object with more settings.
    reasoning_param: Literal["reasoning_effort", "reasoning"] = _choice("reasoning_effort", "reasoning")
    # A pattern for the models that need max_completion_tokens and the developer role, and refuse sampling
    # parameters. None: the gateway itself adapts the request.
    reasoning_models: str | None = field(
        default=_REASONING_MODELS, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # A pattern for those of them that reason only if a request asks for an effort.
    optional_reasoning_models: str | None = field(
        default=_OPTIONAL_REASONING, validator=_check("a regular expression or None", _is_pattern_or_none)
    )
    # The limit to send if the caller sets none; a few routes require one.
    default_max_tokens: int | None = field(
        default=None, validator=_check("a positive integer or None", _is_limit_or_none)
    )
    least_output_tokens: int | None = field(  # the smallest limit that the Responses API accepts
        default=None, validator=_check("a positive integer or None", _is_limit_or_none)
    )
    tool_output_images: bool = _flag(True)  # False: images follow in a user message
    json_schema: bool = _flag(True)  # False: response_format accepts json_object only

    def on(self, wire: str) -> Profile:
        """Return this profile as it is on the gateway's endpoint for *wire*; `endpoints` overrides fields."""
        fields = self.endpoints.get(wire, {})
        return self if wire == self.wire and not fields else evolve(self, wire=wire, **fields)

    @property
    def thought_tags(self) -> ThinkTags:
        """The tags that `think_tags` stands for."""
        return self.think_tags if isinstance(self.think_tags, ThinkTags) else ThinkTags(self.think_tags)

    def is_reasoning_model(self, model: str) -> bool:
        """Return True if *model* is one of `reasoning_models`."""
        return is_one_of(self.reasoning_models, model)

    def refuses(self, field_name: str, model: str) -> bool:
        """Return True if *model* is one of those that refuse this field of a body."""
        return is_one_of(self.refused_fields.get(field_name), model)

    def reasons_unasked(self, model: str) -> bool:
        """Return True for a reasoning model that reasons without being asked for an effort."""
        optional = self.optional_reasoning_models
        return self.is_reasoning_model(model) and not (optional and re.match(optional, model))
