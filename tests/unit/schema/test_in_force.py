import pytest

from baseten_pulumi.schema.in_force import Entry, format_entry, parse_entry


def test_line_is_the_same_when_the_settings_come_in_another_order() -> None:
    """Another order would be an update of the joint wait."""
    outputs = {"model_id": "m", "env_name": "dev", "revision": "1f", "status": "QUEUED"}
    line = 'm/dev 1f {"settings":{"autoscaling_settings":{"max_replica":6,"min_replica":1}},"status":"QUEUED"}'
    assert format_entry(outputs, {"autoscaling_settings": {"min_replica": 1, "max_replica": 6}}) == line
    assert parse_entry(line) == Entry(
        "m", "dev", "1f", {"autoscaling_settings.min_replica": 1, "autoscaling_settings.max_replica": 6}, "QUEUED"
    )


def test_line_is_refused_when_it_holds_no_object() -> None:
    with pytest.raises(ValueError, match=r"^not a line of a joint wait: 'm/dev 1f \[\]'$"):
        parse_entry("m/dev 1f []")


def test_nulls_and_numbers_are_the_same_when_they_come_from_outputs() -> None:
    """Pulumi makes floats of all numbers, and this package a text of a null; the line has neither."""
    outputs = {"model_id": "m", "env_name": "dev", "revision": "1f", "status": "QUEUED"}
    line = format_entry(outputs, {"additional_settings": {"a": "<null>", "b": [2.0, "<null>"]}})
    assert line.endswith('{"settings":{"additional_settings":{"a":null,"b":[2,null]}},"status":"QUEUED"}')
    assert parse_entry(line).settings == {"additional_settings.a": "<null>", "additional_settings.b": [2, "<null>"]}
