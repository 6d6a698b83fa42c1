from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi import errors
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.joint_members import Member, check, has_changes, members, unseen

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PLAIN = Configuration(lambda key: None, {})
SKIPPING = Configuration({"baseten:skipWait": "true"}.get, {})
PRODUCTION, STAGING = "abc123/production", "abc123/staging"
MAX, MIN = "autoscaling_settings.max_replica", "autoscaling_settings.min_replica"


def _entry(requests: float = 1.0, status: str | None = "ACCEPTED", **autoscaling: float) -> dict[str, Any]:
    return {"autoscaling_settings": autoscaling or {"max_replica": 3.0}, "status": status, "requests": requests}


def _props(**environments: Any) -> dict[str, Any]:
    return {"environments": {f"abc123/{name}": entry for name, entry in environments.items()}}


def _seen(**environments: Any) -> dict[str, Any]:
    return {**_props(**environments), "in_force": True}


def test_inputs_are_normalised_when_checked() -> None:
    """Integers, and no nulls; outputs that a program's resource names without a value are passed over."""
    entry = {**_entry(status=None), "promotion_settings": None}
    inputs, failures = check({**_props(production=entry), "in_force": None})
    assert failures == []
    assert inputs == _props(production={"autoscaling_settings": {"max_replica": 3}, "requests": 1})
    assert type(inputs["environments"][PRODUCTION]["requests"]) is int


@pytest.mark.parametrize(
    "entry",
    [
        UNKNOWN,
        {**_entry(), "requests": UNKNOWN, "in_force": UNKNOWN},
        {**_entry(max_replica=UNKNOWN), "in_force": True},
    ],
)
def test_environment_is_unknown_as_a_whole_when_checked_before_it_is_sent(entry: Any) -> None:
    """A preview does not know what a request will be answered, and says so shortly."""
    inputs, failures = check(_props(production=entry, staging=_entry()))
    assert isinstance(inputs["environments"][PRODUCTION], Unknown)
    assert inputs["environments"][STAGING]["requests"] == 1
    assert failures == []


def test_environments_are_unknown_when_their_names_are() -> None:
    """Nothing tells what they are called."""
    assert check({"environments": UNKNOWN}) == ({"environments": UNKNOWN}, [])


def test_what_state_lacks_is_no_unknown_when_the_rest_is_known() -> None:
    """A preview takes an output for unknown that state of an earlier release does not have."""
    unknown = dict.fromkeys(("promotion_settings", "status", "requests", "incarnation"), UNKNOWN)
    entry = {**_entry(), **unknown, "in_force": True}
    inputs, _ = check(_props(production=entry))
    assert inputs == _props(production={"autoscaling_settings": {"max_replica": 3}, "requests": 0, "in_force": True})


@pytest.mark.parametrize("environments", [{}, None, "production"])
def test_nothing_to_wait_for_is_refused_when_checked(environments: Any) -> None:
    """A wait for nothing would claim that something is in force."""
    _, failures = check({"environments": environments})
    assert failures == [("environments", "must name at least one environment, got none")]


def test_nothing_changes_when_all_stays_as_it_was_seen() -> None:
    """Floats for integers, an absent count for 0 and another last word are no difference."""
    olds = _seen(production=_entry(requests=0.0))
    news = _props(production={"autoscaling_settings": {"max_replica": 3}, "status": "QUEUED"})
    assert has_changes(olds, news, PLAIN) is False


@pytest.mark.parametrize(
    "news",
    [
        _props(production=_entry(requests=2.0)),
        _props(production={**_entry(), "incarnation": "1f"}),
        _props(production=_entry(max_replica=4.0)),
        _props(production=_entry(max_replica=3.0, min_replica=1.0)),
        _props(production=_entry(), staging=_entry()),
        _props(staging=_entry()),
        {"environments": UNKNOWN},
        _props(production=UNKNOWN),
        _props(production={**_entry(), "requests": UNKNOWN}),
        _props(production=_entry(max_replica=UNKNOWN)),
    ],
)
def test_update_is_due_when_anything_differs(news: dict[str, Any]) -> None:
    """A setting, a request sent for the same settings, by whomever, an environment, or what nobody knows yet."""
    assert has_changes(_seen(production=_entry()), news, PLAIN) is True


def test_update_is_due_when_a_skipped_wait_is_on_again() -> None:
    """And not while it is skipped."""
    olds, news = {**_seen(production=_entry()), "in_force": False}, _props(production=_entry())
    assert has_changes(olds, news, SKIPPING) is False
    assert has_changes(olds, news, PLAIN) is True


def test_malformed_choice_is_told_when_compared() -> None:
    """`baseten:skipWait` is read strictly."""
    with pytest.raises(errors.ConfigurationError):
        has_changes({}, _props(production=_entry()), Configuration({"baseten:skipWait": "yes"}.get, {}))


def test_members_are_read_by_id_when_inputs_are_known() -> None:
    """With integers and dotted paths."""
    assert members(_props(production=_entry(requests=2.0))) == {PRODUCTION: Member({MAX: 3}, 2, "ACCEPTED")}
    assert members(_props(production={**_entry(), "incarnation": "1f"}))[PRODUCTION].sending == (1, "1f")
    assert members({}) == {}


def test_everything_is_unseen_when_nobody_waited_before() -> None:
    """At first, and after a wait that was skipped."""
    news = _props(production=_entry(), staging=_entry())
    assert set(unseen({}, news)) == {PRODUCTION, STAGING}
    assert set(unseen({**news, "in_force": False}, news)) == {PRODUCTION, STAGING}


@pytest.mark.parametrize(
    ("staging", "left"),
    [
        (_entry(), set()),
        (_entry(requests=2.0), {STAGING}),
        ({**_entry(), "incarnation": "1f"}, {STAGING}),
        (_entry(max_replica=5.0), {STAGING}),
        (_entry(max_replica=3.0, min_replica=1.0), {STAGING}),
    ],
)
def test_only_what_changed_is_unseen_when_the_rest_was_seen(staging: dict[str, Any], left: set[str]) -> None:
    """What was seen in force is not looked at again: somebody may have changed it by hand meanwhile."""
    olds = _seen(production=_entry(), staging=_entry())
    assert set(unseen(olds, _props(production=_entry(), staging=staging))) == left


def test_nothing_is_unseen_when_environments_or_settings_leave() -> None:
    """There is nothing new to see."""
    olds = _seen(production=_entry(max_replica=3.0, min_replica=1.0), staging=_entry())
    assert unseen(olds, _props(production=_entry(min_replica=1.0))) == {}
