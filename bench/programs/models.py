"""One component for each model, each with a joint wait of its own."""

import pulumi

from baseten_pulumi import BasetenModelEnvironments, EnvironmentArgsDict
from bench.fleet import SETTINGS, Fleet

everywhere: EnvironmentArgsDict = {
    "autoscaling_settings": SETTINGS["autoscaling_settings"],
    "promotion_settings": SETTINGS["promotion_settings"],
}
for model_id, members in Fleet(pulumi.Config("bench").require_int("size")).by_model().items():
    names = [member.env_name for member in members]
    BasetenModelEnvironments(model_id, model_id=model_id, environments=dict.fromkeys(names), defaults=everywhere)
