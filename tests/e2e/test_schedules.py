"""Autoscaling schedules: created, adopted, kept by renames, updated, repaired, deleted, and refused in the preview."""

import re
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import API_KEY, ON_REAL_ENGINE, Stack
from tests.key_scan import holds
from tests.programs import MODEL, patches, schedules, timeout, until
from tests.schedules import one_time, reported, schedule

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
ECHO = f"the key is {API_KEY}"


def _listed(emulator: Emulator, environment: str = "production") -> list[dict[str, Any]]:
    """Return the schedules of an environment as Baseten reports them."""
    found = emulator.reported(MODEL, environment)["autoscaling_schedules"] or {"schedules": []}
    listed: list[dict[str, Any]] = found["schedules"]
    return listed


def _ids(emulator: Emulator) -> list[str]:
    return [it["id"] for it in _listed(emulator)]


def _changes(emulator: Emulator) -> list[Any]:
    """Return what PATCHes said of schedules."""
    return [body["autoscaling_schedule_settings"] for body in patches(emulator) if isinstance(body, dict)]


def _resources(stack: Stack) -> list[str]:
    """Return the names of the schedules' resources in the state."""
    return [it["urn"].rpartition("::")[2] for it in stack.state() if it["type"].endswith("AutoscalingSchedule")]


def _urn(stack: Stack, name: str) -> str:
    urn: str = stack.resource(name)["urn"]
    return urn


def test_each_cadence_is_created_and_deleted_when_its_resource_is(stack: Stack, emulator: Emulator) -> None:
    """State and Baseten hold what is declared, and destroy leaves nothing of it."""
    declared = {"peak": schedule(), "batch": HOURLY, "launch": one_time()}
    stack.program(schedules(declared))
    assert stack.up().counts["created"] == 4
    assert emulator.reported(MODEL, "production")["autoscaling_schedules"]["timezone"] == "UTC"
    held = {it["name"]: it for it in _listed(emulator)}
    for name, parts in declared.items():
        resource = stack.resource(name)
        assert held[name] == reported(parts, resource["outputs"]["schedule_id"])
        assert resource["id"] == f"{MODEL}/production/{held[name]['id']}"
        assert resource["outputs"]["in_force"] is True
    stack.preview("--expect-no-changes")
    assert stack.destroy().counts["deleted"] == 4
    assert _listed(emulator) == []
    stack.is_settled_at_the_end = False


def test_the_schedule_is_adopted_when_one_has_its_name(stack: Stack, emulator: Emulator) -> None:
    """It keeps its id and becomes what is declared; there are not two of them."""
    id_ = emulator.put_schedule(MODEL, "production", reported(schedule(end_hour=23)), "UTC")
    stack.program(schedules(PEAK))
    assert f'{MODEL}/production/{id_}: adopted the existing schedule "peak"' in stack.up().text
    assert _listed(emulator) == [reported(schedule(), id_)]


@pytest.mark.parametrize(
    ("resource", "options"),
    [
        ("busy", ""),
        ("peak", 'opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("tests:index:Group", "group"))'),
    ],
    ids=["renamed", "moved into a component"],
)
def test_the_schedule_survives_when_its_resource_has_another_urn(
    stack: Stack, emulator: Emulator, resource: str, options: str
) -> None:
    """Without an alias Pulumi creates the new resource and deletes the old one; a later destroy deletes the schedule.

    The real engine gives a moved resource's row to its name alone, so the note names the URN.
    """
    stack.program(schedules(PEAK))
    stack.up()
    before = _listed(emulator)
    emulator.clear_requests()
    stack.program(schedules({resource: PEAK["peak"]}, more=options))
    text = stack.up().text
    assert "kept in Baseten because" in text
    assert _listed(emulator) == before
    assert not patches(emulator)
    assert _resources(stack) == [resource]
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert _listed(emulator) == []
    stack.is_settled_at_the_end = False


