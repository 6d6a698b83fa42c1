"""An error of every public class, made as the package makes it, in the circumstances the page of errors tells of."""

from collections.abc import Callable, Mapping

import httpx
import pydantic

from baseten_pulumi import errors
from baseten_pulumi.api import failures
from baseten_pulumi.api.limiting import NoTurnError
from baseten_pulumi.api.models import Model
from baseten_pulumi.api.naming import named
from baseten_pulumi.convergence import wording
from baseten_pulumi.convergence.comparison import differences
from baseten_pulumi.convergence.joint_wording import joint_error
from baseten_pulumi.convergence.sighting import Sighting, Wanted
from baseten_pulumi.convergence.watch import Watch
from baseten_pulumi.errors import BasetenError, RequestError
from baseten_pulumi.provider.applying import _cancelled
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import defect
from baseten_pulumi.provider.identity import Identity

_PATH = "/v1/models/abc123/environments/production"
_PATCH, _GET = (
    failures.Request(method, _PATH, f"{Identity('abc123', 'production').settings} {goal}", "", "https://api.baseten.co")
    for method, goal in (("PATCH", "were not put in force."), ("GET", "could not be read."))
)
_MIN, _MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
WANTED = Wanted("abc123", "production", {_MIN: 3, _MAX: 6}, "ACCEPTED", 1800.0)
SEEN = Sighting(differing=differences(WANTED.settings, {_MIN: 1, _MAX: 6}))


def _answered(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> RequestError:
    return failures.from_response(_PATCH, httpx.Response(status, json={"message": message}, headers=headers))


def _raised(call: Callable[[], object]) -> BasetenError:
    try:
        call()
    except BasetenError as error:
        return error
    raise AssertionError("nothing was raised")


def _configured(**stack: str) -> Configuration:
    return Configuration(lambda key: stack.get(key.partition(":")[2]), {})


def _unreadable() -> BasetenError:
    class Answer(pydantic.BaseModel):
        status: str

    response = httpx.Response(200, text="<html>")
    try:
        Answer.model_validate_json(response.content)
    except pydantic.ValidationError as reason:
        return failures.from_unreadable(_PATCH, response, reason)
    raise AssertionError("it was readable")


def _several_kinds() -> BasetenError:
    watches = [Watch(Wanted("abc123", name, {_MIN: 3}, None, 1800.0), 0.0) for name in ("dev", "production")]
    watches[0].error = _answered(403, "Forbidden")
    watches[1].error = failures.missing_model(_answered(404, "Not found"), "abc123", "Baseten answered 404.")
    error = joint_error(watches)
    assert error is not None
    return error


def _defect() -> BasetenError:
    nothing: dict[str, str] = {}
    try:
        nothing["settings"]
    except KeyError as error:
        return defect(error, "The operation was not carried out.", "")
    raise AssertionError("nothing was raised")


_TWICE = [Model("abc123", "llama-chat", "Research"), Model("def456", "llama-chat", "Product")]

MADE: Mapping[type[BasetenError], Callable[[], BasetenError]] = {
    errors.BasetenError: _defect,
    errors.ConfigurationError: lambda: _raised(_configured(baseUrl="http://api.example.com").base_url),
    errors.MissingApiKeyError: lambda: _raised(_configured().api_key),
    errors.AmbiguousModelError: lambda: _raised(lambda: named("llama-chat", _TWICE)),
    errors.AuthenticationError: lambda: _answered(401, "Invalid API key"),
    errors.PermissionDeniedError: lambda: _answered(403, "Forbidden"),
    errors.NotFoundError: lambda: _answered(404, "Not found"),
    errors.ModelNotFoundError: lambda: failures.missing_model(
        _answered(404, "Not found"), "abc123", "Baseten answered 404 to GET /v1/models/abc123/environments: Not found."
    ),
    errors.EnvironmentNotFoundError: lambda: failures.missing_environment(
        _answered(404, "Not found"), ("abc123", "production"), ["dev", "staging"], ""
    ),
    errors.ConflictError: lambda: _answered(409, "Another operation is in progress"),
    errors.RedirectedError: lambda: _answered(307, "Moved"),
    errors.RejectedError: lambda: _answered(422, "max_replica: too many for this account"),
    errors.ScheduleNameError: lambda: failures.unclear_name(_PATCH, "weekday-peak", 2),
    errors.RateLimitedError: lambda: failures.not_sent(_PATCH, 30.0, NoTurnError(2.0, 60.0)),
    errors.ServerError: lambda: _answered(500, "Internal error"),
    errors.RequestTimeoutError: lambda: failures.from_exception(_PATCH, httpx.ReadTimeout("")),
    errors.ConnectionBrokenError: lambda: failures.from_exception(
        _GET, httpx.ConnectError("Name or service not known")
    ),
    errors.UnexpectedAnswerError: _unreadable,
    errors.RunCancelledError: lambda: _cancelled(Identity("abc123", "production"), "Nothing was sent."),
    errors.NotInForceError: _several_kinds,
    errors.WaitTimeoutError: lambda: errors.WaitTimeoutError(wording.timed_out(WANTED, SEEN)),
    errors.WaitCancelledError: lambda: errors.WaitCancelledError(wording.cancelled(WANTED, SEEN, 40.0)),
}
"""How an error of each class comes about; those that stand for several have none of their own."""

GATHERING = frozenset({errors.RequestError, errors.TransientError})
"""Classes that only their subclasses are raised of."""
