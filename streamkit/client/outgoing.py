"""One request on its way to an endpoint: makes the call of each attempt, and adapts to a refusal.

    takes    an `Endpoint` and a `PreparedRequest`, with the headers and the query of the call
    returns  a `Call` for each attempt: the body stays, the key is read again

Rule: a header or a parameter of the call wins over the client's. A missing key raises `UsageError` before
anything is sent.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve

from .._lazy import lazy
from ..errors import BadRequestError, NotFoundError, StreamkitError, UsageError
from ..http.messages import Call
from ..http.secrets import (
    Secret,
    hidden,
    redact_url,
    settings_secrets,
)
from ..request.params import TOKEN_LIMITS
from ..wires import find_wire
from ..wires.prepare import PreparedRequest
from .endpoint import Endpoint
from .pace import BYTES_PER_TOKEN, Need

if TYPE_CHECKING:
    from .resume import Position

new_position = lazy("client.resume:new_position")
without_refused_state = lazy("wires.refused_state:without_refused_state")


class Outgoing:
    """One request on its way to an endpoint: makes the call of each attempt, and adapts to a refusal."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: PreparedRequest,
        *,
        headers: Mapping[str, str | None],
        query: Mapping[str, str],
        idempotency_key: str | None = None,
    ) -> None:
        self._endpoint = endpoint
        self.request = request
        self.url, path_query = endpoint.address(request)
        self._query = {**path_query, **endpoint.profile.query, **endpoint.query, **query}
        self._extra_headers = hidden(headers)
        self._idempotency_key = idempotency_key or _new_id()
        self._encoded = _encode(request.body)
        self._in_body = tuple(settings_secrets(request.body))
        self.new_position: Callable[[], Position] | None = None

    def use_resume(self) -> None:
        """Let the answer be continued if its connection breaks. Raises `UsageError` if it can't be."""
        profile, wire = self._endpoint.profile, self.request.wire
        template = profile.resume_paths.get(wire) or find_wire(wire).resume_path
        conversation = _new_id()
        is_kept = self.request.body.get("background") is True
        self.new_position = partial(new_position, template, conversation, is_kept=is_kept)
        self.new_position()  # raises here if the server can't continue an answer
        if profile.conversation_header:
            self._extra_headers = {**self._extra_headers, profile.conversation_header: conversation}

    def continue_at(self, path: str) -> Call:
        """Return the call that continues a broken answer at *path*, which has its query."""
        call = self._endpoint.call("GET", path, headers=self._extra_headers)
        return evolve(call, query={**self._query, **call.query})

    @property
    def need(self) -> Need:
        """The tokens that the request will use, as far as they can be estimated."""
        asked = self.request.request
        output = next((n for name in TOKEN_LIMITS if (n := asked.params.get(name)) is not None), None)
        return Need(asked.model, len(self._encoded) // BYTES_PER_TOKEN, output)

    def check(self) -> None:
        """Raise `UsageError` if a key is missing. A function for the key isn't called before the attempt."""
        if not callable(self._endpoint.api_key):
            self._headers()

    def call(self) -> Call:
        """Return the call of an attempt, with the current key. Raises `UsageError` without a key."""
        plain, credentials = self._headers()
        hidden = self._endpoint.session_secrets(is_signed=bool(credentials))
        return Call(self.url, self._encoded, plain, credentials, self._query, (*self._in_body, *hidden))

    def _headers(self) -> tuple[dict[str, str], dict[str, Secret]]:
        # The same idempotency key for every attempt: a server that knows the header bills once.
        profile = self._endpoint.profile
        is_picture = bool(profile.picture_headers) and has_picture(self.request.body)
        pictures = profile.picture_headers if is_picture else {}
        return self._endpoint.headers_for(
            {**pictures, **self._extra_headers},
            idempotency_key=self._idempotency_key,
            features=find_wire(self.request.wire).headers(self.request.body) if profile.sends_betas else None,
        )

    def locate(self, error: StreamkitError) -> None:
        """Set the error's `where`: the request, the profile and the model. A 404 gets a hint."""
        model, url = self.request.request.model, redact_url(self.url)
        error.where = f"POST {url} (profile {self._endpoint.profile.name}, model {model})"
        has_version = any(re.fullmatch(r"v\d+\w*", segment) for segment in urlsplit(self.url).path.split("/"))
        is_own = self._endpoint.base_url != self._endpoint.profile.base_url
        if isinstance(error, NotFoundError) and is_own and not has_version:
            error.hint = f"does base_url need a version, such as {url.removesuffix(self.request.path)}/v1?"

    def adapt(self, error: StreamkitError) -> PreparedRequest | None:
        """Return the request as the server of *error* accepts it; None if it is unchanged."""
        profile = self._endpoint.profile
        names = find_wire(self.request.wire).retry_with(error, self.request)
        if names:
            self.request = self.request.renamed(names, f"{profile.name} refuses it")
        elif adapted := self._without_refused_state(error):
            self.request = adapted
        else:
            return None
        self._encoded = _encode(self.request.body)
        self._idempotency_key = _new_id()  # another body is another request
        return self.request

    def _without_refused_state(self, error: StreamkitError) -> PreparedRequest | None:
        if not isinstance(error, BadRequestError):
            return None  # before the module is loaded, which could fail in place of the error
        profile = self._endpoint.profile
        try:
            adapted: PreparedRequest | None = without_refused_state(error, self.request, profile)
        except StreamkitError:
            return None
        return adapted


def has_picture(value: Any) -> bool:
    """Return True if there is a picture in the messages or items of a body, whichever API it is for."""
    if isinstance(value, Mapping):
        is_part = value.get("type") in ("image_url", "input_image", "image")
        return is_part or any(map(has_picture, value.values()))
    return isinstance(value, list | tuple) and any(map(has_picture, value))


def _new_id() -> str:
    """Return an id that no other request has. It is as random as a UUID, whose module takes 1.5 ms."""
    return f"streamkit-{os.urandom(16).hex()}"


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(
            f"{_culprit(body) or 'request'}: expected values that JSON can express: {exc}"
        ) from exc


def _culprit(body: Mapping[str, Any]) -> str | None:
    """Return the key of the body whose value isn't JSON."""
    for name, value in body.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return str(name)
    return None