@ON_REAL_ENGINE
def test_the_schedule_survives_when_its_replacement_is_forced(stack: Stack, emulator: Emulator) -> None:
    """`--replace` creates before it deletes; the local engine has no such flag."""
    stack.program(schedules(PEAK))
    stack.up()
    before = _listed(emulator)
    emulator.clear_requests()
    run = stack.up("--replace", _urn(stack, "peak"))
    assert run.counts["replaced"] == 1
    assert 'kept in Baseten because "peak" manages it' in run.text
    assert _listed(emulator) == before
    assert not patches(emulator)


def test_the_schedule_is_moved_when_another_environment_is_declared(stack: Stack, emulator: Emulator) -> None:
    """It is created in the new environment and deleted in the old one."""
    stack.program(schedules(PEAK))
    stack.up()
    stack.program(schedules(PEAK, environment="staging"))
    assert stack.preview().counts["replace"] == 1
    stack.up()
    assert [it["name"] for it in _listed(emulator, "staging")] == ["peak"]
    assert _listed(emulator) == []


@pytest.mark.parametrize(
    ("part", "shown"),
    [({"end_hour": 12}, "~ end_hour: 10 => 12"), ({"name": "rush"}, '~ schedule_name: "peak" => "rush"')],
    ids=["a field", "the name"],
)
def test_the_schedule_is_updated_in_place_when_a_property_changes(
    stack: Stack, emulator: Emulator, part: dict[str, Any], shown: str
) -> None:
    """One PATCH replaces it as a whole, by its id."""
    stack.program(schedules(PEAK))
    stack.up()
    (id_,) = _ids(emulator)
    changed = schedule(**part)
    stack.program(schedules({"peak": changed}))
    preview = stack.preview()
    assert preview.counts["update"] == 1
    assert shown in preview.text.replace("'", '"')
    emulator.clear_requests()
    stack.up()
    assert _changes(emulator) == [{"schedules": [reported(changed, id_)]}]
    assert _listed(emulator) == [reported(changed, id_)]


def test_drift_is_shown_and_brought_back_when_a_schedule_was_changed(stack: Stack, emulator: Emulator) -> None:
    """Refresh takes every property into the state, one that is not declared too."""
    stack.program(schedules(PEAK))
    stack.up()
    (id_,) = _ids(emulator)
    by_hand = reported(schedule(end_hour=23, enabled=False, overrides={"concurrency_target": 7}), id_)
    emulator.put_schedule(MODEL, "production", by_hand)
    stack.refresh()
    text = re.sub(r" +:", ":", stack.preview().text)
    for line in ("~ end_hour: 23 => 10", "~ enabled: false => true", "- concurrency_target: 7"):
        assert line in text, text
    stack.up()
    assert _listed(emulator) == [reported(schedule(), id_)]


def test_the_schedule_is_created_again_when_it_was_deleted_by_hand(stack: Stack, emulator: Emulator) -> None:
    """Refresh removes it from the state; without one, an update is refused and says so."""
    stack.program(schedules(PEAK))
    stack.up()
    (id_,) = _ids(emulator)
    emulator.remove_schedule(MODEL, "production", id_)
    changed = {"peak": schedule(end_hour=12)}
    stack.program(schedules(changed))
    text = stack.fails("up")
    assert f"Schedule {id_} no longer exists in Baseten. Nothing was changed." in text
    assert "Run `pulumi up --refresh` to create it again." in text
    stack.refresh()
    assert _resources(stack) == []
    stack.up()
    assert [it["end_hour"] for it in _listed(emulator)] == [12]


@pytest.mark.emulator(apply_seconds=2.0)
def test_one_schedule_exists_when_the_connection_broke_after_the_creation(stack: Stack, emulator: Emulator) -> None:
    """It is looked for until Baseten lists it, and not sent again."""
    emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.program(schedules(PEAK))
    assert stack.up().counts["created"] == 2
    assert len(patches(emulator)) == 1
    assert _listed(emulator) == [reported(schedule(), stack.resource("peak")["outputs"]["schedule_id"])]


