"""Autoscaling schedules: each a setting of its own, known by its name, under the rules of every other."""

import re
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import Stack
from tests.programs import MODEL, patches, program, timeout
from tests.schedules import SCHEDULES, one_time, reported, schedule

PEAK, NIGHT = schedule("peak"), schedule("night", cadence="HOURLY", start_hour=None, end_hour=None)


def _program(*schedules: dict[str, Any], delete: list[str] | None = None, more: str = "") -> str:
    declared: dict[str, Any] = {"timezone": "Europe/Berlin", "schedules": list(schedules)} if schedules else {}
    if delete:
        declared["delete_schedules"] = delete
    return program({"min_replica": 1}, more=f"autoscaling_schedule_settings={declared!r}, {more}")


def _held(emulator: Emulator) -> dict[str, Any]:
    """Return Baseten's schedules of the production environment, by name."""
    held = (emulator.reported(MODEL, "production")["autoscaling_schedules"] or {}).get("schedules", [])
    by_name = {it["name"]: it for it in held}
    assert len(by_name) == len(held), "a name is there twice"
    return by_name


def _sent(emulator: Emulator) -> list[Any]:
    return [body[SCHEDULES] for body in patches(emulator) if isinstance(body, dict) and SCHEDULES in body]


@pytest.mark.emulator(apply_seconds=1)
def test_schedules_are_put_in_force_when_declared(stack: Stack, emulator: Emulator) -> None:
    """Made where they are new, adopted under their id where Baseten has them; a second `up` sends nothing."""
    id_ = emulator.put_schedule(MODEL, "production", reported(schedule("peak", end_hour=20)), "Europe/Paris")
    stack.program(
        _program(PEAK, {**NIGHT, "weekdays": ["SUNDAY", "MONDAY"]})
        + "pulumi.export('schedules', settings.autoscaling_schedule_settings.schedules.apply(\n"
        "    lambda them: [(it.name, repr(it.autoscaling_settings.max_replica), list(it.weekdays)) for it in them]))\n"
    )
    stack.up()
    assert _held(emulator)["peak"] == reported(PEAK, id_)
    assert emulator.reported(MODEL, "production")["autoscaling_schedules"]["timezone"] == "Europe/Berlin"
    assert stack.outputs()["schedules"] == [
        ["peak", "8", ["MONDAY", "FRIDAY"]],
        ["night", "8", ["SUNDAY", "MONDAY"]],
    ]
    emulator.clear_requests()
    stack.program(_program({**NIGHT, "weekdays": ["MONDAY", "SUNDAY"]}, {**PEAK, "enabled": None}))
    stack.up("--expect-no-changes")
    assert not emulator.requests
    stack.refresh("--expect-no-changes")


def test_changed_parts_are_named_when_a_schedule_changes(stack: Stack, emulator: Emulator) -> None:
    """The preview shows the part and not the rest; `up` sends the schedule whole, under its id."""
    stack.program(_program(PEAK))
    stack.up()
    id_ = _held(emulator)["peak"]["id"]
    stack.program(_program(schedule("peak", overrides={"max_replica": 6}, start_hour=7)))
    text = stack.preview().text
    assert re.search(r"~ max_replica *: 8 => 6", text)
    assert re.search(r"~ start_hour *: 8 => 7", text)
    assert "cadence" not in text
    assert "end_minute" not in text
    stack.up()
    assert _sent(emulator)[-1]["schedules"][0]["id"] == id_
    assert _held(emulator)["peak"] == reported(schedule("peak", overrides={"max_replica": 6}, start_hour=7), id_)


def test_drift_is_shown_both_ways_when_somebody_changed_schedules(stack: Stack, emulator: Emulator) -> None:
    """A changed one comes back, one deleted by hand is made again, and those the program does not name stay."""
    stack.program(_program(PEAK, NIGHT, delete=["old"]))
    stack.up()
    held = _held(emulator)
    emulator.put_schedule(MODEL, "production", {**held["peak"], "end_hour": 20})
    emulator.remove_schedule(MODEL, "production", held["night"]["id"])
    emulator.put_schedule(MODEL, "production", one_time())
    emulator.put_schedule(MODEL, "production", reported(schedule("old")))
    stack.refresh()
    found = stack.resource("chat")["inputs"][SCHEDULES]
    assert [(it["name"], it.get("end_hour")) for it in found["schedules"]] == [("peak", 20), ("old", 10)]
    text = stack.preview().text
    assert re.search(r"~ end_hour *: 20 => 10", text)
    assert re.search(r"~ name *: \"old\" => \"night\"", text)
    stack.up()
    after = _held(emulator)
    assert after["peak"] == held["peak"]
    assert {name: it["cadence"] for name, it in after.items()} == {
        "peak": "DAILY",
        "night": "HOURLY",
        "launch": "ONE_TIME",
    }


