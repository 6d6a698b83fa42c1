"""Previews people trust: every changing setting by name, warnings on the row they are about, and nothing sent."""

import re

from baseten_pulumi.testing import Emulator
from tests.engines import API_KEY, Run, Stack
from tests.programs import MODEL, patches, program

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
        "- min_replica     : 1",
        "~ max_replica     : 3 => 6",
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


def test_a_first_create_shows_what_is_there_when_the_stack_has_its_previews_read(
    stack: Stack, emulator: Emulator
) -> None:
    """`now 1, will be 3` for each declared setting that differs, and a promotion under way; a preview sends nothing."""
    stack.configure(READS)
    emulator.change(MODEL, "production", autoscaling_settings={"min_replica": 1, "max_replica": 4})
    emulator.start_promotion(MODEL, "production", percent=40)
    emulator.clear_requests()
    stack.program(program({"min_replica": 3, "max_replica": 4}, {"rolling_deploy_config": {"max_surge_percent": 9}}))
    said = _told(stack.run("preview"))
    assert f"warning: {ADDRESS}{IN_VAIN} at Baseten; Baseten only stores it." in said
    (note,) = [line for line in said if not line.startswith("warning")]
    assert note.startswith(f"{ADDRESS}min_replica: now 1, will be 3; max_surge_percent: now ")
    assert note.endswith(("; promotion RELEASING, 40 %", "; promotion RAMPING_UP, 40 %"))
    assert "max_replica" not in note
    assert [request.method for request in emulator.requests] == ["GET"]
    emulator.finish_promotion(MODEL, "production")
    stack.up()
    assert "now" not in "".join(_told(stack.run("preview")))


def test_a_preview_says_why_it_read_nothing_when_there_is_neither_key_nor_network(
    stack: Stack, emulator: Emulator
) -> None:
    """A note on the row and no failure, so that pull requests from forks are previewed all the same."""
    stack.configure(READS)
    stack.program(program({"min_replica": 1}))
    del stack.environment["BASETEN_API_KEY"]
    (note,) = _told(stack.run("preview"))
    assert note.startswith(f"{ADDRESS}not compared with Baseten: There is no API key")
    stack.environment |= {"BASETEN_API_KEY": API_KEY, "BASETEN_BASE_URL": "http://127.0.0.1:1"}
    run = stack.run("preview")
    assert run.returncode == 0
    assert "not compared with Baseten: " in _told(run)[0]
    assert API_KEY not in run.text
    stack.environment["BASETEN_BASE_URL"] = emulator.url
    stack.configure({"baseten:previewReads": "on"})
    assert 'baseten:previewReads must be true or false, got "on"' in stack.fails("preview")
    stack.configure()
    stack.up()


_TWO = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

first = BasetenEnvironmentSettings(
    "first", model_id={model!r}, env_name="dev", autoscaling_settings={{"min_replica": 0, "max_replica": 2}}
)
BasetenEnvironmentSettings(
    "second", model_id={second}, env_name="dev", autoscaling_settings={{"max_replica": 3, {more}}}
)
"""


def test_two_resources_are_refused_when_they_declare_the_same_setting(stack: Stack, emulator: Emulator) -> None:
    """In preview and up, both named, and the setting; nothing is sent."""
    stack.program(_TWO.format(model=MODEL, second=repr(MODEL), more=""))
    refusal = (
        'BasetenEnvironmentSettings "second": autoscaling_settings.max_replica is managed by "first" already; '
        f'each setting of environment "dev" of model "{MODEL}" belongs to one resource'
    )
    for operation in ("preview", "up"):
        text = stack.fails(operation)
        assert refusal in text
        assert "Traceback" not in text
    assert not emulator.requests
    stack.program(_TWO.format(model=MODEL, second=repr(MODEL), more="").replace('"max_replica": 2', ""))
    stack.up()


def test_two_resources_are_refused_when_only_the_engine_knows_that_they_mean_one_environment(
    stack: Stack, emulator: Emulator
) -> None:
    """Known in a preview or not: the second one is never sent."""
    late = "first.status.apply(lambda _: first.model_id)"
    stack.program(_TWO.format(model=MODEL, second="first.model_id", more=""))
    assert 'autoscaling_settings.max_replica: is managed by "first" already' in stack.fails("preview")
    assert not emulator.requests
    stack.program(_TWO.format(model=MODEL, second=late, more=""))
    assert stack.preview().counts["create"] == 3
    text = stack.fails("up")
    assert "(second)" in text
    assert 'autoscaling_settings.max_replica: is managed by "first" already' in text
    assert patches(emulator) == [{"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}]
    stack.program(_TWO.format(model=MODEL, second=late, more="").replace('"max_replica": 2', ""))
    stack.up()
