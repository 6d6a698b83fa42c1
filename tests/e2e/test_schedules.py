"""Autoscaling schedules: created, adopted, kept by renames, updated, repaired, moved and deleted."""

import re
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.programs import MODEL, patches, schedules, timeout, until
from tests.schedules import one_time, reported, schedule
from tests.stacks import ON_REAL_ENGINE, Stack

PEAK = {"peak": schedule()}
HOURLY = {
    "name": "batch",
    "enabled": False,
    "cadence": "HOURLY",
    "weekdays": ["SUNDAY"],
    "start_minute": 5,
    "end_minute": 20,
    "autoscaling_settings": {"min_replica": 0, "max_replica": 1, "scale_down_delay": 60},
}
TWO = {"peak": schedule(), "night": schedule("night", start_hour=20, end_hour=23)}
# For runs that have to time out: long enough for a slow machine to send and to poll once.
SHORT_SECONDS = 3


def _listed(emulator: Emulator, environment: str = "production") -> list[dict[str, Any]]:
    """Return the schedules of an environment as Baseten reports them."""
    found = emulator.reported(MODEL, environment)["autoscaling_schedules"] or {"schedules": []}
    listed: list[dict[str, Any]] = found["schedules"]
    return listed


def _zone(emulator: Emulator) -> object:
    return emulator.reported(MODEL, "production")["autoscaling_schedules"]["timezone"]


def _changes(emulator: Emulator) -> list[Any]:
    """Return what PATCHes said of schedules."""
    return [body["autoscaling_schedule_settings"] for body in patches(emulator) if isinstance(body, dict)]


