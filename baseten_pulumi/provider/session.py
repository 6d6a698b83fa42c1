"""One event loop and one client for every resource of the process.

Pulumi's host answers calls on threads of its own and may hold several instances of the provider; they all share these.
"""

import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.clock import SystemClock
from baseten_pulumi.convergence.watching import Watcher
from baseten_pulumi.provider.configuration import Configuration, is_loopback
from baseten_pulumi.provider.loop import shared_loop

if TYPE_CHECKING:
    from baseten_pulumi.provider.identity import Identity

_Result = TypeVar("_Result")

# A client belongs to one loop and is made once, however many threads miss it together.
_opening = threading.Lock()
_sessions: "dict[Endpoint, Session]" = {}


class Session:
    """A client for one endpoint, the watcher that reads through it, and the loop they live on.

    Attributes:
        clock: Tells the time and waits.
        client: Asks Baseten.
        watcher: Waits for settings.
        sent: Every environment that settings were sent to by this process, which lives as long as one run of Pulumi.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._loop = shared_loop()
        self.clock = SystemClock()
        self.client = BasetenClient(endpoint, self.clock)
        self.watcher = Watcher(self.client, self.clock)
        self.sent: set[Identity] = set()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine on the loop and return its result; for any thread but the loop's own.

        Raises:
            RunCancelledError: Pulumi cancelled the run.
        """
        return self._loop.run(work)

    def begin(self, work: Coroutine[Any, Any, _Result]) -> Future[_Result]:
        """Have a coroutine run on the loop, and return where its result will be; for any thread."""
        return self._loop.begin(work)


def open_session(configuration: Configuration) -> Session:
    """Return the session for what is configured.

    Raises:
        ConfigurationError: there is no API key, or the base URL is malformed.
    """
    base_url = configuration.base_url()
    endpoint = Endpoint(base_url, configuration.api_key(), is_loopback(base_url))
    if endpoint not in _sessions:
        with _opening:
            if endpoint not in _sessions:
                _sessions[endpoint] = Session(endpoint)
    return _sessions[endpoint]
