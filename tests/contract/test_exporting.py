"""Round trip: everything that Baseten reports is exported, and applying the export changes nothing."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias

import pulumi
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import read_environment
from baseten_pulumi.cli import main
from baseten_pulumi.config import Endpoint
from baseten_pulumi.schema.compare import differences
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.merge import merged
from baseten_pulumi.schema.settings import (
    FIELDS,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    Field,
    api_path,
    flatten,
    nest,
)
from baseten_pulumi.schema.validate import validate_inputs
from baseten_pulumi.stack_config import models_from_config
from baseten_pulumi.testing import Emulator

MODELS, ENVIRONMENTS = ("rt123456", "rt654321"), ("dev", "staging")
Environments: TypeAlias = dict[tuple[str, str], Any]
"""The settings that are declared, by model and name."""
SCALE_DOWN_DELAY = "autoscaling_settings.scale_down_delay"
# What Baseten may report as null, according to its API reference.
_NULLABLE = re.compile(r"window|delay|utilization|in_flight_tokens|scale_down_rate|_percent$")
_LARGEST = 10_000
CLEANUP = "promotion_settings.promotion_cleanup_strategy"
LATER = ("promotion_settings.canary", CLEANUP)
"""Of a setting and a choice that this release does not know."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch, Emulator(allow_ramp_up=True, later_settings=LATER) as running:
        patch.setenv("BASETEN_BASE_URL", running.url)
        patch.setenv("BASETEN_API_KEY", "any")
        yield running
    pulumi.runtime.set_all_config({})


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
    if draw(st.booleans()):
        drawn[CLEANUP] = "ARCHIVE"
    drawn["promotion_settings.canary"] = draw(st.sampled_from([None, 1.5, {"steps": [None, {"on": "\N{ROCKET}\x7f"}]}]))
    return {**drawn, SCALE_DOWN_DELAY: 7200} if draw(st.integers(0, 2)) == 0 else drawn


def _resources(text: str) -> Environments:
    """Run an exported program with a package that only records what the components declare."""
    declared: Environments = {}
    package = ModuleType("baseten_pulumi")

    def component(
        _: str, *, model_id: str, environments: dict[str, Any], defaults: Mapping[str, Any], create_missing: bool
    ) -> None:
        assert create_missing
        declared.update({(model_id, name): merged(defaults, own) for name, own in environments.items()})

    package.BasetenModelEnvironments = component  # type: ignore[attr-defined]
    package.EnvironmentArgsDict = dict  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "baseten_pulumi", package)
        exec(compile(text, "__main__.py", "exec"), {})  # noqa: S102 - it is a program
    return declared


def _configured(text: str) -> Environments:
    """Read exported configuration as the package does."""
    config = yaml.safe_load(text)["config"]
    pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in config.items()})
    models = models_from_config().values()
    return {(it["model_id"], name): own for it in models for name, own in it["environments"].items()}


def _observed(emulator: Emulator, model: str, environment: str) -> Environment:
    return read_environment(json.dumps(emulator.reported(model, environment)).encode())


async def _apply(emulator: Emulator, model: str, environment: str, desired: dict[str, Any]) -> str:
    client = BasetenClient(Endpoint(emulator.url, "any"))
    try:
        return (await client.update_environment(model, environment, desired, timeout=30.0)).status
    finally:
        await client.close()


@pytest.mark.parametrize(("flags", "read"), [((), _resources), (("--stack-config",), _configured)])
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(odd=_reported(), most=_reported(), at=st.integers(0, 3))
def test_nothing_changes_when_what_was_exported_is_applied(
    *,
    flags: tuple[str, ...],
    read: Callable[[str], Environments],
    emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
    odd: dict[str, Any],
    most: dict[str, Any],
    at: int,
) -> None:
    """What is reported is declared unless it is invalid or deprecated, Check accepts it, and Baseten applies nothing.

    Three of the four environments of two models agree, so that there are defaults.
    """
    environments = [(model, name) for model in MODELS for name in ENVIRONMENTS]
    for model in MODELS:
        emulator.add_model(model, f"round-trip-{model}", ENVIRONMENTS)
    for environment in environments:
        emulator.change(*environment, **nest(odd if environment == environments[at] else most))
    before = {it: _observed(emulator, *it) for it in environments}
    assert main(["export", *(f"--model={model}" for model in MODELS), *flags]) == 0
    declared = read(capsys.readouterr().out)
    assert declared.keys() == set(environments)
    for (model, name), own in declared.items():
        values, observed = odd if (model, name) == environments[at] else most, before[model, name]
        inputs, failures = validate_inputs({"model_id": model, "env_name": name, **own})
        assert not failures
        desired = flatten(inputs)
        invalid = {SCALE_DOWN_DELAY} if values[SCALE_DOWN_DELAY] == 7200 else set()
        deprecated = {path for path in observed.settings if FIELDS[path].is_deprecated}
        assert observed.settings.keys() - {*map(api_path, desired)} == {*invalid, *deprecated}
        assert observed.unknown_settings.items() <= desired.items()
        assert not differences(desired, observed.observed(desired))
        status = asyncio.run(_apply(emulator, model, name, desired))
        percentages = (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
        zeros = {path: 0 for path in percentages if path in desired and path not in observed.settings}
        assert _observed(emulator, model, name).settings == {**observed.settings, **zeros}
        assert status == ("ACCEPTED" if zeros else "UNCHANGED")
