"""Chat Completions payloads -> fragments, for every dialect at once.

Rule: nothing here asks which gateway speaks. A dialect is read by what a payload holds, and every
field may be missing, null, or of another type than the reference says. What a payload holds that has
no fragment of its own is still carried by some event's `raw`, or by an `Unknown`.

Order within a payload: identity, reasoning, text or refusal, tool calls by index, finish, usage, then
an in-band error, which is raised. This file remembers what a later payload needs to be read right:
which call an index or id stands for, and what the head of the payloads said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..classify import api_error, is_error
from ..completion import FinishReason
from ..errors import NotAnEventStreamError
from ..fragments import (
    END,
    Attached,
    CallPart,
    ChoiceSeen,
    Counted,
    Ended,
    Finished,
    Fragment,
    Identity,
    Payload,
    PayloadOrNote,
    RefusalText,
    Restated,
    Silent,
    Text,
    Thought,
)
from ..items import OutputImage, UnknownPart
from ..profiles import Profile
from .chat_calls import CallSlots, argument_text
from .usage import read_usage

# The server's spelling (lower case) -> ours; everything else is "other". Sources: the OpenAI
# reference; native_finish_reason values seen through OpenRouter; Mistral (model_length), Groq, Azure.
FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "error": "error",
}

# The keys of a payload that are no news; any other goes into the completion's `extras`. OpenAI pads
# its payloads with `obfuscation` (random, against traffic analysis).
_HEAD = frozenset(
    (
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",
    )
)
_PLAIN_DELTA = frozenset(("role", "content"))


def normalize(payloads: Iterable[PayloadOrNote], profile: Profile) -> Iterator[Fragment]:
    """Yield what each payload says; notes between payloads pass through.

    Raises the `APIError` that an in-band error means, after the rest of its payload was yielded.
    """
    calls: dict[int, CallSlots] = {}
    head = _Head()
    for payload in payloads:
        if payload is END:
            yield Ended()
            return
        if not isinstance(payload, dict):
            yield payload
            continue
        choice = _lone_text(payload)
        news = head.read(payload) if choice is None or not head.is_known(payload) else None
        if news is not None:
            yield news
        if choice is None:
            yield from _read_payload(payload, news, calls)
        else:  # the hot path: most payloads of most streams are one piece of text
            index = choice["index"]
            logprobs = choice.get("logprobs")
            if logprobs is not None:
                logprobs = _tokens(logprobs, "content")
            yield Text(index, index, choice["delta"]["content"], payload, logprobs)


def _lone_text(payload: Payload) -> Payload | None:
    """The one choice of a payload that holds a piece of text and nothing else; else None."""
    choices = payload.get("choices")
    if type(choices) is not list or len(choices) != 1 or payload.get("usage") or payload.get("error"):
        return None
    choice = choices[0]
    if type(choice) is not dict or type(choice.get("index")) is not int:
        return None
    if choice.get("finish_reason") or choice.get("native_finish_reason"):
        return None
    delta = choice.get("delta")
    if type(delta) is not dict or not delta.keys() <= _PLAIN_DELTA or "message" in choice:
        return None
    content = delta.get("content")
    return choice if content and type(content) is str else None


def _read_payload(payload: Payload, news: Identity | None, calls: dict[int, CallSlots]) -> Iterator[Fragment]:
    """Everything that a payload may hold, in the order of the opening words."""
    said = False  # something that makes an event: what is only attached to an item makes none
    failed = None
    choices = payload.get("choices")
    choices = [c for c in choices if type(c) is dict] if type(choices) is list else []
    for choice in choices:
        index = choice.get("index")
        index = index if type(index) is int else 0
        if index not in calls:
            calls[index] = CallSlots()
            yield ChoiceSeen(index)
        for fragment in _read_choice(choice, index, calls[index], payload):
            said = said or type(fragment) is not Attached
            yield fragment
        reason = choice.get("finish_reason") or choice.get("native_finish_reason")
        if type(reason) is str and reason:
            said = True
            if reason == "error":
                failed = payload if is_error(payload.get("error")) else choice
            yield Finished(index, FINISH.get(reason.lower(), "other"), reason, payload)
    usage = _find_usage(payload, choices)
    if usage:
        yield Counted(read_usage(usage), payload)
    if failed is None and not said:  # beside good choices `error` is a note
        failed = payload
    if failed is not None and is_error(failed.get("error")):
        raise api_error(failed)
    if not said and not usage:
        yield _of_nothing(payload, choices, news)


class _Head:
    """What the payloads have said of themselves; most say the same again and again."""

    def __init__(self) -> None:
        self.said: Any = None
        self.size = -1  # the number of keys of the last payload, if none of them was news
        self.extras: Payload = {}

    def is_known(self, payload: Payload) -> bool:
        """A quick look for the hot path: the head says the same, with as many keys around it."""
        return len(payload) == self.size and _identity(payload) == self.said

    def read(self, payload: Payload) -> Identity | None:
        """What is new in the head of *payload*; always something for the first one."""
        said = _identity(payload)
        self.size = len(payload) if payload.keys() <= _HEAD else -1
        if said == self.said and self.size > 0:
            return None
        extras = {
            key: value
            for key, value in payload.items()
            if (key not in _HEAD or key in ("system_fingerprint", "service_tier"))
            and value is not None
            and not (key in self.extras and self.extras[key] == value)
        }
        if said == self.said and not extras:
            return None
        self.said = said
        self.extras.update(extras)
        created = payload.get("created")
        return Identity(
            payload,
            id=_string(payload.get("id")),
            model=_string(payload.get("model")),
            created=created if type(created) in (int, float) else None,
            extras=extras or None,
        )


def _identity(payload: Payload) -> tuple[Any, ...]:
    get = payload.get
    return get("id"), get("model"), get("system_fingerprint"), get("service_tier")


def _string(value: Any) -> str | None:
    return value if type(value) is str and value else None


def _tokens(logprobs: Any, of: str) -> Any:
    """The token entries of `choice.logprobs`, or what stands there instead (older: parallel lists)."""
    if type(logprobs) is dict:
        return logprobs.get(of) if "content" in logprobs or "refusal" in logprobs else logprobs
    return logprobs


def _read_choice(choice: Payload, index: int, slots: CallSlots, payload: Payload) -> Iterator[Fragment]:
    """The choice's delta, and what may stand beside it or in its place."""
    delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
    if type(delta) is dict:
        yield from _read_delta(delta, choice, index, slots, payload)
    elif type(delta) is str and delta:
        yield Text(index, index, delta, payload)
    elif type(text) is str and text:  # the older completions API
        yield Text(index, index, text, payload)
    if type(message) is dict:
        yield from _read_message(message, choice, index, slots, payload)


