import pytest

from baseten_pulumi.convergence.comparison import Difference, differences, restated
from baseten_pulumi.fields import FIELDS, Settings, Value
from baseten_pulumi.schedules import ABSENT
from tests.schedules import path, schedule

MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
ROLLING, STRATEGY = "promotion_settings.rolling_deploy", "promotion_settings.promotion_cleanup_strategy"
SURGE = "promotion_settings.rolling_deploy_config.max_surge_percent"
UNAVAILABLE = "promotion_settings.rolling_deploy_config.max_unavailable_percent"
INTEGERS = [path for path, field in FIELDS.items() if field.kind == "integer"]


def test_nothing_differs_when_every_wanted_setting_is_reported() -> None:
    """What is reported beyond the wanted does not count."""
    wanted: Settings = {MIN: 1, ROLLING: False, STRATEGY: "KEEP"}
    assert differences(wanted, {**wanted, MAX: 9}) == ()


def test_differences_come_in_the_wanted_order_when_several_differ() -> None:
    """Each names the setting, the wanted and the reported value; unreported is None."""
    found = differences({MAX: 3, MIN: 1, ROLLING: True}, {ROLLING: False, MIN: 1})
    assert found == (Difference(MAX, 3, None), Difference(ROLLING, True, False))


@pytest.mark.parametrize("path", INTEGERS)
def test_unreported_differs_from_zero_when_it_is_not_one_of_the_two_percentages(path: str) -> None:
    """A reported null is a 0 of max_surge_percent and max_unavailable_percent, and of nothing else."""
    is_same = path in (SURGE, UNAVAILABLE)
    assert (differences({path: 0}, {}) == ()) is is_same
    assert restated({path: 0}, {}) == ({path: 0} if is_same else {})


@pytest.mark.parametrize("path", [SURGE, UNAVAILABLE])
def test_unreported_differs_when_more_than_zero_percent_is_wanted(path: str) -> None:
    """Null is no 25."""
    assert differences({path: 25}, {}) == (Difference(path, 25, None),)
    assert restated({path: 25}, {}) == {}


def test_false_differs_when_it_is_not_reported() -> None:
    """Null is no false."""
    assert differences({ROLLING: False}, {}) == (Difference(ROLLING, False, None),)


def test_reported_value_wins_when_zero_percent_is_wanted() -> None:
    """A reported 10 is no 0."""
    assert differences({SURGE: 0}, {SURGE: 10}) == (Difference(SURGE, 0, 10),)


def test_only_the_managed_is_restated_when_more_is_reported() -> None:
    """What a refresh keeps: managed settings as reported, in the managed order."""
    found = restated({MAX: 1, MIN: 5, STRATEGY: "KEEP"}, {MIN: 0, MAX: 9, ROLLING: True})
    assert list(found.items()) == [(MAX, 9), (MIN, 0)]


@pytest.mark.parametrize(
    ("difference", "arrow", "sentence", "sighting"),
    [
        (
            Difference(MIN, 3, 1),
            "min_replica 1 → 3",
            "autoscaling_settings.min_replica is 1, wanted 3",
            "1 for min_replica",
        ),
        (
            Difference(MIN, 0, None),
            "min_replica unreported → 0",
            "autoscaling_settings.min_replica is not reported, wanted 0",
            "unreported for min_replica",
        ),
        (
            Difference(ROLLING, True, False),
            "rolling_deploy false → true",
            "promotion_settings.rolling_deploy is false, wanted true",
            "false for rolling_deploy",
        ),
        (
            Difference(STRATEGY, "KEEP", "DEACTIVATE"),
            "promotion_cleanup_strategy DEACTIVATE → KEEP",
            "promotion_settings.promotion_cleanup_strategy is DEACTIVATE, wanted KEEP",
            "DEACTIVATE for promotion_cleanup_strategy",
        ),
    ],
)
def test_difference_is_worded_when_shown(difference: Difference, arrow: str, sentence: str, sighting: str) -> None:
    """A row names the setting short, an error whole."""
    assert (difference.arrow, difference.sentence, difference.sighting) == (arrow, sentence, sighting)


@pytest.mark.parametrize(
    ("difference", "forecast"),
    [
        (Difference(MIN, 3, 1), "min_replica: now 1, will be 3"),
        (Difference(ROLLING, True, False), "rolling_deploy: now false, will be true"),
        (Difference(MIN, 0, None), "min_replica: now unreported, will be 0"),
    ],
)
def test_difference_is_forecast_when_nothing_is_sent_yet(difference: Difference, forecast: str) -> None:
    """What is there, and what will be."""
    assert difference.told("will be") == forecast


PEAK = path("peak")
WANTED: Settings = {PEAK: schedule()}


@pytest.mark.parametrize(
    ("wanted", "reported", "arrow", "sentence"),
    [
        (
            schedule(),
            schedule(overrides={"max_replica": 4}),
            'schedules["peak"].max_replica 4 → 8',
            'schedules["peak"].max_replica is 4, wanted 8',
        ),
        (
            schedule(enabled=False, weekdays=["MONDAY"]),
            schedule(overrides={"scale_down_delay": 60}),
            'schedules["peak"].enabled true → false +2',
            (
                'schedules["peak"].enabled is true, wanted false; '
                'schedules["peak"].weekdays is MONDAY/FRIDAY, wanted MONDAY; '
                'schedules["peak"].scale_down_delay is 60, wanted unset'
            ),
        ),
        (schedule(), None, 'schedules["peak"] absent → there', 'schedules["peak"] is absent, wanted there'),
        (ABSENT, schedule(), 'schedules["peak"] there → absent', 'schedules["peak"] is there, wanted absent'),
        (
            schedule(),
            [schedule(), schedule()],
            'schedules["peak"] there 2 times → there',
            'schedules["peak"] is there 2 times, wanted there',
        ),
    ],
)
def test_differing_parts_are_named_when_a_schedule_differs(
    wanted: Value, reported: Value | None, arrow: str, sentence: str
) -> None:
    """A row names the first and counts the others, an error names all."""
    (difference,) = differences({PEAK: wanted}, {} if reported is None else {PEAK: reported})
    assert (difference.arrow, difference.sentence) == (arrow, sentence)
    assert difference.told("will be").count("now ") == sentence.count("wanted")
    assert not difference.is_below_wanted


def test_schedule_is_absent_when_it_is_not_reported() -> None:
    """Then one that is to be deleted is gone, and one that is wanted is not there."""
    assert differences({PEAK: ABSENT}, {}) == ()
    assert restated({PEAK: ABSENT, path("night"): schedule("night")}, {}) == {PEAK: ABSENT}
    assert differences(WANTED, dict(WANTED)) == ()