@pytest.mark.emulator(apply_seconds=2.0 * SHORT_SECONDS)
@pytest.mark.parametrize("operation", ["up", "refresh", "destroy"])
def test_one_schedule_exists_when_a_creation_got_no_response_until_the_timeout(
    stack: Stack, emulator: Emulator, operation: str
) -> None:
    """The resource is kept without an id; whatever comes next finds the schedule by its name."""
    emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH"))
    stack.program(schedules(PEAK, more=timeout(SHORT_SECONDS)))
    assert "Baseten may still apply what was sent." in stack.fails("up")
    assert stack.resource("peak")["outputs"]["in_force"] is False
    emulator.faults.clear()
    until(lambda: bool(_listed(emulator)))
    stack.program(schedules(PEAK))
    if operation == "destroy":
        stack.destroy()
        assert _listed(emulator) == []
        stack.is_settled_at_the_end = False
        return
    if operation == "refresh":
        stack.refresh()
    stack.up()
    assert _listed(emulator) == [reported(schedule(), stack.resource("peak")["outputs"]["schedule_id"])]
    stack.refresh("--expect-no-changes")


@pytest.mark.parametrize(
    ("bad", "failures"),
    [
        (
            schedule(start_hour=24, weekdays=["FUNDAY"], overrides={"max_replica": None}),
            [
                "start_hour: must be <= 23, got 24",
                "weekdays[0]: must be SUNDAY, MONDAY, ",
                "autoscaling_settings.max_replica: is required",
            ],
        ),
        (one_time(start_at="2024-01-01T08:00:00Z"), ["start_at: must be in the future for a new schedule"]),
    ],
    ids=["several", "in the past"],
)
def test_every_failure_is_shown_in_the_preview_when_a_schedule_is_bad(
    stack: Stack, emulator: Emulator, bad: dict[str, Any], failures: list[str]
) -> None:
    """Each names property, rule and value, and nothing is sent."""
    stack.program(schedules({"peak": bad}))
    text = stack.fails("preview")
    assert [failure for failure in failures if failure not in text] == [], text
    assert not emulator.requests
    stack.is_settled_at_the_end = False


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (schedule(), "schedule_name: is already declared by"),
        (schedule("night", timezone="Europe/Berlin"), "(all schedules of an environment share one)"),
    ],
    ids=["one name", "two time zones"],
)
def test_the_preview_fails_when_two_schedules_do_not_fit_together(
    stack: Stack, emulator: Emulator, other: dict[str, Any], rule: str
) -> None:
    """Two resources of one environment with one name, or with two time zones."""
    stack.program(schedules({"peak": schedule(), "other": other}))
    text = stack.fails("preview")
    assert rule in text
    assert f'for environment "production" of model "{MODEL}"' in text
    assert not emulator.requests
    stack.is_settled_at_the_end = False


def test_the_time_zone_changes_when_every_schedule_declares_the_new_one(stack: Stack, emulator: Emulator) -> None:
    """All of them are updated in one run."""
    stack.program(schedules(TWO))
    stack.up()
    before = _listed(emulator)
    stack.program(schedules(TWO, timezone="Europe/Berlin"))
    assert stack.preview().counts["update"] == 2
    stack.up()
    assert emulator.reported(MODEL, "production")["autoscaling_schedules"]["timezone"] == "Europe/Berlin"
    assert _listed(emulator) == before


