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
    ("script", "earliest", "latest"),
    [
        ({0: LISTED}, 1.0, 1.0),
        ({0: NOTHING, 10: LISTED}, 11.0, 13.0),
        ({0: LISTED, 0.5: NOTHING, 1.5: LISTED}, 2.5, 4.0),
        ({0: LISTED, 0.5: OTHER, 5: LISTED}, 6.0, 8.0),
    ],
)
def test_schedule_is_applied_when_two_polls_in_a_row_observe_it(script: Script, earliest: float, latest: float) -> None:
    """A second apart: Baseten's servers may disagree for a moment."""
    at, desired, _, error = _wait(script)
    assert (error, desired.schedule_id) == (None, "s1")
    assert earliest <= at <= latest


def test_observation_holds_when_a_poll_in_between_fails() -> None:
    """An error says nothing about the schedule."""
    at, _, lines, error = _wait({0: LISTED, 0.5: UNAVAILABLE, 1.5: LISTED})
    assert error is None
    assert 1.5 <= at <= 3.5
    assert lines[0] == "confirming"


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
    """First the schedule, then what differs, then that it is confirmed."""
    promotion = Promotion("RAMPING_UP", 40)
    script: Script = {0: _environment(promotion=promotion), 10: OTHER, 20: LISTED}
    _, _, lines, _ = _wait(script)
    assert lines == [
        "promotion 40 %: schedule not listed→listed",
        "waiting: enabled false→true, end_hour 12→10",
        "confirming",
        "applied",
    ]


def test_error_says_what_was_observed_when_the_time_is_over() -> None:
    """Everything that differs, with its path."""
    at, _, _, error = _wait({0: OTHER}, "s1", timeout=30.0)
    assert at == 30.0
    assert str(error) == (
        f"Timed out after 30 s waiting for {SUBJECT} to be applied.\n"
        "enabled: expected true, observed false; end_hour: expected 10, observed 12. "
        "Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )


def test_error_says_so_when_the_schedule_was_observed_only_once() -> None:
    """At the last poll."""
    _, desired, _, error = _wait({0: NOTHING, 29.9: LISTED}, timeout=30.0)
    assert isinstance(error, errors.WaitTimeoutError)
    assert "\nIt was observed only once. " in str(error)
    assert desired.schedule_id == "s1"


def test_schedule_with_the_id_is_missing_when_only_another_one_has_its_name() -> None:
    """A name is no proof."""
    _, desired, _, error = _wait({0: LISTED}, "s9", timeout=5.0)
    assert "schedule: expected listed, observed not listed" in str(error)
    assert desired.schedule_id == "s9"


@pytest.mark.parametrize(
    ("script", "earliest", "latest"),
    [
        ({0: NOTHING}, 1.0, 1.0),
        ({0: _environment(_schedule("s2"))}, 1.0, 1.0),
        ({0: LISTED, 10: NOTHING}, 11.0, 13.0),
        ({0: NOTHING, 0.5: LISTED, 5: NOTHING}, 6.0, 8.0),
    ],
)
def test_schedule_is_gone_when_two_polls_in_a_row_do_not_list_it(
    script: Script, earliest: float, latest: float
) -> None:
    """Another one with its name may stay."""
    at, _, _, error = _wait(script, "s1", is_gone=True)
    assert error is None
    assert earliest <= at <= latest


def test_error_says_so_when_the_schedule_stays() -> None:
    """Whatever its properties are."""
    _, _, lines, error = _wait({0: OTHER}, "s1", is_gone=True, timeout=5.0)
    assert (
        f"waiting for the deletion of {SUBJECT} to be applied.\nschedule: expected deleted, observed listed. "
        in str(error)
    )
    assert lines == ["waiting: schedule listed→deleted"]


@pytest.mark.parametrize("is_gone", [True, False])
def test_nothing_is_known_when_the_list_of_schedules_cannot_be_read(is_gone: bool) -> None:
    """It is neither listed nor gone."""
    unreadable = Environment({}, None, None, None)
    at, _, _, error = _wait({0: unreadable, 10: NOTHING if is_gone else LISTED}, "s1", is_gone=is_gone)
    assert error is None
    assert 11.0 <= at <= 13.0
