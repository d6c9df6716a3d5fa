"""A request whose thoughts a server refuses -> the same request without what only the server understands.

    takes    the error of an attempt, the request that it is about, the profile
    returns  the request, prepared again without the signatures and the encrypted content of its thoughts;
             None if the error is about something else, or the rest can't be sent

Servers sign or encrypt the thoughts that go back to them, and then refuse their own: for another account,
project or region behind the same name, another model, a conversation that was changed before the thought, or
an old one. The answer to the same request is the same refusal, so a conversation with one such thought could
never go on. Without all of them it can: one that is missing between others is refused, too.

Rule: text, calls and outputs stay. The builders decide what a thought without its state is worth, as they do
for the thoughts of another server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ..errors import BadRequestError, StreamkitError, UsageError
from ..items import FunctionCall, Item, Message, Part, Reasoning, UnknownItem
from ..profiles.profile import Profile
from .call_pairs import Entry
from .prepare import PreparedRequest, prepare

# Anthropic (also behind Bedrock and Vertex), Gemini, OpenAI:
# "Invalid `signature` in `thinking` block. The block is bound to a different conversation."
# "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified."
# "Corrupted thought signature.", "Unable to submit request because Thought signature is not valid."
# "The encrypted content gAAA...DQ== could not be verified." (invalid_encrypted_content)
_REFUSALS = re.compile(
    r"(invalid|corrupted)\W+(thought\W*)?signature|signature\W+(is|was)\s+(not valid|invalid|corrupted)"
    r"|thinking\W.{0,40}\bblocks\b.{0,80}cannot be modified"
    r"|invalid_encrypted_content|encrypted content\b.{0,4000}could not be (verified|decrypted)",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURES = frozenset(("thoughtSignature", "thought_signature", "signature"))


def without_refused_state(
    error: StreamkitError, refused: PreparedRequest, profile: Profile
) -> PreparedRequest | None:
    """Return *refused* without the state of its thoughts if *error* is about that; its report lists it."""
    if not isinstance(error, BadRequestError) or not _REFUSALS.search(f"{error.message} {error.code or ''}"):
        return None
    items = [_without_state(item) for item in refused.request.input]
    changed = [n for n, item in enumerate(refused.request.input) if item is not items[n]]
    if not changed:
        return None
    try:
        again = prepare(evolve(refused.request, input=items), refused.wire, profile)
    except UsageError:  # it was nothing but thoughts
        return None
    names = [f"{Entry(n, items[n])}: its signature or encrypted content" for n in changed]
    again.report.dropped[:0] = [f"{name}, which {profile.name} refuses" for name in names]
    return again


def _without_state(item: Item) -> Item:
    """Return *item* without its signatures; the same object if it has none."""
    if isinstance(item, Reasoning) and (item.encrypted_content or item.details):
        return evolve(item, id=None, encrypted_content=None, details=())
    if isinstance(item, FunctionCall) and item.signature:
        return evolve(item, signature=None)
    if isinstance(item, Message) and item.role == "assistant":
        parts = tuple(map(_without_in_part, item.content))
        return item if parts == item.content else evolve(item, content=parts)
    if isinstance(item, UnknownItem) and not _SIGNATURES.isdisjoint(item.payload):
        return evolve(item, payload=_unsigned(item.payload))
    return item


def _without_in_part(part: Part) -> Any:
    extra: Mapping[str, Any] = getattr(part, "extra", {})
    return evolve(part, extra=_unsigned(extra)) if not _SIGNATURES.isdisjoint(extra) else part  # type: ignore[arg-type]


def _unsigned(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _SIGNATURES}
