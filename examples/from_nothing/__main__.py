"""Two models from nothing: their environments, settings and autoscaling schedules, in one `up`.

Try it with an emulator in another terminal, whose models have `production` alone:

    baseten-pulumi emulate --apply-seconds 3 --model ch4t0001:chat:production --model emb3d002:embeddings:production
    pulumi stack init dev
    BASETEN_API_KEY=any pulumi up

The environments are protected: Pulumi refuses to delete them. To destroy them, lift the protection first:

    pulumi config set protect false
    BASETEN_API_KEY=any pulumi up
    BASETEN_API_KEY=any pulumi destroy
"""

import pulumi

from baseten_pulumi import (
    BasetenAutoscalingSchedule,
    BasetenModelEnvironments,
    BasetenSettingsInForce,
    EnvironmentArgsDict,
)

MODELS = {"chat": "ch4t0001", "embeddings": "emb3d002"}
DEFAULTS: EnvironmentArgsDict = {"autoscaling_settings": {"min_replica": 0, "max_replica": 2, "scale_down_delay": 300}}
ENVIRONMENTS: dict[str, EnvironmentArgsDict] = {
    "dev": {"autoscaling_settings": {"max_replica": 1}},
    "staging": {},
    "production": {"autoscaling_settings": {"min_replica": 1, "max_replica": 6, "scale_down_delay": 900}},
}

is_protected = pulumi.Config().get_bool("protect", default=True)


def declare(name: str, model_id: str) -> BasetenModelEnvironments:
    """Declare the environments of a model, those that are missing included, and more replicas in office hours."""
    model = BasetenModelEnvironments(
        name,
        model_id=model_id,
        environments=ENVIRONMENTS,
        defaults=DEFAULTS,
        create_missing=True,
        wait=False,  # one wait for both models, below
        opts=pulumi.ResourceOptions(protect=is_protected),
    )
    BasetenAutoscalingSchedule(
        f"{name}-office-hours",
        model_id=model_id,
        env_name=model.settings["production"].env_name,
        schedule_name="Office hours",
        timezone="Europe/Berlin",
        cadence="DAILY",
        weekdays=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
        start_hour=8,
        end_hour=18,
        autoscaling_settings={"min_replica": 2, "max_replica": 6},
    )
    return model


models = [declare(name, model_id) for name, model_id in MODELS.items()]
everything = BasetenSettingsInForce("everything", settings=[it for model in models for it in model.settings.values()])

pulumi.export("inForce", everything.in_force)
