"""The batches of the Responses API: OpenAI's Batch API with another path in its rows."""

from __future__ import annotations

from ..batch import BatchAPI
from ..chat.batch import api


def batch() -> BatchAPI:
    """Return the batches of the Responses API."""
    return api("/v1/responses")
