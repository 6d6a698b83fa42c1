"""Baseten's management API, as much of it as this package needs."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from baseten_pulumi.api import failures, models, naming, paths
from baseten_pulumi.api.connection import Connection
from baseten_pulumi.api.masking import masked
from baseten_pulumi.api.pool import Endpoint
from baseten_pulumi.api.retrying import retrying
from baseten_pulumi.api.sending import Change, Exchange, SentBefore
from baseten_pulumi.clock import Clock
from baseten_pulumi.errors import NotFoundError, RequestError
from baseten_pulumi.fields import Settings

__all__ = ["BasetenClient", "Endpoint", "OnTrouble"]

# Telling what a 404 is about is worth no longer wait than this,
LONGEST_LOOKING_UP_SECONDS = 10.0
# and as long as this where the caller's time is over: "not found" alone helps nobody.
SHORTEST_LOOKING_UP_SECONDS = 1.0

_Answer = TypeVar("_Answer")
OnTrouble: TypeAlias = Callable[[RequestError], None]


class BasetenClient:
    """Speak to one account at Baseten; to be used on one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._api_key = endpoint.api_key
        self._host = endpoint.base_url
        self._clock = clock
        self._connection = Connection(endpoint, clock)

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> models.Environment:
        """Read one environment, once.

        Raises:
            ConfigurationError: a name cannot stand in a URL; nothing was sent.
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment; which of the two is missing was
                asked with a second request.
            RequestError: the answer was another, or none came in time.
        """
        deadline = self._clock.now() + within_seconds
        goal = f"{_settings_of(model_id, env_name)} could not be read."
        request = self._request("GET", paths.environment(model_id, env_name), goal)
        try:
            return self._worded(await self._connection.send(request, models.read_environment, within_seconds))
        except NotFoundError as error:
            raise await self._what_is_missing(error, model_id, env_name, deadline) from None

    async def read_environments(self, model_id: str, *, within_seconds: float) -> dict[str, models.Environment]:
        """Read every environment of a model with one request, once; return them by name.

        Raises:
            ModelNotFoundError: there is no such model; the account's models were asked for with a second request.
            RequestError: the answer was another, or none came in time.
        """
        deadline = self._clock.now() + within_seconds
        request = self._request(
            "GET", paths.environments(model_id), f'Environments of model "{model_id}" could not be read.'
        )
        try:
            found = await self._connection.send(request, models.read_environments, within_seconds)
        except NotFoundError as error:
            raise await self._what_of_model(error, model_id, error.statements.seen, deadline) from None
        return {self._masked(name): self._worded(environment) for name, environment in found.items()}

    async def read_environment_now(
        self, model_id: str, env_name: str, *, within_seconds: float, on_trouble: OnTrouble = lambda _: None
    ) -> models.Environment:
        """Read one environment, trying again while a trouble may go away by itself; `on_trouble` is told of each.

        Raises:
            RequestError: as `read_environment`, once the time is up.
        """
        return await self._retried(
            lambda left: self.read_environment(model_id, env_name, within_seconds=left), within_seconds, on_trouble
        )

    async def read_environments_now(
        self, model_id: str, *, within_seconds: float, on_trouble: OnTrouble = lambda _: None
    ) -> dict[str, models.Environment]:
        """Read every environment of a model, trying again while a trouble may go away by itself.

        Raises:
            RequestError: as `read_environments`, once the time is up.
        """
        return await self._retried(
            lambda left: self.read_environments(model_id, within_seconds=left), within_seconds, on_trouble
        )

    async def read_models_now(
        self, *, within_seconds: float, on_trouble: OnTrouble = lambda _: None
    ) -> tuple[models.Model, ...]:
        """Read which models the account has, trying again while a trouble may go away by itself.

        The API answers all of them at once.

        Raises:
            RequestError: Baseten could not be asked, once the time is up.
        """
        request = self._request("GET", paths.MODELS, "The account's models could not be read.")
        found = await self._retried(
            lambda left: self._connection.send(request, models.read_models, left), within_seconds, on_trouble
        )
        return tuple(model.worded(self._masked) for model in found)

    async def update_environment(  # noqa: PLR0913 - what to send, for how long, and who is told
        self,
        model_id: str,
        env_name: str,
        settings: Settings,
        *,
        within_seconds: float,
        sent_before: SentBefore | None = None,
        on_trouble: OnTrouble = lambda _: None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> str:
        """Send settings, again while a trouble may go away by itself; return Baseten's word on them.

        `on_trouble` is told of each trouble, and `on_turn` is called before anything is sent. What was
        `sent_before` may be there already: it is looked for longer before it is made. Where all there is to
        do is to delete schedules that are gone already, nothing is sent.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
            ScheduleNameError: a name does not tell which schedule at Baseten is meant.
            RequestError: the settings were not taken, or (`may_have_taken_effect`) nobody knows.
        """
        deadline = self._clock.now() + within_seconds
        goal = f"{_settings_of(model_id, env_name)} were not put in force."
        look, patch = (self._request(it, paths.environment(model_id, env_name), goal) for it in ("GET", "PATCH"))
        change = Change(settings, Exchange(self._connection, look, patch, self._clock, on_turn), sent_before)
        try:
            status = await self._retried(change.attempt, within_seconds, on_trouble)
        except NotFoundError as error:
            raise await self._what_is_missing(error, model_id, env_name, deadline) from None
        return self._masked(status)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    async def _retried(
        self, attempt: Callable[[float], Awaitable[_Answer]], within_seconds: float, on_trouble: OnTrouble
    ) -> _Answer:
        return await retrying(attempt, within_seconds=within_seconds, clock=self._clock, on_trouble=on_trouble)

    async def _what_is_missing(
        self, error: NotFoundError, model_id: str, env_name: str, deadline: float
    ) -> RequestError:
        """Tell a missing model from a missing environment; the error itself where Baseten cannot be asked.

        A model is called missing only where the account's models can be listed: a wrong base URL and a proxy answer
        404 to everything, and a refresh would drop every resource from state. Asking takes no more than the time until
        the deadline, but for a second that there always is.
        """
        try:
            names = [*await self._list(paths.environments(model_id), models.read_environments, deadline)]
        except NotFoundError as without_model:
            return await self._what_of_model(error, model_id, without_model.statements.seen, deadline)
        except RequestError:
            return error
        known = failures.missing_environment(error, (model_id, env_name), names, self._api_key)
        return error if env_name in names else known

    async def _what_of_model(self, error: NotFoundError, model_id: str, seen: str, deadline: float) -> RequestError:
        try:
            listed = await self._list(paths.MODELS, models.read_models, deadline)
        except RequestError:
            return error
        if any(model.id == model_id for model in listed):
            return error
        whose_name = naming.whose(model_id, [model.worded(self._masked) for model in listed])
        return failures.missing_model(error, model_id, seen, whose_name)

    async def _list(self, path: str, read: Callable[[bytes], _Answer], deadline: float) -> _Answer:
        left_seconds = max(deadline - self._clock.now(), SHORTEST_LOOKING_UP_SECONDS)
        request = self._request("GET", path, "It could not be listed.")
        return await self._connection.send(request, read, min(left_seconds, LONGEST_LOOKING_UP_SECONDS))

    def _worded(self, environment: models.Environment) -> models.Environment:
        """Take the key out of Baseten's words, which go into state and rows."""
        return environment.worded(self._masked)

    def _masked(self, word: str) -> str:
        return masked(word, self._api_key)

    def _request(self, method: str, path: str, goal: str) -> failures.Request:
        return failures.Request(method, path, goal, self._api_key, self._host)


def _settings_of(model_id: str, env_name: str) -> str:
    return f'Settings of environment "{env_name}" of model "{model_id}"'
