"""`up` ends once settings are really applied: what the next preview, or a look at Baseten, confirms."""

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.programs import MODEL, patches, program, reported
from tests.stacks import ON_REAL_ENGINE, Stack

THREE, SIX = {"min_replica": 1, "max_replica": 3}, {"min_replica": 1, "max_replica": 6}
_JOINT = """
from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce

settings = [
    BasetenEnvironmentSettings(
        env_name, model_id="lm4chat8", env_name=env_name, autoscaling_settings={"max_replica": 6}, wait=False
    )
    for env_name in ("dev", "production")
]
BasetenSettingsInForce("applied", settings=settings)
"""
_TWO_WORKSPACES = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

mappings = {"TEAM_B_KEY": "BASETEN_API_KEY", "TEAM_B_URL": "BASETEN_BASE_URL"}
opts = pulumi.ResourceOptions(env_var_mappings=mappings)
team_b = pulumi.ProviderResource("pulumi-python", "team-b", {"baseten:previewReads": "true"}, opts)
for model_id, opts in {"lm4chat8": None, "theirs77": pulumi.ResourceOptions(provider=team_b)}.items():
    BasetenEnvironmentSettings(
        model_id, model_id=model_id, env_name="production", autoscaling_settings={"max_replica": 6}, opts=opts
    )
"""


def test_the_next_refresh_finds_no_difference_when_reads_flapped(stack: Stack, emulator: Emulator) -> None:
    """New, then old for two seconds, then new again."""
    emulator.faults.add(Fault.flaps(after_seconds=0.6, old_seconds=2.0))
    stack.program(program(SIX))
    stack.up()
    stack.preview("--refresh", "--expect-no-changes")


@pytest.mark.emulator(deployment_seconds=3.0)
def test_the_deployment_that_serves_has_the_settings_when_up_ends(stack: Stack, emulator: Emulator) -> None:
    stack.program(program(SIX))
    stack.up()
    deployment = emulator.reported(MODEL, "production")["current_deployment"]
    assert deployment["autoscaling_settings"]["max_replica"] == 6


def test_what_was_changed_by_hand_is_named_when_it_is_changed_back(stack: Stack, emulator: Emulator) -> None:
    stack.program(program(THREE))
    stack.up()
    emulator.change(MODEL, "production", {"max_replica": 40})
    stack.program(program(SIX))
    assert "max_replica was changed outside Pulumi (40); resetting to 6" in stack.up().text
    assert reported(emulator, "max_replica") == 6


@ON_REAL_ENGINE
def test_the_state_stays_whole_when_an_environment_of_a_joint_wait_is_excluded(
    stack: Stack, emulator: Emulator
) -> None:
    """Pulumi's own bug: a resource that succeeds although what it depends on is left out breaks the state."""
    stack.program(_JOINT)
    text = stack.fails("up", "--exclude", "**::dev")
    assert "This run leaves out resources that do not exist yet: dev." in text
    assert "`--exclude-dependents`" in text
    assert len(patches(emulator)) == 1
    stack.up()


@ON_REAL_ENGINE
def test_each_workspace_gets_its_own_key_when_a_provider_maps_another_one(stack: Stack, emulator: Emulator) -> None:
    """With `previewReads` too: a model of the other workspace is not missing."""
    with Emulator(api_key="k-team-b-9182", account=()) as theirs:
        theirs.add_model("theirs77", "theirs", ["production"])
        stack.environment |= {"TEAM_B_KEY": "k-team-b-9182", "TEAM_B_URL": theirs.url}
        stack.configure({"baseten:previewReads": "true"})
        stack.program(_TWO_WORKSPACES)
        text = stack.preview().text
        assert f"{MODEL}/production: max_replica: now 3, the program says 6" in text
        assert "theirs77/production: max_replica: now 1, the program says 6" in text
        stack.up()
        assert [reported(emulator, "max_replica"), reported(theirs, "max_replica", model="theirs77")] == [6, 6]
        stack.expect_settled()
    assert "k-team-b-9182" not in stack.written()
