from typing import Any

import pytest

from baseten_pulumi.cli.adoption import Declaration, Declarations, Entry, Omission, adopted, is_empty
from baseten_pulumi.fields import FIELDS, GROUPS
from tests.schedules import SCHEDULES, TIMEZONE, one_time, path, schedule

AUTOSCALING, PROMOTION = "autoscaling_settings", "promotion_settings"
CONFIG = f"{PROMOTION}.rolling_deploy_config"
SURGE_RULE = "exactly one of max_surge_percent and max_unavailable_percent must be above 0"


def _adopted(settings: dict[str, Any], env_name: str = "production") -> tuple[Entry, ...]:
    return adopted("abc123", env_name, settings)


def _object(entries: tuple[Entry, ...], name: str) -> tuple[Entry, ...]:
    (found,) = (it for it in entries if isinstance(it, Declarations) and it.name == name)
    return found.entries


def test_everything_reported_is_declared_when_the_check_accepts_it() -> None:
    """Object by object in the order of the table; what Baseten does not report is named."""
    entries = _adopted({f"{AUTOSCALING}.max_replica": 3, f"{CONFIG}.stabilization_time_seconds": 30})
    assert _object(entries, AUTOSCALING)[:3] == (
        Omission("min_replica", "not reported"),
        Declaration("max_replica", 3),
        Omission("autoscaling_window", "not reported"),
    )
    config = _object(_object(entries, PROMOTION), "rolling_deploy_config")
    assert Declaration("stabilization_time_seconds", 30) in config
    assert not is_empty(entries)


def test_every_setting_is_there_when_every_one_is_reported() -> None:
    """None is forgotten, whatever the table holds."""
    settings = {path: field.default for path, field in FIELDS.items() if field.default is not None}

    def declared(entries: tuple[Entry, ...]) -> int:
        return sum(declared(it.entries) if isinstance(it, Declarations) else 1 for it in entries)

    assert declared(_adopted(settings)) == len(FIELDS)


@pytest.mark.parametrize(
    ("settings", "object_", "omission"),
    [
        (
            {f"{AUTOSCALING}.autoscaling_window": 7200, f"{AUTOSCALING}.max_replica": 1},
            AUTOSCALING,
            Omission("autoscaling_window", "left out, must be at most 3600 s, got 7200"),
        ),
        (
            {f"{AUTOSCALING}.min_replica": 5, f"{AUTOSCALING}.max_replica": 3},
            AUTOSCALING,
            Omission("min_replica", "left out, must be at most max_replica (3), got 5"),
        ),
        (
            {f"{PROMOTION}.promotion_cleanup_strategy": "BURN", f"{PROMOTION}.rolling_deploy": True},
            PROMOTION,
            Omission("promotion_cleanup_strategy", 'left out, must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got "BURN"'),
        ),
    ],
)
def test_a_setting_is_left_out_when_no_program_may_declare_it(
    settings: dict[str, Any], object_: str, omission: Omission
) -> None:
    """The reason is the check's; the rest stays."""
    found = _object(_adopted(settings), object_)
    assert omission in found
    assert any(isinstance(it, Declaration) for it in found)


def test_both_percentages_are_left_out_when_they_do_not_fit_together() -> None:
    """One of them alone would make the other a declared 0, which is not what is set."""
    settings = {f"{CONFIG}.max_surge_percent": 20, f"{CONFIG}.max_unavailable_percent": 30}
    entries = _adopted({**settings, f"{PROMOTION}.rolling_deploy": False})
    reason = f"left out, {SURGE_RULE}, got 20 and 30"
    promotion = _object(entries, PROMOTION)
    assert Omission("rolling_deploy_config.max_surge_percent", reason) in promotion
    assert Omission("rolling_deploy_config.max_unavailable_percent", reason) in promotion


def test_nothing_is_declared_when_nothing_is_reported() -> None:
    """Each object is named once, not each setting in it."""
    entries = _adopted({})
    assert is_empty(entries)
    assert entries == tuple(Omission(group, "not reported") for group in GROUPS if "." not in group)


def test_reasons_are_kept_when_all_that_is_reported_is_refused() -> None:
    """An environment of which nothing is left still says why."""
    entries = _adopted({f"{AUTOSCALING}.autoscaling_window": 7200})
    assert is_empty(entries)
    assert Omission(f"{AUTOSCALING}.autoscaling_window", "left out, must be at most 3600 s, got 7200") in entries


def test_nothing_is_declared_when_no_resource_could_have_the_name() -> None:
    """A name the check refuses makes no resource."""
    (omission,) = _adopted({f"{AUTOSCALING}.max_replica": 3}, env_name="Production")
    assert omission == Omission("env_name", 'must consist of lower-case letters, digits and inner -, got "Production"')


def test_schedules_are_declared_when_a_program_can_hold_them() -> None:
    """Those it cannot are named with the reason, and so is whatever the check refuses."""
    settings = {
        TIMEZONE: "UTC",
        path("peak"): schedule(),
        path("launch"): one_time(),
        path("twice"): [schedule("twice"), schedule("twice")],
        path("odd"): schedule("odd", start_hour=25),
        path("hourly"): schedule("hourly", autoscaling_settings={"min_replica": 2}),
    }
    assert _object(_adopted(settings), SCHEDULES) == (
        Declaration("timezone", "UTC"),
        Declaration("schedules", [schedule()]),
        Omission('schedules["launch"]', "left out, it runs once"),
        Omission('schedules["twice"]', "left out, 2 schedules have this name"),
        Omission('schedules["odd"]', "left out, start_hour must be at most 23, got 25"),
        Omission('schedules["hourly"]', "left out, autoscaling_settings.max_replica is required"),
    )
    alone = _adopted({TIMEZONE: "UTC", path(""): schedule("")})
    assert is_empty(alone)
    reasons = {it.name: it.reason for it in alone if isinstance(it, Omission)}
    assert f"{SCHEDULES}.timezone" in reasons
    unnamed = 'left out, schedules[0].name must be a text that is not empty, got ""'
    assert reasons[f'{SCHEDULES}.schedules[""]'] == unnamed
