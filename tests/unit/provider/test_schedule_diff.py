"""Diff of an autoscaling schedule: whether an update is due, of what, and what it replaces."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.config import Config
from baseten_pulumi.provider import AutoscalingScheduleProvider
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.schedule import changes
from tests.schedules import NULLS, inputs, one_time_inputs
from tests.unit.provider.processes import Host, struct
from tests.unit.provider.servicer import Servicer

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}


@pytest.fixture
def schedules() -> Servicer:
    """The provider of schedules with neither a key nor an address that could be used."""
    return Servicer({"baseUrl": "http://nowhere.invalid"}, AutoscalingScheduleProvider)


def _outputs(declared: dict[str, Any], **known: Any) -> dict[str, Any]:
    return {**declared, "schedule_id": "diffed-1", "in_force": True, **known}


def _changes(olds: dict[str, Any], news: dict[str, Any], **stack: str) -> dict[str, str]:
    config = Config({f"baseten:{key}": value for key, value in stack.items()}.get, environ={})
    return changes(olds, news, config, Call())


@pytest.mark.parametrize(
    ("news", "path", "kind"),
    [
        ({"schedule_name": "night"}, "schedule_name", "UPDATE"),
        ({"timezone": "Europe/Berlin"}, "timezone", "UPDATE"),
        ({"cadence": "HOURLY"}, "cadence", "UPDATE"),
        ({"enabled": False}, "enabled", "UPDATE"),
        ({"weekdays": ["MONDAY"]}, "weekdays", "UPDATE"),
        ({"weekdays": None}, "weekdays", "DELETE"),
        ({"start_hour": 7}, "start_hour", "UPDATE"),
        ({"start_minute": 5}, "start_minute", "UPDATE"),
        ({"end_hour": None}, "end_hour", "DELETE"),
        ({"end_minute": 0}, "end_minute", "UPDATE"),
        ({"start_at": "2099-01-01T08:00:00Z"}, "start_at", "ADD"),
        ({"end_at": "2099-01-01T08:00:00Z"}, "end_at", "ADD"),
        *(({"autoscaling_settings": {"min_replica": 2, "max_replica": 8, name: 20}}, name, "ADD") for name in NULLS),
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 8}}, "min_replica", "UPDATE"),
        ({"autoscaling_settings": {"min_replica": 2, "max_replica": 9}}, "max_replica", "UPDATE"),
        ({"autoscaling_settings": {"max_replica": 8}}, "min_replica", "DELETE"),
        ({"autoscaling_settings": UNKNOWN}, "autoscaling_settings", "UPDATE"),
        ({"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 8}}, "min_replica", "UPDATE"),
        ({"weekdays": UNKNOWN}, "weekdays", "UPDATE"),
        ({"weekdays": ["MONDAY", UNKNOWN]}, "weekdays", "UPDATE"),
        ({"start_at": UNKNOWN}, "start_at", "UPDATE"),
        ({"schedule_name": UNKNOWN}, "schedule_name", "UPDATE"),
    ],
)
def test_change_is_named_by_path_and_kind_when_a_property_changed(news: dict[str, Any], path: str, kind: str) -> None:
    """Each of them is managed, and nothing else is named; what a preview does not know yet is an update."""
    expected = f"autoscaling_settings.{path}" if path.endswith("_replica") or path in NULLS else path
    assert _changes(_outputs(inputs("abc123")), {**inputs("abc123"), **news}) == {expected: kind}


def test_unknown_is_an_update_when_there_was_nothing_before() -> None:
    """Also inside a list: it may turn out to be nothing."""
    olds, weekdays = inputs("abc123", weekdays=None), ["MONDAY", UNKNOWN]
    assert _changes(_outputs(olds), inputs("abc123", weekdays=weekdays)) == {"weekdays": "UPDATE"}


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        (inputs("abc123"), inputs("abc123")),
        (inputs("abc123", start_hour=8.0), inputs("abc123", in_force=True)),
        (inputs("abc123"), inputs("abc123", weekdays=["FRIDAY", "MONDAY"])),
        (one_time_inputs("abc123"), one_time_inputs("abc123", start_at="2099-01-01T09:00:00+01:00")),
        (one_time_inputs("abc123"), one_time_inputs("abc123", end_at="2099-01-01T10:00+00:00")),
        (inputs("abc123"), {**inputs("abc123"), "start_at": None}),
    ],
)
def test_no_update_is_due_when_the_schedule_means_the_same(
    olds: dict[str, Any], news: dict[str, Any], schedules: Servicer
) -> None:
    """Whatever the notation of an instant and the order of weekdays; the answer is False, never None."""
    assert _changes(_outputs(olds), news) == {}
    result = schedules.diff(_outputs(olds), news)
    assert (result.changes, result.replaces) == (False, [])


@pytest.mark.parametrize(
    ("news", "replaces"),
    [
        ({"model_id": "xyz789"}, ["model_id"]),
        ({"env_name": "staging"}, ["env_name"]),
        ({"model_id": UNKNOWN}, []),
        ({"env_name": UNKNOWN}, []),
        ({"schedule_name": "night"}, []),
        ({"cadence": "HOURLY"}, []),
    ],
)
def test_schedule_is_replaced_when_its_model_or_environment_changes(
    news: dict[str, Any], replaces: list[str], schedules: Servicer
) -> None:
    """A schedule cannot move; everything else is changed in place, and what is not known yet replaces nothing."""
    declared = {**inputs("abc123"), **news}
    result = schedules.diff(_outputs(inputs("abc123")), declared)
    assert result.replaces == replaces
    assert result.changes is True
    kind = "UPDATE_REPLACE" if replaces else "UPDATE"
    assert _changes(_outputs(inputs("abc123")), declared) == dict.fromkeys(news, kind)


@pytest.mark.parametrize(
    ("olds", "stack", "expected"),
    [
        ({"in_force": False}, {}, {"in_force": "UPDATE"}),
        ({"in_force": None}, {}, {"in_force": "UPDATE"}),
        ({"in_force": False}, {"skipWait": "true"}, {}),
        ({"in_force": False, "schedule_id": None}, {"skipWait": "true"}, {"in_force": "UPDATE"}),
        ({"in_force": True, "schedule_id": None}, {}, {}),
        ({"in_force": False, **PAST}, {}, {}),
        ({"in_force": False, "schedule_id": None, **PAST}, {}, {}),
    ],
)
def test_update_is_due_when_the_schedule_was_not_observed(
    olds: dict[str, Any], stack: dict[str, str], expected: dict[str, str]
) -> None:
    """A failed wait is repeated, and an id is looked for; a one-time schedule that is over needs neither."""
    declared = one_time_inputs("abc123", **{name: olds[name] for name in PAST if name in olds})
    assert _changes({**_outputs(declared), **olds}, declared, **stack) == expected


def test_diff_names_every_change_when_the_engine_asks(tmp_path: Path) -> None:
    """In the host that Pulumi starts, with the pickled provider of schedules."""
    pickled = {"__provider": serialize_provider(AutoscalingScheduleProvider())}
    olds = {**_outputs(inputs("abc123")), **pickled}
    news = {**inputs("abc123", env_name="staging", start_hour=rpc.UNKNOWN), **pickled}
    host = Host("127.0.0.1:9", tmp_path, {})
    try:
        urn = "urn:pulumi:dev::p::pulumi-python:dynamic/baseten:AutoscalingSchedule::peak"
        host.ask("Check", provider_pb2.CheckRequest(urn=urn, olds=struct(olds), news=struct(news)))
        request = provider_pb2.DiffRequest(urn=urn, id="id", olds=struct(olds), news=struct(news))
        answer = host.ask("Diff", request)
    finally:
        host.stop()
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(each.kind) for path, each in answer.detailedDiff.items()}
    assert kinds == {"env_name": "UPDATE_REPLACE", "start_hour": "UPDATE"}
    assert list(answer.replaces) == ["env_name"]
