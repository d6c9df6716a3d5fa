"""Every exception that streamkit raises. The first level says who must act.

    StreamkitError                    .partial  .request_id
    ├─ UsageError                     you: bad request, unknown tool, closed stream   (also ValueError)
    ├─ StreamCancelledError           nobody: your program called cancel()
    ├─ APIConnectionError             the network; .retryable
    │   └─ APITimeoutError            .phase: which clock fired; .seconds: after how long
    ├─ APIError                       the server said no: .status .code .type .message .body
    │   │                             .headers .retry_after .retryable
    │   ├─ BadRequestError            400, 413, 422 and every other 4xx without a class of its own
    │   ├─ AuthenticationError        401
    │   ├─ PermissionDeniedError      403, and 402 (no credit)
    │   ├─ NotFoundError              404
    │   ├─ RateLimitError             429
    │   ├─ OverloadedError            503, 529
    │   └─ ServerError                every other 5xx
    ├─ StreamError                    the server broke the protocol
    │   ├─ TruncatedStreamError       the stream ended without an ending
    │   ├─ NotAnEventStreamError      .body: the beginning of what came instead
    │   ├─ BadFrameError              .data: a frame that is not JSON, or too large
    │   └─ IncompleteResponseError    the answer was cut (strict=True, raise_for_incomplete)
    ├─ AnswerError                    the model: its answer is not what was asked for; .refusal
    ├─ LimitError                     an agent run reached its limit: .limit, .allowed, .result
    └─ ToolError                      your function raised: .call, __cause__

Rule: the message is the only positional argument and every fact is a keyword with a default, so that
errors pickle and can be raised from anywhere. Names that users of the openai package already catch
keep their names. Foreign exceptions appear only as `__cause__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .completion import Completion
    from .items import FunctionCall


class StreamkitError(Exception):
    """The root. `partial` is the Completion of all that had arrived, where a stream was under way."""

    def __init__(
        self,
        message: str = "",
        *,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.partial = partial
        self.request_id = request_id

    def __str__(self) -> str:
        return self.message


class UsageError(StreamkitError, ValueError):
    """The caller asked for something that cannot be done; nothing was sent."""


class StreamCancelledError(StreamkitError):
    """`cancel()` was called, from another thread or a signal handler; the connection is closed."""


class APIConnectionError(StreamkitError):
    """The network failed: refused, reset, TLS, proxy, a body cut off by the transport.

    `retryable` says whether trying again may help; a certificate that does not fit will not change.
    """

    def __init__(
        self,
        message: str = "",
        *,
        retryable: bool = True,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.retryable = retryable


class APITimeoutError(APIConnectionError):
    """A clock fired after `seconds`. `phase` names it: connect, first_event, idle, bytes, deadline.

    Only `connect` is retryable: later, the server may be working on the request, and bill for it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        phase: str | None = None,
        seconds: float | None = None,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, retryable=phase == "connect", partial=partial, request_id=request_id)
        self.phase = phase
        self.seconds = seconds


class APIError(StreamkitError):
    """The server said no, by status or inside a 200 stream.

    `body` is the whole decoded body or payload; `code` is a string or, from OpenRouter, an integer;
    `retry_after` is in seconds; `retryable` says whether the same request may succeed later.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: str | int | None = None,
        type: str | None = None,  # noqa: A002 - the API's own word
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.status = status
        self.code = code
        self.type = type
        self.body = body
        self.headers = dict(headers or {})
        self.retry_after = retry_after
        self.retryable = retryable


class BadRequestError(APIError):
    """The request itself is wrong; sending it again changes nothing."""


class AuthenticationError(APIError):
    """The key is missing, wrong or expired (401)."""


class PermissionDeniedError(APIError):
    """The key is good but may not do this (403), or the account has no credit (402)."""


class NotFoundError(APIError):
    """No such model, deployment or path (404)."""


class RateLimitError(APIError):
    """Too many requests or tokens (429); `retry_after` where the server said."""


class OverloadedError(APIError):
    """The model has no capacity now (503, 529)."""


class ServerError(APIError):
    """The server failed (5xx)."""


class StreamError(StreamkitError):
    """The server broke the protocol."""


class TruncatedStreamError(StreamError):
    """The stream ended without a finish reason, `[DONE]` or terminal event."""


class NotAnEventStreamError(StreamError):
    """A success status, but no event stream and no completion; `body` is its beginning."""

    def __init__(
        self,
        message: str = "",
        *,
        body: str = "",
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.body = body


class BadFrameError(StreamError):
    """A frame is not JSON (strict), nothing but such frames came, or a size limit was passed."""

    def __init__(
        self,
        message: str = "",
        *,
        data: str = "",
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.data = data


class IncompleteResponseError(StreamError):
    """The answer is cut (`length`, `content_filter`); `partial` is all of it."""


class AnswerError(StreamkitError):
    """The answer is whole, but not of the shape asked for: no JSON, other JSON, or a refusal.

    `refusal` is what the model said in place of an answer, or an empty string; `partial` is all of it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        refusal: str = "",
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.refusal = refusal


class LimitError(StreamkitError):
    """An agent run reached the limit called `limit` (max_turns, max_calls, max_tokens), of `allowed`.

    `result` is the `agent.AgentResult` so far: its conversation can be continued.
    """

    def __init__(
        self,
        message: str = "",
        *,
        limit: str = "",
        allowed: int | None = None,
        result: Any = None,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.limit = limit
        self.allowed = allowed
        self.result = result


class ToolError(StreamkitError):
    """A tool's function raised; the exception is `__cause__`, the call is `call`."""

    def __init__(
        self,
        message: str = "",
        *,
        call: FunctionCall | None = None,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.call = call
