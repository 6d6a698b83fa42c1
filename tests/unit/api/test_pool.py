import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from baseten_pulumi.api.pool import Endpoint, Pool
from tests.unit.api.talking import until

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Keeps its connections open, answers with bytes that may be too few, and numbers connections and requests."""

    def __init__(self) -> None:
        self.answer = WHOLE
        self.connections = 0
        self.requests: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(number)
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[Server, Pool]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    pool = Pool(Endpoint(f"http://127.0.0.1:{port}", "key", is_loopback=True))
    try:
        yield server, pool
    finally:
        await pool.close()
        listening.close()
        await listening.wait_closed()


async def _ask(pool: Pool) -> httpx.AsyncClient:
    async with pool.client() as client:
        assert (await client.get("/v1/models", timeout=5.0)).content == b"{}"
        return client


async def _cancelled_after(iterations: int, task: "asyncio.Task[httpx.AsyncClient]") -> bool:
    for _ in range(iterations):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def working() -> None:
        await work()

    asyncio.run(working())


@pytest.fixture
def pool() -> Pool:
    return Pool(Endpoint("http://127.0.0.1:9", "key", is_loopback=True))


def test_client_given_back_last_is_lent_first_when_there_are_several(pool: Pool) -> None:
    """Its connection is the one most likely to be open still."""

    async def work() -> None:
        async with pool.client() as early:
            async with pool.client() as late:
                assert late is not early
            async with pool.client() as again:
                assert again is late
        async with pool.client() as again:
            assert again is early

    _run(work)


def test_one_client_and_connection_serve_all_when_they_come_one_after_another() -> None:
    """The connection is kept open from one request to the next."""

    async def work() -> None:
        async with _served() as (server, pool):
            assert len({id(await _ask(pool)) for _ in range(20)}) == 1
            assert server.requests == [1] * 20

    _run(work)


def test_clients_are_no_more_than_requests_under_way_when_many_come() -> None:
    """Three at a time need three clients, however many there are in all."""

    async def work() -> None:
        async with _served() as (server, pool):
            places = asyncio.Semaphore(3)

            async def one() -> httpx.AsyncClient:
                async with places:
                    return await _ask(pool)

            clients = await asyncio.gather(*(one() for _ in range(30)))
            assert len({id(client) for client in clients}) <= 3
            assert (len(server.requests), server.connections) == (30, len({id(client) for client in clients}))

    _run(work)


def test_connection_is_not_used_again_when_its_request_failed() -> None:
    """What broke in the middle of an answer is closed, its client too."""

    async def work() -> None:
        async with _served() as (server, pool):
            server.answer = b"nonsense\r\n\r\n"
            with pytest.raises(httpx.RemoteProtocolError):
                async with pool.client() as broken:
                    await broken.get("/v1/models")
            server.answer = WHOLE
            assert await _ask(pool) is not broken
            assert (broken.is_closed, server.requests) == (True, [1, 2])

    _run(work)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", WHOLE[:-1]], ids=["silence", "head", "body"])
def test_connection_is_not_used_again_when_its_request_was_cancelled(answer: bytes) -> None:
    """The rest of that answer would be taken for the next one."""

    async def work() -> None:
        async with _served() as (server, pool):
            first = await _ask(pool)
            server.answer = answer
            task = asyncio.ensure_future(_ask(pool))
            await until(lambda: len(server.requests) == 2)
            task.cancel()
            await asyncio.wait({task})
            assert (task.cancelled(), first.is_closed) == (True, True)
            server.answer = WHOLE
            await _ask(pool)
            assert server.requests == [1, 1, 2]

    _run(work)


@pytest.mark.parametrize("is_connected", [False, True])
def test_next_request_is_answered_when_one_was_cancelled_at_any_moment(is_connected: bool) -> None:
    """Connecting, sending, receiving or closing: nobody waits for a connection that is held for one in use."""

    async def work() -> None:
        iterations, is_cancelled = 0, True
        while is_cancelled:
            async with _served() as (_, pool):
                if is_connected:
                    await _ask(pool)
                is_cancelled = await _cancelled_after(iterations, asyncio.ensure_future(_ask(pool)))
                iterations += 1
                await _ask(pool)

    _run(work)


def test_all_clients_are_closed_when_the_pool_is(pool: Pool) -> None:
    """Those that are lent at that moment too: nothing stays open."""

    async def work() -> None:
        async with pool.client() as lent:
            async with pool.client() as idle:
                pass
            await pool.close()
            assert (lent.is_closed, idle.is_closed) == (True, True)

    _run(work)
