"""Every exception this package raises on purpose.

    BasetenError
    ├── ConfigurationError               a setting of this package is missing or malformed
    │   └── MissingApiKeyError
    ├── AmbiguousModelError              several models have the name
    ├── ScheduleConflictError            Baseten's autoscaling schedules conflict with what the program declares
    ├── RequestError                     a request to Baseten failed
    │   ├── AuthenticationError          401
    │   ├── PermissionDeniedError        403
    │   ├── NotFoundError                404
    │   │   ├── ModelNotFoundError
    │   │   └── EnvironmentNotFoundError
    │   ├── CertificateError             the certificate of the host is not trusted
    │   ├── RedirectedError              3xx; never followed, because the API key must not go to another address
    │   ├── RejectedError                400, 422 and every other 4xx
    │   └── TransientError               retried, some errors for a limited time
    │       ├── ConflictError            409, 423
    │       ├── RateLimitedError         429
    │       ├── ServerError              5xx
    │       ├── RequestTimeoutError      no response in time
    │       ├── ConnectionFailedError    no connection, or it broke
    │       └── UnexpectedResponseError  a response that the API does not describe
    ├── OperationCancelledError          Pulumi cancelled the operation before or while the request was sent
    └── NotAppliedError                  Baseten does not report what was sent
        ├── OverriddenError              it reports values that are neither the old nor the desired ones
        ├── WaitTimeoutError             the wait timed out
        └── WaitCancelledError           the wait was cancelled

Every message has four parts: what failed, what was observed, the current state, and what to do.
"""

import math
from dataclasses import dataclass, replace
from typing import TypeVar

LONGEST_RETRY_AFTER_SECONDS = 60.0
"""How much of a `Retry-After` is honored."""

_Error = TypeVar("_Error", bound="BasetenError")


@dataclass(frozen=True, slots=True)
class Message:
    """The four parts of an error message.

    Attributes:
        failed: What failed; a sentence.
        observed: What was observed; one or more sentences or lines.
        state: The current state; empty if there is nothing to add.
        action: What the user can do.
    """

    failed: str
    observed: str
    state: str
    action: str

    def __str__(self) -> str:
        separator = "\n" if "\n" in self.observed else " "
        middle = separator.join(part for part in (self.observed, self.state) if part)
        return "\n".join(part for part in (self.failed, middle, self.action) if part)


class BasetenError(Exception):
    """Base class of every exception this package raises on purpose.

    Attributes:
        message: The text in its four parts.
    """

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message

    def with_message(self: _Error, **changes: str) -> _Error:
        """Return a copy with some parts of the message replaced."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        BasetenError.__init__(copy, replace(self.message, **changes))
        return copy


class ConfigurationError(BasetenError):
    """A setting of this package is missing or malformed. Nothing was sent."""


class MissingApiKeyError(ConfigurationError):
    """No API key is configured. Nothing was sent."""


class AmbiguousModelError(BasetenError):
    """Several models of the account have this name; names are unique only within a team."""


class ScheduleConflictError(BasetenError):
    """Baseten's autoscaling schedules conflict with what the program declares.

    Several have the declared name, a managed one was deleted, or a new time zone would affect others.
    """


class RequestError(BasetenError):
    """A request to Baseten failed.

    Attributes:
        status_code: The HTTP status; None if there was no response.
        retry_after: Seconds that Baseten asked to wait; None if it did not ask.
        may_have_applied: Whether Baseten may have acted on the request despite the error.
        retried_for: How many seconds in a row it is retried, within the timeout of the operation; 0 if it is final.
    """

    retried_for: float = 0.0

    def __init__(
        self,
        message: Message,
        *,
        status_code: int | None = None,
        retry_after: float | None = None,
        may_have_applied: bool = False,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after
        self.may_have_applied = may_have_applied


class AuthenticationError(RequestError):
    """Baseten does not accept the API key (401)."""


class PermissionDeniedError(RequestError):
    """The API key is not allowed to do this (403)."""


class NotFoundError(RequestError):
    """Baseten has nothing at that address (404)."""


class ModelNotFoundError(NotFoundError):
    """The model does not exist, or the API key cannot see it."""


class EnvironmentNotFoundError(NotFoundError):
    """The model exists but has no such environment."""


class CertificateError(RequestError):
    """The certificate of the host is not trusted."""


class RedirectedError(RequestError):
    """The response is a redirect (3xx). It is never followed: the API key must not go to another address."""


class RejectedError(RequestError):
    """Baseten rejected the request itself (400, 422 or another 4xx)."""


class TransientError(RequestError):
    """An error that is retried."""

    retried_for: float = math.inf


class ConflictError(TransientError):
    """Another operation is in progress (409 or 423)."""


class RateLimitedError(TransientError):
    """Too many requests for this API key (429)."""


class ServerError(TransientError):
    """Baseten, or something in front of it, failed (5xx)."""


class RequestTimeoutError(TransientError):
    """Baseten did not respond in time, or the rate limit left no time to send the request."""


class ConnectionFailedError(TransientError):
    """The connection could not be established, or it was lost."""


class UnexpectedResponseError(TransientError):
    """Baseten's response is not what its API describes."""


class OperationCancelledError(BasetenError):
    """Pulumi cancelled the operation (Ctrl-C) before the request was sent, or while it was being sent."""


class NotAppliedError(BasetenError):
    """Baseten does not report what was sent as applied."""


class OverriddenError(NotAppliedError):
    """Baseten keeps reporting a value that is neither the former nor the desired one.

    It rounded or limited the value, or something else changed it.
    """


class WaitTimeoutError(NotAppliedError):
    """The wait for settings, a schedule or an environment timed out."""


class WaitCancelledError(NotAppliedError):
    """The wait for settings, a schedule or an environment was cancelled, for example with Ctrl-C."""
