"""What a conversation is made of: messages, reasoning, calls and their outputs.

The tags are the Responses API's own `type` names. What a stream yields as `ItemDone` goes back into
a request as it is, on either wire: `conversation += completion.items`.

Rules: items never change; sequences are tuples; `extra` holds fields of the server's item that have
no attribute here, so that an item can be sent back as it came. An argument string stays as it was,
byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias, get_args

from attrs import field, frozen, validators

from ._lazy import lazy
from .errors import UsageError

_text = validators.instance_of(str)
_maybe_text = validators.optional(_text)
_only_texts = validators.deep_iterable(_text)
ROLES = ("system", "developer", "user", "assistant", "tool")


def _tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


def _dict(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(value)


def _extra() -> Any:
    return field(factory=dict, repr=False, converter=_dict, hash=False)


@frozen
class Origin:
    """The API and the provider that made a piece of opaque state, such as a signature.

    Opaque state is only understood where it was made, so builders send it to its origin and nowhere else. An
    item without an origin (made by hand, or from an older history) goes to every API that can express it.
    """

    wire: str = field(validator=_text)
    provider: str | None = field(default=None, validator=_maybe_text)  # a profile's name; None: any

    def is_home(self, wire: str, provider: str) -> bool:
        """Return True if a request to *provider* on *wire* reaches this origin."""
        return self.wire == wire and self.provider in (None, provider)


# -- the parts of a message ---------------------------------------------------------------


@frozen
class OutputText:
    """Text by the model. `annotations` and `logprobs` are the server's own objects."""

    type: ClassVar[str] = "output_text"
    text: str = field(default="", validator=_text)
    annotations: tuple[Any, ...] = field(default=(), converter=_tuple)
    logprobs: tuple[Any, ...] = field(default=(), converter=_tuple, repr=False)
    extra: Mapping[str, Any] = _extra()


@frozen
class Refusal:
    """The model declined, in these words."""

    type: ClassVar[str] = "refusal"
    refusal: str = field(default="", validator=_text)
    extra: Mapping[str, Any] = _extra()


@frozen
class OutputImage:
    """An image by the model: a URL, most often a data URL."""

    type: ClassVar[str] = "output_image"
    image_url: str = field(default="", repr=lambda url: repr(url[:40]))
    extra: Mapping[str, Any] = _extra()


@frozen
class OutputAudio:
    """Speech by the model: base64 `data`, its `transcript`, and the `id` to refer to it later."""

    type: ClassVar[str] = "output_audio"
    id: str | None = None
    data: str = field(default="", repr=False)
    transcript: str = ""
    extra: Mapping[str, Any] = _extra()


@frozen
class InputText:
    """Text by anybody but the model."""

    type: ClassVar[str] = "input_text"
    text: str = field(default="", validator=_text)
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
    data: str = field(default="", validator=_text, repr=False)
    format: str = field(default="wav", validator=_text)
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
    """A part of a kind that streamkit does not know, verbatim."""

    type: ClassVar[str] = "unknown"
    payload: Mapping[str, Any] = field(factory=dict, converter=_dict, hash=False)
    origin: Origin | None = field(default=None, repr=False, eq=False)


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
    """Let `Message("user", "hi")` stand for a list with one part; the role decides which kind."""
    return content if isinstance(content, str) else tuple(content)


# What a notebook displays, imported when a notebook asks.
_item_html = lazy("display.render:item_html")
_item_markdown = lazy("display.render:item_markdown")


