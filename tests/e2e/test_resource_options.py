"""Pulumi's options on settings: each does what Pulumi documents, and Baseten is sent nothing it must not be."""

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import ON_REAL_ENGINE, Stack
from tests.programs import MODEL, patches, program, reported

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
def test_the_resource_is_replaced_when_the_program_says_so_of_a_setting(stack: Stack, emulator: Emulator) -> None:
    """Replacing the same environment's settings sends the new ones once; the old one's end touches nothing."""
    options = _options('replace_on_changes=["autoscaling_settings.max_replica"]')
    _up(stack, emulator, program(THREE, more=options))
    stack.program(program(SIX, more=options))
    preview = stack.preview()
    assert preview.counts["replace"] == 1
    assert "~ max_replica: 3 => 6" in preview.text
    assert _up(stack, emulator, program(SIX, more=options)) == [{"autoscaling_settings": SIX}]
    assert reported(emulator, "max_replica") == 6


def test_nothing_is_sent_when_a_renamed_resource_names_its_alias(stack: Stack, emulator: Emulator) -> None:
    """Under its new name it is the same resource."""
    _up(stack, emulator, program(THREE))
    alias = _options('aliases=[pulumi.Alias(name="chat")]')
    stack.program(program(THREE, more=alias).replace('    "chat",', '    "talk",'))
    emulator.clear_requests()
    assert "created" not in stack.up().counts
    assert not emulator.requests
    assert stack.resource("talk")["id"] == f"{MODEL}/production"


def test_the_resource_stays_when_it_is_protected(stack: Stack, emulator: Emulator) -> None:
    """Neither destroyed nor replaced, and nothing is sent to the other environment."""
    protected = _options("protect=True")
    _up(stack, emulator, program(THREE, more=protected))
    emulator.clear_requests()
    assert "protect" in stack.fails("destroy")
    stack.program(program(THREE, environment="staging", more=protected))
    assert "protect" in stack.fails("up")
    assert not emulator.requests
    stack.program(program(THREE))
    stack.up()


def test_the_provider_is_not_called_when_the_resource_is_retained(stack: Stack, emulator: Emulator) -> None:
    """It leaves the state without a call of Delete."""
    _up(stack, emulator, program(THREE, more=_options("retain_on_delete=True")))
    emulator.clear_requests()
    stack.program("")
    run = stack.up()
    assert run.counts["deleted"] == 1
    assert "Baseten keeps the settings" not in run.text
    assert not emulator.requests
    assert reported(emulator, "max_replica") == 3


def test_the_other_environment_is_sent_when_the_old_one_is_deleted_before(stack: Stack, emulator: Emulator) -> None:
    """The order changes nothing for Baseten: the old environment keeps its settings."""
    first = _options("delete_before_replace=True")
    _up(stack, emulator, program(THREE, environment="staging", more=first))
    assert _up(stack, emulator, program(SIX, environment="dev", more=first)) == [{"autoscaling_settings": SIX}]
    assert emulator.reported(MODEL, "staging")["autoscaling_settings"]["max_replica"] == 3
    assert emulator.reported(MODEL, "dev")["autoscaling_settings"]["max_replica"] == 6


@pytest.mark.emulator(apply_seconds=1.0)
def test_settings_are_sent_after_what_they_depend_on_is_applied(stack: Stack, emulator: Emulator) -> None:
    """depends_on waits for the other's wait."""
    lines = [
        "import pulumi",
        "from baseten_pulumi import BasetenEnvironmentSettings",
        "def declare(env_name, **options):",
        f"    return BasetenEnvironmentSettings(env_name, model_id={MODEL!r}, env_name=env_name,",
        "        autoscaling_settings={'max_replica': 7}, opts=pulumi.ResourceOptions(**options))",
        "declare('production', depends_on=[declare('staging')])",
    ]
    stack.program("\n".join(lines))
    stack.up()
    sent = [(request.method, request.path.rpartition("/")[2]) for request in emulator.requests]
    second = sent.index(("PATCH", "production"))
    assert sent.index(("PATCH", "staging")) < second
    assert all(name == "staging" for _, name in sent[:second])
    assert sent[second - 1][0] == "GET"


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
    assert emulator.reported(MODEL, "staging")["autoscaling_settings"]["max_replica"] == 6
    assert stack.resource("chat")["id"] == f"{MODEL}/staging"


def test_a_secret_setting_is_encrypted_in_the_state_when_it_is_applied(stack: Stack, emulator: Emulator) -> None:
    """The engine shows neither the old nor the new value in a preview."""
    secret = program(THREE).replace("'max_replica': 3", f"'max_replica': pulumi.Output.secret({HIDDEN})")
    stack.program(secret)
    text = stack.preview().text
    assert str(HIDDEN) not in text
    assert _up(stack, emulator, secret) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": HIDDEN}}]
    assert str(HIDDEN) not in str(stack.resource("chat"))
    stack.program(secret.replace(str(HIDDEN), str(HIDDEN + 1)))
    run = stack.preview()
    assert run.counts["update"] == 1
    assert not {str(HIDDEN), str(HIDDEN + 1)} & set(run.text.split())
    stack.up()


@ON_REAL_ENGINE
def test_the_others_are_left_alone_when_one_is_the_target(stack: Stack, emulator: Emulator) -> None:
    """`--target` sends the settings of that environment alone; the next whole `up` sends the rest."""
    one = "BasetenEnvironmentSettings('{0}', model_id='{1}', env_name='{0}', autoscaling_settings={2!r})"

    def declare(settings: object) -> str:
        imports = "from baseten_pulumi import BasetenEnvironmentSettings"
        return "\n".join([imports, *(one.format(name, MODEL, settings) for name in ("dev", "staging"))])

    _up(stack, emulator, declare(THREE))
    stack.program(declare(SIX))
    emulator.clear_requests()
    stack.up("--target", stack.resource("dev")["urn"])
    assert [request.path.rpartition("/")[2] for request in emulator.requests if request.method == "PATCH"] == ["dev"]
    assert emulator.reported(MODEL, "staging")["autoscaling_settings"]["max_replica"] == 3
    stack.up()
