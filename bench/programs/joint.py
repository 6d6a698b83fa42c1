"""One resource for each environment, none of which waits, and one that waits for all."""

import pulumi

from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce
from bench.fleet import Fleet

fleet = Fleet(pulumi.Config("bench").require_int("size"))
settings = [BasetenEnvironmentSettings(member.name, wait=False, **member.inputs) for member in fleet]
BasetenSettingsInForce("fleet", settings=settings)
