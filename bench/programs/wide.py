"""One resource for each environment, each of which waits."""

import pulumi

from baseten_pulumi import BasetenEnvironmentSettings
from bench.fleet import Fleet

for member in Fleet(pulumi.Config("bench").require_int("size")):
    BasetenEnvironmentSettings(member.name, **member.inputs)
