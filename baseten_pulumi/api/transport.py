"""Send one request over HTTP and return its response, or raise an error that says what failed. Retries nothing.

Every request takes an HTTP client of one connection, and gives it back or, if the request did not complete, closes it.
One shared `httpx.AsyncClient` does not survive cancelled requests. With httpx 0.28.1 and httpcore 1.0.9, start 100
requests through a pool of 16 connections and cancel them one iteration of the event loop later: each of the next 64
requests ends in `httpx.PoolTimeout`, because the pool counts 16 connections as being opened for ever.
`tests/unit/api/test_transport.py` repeats it. Looking for a free connection among 16 also costs as much processor time
as the request.
"""

import asyncio
import base64
import ipaddress
import platform
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from baseten_pulumi.api import failures
from baseten_pulumi.api.failures import Request, Response
from baseten_pulumi.api.throttle import Throttle
from baseten_pulumi.config import Endpoint
from baseten_pulumi.errors import ConfigurationError, Message, RateLimitedError
from baseten_pulumi.version import __version__

# More concurrent requests are slower: 200 environments took 3.5 s with 10 to 20 connections and 5.8 s with 200.
MAX_CONNECTIONS = 16
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0
# A response that arrives byte by byte must not use up the time of a whole wait.
LONGEST_REQUEST_SECONDS = 60.0
SHORTEST_TIMEOUT_SECONDS = 0.1
LARGEST_RESPONSE_BYTES = 4 * 1024 * 1024
# httpx's own timeouts, which know whether the request was sent, come first.
_GRACE_SECONDS = 0.5
_CANCEL_AGAIN_SECONDS = 0.2
_REDACTED = b"[redacted]"
# A shorter key, which only an emulator has, could occur in a response by chance.
_SHORTEST_REDACTED = 8

_Result = TypeVar("_Result")


