"""All environments of a model from one mapping, and one wait for all of them."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import API_KEY, ON_REAL_ENGINE, Stack
from tests.programs import MODEL, patches, timeout

FIVE = ("canary", "dev", "eu", "production", "staging")
FLEET = "flt5five"
JOINT = "chat-in-force"
TYPE = "pulumi-python:dynamic/baseten:EnvironmentSettings"

_COMPONENT = """
import pulumi
from baseten_pulumi import BasetenModelEnvironments

later = pulumi.Output.from_input
chat = BasetenModelEnvironments(
    "chat", model_id={model!r}, environments={environments}, defaults={defaults!r}, {more}
)
pulumi.export("in_force", chat.in_force)
pulumi.export("revisions", {{name: it.revision for name, it in chat.settings.items()}})
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
everything = BasetenSettingsInForce("everything", settings=settings{order}, {more})
pulumi.export("in_force", everything.in_force)
"""


def component(
    environments: Mapping[str, Any] | str, defaults: object = None, *, model: str = MODEL, more: str = ""
) -> str:
    """Return a program that declares the environments of one model; these may be source where values are Outputs."""
    source = environments if isinstance(environments, str) else repr(environments)
    return _COMPONENT.format(model=model, environments=source, defaults=defaults, more=more)


def replicas(**counts: int) -> dict[str, Any]:
    """Return environments that differ in max_replica."""
    return {name: {"autoscaling_settings": {"max_replica": count}} for name, count in counts.items()}


def reported(emulator: Emulator, env_name: str, model: str = MODEL) -> object:
    """Return an environment's max_replica, as Baseten reports it."""
    return emulator.reported(model, env_name)["autoscaling_settings"]["max_replica"]


def revisions(stack: Stack) -> dict[str, str]:
    """Return the revision of each environment, by name."""
    found: dict[str, str] = stack.outputs()["revisions"]
    return found


def by_hand(*models: str, count: int, order: str = "", more: str = "") -> str:
    """Return a program with two environments of each model that do not wait, and one joint wait."""
    return _BY_HAND.format(models=models, count=count, order=order, more=more)


def create_environment(emulator: Emulator, model: str, env_name: str) -> None:
    """Create an environment with every default in a model, as a user of Baseten does."""
    address, key = f"{emulator.url}/v1/models/{model}/environments", {"Authorization": f"Api-Key {API_KEY}"}
    httpx.post(address, json={"name": env_name}, headers=key).raise_for_status()


def methods(emulator: Emulator) -> list[str]:
    """Return the methods of the requests so far, oldest first."""
    return [request.method for request in emulator.requests]


@pytest.mark.emulator(apply_seconds=3.0)
def test_all_environments_are_applied_together_when_a_model_has_many(stack: Stack, emulator: Emulator) -> None:
    """Every child sends before the first poll, and polls are shared: the wait takes as long as that for one."""
    emulator.add_model(FLEET, "fleet", FIVE)
    stack.program(component(replicas(**dict.fromkeys(FIVE, 3)), model=FLEET))
    stack.up()
    asked = methods(emulator)
    assert asked[:5] == ["PATCH"] * 5
    assert set(asked[5:]) == {"GET"}
    assert len(asked[5:]) <= 2 * len(FIVE)
    assert {reported(emulator, name, FLEET) for name in FIVE} == {3}
    assert stack.outputs()["in_force"] is True
    assert len(set(revisions(stack).values())) == len(FIVE)


