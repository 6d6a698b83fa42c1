from typing import Any

import pulumi
import pytest
from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce
from baseten_pulumi.barrier import _joined
from baseten_pulumi.provider.joint_members import check
from tests.mocked import OUTPUTS, Mocks, run

THREE = {"autoscaling_settings": {"max_replica": 3}}


def _settings(name: str, env_name: str = "production", **settings: Any) -> BasetenEnvironmentSettings:
    return BasetenEnvironmentSettings(name, model_id="abc123", env_name=env_name, wait=False, **(settings or THREE))


def _environments(*settings: tuple[str, str, dict[str, Any]], outputs: dict[str, Any] = OUTPUTS) -> Any:
    """Return the input of a joint wait for those settings."""

    def program() -> pulumi.Output[Any]:
        declared = [_settings(name, env_name, **more) for name, env_name, more in settings]
        return BasetenSettingsInForce("all", settings=declared).urn

    _, mocks = run(program, outputs=outputs)
    return mocks.inputs("all")["environments"]


def _types(value: Any) -> Any:
    return {key: _types(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)


def test_environments_are_described_by_id_when_a_joint_wait_is_declared() -> None:
    """With what is managed, as plain objects, and what is on record of the requests for it."""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25.0}}
    queue = {"request_backpressure_settings": {"policy": "QUEUE_ON_FULL"}}
    found = _environments(("a", "production", THREE), ("b", "staging", {"promotion_settings": promotion, **queue}))
    assert found == {
        "abc123/production": {**THREE, "status": "ACCEPTED", "in_force": True, "requests": 2, "incarnation": "1f"},
        "abc123/staging": {
            "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
            **queue,
            "status": "ACCEPTED",
            "in_force": True,
            "requests": 2,
            "incarnation": "1f",
        },
    }


def test_count_is_zero_when_state_of_an_earlier_release_has_none() -> None:
    """And Baseten's last word may be missing too."""
    found = _environments(("a", "production", THREE), outputs={"in_force": True})
    assert check({"environments": found})[0]["environments"]["abc123/production"] == {
        **THREE,
        "in_force": True,
        "requests": 0,
    }


@pytest.mark.parametrize(("status", "word"), [("QUEUED", "QUEUED"), ("ACCEPTED", "ACCEPTED")])
def test_settings_are_joined_when_several_resources_manage_one_environment(status: str, word: str) -> None:
    """Each owns its fields; the counts add up, whoever counts is named, and what is queued is queued for all."""
    found = _environments(
        ("a", "production", THREE),
        ("b", "production", {"promotion_settings": {"rolling_deploy": True}}),
        outputs={"requests": 2.0, "status": status, "incarnation": "1f", "in_force": False},
    )
    assert found["abc123/production"] == {
        **THREE,
        "promotion_settings": {"rolling_deploy": True},
        "status": word,
        "in_force": False,
        "requests": 4,
        "incarnation": "1f+1f",
    }


@pytest.mark.parametrize(
    ("said", "in_force"), [((True, True), True), ((True, False), False), ((False, True), False), ((False,), False)]
)
def test_environment_is_in_force_when_all_of_its_resources_say_so(said: tuple[bool, ...], in_force: bool) -> None:
    """What one of them has yet to see is waited for."""
    assert _joined([{"status": "ACCEPTED", "in_force": one} for one in said])["in_force"] is in_force


def test_environment_is_unknown_when_one_of_its_resources_is() -> None:
    """A preview does not know what a request will be answered; it may not take that for nothing."""
    known = {"status": "ACCEPTED", "in_force": True}
    assert isinstance(_joined([known, {**known, "in_force": UNKNOWN}]), Unknown)
    assert isinstance(_joined([known, UNKNOWN]), Unknown)


def test_environment_counts_once_when_its_resource_is_given_twice() -> None:
    """The same resource is the same wait."""

    def program() -> pulumi.Output[Any]:
        settings = _settings("a")
        return BasetenSettingsInForce("all", settings=[settings, settings]).urn

    _, mocks = run(program)
    assert mocks.inputs("all")["environments"]["abc123/production"]["requests"] == 2


def _token(mocks: Mocks, name: str) -> str:
    (found,) = (args.typ for args in mocks.registered if args.name == name)
    return found


def test_joint_wait_is_registered_under_its_frozen_type_when_declared() -> None:
    """And its output is typed."""
    value, mocks = run(lambda: BasetenSettingsInForce("all", settings=[_settings("a")]).in_force)
    assert value is True
    assert _token(mocks, "all") == "pulumi-python:dynamic/baseten:SettingsInForce"


def test_joint_wait_is_refused_when_there_is_nothing_to_wait_for() -> None:
    """It would claim that something is in force."""
    with pytest.raises(ValueError, match=r'^BasetenSettingsInForce "all": settings must hold at least one, got none$'):
        BasetenSettingsInForce("all", settings=[])


@pytest.mark.parametrize("declared", [{}, THREE])
def test_settings_are_refused_when_they_were_looked_up(declared: dict[str, Any]) -> None:
    """They manage nothing, so nothing of theirs could be sent anew; what is declared beside an id is not sent."""

    def program() -> None:
        by_id = pulumi.ResourceOptions(id="abc123/dev")
        found = BasetenEnvironmentSettings("found", model_id="abc123", env_name="dev", opts=by_id, **declared)
        BasetenSettingsInForce("all", settings=[_settings("a"), found, BasetenEnvironmentSettings.get("b", "abc123/b")])

    expected = 'BasetenSettingsInForce "all": settings must be declared, got looked-up ones: "found", "b"'
    with pytest.raises(ValueError, match=f"^{expected}$"):
        run(program)


def test_subclass_is_refused_when_it_is_made() -> None:
    """Its name would be another type in the state."""

    class Mine(BasetenSettingsInForce):
        pass

    with pytest.raises(TypeError, match="BasetenSettingsInForce cannot be subclassed"):
        Mine("mine", settings=[])
