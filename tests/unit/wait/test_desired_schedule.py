"""A wait for an autoscaling schedule: when it is there as declared, and when it is gone."""

import asyncio
from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.schema.schedules import Schedule
from baseten_pulumi.wait.desired import DesiredSchedule
from baseten_pulumi.wait.watcher import Watcher
from tests import virtual_time
from tests.schedules import NULLS, inputs
from tests.unit.wait.scenario import UNAVAILABLE, Baseten, Script

SUBJECT = 'autoscaling schedule "peak" of environment "production" (model abc)'


def _schedule(schedule_id: str, name: str = "peak", **changes: Any) -> Schedule:
    """Return a schedule as it is read from Baseten."""
    properties = {**inputs("abc", name), **changes}
    overrides = {**dict.fromkeys(NULLS), **properties["autoscaling_settings"]}
    return Schedule(schedule_id, {**properties, "start_at": None, "end_at": None, "autoscaling_settings": overrides})


def _environment(*schedules: Schedule, promotion: Promotion | None = None) -> Environment:
    return Environment({}, promotion, schedules, "UTC")


NOTHING, LISTED = _environment(), _environment(_schedule("s1"))
UNREADABLE = Environment({}, None, None, None)
OTHER = _environment(_schedule("s0", "night"), _schedule("s1", end_hour=12, enabled=False))


def _wait(
    script: Script, schedule_id: str | None = None, *, is_gone: bool = False, timeout: float = 60.0
) -> tuple[float, DesiredSchedule, list[str], Exception | None]:
    """Wait for the schedule; return when that ended, what was waited for, the row's lines and the error."""
    desired = DesiredSchedule("abc", "production", "peak", None if is_gone else inputs("abc"), schedule_id)
    lines: list[str] = []

    async def work() -> tuple[float, Exception | None]:
        error = None
        try:
            await Watcher(Baseten({"abc/production": script})).wait([desired], timeout=timeout, report=lines.append)
        except errors.BasetenError as caught:
            error = caught
        return asyncio.get_running_loop().time(), error

    at, error = virtual_time.run(work())
    return at, desired, lines, error


@pytest.mark.parametrize(
    ("script", "is_gone", "earliest", "latest"),
    [
        ({0: LISTED}, False, 1.0, 1.0),
        ({0: NOTHING, 10: LISTED}, False, 11.0, 13.0),
        ({0: LISTED, 0.5: NOTHING, 1.5: LISTED}, False, 2.5, 4.0),
        ({0: LISTED, 0.5: OTHER, 5: LISTED}, False, 6.0, 8.0),
        ({0: LISTED, 0.5: UNAVAILABLE, 1.5: LISTED}, False, 1.5, 3.5),
        ({0: UNREADABLE, 10: LISTED}, False, 11.0, 13.0),
        ({0: NOTHING}, True, 1.0, 1.0),
        ({0: _environment(_schedule("s2"))}, True, 1.0, 1.0),
        ({0: NOTHING, 0.5: LISTED, 5: NOTHING}, True, 6.0, 8.0),
        ({0: UNREADABLE, 10: NOTHING}, True, 11.0, 13.0),
    ],
)
def test_schedule_is_applied_or_gone_when_two_polls_in_a_row_observe_it(
    script: Script, is_gone: bool, earliest: float, latest: float
) -> None:
    """A second apart: Baseten's servers may disagree for a moment. An error says nothing about the schedule."""
    at, _, _, error = _wait(script, "s1" if is_gone else None, is_gone=is_gone)
    assert error is None
    assert earliest <= at <= latest


@pytest.mark.parametrize(
    ("schedule_id", "environment", "found"),
    [
        (None, _environment(_schedule("s0", "night"), _schedule("s1")), "s1"),
        ("s2", _environment(_schedule("s1"), _schedule("s2")), "s2"),
    ],
)
def test_schedule_is_found_by_its_id_when_that_is_known(
    schedule_id: str | None, environment: Environment, found: str
) -> None:
    """By its name otherwise."""
    _, desired, _, error = _wait({0: environment}, schedule_id)
    assert (error, desired.schedule_id) == (None, found)


def test_row_says_what_is_missing_when_the_schedule_is_not_there_yet() -> None:
    promotion = Promotion("RAMPING_UP", 40)
    _, _, lines, _ = _wait({0: _environment(promotion=promotion), 10: OTHER, 20: LISTED})
    assert lines == [
        "promotion 40 %: schedule not listed→listed",
        "waiting: enabled false→true, end_hour 12→10",
        "confirming",
    ]


@pytest.mark.parametrize(
    ("script", "schedule_id", "observed"),
    [
        ({0: OTHER}, "s1", "enabled: expected true, observed false; end_hour: expected 10, observed 12."),
        ({0: LISTED}, "s9", "schedule: expected listed, observed not listed."),
    ],
    ids=["differs", "another of its name"],
)
def test_error_says_what_was_observed_when_the_time_is_over(
    script: Script, schedule_id: str | None, observed: str
) -> None:
    at, desired, _, error = _wait(script, schedule_id, timeout=30.0)
    assert (at, desired.schedule_id) == (30.0, schedule_id or "s1")
    assert str(error) == (
        f"Timed out after 30 s waiting for {SUBJECT} to be applied.\n"
        f"{observed} Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )


def test_error_says_so_when_the_schedule_stays() -> None:
    """After a failed `pulumi destroy`, `pulumi up` would create again what was deleted."""
    _, _, lines, error = _wait({0: OTHER}, "s1", is_gone=True, timeout=5.0)
    assert str(error).endswith("\nRun the same command again to keep waiting, or raise `custom_timeouts`.")
    observed = "schedule: expected deleted, observed listed. "
    assert f"waiting for the deletion of {SUBJECT} to be applied.\n{observed}" in str(error)
    assert lines == ["waiting: schedule listed→deleted"]
