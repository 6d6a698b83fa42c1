"""One program for every stack and model: `Pulumi.<stack>.yaml` has the stack's models, environments and settings.

`Pulumi.yaml` has the settings they share, under `baseten:environmentDefaults`. Try each stack with an emulator in
another terminal (`baseten-pulumi emulate --port 8095`):

    pulumi stack init production   # or dev, staging
    BASETEN_API_KEY=any pulumi up --stack production
"""

import pulumi

from baseten_pulumi import BasetenModelEnvironments, models_from_config

models = {name: BasetenModelEnvironments(name, **model) for name, model in models_from_config().items()}

pulumi.export("environments", {name: list(model.settings) for name, model in models.items()})
pulumi.export("inForce", {name: model.in_force for name, model in models.items()})
