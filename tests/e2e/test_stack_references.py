"""One stack knows the models, another manages their environments."""

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, requested
from tests.stacks import ON_REAL_ENGINE, Stack

pytestmark = ON_REAL_ENGINE

OTHER = "wh5pr3v1"
PROGRAM = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, BasetenModelEnvironments

if pulumi.get_stack() == "dev":
    pulumi.export("models", {{"chat": {model!r}}})
else:
    models = pulumi.StackReference("organization/serving/dev").require_output("models")
    chat = BasetenModelEnvironments(
        "chat",
        model_id=models["chat"],
        environments={{"staging": None, "production": {{"autoscaling_settings": {{"min_replica": 1}}}}}},
        defaults={{"autoscaling_settings": {{"max_replica": 4}}}},
    )
    pulumi.export("models", chat.settings["production"].model_id)
"""
MISSING = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

missing = pulumi.StackReference("organization/serving/dev").require_output("missing")
BasetenEnvironmentSettings("chat", model_id=missing, env_name="dev", autoscaling_settings={"max_replica": 4})
"""


def test_settings_are_applied_when_another_stack_names_the_model(stack: Stack, emulator: Emulator) -> None:
    """Previews know it. Where it changes both environments are replaced, and nothing is reverted at the old one."""
    stack.program(PROGRAM.format(model=MODEL))
    consumer = stack.sibling("serving")
    stack.up()
    assert f'"{MODEL}"' in consumer.preview().text
    consumer.up()
    assert consumer.outputs() == {"models": MODEL}
    stack.program(PROGRAM.format(model=OTHER))
    stack.up()
    assert consumer.preview().counts["replace"] == 2
    emulator.clear_requests()
    consumer.up()
    assert {request.path.split("/")[3] for request in emulator.requests if request.method == "PATCH"} == {OTHER}
    for model in (MODEL, OTHER):
        found = emulator.reported(model, "production")["autoscaling_settings"]
        assert (found["min_replica"], found["max_replica"]) == (1, 4)
    consumer.expect_settled()


def test_preview_fails_when_the_other_stack_does_not_name_the_model(stack: Stack, emulator: Emulator) -> None:
    """Python warns of coroutines never awaited if an output that failed is awaited out of turn."""
    stack.program(PROGRAM.format(model=MODEL))
    consumer = stack.sibling("serving")
    stack.up()
    consumer.program(MISSING)
    text = consumer.fails("preview")
    assert "KeyError: 'missing'" in text
    assert "never awaited" not in text
    assert not requested(emulator)
