"""Round trip: everything that Baseten reports is exported, and applying the export changes nothing."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import read_environment
from baseten_pulumi.cli import main
from baseten_pulumi.config import Endpoint
from baseten_pulumi.schema.compare import differences
from baseten_pulumi.schema.settings import FIELDS, MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT, Field, flatten, nest
from baseten_pulumi.schema.validate import validate_inputs
from baseten_pulumi.testing import Emulator

MODEL, ENVIRONMENT = "rt123456", "staging"
SCALE_DOWN_DELAY = "autoscaling_settings.scale_down_delay"
# What Baseten may report as null, according to its API reference.
_NULLABLE = re.compile(r"window|delay|utilization|in_flight_tokens|scale_down_rate|_percent$")
_LARGEST = 10_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch, Emulator(allow_ramp_up=True) as running:
        patch.setenv("BASETEN_BASE_URL", running.url)
        patch.setenv("BASETEN_API_KEY", "any")
        yield running


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "boolean":
        return st.booleans()
    if field.kind == "enum":
        return st.sampled_from([None if choice == field.null_choice else choice for choice in field.choices])
    lowest = field.minimum if field.minimum is not None else 1
    return st.integers(lowest, field.maximum if field.maximum is not None else _LARGEST)


@st.composite
def _reported(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that Baseten accepts, with nulls, and sometimes with a value beyond the documented limit."""
    drawn = {path: draw(_values(field)) for path, field in FIELDS.items()}
    drawn["autoscaling_settings.min_replica"] = draw(st.integers(0, drawn["autoscaling_settings.max_replica"]))
    drawn[draw(st.sampled_from((MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)))] = 0
    if not (drawn[MAX_SURGE_PERCENT] or drawn[MAX_UNAVAILABLE_PERCENT]):
        drawn["promotion_settings.rolling_deploy"] = False
    for path in draw(st.sets(st.sampled_from([path for path in FIELDS if _NULLABLE.search(path)]))):
        is_needed = path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT) and drawn[path]
        drawn[path] = drawn[path] if is_needed else None
    return {**drawn, SCALE_DOWN_DELAY: 7200} if draw(st.integers(0, 2)) == 0 else drawn


def _resources(text: str) -> list[dict[str, Any]]:
    """Run an exported program with a package that only records the resources."""
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


def _observed(emulator: Emulator) -> Mapping[str, Any]:
    return read_environment(json.dumps(emulator.reported(MODEL, ENVIRONMENT)).encode()).settings


async def _apply(emulator: Emulator, desired: dict[str, Any]) -> str:
    client = BasetenClient(Endpoint(emulator.url, "any"))
    try:
        return (await client.update_environment(MODEL, ENVIRONMENT, desired, timeout=30.0)).status
    finally:
        await client.close()


@pytest.mark.parametrize(("flags", "read"), [((), _resources), (("--stack-config",), _configured)])
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(values=_reported())
def test_nothing_changes_when_what_was_exported_is_applied(
    flags: tuple[str, ...],
    read: Callable[[str], list[dict[str, Any]]],
    emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, Any],
) -> None:
    """Everything reported is declared unless it is invalid, Check accepts it, and Baseten has nothing to apply."""
    emulator.add_model(MODEL, "round-trip", (ENVIRONMENT,))
    emulator.change(MODEL, ENVIRONMENT, **nest(values))
    before = _observed(emulator)
    assert main(["export", "--model", MODEL, *flags]) == 0
    (declared,) = read(capsys.readouterr().out)
    inputs, failures = validate_inputs(declared)
    assert not failures
    desired = flatten(inputs)
    assert before.keys() - desired.keys() == ({SCALE_DOWN_DELAY} if values[SCALE_DOWN_DELAY] == 7200 else set())
    assert not differences(desired, before)
    status = asyncio.run(_apply(emulator, desired))
    zeros = {path: 0 for path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT) if path in desired and path not in before}
    assert _observed(emulator) == {**before, **zeros}
    assert status == ("ACCEPTED" if zeros else "UNCHANGED")
