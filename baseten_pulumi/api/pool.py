"""HTTP clients of one connection each.

The HTTP library's own pool looks at each of its connections for every request; with 16 of them that costs as much as
the request itself (2.9 ms of processor time in place of 1.4, measured). How many requests are under way at once is
decided elsewhere, so that here a connection is taken and given back, the latest first.

A request that broke off takes its client with it: cancelled at the wrong moment, the HTTP library (httpcore 1.0) holds
the connection for one in use for ever, and every later request of that client would wait for it in vain.
"""

import platform
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from baseten_pulumi.api.bodies import ACCEPTED_ENCODINGS
from baseten_pulumi.errors import ConfigurationError, Statements
from baseten_pulumi.version import __version__


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


class Pool:
    """As many clients of one endpoint as are in use at once; to be used on one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._headers = {
            "Authorization": f"Api-Key {endpoint.api_key}",
            "User-Agent": _user_agent(),
            "Accept-Encoding": ACCEPTED_ENCODINGS,
        }
        self._clients: set[httpx.AsyncClient] = set()
        try:
            self._tls = _tls(endpoint)
            self._idle = [self._opened()]
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as reason:
            raise _unusable_environment(reason) from None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client for one request; it is closed where that raises, else lent again."""
        client = self._idle.pop() if self._idle else self._opened()
        try:
            yield client
        except BaseException:
            self._clients.discard(client)
            await client.aclose()
            raise
        self._idle.append(client)

    async def close(self) -> None:
        """Close every connection, of requests under way too."""
        while self._clients:
            await self._clients.pop().aclose()

    def _opened(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self._endpoint.base_url,
            headers=self._headers,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            trust_env=not self._endpoint.is_loopback,
            verify=self._tls,
        )
        self._clients.add(client)
        return client


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    """Return what certificates are judged by. Loading those to trust takes longer than most requests; http has none."""
    if endpoint.base_url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context(trust_env=not endpoint.is_loopback)


def _unusable_environment(reason: Exception) -> ConfigurationError:
    return ConfigurationError(
        Statements(
            goal="Baseten could not be asked.",
            seen=f"The environment's proxy or certificate variables cannot be used: {str(reason).rstrip('.')}.",
            now="Nothing was sent.",
            advice="Correct HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        )
    )


def _user_agent() -> str:
    return f"baseten-pulumi/{__version__} python/{platform.python_version()}"