def test_schedule_is_deleted_when_its_name_is_listed(stack: Stack, emulator: Emulator) -> None:
    """By Baseten's id; where it is gone nothing is sent for it, and taking the name out sends nothing either."""
    emulator.put_schedule(MODEL, "production", reported(schedule("old")), "Europe/Berlin")
    emulator.put_schedule(MODEL, "production", one_time())
    stack.program(_program(delete=["old", "launch", "never-there"]))
    stack.up()
    assert _held(emulator) == {}
    assert len(_sent(emulator)[0]["delete_schedules"]) == 2
    emulator.clear_requests()
    stack.up("--expect-no-changes")
    stack.program(_program())
    assert "no longer managed" not in stack.up().text
    assert not emulator.requests
    assert "delete_schedules" not in stack.resource("chat")["outputs"].get(SCHEDULES, {})


def test_nothing_is_sent_when_all_to_be_deleted_is_gone(stack: Stack, emulator: Emulator) -> None:
    """Then there is only a look."""
    stack.program(program(more="autoscaling_schedule_settings={'delete_schedules': ['old']},"))
    stack.up()
    assert patches(emulator) == []
    assert stack.resource("chat")["outputs"]["in_force"] is True


def test_schedule_stays_when_it_leaves_the_program(stack: Stack, emulator: Emulator) -> None:
    """As every setting does, and the update says so; a program that deletes it says `delete_schedules`."""
    stack.program(_program(PEAK, NIGHT))
    stack.up()
    emulator.clear_requests()
    stack.program(_program(NIGHT))
    text = stack.up().text
    assert f'{SCHEDULES}.schedules["peak"] is no longer managed; Baseten keeps it.' in text
    assert not emulator.requests
    assert _held(emulator).keys() == {"peak", "night"}
    stack.program(_program(NIGHT, delete=["peak"]))
    stack.up()
    assert _held(emulator).keys() == {"night"}


@pytest.mark.parametrize("fault", ["dropped", "status"])
def test_schedule_is_made_once_when_the_connection_breaks_after_it_was(
    fault: str, stack: Stack, emulator: Emulator
) -> None:
    """A repeat would make a second one: it is looked for before it is sent again."""
    faults = {
        "dropped": Fault.dropped(takes_effect=True, method="PATCH", times=1),
        "status": Fault.status(502, takes_effect=True, method="PATCH", times=1),
    }
    emulator.faults.add(faults[fault])
    stack.program(_program(PEAK))
    stack.up()
    assert _held(emulator).keys() == {"peak"}


def test_schedule_is_made_once_when_an_earlier_run_queued_it(stack: Stack, emulator: Emulator) -> None:
    """Its wait ran out behind a promotion; the next `up` finds it rather than making a second one."""
    emulator.start_promotion(MODEL, "production")
    stack.program(_program(PEAK, more=timeout(3)))
    text = stack.fails("up")
    assert 'schedules["peak"] is absent, wanted there' in text
    stack.fails("up")
    emulator.finish_promotion(MODEL, "production")
    stack.program(_program(PEAK))
    stack.up()
    assert _held(emulator).keys() == {"peak"}


def test_name_is_refused_when_baseten_has_it_twice(stack: Stack, emulator: Emulator) -> None:
    """Nobody knows which one is meant: nothing is sent."""
    ids = [emulator.put_schedule(MODEL, "production", reported(PEAK), "Europe/Berlin") for _ in range(2)]
    stack.program(_program(schedule("peak", end_hour=12)))
    text = stack.fails("up")
    assert 'Baseten has 2 schedules called "peak"' in text
    assert "Rename one at Baseten" in text
    assert patches(emulator) == []
    emulator.remove_schedule(MODEL, "production", ids[0])
    stack.up()
    assert _held(emulator)["peak"]["id"] == ids[1]


