import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from baseten_pulumi.errors import BasetenError, RunCancelledError, Statements
from baseten_pulumi.provider import engine
from baseten_pulumi.provider import loop as loops
from baseten_pulumi.provider.loop import Loop

SECONDS_TO_END = 60.0


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_work_ends_when_something_between_swallows_a_cancellation(loop: Loop, threads: ThreadPoolExecutor) -> None:
    """A library may drop one that comes together with an answer: it is repeated until the work has ended."""
    begun = threading.Event()

    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                begun.set()
                await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    running = threads.submit(loop.run, stubborn())
    assert begun.wait(SECONDS_TO_END)
    loop.cancel()
    with pytest.raises(RunCancelledError) as caught:
        running.result(SECONDS_TO_END)
    assert str(caught.value).splitlines()[1] == "Pulumi cancelled the run. Nothing was sent."


def test_work_says_what_it_was_about_when_it_comes_after_the_cancellation(loop: Loop) -> None:
    """It takes its first step, meets the cancellation where it waits, and its own words come out."""

    async def waiting() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise BasetenError(Statements("Goal.", "Seen.", "", "Advice.")) from None

    loop.cancel()
    with pytest.raises(BasetenError, match="Goal"):
        loop.run(waiting())


def test_work_in_the_background_goes_on_when_the_rest_is_cancelled(loop: Loop) -> None:
    """Whoever watches the engine is not part of the run."""
    ended = threading.Event()

    async def background() -> None:
        await asyncio.sleep(0.05)
        ended.set()

    loop.start(background())
    loop.cancel()
    assert ended.wait(SECONDS_TO_END)


def test_process_is_interrupted_again_when_it_serves_on_without_its_engine(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt that another thread takes leaves the main one asleep, and the process would stay for ever."""
    interrupted: list[tuple[int, int]] = []
    serving = iter([True, True, False])

    async def gone(host: str, port: int) -> None:
        return

    monkeypatch.setattr(engine, "until_gone", gone)
    monkeypatch.setattr(loops, "_INTERRUPT_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.default_int_handler)
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: interrupted.append((thread, number)))
    asyncio.run(loops._end_with_engine(loop, "127.0.0.1", 9, lambda: next(serving)))
    assert interrupted == 3 * [(threading.main_thread().ident, signal.SIGINT)]
