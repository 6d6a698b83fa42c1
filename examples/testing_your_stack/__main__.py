"""The settings of a chat model, with a stack for each environment. `test_stacks.py` tests them."""

import pulumi

from baseten_pulumi import BasetenModelEnvironments, settings_from_config

chat = BasetenModelEnvironments(
    "chat", model_id=pulumi.Config().require("modelId"), environments=settings_from_config()
)

pulumi.export("inForce", chat.in_force)
