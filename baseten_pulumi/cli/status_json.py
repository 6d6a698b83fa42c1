"""A survey as JSON, for other programs; its members are described where `status` explains itself."""

import json
from dataclasses import asdict
from typing import Any

from baseten_pulumi.api.models import Environment
from baseten_pulumi.cli.surveying import Survey
from baseten_pulumi.fields import FIELDS, nest
from baseten_pulumi.schedules import SCHEDULES


def written(survey: Survey) -> str:
    """Return the JSON, on several lines."""
    environments = [_environment(name, environment) for name, environment in survey.environments.items()]
    return json.dumps({"model": asdict(survey.model), "environments": environments}, indent=2) + "\n"


def _environment(env_name: str, environment: Environment) -> dict[str, Any]:
    promotion = environment.promotion and environment.promotion.members
    every = {path: environment.settings.get(path) for path in FIELDS}
    schedules = {path: value for path, value in environment.settings.items() if path.startswith(f"{SCHEDULES}.")}
    held = {"timezone": None, "schedules": [], **nest(schedules).get(SCHEDULES, {})}
    return {"env_name": env_name, "in_progress_promotion": promotion, **nest(every), SCHEDULES: held}
