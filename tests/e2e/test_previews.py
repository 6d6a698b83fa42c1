"""Previews people trust: every changing setting by name, warnings on the row they are about, and nothing sent."""

import re

from baseten_pulumi.testing import Emulator
from tests.engines import Run, Stack
from tests.programs import MODEL, program

READS = {"baseten:previewReads": "true"}
IN_VAIN = "rolling_deploy_config has no effect while rolling_deploy is off"
TO_ZERO = "min_replica is 0 on production: without traffic it scales to zero, and the next request waits for a start."
ADDRESS = f"{MODEL}/production: "
DROPPED = f"{ADDRESS}autoscaling_settings.max_replica is no longer managed; Baseten keeps its value (5)."


def _told(run: Run, name: str = "chat") -> list[str]:
    """Return what the diagnostics hold for a resource, line by line."""
    _, _, diagnostics = run.text.partition("Diagnostics:")
    found = re.search(rf"^  \S+ \({re.escape(name)}\):\n((?:    .*\n|\n)*)", diagnostics, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


def test_every_changing_setting_is_named_when_an_update_is_previewed(stack: Stack, emulator: Emulator) -> None:
    """Old and new value of what changes, what comes and what goes, at any depth; nothing else, and nothing is sent."""
    stack.program(program({"min_replica": 1, "max_replica": 3}, {"rolling_deploy_config": {"max_surge_percent": 10}}))
    stack.up()
    emulator.clear_requests()
    stack.program(
        program({"max_replica": 6, "scale_down_delay": 60}, {"rolling_deploy_config": {"max_surge_percent": 25}})
    )
    text = stack.preview().text
    for line in (
        "- min_replica: 1",
        "~ max_replica: 3 => 6",
        "+ scale_down_delay: 60",
        "~ max_surge_percent: 10 => 25",
    ):
        assert line in text, text
    assert "max_unavailable_percent: 0 =>" not in text
    assert not emulator.requests
    stack.up()


def test_the_other_environment_is_named_when_a_replacement_is_previewed(stack: Stack) -> None:
    """What forces it, and what changes with it."""
    stack.program(program({"max_replica": 3}, environment="staging"))
    stack.up()
    stack.program(program({"max_replica": 6}, environment="dev"))
    text = stack.preview().text
    assert re.search(r'~ env_name *: "staging" => "dev"', text), text
    assert "~ max_replica: 3 => 6" in text
    stack.up()


def test_a_setting_that_leaves_the_program_is_named_once_in_preview_and_update(stack: Stack) -> None:
    """Baseten has no reset: preview and update each say on the row that the value stays, and a refresh does not."""
    stack.program(program({"min_replica": 1, "max_replica": 5}))
    stack.up()
    stack.program(program({"min_replica": 1}))
    assert stack.preview().text.count(f"warning: {DROPPED}") == (1 if stack.kind == "real" else 2)
    assert _told(stack.run("preview")) == [f"warning: {DROPPED}"]
    assert DROPPED not in stack.refresh().text
    assert _told(stack.run("up")) == [f"warning: {DROPPED}"]
    assert DROPPED not in stack.run("up").text


def test_a_program_is_warned_on_the_row_when_its_settings_do_not_do_what_they_seem_to(stack: Stack) -> None:
    """Tuning without effect and production at zero, each once, in the preview alone."""
    stack.program(
        program({"min_replica": 0}, {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 9}})
    )
    assert _told(stack.run("preview")) == [
        f"warning: {ADDRESS}{IN_VAIN}; Baseten only stores it.",
        f"warning: {ADDRESS}{TO_ZERO}",
    ]
    assert TO_ZERO not in stack.up().text
    stack.program(
        program({"min_replica": 0}, {"rolling_deploy_config": {"max_surge_percent": 9}}, environment="staging")
    )
    assert not _told(stack.run("preview"))
    stack.up()