class _Shown:
    """An item shows itself in a notebook; see `display`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(_item_html(self))

    def _repr_markdown_(self) -> str:
        return str(_item_markdown(self))


@frozen
class Message(_Shown):
    """What somebody said. `content` is a tuple of parts; a plain string becomes the one text part."""

    type: ClassVar[str] = "message"
    role: str = field(validator=validators.in_(ROLES))
    content: tuple[Part, ...] = field(default=(), converter=_lone_text)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()

    def __attrs_post_init__(self) -> None:
        if isinstance(self.content, str):
            kind = OutputText if self.role == "assistant" else InputText
            object.__setattr__(self, "content", (kind(self.content),))
        for part in self.content:
            if not isinstance(part, _PARTS):
                raise UsageError(
                    f"a message's content holds parts such as InputText, got {type(part).__name__}; "
                    "pass a string, or wrap the value in a part"
                )

    @property
    def text(self) -> str:
        """All text parts joined, without separator."""
        return "".join(p.text for p in self.content if isinstance(p, OutputText | InputText))

    @property
    def refusal(self) -> str:
        """All refusals joined; empty where the model did not refuse."""
        return "".join(p.refusal for p in self.content if isinstance(p, Refusal))


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@frozen
class Reasoning(_Shown):
    """What the model thought.

    `content` is raw reasoning text, `summary` the summary's parts. `encrypted_content` (Responses)
    and `details` (OpenRouter's `reasoning_details`, verbatim and in order) exist to be sent back.
    """

    type: ClassVar[str] = "reasoning"
    id: str | None = field(default=None, validator=_maybe_text)
    summary: tuple[str, ...] = field(default=(), converter=_texts, validator=_only_texts)
    content: tuple[str, ...] = field(default=(), converter=_texts, validator=_only_texts)
    encrypted_content: str | None = field(default=None, validator=_maybe_text, repr=False)
    details: tuple[Any, ...] = field(default=(), converter=_tuple)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False)

    @property
    def text(self) -> str:
        """The raw reasoning where there is any, else the summary, a blank line between its parts."""
        return "".join(self.content) or "\n\n".join(self.summary)


@frozen
class FunctionCall(_Shown):
    """The model wants *name* called with *arguments*, a JSON string as the server sent it.

    `status` is "incomplete" where the arguments were cut off: such a call is never handed out as
    finished. `signature` is what the gateway wants back with the call (OpenRouter's encrypted
    reasoning detail with the call's id).
    """

    type: ClassVar[str] = "function_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    name: str = field(default="", validator=_text)
    arguments: str = field(default="", validator=_text)
    id: str | None = field(default=None, validator=_maybe_text)
    signature: str | None = field(default=None, validator=_maybe_text, repr=False)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False)

    def parsed(self) -> Any:
        """The arguments as strict JSON; blank or `null` is `{}`.

        Raises `UsageError` where they are not JSON, with the arguments in the message: never `{}`
        for something that was cut off.
        """
        if self.arguments.strip() in ("", "null"):
            return {}
        try:
            return json.loads(self.arguments, parse_constant=_no_constant)
        except (ValueError, RecursionError) as exc:
            raise UsageError(
                f"the arguments of call {self.name!r} are not JSON ({exc}): {self.arguments[:200]!r}"
            ) from exc


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _output(value: Any) -> Any:
    return value if isinstance(value, str) else tuple(value)


@frozen
class FunctionCallOutput(_Shown):
    """The output of a call: a string, or a tuple of parts; `is_error` if the call failed."""

    type: ClassVar[str] = "function_call_output"
    call_id: str | None = field(default=None, validator=_maybe_text)
    output: str | tuple[Part, ...] = field(default="", converter=_output)
    id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    is_error: bool = field(default=False, validator=validators.instance_of(bool))


@frozen
class CustomToolCall(_Shown):
    """A call of a tool whose input is free text."""

    type: ClassVar[str] = "custom_tool_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    name: str = field(default="", validator=_text)
    input: str = field(default="", validator=_text)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False)


@frozen
class CustomToolCallOutput(_Shown):
    """What a custom call came to."""

    type: ClassVar[str] = "custom_tool_call_output"
    call_id: str | None = field(default=None, validator=_maybe_text)
    output: str | tuple[Part, ...] = field(default="", converter=_output)
    id: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    is_error: bool = field(default=False, validator=validators.instance_of(bool))


@frozen
class LocalShellCall(_Shown):
    """The model wants a command run on the caller's machine; `action` is the server's own object."""

    type: ClassVar[str] = "local_shell_call"
    call_id: str | None = field(default=None, validator=_maybe_text)
    action: Mapping[str, Any] = field(factory=dict, converter=_dict, hash=False)
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False)


@frozen
class WebSearchCall(_Shown):
    """The server searched the web; `action` says for what."""

    type: ClassVar[str] = "web_search_call"
    id: str | None = field(default=None, validator=_maybe_text)
    status: str | None = field(default=None, validator=_maybe_text)
    action: Mapping[str, Any] | None = field(default=None, hash=False)
    extra: Mapping[str, Any] = _extra()
    origin: Origin | None = field(default=None, repr=False, eq=False)


@frozen
class Note(_Shown):
    """The caller's own remark: kept in the history, never sent."""

    type: ClassVar[str] = "note"
    text: str = field(default="", validator=_text)
    extra: Mapping[str, Any] = _extra()


@frozen
class UnknownItem(_Shown):
    """An item of a kind without a class here (hosted tools' calls, news), verbatim for replay."""

    type: ClassVar[str] = "unknown"
    payload: Mapping[str, Any] = field(factory=dict, converter=_dict, hash=False)
    origin: Origin | None = field(default=None, repr=False, eq=False)

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
