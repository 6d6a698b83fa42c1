"""Settings out of the stack's configuration, as each engine delivers it."""

from typing import Any

from baseten_pulumi.testing import Emulator
from tests.engines import ON_REAL_ENGINE, Stack
from tests.programs import MODEL

PROGRAM = f"""
import pulumi
from baseten_pulumi import BasetenModelEnvironments, settings_from_config

component = BasetenModelEnvironments("chat", model_id={MODEL!r}, environments=settings_from_config())
pulumi.export("inForce", component.in_force)
"""


def _reported(emulator: Emulator, environment: str) -> Any:
    return emulator.reported(MODEL, environment)["autoscaling_settings"]


def test_stacks_settings_lie_over_the_projects_when_both_are_configured(stack: Stack, emulator: Emulator) -> None:
    """Both engines deliver objects of both files, numbers as they were written."""
    stack.configure_project({"baseten:environmentDefaults": {"autoscaling_settings": {"min_replica": 1}}})
    stack.configure(
        {
            "baseten:environments": {
                "staging": None,
                "production": {
                    "autoscaling_settings": {"max_replica": 6, "scale_down_delay": 300.0},
                    "promotion_settings": {"rolling_deploy": True},
                },
            }
        }
    )
    stack.program(PROGRAM)
    stack.up()
    assert stack.outputs() == {"inForce": True}
    assert _reported(emulator, "staging")["min_replica"] == 1
    production = _reported(emulator, "production")
    assert (production["min_replica"], production["max_replica"], production["scale_down_delay"]) == (1, 6, 300)


def test_preview_fails_with_the_keys_of_the_files_when_the_configuration_is_wrong(stack: Stack) -> None:
    """What is wrong in both files is shown at once, without a traceback, and nothing is sent."""
    stack.is_settled_at_the_end = False
    stack.configure_project({"baseten:environmentDefaults": {"autoscaling_settings": "small"}})
    stack.configure({"baseten:environments": {"production": {"autoscaling_settings": {"min_replicas": "3"}}}})
    stack.program(PROGRAM)
    shown = stack.fails("preview")
    wrong = "baseten:environments.production.autoscaling_settings"
    message = [
        "error: The stack's Baseten environment settings cannot be used.",
        'baseten:environmentDefaults.autoscaling_settings: must be an object, got "small"',
        f'{wrong}.min_replicas: unknown property; did you mean "min_replica"?',
        "Correct them in Pulumi.dev.yaml, or in Pulumi.yaml for baseten:environmentDefaults. Nothing was sent.",
    ]
    assert "\n".join(message) in "\n".join(line.strip() for line in shown.splitlines())
    assert "Traceback" not in shown
    stack.configure_project({"baseten:environmentDefaults": {"autoscaling_settings": {"max_replica": 2}}})
    stack.configure({"baseten:environments": {"production": {"autoscaling_settings": None}}})
    nothing = "must declare at least one setting, here or in baseten:environmentDefaults"
    assert f"baseten:environments.production: {nothing}" in stack.fails("preview")
    stack.configure({})
    assert "baseten:environments is not set in Pulumi.dev.yaml." in stack.fails("preview")


@ON_REAL_ENGINE
def test_settings_are_applied_when_the_cli_wrote_them(stack: Stack, emulator: Emulator) -> None:
    """Numbers and booleans set by path are numbers and booleans; secret ones stay secret all the way."""
    stack.program(PROGRAM)
    key = "baseten:environments.production"
    stack.set_config("--path", f"{key}.autoscaling_settings.max_replica", "6")
    stack.set_config("--path", f"{key}.promotion_settings.rolling_deploy", "true")
    stack.up()
    assert _reported(emulator, "production")["max_replica"] == 6
    assert "secure" not in str(stack.resource("chat-production"))
    stack.set_config("--secret", "--path", f"{key}.autoscaling_settings.max_replica", "4711")
    stack.up()
    assert _reported(emulator, "production")["max_replica"] == 4711
    assert "4711" not in str(stack.resource("chat-production"))
    stack.set_config("--secret", "--path", f"{key}.autoscaling_settings.min_replica", "4712")
    stack.set_config("--path", "baseten:environments.dev.autoscaling_settings.max_replica", "1")
    shown = stack.fails("preview")
    assert f"{key}.autoscaling_settings.min_replica: must be <= max_replica" in shown
    assert "471" not in shown
    stack.set_config("--secret", "--path", f"{key}.autoscaling_settings.min_replica", "1")
    stack.up()
