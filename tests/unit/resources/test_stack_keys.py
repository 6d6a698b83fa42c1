import json
import logging
from collections.abc import Iterator

import pulumi
import pytest

from baseten_pulumi import BasetenAutoscalingSchedule, BasetenEnvironmentSettings
from baseten_pulumi.config import KEYS
from baseten_pulumi.resources.stack_keys import warn_of_keys
from tests.mocked import run
from tests.schedules import schedule

MISSPELT = 'Stack configuration baseten:apikey is ignored: unknown property; did you mean "apiKey"?'
USE = "use apiKey, baseUrl, allowHttp, skipWait, previewReads, environments, environmentDefaults or models"


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({})


def _settings() -> pulumi.Output[str]:
    settings = {"max_replica": 2}
    first = BasetenEnvironmentSettings("one", model_id="m", env_name="dev", autoscaling_settings=settings)  # type: ignore[arg-type] # a plain dict
    BasetenEnvironmentSettings("two", model_id="m", env_name="qa", autoscaling_settings=settings)  # type: ignore[arg-type] # the same
    return first.urn


def test_a_key_of_the_stack_is_warned_of_once_when_nothing_reads_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the engine hands the configuration over in a variable or a program sets it; other namespaces are free."""
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"baseten:timeout": "60", "aws:regoin": "eu", "p:apikey": "x"}))
    pulumi.runtime.set_all_config({**dict.fromkeys(KEYS, "{}"), "baseten:apikey": "k-4711"}, ["baseten:apiKey"])
    with caplog.at_level(logging.WARNING):
        for stack in ("unknown-keys", "unknown-keys", "unknown-keys-2"):
            run(_settings, stack=stack)
    unknown = f"Stack configuration baseten:timeout is ignored: unknown property; {USE}"
    assert [record.message for record in caplog.records] == [MISSPELT, unknown] * 2


def test_nothing_is_warned_of_when_the_keys_are_those_of_a_project_called_baseten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pulumi.runtime.set_all_config({"baseten:apikey": "k-4711"})
    with caplog.at_level(logging.WARNING):
        run(lambda: warn_of_keys("baseten", "dev"))
    assert not caplog.records


def test_every_resource_warns_when_a_key_is_misspelt(caplog: pytest.LogCaptureFixture) -> None:
    pulumi.runtime.set_all_config({"baseten:apikey": "k-4711"})
    declared = schedule()
    arguments = {"schedule_name": declared.pop("name"), "timezone": "UTC", **declared}
    with caplog.at_level(logging.WARNING):
        run(lambda: BasetenAutoscalingSchedule("peak", model_id="m", env_name="dev", **arguments).urn, stack="schedule")
    assert [record.message for record in caplog.records] == [MISSPELT]
