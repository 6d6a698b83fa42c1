from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.fields import flatten, nest
from baseten_pulumi.schedules import ABSENT, TIMEZONE, WEEKDAYS, canonical, is_schedule, name_of, names, path_of, short
from tests.schedules import SCHEDULES, path, schedule


@given(st.text())
def test_name_is_read_back_when_it_is_in_a_path(name: str) -> None:
    """Whatever a schedule is called, dots and quotes too."""
    assert name_of(path_of(name)) == name
    assert is_schedule(path_of(name))


@given(st.lists(st.text(min_size=1), unique=True), st.sets(st.text(min_size=1)))
def test_schedules_survive_when_nested_and_flattened(kept: list[str], gone: set[str]) -> None:
    """Nesting and flattening are each other's opposite, beside other settings too."""
    settings: dict[str, Any] = {"autoscaling_settings.min_replica": 1, TIMEZONE: "UTC"}
    settings |= {path_of(name): canonical(schedule(name)) for name in kept}
    settings |= {path_of(name): ABSENT for name in sorted(gone - set(kept))}
    assert flatten(nest(settings)) == settings


def test_schedule_is_written_in_one_way_when_flattened() -> None:
    """Whole numbers, no nulls, weekdays in the order of the week; the values given are not changed."""
    declared = schedule(start_hour=8.0, end_hour=None, weekdays=["FRIDAY", "SUNDAY"], autoscaling_settings={})
    found = flatten({SCHEDULES: {"schedules": [declared]}})[path("peak")]
    assert isinstance(found, dict)
    assert (found["start_hour"], type(found["start_hour"])) == (8, int)
    assert found["weekdays"] == ["SUNDAY", "FRIDAY"]
    assert found.keys() == declared.keys() - {"end_hour", "autoscaling_settings"}
    assert declared["weekdays"] == ["FRIDAY", "SUNDAY"]


def test_one_name_holds_all_of_its_schedules_when_baseten_has_it_twice() -> None:
    """None of them is lost, and none stands for the other."""
    twice = [schedule(end_hour=11), schedule(end_hour=12)]
    settings = flatten({SCHEDULES: {"schedules": [*twice, schedule("night")]}})
    assert settings[path("peak")] == [canonical(it) for it in twice]
    assert len(nest(settings)[SCHEDULES]["schedules"]) == 3


@pytest.mark.parametrize(
    "odd", [None, 3, "text", {"schedules": 3, "delete_schedules": "old"}, {"schedules": [None, 3]}]
)
def test_object_counts_as_empty_when_it_holds_no_lists(odd: object) -> None:
    """Something else in a list's place holds no schedules."""
    assert flatten({SCHEDULES: odd}) == {}


def test_weekdays_of_the_table_are_the_weeks_when_listed() -> None:
    """Seven of them, from Sunday on, as the API has them."""
    assert WEEKDAYS == ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")


def test_names_are_those_of_schedules_when_settings_are_mixed() -> None:
    """Other settings have none."""
    assert names(["autoscaling_settings.min_replica", TIMEZONE, path("peak")]) == {"peak"}
    assert short(path("peak")) == 'schedules["peak"]'
