from typing import Any

import pulumi
import pytest

from baseten_pulumi.program.merging import merged
from tests.mocked import run
from tests.schedules import SCHEDULES, schedule

PEAK, NIGHT = schedule("peak"), schedule("night")
OWN = schedule("peak", end_hour=20)
DEFAULTS: dict[str, Any] = {"timezone": "UTC", "schedules": [PEAK, NIGHT], "delete_schedules": ["old"]}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, DEFAULTS),
        ({"timezone": "Europe/Berlin"}, {**DEFAULTS, "timezone": "Europe/Berlin"}),
        ({"schedules": [OWN]}, {**DEFAULTS, "schedules": [NIGHT, OWN]}),
        (
            {"schedules": [schedule("old")]},
            {**DEFAULTS, "schedules": [PEAK, NIGHT, schedule("old")], "delete_schedules": []},
        ),
        ({"delete_schedules": ["night"]}, {**DEFAULTS, "schedules": [PEAK], "delete_schedules": ["old", "night"]}),
        ({"schedules": None}, {"schedules": None, "delete_schedules": ["old"]}),
        (
            {"delete_schedules": ["peak", "night"]},
            {"schedules": [], "delete_schedules": ["old", "peak", "night"]},
        ),
        (
            {"timezone": "UTC", "schedules": None},
            {"timezone": "UTC", "schedules": None, "delete_schedules": ["old"]},
        ),
        ({"schedules": 3}, {**DEFAULTS, "schedules": 3}),
        (None, None),
    ],
)
def test_schedules_are_merged_by_name_when_an_environment_has_its_own(own: Any, expected: Any) -> None:
    """Each as a whole; what either own list names is taken off the default ones, and None takes a default out."""
    assert merged({SCHEDULES: DEFAULTS}, {SCHEDULES: own}) == {SCHEDULES: expected}


@pytest.mark.parametrize(
    "own",
    [
        lambda late: {"schedules": [late(OWN)]},
        lambda late: {"schedules": [{**OWN, "name": late("peak")}]},
        lambda late: late({"schedules": [OWN]}),
    ],
)
def test_schedules_are_merged_once_known_when_something_is_an_output(own: Any) -> None:
    """A name may be one, and so may a schedule or all of them."""

    def program() -> pulumi.Output[Any]:
        found: pulumi.Output[Any] = merged({SCHEDULES: DEFAULTS}, {SCHEDULES: own(pulumi.Output.from_input)})[SCHEDULES]
        return found

    assert run(program)[0] == {**DEFAULTS, "schedules": [NIGHT, OWN]}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, {SCHEDULES: {}}),
        ({SCHEDULES: {"schedules": [PEAK]}}, {SCHEDULES: {"timezone": "UTC", "schedules": [PEAK]}}),
        ({SCHEDULES: {"delete_schedules": ["old"]}}, {SCHEDULES: {"delete_schedules": ["old"]}}),
    ],
)
def test_default_timezone_counts_when_an_environment_has_schedules(own: Any, expected: Any) -> None:
    """Alone it would be refused: Baseten has none without schedules."""
    assert merged({SCHEDULES: {"timezone": "UTC"}}, own) == expected
