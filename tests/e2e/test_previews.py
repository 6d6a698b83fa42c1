"""Previews: every changing setting by name, warnings on the row of their resource, and nothing sent."""

import re

from baseten_pulumi.testing import Emulator
from tests.engines import API_KEY, Run, Stack
from tests.programs import MODEL, patches, program

READS = {"baseten:previewReads": "true"}
NO_EFFECT = "rolling_deploy_config has no effect while rolling_deploy is false; Baseten only stores it."
TO_ZERO = "min_replica is 0: production scales to zero without traffic; the next request waits for a cold start."
ADDRESS = f"{MODEL}/production: "
DROPPED = f"{ADDRESS}autoscaling_settings.max_replica is no longer managed; Baseten keeps its value (5)."


def _diagnostics(run: Run, name: str = "chat") -> list[str]:
    """Return the lines of a resource in the diagnostics."""
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


def test_preview_and_update_warn_once_when_a_setting_leaves_the_program(stack: Stack) -> None:
    """Baseten has no reset: preview and update each say on the row that the value stays, and a refresh does not."""
    stack.program(program({"min_replica": 1, "max_replica": 5}))
    stack.up()
    stack.program(program({"min_replica": 1}))
    assert stack.preview().text.count(f"warning: {DROPPED}") == (1 if stack.kind == "real" else 2)
    assert _diagnostics(stack.run("preview")) == [f"warning: {DROPPED}"]
    assert DROPPED not in stack.refresh().text
    assert _diagnostics(stack.run("up")) == [f"warning: {DROPPED}"]
    assert DROPPED not in stack.run("up").text


def test_preview_and_up_warn_on_the_row_when_settings_may_not_do_what_they_seem_to(stack: Stack) -> None:
    """A rolling_deploy_config without effect and production at zero, each once."""
    stack.program(
        program({"min_replica": 0}, {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 9}})
    )
    for operation in ("preview", "up"):
        assert _diagnostics(stack.run(operation)) == [f"warning: {ADDRESS}{NO_EFFECT}", f"warning: {ADDRESS}{TO_ZERO}"]
    stack.program(
        program({"min_replica": 0}, {"rolling_deploy_config": {"max_surge_percent": 9}}, environment="staging")
    )
    assert not _diagnostics(stack.run("preview"))
    stack.up()


def test_preview_and_up_note_what_differs_when_the_stack_reads_in_previews(stack: Stack, emulator: Emulator) -> None:
    """Each declared setting that differs, for a create and for an update; one request, and a preview sends nothing."""
    stack.configure(READS)
    emulator.change(MODEL, "production", autoscaling_settings={"min_replica": 1, "max_replica": 4})
    emulator.clear_requests()
    stack.program(program({"min_replica": 3, "max_replica": 4}))
    note = f"{ADDRESS}min_replica: now 1, the program says 3"
    assert _diagnostics(stack.run("preview")) == [note]
    assert [(request.method, request.path) for request in emulator.requests] == [
        ("GET", f"/v1/models/{MODEL}/environments")
    ]
    assert _diagnostics(stack.run("up")) == [note]
    assert not _diagnostics(stack.run("preview"))
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
    stack.program(program({"min_replica": 2, "max_replica": 4}))
    assert _diagnostics(stack.run("preview")) == [
        f"{ADDRESS}min_replica: now 3, the program says 2; max_replica: now 9, the program says 4"
    ]
    stack.up()


def test_preview_fails_when_it_reads_and_the_environment_does_not_exist(stack: Stack, emulator: Emulator) -> None:
    """A missing model or environment is named, and no update is tried."""
    stack.configure(READS)
    stack.program(program({"min_replica": 1}, environment="canary"))
    assert f'env_name: model "{MODEL}" has no environment "canary"; it has dev, production, staging' in stack.fails(
        "preview"
    )
    stack.program(program({"min_replica": 1}, model="nosuch99"))
    assert 'model_id: Model "nosuch99" was not found, or this API key cannot see it' in stack.fails("up")
    assert not patches(emulator)
    stack.program(program({"min_replica": 1}))
    stack.up()


def test_preview_says_why_nothing_was_compared_when_there_is_no_key_or_no_network(
    stack: Stack, emulator: Emulator
) -> None:
    """A note on the row and no failure, so that pull requests from forks can be previewed."""
    stack.configure(READS)
    stack.program(program({"min_replica": 1}))
    del stack.environment["BASETEN_API_KEY"]
    (note,) = _diagnostics(stack.run("preview"))
    assert note == f"{ADDRESS}could not compare with Baseten: Neither baseten:apiKey nor BASETEN_API_KEY is set."
    stack.environment |= {"BASETEN_API_KEY": API_KEY, "BASETEN_BASE_URL": "http://127.0.0.1:1"}
    run = stack.run("preview")
    assert run.returncode == 0
    assert "could not compare with Baseten: " in _diagnostics(run)[0]
    assert API_KEY not in run.text
    stack.environment["BASETEN_BASE_URL"] = emulator.url
    stack.configure({"baseten:previewReads": "on"})
    text = stack.fails("preview")
    assert "baseten:previewReads is malformed." in text
    assert 'It must be true or false, got "on".' in text
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
    """In the preview and in up; the error names both and the setting, and nothing is sent for the second."""
    stack.program(_TWO.format(model=MODEL, second=repr(MODEL), more=""))
    rule = f'is already managed by "{{}}" for environment "dev" of model "{MODEL}"'
    for operation in ("preview", "up"):
        text = stack.fails(operation)
        assert any(f"autoscaling_settings.max_replica: {rule.format(name)}" in text for name in ("first", "second"))
        assert "baseten_pulumi/provider" not in text
    assert len(patches(emulator)) <= 1
    stack.program(_TWO.format(model=MODEL, second=repr(MODEL), more="").replace('"max_replica": 2', ""))
    stack.up()


def test_two_resources_are_refused_when_only_the_engine_knows_that_they_mean_one_environment(
    stack: Stack, emulator: Emulator
) -> None:
    """In the preview if it knows; otherwise in up, before the second one is sent."""
    late = "first.status.apply(lambda _: first.model_id)"
    stack.program(_TWO.format(model=MODEL, second="first.model_id", more=""))
    assert 'autoscaling_settings.max_replica: is already managed by "first"' in stack.fails("preview")
    assert not emulator.requests
    stack.program(_TWO.format(model=MODEL, second=late, more=""))
    assert stack.preview().counts["create"] == 3
    text = stack.fails("up")
    assert "(second)" in text
    assert 'autoscaling_settings.max_replica: is already managed by "first"' in text
    assert patches(emulator) == [{"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}]
    stack.program(_TWO.format(model=MODEL, second=late, more="").replace('"max_replica": 2', ""))
    stack.up()
