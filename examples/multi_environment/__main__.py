"""One program for every stack: `Pulumi.<stack>.yaml` says which environments it manages, and how.

`Pulumi.yaml` holds the settings they share, under `baseten:environmentDefaults`. Try each with an emulator of Baseten
in another terminal (`baseten-pulumi emulate --port 8095`):

    pulumi stack init production   # or dev, staging
    BASETEN_API_KEY=any pulumi up --stack production
"""

import pulumi

from baseten_pulumi import BasetenModelEnvironments, settings_from_config

chat = BasetenModelEnvironments("chat", model_id="lm4chat8", environments=settings_from_config())

pulumi.export("environments", list(chat.settings))
pulumi.export("inForce", chat.in_force)
