import asyncio
import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from baseten_pulumi.api.background import IDLE_SECONDS, BackgroundLoop, SharedByEndpoint, SharedReads, background_loop
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.config import Endpoint
from baseten_pulumi.errors import BasetenError, Message, OperationCancelledError
from baseten_pulumi.testing import Emulator
from tests.virtual_time import run

LONGEST_SECONDS = 60.0
ENDPOINT, OTHER = Endpoint("https://api.baseten.co", "key"), Endpoint("https://api.baseten.co", "other")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


# --- the loop -------------------------------------------------------------------------------------------------------


def test_work_runs_side_by_side_when_several_threads_wait_for_it(threads: ThreadPoolExecutor) -> None:
    waiting: list[asyncio.Future[None]] = []

    async def meet(name: str) -> str:
        waiting.append(asyncio.get_running_loop().create_future())
        if len(waiting) == 3:
            for each in waiting:
                each.set_result(None)
        await waiting[-1]
        return name

    results = [threads.submit(background_loop().run, meet(name)) for name in "abc"]
    assert [it.result(LONGEST_SECONDS) for it in results] == ["a", "b", "c"]


def test_caller_context_is_left_behind_when_work_is_submitted() -> None:
    """What the loop keeps for later must not keep a whole program alive."""
    variable: ContextVar[str] = ContextVar("variable", default="nothing")

    async def get() -> str:
        return variable.get()

    variable.set("a program")
    assert background_loop().run(get()) == "nothing"


def test_work_is_cancelled_when_something_swallows_a_cancellation(threads: ThreadPoolExecutor) -> None:
    loop, has_begun = BackgroundLoop(), threading.Event()

    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                has_begun.set()
                await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    running = threads.submit(loop.run, stubborn())
    assert has_begun.wait(LONGEST_SECONDS)
    loop.cancel()
    with pytest.raises(OperationCancelledError) as caught:
        running.result(LONGEST_SECONDS)
    assert str(caught.value) == "The operation did not complete.\nPulumi cancelled it.\nRun it again."


def test_work_says_what_it_was_about_when_it_comes_after_the_cancellation(threads: ThreadPoolExecutor) -> None:
    loop = BackgroundLoop()

    async def waiting() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise BasetenError(Message("Settings were not updated.", "", "", "")) from None

    loop.cancel()
    with pytest.raises(BasetenError, match="Settings were not updated"):
        threads.submit(loop.run, waiting()).result(LONGEST_SECONDS)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_loop_and_clients_are_new_when_the_process_was_forked() -> None:
    """A child has no thread that runs the loop of its parent, and must not share its connections."""
    shared = SharedByEndpoint(BasetenClient)

    async def count(endpoint: Endpoint) -> int:
        async with shared.use(endpoint) as client:
            return len(await client.list_models(timeout=10.0))

    with Emulator() as emulator:
        endpoint = Endpoint(emulator.url, "any")
        models = len(emulator.models())
        before = background_loop()

        def in_child(found: "multiprocessing.SimpleQueue[tuple[int, bool]]") -> None:
            found.put((background_loop().run(count(endpoint)), background_loop() is before))

        assert before.run(count(endpoint)) == models
        context = multiprocessing.get_context("fork")
        found: multiprocessing.SimpleQueue[tuple[int, bool]] = context.SimpleQueue()
        child = context.Process(target=in_child, args=(found,), daemon=True)
        child.start()
        child.join(LONGEST_SECONDS)
        assert child.exitcode == 0
        assert found.get() == (models, False)
        assert background_loop() is before
        assert before.run(count(endpoint)) == models


# --- what is shared -------------------------------------------------------------------------------------------------


class Connections:
    """Remembers when it was closed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.closed_at: float | None = None

    async def close(self) -> None:
        assert self.closed_at is None
        self.closed_at = asyncio.get_running_loop().time()


def test_object_is_shared_when_it_is_used_within_five_seconds() -> None:
    async def work() -> None:
        shared = SharedByEndpoint(Connections)
        async with shared.use(ENDPOINT) as first, shared.use(ENDPOINT) as second, shared.use(OTHER) as other:
            assert first is second
            assert (first.endpoint, other.endpoint) == (ENDPOINT, OTHER)
            await asyncio.sleep(100.0)
        await asyncio.sleep(IDLE_SECONDS - 1)
        async with shared.use(ENDPOINT) as again:
            assert again is first
        await asyncio.sleep(IDLE_SECONDS + 1)
        assert (first.closed_at, other.closed_at) == (100.0 + 2 * IDLE_SECONDS - 1, 100.0 + IDLE_SECONDS)
        async with shared.use(ENDPOINT) as new:
            assert new is not first
            await asyncio.sleep(100.0)
            assert new.closed_at is None

    run(work())


class Reads:
    """Reads that take a second each; counts them."""

    def __init__(self) -> None:
        self.shared = SharedReads()
        self.sent: list[str] = []

    async def read(self, key: str) -> str:
        async def send() -> str:
            self.sent.append(key)
            await asyncio.sleep(1.0)
            if key == "missing":
                raise KeyError(key)
            return f"{key} {len(self.sent)}"

        return await self.shared.read(key, send)


def test_equal_reads_become_one_when_they_are_made_at_the_same_time() -> None:
    async def work() -> None:
        reads = Reads()
        found = await asyncio.gather(
            *map(reads.read, "aabb"), *map(reads.read, ["missing"] * 2), return_exceptions=True
        )
        assert [*map(str, found)] == ["a 3", "a 3", "b 3", "b 3", "'missing'", "'missing'"]
        assert await reads.read("a") == "a 4"
        assert reads.sent == ["a", "b", "missing", "a"]

    run(work())


def test_read_goes_on_when_one_of_those_who_share_it_is_cancelled() -> None:
    async def work() -> None:
        reads = Reads()
        first, second = (asyncio.ensure_future(reads.read("a")) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second == "a 1"
        assert first.cancelled()

    run(work())
