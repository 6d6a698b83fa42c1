"""Settings of one environment per stack, from `Pulumi.<stack>.yaml`."""

import pulumi

from baseten_pulumi import BasetenEnvironmentSettings

config = pulumi.Config()

settings = BasetenEnvironmentSettings(
    "llama-chat",
    model_id=config.require("modelId"),
    env_name=pulumi.get_stack(),
    autoscaling_settings=config.require_object("autoscaling"),
    promotion_settings={
        "rolling_deploy": True,
        "rolling_deploy_config": {"max_surge_percent": 25, "stabilization_time_seconds": 60},
    },
)

scaling = settings.autoscaling_settings
pulumi.export("replicas", scaling.apply(lambda it: it and f"{it.min_replica} to {it.max_replica}"))
pulumi.export("inForce", settings.in_force)
