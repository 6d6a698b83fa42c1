"""Baseten's management API, as much of it as this package needs."""

import asyncio
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
import pydantic

from baseten_pulumi.api import failures, models
from baseten_pulumi.api.retrying import retrying
from baseten_pulumi.clock import Clock
from baseten_pulumi.errors import ConfigurationError, NotFoundError, RequestError, Statements
from baseten_pulumi.fields import Settings

# More requests in flight are slower: measured with 200 environments, 3.5 s with 10 to 20 connections, 5.8 s with 200.
MAX_CONNECTIONS = 16
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0
# A body that trickles in is given up, so that one poll cannot use up the time of a whole wait.
LONGEST_ANSWER_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
# Telling what a 404 is about is worth no longer wait than this.
LOOKING_UP_SECONDS = 10.0
_OF_THE_TRANSFER = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
# A request at the very end of the time still gets long enough to be answered.
SHORTEST_TIMEOUT_SECONDS = 0.1
# The HTTP library limits each read, not their sum: an answer that trickles in would never end. Its own limits, which
# know whether the request was sent, come first.
OVERRUN_SECONDS = 0.5

_Answer = TypeVar("_Answer")
OnTrouble: TypeAlias = Callable[[RequestError], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Baseten is and who asks.

    Attributes:
        base_url: URL in front of `/v1`, without a trailing slash.
        api_key: Sent with every request; shown nowhere.
        is_loopback: Whether the host is this machine; proxies are not used for it.
    """

    base_url: str
    api_key: str = field(repr=False)
    is_loopback: bool = False


class BasetenClient:
    """Speak to one account at Baseten; to be used on one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._api_key = endpoint.api_key
        self._host = endpoint.base_url
        self._clock = clock
        self._http = _http_client(endpoint)

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> models.Environment:
        """Read one environment, once.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment; which of the two is missing was
                asked with a second request.
            RequestError: the answer was another, or none came in time.
        """
        goal = f"{_settings_of(model_id, env_name)} could not be read."
        request = self._request("GET", _environment_path(model_id, env_name), goal)
        try:
            return await self._send(request, models.read_environment, within_seconds)
        except NotFoundError as error:
            raise await self._what_is_missing(error, model_id, env_name) from None

    async def read_environments(self, model_id: str, *, within_seconds: float) -> dict[str, models.Environment]:
        """Read every environment of a model with one request, once; return them by name.

        Raises:
            ModelNotFoundError: there is no such model; the account's models were asked for with a second request.
            RequestError: the answer was another, or none came in time.
        """
        request = self._request(
            "GET", _environments_path(model_id), f'Environments of model "{model_id}" could not be read.'
        )
        try:
            return await self._send(request, models.read_environments, within_seconds)
        except NotFoundError as error:
            raise await self._what_of_model(error, model_id, error.statements.seen) from None

    async def read_environment_now(
        self, model_id: str, env_name: str, *, within_seconds: float, on_trouble: OnTrouble = lambda _: None
    ) -> models.Environment:
        """Read one environment, trying again while a trouble may go away by itself; `on_trouble` is told of each.

        Raises:
            RequestError: as `read_environment`, once the time is up.
        """
        return await retrying(
            lambda left: self.read_environment(model_id, env_name, within_seconds=left),
            within_seconds=within_seconds,
            clock=self._clock,
            on_trouble=on_trouble,
        )

    async def update_environment(
        self,
        model_id: str,
        env_name: str,
        settings: Settings,
        *,
        within_seconds: float,
        on_trouble: OnTrouble = lambda _: None,
    ) -> str:
        """Send settings, again while a trouble may go away by itself; return Baseten's word on them.

        Raises:
            ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
            RequestError: the settings were not taken, or (`may_have_taken_effect`) nobody knows.
        """
        goal = f"{_settings_of(model_id, env_name)} were not put in force."
        request = self._request("PATCH", _environment_path(model_id, env_name), goal)
        body = models.update_body(settings)
        try:
            return await retrying(
                lambda left: self._send(request, models.read_update_status, left, body),
                within_seconds=within_seconds,
                clock=self._clock,
                on_trouble=on_trouble,
            )
        except NotFoundError as error:
            raise await self._what_is_missing(error, model_id, env_name) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _what_is_missing(self, error: NotFoundError, model_id: str, env_name: str) -> RequestError:
        """Tell a missing model from a missing environment; the error itself where Baseten cannot be asked.

        A model is called missing only where the account's models can be listed: a wrong base URL and a proxy answer
        404 to everything, and a refresh would drop every resource from state.
        """
        try:
            names = [*await self._list(_environments_path(model_id), models.read_environments)]
        except NotFoundError as without_model:
            return await self._what_of_model(error, model_id, without_model.statements.seen)
        except RequestError:
            return error
        known = failures.missing_environment(error, (model_id, env_name), names, self._api_key)
        return error if env_name in names else known

    async def _what_of_model(self, error: NotFoundError, model_id: str, seen: str) -> RequestError:
        try:
            is_listed = model_id in await self._list("/v1/models", models.read_model_ids)
        except RequestError:
            return error
        return error if is_listed else failures.missing_model(error, model_id, seen)

    async def _list(self, path: str, read: Callable[[bytes], _Answer]) -> _Answer:
        return await self._send(self._request("GET", path, "It could not be listed."), read, LOOKING_UP_SECONDS)

    async def _send(
        self,
        request: failures.Request,
        read: Callable[[bytes], _Answer],
        within_seconds: float,
        body: dict[str, Any] | None = None,
    ) -> _Answer:
        total = min(max(within_seconds, SHORTEST_TIMEOUT_SECONDS), LONGEST_ANSWER_SECONDS)
        phase = min(READ_TIMEOUT_SECONDS, total)
        timeout = httpx.Timeout(phase, connect=min(CONNECT_TIMEOUT_SECONDS, phase))
        try:
            response = await asyncio.wait_for(self._exchange(request, body, timeout), total + OVERRUN_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, asyncio.TimeoutError) as exception:
            raise failures.from_exception(request, exception) from None
        if not response.is_success:
            raise failures.from_response(request, response)
        try:
            return read(response.content)
        except pydantic.ValidationError as reason:
            raise failures.from_unreadable(request, response, reason) from None

    async def _exchange(
        self, request: failures.Request, body: dict[str, Any] | None, timeout: httpx.Timeout
    ) -> httpx.Response:
        """Send a request and read its answer, up to a size that no answer of the API comes near."""
        async with self._http.stream(request.method, request.path, json=body, timeout=timeout) as streamed:
            content = bytearray()
            async for piece in streamed.aiter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER_BYTES:
                    raise failures.too_large(request, streamed.status_code, LARGEST_ANSWER_BYTES)
            # As bytes: as text, a header that is not ASCII would be refused.
            kept = [(name, value) for name, value in streamed.headers.raw if name.lower() not in _OF_THE_TRANSFER]
            return httpx.Response(streamed.status_code, headers=kept, content=bytes(content))

    def _request(self, method: str, path: str, goal: str) -> failures.Request:
        return failures.Request(method, path, goal, self._api_key, self._host)


def _http_client(endpoint: Endpoint) -> httpx.AsyncClient:
    headers = {"Authorization": f"Api-Key {endpoint.api_key}", "User-Agent": _user_agent()}
    try:
        return httpx.AsyncClient(
            base_url=endpoint.base_url,
            headers=headers,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            trust_env=not endpoint.is_loopback,
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as reason:
        raise ConfigurationError(
            Statements(
                goal="Baseten could not be asked.",
                seen=f"The environment's proxy or certificate variables cannot be used: {str(reason).rstrip('.')}.",
                now="Nothing was sent.",
                advice="Correct HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            )
        ) from None


def _settings_of(model_id: str, env_name: str) -> str:
    return f'Settings of environment "{env_name}" of model "{model_id}"'


def _environments_path(model_id: str) -> str:
    return f"/v1/models/{quote(model_id, safe='')}/environments"


def _environment_path(model_id: str, env_name: str) -> str:
    return f"{_environments_path(model_id)}/{quote(env_name, safe='')}"


def _user_agent() -> str:
    try:
        release = version("baseten-pulumi")
    except PackageNotFoundError:  # a copy inside somebody's own tree
        release = "unreleased"
    return f"baseten-pulumi/{release} python/{platform.python_version()}"
