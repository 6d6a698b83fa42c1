"""One stack knows the models, another manages their environments."""

from collections.abc import Iterator

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, patches, program

OTHER = "wh5pr3v1"
PROGRAM = """
import pulumi
from baseten_pulumi import BasetenModelEnvironments

if pulumi.get_stack() == "dev":
    pulumi.export("models", {{"chat": {model!r}}})
else:
    models = pulumi.StackReference("organization/serving/dev").{take}
    chat = BasetenModelEnvironments(
        "chat",
        model_id=models["chat"],
        environments={{"staging": None, "production": {{"autoscaling_settings": {{"min_replica": 1}}}}}},
        defaults={{"autoscaling_settings": {{"max_replica": 4}}}},
    )
    pulumi.export("models", chat.settings["production"].model_id)
"""


def _program(model: str = MODEL, take: str = 'require_output("models")') -> str:
    return PROGRAM.format(model=model, take=take)


@pytest.fixture
def consumer(stack: Stack) -> Iterator[Stack]:
    """A second stack of the project; its last preview has to be empty, as the first one's."""
    stack.program(_program())
    consumer = stack.sibling("serving")
    yield consumer
    consumer.expect_settled()


def test_settings_are_applied_when_another_stack_names_the_model(
    stack: Stack, consumer: Stack, emulator: Emulator
) -> None:
    """Previews know it. Where it changes both environments are replaced, and nothing is reverted at the old one."""
    stack.up()
    assert f'"{MODEL}"' in consumer.preview().text
    consumer.up()
    assert consumer.outputs() == {"models": MODEL}
    for environment, least in (("staging", 0), ("production", 1)):
        found = emulator.reported(MODEL, environment)["autoscaling_settings"]
        assert (found["min_replica"], found["max_replica"]) == (least, 4)
    stack.program(_program(OTHER))
    stack.up()
    assert consumer.preview().counts["replace"] == 2
    emulator.clear_requests()
    consumer.up()
    assert {request.path.split("/")[3] for request in emulator.requests if request.method == "PATCH"} == {OTHER}
    assert emulator.reported(OTHER, "production")["autoscaling_settings"]["max_replica"] == 4
    assert emulator.reported(MODEL, "production")["autoscaling_settings"]["max_replica"] == 4


@pytest.mark.parametrize(
    ("take", "message"),
    [
        ('require_output("model")', "KeyError: 'model'"),
        ('get_output("models").apply(lambda it: {"chat": None})', "model_id: is required"),
    ],
)
def test_preview_fails_when_the_other_stack_does_not_name_the_model(
    stack: Stack, consumer: Stack, emulator: Emulator, take: str, message: str
) -> None:
    """An output that is missing, and one that is empty."""
    consumer.is_settled_at_the_end = False
    stack.program(_program(take=take))
    stack.up()
    assert message in consumer.fails("preview")
    assert not patches(emulator)


def test_no_more_than_the_error_is_printed_when_the_other_stack_lacks_an_output(stack: Stack, consumer: Stack) -> None:
    """Python warns of coroutines never awaited where an output that failed is awaited out of turn."""
    stack.is_settled_at_the_end = consumer.is_settled_at_the_end = False
    stack.up()
    missing = 'model_id=pulumi.StackReference("organization/serving/dev").require_output("missing")'
    consumer.program(program({"max_replica": 4}).replace(f"model_id={MODEL!r}", missing))
    text = consumer.fails("preview")
    assert "KeyError: 'missing'" in text
    assert "never awaited" not in text
