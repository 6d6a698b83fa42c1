"""What counts as a difference between desired and observed settings, and its short texts."""

import pytest

from baseten_pulumi.schema.compare import Difference, differences, managed
from baseten_pulumi.schema.settings import (
    FIELDS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    ROLLING_DEPLOY,
    Settings,
)

STRATEGY = "promotion_settings.promotion_cleanup_strategy"
INTEGERS = [path for path, field in FIELDS.items() if field.kind == "integer"]


def test_nothing_differs_when_every_desired_setting_is_observed() -> None:
    """Settings that are observed and not desired do not count."""
    desired: Settings = {MIN_REPLICA: 1, ROLLING_DEPLOY: False, STRATEGY: "KEEP"}
    assert differences(desired, {**desired, MAX_REPLICA: 9}) == ()


def test_differences_come_in_the_desired_order_when_several_differ() -> None:
    """Each has the desired and the observed value; a setting that is not reported is None."""
    found = differences({MAX_REPLICA: 3, MIN_REPLICA: 1, ROLLING_DEPLOY: True}, {ROLLING_DEPLOY: False, MIN_REPLICA: 1})
    assert found == (Difference(MAX_REPLICA, 3, None), Difference(ROLLING_DEPLOY, True, False))


@pytest.mark.parametrize("path", INTEGERS)
def test_unreported_counts_as_zero_when_the_setting_is_one_of_the_two_percentages(path: str) -> None:
    """Baseten reports the percentage that is not in use as null; no other null is a 0."""
    is_zero = path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
    assert (differences({path: 0}, {}) == ()) is is_zero
    assert managed({path: 0}, {}) == ({path: 0} if is_zero else {})


@pytest.mark.parametrize(
    ("path", "desired", "observed"),
    [(MAX_SURGE_PERCENT, 25, None), (MAX_SURGE_PERCENT, 0, 10), (ROLLING_DEPLOY, False, None)],
)
def test_setting_differs_when_null_or_a_value_is_not_what_is_desired(
    path: str, desired: int, observed: int | None
) -> None:
    """Null is neither 25 nor false, and a reported 10 is no 0."""
    reported = {} if observed is None else {path: observed}
    assert differences({path: desired}, reported) == (Difference(path, desired, observed),)


def test_only_desired_settings_are_returned_when_more_are_observed() -> None:
    """What a refresh keeps: their observed values, in the desired order."""
    observed = {MIN_REPLICA: 0, MAX_REPLICA: 9, ROLLING_DEPLOY: True}
    found = managed({MAX_REPLICA: 1, MIN_REPLICA: 5, STRATEGY: "KEEP"}, observed)
    assert list(found.items()) == [(MAX_REPLICA, 9), (MIN_REPLICA, 0)]


def test_difference_is_short_in_a_row_and_whole_in_an_error_when_shown() -> None:
    """A row has room for the name, an error for the path; values are written as the API writes them."""
    found = Difference(ROLLING_DEPLOY, True, None)
    assert found.short == "rolling_deploy null→true"
    assert found.sentence == "promotion_settings.rolling_deploy: expected true, observed null"
