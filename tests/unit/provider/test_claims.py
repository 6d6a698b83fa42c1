from typing import Any

import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.ownership import Owners
from baseten_pulumi.provider import claims
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.claims import contested
from tests.schedules import path, schedule
from tests.unit.provider.serving import Context, serve

INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
}
SHARED = 'each setting of environment "production" of model "abc123" belongs to one resource'


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_owners", Owners())


def _check(name: str, parents: str = "", **changes: Any) -> list[tuple[str, str]]:
    """Check a resource's inputs as the engine has them checked."""
    urn = f"urn:pulumi:dev::p::{parents}pulumi-python:dynamic/baseten:EnvironmentSettings::{name}"
    return [*map(tuple, serve(provider_pb2.CheckRequest(urn=urn), Context(), lambda: contested({**INPUTS, **changes})))]


def test_second_resource_is_refused_when_its_resolved_inputs_are_the_first_ones() -> None:
    """Path and owner; what is unknown in a preview is compared by the update."""
    assert _check("a") == []
    assert _check("b", autoscaling_settings={"min_replica": 2, "scale_down_delay": 60}) == [
        ("autoscaling_settings.min_replica", f'is managed by "a" already; {SHARED}')
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": UNKNOWN},
        {"env_name": UNKNOWN},
        {"env_name": "staging"},
        {"autoscaling_settings": UNKNOWN},
        {"autoscaling_settings": {"min_replica": UNKNOWN}},
        {"autoscaling_settings": {"scale_down_delay": 60}},
    ],
)
def test_nothing_is_refused_when_it_is_not_known_or_not_the_same(changes: dict[str, Any]) -> None:
    """An unknown may turn out to be anything."""
    _check("a")
    assert _check("b", **changes) == []


@pytest.mark.parametrize(("first", "second"), [("max_replica", "min_replica"), ("min_replica", "max_replica")])
def test_second_resource_is_refused_when_both_together_break_a_rule(first: str, second: str) -> None:
    """Both values and the other resource are named, whichever comes first; the refused one counts for nothing."""
    values = {"min_replica": 3, "max_replica": 1}
    assert _check("a", autoscaling_settings={first: values[first]}) == []
    broken = (
        "autoscaling_settings.min_replica",
        'must be at most max_replica (1), got 3 in environment "production" of model "abc123", shared with "a"',
    )
    assert _check("b", autoscaling_settings={second: values[second]}) == [broken]
    assert _check("c", autoscaling_settings={"scale_down_delay": 60}) == []
    assert _check("b", autoscaling_settings={second: values[first]}) == []


def test_every_other_resource_is_named_when_several_share_the_environment() -> None:
    """Which of them has to give way, nobody knows."""
    rolling = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 0}}
    assert _check("a", autoscaling_settings={"max_replica": 3}) == []
    assert _check("b", autoscaling_settings={}, promotion_settings=rolling) == []
    off = {"rolling_deploy_config": {"max_unavailable_percent": 0}}
    ((path, reason),) = _check("c", autoscaling_settings={}, promotion_settings=off)
    assert path == "promotion_settings.rolling_deploy_config.max_surge_percent"
    assert reason.endswith('got 0 and 0 in environment "production" of model "abc123", shared with "a" and "b"')


def test_surge_and_unavailable_belong_together_when_one_is_above_0() -> None:
    """The check declares the other 0, so that two resources cannot have one each."""

    def inputs(name: str) -> dict[str, Any]:
        settings = {"promotion_settings": {"rolling_deploy_config": {name: 5}}}
        normalised, _ = check({"model_id": "abc123", "env_name": "production", **settings})
        return {**normalised, "autoscaling_settings": None}

    assert _check("a", **inputs("max_surge_percent")) == []
    assert len(_check("b", **inputs("max_unavailable_percent"))) == 2


@pytest.mark.parametrize("schedules", [UNKNOWN, [UNKNOWN], [schedule(UNKNOWN)]])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_timezone_is_not_missed_its_schedules_when_they_are_not_known_yet(schedules: Any, order: str) -> None:
    """Whoever declares a timezone has shown the check schedules of its own."""
    lists = {"timezone": "UTC", "schedules": schedules}
    settings: dict[str, dict[str, Any]] = {
        "a": {"autoscaling_settings": {}, "autoscaling_schedule_settings": lists},
        "b": {"autoscaling_settings": {"max_replica": 3}},
    }
    assert [_check(name, **settings[name]) for name in order] == [[], []]


def test_resource_is_no_rival_of_its_own_when_it_is_checked_again() -> None:
    """The engine checks a resource that it replaces once more."""
    assert [_check("a"), _check("a", env_name="staging"), _check("b"), _check("b")] == [[]] * 4


def test_whole_name_is_told_when_both_have_the_same() -> None:
    """Resources of different parents may be called alike."""
    _check("a", parents="baseten:index:ModelEnvironments$")
    ((_, reason),) = _check("a", autoscaling_settings={"min_replica": 1})
    assert "::baseten:index:ModelEnvironments$pulumi-python:dynamic/baseten:EnvironmentSettings::a" in reason


def test_nothing_is_claimed_when_no_engine_asks() -> None:
    """Then nothing names the resource."""
    assert contested(INPUTS) == contested(INPUTS) == []


def test_schedules_belong_to_one_resource_each_when_several_declare_some() -> None:
    """A schedule is one setting, there or gone; others of the environment may be another resource's."""

    def check(name: str, **lists: Any) -> list[tuple[str, str]]:
        return _check(name, autoscaling_settings={}, autoscaling_schedule_settings=lists)

    assert check("a", timezone="UTC", schedules=[schedule("peak")]) == []
    assert check("b", schedules=[schedule("night")]) == []
    assert check("c", delete_schedules=["peak"]) == [(path("peak"), f'is managed by "a" already; {SHARED}')]
