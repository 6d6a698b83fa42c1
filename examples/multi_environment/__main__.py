"""One program for every stack: `Pulumi.<stack>.yaml` has the stack's environments and their settings.

`Pulumi.yaml` has the settings they share, under `baseten:environmentDefaults`. Try each stack with an emulator in
another terminal (`baseten-pulumi emulate --port 8095`):

    pulumi stack init production   # or dev, staging
    BASETEN_API_KEY=any pulumi up --stack production
"""

import pulumi

from baseten_pulumi import BasetenModelEnvironments, settings_from_config

chat = BasetenModelEnvironments("chat", model_id="lm4chat8", environments=settings_from_config())

pulumi.export("environments", list(chat.settings))
pulumi.export("inForce", chat.in_force)
