import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from baseten_pulumi.testing.emulator.app import Services, application, request_log
from baseten_pulumi.testing.emulator.environment import Application
from baseten_pulumi.testing.emulator.faults import Arrival, Fault, Faults
from baseten_pulumi.testing.emulator.limiting import RateLimit
from baseten_pulumi.testing.emulator.recording import RequestLog
from baseten_pulumi.testing.emulator.store import Store

if TYPE_CHECKING:
    from tests.unit.testing.emulator.conftest import HandClock

ENVIRONMENT = "/v1/models/m1/environments/production"


class Served:
    """The application without a server, its clock moved by hand."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self.faults = Faults()
        self.log = RequestLog()
        limit = RateLimit(3, clock)
        self.app = application(Services(store, self.faults, limit, clock, request_log(self.log, None), lambda _: None))

    def asked(self, method: str, path: str, body: Any = None, key: str = "k1") -> httpx.Response:
        """Ask without a network; the transport cannot drop a connection."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                return await client.request(method, path, json=body, headers={"Authorization": f"Api-Key {key}"})

        return asyncio.run(ask())


@pytest.fixture
def served(store: Store, clock: "HandClock") -> Served:
    return Served(store, clock)


def test_a_request_is_recorded_when_it_arrived_on_the_clock(served: Served, clock: "HandClock") -> None:
    """The record has the time of arrival and never the key."""
    clock.seconds = 1234.5
    served.asked("PATCH", ENVIRONMENT, {"autoscaling_settings": {"max_replica": 6}}, key="s3cret")
    (record,) = served.log.all()
    assert (record.at_seconds, record.outcome) == (1234.5, "ACCEPTED")
    assert "s3cret" not in repr(record)


def test_a_refused_request_costs_no_token_when_it_carries_no_key(served: Served) -> None:
    """The limit counts keys; who has none is told so, however often."""
    assert [served.asked("GET", ENVIRONMENT, key="").status_code for _ in range(5)] == [401] * 5
    assert [served.asked("GET", ENVIRONMENT).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_scripted_answer_costs_no_token_when_it_comes_first(served: Served) -> None:
    """What a gateway answers never reaches the API."""
    served.faults.add(Fault.status(503, times=5))
    assert [served.asked("GET", ENVIRONMENT).status_code for _ in range(6)] == [503] * 5 + [200]


def test_a_fault_of_accepted_changes_is_kept_when_a_request_is_refused(served: Served) -> None:
    """It is used by the first update that is accepted, not by one that never was."""
    served.faults.add(Fault.never_applies(times=1))
    assert served.asked("PATCH", ENVIRONMENT, {"autoscaling_settings": {"max_replica": "6"}}).status_code == 422
    served.asked("PATCH", ENVIRONMENT, {"autoscaling_settings": {"max_replica": 6}})
    assert served.faults.take(Application, Arrival("PATCH", ENVIRONMENT, "m1", "production")) is None


def test_request_numbers_grow_when_requests_are_answered(served: Served) -> None:
    """Each answer can be told from every other."""
    numbers = [served.asked("GET", ENVIRONMENT).headers["x-request-id"] for _ in range(2)]
    assert len(set(numbers)) == 2
