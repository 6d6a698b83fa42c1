"""Everything this package raises on purpose.

    BasetenError
    ├── ConfigurationError             a setting of this package is missing or malformed
    │   └── MissingApiKeyError
    ├── AmbiguousModelError            several models have the name
    ├── RequestError                   a request to Baseten did not do what it was for
    │   ├── AuthenticationError        401
    │   ├── PermissionDeniedError      403
    │   ├── NotFoundError              404
    │   │   ├── ModelNotFoundError
    │   │   └── EnvironmentNotFoundError
    │   ├── ConflictError              409
    │   ├── RedirectedError            3xx; not followed, since the key goes to no other address
    │   ├── RejectedError              400, 422 and every other 4xx
    │   ├── ScheduleNameError          a name does not tell which autoscaling schedule is meant
    │   ├── TransientError             may go away by itself
    │   │   ├── RateLimitedError       429, or not sent so as not to be refused
    │   │   ├── ServerError            5xx
    │   │   ├── RequestTimeoutError    no answer in time
    │   │   ├── ConnectionBrokenError  no connection, or one that broke
    │   │   └── UnexpectedAnswerError  an answer that is not what the API describes
    ├── RunCancelledError              Pulumi cancelled the run before the settings were sent, or meanwhile
    └── NotInForceError                settings were sent and are not in force
        ├── WaitTimeoutError           the time to wait ran out
        └── WaitCancelledError         somebody ended the wait before

Every message is four short statements: what was not achieved, what was seen, what is true now, what to do.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

_Error = TypeVar("_Error", bound="BasetenError")


@dataclass(frozen=True, slots=True)
class Statements:
    """Hold the four statements an error consists of.

    Attributes:
        goal: What was not achieved.
        seen: What was seen instead.
        now: What is true now; empty where there is nothing to add.
        advice: What to do.
    """

    goal: str
    seen: str
    now: str
    advice: str

    def __str__(self) -> str:
        middle = " ".join(part for part in (self.seen, self.now) if part)
        return "\n".join((self.goal, middle, self.advice))


class BasetenError(Exception):
    """Anything this package raises on purpose.

    Attributes:
        statements: The message in its four parts.
    """

    def __init__(self, statements: Statements) -> None:
        super().__init__(str(statements))
        self.statements = statements

    def restated(
        self: _Error,
        *,
        goal: str | None = None,
        seen: str | None = None,
        now: str | None = None,
        advice: str | None = None,
    ) -> _Error:
        """Return this error with other words for what was not achieved, seen, is true now or to do; None keeps them."""
        wanted = {"goal": goal, "seen": seen, "now": now, "advice": advice}
        changes = {name: text for name, text in wanted.items() if text is not None}
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        BasetenError.__init__(copy, replace(self.statements, **changes))
        return copy


class ConfigurationError(BasetenError):
    """A setting of this package is missing or malformed. Nothing was sent."""


class MissingApiKeyError(ConfigurationError):
    """No API key is configured. Nothing was sent."""


class AmbiguousModelError(BasetenError):
    """Several of the account's models have the name; names are unique only within a team."""


class RequestError(BasetenError):
    """A request to Baseten did not do what it was for.

    Attributes:
        status_code: The HTTP status, or None where there was no answer.
        retry_after_seconds: How long Baseten asked to wait; None where it did not.
        may_have_taken_effect: Whether Baseten may have acted on the request all the same.
    """

    def __init__(
        self,
        statements: Statements,
        *,
        status_code: int | None = None,
        retry_after_seconds: float | None = None,
        may_have_taken_effect: bool = False,
    ) -> None:
        super().__init__(statements)
        self.status_code = status_code
        self.retry_after_seconds = retry_after_seconds
        self.may_have_taken_effect = may_have_taken_effect


class AuthenticationError(RequestError):
    """Baseten does not know the API key (401)."""


class PermissionDeniedError(RequestError):
    """The API key may not do this (403)."""


class NotFoundError(RequestError):
    """Baseten has nothing at that address (404)."""


class ModelNotFoundError(NotFoundError):
    """The model does not exist, or the API key cannot see it."""


class EnvironmentNotFoundError(NotFoundError):
    """The model exists and has no such environment."""


class ConflictError(RequestError):
    """Another operation is in the way (409)."""


class RedirectedError(RequestError):
    """The answer points to another address (3xx). It is not followed, since the key goes to no other address."""


class RejectedError(RequestError):
    """Baseten refused the request itself (400, 422 or another 4xx)."""


class ScheduleNameError(RequestError):
    """The name of an autoscaling schedule does not tell which one at Baseten is meant."""


class TransientError(RequestError):
    """A trouble that may go away by itself."""


class RateLimitedError(TransientError):
    """Too many requests for this API key and endpoint: 429, or no turn in time.

    A request that would have had to wait too long for its turn is not sent; its `status_code` is None.
    """


class ServerError(TransientError):
    """Baseten had a trouble of its own (5xx)."""


class RequestTimeoutError(TransientError):
    """Baseten did not answer in time."""


class ConnectionBrokenError(TransientError):
    """There was no connection, or it broke."""


class UnexpectedAnswerError(TransientError):
    """Baseten's answer is not what its API describes."""


class RunCancelledError(BasetenError):
    """Pulumi cancelled the run (Ctrl-C) before the settings were sent, or while they were."""


class NotInForceError(BasetenError):
    """Settings were sent and Baseten does not report them in force."""


class WaitTimeoutError(NotInForceError):
    """The time to wait for settings to be in force ran out."""


class WaitCancelledError(NotInForceError):
    """The wait for settings to be in force was ended from outside, by Ctrl-C for one."""