def _resources(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the schedules' resources in the state, by name."""
    schedules = (it for it in stack.state() if it["type"].endswith("AutoscalingSchedule"))
    return {it["urn"].rpartition("::")[2]: it for it in schedules}


def test_schedules_follow_the_program_when_they_come_change_and_go(stack: Stack, emulator: Emulator) -> None:
    """One of each cadence. An update, of the name too, replaces a schedule by its id; destroy leaves nothing."""
    declared = {"peak": schedule(), "batch": HOURLY, "launch": one_time()}
    stack.program(schedules(declared))
    assert stack.up().counts["created"] == 4
    assert _zone(emulator) == "UTC"
    held, resources = {it["name"]: it for it in _listed(emulator)}, _resources(stack)
    ids = {name: resources[name]["outputs"]["schedule_id"] for name in declared}
    for name, parts in declared.items():
        assert held[name] == reported(parts, ids[name])
        assert resources[name]["id"] == f"{MODEL}/production/{ids[name]}"
        assert resources[name]["outputs"]["in_force"] is True
    stack.refresh("--expect-no-changes")
    changed = {"peak": schedule(end_hour=12), "launch": one_time("lunch")}
    stack.program(schedules(changed))
    preview = stack.preview()
    assert (preview.counts["update"], preview.counts["delete"]) == (2, 1)
    for shown in ("~ end_hour: 10 => 12", '~ schedule_name: "launch" => "lunch"'):
        assert shown in preview.text
    emulator.clear_requests()
    stack.up()
    sent = [{"schedules": [reported(parts, ids[name])]} for name, parts in changed.items()]
    assert sorted(_changes(emulator), key=str) == sorted([*sent, {"delete_schedules": [ids["batch"]]}], key=str)
    assert sorted(it["name"] for it in _listed(emulator)) == ["lunch", "peak"]
    assert stack.destroy().counts["deleted"] == 3
    assert _listed(emulator) == []


def test_the_schedule_survives_when_its_resource_gets_another_urn(stack: Stack, emulator: Emulator) -> None:
    """Without an alias Pulumi creates the new resource, which adopts, before it deletes the old one.

    The real engine gives a moved resource's row to its name alone, so that note names the URN.
    """
    id_ = emulator.put_schedule(MODEL, "production", reported(schedule(end_hour=23)), "UTC")
    stack.program(schedules(PEAK))
    assert f'{MODEL}/production/{id_}: adopted the existing schedule "peak"' in stack.up().text
    assert _listed(emulator) == [reported(schedule(), id_)]
    emulator.clear_requests()
    stack.program(schedules({"busy": PEAK["peak"]}))
    assert 'kept in Baseten because "busy" manages it' in stack.up().text
    moved = 'opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("tests:index:Group", "group"))'
    stack.program(schedules({"busy": PEAK["peak"]}, more=moved))
    assert "kept in Baseten because" in stack.up().text
    assert not patches(emulator)
    assert list(_resources(stack)) == ["busy"]
    stack.destroy()
    assert _listed(emulator) == []


@ON_REAL_ENGINE
def test_the_schedule_survives_when_its_replacement_is_forced(stack: Stack, emulator: Emulator) -> None:
    """`--replace` creates before it deletes; the local engine has no such flag."""
    stack.program(schedules(PEAK))
    stack.up()
    before = _listed(emulator)
    emulator.clear_requests()
    run = stack.up("--replace", stack.resource("peak")["urn"])
    assert run.counts["replaced"] == 1
    assert 'kept in Baseten because "peak" manages it' in run.text
    assert _listed(emulator) == before
    assert not patches(emulator)


def test_drift_is_brought_back_when_schedules_were_changed_and_deleted(stack: Stack, emulator: Emulator) -> None:
    """Refresh takes every property into the state, one that is not declared too, and creates again what is gone.

    Without a refresh, an update of what is gone is refused and says so.
    """
    stack.program(schedules(TWO))
    stack.up()
    ids = {name: it["outputs"]["schedule_id"] for name, it in _resources(stack).items()}
    emulator.remove_schedule(MODEL, "production", ids["night"])
    by_hand = reported(schedule(end_hour=23, enabled=False, overrides={"concurrency_target": 7}), ids["peak"])
    emulator.put_schedule(MODEL, "production", by_hand)
    stack.program(schedules({**TWO, "night": schedule("night", start_hour=21, end_hour=23)}))
    text = stack.fails("up")
    assert f"Schedule {ids['night']} no longer exists in Baseten. Nothing was changed." in text
    assert "Run `pulumi up --refresh` to create it again." in text
    stack.refresh()
    assert list(_resources(stack)) == ["peak"]
    text = re.sub(r" +:", ":", stack.preview().text)
    for line in ("~ end_hour: 23 => 10", "~ enabled: false => true", "- concurrency_target: 7"):
        assert line in text, text
    stack.up()
    assert {(it["name"], it.get("start_hour"), it.get("end_hour")) for it in _listed(emulator)} == {
        ("peak", 8, 10),
        ("night", 21, 23),
    }
    stack.expect_settled()


@pytest.mark.emulator(apply_seconds=2.0 * SHORT_SECONDS)
def test_one_schedule_exists_when_a_creation_got_no_response_until_the_timeout(
    stack: Stack, emulator: Emulator
) -> None:
    """The resource is kept without an id; update, refresh and delete find the schedule by its name."""
    emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH"))
    stack.program(schedules(PEAK, more=timeout(SHORT_SECONDS)))
    assert "Baseten may still apply what was sent." in stack.fails("up")
    assert stack.resource("peak")["outputs"]["in_force"] is False
    emulator.faults.clear()
    until(lambda: bool(_listed(emulator)))
    stack.program(schedules(PEAK))
    stack.up()
    id_ = stack.resource("peak")["outputs"]["schedule_id"]
    assert _listed(emulator) == [reported(schedule(), id_)]
    assert stack.resource("peak")["id"] == f"{MODEL}/production/pending"
    stack.refresh()
    assert stack.resource("peak")["id"] == f"{MODEL}/production/{id_}"
    stack.destroy()
    assert _listed(emulator) == []


def test_the_time_zone_changes_when_every_schedule_declares_the_new_one(stack: Stack, emulator: Emulator) -> None:
    """In one run. A schedule that is not declared keeps it as it is. Another environment may have another one."""
    stack.program(schedules(TWO))
    stack.up()
    before = _listed(emulator)
    stack.program(schedules(TWO, timezone="Europe/Berlin"))
    assert stack.up().counts["updated"] == 2
    assert (_zone(emulator), _listed(emulator)) == ("Europe/Berlin", before)
    id_ = emulator.put_schedule(MODEL, "production", reported(schedule("by hand")))
    stack.program(schedules(TWO))
    emulator.clear_requests()
    text = stack.fails("up")
    assert f'"UTC" would also apply to schedules that this run does not declare: "by hand" ({id_}).' in text
    assert not patches(emulator)
    stack.program(schedules(TWO, environment="staging"))
    assert stack.preview().counts["replace"] == 2
    stack.up()
    assert sorted(it["name"] for it in _listed(emulator, "staging")) == ["night", "peak"]
    assert [it["id"] for it in _listed(emulator)] == [id_]
