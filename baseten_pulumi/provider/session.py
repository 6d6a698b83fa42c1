"""The client and the watcher that every resource with the same endpoint shares."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from baseten_pulumi.api.background import SharedByEndpoint, background_loop
from baseten_pulumi.config import Config, Endpoint
from baseten_pulumi.errors import Message, RequestTimeoutError
from baseten_pulumi.schema.settings import Settings
from baseten_pulumi.wait.watcher import Watcher

# What the environment had before the last request of each revision. The process lives as long as one operation of
# Pulumi, in which the joint wait follows the requests.
former_settings: dict[str, Settings] = {}

_Result = TypeVar("_Result")


class Session:
    """A client for one endpoint, and the watcher that polls through it.

    Attributes:
        client: Sends requests.
        watcher: Waits for settings.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        from baseten_pulumi.api.client import BasetenClient  # httpx and pydantic, which no preview needs

        self.client = BasetenClient(endpoint)
        self.watcher = Watcher(self.client)
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def exclusive(self, model_id: str, env_name: str, timeout: float, failed: str) -> AsyncIterator[float]:
        """Be the only one that changes an environment; yields the seconds that are then left of `timeout`.

        Raises:
            RequestTimeoutError: others did not end in time. `failed` is what the error says first.
        """
        now, lock = asyncio.get_running_loop().time, self._locks[model_id, env_name]
        deadline = now() + timeout
        acquiring = asyncio.ensure_future(lock.acquire())
        try:
            await asyncio.wait({acquiring}, timeout=timeout)
            if not acquiring.done():
                observed = f"Another request that changes the environment did not finish within {timeout:.0f} s."
                raise RequestTimeoutError(Message(failed, observed, "Nothing was changed.", "Try again."))
            yield deadline - now()
        finally:
            if not acquiring.cancel():  # it has the lock; `asyncio.wait_for` can lose one before Python 3.12
                lock.release()

    async def close(self) -> None:
        """Close every connection."""
        await self.client.close()


_sessions = SharedByEndpoint(Session)


def run(config: Config, work: Callable[[Session], Awaitable[_Result]]) -> _Result:
    """Run asynchronous work with the session of the configured endpoint; return its result.

    Raises:
        ConfigurationError: there is no API key, or something configured is malformed; nothing was sent.
        OperationCancelledError: Pulumi cancelled the operation, and the work raised nothing else.
    """
    endpoint = config.endpoint()

    async def working() -> _Result:
        async with _sessions.use(endpoint) as session:
            return await work(session)

    return background_loop().run(working())
