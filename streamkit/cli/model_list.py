"""Ask a gateway for the models that it lists. Every API has its own form of list; all are read here."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..client.endpoint import Endpoint
from ..client.requests import send_request
from ..error_bodies import api_error
from ..errors import APIConnectionError, NotFoundError, UsageError
from ..http.clocks import Watch
from ..http.scrubbing import scrub
from ..http.secrets import redact_url
from ..http.transport import RequestsTransport
from ..json_text import NotJSONError, loads
from ..profiles.profile import Profile
from ..request.options import RetryPolicy, Timeouts
from ..wires import WIRES, find_wire
from .diagnosis import explain

_VERSION = re.compile(r"v\d+\w*")
_PAGES = 50  # of one list, at most
_TIMEOUTS = Timeouts(first_event=60)  # a local server may be starting a model
_NO_RETRY = RetryPolicy(max_retries=0)


def fetch_models(profile: Profile, base_url: str | None = None) -> list[Mapping[str, Any]]:
    """Return the server's entries, each with its name under `id`, in the server's order.

    Raises `UsageError` if a key is missing or the answer isn't a list of models, `APIError` if the server
    refuses, and `APIConnectionError` if there is no answer.
    """
    url = models_url(Endpoint(profile, base_url).base_url, profile.wire)
    path, mark, fixed = url.partition("?")
    endpoint = Endpoint(profile, f"{path.removesuffix('/models')}{mark}{fixed}")
    query: dict[str, str] = {}
    models: list[Mapping[str, Any]] = []
    for _ in range(_PAGES):
        document = _get(endpoint, query)
        models += models_in(document, url)
        following = _next_page(document, models)
        if not following or following.items() <= query.items():
            break
        query |= following
    return models


def models_url(base_url: str, wire: str) -> str:
    """Return the address of the list next to the API at *base_url*, which may be the API's whole address."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/")
    for name in WIRES:
        ending = re.sub(r"^/v\d+\w*(?=/)", "", find_wire(name).path.partition("{")[0].rstrip("/"))
        path = f"{path}/".partition(f"{ending}/")[0].rstrip("/")
    version = find_wire(wire).path.split("/")[1]
    if _VERSION.fullmatch(version) and not any(map(_VERSION.fullmatch, path.split("/"))):
        path += f"/{version}"
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/models", parts.query, ""))


def _get(endpoint: Endpoint, query: Mapping[str, str]) -> Any:
    """Return the document of one page."""
    call = endpoint.call("GET", f"/models?{urlencode(query)}")
    where = f"GET {redact_url(call.url)}"
    watch = Watch(_TIMEOUTS, now=time.monotonic, sleep=time.sleep)
    transport = RequestsTransport()
    try:
        reply = send_request(transport, lambda: call, watch, _NO_RETRY, random=random.random)
        try:
            text = scrub(b"".join(reply.chunks).decode(errors="replace"), call.secrets)
        finally:
            reply.close()
    except APIConnectionError as exc:
        raise APIConnectionError(f"can't list the models: {explain(exc, call.url)}") from exc
    except NotFoundError as exc:
        exc.hint = "this gateway may have no list; or does --base-url need a version, such as /v1?"
        raise
    finally:
        transport.close()
    try:
        document = loads(text)
    except NotJSONError:
        kind = "an HTML page" if "<html" in text[:1000].lower() else f"{text[:40]!r}"
        raise UsageError(
            f"{where}: expected a list of models, got {kind}; does the URL need /v1 at its end?"
        ) from None
    if isinstance(document, Mapping) and document.get("error"):
        error = api_error(document)
        error.where = where
        raise error
    return document


def models_in(document: Any, url: str = "") -> list[Mapping[str, Any]]:
    """Return the entries of a list: `data` or `models` of an object, or an array; of objects or names."""
    entries = document
    if isinstance(document, Mapping):
        entries = next((document[key] for key in ("data", "models", "result") if key in document), None)
    if not isinstance(entries, list):
        raise UsageError(f"GET {redact_url(url)}: expected a list of models, got another kind of document")
    found: list[Mapping[str, Any]] = []
    for entry in entries:
        fields = {"id": entry} if isinstance(entry, str) else entry
        if isinstance(fields, Mapping):
            names = (fields.get(key) for key in ("id", "name", "model", "key"))
            name = next((name for name in names if isinstance(name, str) and name), None)
            if name is not None:
                found.append({**fields, "id": name.removeprefix("models/")})
    return found


def _next_page(document: Any, models: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return the query of the next page: Gemini has a token, Anthropic the last id."""
    if not isinstance(document, Mapping):
        return {}
    token = document.get("nextPageToken")
    if isinstance(token, str) and token:
        return {"pageToken": token}
    if document.get("has_more") is True and models:
        last = document.get("last_id")
        return {"after_id": last if isinstance(last, str) else str(models[-1]["id"])}
    return {}
