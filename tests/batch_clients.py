"""Clients of every batch API on a `FakeBatches`, for the tests of batches."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import Client, RetryPolicy
from streamkit.testing import FakeTransport

# By id: the profile, its API, and the root of the address.
APIS = {
    "chat": ("openai", "chat", "http://h/v1"),
    "responses": ("openai", "responses", "http://h/v1"),
    "messages": ("anthropic", "messages", "http://h"),
    "gemini": ("gemini", "gemini", "http://h"),
    "mistral": ("mistral", "chat", "http://h/v1"),
}
every_api = pytest.mark.parametrize("api", APIS)


def client_of(api: str, provider: Any, **options: Any) -> Client:
    """Return a client whose transport is *provider*, a `FakeBatches` or another function of a call."""
    profile, wire, url = APIS[api]
    given = {"model": "m", "base_url": url, "retry": RetryPolicy(max_retries=2, max_wait=0), **options}
    return Client(profile, wire=wire, api_key="k", transport=FakeTransport(provider), **given)


def finished(batch: Any) -> Any:
    """Return *batch* after its end; nothing sleeps."""
    return batch.wait(sleep=lambda seconds: None)
