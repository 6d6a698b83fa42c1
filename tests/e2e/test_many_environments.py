"""All environments of a model from one mapping, and one wait for all of them."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import API_KEY, ON_REAL_ENGINE, Stack
from tests.programs import MODEL, patches

FIVE = ("canary", "dev", "eu", "production", "staging")
FLEET = "flt5five"
JOINT = "chat-in-force"

_COMPONENT = """
import pulumi
from baseten_pulumi import BasetenModelEnvironments

later = pulumi.Output.from_input
chat = BasetenModelEnvironments(
    "chat", model_id={model!r}, environments={environments}, defaults={defaults!r}, {more}
)
pulumi.export("in_force", chat.in_force)
pulumi.export("requests", {{name: it.requests for name, it in chat.settings.items()}})
"""

_BY_HAND = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce

settings = [
    BasetenEnvironmentSettings(
        f"{{model}}-{{env_name}}",
        model_id=model,
        env_name=env_name,
        autoscaling_settings={{"max_replica": {count}}},
        wait=False,
    )
    for model in {models!r}
    for env_name in ("production", "staging")
]
everything = BasetenSettingsInForce("everything", settings=settings)
pulumi.export("in_force", everything.in_force)
"""


def component(
    environments: Mapping[str, Any] | str, defaults: object = None, *, model: str = MODEL, more: str = ""
) -> str:
    """Return a program that declares the environments of one model; these may be source where values are Outputs."""
    source = environments if isinstance(environments, str) else repr(environments)
    return _COMPONENT.format(model=model, environments=source, defaults=defaults, more=more)


def timeout(seconds: int) -> str:
    """Return the argument that limits every create and update of the component's children."""
    limits = f'pulumi.CustomTimeouts(create="{seconds}s", update="{seconds}s")'
    return f"opts=pulumi.ResourceOptions(custom_timeouts={limits})"


def replicas(**counts: int) -> dict[str, Any]:
    """Return environments that differ in max_replica."""
    return {name: {"autoscaling_settings": {"max_replica": count}} for name, count in counts.items()}


def reported(emulator: Emulator, env_name: str, model: str = MODEL) -> object:
    """Return an environment's max_replica, as Baseten reports it."""
    return emulator.reported(model, env_name)["autoscaling_settings"]["max_replica"]


def create_environment(emulator: Emulator, model: str, env_name: str) -> None:
    """Create an environment with every default beside those a model has, as a user of Baseten does."""
    address, key = f"{emulator.url}/v1/models/{model}/environments", {"Authorization": f"Api-Key {API_KEY}"}
    httpx.post(address, json={"name": env_name}, headers=key).raise_for_status()


def methods(emulator: Emulator) -> list[str]:
    """Return the methods of the requests so far, oldest first."""
    return [request.method for request in emulator.requests]


@pytest.mark.emulator(apply_seconds=3.0)
def test_all_environments_come_into_force_together_when_a_model_has_many(stack: Stack, emulator: Emulator) -> None:
    """Every child sends before anybody looks, and looks are shared: the wait is as long as that for one."""
    emulator.add_model(FLEET, "fleet", FIVE)
    stack.program(component(replicas(**dict.fromkeys(FIVE, 3)), model=FLEET))
    stack.up()
    asked = methods(emulator)
    assert asked[:5] == ["PATCH"] * 5
    assert set(asked[5:]) == {"GET"}
    assert len(asked[5:]) <= 2 * len(FIVE)
    assert {reported(emulator, name, FLEET) for name in FIVE} == {3}
    assert stack.outputs() == {"in_force": True, "requests": dict.fromkeys(FIVE, 1)}


