import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError
from baseten_pulumi.provider import session as sessions
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.session import Session, open_session

AT_ONCE = 8


def _configuration(**environ: str) -> Configuration:
    return Configuration(
        lambda key: None, {"BASETEN_API_KEY": "k", "BASETEN_BASE_URL": "http://127.0.0.1:9", **environ}
    )


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's sessions, whose connections stay open with them."""
    monkeypatch.setattr(sessions, "_sessions", {})


def test_session_is_shared_when_the_endpoint_is_the_same() -> None:
    """One client serves every resource, whichever instance of the provider asks."""
    assert open_session(_configuration()) is open_session(_configuration())


@pytest.mark.parametrize("other", [{"BASETEN_API_KEY": "k2"}, {"BASETEN_BASE_URL": "http://127.0.0.1:10"}])
def test_session_is_another_when_key_or_address_differ(other: dict[str, str]) -> None:
    """Two keys never share a client."""
    assert open_session(_configuration()) is not open_session(_configuration(**other))


def test_one_session_is_opened_when_several_calls_come_first_together() -> None:
    """Pulumi's host answers on several threads from the start: they meet one client and one loop."""
    together = threading.Barrier(AT_ONCE)

    def opening(_: int) -> Session:
        together.wait(timeout=60)
        return open_session(_configuration())

    with ThreadPoolExecutor(AT_ONCE) as threads:
        opened = list(threads.map(opening, range(AT_ONCE)))
    assert len({id(session) for session in opened}) == 1


def test_work_runs_on_one_daemon_thread_when_several_sessions_run_it() -> None:
    """A client's connections belong to one loop, and the thread never keeps the process alive."""

    async def where() -> tuple[int, bool, asyncio.AbstractEventLoop]:
        thread = threading.current_thread()
        return id(thread), thread.daemon, asyncio.get_running_loop()

    first = open_session(_configuration()).run(where())
    second = open_session(_configuration(BASETEN_API_KEY="k2")).run(where())
    assert first == second
    assert first[1] is True


def test_error_of_the_work_is_the_callers_when_it_fails() -> None:
    """It comes out of `run` as it was raised."""

    async def failing() -> None:
        raise LookupError("as it was")

    with pytest.raises(LookupError, match="as it was"):
        open_session(_configuration()).run(failing())


def test_session_is_not_opened_when_something_is_not_configured() -> None:
    """Without a key, or with a malformed address, nothing is asked."""
    with pytest.raises(MissingApiKeyError):
        open_session(_configuration(BASETEN_API_KEY=""))
    with pytest.raises(ConfigurationError):
        open_session(_configuration(BASETEN_BASE_URL="http://example.com"))
