"""Every exception that streamkit raises. The first level shows who must act.

    StreamkitError                    .partial .request_id .retryable
    ├─ UsageError                     you: bad request, unknown tool, closed stream   (also ValueError)
    ├─ StreamCancelledError           no action: your program called cancel()
    ├─ APIConnectionError             the network
    │   └─ APITimeoutError            .phase: the clock that fired; .seconds: its setting; .waited
    ├─ APIError                       the server refused: .status .code .type .message .body
    │   │                             .headers .retry_after
    │   ├─ BadRequestError            400, 413, 422 and every other 4xx without a class of its own
    │   ├─ AuthenticationError        401
    │   ├─ PermissionDeniedError      403, and 402 (no credit)
    │   ├─ NotFoundError              404
    │   ├─ RateLimitError             429
    │   ├─ OverloadedError            498, 503, 529
    │   └─ ServerError                every other 5xx
    ├─ StreamError                    the server broke the protocol
    │   ├─ TruncatedStreamError       the stream stopped before its end
    │   ├─ NotAnEventStreamError      .body: the beginning of the body that arrived instead
    │   ├─ BadFrameError              .data: a frame that isn't JSON, or is too large
    │   └─ IncompleteResponseError    the answer was truncated (strict=True, raise_for_incomplete)
    ├─ AnswerError                    the model: its answer isn't of the requested type; .refusal .reasons
    ├─ LimitError                     a limit of yours is reached: .limit, .allowed, .result
    └─ ToolError                      your function raised: .call, __cause__

Rule: the message is the only positional argument, and every fact is a keyword with a default. So errors can
be pickled, and raised from anywhere. Errors that the openai package has too keep its names.
Foreign exceptions appear only as `__cause__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .completion import Completion
    from .items import FunctionCall


class StreamkitError(Exception):
    """The root of all errors.

    `partial` is a Completion of everything received so far, or None if no stream had started. `retryable`
    is True if the same request may succeed later.
    """

    retryable: bool = False

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
        self.where = self.hint = ""  # the request and its model, and advice: set by the client

    def __str__(self) -> str:
        return self.message


class UsageError(StreamkitError, ValueError):
    """The caller asked for something impossible; no request was sent."""


class StreamCancelledError(StreamkitError):
    """`cancel()` was called, from another thread or a signal handler; the connection is closed."""


class APIConnectionError(StreamkitError):
    """The network failed: connection refused or reset, TLS, proxy, a truncated body.

    `retryable` is False if a retry can't help, as for a certificate that fails verification.
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
    """A clock fired. `phase` names it: connect, first_event, idle, bytes, deadline.

    `seconds` is its setting. `waited` is the time that really passed, in seconds; None in older recordings.

    Only `connect` is retryable: after that, the server may be working on the request and bill for it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        phase: str | None = None,
        seconds: float | None = None,
        waited: float | None = None,
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, retryable=phase == "connect", partial=partial, request_id=request_id)
        self.phase = phase
        self.seconds = seconds
        self.waited = waited


class APIError(StreamkitError):
    """The server reported an error, by status or inside a stream with status 200.

    `body` is the whole decoded body or payload. `code` is a string, or an integer from OpenRouter.
    `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: str | int | None = None,
        type: str | None = None,  # noqa: A002 - the name of the field in the API
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

    def __str__(self) -> str:
        """Return "401 from POST URL (profile P, model M): message [request id R]", as far as it is known."""
        if not self.where:
            return self.message
        hint = f"; {self.hint}" if self.hint else ""
        asked = f" [request id {self.request_id}]" if self.request_id else ""
        return f"{self.status or 'error'} from {self.where}: {self.message}{hint}{asked}"


class BadRequestError(APIError):
    """The request itself is wrong; a retry fails again."""


class AuthenticationError(APIError):
    """The key is missing, wrong or expired (401)."""


class PermissionDeniedError(APIError):
    """The key is good but may not do this (403), or the account has no credit (402)."""


class NotFoundError(APIError):
    """The model, deployment or path doesn't exist (404)."""


class RateLimitError(APIError):
    """Too many requests or tokens (429); `retry_after` is set if the server sent it."""


class OverloadedError(APIError):
    """The model has no capacity now (498, 503, 529)."""


class ServerError(APIError):
    """The server failed (5xx)."""


class StreamError(StreamkitError):
    """The server broke the protocol."""


class TruncatedStreamError(StreamError):
    """The stream ended without a finish reason, `[DONE]` or terminal event."""


class NotAnEventStreamError(StreamError):
    """A success status, but neither an event stream nor a completion; `body` is the beginning of the body."""

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
    """A frame isn't JSON (if strict), no frame of the stream is JSON, or a frame exceeds a size limit."""

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
    """The answer isn't whole; `partial` contains all of it. See `Completion.raise_for_incomplete`.

    A limit or a filter cut it, its finish reason isn't known, or one of its calls isn't complete.
    """


class AnswerError(StreamkitError):
    """The answer is whole, but not of the requested shape: not JSON, other JSON, or a refusal.

    `refusal` is the model's refusal, or an empty string; `partial` contains the whole answer. `reasons` has
    the message of each try of `ask_again`, the last one's too.
    """

    def __init__(
        self,
        message: str = "",
        *,
        refusal: str = "",
        reasons: tuple[str, ...] = (),
        partial: Completion | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, partial=partial, request_id=request_id)
        self.refusal = refusal
        self.reasons = reasons


class LimitError(StreamkitError):
    """A limit of yours was reached: the one called `limit`, of `allowed`. No further request is sent.

    In an agent run, `limit` is the name of the argument, such as max_turns, and `result` is the
    `agent.AgentResult` so far: its conversation can be continued. Of `Limits` it is cost, tokens or failures;
    after `client.map`, `result` is the `MapReport`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        limit: str = "",
        allowed: float | None = None,
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
