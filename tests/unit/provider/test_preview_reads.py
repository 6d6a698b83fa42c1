"""What a check says with `baseten:previewReads`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from baseten_pulumi.provider import EnvironmentProvider, EnvironmentSettingsProvider
from baseten_pulumi.testing import Fault
from tests.schedules import inputs, one_time_inputs
from tests.unit.provider.servicer import Servicer
from tests.unit.provider.stack import MODEL, Stack

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

CANARY = {"model_id": MODEL, "env_name": "canary"}
SETTINGS = {**CANARY, "autoscaling_settings": {"max_replica": 3}}
MISSING = (
    f'env_name: model "{MODEL}" has no environment "canary"; it has production, staging. Declare a BasetenEnvironment'
)


@pytest.fixture
def reading() -> Iterator[Stack]:
    with Stack() as stack:
        stack.config["previewReads"] = "true"
        yield stack


def _environment(stack: Stack) -> Servicer:
    return stack.provider("canary", EnvironmentProvider)


@pytest.mark.parametrize("kind", [EnvironmentSettingsProvider, None], ids=["settings", "schedule"])
def test_missing_environment_is_refused_unless_this_run_declares_it(kind: Any, reading: Stack) -> None:
    provider = reading.provider() if kind is None else reading.provider("settings", kind)
    news = inputs(MODEL, env_name="canary") if kind is None else SETTINGS
    assert provider.reasons(news) == [MISSING]
    assert _environment(reading).reasons(CANARY) == []
    assert provider.reasons(news) == []
    assert [request.method for request in reading.emulator.requests] == ["GET"]


def test_missing_model_is_refused(reading: Stack) -> None:
    assert _environment(reading).reasons({**CANARY, "model_id": "lm4"}) == [
        'model_id: Model "lm4" was not found, or this API key cannot see it'
    ]


def test_note_says_which_settings_differ(reading: Stack, engine: "Engine") -> None:
    """One that is unknown or equal is not compared, and each model is read once."""
    reading.emulator.change(MODEL, "production", {"min_replica": 1, "max_replica": 40})
    for env_name, settings in (
        ("production", {"min_replica": 2, "max_replica": 11}),
        ("staging", {"max_replica": 1, "min_replica": pulumi.UNKNOWN}),
        (pulumi.UNKNOWN, {"max_replica": 3}),
    ):
        own = {"model_id": MODEL, "env_name": env_name, "autoscaling_settings": settings}
        reading.provider(str(env_name), EnvironmentSettingsProvider).check(own)
    note = "min_replica: now 1, the program says 2; max_replica: now 40, the program says 11"
    assert [line.message for line in engine.lines] == [f"{MODEL}/production: {note}"]
    assert [request.path for request in reading.emulator.requests] == [f"/v1/models/{MODEL}/environments"]


def test_note_says_whether_an_environment_exists(reading: Stack, engine: "Engine") -> None:
    staging = {"model_id": MODEL, "env_name": "staging"}
    provider = _environment(reading)
    provider.check(CANARY)
    provider.check(staging)
    provider.check(staging, staging)
    provider.check(CANARY, staging)  # Pulumi checks a replacement again, as a create
    provider.check(CANARY, CANARY)
    assert [line.message for line in engine.lines] == [
        f"{MODEL}/staging: exists and will be adopted",
        f"{MODEL}/canary: no longer exists in Baseten; `pulumi up --refresh` creates it again",
    ]


def test_note_says_what_differs_when_a_schedule_has_drifted(reading: Stack, engine: "Engine") -> None:
    """By its name; nothing is said of one that does not exist, or of two with one name."""
    reading.put(end_hour=12)
    reading.put("lunch")
    reading.put("lunch")
    news = inputs(MODEL)
    drift = f"end_hour: now 12, the program says {news['end_hour']}"
    reading.provider().check(news, news)
    reading.provider().check(news)
    reading.provider().check(news, {**news, "env_name": "staging"})  # Pulumi checks the replacement again, as a create
    for name in ("lunch", "new"):
        reading.provider(name).check(inputs(MODEL, name))
    assert [line.message for line in engine.lines] == [
        f"{MODEL}/production: {drift}",
        f"{MODEL}/production: exists and will be adopted; {drift}",
    ]


def test_note_says_that_a_schedule_is_gone_unless_it_has_ended(reading: Stack, engine: "Engine") -> None:
    news = inputs(MODEL)
    reading.provider().check(news, news)
    once = one_time_inputs(MODEL, start_at="2020-01-01T00:00:00Z", end_at="2020-01-02T00:00:00Z")
    reading.provider("once").check(once, once)
    assert [line.message for line in engine.lines] == [
        f"{MODEL}/production: the schedule no longer exists in Baseten; `pulumi up --refresh` creates it again"
    ]


def test_model_whose_environments_are_hidden_is_refused(reading: Stack) -> None:
    """Every model has one: the API key cannot see them."""
    reading.emulator.faults.add(Fault.body({"environments": []}))
    assert _environment(reading).reasons(CANARY) == [
        f'model_id: model "{MODEL}" has no environments that this API key can see'
    ]


def test_note_says_why_when_nothing_can_be_compared(reading: Stack, engine: "Engine") -> None:
    """A preview needs neither a key nor Baseten."""
    assert reading.provider("canary", EnvironmentProvider, apiKey="").reasons(CANARY) == []
    reading.emulator.faults.add(Fault.status(401))
    assert _environment(reading).reasons(CANARY) == []
    without_key, rejected = (line.message for line in engine.lines)
    why = f"{MODEL}/canary: could not compare with Baseten: "
    assert without_key == f"{why}Neither baseten:apiKey nor BASETEN_API_KEY is set."
    assert rejected.startswith(f"{why}Baseten returned 401")
