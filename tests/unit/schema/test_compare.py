"""What counts as a difference between desired and observed settings, and its short texts."""

import pytest

from baseten_pulumi.schema.compare import Difference, differences, managed
from baseten_pulumi.schema.settings import (
    FIELDS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    NULL,
    ROLLING_DEPLOY,
    Value,
)

LATER = "additional_settings.autoscaling_settings.burst"


def test_differences_come_in_the_desired_order_when_several_differ() -> None:
    """A setting that is not reported is None; one that is observed and not desired does not count."""
    desired: dict[str, Value] = {MAX_REPLICA: 3, MIN_REPLICA: 1, MAX_SURGE_PERCENT: 25, ROLLING_DEPLOY: False}
    assert differences(desired, {**desired, MAX_UNAVAILABLE_PERCENT: 9}) == ()
    assert differences(desired, {MIN_REPLICA: 2, MAX_REPLICA: 3, MAX_UNAVAILABLE_PERCENT: 9}) == (
        Difference(MIN_REPLICA, 1, 2),
        Difference(MAX_SURGE_PERCENT, 25, None),
        Difference(ROLLING_DEPLOY, False, None),
    )


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_unreported_counts_as_zero_when_the_setting_is_one_of_the_two_percentages(path: str) -> None:
    """Baseten reports the percentage that is not in use as null; no other null is a 0, and a reported 10 is none."""
    is_zero = path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
    assert (differences({path: 0}, {}) == ()) is is_zero
    assert managed({path: 0}, {}) == ({path: 0} if is_zero else {})
    assert differences({path: 0}, {path: 10}) == (Difference(path, 0, 10),)


def test_only_desired_settings_are_returned_when_more_are_observed() -> None:
    """What a refresh keeps: their observed values, in the desired order."""
    observed = {MIN_REPLICA: 0, MAX_REPLICA: 9, ROLLING_DEPLOY: True}
    found = managed({MAX_REPLICA: 1, MIN_REPLICA: 5, MAX_SURGE_PERCENT: 25}, observed)
    assert list(found.items()) == [(MAX_REPLICA, 9), (MIN_REPLICA, 0)]


def test_difference_is_short_in_a_row_and_whole_in_an_error_when_shown() -> None:
    """A row has room for the name, an error for the path; values are written as the API writes them."""
    found = Difference(ROLLING_DEPLOY, True, None)
    assert found.short == "rolling_deploy null→true"
    assert found.sentence == "promotion_settings.rolling_deploy: expected true, observed null"


@pytest.mark.parametrize(("observed", "differs"), [({}, False), ({LATER: NULL}, False), ({LATER: {}}, True)])
def test_null_is_applied_when_null_or_nothing_is_observed(observed: dict[str, Value], differs: bool) -> None:
    assert bool(differences({LATER: NULL}, observed)) is differs
    assert managed({LATER: NULL}, observed) == {LATER: NULL, **observed}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (NULL, "null"),
        ([1, NULL], "[1, null]"),
        ({"a": 2.5}, '{"a": 2.5}'),
        ("p95", "p95"),
        ("\x1b[2J\u202e", r'"\u001b[2J\u202e"'),
        ("x" * 81, "x" * 80 + "…"),
    ],
)
def test_value_is_short_and_moves_no_cursor_when_shown(value: Value, text: str) -> None:
    """Nothing is known of the values of additional settings."""
    assert Difference(LATER, value, None).short == f"burst null→{text}"
