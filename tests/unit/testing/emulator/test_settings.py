from typing import Any

from baseten_pulumi.testing.emulator.settings import DEFAULTS, completed, former, leaves, merged, only, overlaid


def _rolling(**fields: Any) -> dict[str, Any]:
    return {"promotion_settings": {"rolling_deploy_config": fields}}


def test_overlaid_replaces_leaves_alone_when_objects_nest() -> None:
    """What a change does not mention stays, and the originals are untouched."""
    before = {"a": {"x": 1, "y": 2}, "b": 3}
    assert overlaid(before, {"a": {"x": None}}) == {"a": {"x": None, "y": 2}, "b": 3}
    assert before == {"a": {"x": 1, "y": 2}, "b": 3}


def test_overlaid_changes_nothing_when_an_object_is_empty() -> None:
    """An empty object says nothing, even in place of null."""
    assert overlaid({"a": None}, {"a": {}}) == {"a": None}


def test_former_undoes_a_change_when_laid_over_it() -> None:
    """The way back restores numbers and a null in place of an object."""
    before = {"a": {"x": 1, "config": None}}
    changes = {"a": {"x": 2, "config": {"y": 3}}}
    assert overlaid(overlaid(before, changes), former(before, changes)) == before


def test_only_keeps_named_leaves_when_fields_are_listed() -> None:
    """Fields are named by their last part, at any depth; objects left empty disappear."""
    changes = {"a": {"x": 1, "y": 2}, "b": {"c": {"z": 3}}, "d": {"e": 4}}
    assert only(changes, ("x", "z")) == {"a": {"x": 1}, "b": {"c": {"z": 3}}}


def test_completed_fills_in_defaults_when_a_rolling_deploy_begins() -> None:
    """A rolling deploy configured for the first time gets a value for every field."""
    config = merged(DEFAULTS, _rolling(stabilization_time_seconds=30))["promotion_settings"]["rolling_deploy_config"]
    assert config == {
        "rolling_deploy_strategy": "REPLICA",
        "max_surge_percent": 10,
        "max_unavailable_percent": 0,
        "stabilization_time_seconds": 30,
        "replica_overhead_percent": 0,
    }


def test_completed_leaves_no_surge_when_unavailability_is_given() -> None:
    """Exactly one of surge and unavailability is above 0, by default too."""
    config = completed(_rolling(max_unavailable_percent=20), DEFAULTS)["promotion_settings"]["rolling_deploy_config"]
    assert (config["max_surge_percent"], config["max_unavailable_percent"]) == (0, 20)


def test_completed_adds_nothing_when_a_rolling_deploy_is_configured() -> None:
    """Once configured, an absent field stays as it is."""
    configured = merged(DEFAULTS, _rolling(max_surge_percent=40))
    assert completed(_rolling(stabilization_time_seconds=1), configured) == _rolling(stabilization_time_seconds=1)


def test_leaves_are_dotted_paths_when_objects_nest() -> None:
    """A leaf is named by its whole path."""
    assert list(leaves({"a": {"b": {"c": 1}}, "d": None})) == [("a.b.c", 1), ("d", None)]
