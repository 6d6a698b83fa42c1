"""All environments of a model from one mapping, and one wait for all of them."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.programs import MODEL, patches, reported, requested, timeout
from tests.stacks import API_KEY, ON_REAL_ENGINE, Stack

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


def component(
    environments: Mapping[str, Any] | str, defaults: object = None, *, model: str = MODEL, more: str = ""
) -> str:
    """Return a program that declares the environments of one model; these may be source where values are Outputs."""
    source = environments if isinstance(environments, str) else repr(environments)
    return _COMPONENT.format(model=model, environments=source, defaults=defaults, more=more)


def replicas(**counts: int) -> dict[str, Any]:
    """Return environments that differ in max_replica."""
    return {name: {"autoscaling_settings": {"max_replica": count}} for name, count in counts.items()}


def renewed(stack: Stack, before: Mapping[str, str]) -> set[str]:
    """Return the environments whose revision is another one now."""
    return {name for name, revision in stack.outputs()["revisions"].items() if revision != before[name]}


def methods(emulator: Emulator) -> list[str]:
    """Return the methods of the requests so far, oldest first."""
    return [method for method, _ in requested(emulator)]


@pytest.mark.emulator(apply_seconds=2.0)
def test_all_environments_are_applied_together_when_a_model_has_many(stack: Stack, emulator: Emulator) -> None:
    """Every child sends before the first poll, and polls are shared. Own settings lie over the defaults.

    At every depth; None takes a default out, and what is not known yet is merged once it is.
    """
    emulator.add_model(FLEET, "fleet", FIVE)
    defaults: Any = {
        "autoscaling_settings": {"min_replica": 0, "max_replica": 2, "scale_down_delay": 60},
        "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
    }
    environments = """{
        "canary": None,
        "dev": later(None),
        "eu": {"autoscaling_settings": None},
        "production": {
            "autoscaling_settings": {"min_replica": 1, "max_replica": later(6), "scale_down_delay": None},
            "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 30}},
            "request_backpressure_settings": {"policy": "QUEUE_ON_FULL"},
        },
        "staging": {"autoscaling_settings": later({"max_replica": 4}), "promotion_settings": None},
    }"""
    stack.program(component(environments, defaults, model=FLEET))
    del stack.environment["BASETEN_API_KEY"]
    assert stack.preview().counts["create"] == 8  # the stack, the component, five children and the joint wait
    assert not emulator.requests
    stack.environment["BASETEN_API_KEY"] = API_KEY
    stack.up()
    asked = methods(emulator)
    assert sorted(asked[:10]) == ["GET"] * 5 + ["PATCH"] * 5  # each reads what it is about to change
    assert set(asked[10:]) == {"GET"}
    assert len(asked[10:]) <= 2 * len(FIVE)
    autoscaling, surge = defaults["autoscaling_settings"], {"max_surge_percent": 25, "max_unavailable_percent": 0}
    promotion = {"rolling_deploy": True, "rolling_deploy_config": surge}
    sent = (request for request in emulator.requests if request.method == "PATCH")
    assert {request.path.rpartition("/")[2]: request.body for request in sent} == {
        "canary": {"autoscaling_settings": autoscaling, "promotion_settings": promotion},
        "dev": {"autoscaling_settings": autoscaling, "promotion_settings": promotion},
        "eu": {"promotion_settings": promotion},
        "production": {
            "autoscaling_settings": {"min_replica": 1, "max_replica": 6},
            "promotion_settings": {
                "rolling_deploy": True,
                "rolling_deploy_config": {**surge, "stabilization_time_seconds": 30},
            },
            "request_backpressure_settings": {"policy": "QUEUE_ON_FULL"},
        },
        "staging": {"autoscaling_settings": {**autoscaling, "max_replica": 4}},
    }
    assert stack.outputs()["in_force"] is True
    stack.expect_settled()


def test_only_what_changed_is_sent_and_awaited_when_environments_change_and_go(
    stack: Stack, emulator: Emulator
) -> None:
    """The preview shows that environment and the joint wait; the others stay as they are, drifted or not."""
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    before = stack.outputs()["revisions"]
    emulator.clear_requests()
    emulator.change(MODEL, "staging", {"max_replica": 9})
    stack.program(component(replicas(production=6, staging=3)))
    assert stack.preview().counts["update"] == 2
    stack.up()
    # Once before, and twice by the joint wait.
    assert requested(emulator) == [(it, "production") for it in ("GET", "PATCH", "GET", "GET")]
    assert renewed(stack, before) == {"production"}
    emulator.clear_requests()
    stack.program(component(replicas(production=6)))
    stack.up()
    stack.destroy()
    assert not emulator.requests
    assert [reported(emulator, "max_replica", name) for name in ("production", "staging")] == [6, 9]


def test_the_joint_wait_waits_again_when_it_timed_out_and_the_program_went_back(
    stack: Stack, emulator: Emulator
) -> None:
    """The first wait that fails is not in the state; a later one keeps what was observed before."""
    three = component(replicas(production=3, staging=3), more=timeout(2))
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(three)
    stack.fails("up")
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())
    emulator.faults.clear()
    emulator.clear_requests()
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(component(replicas(production=6, staging=3), more=timeout(2)))
    text = stack.fails("up")
    assert ("chat-production" in text, "max_replica: expected 6, observed 3" in text) == (True, True), text
    assert "baseten_pulumi/provider" not in text
    kept = stack.resource(JOINT)["inputs"]["environments"]["chat-production"]
    assert '{"autoscaling_settings":{"max_replica":3}}' in kept
    emulator.faults.clear()
    emulator.clear_requests()
    stack.program(three)
    assert stack.preview().counts["update"] == 2
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    assert "GET" in methods(emulator)
    assert stack.outputs()["in_force"] is True


def test_the_unknown_environment_is_named_when_it_is_one_of_several(stack: Stack, emulator: Emulator) -> None:
    """The others finish, and the next `up` does the rest."""
    emulator.add_model(FLEET, "fleet", [name for name in FIVE if name != "canary"])
    stack.program(component(replicas(**dict.fromkeys(FIVE, 3)), model=FLEET))
    text = stack.fails("up", "--continue-on-error")
    assert f'Model "{FLEET}" has no environment "canary"; it has dev, eu, production, staging.' in text
    assert "baseten_pulumi/provider" not in text
    assert not any(resource["urn"].endswith(JOINT) for resource in stack.state())
    assert {reported(emulator, "max_replica", name, FLEET) for name in FIVE if name != "canary"} == {3}
    _create_environment(emulator, FLEET, "canary")
    emulator.clear_requests()
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    assert stack.outputs()["in_force"] is True


def _create_environment(emulator: Emulator, model: str, env_name: str) -> None:
    """Create an environment with every default in a model, as a user of Baseten does."""
    address, key = f"{emulator.url}/v1/models/{model}/environments", {"Authorization": f"Api-Key {API_KEY}"}
    httpx.post(address, json={"name": env_name}, headers=key).raise_for_status()


def test_drift_is_brought_back_and_awaited_when_a_refresh_found_it(stack: Stack, emulator: Emulator) -> None:
    """The refresh asks for each environment and nothing for the joint wait; what was made anew has a new revision."""
    stack.program(component(replicas(dev=3, production=3, staging=3)))
    stack.up()
    before = stack.outputs()["revisions"]
    emulator.clear_requests()
    stack.refresh("--expect-no-changes")
    assert methods(emulator) == ["GET"] * 3
    emulator.change(MODEL, "production", {"max_replica": 9})
    emulator.remove_environment(MODEL, "staging")
    stack.refresh()
    _create_environment(emulator, MODEL, "staging")
    emulator.clear_requests()
    preview = stack.preview()
    assert (preview.counts["create"], preview.counts["update"]) == (1, 2)
    assert "~ max_replica: 9 => 3" in preview.text
    stack.up()
    assert sorted(methods(emulator)[:4]) == ["GET", "GET", "PATCH", "PATCH"]
    assert set(methods(emulator)[4:]) == {"GET"}
    assert renewed(stack, before) == {"production", "staging"}
    assert [reported(emulator, "max_replica", name) for name in ("production", "staging")] == [3, 3]


@pytest.mark.emulator(apply_seconds=30.0)
def test_nothing_waits_when_the_stack_skips_waiting(stack: Stack, emulator: Emulator) -> None:
    """The joint wait is due once waiting is on again; nothing is sent twice."""
    stack.configure({"baseten:skipWait": "true"})
    stack.program(component(replicas(production=3, staging=3)))
    stack.up()
    assert sorted(methods(emulator)) == ["GET", "GET", "PATCH", "PATCH"]
    assert stack.outputs()["in_force"] is False
    stack.expect_settled()
    stack.configure({})
    for name in ("production", "staging"):
        emulator.change(MODEL, name, {"max_replica": 3})
    emulator.clear_requests()
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    assert stack.outputs()["in_force"] is True


@ON_REAL_ENGINE
def test_the_joint_wait_never_writes_when_it_was_passed_over(stack: Stack, emulator: Emulator) -> None:
    """`up --target` on its resources passes it over; the next preview shows it alone, so it must send nothing.

    It times out with what was changed by hand, and `up --refresh`, which it recommends, sends the settings.
    """
    stack.program(component(replicas(production=3, staging=3), more=timeout(2)))
    child = f"urn:pulumi:dev::serving::baseten:index:ModelEnvironments${TYPE}::chat-{{}}"
    component_urn = "urn:pulumi:dev::serving::baseten:index:ModelEnvironments::chat"
    targets = [component_urn, *(child.format(name) for name in ("production", "staging"))]
    stack.up(*(word for urn in targets for word in ("--target", urn)))
    emulator.change(MODEL, "production", {"max_replica": 9})
    emulator.clear_requests()
    assert stack.preview().counts["create"] == 1
    text = stack.fails("up")
    assert not patches(emulator)
    assert "Timed out after 2 s waiting for settings of 1 of 2 environments to be applied." in text
    assert "chat-production: autoscaling_settings.max_replica: expected 3, observed 9." in text
    assert "To resend the settings that differ, run `pulumi up --refresh`." in text
    assert reported(emulator, "max_replica") == 9
    stack.up("--refresh")
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    stack.program(component(replicas(production=6, staging=3), more=timeout(2)))
    emulator.clear_requests()
    stack.up("--target", child.format("production"))
    assert requested(emulator) == [("GET", "production"), ("PATCH", "production")]
    emulator.clear_requests()
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert set(methods(emulator)) == {"GET"}
    assert stack.outputs()["in_force"] is True
