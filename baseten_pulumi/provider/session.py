"""The client and the watcher that every resource with the same endpoint shares."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from baseten_pulumi.api.background import SharedByEndpoint, background_loop
from baseten_pulumi.config import Config, Endpoint
from baseten_pulumi.wait.watcher import Watcher

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
