"""Previews: every changing setting by name, warnings on the row of their resource, refusals, and nothing sent."""

import re

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches, program, reported, requested, schedules
from tests.schedules import schedule
from tests.stacks import API_KEY, Run, Stack

ADDRESS = f"{MODEL}/production: "
DROPPED = f"{ADDRESS}autoscaling_settings.{{}} is no longer managed; Baseten keeps its value ({{}})."


def _diagnostics(run: Run) -> list[str]:
    """Return the lines of the resource chat in the diagnostics."""
    assert run.returncode == 0, run.text
    _, _, diagnostics = run.text.partition("Diagnostics:")
    found = re.search(r"^  \S+ \(chat\):\n((?:    .*\n|\n)*)", diagnostics, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


def test_every_changing_setting_is_shown_when_a_program_changes(stack: Stack, emulator: Emulator) -> None:
    """At any depth, with a warning for what leaves, and without key and network. The update sends all that is left."""
    stack.program(
        program(
            {"min_replica": 1, "max_replica": 3, "scale_down_delay": 60},
            {"rolling_deploy_config": {"max_surge_percent": 10}},
        )
    )
    stack.up()
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
    emulator.clear_requests()
    stack.environment |= {"BASETEN_API_KEY": "", "BASETEN_BASE_URL": "http://127.0.0.1:1"}
    stack.program(
        program(
            {"max_replica": 3, "scale_down_delay": 90, "concurrency_target": 2},
            {"rolling_deploy_config": {"max_surge_percent": 25}},
        )
    )
    text = stack.preview().text
    shown = re.findall(r"([-~+] \w+_\w+) *: (\d.*)", re.split("outputs:|Outputs:", text)[0])
    assert shown == [
        ("+ concurrency_target", "2"),
        ("- min_replica", "1"),
        ("~ scale_down_delay", "60 => 90"),
        ("~ max_surge_percent", "10 => 25"),
    ], text
    warning = f"warning: {DROPPED.format('min_replica', 1)}"
    assert warning in text
    stack.environment |= {"BASETEN_API_KEY": API_KEY, "BASETEN_BASE_URL": emulator.url}
    changed = f"warning: {MODEL}/production: max_replica was changed outside Pulumi (9); resetting to 3"
    assert _diagnostics(stack.run("up")) == [warning, changed]
    surge = {"max_surge_percent": 25, "max_unavailable_percent": 0}
    assert patches(emulator) == [
        {
            "autoscaling_settings": {"max_replica": 3, "scale_down_delay": 90, "concurrency_target": 2},
            "promotion_settings": {"rolling_deploy_config": surge},
        }
    ]
    assert reported(emulator, "max_replica") == 3
    assert _diagnostics(stack.run("up", "--expect-no-changes")) == []


def test_preview_and_up_note_what_differs_when_the_stack_reads_in_previews(stack: Stack, emulator: Emulator) -> None:
    """For a create and for an update, with one request. What is missing fails; without a key the note says why."""
    stack.configure({"baseten:previewReads": "true"})
    stack.program(program({"min_replica": 3, "max_replica": 3}))
    note = f"{ADDRESS}min_replica: now 1, the program says 3"
    assert _diagnostics(stack.run("preview")) == [note]
    assert requested(emulator) == [("GET", "environments")]
    assert _diagnostics(stack.run("up")) == [note]
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
    stack.program(program({"min_replica": 2, "max_replica": 4}))
    del stack.environment["BASETEN_API_KEY"]
    nothing = "could not compare with Baseten: Neither baseten:apiKey nor BASETEN_API_KEY is set."
    assert _diagnostics(stack.run("preview")) == [f"{ADDRESS}{nothing}"]
    stack.environment["BASETEN_API_KEY"] = API_KEY
    assert _diagnostics(stack.run("preview")) == [
        f"{ADDRESS}min_replica: now 3, the program says 2; max_replica: now 9, the program says 4"
    ]
    stack.program(program({"min_replica": 1}, environment="canary"))
    missing = f'env_name: model "{MODEL}" has no environment "canary"; it has dev, production, staging'
    assert missing in stack.fails("preview")


_TWO = f"""
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

first = BasetenEnvironmentSettings(
    "first", model_id="{MODEL}", env_name="dev", autoscaling_settings={{"min_replica": 0, "max_replica": 2}}
)
later = pulumi.ResourceOptions(depends_on=[first])
BasetenEnvironmentSettings(
    "second", model_id=MODEL, env_name="dev", autoscaling_settings={{"max_replica": 3}}, opts=later
)
"""


def test_two_resources_are_refused_when_they_declare_the_same_setting(stack: Stack, emulator: Emulator) -> None:
    """In the preview if the engine knows that they do; otherwise in up, before the second one is sent."""
    rule = f'autoscaling_settings.max_replica: is also declared by "first" for environment "dev" of model "{MODEL}"'
    stack.program(_TWO.replace("MODEL", "first.model_id"))
    text = stack.fails("preview")
    assert rule in text
    assert "baseten_pulumi/provider" not in text
    assert not emulator.requests
    stack.program(_TWO.replace("MODEL", "first.status.apply(lambda _: first.model_id)"))
    assert stack.preview().counts["create"] == 3
    text = stack.fails("up")
    assert "(second)" in text
    assert rule in text
    assert patches(emulator) == [{"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}]
    assert [it["urn"].rpartition("::")[2] for it in stack.state() if "baseten" in it["type"]] == ["first"]


def test_every_failure_is_shown_in_the_preview_when_inputs_are_invalid(stack: Stack, emulator: Emulator) -> None:
    """Each names property, rule and value, alone and of two schedules together; and nothing is sent."""
    programs = (
        program({"min_replica": 3, "scale_down_dealy": 4, "autoscaling_window": 5}),
        schedules({"peak": schedule(start_hour=24, overrides={"max_replica": None})}),
        schedules({"peak": schedule(), "other": schedule("night", timezone="Europe/Berlin")}),
    )
    failures = (
        ('did you mean "scale_down_delay"?', "autoscaling_settings.autoscaling_window: must be >= 10 s, got 5"),
        ("start_hour: must be <= 23, got 24", "autoscaling_settings.max_replica: is required"),
        (f'for environment "production" of model "{MODEL}" (all schedules of an environment share one)',),
    )
    for text, expected in zip(programs, failures, strict=True):
        stack.program(text)
        shown = stack.fails("preview")
        assert [failure for failure in expected if failure not in shown] == [], shown
        assert "baseten_pulumi/provider" not in shown
    assert not emulator.requests