def test_only_what_changed_is_sent_and_awaited_when_one_environment_changes(stack: Stack, emulator: Emulator) -> None:
    """The preview shows that environment and the joint wait; the others stay as they are, drifted or not."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    before = revisions(stack)
    emulator.clear_requests()
    emulator.change(MODEL, "staging", {"max_replica": 9})
    stack.program(component(replicas(production=6, staging=3)))
    assert stack.preview().counts["update"] == 2
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 6}}]
    assert (reported(emulator, "production"), reported(emulator, "staging")) == (6, 9)
    assert {name for name, it in revisions(stack).items() if it != before[name]} == {"production"}


def test_the_joint_wait_waits_again_when_it_timed_out_and_the_program_went_back(
    stack: Stack, emulator: Emulator
) -> None:
    """3 → 6 times out, the program goes back to 3: that is sent, and waited for."""
    stack.program(component(replicas(production=3, staging=3), more=timeout(2)))
    stack.up()
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(component(replicas(production=6, staging=3), more=timeout(2)))
    text = stack.fails("up")
    assert "autoscaling_settings.max_replica: expected 6, observed 3" in text
    assert "chat-production" in text
    assert "baseten_pulumi/provider" not in text
    kept = stack.resource(JOINT)["inputs"]["environments"]["chat-production"]
    assert '{"autoscaling_settings":{"max_replica":3}}' in kept
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
    """A refresh drops what is gone; what is created in its place has another revision."""
    stack.program(component(replicas(dev=3, staging=3)))
    stack.up()
    before = revisions(stack)
    emulator.remove_environment(MODEL, "staging")
    stack.refresh()
    create_environment(emulator, MODEL, "staging")
    emulator.clear_requests()
    stack.up()
    assert methods(emulator)[0] == "PATCH"
    assert "GET" in methods(emulator)
    assert stack.outputs()["in_force"] is True
    assert {name for name, it in revisions(stack).items() if it != before[name]} == {"staging"}


def test_nothing_is_requested_when_one_environment_is_removed(stack: Stack, emulator: Emulator) -> None:
    """What is left was observed, so it is not waited for again; Baseten keeps the settings of the other."""
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
def test_nothing_waits_when_the_stack_skips_waiting(stack: Stack, emulator: Emulator) -> None:
    """The joint wait is due once waiting is on again; nothing is sent twice."""
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
    """With wait=False the settings are sent, and none is known to be applied."""
    stack.program(component(replicas(production=3, staging=3), more="wait=False"))
    stack.up()
    assert methods(emulator) == ["PATCH", "PATCH"]
    assert stack.outputs()["in_force"] is False
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())


def test_one_wait_covers_several_models_when_a_fleet_is_made_by_hand(stack: Stack, emulator: Emulator) -> None:
    """The joint wait is a resource of its own; their order is no change, and a change of each is one more wait."""
    emulator.add_model(FLEET, "fleet", FIVE)
    stack.program(by_hand(FLEET, MODEL, count=3))
    stack.up()
    assert methods(emulator)[:4] == ["PATCH"] * 4
    stack.program(by_hand(FLEET, MODEL, count=3, order="[::-1]"))
    stack.preview("--expect-no-changes")
    stack.program(by_hand(FLEET, MODEL, count=4))
    stack.up()
    assert stack.outputs()["in_force"] is True
    assert {reported(emulator, name, model) for model in (FLEET, MODEL) for name in ("production", "staging")} == {4}


def test_preview_needs_no_key_when_many_environments_are_declared(stack: Stack, emulator: Emulator) -> None:
    """Neither for a create nor for an update; no request is made."""
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
        'environments.production.autoscalingsettings: unknown property; did you mean "autoscaling_settings"?'
    ) in text
    stack.is_settled_at_the_end = False


@ON_REAL_ENGINE
def test_the_joint_wait_is_passed_over_when_only_a_child_is_the_target(stack: Stack, emulator: Emulator) -> None:
    """Then nothing waits; the next whole `up` does, and sends nothing. The local engine has no --target."""
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


@ON_REAL_ENGINE
def test_the_joint_wait_never_writes_when_settings_were_changed_by_hand(stack: Stack, emulator: Emulator) -> None:
    """It is created after `up --target` on its resources: the preview shows it alone, so it must send nothing.

    It times out with what differs, and `up --refresh`, which it recommends, sends the settings.
    """
    stack.program(by_hand(MODEL, count=3, more=timeout(2)))
    targets = [f"urn:pulumi:dev::serving::{TYPE}::{MODEL}-{name}" for name in ("production", "staging")]
    stack.up("--target", targets[0], "--target", targets[1])
    emulator.change(MODEL, "production", {"max_replica": 9})
    emulator.clear_requests()
    preview = stack.preview()
    assert (preview.counts["create"], preview.counts["unchanged"]) == (1, 3)
    text = stack.fails("up")
    assert not patches(emulator)
    assert "Timed out after 2 s waiting for settings of 1 of 2 environments to be applied." in text
    assert f"{MODEL}-production: autoscaling_settings.max_replica: expected 3, observed 9." in text
    assert "To resend the settings that differ, run `pulumi up --refresh`." in text
    assert reported(emulator, "production") == 9
    stack.up("--refresh")
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    assert stack.outputs() == {"in_force": True}
