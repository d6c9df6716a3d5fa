"""The items of a conversation: messages, reasoning, calls and their outputs.

The tags are the Responses API's own `type` names. The item of an `ItemDone` goes into the next request
unchanged, on every wire: `conversation += completion.items`.

Rules: items never change; sequences are tuples. `extra` has the fields of the server's item that have no
attribute here, so that the item can be sent back unchanged. A call's arguments stay the server's string, byte
for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias, get_args

from attrs import NOTHING, Factory, field, fields, frozen

from ._checks import got
from ._fields import BOOLEAN, TEXT, listed, mapped, of, one_of, optional
from ._lazy import lazy
from .errors import UsageError
from .json_text import NotJSONError, loads_strict

_maybe_text = optional(TEXT)
ROLES = ("system", "developer", "user", "assistant", "tool")


def _as_extra(value: Mapping[str, Any]) -> dict[str, Any]:
    return mapped("extra", value)


def _as_payload(value: Mapping[str, Any]) -> dict[str, Any]:
    return mapped("payload", value)


def _as_action(value: Mapping[str, Any]) -> dict[str, Any]:
    return mapped("action", value)


def _as_annotations(values: Iterable[Any]) -> tuple[Any, ...]:
    return listed("annotations", values)


def _as_logprobs(values: Iterable[Any]) -> tuple[Any, ...]:
    return listed("logprobs", values)


def _as_details(values: Iterable[Any]) -> tuple[Any, ...]:
    return listed("details", values)


def _as_summary(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else listed("summary", value, str, "strings")


def _as_texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else listed("content", value, str, "strings")


def _extra() -> Any:
    return field(factory=dict, repr=False, converter=_as_extra, hash=False)


@frozen
class Origin:
    """The API and the provider that made a piece of opaque state, such as a signature.

    Only the provider that made opaque state can read it, so builders send it only to that provider. An item
    without an origin (made by hand, or from an older history) goes to every API that can express it.
    """

    wire: str = field(validator=TEXT)
    provider: str | None = field(default=None, validator=_maybe_text)  # a profile's name; None: any

    def is_home(self, wire: str, provider: str) -> bool:
        """Return True if a request to *provider* on *wire* reaches this origin."""
        return self.wire == wire and self.provider in (None, provider)


_maybe_origin = optional(of("an Origin or None", Origin))


# -- the parts of a message ---------------------------------------------------------------


@frozen
class OutputText:
    """Text by the model. `annotations` and `logprobs` are the server's own objects."""

    type: ClassVar[str] = "output_text"
    text: str = field(default="", validator=TEXT)
    annotations: tuple[Any, ...] = field(default=(), converter=_as_annotations)
    logprobs: tuple[Any, ...] = field(default=(), converter=_as_logprobs, repr=False)
    extra: Mapping[str, Any] = _extra()


@frozen
class Refusal:
    """The text with which the model declined to answer."""

    type: ClassVar[str] = "refusal"
    refusal: str = field(default="", validator=TEXT)
    extra: Mapping[str, Any] = _extra()


@frozen
class OutputImage:
    """An image by the model: a URL, most often a data URL."""

    type: ClassVar[str] = "output_image"
    image_url: str = field(default="", validator=TEXT, repr=lambda url: repr(url[:40]))
    extra: Mapping[str, Any] = _extra()


@frozen
class OutputAudio:
    """Speech by the model: base64 `data`, its `transcript`, and the `id` to refer to it later."""

    type: ClassVar[str] = "output_audio"
    id: str | None = field(default=None, validator=_maybe_text)
    data: str = field(default="", validator=TEXT, repr=False)
    transcript: str = field(default="", validator=TEXT)
    extra: Mapping[str, Any] = _extra()


@frozen
class InputText:
    """Text by the user, the developer or a tool."""

    type: ClassVar[str] = "input_text"
    text: str = field(default="", validator=TEXT)
    extra: Mapping[str, Any] = _extra()


@frozen
class InputImage:
    """An image: a URL or data URL, or bytes with their media type; `detail` is low, high or auto."""

    type: ClassVar[str] = "input_image"
    image_url: str | None = field(
        default=None, validator=_maybe_text, repr=lambda url: repr(url and url[:40])
    )
    detail: str | None = field(default=None, validator=_maybe_text)
    file_id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()


