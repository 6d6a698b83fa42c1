"""Baseten's own Python SDK calls every route that the emulator serves and reads the responses."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.routes import api
from tests.schedules import one_time, reported, schedule

client = pytest.importorskip("baseten.client", reason="Baseten's SDK needs Python 3.11", exc_type=ImportError)
sdk = pytest.importorskip("baseten.client.managementapi", reason="Baseten's SDK needs Python 3.11")

# The SDK marks status and message of an update as deprecated; this package reads them.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
MODEL = "lm4chat8"


class Sdk:
    """The SDK's client of an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._client = client.ManagementClient(api_key="k-sdk", base_url_override=emulator.url)
        self.api: Any = self._client.api

    def close(self) -> None:
        self._client.close()

    def update(self, env_name: str = "production", **settings: Any) -> Any:
        request = sdk.UpdateEnvironmentRequest.model_validate(settings)
        return self.api.patch_models_environments(model_id=MODEL, env_name=env_name, request=request)

    def read(self, env_name: str = "production") -> Any:
        return self.api.get_models_environments_env_name(model_id=MODEL, env_name=env_name)


@pytest.fixture
def baseten() -> Iterator[Sdk]:
    with Emulator(promotion_seconds=60) as emulator:
        served = Sdk(emulator)
        yield served
        served.close()


def test_models_are_found_by_name_when_the_sdk_lists_them(baseten: Sdk) -> None:
    assert len(baseten.api.get_models().models) == 3
    (found,) = baseten.api.get_models(params=sdk.GetModelsParams(name="llama-chat")).models
    assert found == baseten.api.get_models_model_id(model_id=MODEL)
    assert baseten.api.get_models(params=sdk.GetModelsParams(name="llama")).models == []


def test_deployments_are_read_when_the_sdk_lists_them(baseten: Sdk) -> None:
    deployments = baseten.api.get_models_deployments(model_id=MODEL).deployments
    assert [each.environment for each in deployments] == ["dev", "staging", "production"]
    production = baseten.api.get_models_deployments_production(model_id=MODEL)
    assert production == deployments[2]
    assert production == baseten.api.get_models_deployments_deployment_id(model_id=MODEL, deployment_id=production.id)
    assert production == baseten.read().current_deployment


def test_environment_is_created_and_deleted_when_the_sdk_says_so(baseten: Sdk) -> None:
    """A new one has no deployment and uses rolling deploys; a surge that is filled in is 25."""
    config = {"rolling_deploy_config": {"stabilization_time_seconds": 30}}
    request = sdk.CreateEnvironmentRequest.model_validate({"name": "qa", "promotion_settings": config})
    created = baseten.api.post_models_environments(model_id=MODEL, request=request)
    assert created == baseten.read("qa")
    assert created == baseten.api.get_models_environments(model_id=MODEL).environments[-1]
    assert (created.current_deployment, created.promotion_settings.rolling_deploy) == (None, True)
    assert created.promotion_settings.rolling_deploy_config.max_surge_percent == 25
    deleted = baseten.api.delete_models_environments(model_id=MODEL, env_name="qa")
    assert (deleted.name, deleted.model_id, deleted.deleted) == ("qa", MODEL, True)


def test_every_setting_is_applied_when_the_sdk_updates_it(baseten: Sdk) -> None:
    response = baseten.update(
        autoscaling_settings={"min_replica": 2, "max_replica": 7, "max_scale_down_rate": 20},
        promotion_settings={"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 40}},
        request_backpressure_settings={"policy": "REJECT_ON_FULL"},
    )
    assert response.status == "ACCEPTED"
    assert response.environment == baseten.read()
    assert response.environment.autoscaling_settings.max_replica == 7
    assert response.environment.promotion_settings.rolling_deploy_config.max_surge_percent == 40
    assert response.environment.current_deployment.request_backpressure_settings.policy == "REJECT_ON_FULL"


def test_ramp_up_is_rejected_when_the_sdk_asks_for_it(baseten: Sdk) -> None:
    """Models have no canary promotions."""
    with pytest.raises(sdk.ResponseError, match=r"HTTP 400.*use rolling_deploy"):
        baseten.update(promotion_settings={"ramp_up_while_promoting": True})


def test_schedules_of_both_kinds_are_stored_when_the_sdk_sends_them(baseten: Sdk) -> None:
    sent = {"timezone": "Europe/Berlin", "schedules": [reported(schedule()), one_time()]}
    schedules = baseten.update(autoscaling_schedule_settings=sent).environment.autoscaling_schedules
    assert [(each.name, each.cadence) for each in schedules.schedules] == [("peak", "DAILY"), ("launch", "ONE_TIME")]
    assert schedules.applied_state.schedule_id is None
    assert schedules.applied_state.autoscaling_settings == baseten.read().current_deployment.autoscaling_settings
    ids = [each.id for each in schedules.schedules]
    left = baseten.update(autoscaling_schedule_settings={"timezone": None, "delete_schedules": ids})
    assert left.environment.autoscaling_schedules.schedules == []


def test_promotion_is_followed_when_the_sdk_starts_it(baseten: Sdk) -> None:
    names = {"model_id": MODEL, "env_name": "production"}
    staging = baseten.read("staging").current_deployment
    request = sdk.PromoteToEnvironmentRequest.model_validate(
        {"deployment_id": staging.id, "environment_settings_update": {"autoscaling_settings": {"max_replica": 8}}}
    )
    promoted = baseten.api.post_models_environments_promote(**names, request=request)
    assert baseten.read().candidate_deployment == promoted
    assert baseten.update(autoscaling_settings={"min_replica": 2}).status == "QUEUED"
    for signal, status in (("pause", "PAUSED"), ("resume", "RAMPING_UP"), ("force_roll_forward", "SUCCEEDED")):
        assert getattr(baseten.api, f"post_models_environments_{signal}_promotion")(**names).success
        assert baseten.read().in_progress_promotion.status == status
    autoscaling = baseten.read().autoscaling_settings
    assert (autoscaling.min_replica, autoscaling.max_replica) == (2, 8)
    assert baseten.read().current_deployment.id == promoted.id


def test_promotion_is_canceled_when_the_sdk_says_so(baseten: Sdk) -> None:
    names = {"model_id": MODEL, "env_name": "production"}
    before = baseten.read().current_deployment
    request = sdk.PromoteRequest()
    for cancel in ("cancel_promotion", "force_cancel_promotion"):
        staging = baseten.read("staging").current_deployment.id
        baseten.api.post_models_deployments_promote(model_id=MODEL, deployment_id=staging, request=request)
        getattr(baseten.api, f"post_models_environments_{cancel}")(**names)
        assert baseten.read().in_progress_promotion.status == "CANCELED"
        assert baseten.read().current_deployment == before


def test_every_route_is_one_of_the_sdks_when_the_emulator_serves_it() -> None:
    """The emulator has no route of its own under /v1; the tests above call each."""
    source = Path(sdk.ApiClient.__init__.__code__.co_filename).read_text(encoding="utf-8")
    known = set(re.findall(r'method="(\w+)",\s+path_fmt="([^"]+)"', source))
    served = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, methods in api.openapi()["paths"].items()
        for method in methods
    }
    assert served <= known
