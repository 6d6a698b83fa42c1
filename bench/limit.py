"""The limit: what bare asyncio and httpx need, with the best settings known and nothing of this package."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx

from bench.fleet import SETTINGS, Fleet, Member

CONNECTIONS = 15
"""Best of 5 to 200, measured with 200 environments."""
POLL_SECONDS = 0.25
SHARE_OF_THE_LIMIT = 0.98
BURST_SECONDS = 0.9
"""Just below what is allowed: requests arrive less evenly than they are sent, and a refusal costs a second."""
_TOO_MANY_REQUESTS = 429


def seconds_to_apply(url: str, api_key: str, fleet: Fleet, per_second: float) -> float:
    """Apply a whole fleet's settings; return how many seconds that took."""
    began = time.perf_counter()
    asyncio.run(_apply(url, api_key, fleet, per_second))
    return time.perf_counter() - began


class Pace:
    """Give out turns at a rate, in order; after a pause as many at once as BURST_SECONDS allow."""

    def __init__(self, per_second: float) -> None:
        self._interval_seconds = 1 / per_second
        self._due = 0.0

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        await asyncio.sleep(self.take(asyncio.get_running_loop().time()))

    def take(self, now: float) -> float:
        """Take the next turn, and return in how many seconds it comes."""
        self._due = max(self._due, now - BURST_SECONDS) + self._interval_seconds
        return max(0.0, self._due - now)


class Bare:
    """Send and ask, each kind of request at its own pace."""

    def __init__(self, client: httpx.AsyncClient, per_second: float) -> None:
        self._client = client
        self._patching = Pace(per_second * SHARE_OF_THE_LIMIT)
        self._listing = Pace(per_second * SHARE_OF_THE_LIMIT)

    async def apply_model(self, model_id: str, members: Sequence[Member]) -> None:
        """Send everything for one model at once, then read its list until everything shows."""
        path = f"/v1/models/{model_id}/environments"
        sent = (self._answered(self._patching, "PATCH", f"{path}/{each.env_name}", SETTINGS) for each in members)
        await asyncio.gather(*sent)
        while True:
            if _all_applied(await self._answered(self._listing, "GET", path), members):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _answered(self, pace: Pace, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        while True:
            await pace.turn()
            response = await self._client.request(method, path, json=body)
            if response.status_code != _TOO_MANY_REQUESTS:
                return response.raise_for_status().json()
            await asyncio.sleep(float(response.headers["retry-after"]))


async def _apply(url: str, api_key: str, fleet: Fleet, per_second: float) -> None:
    headers = {"Authorization": f"Api-Key {api_key}"}
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=60, trust_env=False) as client:
        bare = Bare(client, per_second)
        await asyncio.gather(*(bare.apply_model(*model) for model in fleet.by_model().items()))


def _all_applied(answer: Any, members: Sequence[Member]) -> bool:
    reported = {environment["name"]: environment for environment in answer["environments"]}
    return all(_is_applied(reported[member.env_name]) for member in members)


def _is_applied(environment: dict[str, Any]) -> bool:
    return all(
        environment[group][name] == value for group, settings in SETTINGS.items() for name, value in settings.items()
    )
