"""Environments: from nothing to settings in one `up`, protected, kept by renames, made again and deleted."""

from typing import Any

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, reported
from tests.schedules import schedule
from tests.stacks import Stack

_PROGRAM = """
import pulumi
from baseten_pulumi import BasetenAutoscalingSchedule, BasetenEnvironment, BasetenEnvironmentSettings

environment = BasetenEnvironment({name!r}, model_id={model!r}, env_name={env_name!r}, {more})
names = {{"model_id": environment.model_id, "env_name": environment.env_name}}
BasetenEnvironmentSettings("chat", **names, autoscaling_settings={{"max_replica": 3}})
BasetenAutoscalingSchedule("peak", **names, timezone="UTC", **{schedule!r})
pulumi.export("created_at", environment.created_at)
"""
_PEAK = schedule()
_PEAK["schedule_name"] = _PEAK.pop("name")


def _program(name: str = "canary", *, env_name: str = "canary", options: str = "") -> str:
    """Return a program that declares an environment with its settings and a schedule; `options` is source."""
    more = f"opts=pulumi.ResourceOptions({options})" if options else ""
    return _PROGRAM.format(name=name, model=MODEL, env_name=env_name, more=more, schedule=_PEAK)


def _environments(emulator: Emulator) -> dict[str, Any]:
    return {it["name"]: it for it in emulator.environments(MODEL)}


def _sent(emulator: Emulator) -> list[str]:
    """Return what was sent to create or delete environments."""
    return [request.method for request in emulator.requests if request.method in ("POST", "DELETE")]


def test_environment_is_made_protected_kept_and_deleted_when_the_program_says_so(
    stack: Stack, emulator: Emulator
) -> None:
    """One `up` makes it with its settings and a schedule, and the engine refuses to delete or replace it.

    Without protection it lives when its resource gets another URN: Pulumi creates before it deletes.
    """
    stack.program(_program())
    run = stack.up()
    assert run.counts["created"] == 4
    assert not {word for word in ("adopted", "not protected") if word in run.text}
    made = _environments(emulator)["canary"]
    assert (reported(emulator, "max_replica", "canary"), len(made["autoscaling_schedules"]["schedules"])) == (3, 1)
    assert stack.outputs() == {"created_at": made["created_at"]}
    assert stack.resource("canary")["id"] == f"{MODEL}/canary"
    stack.preview("--refresh", "--expect-no-changes")
    for text in ("", _program(env_name="dev-2")):
        stack.program(text)
        assert "protect" in stack.fails("preview")

    unprotected = "protect=False"
    stack.program(_program(options=unprotected))
    assert "not protected" not in stack.up().text
    stack.program(_program("renamed", options=unprotected))
    text = stack.up().text
    for line in (
        "not protected: deleting it cancels a promotion under way",
        f"{MODEL}/canary: adopted the existing environment",
        f'{MODEL}/canary: kept in Baseten because "renamed" manages it',
    ):
        assert line in text
    parent = 'parent=pulumi.ComponentResource("tests:index:Group", "group")'
    stack.program(_program("renamed", options=f"{parent}, {unprotected}"))
    assert "kept in Baseten because" in stack.up().text
    assert (_sent(emulator), _environments(emulator)["canary"]) == (["POST"], made)
    stack.expect_settled()

    emulator.remove_environment(MODEL, "canary")
    assert stack.up("--refresh").counts["created"] == 3
    assert reported(emulator, "max_replica", "canary") == 3
    stack.destroy()
    assert _sent(emulator) == ["POST", "POST", "DELETE"]
    assert sorted(_environments(emulator)) == ["dev", "production", "staging"]
