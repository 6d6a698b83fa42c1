from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.provider import dropping
from baseten_pulumi.provider.diffing import changes
from baseten_pulumi.provider.dropping import dropped, expect_comparison, warn
from tests.schedules import SCHEDULES, TIMEZONE, schedule
from tests.unit.provider.serving import Context, serve

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

URN = "urn:pulumi:dev::p::pulumi-python:dynamic/baseten:EnvironmentSettings::chat"
OUTPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
    "promotion_settings": {"rolling_deploy": False},
    "in_force": True,
}
KEPT = "abc123/production: autoscaling_settings.max_replica is no longer managed; Baseten keeps its value (3)."


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "_checked", set())


def _check() -> None:
    serve(provider_pb2.CheckRequest(urn=URN), Context(), expect_comparison)


def _diff(**news: Any) -> None:
    inputs = {**OUTPUTS, "autoscaling_settings": {"min_replica": 1}, **news}
    found = changes(OUTPUTS, inputs, is_waiting=True)
    serve(provider_pb2.DiffRequest(urn=URN), Context(), lambda: warn(OUTPUTS, inputs, found))


def test_row_says_it_once_when_a_setting_left_the_program(engine: "Engine") -> None:
    """The engine may compare a resource twice, for what depends on another's replacement."""
    _check()
    _diff()
    _diff()
    assert [(line.urn, line.ephemeral, line.message) for line in engine.lines] == [(URN, False, KEPT)]


def test_each_setting_is_named_when_several_left(engine: "Engine") -> None:
    """With values as Baseten writes them."""
    _check()
    _diff(promotion_settings=None)
    assert engine.texts == [
        KEPT,
        "abc123/production: promotion_settings.rolling_deploy is no longer managed; Baseten keeps its value (false).",
    ]


def test_nothing_is_said_when_a_refresh_compares(engine: "Engine") -> None:
    """It compares without a check, and the other way round."""
    _diff()
    assert engine.texts == []


@pytest.mark.parametrize("news", [{"env_name": "staging"}, {"autoscaling_settings": UNKNOWN}, OUTPUTS])
def test_nothing_is_said_when_no_setting_left_the_environment(news: dict[str, Any], engine: "Engine") -> None:
    """A replacement lets all of them go, an unknown may still hold it."""
    _check()
    _diff(**news)
    assert engine.texts == []


@pytest.mark.parametrize(
    ("lists", "is_kept"),
    [
        ({"schedules": [schedule()]}, True),
        ({}, True),
        ({"delete_schedules": ["peak"]}, False),
    ],
)
def test_timezone_is_named_when_it_left_and_schedules_stay(lists: dict[str, Any], is_kept: bool) -> None:
    """Baseten keeps it with them, and has none without."""
    olds = {**OUTPUTS, SCHEDULES: {"timezone": "UTC", "schedules": [schedule()]}}
    news = {**OUTPUTS, SCHEDULES: lists}
    sentence = f"abc123/production: {TIMEZONE} is no longer managed; Baseten keeps its value (UTC)."
    assert (sentence in dropped(olds, news, changes(olds, news, is_waiting=True))) is is_kept
