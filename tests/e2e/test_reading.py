"""Programs that read what Baseten reports: lookups, and what is looked up as an argument of something else."""

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, patches

_MIRROR = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, find_model, get_environment_output, list_environments_output

model = find_model(name="llama-chat")
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

_LATER = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, find_model_output, get_environment_output

model = find_model_output(name="llama-chat")
live = get_environment_output(model_id=model.id, env_name="production")
BasetenEnvironmentSettings(
    "dev",
    model_id=model.id,
    env_name="dev",
    autoscaling_settings={"max_replica": live.autoscaling_settings.max_replica},
)
pulumi.export("max", live.autoscaling_settings.max_replica)
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
pulumi.export("in_force", copy.in_force)
"""


def test_settings_follow_what_was_read_when_one_environment_mirrors_another(stack: Stack, emulator: Emulator) -> None:
    """What is read is typed and an argument like any other; read after a resource, it shows what that changed."""
    stack.program(_MIRROR)
    stack.preview()
    stack.up()
    outputs = stack.outputs()
    assert outputs.pop("live")["max_replica"] == 3
    assert outputs == {"model": MODEL, "surge": 10, "after": 3, "names": ["dev", "production", "staging"]}
    assert patches(emulator) == [{"autoscaling_settings": {"max_replica": 3}}]
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 4})
    assert "~ max_replica: 3 => 4" in stack.preview().text
    stack.up()
    assert stack.outputs()["after"] == 4


def test_preview_is_complete_when_it_has_no_key(stack: Stack, emulator: Emulator) -> None:
    """What is read is unknown then, with one warning; with the key the preview knows it."""
    stack.program(_LATER)
    key = stack.environment.pop("BASETEN_API_KEY")
    _, _, diagnostics = stack.preview().text.rpartition("Diagnostics:")
    assert diagnostics.count("values that this program reads from Baseten are unknown in this preview") == 1
    assert not emulator.requests
    stack.environment["BASETEN_API_KEY"] = key
    assert "max_replica: 3" in stack.preview().text
    stack.up()
    assert stack.outputs() == {"max": 3}


def test_program_ends_with_the_message_alone_when_nothing_is_found(stack: Stack) -> None:
    """Similar names, names that exist, and how to set a key: without a traceback."""
    stack.is_settled_at_the_end = False
    stack.program('from baseten_pulumi import find_model\nfind_model(name="lama-chat")\n')
    texts = [stack.fails("preview")]
    similar = 'has that name; similar names: "llama-chat" (lm4chat8, Fictional).'
    assert f"None of the 3 models that this API key can see {similar}" in texts[0]
    reading = (
        f'from baseten_pulumi import get_environment_output as read\nread(model_id="{MODEL}", env_name="canary")\n'
    )
    stack.program(reading)
    texts.append(stack.fails("up"))
    assert f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.' in texts[1]
    stack.program(reading.replace("_output", ""))
    del stack.environment["BASETEN_API_KEY"]
    texts.append(stack.fails("preview"))
    assert "Neither baseten:apiKey nor BASETEN_API_KEY is set." in texts[2]
    assert "Traceback" not in "".join(texts)


def test_a_whole_object_is_an_argument_when_a_resource_was_looked_up(stack: Stack, emulator: Emulator) -> None:
    """What `get` finds can be another environment's settings, as it is."""
    stack.program(_LOOKED_UP)
    stack.up()
    production, dev = (emulator.reported(MODEL, name) for name in ("production", "dev"))
    assert dev["autoscaling_settings"] == production["autoscaling_settings"]
    assert dev["promotion_settings"] == production["promotion_settings"]
    assert len(patches(emulator)) == 1
    assert stack.outputs() == {"in_force": True}
