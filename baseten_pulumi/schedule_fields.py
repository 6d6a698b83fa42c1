"""The parts of an autoscaling schedule, in the order of the API's description.

Its overrides are the environment's own autoscaling settings, with their ranges.
"""

from collections.abc import Mapping

from baseten_pulumi.fields import AUTOSCALING, FIELDS, MAX_REPLICA, MIN_REPLICA, Field
from baseten_pulumi.schedules import OVERRIDES, TIMEZONE

HOUR_RANGE = (0, 23)
MINUTE_RANGE = (0, 59)
DAILY = "DAILY"


def _time(name: str, meaning: str, unit: str, bounds: tuple[int, int]) -> Field:
    return Field(name, "integer", meaning, unit, *bounds)


_TABLE = (
    Field("enabled", "boolean", "Whether the schedule runs.", default=True),
    Field(
        "cadence",
        "enum",
        "DAILY runs once on each weekday, HOURLY every hour between the two minutes.",
        choices=(DAILY, "HOURLY"),
    ),
    _time("start_hour", "When it begins; an HOURLY schedule without hours runs all day.", "hours", HOUR_RANGE),
    _time("start_minute", "The minute it begins.", "minutes", MINUTE_RANGE),
    _time("end_hour", "When it ends.", "hours", HOUR_RANGE),
    _time("end_minute", "The minute it ends.", "minutes", MINUTE_RANGE),
)

PLAIN_PARTS: Mapping[str, Field] = {field.name: field for field in _TABLE}
"""What is judged by itself; `default` is what this package fills in."""

TIMEZONE_FIELD = Field(TIMEZONE, "timezone", "What the hours of every schedule are meant in.")

OVERRIDDEN: Mapping[str, Field] = {field.name: field for field in FIELDS.values() if field.group == AUTOSCALING}
"""What a schedule may change while it runs; null leaves it as the environment has it."""

PARTS = ("name", "enabled", "cadence", "weekdays", *[name for name in PLAIN_PARTS if "_" in name], OVERRIDES)
"""The name of every part."""

REQUIRED = ("cadence", "weekdays", "start_minute", "end_minute", OVERRIDES)
"""The parts that a schedule is nothing without, besides its name."""

REQUIRED_OVERRIDES = tuple(FIELDS[path].name for path in (MIN_REPLICA, MAX_REPLICA))
"""The overrides that the API has no null for."""