def _read_delta(
    delta: Payload, choice: Payload, index: int, slots: CallSlots, payload: Payload
) -> Iterator[Fragment]:
    """A delta in any dialect, in the order of DESIGN's law 6."""
    texts, others = _content(delta.get("content"))
    yield from _read_reasoning(delta, texts["thinking"], index, payload)
    if texts["text"]:
        logprobs = _tokens(choice.get("logprobs"), "content")
        yield Text(index, index, texts["text"], payload, logprobs)
    refusal = delta.get("refusal") or texts["refusal"]
    if type(refusal) is str and refusal:
        yield RefusalText(index, index, refusal, payload)
    yield from _read_attachments(delta, others, index, payload)
    yield from _read_calls(delta, index, slots, payload)


def _content(content: Any) -> tuple[dict[str, str], list[Payload]]:
    """Text, thinking and refusal in `content` (a string, null, a part, a list of parts), and the rest."""
    texts = {"text": "", "thinking": "", "refusal": ""}
    others: list[Payload] = []
    for part in content if type(content) is list else (content,):
        if type(part) is str:
            texts["text"] += part
        elif type(part) is dict:
            kind = part.get("type")
            if kind in ("thinking", "reasoning"):  # Mistral: {type: thinking, thinking: [{text}]}
                texts["thinking"] += _plain(part.get("thinking") or part.get("text") or part.get("reasoning"))
            elif kind == "refusal":
                texts["refusal"] += _plain(part.get("refusal"))
            elif kind in ("text", "output_text", None) and "text" in part:
                texts["text"] += _plain(part.get("text"))
            elif part:
                others.append(part)
    return texts, others


