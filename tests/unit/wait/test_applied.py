"""What counts as applied: twice in a row, in the deployment that serves, and past a queued request's promotion."""

import asyncio
from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.schema.settings import MAX_REPLICA, MIN_REPLICA, Settings
from baseten_pulumi.wait.desired import DesiredSettings
from baseten_pulumi.wait.watcher import Watcher
from tests import virtual_time
from tests.unit.wait.scenario import GONE, UNAVAILABLE, Baseten, Script

OLD: Settings = {MIN_REPLICA: 1, MAX_REPLICA: 2}
NEW: Settings = {MIN_REPLICA: 3, MAX_REPLICA: 6}
RUNNING = Promotion("RAMPING_UP", 40)
PAUSED = Promotion("PAUSED", 40)
FAILED = Promotion("FAILED", error_message="The new deployment did not start.")


def _environment(
    settings: Settings, serving: Settings | None = None, promotion: Promotion | None = None
) -> Environment:
    return Environment(settings, promotion, serving=serving or {})


BEFORE, APPLIED = _environment(OLD), _environment(NEW)
LAGGING = _environment(NEW, serving=OLD)


def _wait(
    script: Script, timeout: float = 600.0, **desired: Any
) -> tuple[float, Exception | None, list[str], list[str]]:
    """Wait for NEW; return when that ended, the error, the row's lines and the notes."""
    what = DesiredSettings("abc", "production", NEW, **{"status": "ACCEPTED", **desired})
    lines: list[str] = []
    notes: list[str] = []

    async def work() -> tuple[float, Exception | None]:
        error = None
        try:
            watcher = Watcher(Baseten({"abc/production": script}))
            notes.extend(await watcher.wait([what], timeout=timeout, report=lines.append))
        except errors.BasetenError as caught:
            error = caught
        return asyncio.get_running_loop().time(), error

    at, error = virtual_time.run(work())
    return at, error, lines, notes


@pytest.mark.parametrize(
    ("script", "earliest", "latest"),
    [
        pytest.param({0: APPLIED}, 1.0, 1.5, id="at once"),
        pytest.param({0: BEFORE, 10: APPLIED}, 11.0, 13.0, id="later"),
        pytest.param({0: APPLIED, 0.7: BEFORE, 20: APPLIED}, 21.0, 25.0, id="flapping"),
        pytest.param({0: APPLIED, 0.7: UNAVAILABLE, 3: APPLIED}, 3.0, 6.0, id="an error in between"),
        pytest.param({0: LAGGING, 8: _environment(NEW, serving=NEW)}, 9.0, 11.0, id="deployment 8 s behind"),
        pytest.param({0: _environment(NEW, serving={MIN_REPLICA: 3})}, 1.0, 1.5, id="deployment reports one setting"),
        pytest.param({0: _environment(NEW, OLD, RUNNING)}, 1.0, 1.5, id="deployment is about to be replaced"),
    ],
)
def test_settings_are_applied_when_two_polls_in_a_row_observe_them(
    script: Script, earliest: float, latest: float
) -> None:
    at, error, _, _ = _wait(script)
    assert error is None
    assert earliest <= at <= latest


def test_settings_count_as_applied_when_only_the_deployment_differs_for_120_seconds() -> None:
    """Whether every deployment reports its settings is not known. A warning names both values."""
    at, error, lines, notes = _wait({0: BEFORE, 10: LAGGING})
    assert error is None
    assert 130.0 <= at <= 150.0
    assert "waiting for the serving deployment: min_replica 1→3, max_replica 2→6" in lines
    assert notes == [
        (
            "abc/production: applied, but the deployment that serves does not report it yet: "
            "min_replica 1→3, max_replica 2→6"
        )
    ]


def test_error_says_so_when_the_time_is_over_and_only_the_deployment_differs() -> None:
    _, error, _, _ = _wait({0: LAGGING}, timeout=30.0)
    assert "The deployment that serves does not have the settings yet: autoscaling_settings.min_replica: " in str(error)


