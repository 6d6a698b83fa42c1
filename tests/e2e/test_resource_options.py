"""Pulumi's options on settings: each does what Pulumi documents, and Baseten is sent nothing it must not be."""

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches, program, reported
from tests.stacks import ON_REAL_ENGINE, Stack

THREE, SIX = {"min_replica": 1, "max_replica": 3}, {"min_replica": 1, "max_replica": 6}
HIDDEN = 4711


def _options(text: str) -> str:
    return f"opts=pulumi.ResourceOptions({text})"


def _up(stack: Stack, emulator: Emulator, text: str) -> list[object]:
    """Apply a program, and return the bodies of its PATCHes."""
    emulator.clear_requests()
    stack.program(text)
    stack.up()
    return patches(emulator)


@ON_REAL_ENGINE
def test_a_setting_keeps_its_value_when_its_changes_are_ignored(stack: Stack, emulator: Emulator) -> None:
    """The program's new value counts for nothing; the others are sent together with the old one."""
    options = _options('ignore_changes=["autoscaling_settings.max_replica"]')
    _up(stack, emulator, program(THREE, more=options))
    stack.program(program(SIX, more=options))
    stack.configure({"baseten:previewReads": "true"})
    assert "max_replica" not in stack.preview("--expect-no-changes").text
    stack.program(program({"min_replica": 2, "max_replica": 6}, more=options))
    text = stack.preview().text
    assert "min_replica: now 1, the program says 2" in text
    assert "max_replica" not in text
    sent = _up(stack, emulator, program({"min_replica": 2, "max_replica": 6}, more=options))
    assert sent == [{"autoscaling_settings": {"min_replica": 2, "max_replica": 3}}]


@ON_REAL_ENGINE
def test_what_a_transform_made_of_settings_is_sent_when_the_program_has_one(stack: Stack, emulator: Emulator) -> None:
    """Check sees the inputs after transforms."""
    transform = (
        "def staged(args):\n"
        "    return pulumi.ResourceTransformResult({**args.props, 'env_name': 'staging'}, args.opts)\n"
    )
    options = _options("transforms=[staged]")
    text = program(SIX, more=options).replace("settings = ", f"{transform}settings = ", 1)
    stack.configure({"baseten:previewReads": "true"})
    emulator.change(MODEL, "staging", autoscaling_settings={"max_replica": 2})
    stack.program(text)
    shown = stack.preview().text
    assert f"{MODEL}/staging: min_replica: now 0, the program says 1; max_replica: now 2, the program says 6" in shown
    assert _up(stack, emulator, text) == [{"autoscaling_settings": SIX}]
    assert stack.resource("chat")["id"] == f"{MODEL}/staging"


_PLACEHOLDERS = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings


def with_model(args):
    return pulumi.ResourceTransformationResult({**args.props, "model_id": args.name}, args.opts)


pulumi.runtime.register_stack_transformation(lambda args: with_model(args) if "model_id" in args.props else None)
for name in ("lm4chat8", "wh5pr3v1"):
    BasetenEnvironmentSettings(name, model_id="?", env_name="dev", autoscaling_settings={"max_replica": 6})
"""


@ON_REAL_ENGINE
def test_owners_are_told_apart_when_a_stack_transformation_names_their_models(stack: Stack, emulator: Emulator) -> None:
    """In the program, both resources declare the same setting of one environment."""
    assert _up(stack, emulator, _PLACEHOLDERS) == [{"autoscaling_settings": {"max_replica": 6}}] * 2
    assert [reported(emulator, "max_replica", "dev", model) for model in (MODEL, "wh5pr3v1")] == [6, 6]


@ON_REAL_ENGINE
def test_settings_are_sent_once_when_options_say_how_the_resource_is_replaced(stack: Stack, emulator: Emulator) -> None:
    """The same environment's, and another one's after the old one's end, which touches nothing."""
    options = 'replace_on_changes=["autoscaling_settings.max_replica"]'
    _up(stack, emulator, program(THREE, more=_options(options)))
    stack.program(program(SIX, more=_options(options)))
    preview = stack.preview()
    assert preview.counts["replace"] == 1
    assert "~ max_replica: 3 => 6" in preview.text
    first = _options("delete_before_replace=True")
    assert _up(stack, emulator, program(SIX, more=_options(options))) == [{"autoscaling_settings": SIX}]
    assert _up(stack, emulator, program(THREE, environment="dev", more=first)) == [{"autoscaling_settings": THREE}]
    assert [reported(emulator, "max_replica", name) for name in ("production", "dev")] == [6, 3]


@ON_REAL_ENGINE
def test_nothing_is_sent_when_a_resource_is_renamed_with_an_alias_or_retained(stack: Stack, emulator: Emulator) -> None:
    """Under its new name it is the same resource. A retained one leaves the state without a call of Delete."""
    _up(stack, emulator, program(THREE))
    options = _options('aliases=[pulumi.Alias(name="chat")], retain_on_delete=True')
    assert _up(stack, emulator, program(THREE, more=options).replace('    "chat",', '    "talk",')) == []
    assert stack.resource("talk")["id"] == f"{MODEL}/production"
    stack.program("")
    run = stack.up()
    assert run.counts["deleted"] == 1
    assert "Baseten keeps the settings" not in run.text
    assert not emulator.requests
    assert reported(emulator, "max_replica") == 3


def test_a_secret_setting_is_encrypted_in_the_state_when_it_is_applied(stack: Stack, emulator: Emulator) -> None:
    """The engine shows neither the old nor the new value in a preview."""
    secret = program(THREE).replace("'max_replica': 3", f"'max_replica': pulumi.Output.secret({HIDDEN})")
    assert _up(stack, emulator, secret) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": HIDDEN}}]
    assert str(HIDDEN) not in str(stack.resource("chat"))
    stack.program(secret.replace(str(HIDDEN), str(HIDDEN + 1)))
    run = stack.preview()
    assert run.counts["update"] == 1
    assert not {str(HIDDEN), str(HIDDEN + 1)} & set(run.text.split())