@frozen
class InputAudio:
    """Speech to the model: base64 `data` in `format` (wav, mp3)."""

    type: ClassVar[str] = "input_audio"
    data: str = field(default="", validator=TEXT, repr=False)
    format: str = field(default="wav", validator=TEXT)
    extra: Mapping[str, Any] = _extra()


@frozen
class InputFile:
    """A document: base64 or a data URL in `file_data`, or `file_url`, or an uploaded `file_id`."""

    type: ClassVar[str] = "input_file"
    filename: str | None = field(default=None, validator=_maybe_text)
    file_data: str | None = field(default=None, validator=_maybe_text, repr=False)
    file_url: str | None = field(default=None, validator=_maybe_text)
    file_id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()


@frozen
class UnknownPart:
    """A part of a kind that streamkit doesn't know, verbatim."""

    type: ClassVar[str] = "unknown"
    payload: Mapping[str, Any] = field(factory=dict, converter=_as_payload, hash=False)
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)


Part: TypeAlias = (
    OutputText
    | Refusal
    | OutputImage
    | OutputAudio
    | InputText
    | InputImage
    | InputAudio
    | InputFile
    | UnknownPart
)
_PARTS = get_args(Part)


# -- the items ----------------------------------------------------------------------------


def _lone_text(content: Any) -> Any:
    """Accept a string as content; `Message` turns it into the part that fits its role."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Iterable):
        raise UsageError(f"content: expected a string or parts such as InputText, got {got(content)}")
    return tuple(content)


# The facades of items: the display in a notebook, imported at the first call.
_item_html = lazy("display.render:item_html")
_item_markdown = lazy("display.render:item_markdown")


class _Shown:
    """An item that displays itself in a notebook; see `display`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(_item_html(self))

    def _repr_markdown_(self) -> str:
        return str(_item_markdown(self))


@frozen
class Message(_Shown):
    """A message by the user, the model, the system or a tool.

    `content` is a tuple of parts. A plain string becomes one text part.
    """

    type: ClassVar[str] = "message"
    role: str = field(validator=one_of(ROLES))
    content: tuple[Part, ...] = field(default=(), converter=_lone_text)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.content, str):
            kind = OutputText if self.role == "assistant" else InputText
            object.__setattr__(self, "content", (kind(self.content),))
        for part in self.content:
            if not isinstance(part, _PARTS):
                raise UsageError(
                    f"content: expected parts such as InputText, got {type(part).__name__}; "
                    "pass a string, or wrap the value in a part"
                )

    @property
    def text(self) -> str:
        """All text parts joined, without separator."""
        return "".join(p.text for p in self.content if isinstance(p, OutputText | InputText))

    @property
    def refusal(self) -> str:
        """All refusals joined; empty if the model didn't refuse."""
        return "".join(p.refusal for p in self.content if isinstance(p, Refusal))


# The fields of a chat message with the text of its reasoning. Some gateways send two; the first one counts.
# For another spelling, add it here: it is read, accepted in a caller's messages, and sent back as it came.
REASONING_FIELDS = (
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thought",
    "thoughts",
    "thinking_content",
    "reasoningContent",
    "reasoning_summary",
    "cot_summary",
)


@frozen
class Reasoning(_Shown):
    """The model's reasoning.

    `content` is the raw reasoning text, `summary` the parts of its summary. `encrypted_content` (Responses)
    and `details` (OpenRouter's `reasoning_details`, signed blocks of the Messages API; verbatim and in order)
    are kept to be sent back.
    `field_name` is the field of a chat message that the text came in, one of `REASONING_FIELDS`.
    """

    type: ClassVar[str] = "reasoning"
    id: str | None = field(default=None, validator=_maybe_text)
    summary: tuple[str, ...] = field(default=(), converter=_as_summary)
    content: tuple[str, ...] = field(default=(), converter=_as_texts)
    encrypted_content: str | None = field(default=None, validator=_maybe_text, repr=False)
    details: tuple[Any, ...] = field(default=(), converter=_as_details)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)
    field_name: str | None = field(default=None, validator=_maybe_text, repr=False, eq=False)

    @property
    def text(self) -> str:
        """The raw reasoning if the server sent it, else the summary with a blank line between its parts."""
        return "".join(self.content) or "\n\n".join(self.summary)