def test_only_what_changed_is_sent_and_awaited_when_one_environment_changes(stack: Stack, emulator: Emulator) -> None:
    """The preview shows that environment and the joint wait; the others stay as they are, drifted or not."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    emulator.clear_requests()
    emulator.change(MODEL, "staging", {"max_replica": 9})
    stack.program(component(replicas(production=6, staging=3)))
    assert stack.preview().counts["update"] == 2
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 6}}]
    assert (reported(emulator, "production"), reported(emulator, "staging")) == (6, 9)
    assert stack.outputs() == {"in_force": True, "requests": {"production": 2, "staging": 1}}


def test_the_joint_wait_waits_again_when_it_timed_out_and_the_program_went_back(
    stack: Stack, emulator: Emulator
) -> None:
    """3 → 6 times out, the program goes back to 3: that is sent, and seen in force."""
    stack.program(component(replicas(production=3, staging=3), more=timeout(2)))
    stack.up()
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(component(replicas(production=6, staging=3), more=timeout(2)))
    text = stack.fails("up")
    assert "max_replica is 3, wanted 6" in text
    assert "production" in text
    assert "baseten_pulumi/provider" not in text
    kept = stack.resource(JOINT)["inputs"]["environments"][f"{MODEL}/production"]
    assert (kept["autoscaling_settings"]["max_replica"], kept["requests"]) == (3, 1)
    emulator.faults.clear()
    emulator.clear_requests()
    stack.program(component(replicas(production=3, staging=3), more=timeout(2)))
    assert stack.preview().counts["update"] == 2
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    assert "GET" in methods(emulator)
    assert reported(emulator, "production") == 3


def test_the_joint_wait_goes_on_when_its_first_one_timed_out(stack: Stack, emulator: Emulator) -> None:
    """A wait that failed is not in the state; the same program then sends nothing, and waits."""
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(component(replicas(production=3, staging=3), more=timeout(2)))
    stack.fails("up")
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())
    emulator.faults.clear()
    emulator.clear_requests()
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    assert stack.outputs()["in_force"] is True


def test_own_settings_lie_over_the_defaults_when_both_declare_them(stack: Stack, emulator: Emulator) -> None:
    """At every depth; None takes a default out, and what is not known yet is merged once it is."""
    defaults = {
        "autoscaling_settings": {"min_replica": 0, "max_replica": 2, "scale_down_delay": 60},
        "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
    }
    environments = """{
        "dev": later(None),
        "production": {
            "autoscaling_settings": {"min_replica": 1, "max_replica": later(6), "scale_down_delay": None},
            "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 30}},
        },
        "staging": {"autoscaling_settings": later({"max_replica": 4}), "promotion_settings": None},
    }"""
    stack.program(component(environments, defaults))
    stack.up()
    sent = {request.path.rpartition("/")[2]: request.body for request in emulator.requests if request.method == "PATCH"}
    rolling = {"max_surge_percent": 25, "max_unavailable_percent": 0}
    assert sent == {
        "dev": {
            "autoscaling_settings": {"min_replica": 0, "max_replica": 2, "scale_down_delay": 60},
            "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": rolling},
        },
        "production": {
            "autoscaling_settings": {"min_replica": 1, "max_replica": 6},
            "promotion_settings": {
                "rolling_deploy": True,
                "rolling_deploy_config": {**rolling, "stabilization_time_seconds": 30},
            },
        },
        "staging": {"autoscaling_settings": {"min_replica": 0, "max_replica": 4, "scale_down_delay": 60}},
    }


@pytest.mark.parametrize("flags", [(), ("--continue-on-error",)])
def test_the_unknown_environment_is_named_when_it_is_one_of_several(
    flags: tuple[str, ...], stack: Stack, emulator: Emulator
) -> None:
    """The others finish, or are done by the next `up` where the first error ends the run."""
    emulator.add_model(FLEET, "fleet", [name for name in FIVE if name != "canary"])
    stack.program(component(replicas(**dict.fromkeys(FIVE, 3)), model=FLEET))
    text = stack.fails("up", *flags)
    assert "canary" in text
    assert "baseten_pulumi/provider" not in text
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())
    others = {reported(emulator, name, FLEET) for name in FIVE if name != "canary"}
    assert others == {3} if flags else others <= {1, 3}
    create_environment(emulator, FLEET, "canary")
    stack.up()
    assert stack.outputs()["in_force"] is True
    assert {reported(emulator, name, FLEET) for name in FIVE} == {3}


def test_drift_comes_back_and_is_awaited_when_a_refresh_found_it(stack: Stack, emulator: Emulator) -> None:
    """The refresh asks for each environment and nothing for the joint wait; the next `up` sends and waits."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    emulator.clear_requests()
    stack.refresh()
    assert methods(emulator) == ["GET", "GET"]
    stack.preview("--expect-no-changes")
    emulator.change(MODEL, "production", {"max_replica": 9})
    stack.refresh()
    emulator.clear_requests()
    assert "max_replica" in stack.preview().text
    stack.up()
    assert methods(emulator)[0] == "PATCH"
    assert set(methods(emulator)[1:]) == {"GET"}
    assert reported(emulator, "production") == 3


