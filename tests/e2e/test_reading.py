"""Programs that read what Baseten reports: lookups, and what is looked up as an argument of something else."""

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches
from tests.stacks import Stack

_MIRROR = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, find_model_output
from baseten_pulumi import get_environment_output, list_environments_output

model = find_model_output(name="llama-chat")
live = get_environment_output(model_id=model.id, env_name="production")
copy = BasetenEnvironmentSettings(
    "staging",
    model_id=model.id,
    env_name="staging",
    autoscaling_settings={"max_replica": live.autoscaling_settings.max_replica},
)
after = get_environment_output(model_id=copy.model_id, env_name=copy.env_name)
pulumi.export("model", model.id)
pulumi.export("live", live.autoscaling_settings)
pulumi.export("surge", live.promotion_settings.rolling_deploy_config.max_surge_percent)
pulumi.export("after", after.autoscaling_settings.max_replica)
pulumi.export("names", list_environments_output(model_id=model.id).apply(lambda all: [it.env_name for it in all]))
"""

_LOOKED_UP = f"""
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

live = BasetenEnvironmentSettings.get("live", "{MODEL}/production")
copy = BasetenEnvironmentSettings(
    "copy",
    model_id=live.model_id,
    env_name="dev",
    autoscaling_settings=live.autoscaling_settings,
    promotion_settings={{"rolling_deploy_config": live.promotion_settings.rolling_deploy_config}},
)
pulumi.export("max", live.autoscaling_settings.max_replica)
pulumi.export("in_force", copy.in_force)
"""


def test_settings_follow_what_was_read_when_one_environment_mirrors_another(stack: Stack, emulator: Emulator) -> None:
    """What is read is typed and an argument like any other; read after a resource, it shows what that changed.

    In a preview without a key it is unknown, with one warning.
    """
    stack.program(_MIRROR)
    key = stack.environment.pop("BASETEN_API_KEY")
    _, _, diagnostics = stack.preview().text.rpartition("Diagnostics:")
    assert diagnostics.count("values that this program reads from Baseten are unknown in this preview") == 1
    assert not emulator.requests
    stack.environment["BASETEN_API_KEY"] = key
    stack.up()
    outputs = stack.outputs()
    assert outputs.pop("live")["max_replica"] == 3
    assert outputs == {"model": MODEL, "surge": 25, "after": 3, "names": ["dev", "production", "staging"]}
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 4})
    assert "~ max_replica: 3 => 4" in stack.preview().text
    stack.up()
    assert stack.outputs()["after"] == 4


def test_everything_reported_is_an_argument_when_a_resource_was_looked_up(stack: Stack, emulator: Emulator) -> None:
    """What `get` finds can be another environment's settings, as it is, and is itself never sent."""
    stack.program(_LOOKED_UP)
    stack.up()
    production, dev = (emulator.reported(MODEL, name) for name in ("production", "dev"))
    assert dev["autoscaling_settings"] == production["autoscaling_settings"]
    assert dev["promotion_settings"] == production["promotion_settings"]
    assert len(patches(emulator)) == 1
    assert stack.outputs() == {"in_force": True, "max": 3}
    stack.expect_settled()


def test_program_ends_with_the_message_alone_when_nothing_is_found(stack: Stack) -> None:
    """In each form of a lookup, without a traceback of the program's."""
    reading = f'from baseten_pulumi import get_environment as read\nread(model_id="{MODEL}", env_name="canary")\n'
    for text in (reading, reading.replace("get_environment", "get_environment_output")):
        stack.program(text)
        shown = stack.fails("preview")
        assert f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.' in shown
        assert "Traceback" not in shown
    stack.program(f'from baseten_pulumi import BasetenEnvironmentSettings as S\nS.get("it", "{MODEL}/canary")\n')
    assert 'has no environment "canary"; it has dev, production, staging.' in stack.fails("up")
