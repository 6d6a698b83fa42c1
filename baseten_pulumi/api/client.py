"""Baseten's management API, as far as this package uses it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import pydantic

from baseten_pulumi.api import failures, models
from baseten_pulumi.api.failures import Request
from baseten_pulumi.api.models import Model, Update
from baseten_pulumi.api.retry import retry
from baseten_pulumi.api.transport import Transport
from baseten_pulumi.config import Endpoint
from baseten_pulumi.errors import ConfigurationError, Message, NotFoundError, RequestError
from baseten_pulumi.schema.environment import Environment, environment_at_start, settings_of

# Seconds for the request that finds out what a 404 is about, repeated if it fails: at most,
_DIAGNOSIS_SECONDS = 10.0
# and at least, even if the time of the caller is over.
_SHORTEST_DIAGNOSIS_SECONDS = 1.0
_MODELS = "/v1/models"

_Result = TypeVar("_Result")


class BasetenClient:
    """A client for one Baseten account. Sends every request once; see `retry`. Belongs to one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._base_url = endpoint.base_url
        self._transport = Transport(endpoint)
        # Environments that a response has shown: True; what this client deleted since: False.
        self._found: dict[tuple[str, str], bool] = {}

    async def read_environment(self, model_id: str, env_name: str, *, timeout: float) -> Environment:
        """Read one environment.

        Raises:
            ConfigurationError: a name cannot be part of a URL; nothing was sent.
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment. A second request found out
                which of the two is missing.
            RequestError: the request failed in another way, or there was no response within `timeout` seconds.
        """
        deadline = _now() + timeout
        failed = f"{settings_of(model_id, env_name)} could not be read."
        request = self._request("GET", _environment_path(model_id, env_name), failed)
        try:
            environment = await self._send(request, models.read_environment, timeout)
        except NotFoundError as error:
            raise await self._diagnosed(error, model_id, env_name, deadline) from None
        self._found.setdefault((model_id, env_name), True)
        return environment

    async def list_environments(self, model_id: str, *, timeout: float) -> dict[str, Environment]:
        """Read every environment of a model with one request; return them by name.

        Raises:
            ModelNotFoundError: there is no such model. A second request confirmed it.
            RequestError: the request failed in another way, or there was no response within `timeout` seconds.
        """
        deadline = _now() + timeout
        failed = f'The environments of model "{model_id}" could not be read.'
        request = self._request("GET", _environments_path(model_id), failed)
        try:
            environments = await self._send(request, models.read_environments, timeout)
        except NotFoundError as error:
            raise await self._diagnosed_model(error, model_id, deadline) from None
        for env_name in environments:
            self._found.setdefault((model_id, env_name), True)
        return environments

    async def list_models(self, name: str | None = None, *, timeout: float) -> list[Model]:
        """Read the models of the account; with a name, Baseten returns only those that have it.

        Raises:
            RequestError: the request failed, or there was no response within `timeout` seconds.
        """
        path = _MODELS if name is None else f"{_MODELS}?name={quote(name, safe='', errors='replace')}"
        request = self._request("GET", path, "The models of the account could not be read.")
        return await self._send(request, models.read_models, timeout)

    async def find_model(self, name: str, team: str | None = None, *, timeout: float) -> Model:
        """Read the model with that name; None for `team` means any team.

        Raises:
            ModelNotFoundError: there is none. A second request found similar names.
            AmbiguousModelError: there are several.
            RequestError: a request failed, or there was no response within `timeout` seconds.
        """
        deadline = _now() + timeout
        listed = await self.list_models(name, timeout=timeout)
        if not models.named(name, listed, team):
            listed = await self.list_models(timeout=deadline - _now())
        return models.find_model(name, listed, team)

    async def update_environment(
        self,
        model_id: str,
        env_name: str,
        settings: Mapping[str, Any],
        *,
        timeout: float,
        on_send: Callable[[], None] = lambda: None,
    ) -> Update:
        """Send settings, by path.

        `on_send` is called right before the request is sent.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
            RequestError: Baseten did not accept the settings or, if `may_have_applied` is true, may have accepted them.
        """
        failed = f"{settings_of(model_id, env_name)} were not updated."
        return await self._update(model_id, env_name, models.update_body(settings), failed, timeout, on_send)

    async def create_environment(
        self, model_id: str, env_name: str, *, timeout: float, on_send: Callable[[], None] = lambda: None
    ) -> Environment | None:
        """Create an environment; return it, or None if the response does not show it.

        `on_send` is called right before the request is sent.

        Raises:
            ModelNotFoundError: there is no such model.
            RequestError: Baseten did not accept the request or, if `may_have_applied` is true, may have accepted it.
        """
        deadline = _now() + timeout
        failed = f"{environment_at_start(model_id, env_name)} was not created."
        request = self._request("POST", _environments_path(model_id), failed)
        body = {"name": env_name}
        try:
            created = await self._send(request, models.read_created, timeout, body=body, on_send=on_send)
        except NotFoundError as error:
            raise await self._diagnosed_model(error, model_id, deadline) from None
        self._found[model_id, env_name] = True
        return created

    async def delete_environment(self, model_id: str, env_name: str, *, timeout: float) -> bool:
        """Delete an environment; return whether Baseten says that it is deleted. From then on a 404 is final.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
            RequestError: Baseten did not accept the request or, if `may_have_applied` is true, may have accepted it.
        """
        deadline = _now() + timeout
        failed = f"{environment_at_start(model_id, env_name)} was not deleted."
        request = self._request("DELETE", _environment_path(model_id, env_name), failed)
        self._found[model_id, env_name] = False
        try:
            return await self._send(request, models.read_deleted, timeout)
        except NotFoundError as error:
            raise await self._diagnosed(error, model_id, env_name, deadline) from None

    async def upsert_schedule(  # noqa: PLR0913 - what the PATCH contains, and how it is sent
        self,
        model_id: str,
        env_name: str,
        schedule: Mapping[str, Any],
        *,
        timezone: str | None,
        failed: str,
        timeout: float,
        on_send: Callable[[], None] = lambda: None,
    ) -> Update:
        """Create an autoscaling schedule or, if it has an id, replace it.

        Args:
            model_id: Baseten's id of the model.
            env_name: Name of the environment.
            schedule: The whole schedule.
            timezone: The time zone of all schedules of the environment; None leaves it as it is.
            failed: What the error says if it does not succeed; a sentence.
            timeout: Seconds it may take.
            on_send: Called right before the request is sent.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
            RequestError: Baseten did not accept the request or, if `may_have_applied` is true, may have accepted it.
        """
        change = {"schedules": [schedule], **({} if timezone is None else {"timezone": timezone})}
        body = {"autoscaling_schedule_settings": change}
        return await self._update(model_id, env_name, body, failed, timeout, on_send)

    async def delete_schedule(
        self, model_id: str, env_name: str, schedule_id: str, *, failed: str, timeout: float
    ) -> Update:
        """Delete an autoscaling schedule; arguments and errors are those of `upsert_schedule`."""
        body = {"autoscaling_schedule_settings": {"delete_schedules": [schedule_id]}}
        return await self._update(model_id, env_name, body, failed, timeout)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def _update(
        self,
        model_id: str,
        env_name: str,
        body: Mapping[str, Any],
        failed: str,
        timeout: float,
        on_send: Callable[[], None] = lambda: None,
    ) -> Update:
        deadline = _now() + timeout
        request = self._request("PATCH", _environment_path(model_id, env_name), failed)
        try:
            update = await self._send(request, models.read_update, timeout, body=body, on_send=on_send)
        except NotFoundError as error:
            raise await self._diagnosed(error, model_id, env_name, deadline) from None
        self._found[model_id, env_name] = True
        return update

    def _request(self, method: str, path: str, failed: str) -> Request:
        return Request(method, path, failed, self._base_url)

    async def _send(
        self, request: Request, read: Callable[[bytes], _Result], timeout: float, **options: Any
    ) -> _Result:
        response = await self._transport.send(request, timeout, **options)
        try:
            return read(response.content)
        except pydantic.ValidationError as reason:
            raise failures.from_unreadable(request, response, reason) from None

    async def _diagnosed(self, error: RequestError, model_id: str, env_name: str, deadline: float) -> RequestError:
        """Find out whether the model or the environment is missing; return the 404 itself if that fails for 10 s.

        One that this process has seen before, or that the list has, is retried: reads are eventually consistent.
        """
        diagnosed, is_known = error, self._found.get((model_id, env_name), False)
        try:
            names = [*await self._diagnose(_environments_path(model_id), models.read_environments, deadline)]
        except NotFoundError:
            diagnosed = await self._diagnosed_model(error, model_id, deadline)
        except RequestError:
            pass
        else:
            if not names:
                diagnosed = failures.no_environments(error, model_id)
            elif env_name not in names:
                diagnosed = failures.missing_environment(error, model_id, env_name, names)
            else:
                is_known = True
        if is_known:
            diagnosed.retried_for = failures.KNOWN_ENVIRONMENT_SECONDS
        return diagnosed

    async def _diagnosed_model(self, error: RequestError, model_id: str, deadline: float) -> RequestError:
        """Call a model missing only if the models can be listed: a wrong base URL answers 404 to everything."""
        try:
            listed = await self._diagnose(_MODELS, models.read_models, deadline)
        except RequestError:
            return error
        if any(model.id == model_id for model in listed):
            return error
        missing = failures.missing_model(error, model_id, models.name_hint(model_id, listed))
        if any(model_id == found for found, _ in self._found):
            missing.retried_for = failures.KNOWN_ENVIRONMENT_SECONDS
        return missing

    async def _diagnose(self, path: str, read: Callable[[bytes], _Result], deadline: float) -> _Result:
        request = self._request("GET", path, "")
        left = min(max(deadline - _now(), _SHORTEST_DIAGNOSIS_SECONDS), _DIAGNOSIS_SECONDS)
        return await retry(lambda seconds: self._send(request, read, seconds), timeout=left)


def _environments_path(model_id: str) -> str:
    return f"{_MODELS}/{_segment(model_id)}/environments"


def _environment_path(model_id: str, env_name: str) -> str:
    return f"{_environments_path(model_id)}/{_segment(env_name)}"


def _segment(name: str) -> str:
    """Quote a name so that it stays one segment of a path."""
    try:
        quoted = quote(name, safe="")
    except UnicodeEncodeError:  # half of a character
        quoted = ""
    if quoted in ("", ".", ".."):  # servers and httpx take dots for steps in the path
        observed = f"{name!a} cannot be a model id or an environment name."
        raise ConfigurationError(
            Message("Baseten cannot be reached.", observed, "Nothing was sent.", "Correct model_id and env_name.")
        )
    return quoted


def _now() -> float:
    return asyncio.get_running_loop().time()