def _plain(value: Any, depth: int = 8) -> str:
    """The text in a string, in {text | content | summary}, or in a list of such, to a sane *depth*."""
    if type(value) is str:
        return value
    if type(value) is list and depth:
        return "".join(_plain(part, depth - 1) for part in value)
    if type(value) is dict and depth:
        return _plain(value.get("text") or value.get("content") or value.get("summary"), depth - 1)
    return ""


def _read_reasoning(source: Payload, thinking: str, index: int, payload: Payload) -> Iterator[Fragment]:
    """One piece of reasoning, however many spellings of it the delta carries, and its details."""
    details = source.get("reasoning_details")
    details = [d for d in details if type(d) is dict] if type(details) is list else []
    text = (
        _plain(source.get("reasoning_content"))
        or _plain(source.get("reasoning"))
        or thinking
        or _plain(source.get("thinking"))
        or _plain([d for d in details if d.get("type") in ("reasoning.text", "reasoning.summary")])
    )
    key = ("reasoning", index)
    if text:
        summary = any(d.get("type") == "reasoning.summary" for d in details)
        yield Thought(key, index, text, payload, "summary" if summary else "text")
    if details:
        yield Attached(key, index, "details", details, payload, "reasoning")
    encrypted = source.get("reasoning_encrypted") or source.get("reasoning_opaque")
    if type(encrypted) is str and encrypted:  # OpenAI-style behind gateways, Copilot
        yield Attached(key, index, "encrypted", encrypted, payload, "reasoning")


def _read_attachments(
    source: Payload, parts: list[Payload], index: int, payload: Payload
) -> Iterator[Fragment]:
    """Annotations, images, audio, and content parts of kinds without a place of their own."""
    key = index
    annotations = source.get("annotations")
    if type(annotations) is list and annotations:
        yield Attached(key, index, "annotations", annotations, payload)
    images = source.get("images")
    for part in [*(images if type(images) is list else ()), *parts]:
        url = _image_url(part)
        if url:
            yield Attached(key, index, "image", OutputImage(url), payload)
        elif type(part) is dict:
            yield Attached(key, index, "part", UnknownPart(part), payload)
    audio = source.get("audio")
    if type(audio) is dict and audio:
        yield Attached(key, index, "audio", audio, payload)


def _image_url(part: Any) -> str | None:
    """OpenRouter: {type: image_url, image_url: {url}}."""
    image = part.get("image_url") if type(part) is dict else part
    return _string(image.get("url") if type(image) is dict else image)


def _listed_calls(source: Payload) -> list[Payload]:
    """The call entries of a delta or message, by index; the legacy `function_call` is one of them."""
    entries = source.get("tool_calls")
    listed = [e for e in entries if type(e) is dict] if type(entries) is list else []
    if len(listed) > 1 and all(type(e.get("index")) is int for e in listed):
        listed.sort(key=lambda entry: entry["index"])
    legacy = source.get("function_call")
    if type(legacy) is dict:
        listed.append({"index": "function_call", "function": legacy})
    return listed


def _call_facts(entry: Payload) -> tuple[Any, str | None, str | None, Any, bool]:
    """(index, id, name, arguments, is custom) of one entry; None for what is missing."""
    custom = type(entry.get("custom")) is dict
    body = entry["custom"] if custom else entry.get("function")
    body = body if type(body) is dict else entry  # a few gateways leave the nesting out
    arguments = body.get("input") if custom else body.get("arguments")
    index = entry.get("index")
    if type(index) is str and index.lstrip("-").isdigit():
        index = int(index)
    return (
        index if type(index) in (int, str) else None,
        _string(entry.get("id")),
        _string(body.get("name")),
        arguments,
        custom,
    )


def _read_calls(source: Payload, index: int, slots: CallSlots, payload: Payload) -> Iterator[Fragment]:
    for entry in _listed_calls(source):
        place, call_id, name, arguments, custom = _call_facts(entry)
        text = argument_text(arguments)
        slot = slots.take(place, call_id, name, text)
        key = ("call", index, slot.number)
        text = text if custom else slot.add(text)
        kind = "custom_tool_call" if custom else "function_call"
        yield CallPart(key, index, payload, text, slot.call_id, slot.name, kind)  # type: ignore[arg-type]
        extra = {k: v for k, v in entry.items() if k not in _CALL and v is not None}
        if extra and type(entry.get("function")) is dict:  # Gemini: extra_content with its signature
            yield Attached(key, index, "extra", extra, payload, kind)


