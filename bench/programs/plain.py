"""One plain dynamic resource for each environment."""

import pulumi

from bench.fleet import Fleet
from bench.plain_provider import PlainSettings

for member in Fleet(pulumi.Config("bench").require_int("size")):
    PlainSettings(member.name, member.inputs)