def test_the_joint_wait_waits_again_when_an_environment_was_made_anew(stack: Stack, emulator: Emulator) -> None:
    """A refresh drops what is gone; its successor counts from 1 too, and is not taken for it."""
    stack.program(component(replicas(dev=3, staging=3)))
    stack.up()
    emulator.remove_environment(MODEL, "staging")
    stack.refresh()
    create_environment(emulator, MODEL, "staging")
    emulator.clear_requests()
    stack.up()
    assert methods(emulator)[0] == "PATCH"
    assert "GET" in methods(emulator)
    assert stack.outputs() == {"in_force": True, "requests": {"dev": 1, "staging": 1}}


def test_nothing_is_asked_when_one_environment_leaves(stack: Stack, emulator: Emulator) -> None:
    """What is left was seen in force, so nobody waits for it again; Baseten keeps the settings of the other."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    emulator.clear_requests()
    stack.program(component(replicas(production=3)))
    stack.up()
    assert not emulator.requests
    assert reported(emulator, "staging") == 3
    stack.destroy()
    assert not emulator.requests
    stack.up()


@pytest.mark.emulator(apply_seconds=30.0)
def test_nobody_waits_when_the_stack_skips_waiting(stack: Stack, emulator: Emulator) -> None:
    """The joint wait claims nothing then, and is due once waiting is on again; nothing is sent twice."""
    stack.configure({"baseten:skipWait": "true"})
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    assert methods(emulator) == ["PATCH", "PATCH"]
    assert stack.outputs()["in_force"] is False
    stack.preview("--expect-no-changes")
    stack.configure({})
    for name in ("production", "staging"):
        emulator.change(MODEL, name, {"max_replica": 3})
    emulator.clear_requests()
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    assert stack.outputs()["in_force"] is True


@pytest.mark.emulator(apply_seconds=30.0)
def test_there_is_no_joint_wait_when_the_component_does_not_wait(stack: Stack, emulator: Emulator) -> None:
    """With wait=False the settings are sent, and whether they are in force is what each resource knows."""
    stack.program(component(replicas(production=3, staging=3), more="wait=False"))
    stack.up()
    assert methods(emulator) == ["PATCH", "PATCH"]
    assert stack.outputs()["in_force"] is False
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())


def test_one_wait_covers_several_models_when_a_fleet_is_made_by_hand(stack: Stack, emulator: Emulator) -> None:
    """The joint wait is a resource of its own, and a change of every environment is one more wait."""
    emulator.add_model(FLEET, "fleet", FIVE)
    stack.program(_BY_HAND.format(models=[FLEET, MODEL], count=3))
    stack.up()
    assert methods(emulator)[:4] == ["PATCH"] * 4
    stack.program(_BY_HAND.format(models=[FLEET, MODEL], count=4))
    stack.up()
    assert stack.outputs()["in_force"] is True
    assert {reported(emulator, name, model) for model in (FLEET, MODEL) for name in ("production", "staging")} == {4}


def test_preview_needs_no_key_when_many_environments_are_declared(stack: Stack, emulator: Emulator) -> None:
    """Neither at first nor later: nothing is asked."""
    del stack.environment["BASETEN_API_KEY"]
    stack.program(component(replicas(production=3, staging=3)))
    assert stack.preview().counts["create"] == 5  # the stack, the component, two children and the joint wait
    stack.environment["BASETEN_API_KEY"] = API_KEY
    stack.up()
    del stack.environment["BASETEN_API_KEY"]
    emulator.clear_requests()
    stack.preview("--expect-no-changes")
    stack.program(component(replicas(production=4, staging=3)))
    stack.preview()
    assert not emulator.requests
    stack.environment["BASETEN_API_KEY"] = API_KEY
    stack.up()


def test_misspelt_settings_are_refused_by_path_when_previewed(stack: Stack) -> None:
    """Before anything is registered."""
    stack.program(component({"production": {"autoscalingsettings": {"max_replica": 3}}}))
    text = stack.fails("preview")
    assert (
        'environments.production.autoscalingsettings: is not a known property; did you mean "autoscaling_settings"?'
    ) in text
    stack.is_settled_at_the_end = False


@ON_REAL_ENGINE
def test_the_joint_wait_is_passed_over_when_only_a_child_is_the_target(stack: Stack, emulator: Emulator) -> None:
    """Nobody waits then; the next whole `up` does, and sends nothing. The local engine knows no --target."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    stack.program(component(replicas(production=6, staging=3)))
    emulator.clear_requests()
    stack.up("--target", stack.resource("chat-production")["urn"])
    assert methods(emulator) == ["PATCH"]
    emulator.clear_requests()
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    assert stack.outputs()["in_force"] is True
