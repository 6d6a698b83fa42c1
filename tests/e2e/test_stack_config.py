"""Settings out of the stack's configuration, as each engine delivers it."""

from baseten_pulumi.testing import Emulator
from tests.programs import FROM_CONFIG, patches, reported
from tests.stacks import ON_REAL_ENGINE, Stack

NEWER = "(one newer than this release goes in additional_settings)"


def test_stacks_settings_lie_over_the_projects_when_both_are_configured(stack: Stack, emulator: Emulator) -> None:
    """Both engines deliver objects of both files, numbers as they were written.

    What is wrong in both files is shown at once, without a traceback, and nothing is sent.
    """
    stack.program(FROM_CONFIG)
    stack.configure_project({"baseten:environmentDefaults": {"autoscaling_settings": "small"}})
    stack.configure({"baseten:environments": {"production": {"autoscaling_settings": {"min_replicas": "3"}}}})
    shown = stack.fails("preview")
    wrong = "baseten:environments.production.autoscaling_settings"
    message = [
        "error: The stack's Baseten environment settings cannot be used.",
        'baseten:environmentDefaults.autoscaling_settings: must be an object, got "small"',
        f'{wrong}.min_replicas: unknown property; did you mean "min_replica"? {NEWER}',
        "Correct them in Pulumi.dev.yaml, or in Pulumi.yaml for baseten:environmentDefaults. Nothing was sent.",
    ]
    assert "\n".join(message) in "\n".join(line.strip() for line in shown.splitlines())
    assert "Traceback" not in shown
    stack.configure_project({"baseten:environmentDefaults": {"autoscaling_settings": {"min_replica": 1}}})
    production = {"max_replica": 6, "scale_down_delay": 300.0}
    promotion = {"rolling_deploy": True}
    stack.configure(
        {
            "baseten:environments": {
                "staging": None,
                "production": {"autoscaling_settings": production, "promotion_settings": promotion},
            }
        }
    )
    stack.up()
    sent = [
        {"autoscaling_settings": {"min_replica": 1, **production}, "promotion_settings": promotion},
        {"autoscaling_settings": {"min_replica": 1}},
    ]
    assert sorted(patches(emulator), key=str) == sorted(sent, key=str)


@ON_REAL_ENGINE
def test_settings_are_applied_when_the_cli_wrote_them(stack: Stack, emulator: Emulator) -> None:
    """Numbers and booleans set by path are numbers and booleans; secret ones stay secret all the way."""
    stack.program(FROM_CONFIG)
    key = "baseten:environments.production"
    stack.set_config("--path", f"{key}.autoscaling_settings.max_replica", "6")
    stack.set_config("--path", f"{key}.promotion_settings.rolling_deploy", "true")
    stack.up()
    assert reported(emulator, "max_replica") == 6
    assert "secure" not in str(stack.resource("chat-production"))
    stack.set_config("--secret", "--path", f"{key}.autoscaling_settings.max_replica", "4711")
    stack.up()
    assert reported(emulator, "max_replica") == 4711
    assert "4711" not in str(stack.resource("chat-production"))
    stack.set_config("--secret", "--path", f"{key}.autoscaling_settings.min_replica", "4712")
    shown = stack.fails("preview")
    assert f"{key}.autoscaling_settings.min_replica: must be <= max_replica" in shown
    assert "471" not in shown
