"""One resource for each environment that does nothing."""

import pulumi

from bench.do_nothing import DoNothing
from bench.fleet import Fleet

for member in Fleet(pulumi.Config("bench").require_int("size")):
    DoNothing(member.name, member.inputs)
