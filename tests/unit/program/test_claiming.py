import functools
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from baseten_pulumi import BasetenEnvironmentSettings, BasetenModelEnvironments
from tests.mocked import Mocks, run
from tests.schedules import schedule


def _declare(name: str, **arguments: Any) -> BasetenEnvironmentSettings:
    how = {"model_id": "abc123", "env_name": "production", "autoscaling_settings": {"min_replica": 1}, **arguments}
    return BasetenEnvironmentSettings(name, **how)


def _twice(first: dict[str, Any], second: dict[str, Any]) -> Callable[[], None]:
    def program() -> None:
        _declare("a", **first)
        _declare("b", **second)

    return program


def test_second_resource_is_refused_when_it_declares_the_same_setting() -> None:
    """Both resources, every such setting and the environment are named."""
    both = {
        "autoscaling_settings": {"min_replica": 2, "max_replica": 3},
        "promotion_settings": {"rolling_deploy": True},
    }
    with pytest.raises(pulumi.RunError, match="min_replica") as caught:
        run(_twice(both, {**both, "autoscaling_settings": {"min_replica": 1}}))
    shared = (
        'is managed by "a" already; each setting of environment "production" of model "abc123" belongs to one resource'
    )
    assert str(caught.value).splitlines() == [
        f'BasetenEnvironmentSettings "b": autoscaling_settings.min_replica {shared}',
        f'BasetenEnvironmentSettings "b": promotion_settings.rolling_deploy {shared}',
    ]


@pytest.mark.parametrize(
    "second",
    [
        {"autoscaling_settings": {"max_replica": 3}},
        {"autoscaling_settings": {"min_replica": None, "max_replica": 3}},
        {"env_name": "staging"},
        {"model_id": "xyz789"},
        {"autoscaling_settings": None, "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5}}},
    ],
)
def test_both_are_registered_when_they_share_no_setting(second: dict[str, Any]) -> None:
    """Several resources may manage different settings of one environment."""
    _, mocks = run(_twice({}, second))
    assert [args.name for args in mocks.registered] == ["a", "b"]


def test_nothing_is_compared_when_it_is_an_output() -> None:
    """What the engine resolves, the provider's check compares: no Output is looked into here."""

    def program() -> None:
        _twice({"model_id": pulumi.Output.from_input("abc123")}, {})()
        _declare("c", autoscaling_settings={"min_replica": pulumi.Output.from_input(1)})
        _declare("d", autoscaling_settings=pulumi.Output.from_input({"min_replica": 1}))

    assert len(run(program)[1].registered) == 4


def test_looked_up_resource_owns_nothing_when_a_declared_one_manages_its_environment() -> None:
    """A lookup only reads."""

    def program() -> None:
        BasetenEnvironmentSettings.get("found", "abc123/production")
        _declare("a")
        BasetenEnvironmentSettings.get("again", "abc123/production")

    assert len(run(program)[1].registered) == 3


def test_programs_do_not_mix_when_one_process_runs_several() -> None:
    """Each stack of an automation program, and each test, declares what it likes."""
    for name in ("a", "b"):
        run(functools.partial(_declare, name))


def test_children_are_refused_when_a_resource_beside_them_declares_their_setting() -> None:
    """All environments of a model from one mapping are resources like any other."""

    def program() -> None:
        _declare("mine")
        BasetenModelEnvironments(
            "chat", model_id="abc123", environments={"production": {"autoscaling_settings": {"min_replica": 2}}}
        )

    with pytest.raises(pulumi.RunError, match=r'"chat-production": .*min_replica is managed by "mine" already'):
        run(program)


def test_schedules_may_be_shared_out_when_each_has_one_owner() -> None:
    """By name; a name that is an Output is compared once it is known."""

    def program(*third: str) -> None:
        late = {**schedule(), "name": pulumi.Output.from_input("late")}
        _declare("a", autoscaling_schedule_settings={"schedules": [schedule("peak"), late]})
        for name in ("night", "late", *third):
            _declare(name, autoscaling_settings=None, autoscaling_schedule_settings={"delete_schedules": [name]})

    run(program)
    with pytest.raises(pulumi.RunError, match=r'schedules\["peak"\] is managed by "a" already'):
        run(lambda: program("peak"))


def test_nothing_is_registered_when_a_resource_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi would go on with those declared before, and send what they declare."""
    registered: list[str] = []

    def register(_: Mocks, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        registered.append(args.name)
        return "id", {}

    monkeypatch.setattr(Mocks, "new_resource", register)
    with pytest.raises(pulumi.RunError, match=r'"b": .*min_replica is managed by "a" already'):
        run(_twice({}, {}))
    assert registered == []