def test_the_time_zone_stays_when_it_has_a_schedule_that_is_not_declared(stack: Stack, emulator: Emulator) -> None:
    """The error names that schedule, and nothing is sent."""
    stack.program(schedules(PEAK))
    stack.up()
    id_ = emulator.put_schedule(MODEL, "production", reported(schedule("by hand")))
    stack.program(schedules(PEAK, timezone="Europe/Berlin"))
    emulator.clear_requests()
    text = stack.fails("up")
    assert f'"Europe/Berlin" would also apply to schedules that this run does not declare: "by hand" ({id_}).' in text
    assert not patches(emulator)
    assert emulator.reported(MODEL, "production")["autoscaling_schedules"]["timezone"] == "UTC"
    stack.program(schedules(PEAK))


def test_a_one_time_schedule_is_left_alone_when_its_end_has_passed(stack: Stack, emulator: Emulator) -> None:
    """Baseten has removed it; neither refresh nor `up` misses it, and its resource can be deleted.

    A new schedule must start in the future, so its dates are moved in the state that the run has left.
    """
    stack.program(schedules({"launch": one_time()}))
    stack.up()
    (id_,) = _ids(emulator)
    emulator.remove_schedule(MODEL, "production", id_)
    for checkpoint in (stack.folder / "state").rglob("dev.json"):
        checkpoint.write_text(checkpoint.read_text().replace("2099-", "2024-"))
    past = one_time(start_at="2024-01-01T08:00:00Z", end_at="2024-01-01T10:00:00Z")
    stack.program(schedules({"launch": past}))
    emulator.clear_requests()
    stack.refresh("--expect-no-changes")
    stack.preview("--expect-no-changes")
    stack.up("--expect-no-changes")
    assert stack.resource("launch")["outputs"]["schedule_id"] == id_
    assert not patches(emulator)
    stack.program("")
    assert stack.up().counts["deleted"] == 1


@pytest.mark.parametrize("is_there", [True, False], ids=["there", "gone"])
def test_only_the_removed_schedule_is_deleted_when_a_resource_leaves_the_program(
    stack: Stack, emulator: Emulator, is_there: bool
) -> None:
    """It may be gone already."""
    stack.program(schedules(TWO))
    stack.up()
    id_ = stack.resource("night")["outputs"]["schedule_id"]
    if not is_there:
        emulator.remove_schedule(MODEL, "production", id_)
    stack.program(schedules(PEAK))
    emulator.clear_requests()
    assert stack.up().counts["deleted"] == 1
    assert _changes(emulator) == ([{"delete_schedules": [id_]}] if is_there else [])
    assert [it["name"] for it in _listed(emulator)] == ["peak"]


def test_nothing_is_kept_when_the_environment_does_not_exist(stack: Stack, emulator: Emulator) -> None:
    """The error names the environments that do; no schedule was sent."""
    stack.program(schedules(PEAK, environment="canary"))
    text = stack.fails("up")
    assert f'Autoscaling schedule "peak" of environment "canary" (model {MODEL}) was not created.' in text
    assert f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.' in text
    assert _resources(stack) == []
    assert not patches(emulator)
    stack.program("")


@pytest.mark.emulator(api_key=API_KEY)
def test_the_key_is_nowhere_when_baseten_echoes_it_about_schedules(stack: Stack, emulator: Emulator) -> None:
    """In what is shown, logged and written, of creations, refreshes and deletions."""
    flags = ("--logtostderr", "--logflow", "-v=9") if stack.kind == "real" else ()
    stack.program(schedules(PEAK))
    seen = [stack.up(*flags).text]
    changed = schedules({"peak": schedule(end_hour=12), "night": TWO["night"]}, more=timeout(SHORT_SECONDS))
    for program, method in ((changed, "PATCH"), ("", "PATCH"), (changed, "GET")):
        fault = emulator.faults.add(Fault.status(422, {"message": ECHO}, method=method))
        stack.program(program)
        seen += [stack.fails("refresh" if method == "GET" else "up", *flags)]
        emulator.faults.remove(fault)
    everything = "\n".join([*seen, str(stack.state()), stack.written()])
    assert everything.count("the key is [redacted]") >= 4
    assert not holds(everything, API_KEY)
    stack.program(schedules(PEAK))