def test_bad_schedules_are_refused_in_the_preview_when_rules_are_broken(stack: Stack, emulator: Emulator) -> None:
    """Each failure names property, rule and value; nothing is sent."""
    stack.program(_program(schedule("peak", start_hour=24, overrides={"min_replica": 9}), delete=["peak"]))
    text = stack.fails("preview")
    where = f'{SCHEDULES}.schedules["peak"]'
    assert f"{where}.start_hour: must be at most 23, got 24" in text
    assert f"{where}.autoscaling_settings.min_replica: must be at most max_replica (8), got 9" in text
    assert f'{SCHEDULES}.delete_schedules: must not name what schedules holds, got "peak"' in text
    assert not emulator.requests
    stack.program(_program(PEAK))
    stack.up()


def test_unknown_parts_preview_calmly_when_another_resource_provides_them(stack: Stack, emulator: Emulator) -> None:
    """Hours, overrides, names and whole schedules may be known only after `up`."""
    late = f"""
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings
first = BasetenEnvironmentSettings(
    "first", model_id={MODEL!r}, env_name="dev", autoscaling_settings={{"min_replica": 1}})
late = lambda value: first.in_force.apply(lambda _: value)
peak = {PEAK!r}
BasetenEnvironmentSettings("chat", model_id={MODEL!r}, env_name="production", autoscaling_schedule_settings={{
    "timezone": late("Europe/Berlin"),
    "schedules": [
        {{**peak, "start_hour": late(7)}}, {{**peak, "name": late("second")}}, late({{**peak, "name": "third"}})],
    "delete_schedules": [late("old")],
}})
"""
    stack.program(late)
    assert stack.preview().counts["create"] == 3
    stack.up()
    assert _held(emulator).keys() == {"peak", "second", "third"}
    assert _held(emulator)["peak"]["start_hour"] == 7


def test_defaults_and_own_schedules_are_in_force_when_a_component_declares_them(
    stack: Stack, emulator: Emulator
) -> None:
    """Merged by name, waited for together, once; what an environment deletes is taken out of its defaults."""
    own = {"schedules": [schedule("peak", overrides={"max_replica": 5})], "delete_schedules": ["night"]}
    defaults = {"timezone": "Europe/Berlin", "schedules": [PEAK, NIGHT]}
    stack.program(
        "from baseten_pulumi import BasetenModelEnvironments\n"
        f"BasetenModelEnvironments('chat', model_id={MODEL!r},\n"
        f"    defaults={{{SCHEDULES!r}: {defaults!r}}},\n"
        f"    environments={{'production': {{{SCHEDULES!r}: {own!r}}}, 'staging': None}})\n"
    )
    stack.up()
    assert _held(emulator).keys() == {"peak"}
    assert _held(emulator)["peak"]["autoscaling_settings"]["max_replica"] == 5
    staging = emulator.reported(MODEL, "staging")["autoscaling_schedules"]
    assert [it["name"] for it in staging["schedules"]] == ["peak", "night"]
    emulator.clear_requests()
    stack.up("--expect-no-changes")
    assert not emulator.requests


def test_everything_is_read_when_an_environment_with_schedules_is_looked_up(stack: Stack, emulator: Emulator) -> None:
    """One-time schedules and names that are there twice too."""
    for each in (PEAK, PEAK):
        emulator.put_schedule(MODEL, "production", reported(each), "Europe/Berlin")
    emulator.put_schedule(MODEL, "production", one_time())
    stack.program(
        "import pulumi\n"
        "from baseten_pulumi import BasetenEnvironmentSettings\n"
        f'found = BasetenEnvironmentSettings.get("found", "{MODEL}/production")\n'
        "them = found.autoscaling_schedule_settings\n"
        'pulumi.export("names", them.schedules.apply(lambda all: [(it.name, it.start_at) for it in all]))\n'
        'pulumi.export("timezone", them.timezone)\n'
    )
    stack.up()
    names = [["peak", None], ["peak", None], ["launch", "2027-01-01T08:00:00Z"]]
    assert stack.outputs() == {"names": names, "timezone": "Europe/Berlin"}
