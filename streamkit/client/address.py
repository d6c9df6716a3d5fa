"""A base URL as a person wrote it, and an API's path -> the URL to post to, without its query, and the query.

Rules:

1. A base URL that already is the whole address is used as it is: its path ends with the API's path.
2. A profile's own path counts if the base URL's path is a beginning of it. So Azure's resource, its
   `/openai`, its deployment and its whole address all lead to the same place. `{name}` fits any segment. A
   proxy's prefix may come before two or more segments of it. A beginning of the path of another API with its
   `{model}` leads to the root of both: a deployment has no Responses API.
3. Any other base URL is the root of an ordinary API, and the path is appended to it. If the base URL contains
   a version, such as `/v1`, the path's own version is left out. A path with its version further in, such as
   `/upload/v1beta/files`, is one from the root: it replaces the base URL's version, and the rest behind that.
4. A query in the base URL is kept; it wins over the query of a profile's path.
5. An address without a path leads to the path of a local server's own one: Ollama's users write it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from ..errors import UsageError
from ..http.secrets import redact_url

_MODEL = "{model}"
_VERSION = re.compile(r"v\d+\w*")


def check_base_url(url: str, name: str) -> str:
    """Return *url* without white space around it. Raises `UsageError`, which names it *name*."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        # A session of the caller's own may know more schemes, such as http+unix.
        is_whole = bool(parts.scheme.startswith("http") and parts.hostname) and parts.port != 0
    except ValueError:  # a bad port, an open bracket, a host that NFKC changes
        is_whole = False
    if "://" not in url:
        raise UsageError(
            f"{name}: expected a URL such as http://127.0.0.1:8080/v1, got {redact_url(url)!r:.60}; "
            "add http:// or https://"
        )
    if not is_whole or not url.isprintable() or " " in url:
        raise UsageError(
            f"{name}: expected http:// or https://, a host and perhaps a port, got {redact_url(url)!r:.60}; "
            "use a URL such as http://127.0.0.1:8080/v1"
        )
    if "#" in url:
        raise UsageError(
            f"{name}: expected a URL without a fragment, got one; remove # and the text after it"
        )
    return url


def with_local_path(url: str, own_url: str | None) -> str:
    """Return *url* with the path of *own_url*, if that is a server on this machine, and *url* has no path."""
    parts, own = urlsplit(url), urlsplit(own_url or "")
    if own.hostname != "127.0.0.1" or parts.path.strip("/"):
        return url
    return urlunsplit(parts._replace(path=own.path))


def join(
    base_url: str, path: str, own_path: str | None, model: str, others: Iterable[str] = ()
) -> tuple[str, dict[str, str]]:
    """Return the URL and the query. *path* is the API's, *own_path* the profile's, either with `{model}`.

    *others* are the profile's paths for its other APIs. Raises `UsageError` if the base URL lacks another
    part of the profile's path, such as `{project}`.
    """
    parts = urlsplit(base_url)
    base = parts.path.rstrip("/")
    query: dict[str, str] = {}
    own, _, own_query = (own_path or "").partition("?")
    at = _begins(base, own) if own else None
    if own and at is None and (at := _root(base, others)) is not None:
        base, parts = base[:at], parts._replace(query="")  # which is that of the other API
    if at is not None:
        query = dict(parse_qsl(own_query))
        path = _rest(base[at:], own) or ""
    else:
        path, _, more = path.partition("?")
        query = dict(parse_qsl(more))
        if _ends_with(base, path):
            path = ""
        elif any(map(_VERSION.fullmatch, base.split("/"))):
            first, _, rest = path[1:].partition("/")
            if _VERSION.fullmatch(first):
                path = f"/{rest}"
            elif any(map(_VERSION.fullmatch, rest.split("/"))):
                base = _before_version(base)
    query |= dict(parse_qsl(parts.query, keep_blank_values=True))
    model = model.removeprefix("models/")  # Gemini's full name of a model; its path has it already
    path = path.replace(_MODEL, quote(model, safe="", errors="replace"))
    missing = re.search(r"\{\w+\}", path)
    if missing is not None:
        known = own_path.partition("/publishers/")[0] if own_path else path
        raise UsageError(f"base_url: expected an address that ends in {known}, got one without {missing[0]}")
    return urlunsplit((parts.scheme, parts.netloc, base + path, "", "")), query


def root_of(base_url: str, paths: Iterable[str]) -> str:
    """Return *base_url* without one of *paths* at its end: the root for other paths of the same API."""
    parts = urlsplit(base_url)
    base = parts.path.rstrip("/")
    for path in paths:
        path = path.partition("?")[0]
        first, _, rest = path[1:].partition("/")
        own = f"/{rest}" if _VERSION.fullmatch(first) else path
        if _ends_with(base, own):
            base = base.rsplit("/", own.count("/"))[0]
            return urlunsplit(parts._replace(path=base))
    return base_url


def _before_version(base: str) -> str:
    """Return the part of *base* in front of its first version."""
    segments = base.split("/")
    return "/".join(segments[: next(n for n, each in enumerate(segments) if _VERSION.fullmatch(each))])


def _ends_with(base: str, path: str) -> bool:
    count = path.count("/")
    last = "".join(f"/{segment}" for segment in base.split("/")[-count:])
    return base.count("/") >= count and _rest(last, path) == ""


def _root(base: str, paths: Iterable[str]) -> int | None:
    """Return the index in *base* at which one of *paths* begins, if *base* has the model in it."""
    for path in paths:
        before, has_model, _ = path.partition(_MODEL)
        at = _begins(base, path.partition("?")[0]) if has_model else None
        if at is not None and base.count("/", at) >= before.count("/"):
            return at
    return None


def _begins(base: str, path: str) -> int | None:
    """Return the index in *base* at which a beginning of *path* begins; None if there is none."""
    at = 0
    while at != -1:
        is_enough = at == 0 or base.count("/", at) > 1
        if is_enough and _rest(base[at:], path) is not None:
            return at
        at = base.find("/", at + 1)
    return None


def _rest(base: str, path: str) -> str | None:
    """Return the part of *path* after *base*, or None if *base* isn't a beginning of it."""
    given, wanted = base.split("/")[1:], path.split("/")[1:]
    fits = (g == w or _fits(g, w) for g, w in zip(given, wanted, strict=False))
    if len(given) > len(wanted) or not all(fits):
        return None
    return "".join(f"/{segment}" for segment in wanted[len(given) :])


def _fits(given: str, wanted: str) -> bool:
    """Return True if *given* is a value of the segment *wanted*, such as `{model}:rawPredict`."""
    head, braced, tail = wanted.partition("}")
    return bool(braced) and head.startswith("{") and given.endswith(tail)