@frozen
class FunctionCall(_Shown):
    """A call of the function *name* by the model. *arguments* is the JSON string that the server sent.

    `status` is "incomplete" if the arguments were truncated; such a call never appears in `tool_calls`.
    `signature` is opaque data that the gateway expects back with the call (Gemini's thought signature;
    OpenRouter: the encrypted reasoning detail with the call's id).
    """

    type: ClassVar[str] = "function_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    name: str = field(default="", validator=TEXT)
    arguments: str = field(default="", validator=TEXT)
    id: str | None = field(default=None, validator=_maybe_text)
    signature: str | None = field(default=None, validator=_maybe_text, repr=False)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)

    def parsed(self) -> Any:
        """Return the arguments, read as strict JSON. If they are blank or `null`, the result is `{}`.

        Raises `UsageError` if they aren't JSON, and quotes their beginning: truncated arguments never become
        `{}`.
        """
        if self.arguments.strip() in ("", "null"):
            return {}
        try:
            return loads_strict(self.arguments)
        except NotJSONError as exc:
            raise UsageError(
                f"the arguments of call {self.name!r} aren't JSON ({exc}): {self.arguments[:200]!r}"
            ) from exc


def _output(value: Any) -> Any:
    return value if isinstance(value, str) else listed("output", value, _PARTS, "parts such as InputText")


@frozen
class FunctionCallOutput(_Shown):
    """The output of a call: a string, or a tuple of parts; `is_error` if the call failed."""

    type: ClassVar[str] = "function_call_output"
    call_id: str | None = field(default=None, validator=_maybe_text)
    output: str | tuple[Part, ...] = field(default="", converter=_output)
    id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    is_error: bool = field(default=False, validator=BOOLEAN)


@frozen
class CustomToolCall(_Shown):
    """A call of a tool whose input is free text."""

    type: ClassVar[str] = "custom_tool_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    name: str = field(default="", validator=TEXT)
    input: str = field(default="", validator=TEXT)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)


@frozen
class CustomToolCallOutput(_Shown):
    """The output of a custom call: a string, or a tuple of parts; `is_error` if the call failed."""

    type: ClassVar[str] = "custom_tool_call_output"
    call_id: str | None = field(default=None, validator=_maybe_text)
    output: str | tuple[Part, ...] = field(default="", converter=_output)
    id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    is_error: bool = field(default=False, validator=BOOLEAN)


@frozen
class LocalShellCall(_Shown):
    """A shell command that the model asks the caller to run; `action` is the server's own object."""

    type: ClassVar[str] = "local_shell_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    action: Mapping[str, Any] = field(factory=dict, converter=_as_action, hash=False)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)


@frozen
class WebSearchCall(_Shown):
    """A web search by the server; `action` is the server's own object, with the query."""

    type: ClassVar[str] = "web_search_call"
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    action: Mapping[str, Any] | None = field(
        default=None, hash=False, validator=optional(of("a mapping", Mapping))
    )
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)


@frozen
class Note(_Shown):
    """A remark by the caller: kept in the history, never sent."""

    type: ClassVar[str] = "note"
    text: str = field(default="", validator=TEXT)
    extra: Mapping[str, Any] = _extra()


@frozen
class UnknownItem(_Shown):
    """An item of a kind without a class here, such as a hosted tool's call; verbatim, to be sent back."""

    type: ClassVar[str] = "unknown"
    payload: Mapping[str, Any] = field(factory=dict, converter=_as_payload, hash=False)
    origin: Origin | None = field(default=None, repr=False, eq=False, validator=_maybe_origin)

    @property
    def id(self) -> str | None:
        """The server's id of the item, if it has one."""
        value = self.payload.get("id")
        return value if isinstance(value, str) else None


Item: TypeAlias = (
    Message
    | Reasoning
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | LocalShellCall
    | WebSearchCall
    | Note
    | UnknownItem
)


# -- pickles of earlier versions ----------------------------------------------------------


def _set_state(item: Any, state: Any) -> None:
    """Set the fields of an unpickled item; fields that its version didn't have get their defaults."""
    known = fields(type(item))
    if not isinstance(state, Mapping):  # by attrs before 22.2: the values in their order
        state = dict(zip((each.name for each in known), state, strict=False))
    for each in known:
        value = state.get(each.name, NOTHING)
        if value is NOTHING:
            default: Any = each.default
            value = default.factory() if isinstance(default, Factory) else default  # type: ignore[arg-type]
        if value is not NOTHING:
            object.__setattr__(item, each.name, value)


for _class in (Origin, *_PARTS, *get_args(Item)):
    # attrs gives each class its own __setstate__, so a base class can't replace it.
    setattr(_class, "__setstate__", _set_state)  # noqa: B010 - mypy refuses the assignment