class Transport:
    """Send requests to one endpoint, within Baseten's rate limit. Belongs to one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._throttle = Throttle(MAX_CONNECTIONS)
        self._api_key = _spellings(endpoint.api_key)
        self._clients: set[httpx.AsyncClient] = set()
        try:
            self._proxy = _proxy(endpoint)
            self._tls = _ssl_context(endpoint.base_url)
            self._idle = [self._open()]
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            raise _unusable_variables(error) from None

    async def send(
        self, request: Request, timeout: float, *, body: Any = None, on_send: Callable[[], None] = lambda: None
    ) -> Response:
        """Send a request and return its response, which is a success.

        Args:
            request: What to send.
            timeout: Seconds it may take, the wait for the rate limit included.
            body: Sent as JSON; None for no body.
            on_send: Called right before it is sent: until then Baseten knows nothing of it.

        Raises:
            RequestError: the response is not a success, or none arrived in time.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        is_sent = False

        async def exchange() -> tuple[float, Response]:
            nonlocal is_sent
            async with self._throttle.slot(request.endpoint) as sent_at:
                is_sent = True
                on_send()
                total = min(max(deadline - sent_at, SHORTEST_TIMEOUT_SECONDS), LONGEST_REQUEST_SECONDS)
                return sent_at, await _at_most(total + _GRACE_SECONDS, self._read(request, body, total))

        try:
            sent_at, response = await _at_most(timeout + _GRACE_SECONDS, exchange())
        # OSError: httpcore passes on the ssl.SSLError of a response that is not TLS.
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError, asyncio.TimeoutError) as error:
            if not is_sent:
                raise failures.not_sent(request, timeout) from None
            raise failures.from_exception(request, error, self._redacted) from None
        if 200 <= response.status < 300:  # noqa: PLR2004 - success, as HTTP defines it
            return response
        failure = failures.from_response(request, response)
        if isinstance(failure, RateLimitedError):
            self._throttle.rate_limited(sent_at, failure.retry_after)
        raise failure

    async def close(self) -> None:
        """Close every connection, those in use too."""
        while self._clients:
            await self._clients.pop().aclose()

    async def _read(self, request: Request, body: Any, timeout: float) -> Response:
        """Send a request and read its response, up to a size far beyond any response of the API."""
        read = min(READ_TIMEOUT_SECONDS, timeout)
        timeouts = httpx.Timeout(read, connect=min(CONNECT_TIMEOUT_SECONDS, read))
        content = bytearray()
        async with (
            self._client() as client,
            client.stream(request.method, request.path, json=body, timeout=timeouts) as response,
        ):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > LARGEST_RESPONSE_BYTES:
                    raise failures.too_large(request, response.status_code, LARGEST_RESPONSE_BYTES)
            headers = {
                name.decode("latin-1").lower(): self._redacted(value.decode("latin-1"))
                for name, value in response.headers.raw
            }
            return Response(response.status_code, headers, self._redact(bytes(content)))

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Use a client of one connection, which is closed if the request does not complete."""
        client = self._idle.pop() if self._idle else self._open()
        try:
            yield client
        except BaseException:
            self._clients.discard(client)
            await client.aclose()
            raise
        self._idle.append(client)

    def _open(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self._endpoint.base_url,
            headers={
                "Authorization": f"Api-Key {self._endpoint.api_key}",
                "User-Agent": f"baseten-pulumi/{__version__} python/{platform.python_version()}",
                "Accept-Encoding": "gzip, deflate",
            },
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            proxy=self._proxy,
            trust_env=False,  # httpx refuses all variables for one entry of NO_PROXY that it cannot read
            verify=self._tls,
        )
        self._clients.add(client)
        return client

    def _redact(self, content: bytes) -> bytes:
        """Remove the API key from what Baseten or a proxy sent, before anything reads it."""
        return self._api_key.sub(_REDACTED, content)

    def _redacted(self, text: str) -> str:
        return self._redact(text.encode(errors="replace")).decode(errors="replace")


def _spellings(api_key: str) -> "re.Pattern[bytes]":
    """Match the key plain, escaped in a URL, in JSON or in HTML, and in base64 at each of three offsets."""
    if len(api_key) < _SHORTEST_REDACTED:
        return re.compile(b"(?!)")
    spellings = {"".join(map(_escaped, api_key))}
    for offset in range(3):
        first, last = -(-offset * 8 // 6), (offset + len(api_key)) * 8 // 6
        padded = bytes(offset) + api_key.encode()
        spellings |= {
            re.escape(encode(padded)[first:last].decode()) for encode in (base64.b64encode, base64.urlsafe_b64encode)
        }
    return re.compile("|".join(spellings).encode())


def _escaped(character: str) -> str:
    """Match a character of the key; escapes may be escaped again."""
    if character.isalnum():
        return character
    plain, code = re.escape(character), ord(character)
    return rf"(?:\\*{plain}|%(?:25)*(?i:{code:02x})|\\+u(?i:{code:04x})|&[#\w]+;)"


def _ssl_context(base_url: str) -> ssl.SSLContext:
    """Return the certificates to trust. Loading them takes longer than most requests, and plain http needs none."""
    if urlsplit(base_url).scheme == "https":
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy(endpoint: Endpoint) -> str | None:
    """Return the proxy that HTTPS_PROXY and the like name; None for this machine and for what NO_PROXY names."""
    url, proxies = urlsplit(endpoint.base_url), getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or endpoint.is_loopback or proxy_bypass(url.netloc):
        return None
    if any(_is_in_network(url.hostname or "", entry.strip()) for entry in proxies.get("no", "").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_in_network(host: str, entry: str) -> bool:
    """Return whether an entry of NO_PROXY is an address or a network with the host in it; urllib knows names alone."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False


def _unusable_variables(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        Message(
            failed="Baseten cannot be reached.",
            observed=f"The proxy or certificate variables cannot be used: {str(error).rstrip('.')}.",
            state="Nothing was sent.",
            action="Correct HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        )
    )


async def _at_most(seconds: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine, which has ended when this returns.

    `asyncio.wait_for` loses a cancellation that arrives together with the result, before Python 3.12.

    Raises:
        asyncio.TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        await _end(task)
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


async def _end(task: "asyncio.Future[Any]") -> None:
    """Cancel a task until it has ended: httpcore can swallow a cancellation."""
    try:
        while task.cancel():
            await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)
    except asyncio.CancelledError:
        await _end(task)
        raise
