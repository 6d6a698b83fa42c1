"""An error of every public class, made by the package, under the circumstances that the page of errors describes."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence

import httpx
import pydantic
import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import failures
from baseten_pulumi.api.failures import Request, Response
from baseten_pulumi.api.models import Model, find_model
from baseten_pulumi.config import Config
from baseten_pulumi.errors import BasetenError, RequestError
from baseten_pulumi.provider import AutoscalingScheduleProvider
from baseten_pulumi.schema.environment import Environment, settings_of
from baseten_pulumi.testing import Emulator
from baseten_pulumi.wait.desired import DesiredSettings
from baseten_pulumi.wait.watcher import Watcher
from tests.schedules import reported, schedule
from tests.unit.provider.servicer import Servicer
from tests.virtual_time import run

MIN_REPLICA, MAX_REPLICA = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
# A row changes once a second at most: with slower responses each of them is shown.
_LATENCY_SECONDS = 2.0
_PATH = "/v1/models/abc123/environments/production"
_SETTINGS = settings_of("abc123", "production")
_PATCH = Request("PATCH", _PATH, f"{_SETTINGS} were not updated.", "https://api.baseten.co")
_GET = Request("GET", _PATH, f"{_SETTINGS} could not be read.", "https://api.baseten.co")


class Polls:
    """Baseten as a wait sees it: what each poll of an environment returns, or raises; the last one is repeated."""

    def __init__(self, *polls: Mapping[str, Environment | RequestError]) -> None:
        self._polls = list(polls)

    async def read_environment(self, model_id: str, env_name: str, *, timeout: float) -> Environment:
        await asyncio.sleep(_LATENCY_SECONDS)
        found = (self._polls.pop(0) if len(self._polls) > 1 else self._polls[0])[env_name]
        if isinstance(found, RequestError):
            raise found
        return found

    async def list_environments(self, model_id: str, *, timeout: float) -> Mapping[str, Environment]:
        return {name: found for name, found in self._polls[0].items() if isinstance(found, Environment)}


def raised(call: Callable[[], object]) -> BasetenError:
    """Return what a call raises."""
    with pytest.raises(BasetenError) as caught:
        call()
    return caught.value


def rows(desired: Sequence[DesiredSettings], *polls: Mapping[str, Environment | RequestError]) -> list[str]:
    """Return what a wait in virtual time reports."""
    reported: list[str] = []
    with contextlib.suppress(BasetenError):
        run(Watcher(Polls(*polls)).wait(desired, timeout=60.0, report=reported.append))
    return reported


def waited(
    desired: Sequence[DesiredSettings],
    *polls: Mapping[str, Environment | RequestError],
    cancel_after: float | None = None,
) -> BasetenError:
    """Return the error of a wait in virtual time."""

    async def waiting() -> None:
        task = asyncio.ensure_future(Watcher(Polls(*polls)).wait(desired, timeout=1800.0, report=lambda _: None))
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, task.cancel)
        await task

    return raised(lambda: run(waiting()))


def _responded(status: int, message: str = "") -> RequestError:
    return failures.from_response(_PATCH, Response(status, {}, f'{{"message": "{message}"}}'.encode()))


def _config(**stack: str) -> Config:
    return Config(lambda key: stack.get(key.partition(":")[2]), {})


def _unreadable() -> BasetenError:
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate_json(b"<html>")
    return failures.from_unreadable(_PATCH, Response(200, {}, b"<html>"), caught.value)


def _untrusted() -> BasetenError:
    exception = httpx.ConnectError("certificate verify failed: self-signed certificate")
    exception.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    return failures.from_exception(_GET, exception)


def _internal() -> BasetenError:
    from baseten_pulumi.provider.pulumi_internals import internal_error

    nothing: dict[str, str] = {}
    with pytest.raises(KeyError) as caught:
        nothing["settings"]
    return internal_error(caught.value)


def _two_of_a_name() -> BasetenError:
    with Emulator() as emulator:
        emulator.add_model("abc123", "chat", ["production"])
        for _ in range(2):
            emulator.put_schedule("abc123", "production", reported(schedule("Office hours")), "UTC")
        config = {"apiKey": "k", "baseUrl": emulator.url}
        servicer = Servicer(config, AutoscalingScheduleProvider)
        declared = schedule("Office hours")
        inputs = {"schedule_name": declared.pop("name"), "timezone": "UTC", **declared}
        return raised(lambda: servicer.create({"model_id": "abc123", "env_name": "production", **inputs}))


def _overridden() -> BasetenError:
    """Return the error for a value that was limited; a pause that Baseten asks for makes it 62 s."""
    desired = DesiredSettings(
        "abc123", "production", DESIRED.settings, "ACCEPTED", before={MIN_REPLICA: 1, MAX_REPLICA: 2}
    )
    limited = {"production": Environment({MIN_REPLICA: 3, MAX_REPLICA: 5}, None)}
    pause = {"production": failures.from_response(_GET, Response(429, {"retry-after": "58"}, b""))}
    return waited([desired], limited, pause, limited)


def _cancelled_before_sending() -> BasetenError:
    return errors.OperationCancelledError(
        errors.Message(
            f"{_SETTINGS} were not updated.", "Pulumi cancelled the operation.", "Nothing was sent.", "Run it again."
        )
    )


DESIRED = DesiredSettings("abc123", "production", {MIN_REPLICA: 3, MAX_REPLICA: 6}, "ACCEPTED")
OBSERVED = Environment({MIN_REPLICA: 1, MAX_REPLICA: 6}, None)
_TWICE = [
    Model(id="abc123", name="llama-chat", team_name="Research"),
    Model(id="def456", name="llama-chat", team_name="Product"),
]

MADE: Mapping[type[BasetenError], Callable[[], BasetenError]] = {
    errors.BasetenError: _internal,
    errors.ConfigurationError: lambda: raised(_config(baseUrl="http://api.example.com").base_url),
    errors.MissingApiKeyError: lambda: raised(_config().api_key),
    errors.AmbiguousModelError: lambda: raised(lambda: find_model("llama-chat", _TWICE)),
    errors.ScheduleConflictError: _two_of_a_name,
    errors.AuthenticationError: lambda: _responded(401, "Invalid API key"),
    errors.PermissionDeniedError: lambda: _responded(403, "Forbidden"),
    errors.NotFoundError: lambda: _responded(404, "Not found"),
    errors.ModelNotFoundError: lambda: failures.missing_model(_responded(404, "Not found"), "abc123"),
    errors.EnvironmentNotFoundError: lambda: failures.missing_environment(
        _responded(404, "Not found"), "abc123", "production", ["dev", "staging"]
    ),
    errors.CertificateError: _untrusted,
    errors.ConflictError: lambda: _responded(409, "Another operation is in progress"),
    errors.RedirectedError: lambda: _responded(307, "Moved"),
    errors.RejectedError: lambda: _responded(422, "max_replica: too many for this account"),
    errors.RateLimitedError: lambda: _responded(429, "Too many requests"),
    errors.ServerError: lambda: _responded(500, "Internal error"),
    errors.RequestTimeoutError: lambda: failures.from_exception(_PATCH, httpx.ReadTimeout("")),
    errors.ConnectionFailedError: lambda: failures.from_exception(
        _GET, httpx.ConnectError("Name or service not known")
    ),
    errors.UnexpectedResponseError: _unreadable,
    errors.OperationCancelledError: _cancelled_before_sending,
    errors.NotAppliedError: lambda: waited(
        [DesiredSettings("abc123", name, {MIN_REPLICA: 3}, name=f"chat-{name}") for name in ("dev", "production")],
        {
            "dev": failures.from_response(_GET, Response(403, {}, b'{"message": "Forbidden"}')),
            "production": failures.missing_model(_responded(404, "Not found"), "abc123"),
        },
    ),
    errors.OverriddenError: _overridden,
    errors.WaitTimeoutError: lambda: waited([DESIRED], {"production": OBSERVED}),
    errors.WaitCancelledError: lambda: waited([DESIRED], {"production": OBSERVED}, cancel_after=40.0),
}
"""How an error of each class comes about; those that stand for several have none of their own."""

GATHERING = frozenset({errors.RequestError, errors.TransientError})
"""Classes of which only subclasses have an entry."""
