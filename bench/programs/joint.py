"""One resource for each environment, none of which waits, and one that waits for all."""

import pulumi

from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce
from bench.fleet import Fleet

fleet = Fleet(pulumi.Config("bench").require_int("size"))
settings: list[BasetenEnvironmentSettings] = []
for member in fleet:
    settings.append(BasetenEnvironmentSettings(member.name, wait=False, **member.inputs))  # noqa: PERF401 - as the others
BasetenSettingsInForce("fleet", settings=settings)
