"""Round trip: whatever is set is exported, and what was exported changes nothing."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from baseten_pulumi.api.models import read_environment
from baseten_pulumi.cli.surveying import survey
from baseten_pulumi.cli.writing import program, stack_config
from baseten_pulumi.convergence.comparison import restated
from baseten_pulumi.fields import FIELDS, MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT, Field, Settings, flatten, nest
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.session import open_session
from baseten_pulumi.schedules import WEEKDAYS, is_schedule, path_of
from baseten_pulumi.testing import Emulator
from tests.schedules import NULLS, TIMEZONE, one_time, reported, schedule

MODEL, ENVIRONMENT = "rt123456", "staging"
# What Baseten may report as null, by its description.
_NULLABLE = re.compile(r"window|delay|utilization|in_flight_tokens|scale_down_rate|_percent$")
_LARGEST = 10_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch, Emulator() as running:
        patch.setenv("BASETEN_BASE_URL", running.url)
        patch.setenv("BASETEN_API_KEY", "any")
        yield running


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "boolean":
        return st.booleans()
    if field.kind == "enum":
        return st.sampled_from([None if it == field.word_for_null else it for it in field.choices])
    lowest = field.minimum if field.minimum is not None else 1
    return st.integers(lowest, field.maximum if field.maximum is not None else _LARGEST)


@st.composite
def _reported(draw: st.DrawFn) -> dict[str, Any]:
    """Settings as an environment may have them: by Baseten's rules, null where they may be, odd ones among them."""
    drawn = {path: draw(_values(field)) for path, field in FIELDS.items()}
    low, high = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
    drawn[low] = draw(st.integers(0, drawn[high]))
    drawn[draw(st.sampled_from((MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)))] = 0
    if not (drawn[MAX_SURGE_PERCENT] or drawn[MAX_UNAVAILABLE_PERCENT]):
        drawn["promotion_settings.rolling_deploy"] = False
    for path in draw(st.sets(st.sampled_from([path for path in FIELDS if _NULLABLE.search(path)]))):
        is_needed = path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT) and drawn[path]
        drawn[path] = drawn[path] if is_needed else None
    odd = draw(st.sampled_from(("autoscaling_settings.scale_down_delay", None, None)))
    return {**drawn, odd: 7200} if odd else drawn


@st.composite
def _schedules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Schedules of an environment, under any names; one of them may run once."""
    names = draw(st.lists(st.text(min_size=1, max_size=8).filter(str.strip), max_size=3, unique=True))
    days = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda drawn: [day for day in WEEKDAYS if day in drawn])
    cadences = st.sampled_from(("DAILY", "HOURLY"))
    overrides = st.dictionaries(st.sampled_from(NULLS), st.integers(10, 50), max_size=3)
    made = [schedule(it, overrides=draw(overrides), weekdays=draw(days), cadence=draw(cadences)) for it in names]
    return [*made, *([one_time("launch")] if draw(st.booleans()) and "launch" not in names else [])]


def _resources(text: str) -> list[dict[str, Any]]:
    """Run an exported program with a stand-in for the package that remembers what is declared."""
    declared: list[dict[str, Any]] = []
    package = ModuleType("baseten_pulumi")
    package.BasetenEnvironmentSettings = lambda name, **inputs: declared.append(inputs)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "baseten_pulumi", package)
        exec(compile(text, "__main__.py", "exec"), {})  # noqa: S102 - it is a program
    return declared


def _configured(text: str) -> list[dict[str, Any]]:
    environments = yaml.safe_load(text)["config"]["baseten:environments"]
    return [{"model_id": MODEL, "env_name": name, **settings} for name, settings in environments.items()]


def _told(emulator: Emulator) -> Settings:
    return read_environment(json.dumps(emulator.reported(MODEL, ENVIRONMENT)).encode()).settings


@pytest.mark.parametrize(("write", "read"), [(program, _resources), (stack_config, _configured)])
@settings(max_examples=30)
@given(values=_reported(), schedules=_schedules())
def test_nothing_changes_when_what_was_exported_is_put_in_force(
    write: Callable[[Any], str],
    read: Callable[[str], list[dict[str, Any]]],
    emulator: Emulator,
    values: dict[str, Any],
    schedules: list[dict[str, Any]],
) -> None:
    """Every setting that is reported and may be declared is, the check has nothing to say, and Baseten no work."""
    emulator.add_model(MODEL, "round-trip", (ENVIRONMENT,))
    emulator.change(MODEL, ENVIRONMENT, **nest(values))
    for each in schedules:
        held = each if each["cadence"] == "ONE_TIME" else reported(each)
        emulator.put_schedule(MODEL, ENVIRONMENT, held, "Europe/Berlin")
    before = _told(emulator)
    (declared,) = read(write(survey(MODEL)))
    inputs, failures = check(declared)
    assert not failures
    wanted = flatten(inputs)
    left_out = {"autoscaling_settings.scale_down_delay", path_of("launch"), TIMEZONE}
    assert {path for path in before if path not in wanted} <= left_out
    assert (TIMEZONE in wanted) == any(is_schedule(path) for path in wanted)
    session = open_session(Configuration(lambda _: None))
    word = session.run(session.client.update_environment(MODEL, ENVIRONMENT, wanted, within_seconds=30.0))
    assert restated(wanted, before) == wanted
    zeros = {path: 0 for path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT) if path in wanted and path not in before}
    assert _told(emulator) == {**before, **zeros}
    assert word == ("ACCEPTED" if zeros else "UNCHANGED")
