from typing import Any

import pulumi
import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce
from baseten_pulumi.schema.in_force import LEFT_OUT
from tests.mocked import OUTPUTS, run

THREE: dict[str, Any] = {"autoscaling_settings": {"max_replica": 3}}


def _settings(name: str, env_name: str = "production", **more: Any) -> BasetenEnvironmentSettings:
    return BasetenEnvironmentSettings(name, model_id="abc123", env_name=env_name, wait=False, **(more or THREE))


def _environments(*settings: dict[str, Any], preview: bool = False, outputs: dict[str, Any] = OUTPUTS) -> Any:
    """Return the input of a joint wait for settings that are declared with these arguments."""

    def program() -> pulumi.Output[Any]:
        return BasetenSettingsInForce("all", settings=[_settings(**arguments) for arguments in settings]).urn

    return run(program, outputs=outputs, preview=preview)[1].inputs("all")["environments"]


def test_environment_is_one_line_when_a_joint_wait_is_declared() -> None:
    """The key is the resource's name; the line has the environment, what was last sent and the managed settings."""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25.0}}
    queue = {"policy": "QUEUE_ON_FULL"}
    assert _environments(
        {"name": "a"},
        {"name": "b", "env_name": "dev", "promotion_settings": promotion, "request_backpressure_settings": queue},
    ) == {
        "a": 'abc123/production 1f {"settings":{"autoscaling_settings":{"max_replica":3}},"status":"ACCEPTED"}',
        "b": 'abc123/dev 1f {"settings":{"promotion_settings":{"rolling_deploy":true,"rolling_deploy_config":'
        '{"max_surge_percent":25}},"request_backpressure_settings":{"policy":"QUEUE_ON_FULL"}},"status":"ACCEPTED"}',
    }


def test_status_is_null_when_the_response_was_lost() -> None:
    """The revision is there nevertheless."""
    (entry,) = _environments({"name": "a"}, outputs={"revision": "1f", "in_force": False}).values()
    assert entry.endswith(',"status":null}')


def test_environment_is_unknown_when_a_preview_does_not_know_the_revision() -> None:
    """Otherwise it is known, although an object that the program does not manage is unknown in a preview."""
    settings = {"name": "a"}
    (entry,) = _environments(settings, preview=True, outputs={"status": "ACCEPTED"}).values()
    assert isinstance(entry, Unknown)
    assert _environments(settings, preview=True) == _environments(settings)


def test_environment_is_left_out_when_its_resource_does_not_exist_and_this_run_does_not_create_it() -> None:
    """Pulumi's `--exclude` leaves its outputs unknown in an update, too; the joint wait then says what to do."""
    assert _environments({"name": "a"}, outputs={"revision": UNKNOWN}) == {"a": LEFT_OUT}


def test_environment_is_secret_when_a_setting_is() -> None:

    def program() -> pulumi.Output[bool]:
        secret = pulumi.Output.secret(THREE["autoscaling_settings"])
        joint_wait = BasetenSettingsInForce(
            "all", settings=[_settings("a", autoscaling_settings=secret), _settings("b")]
        )
        environments: pulumi.Output[Any] = pulumi.get(joint_wait, "environments")
        return pulumi.Output.from_input(environments.is_secret())

    assert run(program)[0] is True


def test_environment_is_waited_for_once_when_its_resource_is_given_twice() -> None:
    def program() -> pulumi.Output[Any]:
        settings = _settings("a")
        return BasetenSettingsInForce("all", settings=[settings, settings]).in_force

    value, mocks = run(program)
    assert (value, [*mocks.inputs("all")["environments"]]) == (True, ["a"])


def _looked_up() -> list[BasetenEnvironmentSettings]:
    by_id = pulumi.ResourceOptions(id="abc123/dev")
    declared = BasetenEnvironmentSettings("b", model_id="abc123", env_name="dev", opts=by_id, **THREE)
    return [_settings("a"), declared, BasetenEnvironmentSettings.get("c", "abc123/c")]


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        (list, "must contain at least one resource"),
        (_looked_up, "must be declared, not looked up, got b, c"),
        (
            lambda: [_settings("a"), _settings("b"), _settings("a", "dev")],
            "must have unique names, got a more than once",
        ),
    ],
)
def test_joint_wait_is_refused_when_there_is_something_it_cannot_wait_for(settings: Any, failure: str) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        run(lambda: BasetenSettingsInForce("all", settings=settings()))
    assert str(caught.value) == f'BasetenSettingsInForce "all": settings: {failure}'


def test_joint_wait_is_refused_when_it_is_imported() -> None:
    opts = pulumi.ResourceOptions(import_="in-force")
    with pytest.raises(pulumi.RunError, match=r'^BasetenSettingsInForce "all": leave import_ out: '):
        run(lambda: BasetenSettingsInForce("all", settings=[_settings("a")], opts=opts))