@pytest.mark.parametrize("promotion", [RUNNING, PAUSED])
def test_queued_settings_are_applied_when_the_promotion_has_ended(promotion: Promotion) -> None:
    """Whatever is observed before: the promotion may set what was queued at its end."""
    at, error, lines, notes = _wait({0: _environment(NEW, promotion=promotion), 20: APPLIED}, status="QUEUED")
    assert (error, notes) == (None, [])
    assert 21.0 <= at <= 25.0
    state = "40 %" if promotion is RUNNING else "PAUSED (resume or cancel it in Baseten)"
    assert lines[0] == f"QUEUED, promotion {state}"


def test_error_quotes_baseten_when_the_promotion_of_queued_settings_does_not_end() -> None:
    script: Script = {0: _environment(NEW, promotion=RUNNING)}
    _, error, _, _ = _wait(script, timeout=30.0, status="QUEUED", message="Queued behind the promotion.")
    assert str(error) == (
        'Timed out after 30 s waiting for settings of environment "production" (model abc) to be applied.\n'
        "Baseten queued the request until the promotion ends. Latest promotion: 40 %. "
        'Baseten returned: "Queued behind the promotion". Baseten accepted the request and may still apply it.\n'
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )


def test_note_names_the_promotion_when_settings_are_applied_while_it_runs() -> None:
    _, error, _, notes = _wait({0: _environment(NEW, promotion=RUNNING)})
    assert error is None
    assert notes == ["abc/production: applied, but promotion 40 % is running and may change it when it ends"]


def test_error_quotes_baseten_when_the_promotion_failed() -> None:
    script: Script = {0: _environment(OLD, promotion=RUNNING), 5: _environment(OLD, promotion=FAILED)}
    _, error, lines, _ = _wait(script, timeout=30.0, status="QUEUED")
    assert "Latest promotion: FAILED (The new deployment did not start.)." in str(error)
    assert lines[-1].startswith("QUEUED, promotion FAILED (The new deployment did not start.): ")


def test_wait_ends_when_a_third_value_stays_for_60_seconds() -> None:
    """With the values before, desired and observed, and both explanations."""
    third = _environment({MIN_REPLICA: 3, MAX_REPLICA: 5})
    at, error, _, _ = _wait({0: third}, before=OLD, status="UNCHANGED")  # the first poll is at once
    assert type(error) is errors.OverriddenError
    assert 60.0 <= at <= 72.0
    assert str(error) == (
        'The wait for settings of environment "production" (model abc) failed.\n'
        "autoscaling_settings.max_replica: expected 6, observed 5, before the request 2. "
        f"The observed values have not changed for {at:.0f} s. "
        "Baseten rounded or limited what was sent, or something else changed it.\n"
        "Declare what Baseten reports, or find what else changes the environment, and run `pulumi up` again."
    )


@pytest.mark.parametrize(
    ("script", "before"),
    [
        pytest.param({0: BEFORE}, OLD, id="the former value"),
        pytest.param({0: _environment({MIN_REPLICA: 3, MAX_REPLICA: 5})}, None, id="the former value is not known"),
        pytest.param({0: _environment({MIN_REPLICA: 3})}, OLD, id="nothing is reported"),
        pytest.param({0: _environment({**NEW, MAX_REPLICA: 5}, promotion=RUNNING)}, OLD, id="a promotion is running"),
        pytest.param(
            {second: _environment({**NEW, MAX_REPLICA: 7 + second}) for second in range(0, 600, 50)},
            OLD,
            id="it changes",
        ),
    ],
)
def test_wait_goes_on_when_it_is_not_a_third_value_that_stays(script: Script, before: Settings | None) -> None:
    at, error, _, _ = _wait(script, before=before)
    assert type(error) is errors.WaitTimeoutError
    assert at == 600.0


def test_wait_goes_on_for_a_minute_when_a_known_environment_is_missing() -> None:
    """Reads are eventually consistent."""
    missing = GONE.with_message()
    missing.retried_for = 60.0
    at, error, lines, _ = _wait({0: BEFORE, 2: missing, 30: APPLIED})
    assert error is None
    assert 31.0 <= at <= 40.0
    assert "not found: min_replica 1→3, max_replica 2→6" in lines
    at, error, _, _ = _wait({0: BEFORE, 2: missing})
    assert type(error) is errors.EnvironmentNotFoundError
    assert 62.0 <= at <= 80.0