_CALL = frozenset(("index", "id", "type", "function", "custom"))


def _read_message(
    message: Payload, choice: Payload, index: int, slots: CallSlots, payload: Payload
) -> Iterator[Fragment]:
    """A message restates the whole, be it beside deltas (Perplexity) or in a plain answer."""
    texts, others = _content(message.get("content"))
    key = index
    for fragment in _read_reasoning(message, texts["thinking"], index, payload):
        if isinstance(fragment, Thought):
            what = "reasoning" if fragment.kind == "text" else "summary"
            yield Restated(fragment.key, index, what, fragment.text, payload)  # type: ignore[arg-type]
        else:
            yield fragment
    if texts["text"]:
        logprobs = _tokens(choice.get("logprobs"), "content")
        yield Restated(key, index, "text", texts["text"], payload, logprobs=logprobs)
    refusal = message.get("refusal") or texts["refusal"]
    if type(refusal) is str and refusal:
        yield Restated(key, index, "refusal", refusal, payload)
    yield from _read_attachments(message, others, index, payload)
    for position, entry in enumerate(_listed_calls(message)):
        _, call_id, name, arguments, custom = _call_facts(entry)
        slot = slots.whole(position, call_id, name)
        kind = "custom_tool_call" if custom else "function_call"
        yield Restated(
            ("call", index, slot.number),
            index,
            "arguments",
            argument_text(arguments),
            payload,
            call_id=slot.call_id,
            name=slot.name,
            kind=kind,  # type: ignore[arg-type]
        )
        extra = {k: v for k, v in entry.items() if k not in _CALL and v is not None}
        if extra:
            yield Attached(("call", index, slot.number), index, "extra", extra, payload, kind)


def _find_usage(payload: Payload, choices: list[Payload]) -> Payload | None:
    """The usage object: at the top, in `x_groq`, or in a choice (Moonshot)."""
    groq = payload.get("x_groq")
    for place in (payload, *((groq,) if type(groq) is dict else ()), *choices):
        usage = place.get("usage")
        if type(usage) is dict and usage:
            return usage
    return None


def _of_nothing(payload: Payload, choices: list[Payload], news: Identity | None) -> Silent:
    """Raise what an envelope without choices means, or tell a silent payload from one with news."""
    if "choices" not in payload and "id" not in payload:
        says_no = payload.get("success") is False or "detail" in payload
        if says_no or (_string(payload.get("message")) and ("code" in payload or "status" in payload)):
            raise api_error(payload)
    odd = payload.get("usage") not in _EMPTY or (not choices and payload.get("choices") not in _EMPTY)
    inside = odd or any(_has_news(choice) for choice in choices)
    return Silent(payload, news=inside or "obfuscation" in payload or bool(news and news.extras))


def _has_news(choice: Payload) -> bool:
    """Whether a choice without content holds anything that is neither empty nor bookkeeping."""
    delta = choice.get("delta")
    if type(delta) is dict:
        delta = [v for k, v in delta.items() if k != "role" and v not in _EMPTY]
    if delta not in _EMPTY:
        return True
    return any(v not in _EMPTY for k, v in choice.items() if k not in ("index", "delta"))


_EMPTY: tuple[Any, ...] = (None, "", [], {})


def payloads_from_body(body: Payload) -> list[Payload]:
    """A plain Chat Completions answer as the payload that gives the same fragments.

    Raises the `APIError` that an error body means, and `NotAnEventStreamError` for any other object.
    """
    if type(body.get("choices")) is list:
        return [body]  # what an error beside them means, `normalize` knows
    if is_error(body.get("error")) or "detail" in body or ("message" in body and "code" in body):
        raise api_error(body)
    raise NotAnEventStreamError(
        f"a JSON object, but neither a completion nor an error: keys {sorted(body)[:8]}", body=str(body)[:500]
    )
