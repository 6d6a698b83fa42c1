"""The one table of an environment's settings.

Checking, the PATCH body, the reading of answers, comparison and the documentation are all fed from `FIELDS`. A setting
is named by its dotted path, `promotion_settings.rolling_deploy_config.max_surge_percent`, and a set of settings is held
flat: a mapping from path to value with the paths in the order of the table. Autoscaling schedules, of which an
environment may have any number, follow after the table: see `schedules`. This module knows neither Pulumi nor HTTP.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from baseten_pulumi import schedules
from baseten_pulumi.schedules import SCHEDULES, Schedule

Value: TypeAlias = int | bool | str | Schedule | list[Schedule]
Settings: TypeAlias = dict[str, Value]

AUTOSCALING = "autoscaling_settings"
PROMOTION = "promotion_settings"
ROLLING_DEPLOY_CONFIG = f"{PROMOTION}.rolling_deploy_config"
BACKPRESSURE = "request_backpressure_settings"
GROUPS = (AUTOSCALING, PROMOTION, ROLLING_DEPLOY_CONFIG, BACKPRESSURE)

MIN_REPLICA = f"{AUTOSCALING}.min_replica"
MAX_REPLICA = f"{AUTOSCALING}.max_replica"
ROLLING_DEPLOY = f"{PROMOTION}.rolling_deploy"
MAX_SURGE_PERCENT = f"{ROLLING_DEPLOY_CONFIG}.max_surge_percent"
MAX_UNAVAILABLE_PERCENT = f"{ROLLING_DEPLOY_CONFIG}.max_unavailable_percent"

ENVIRONMENT_NAME_PATTERN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
"""What Baseten's documentation allows as the name of an environment."""

MODEL_ID_PATTERN = r"[A-Za-z0-9_-]+"
"""What a model id is made of; anything else could leave its segment of the URL's path."""

_API = "API reference"
_DOCUMENTATION = "Baseten documentation"


@dataclass(frozen=True, slots=True)
class Field:
    """Describe one setting.

    Attributes:
        path: Dotted path in the request and in the answer.
        kind: The JSON type; `enum` is a string out of `choices`, `timezone` the IANA name of one.
        meaning: What the setting does, in one sentence.
        unit: What a number counts; None where the value is no number.
        minimum: Smallest value allowed; None where nothing is documented.
        maximum: Largest value allowed; None where nothing is documented.
        choices: Every value an `enum` may take; empty for the other kinds.
        default: What Baseten uses where nobody set a value; None where it has no default.
        word_for_null: The choice that the API writes as null; None where a null says nothing.
        source: Where the range comes from.
    """

    path: str
    kind: Literal["integer", "boolean", "enum", "timezone"]
    meaning: str
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    default: int | bool | str | None = None
    word_for_null: str | None = None
    source: str = _API

    @property
    def name(self) -> str:
        """The last part of the path: the API's own name."""
        return self.path.rpartition(".")[2]

    @property
    def group(self) -> str:
        """The path of the object that holds the setting."""
        return self.path.rpartition(".")[0]


def _integer(
    path: str, meaning: str, unit: str, bounds: tuple[int | None, int | None], default: int | None, source: str
) -> Field:
    minimum, maximum = bounds
    return Field(path, "integer", meaning, unit, minimum, maximum, default=default, source=source)


def _boolean(name: str, meaning: str) -> Field:
    return Field(f"{PROMOTION}.{name}", "boolean", meaning, default=False)


def _enum(path: str, meaning: str, choices: tuple[str, ...], default: str) -> Field:
    return Field(path, "enum", meaning, choices=choices, default=default)


_TABLE = (
    _integer(
        MIN_REPLICA,
        "Replicas kept running without any traffic; 0 scales to zero.",
        "replicas",
        (0, None),
        0,
        _DOCUMENTATION,
    ),
    _integer(
        MAX_REPLICA,
        "Replicas at most; an account may be capped, at 10 unless Baseten raised it.",
        "replicas",
        (1, None),
        1,
        _DOCUMENTATION,
    ),
    _integer(
        f"{AUTOSCALING}.autoscaling_window",
        "How far back traffic counts in autoscaling decisions.",
        "seconds",
        (10, 3600),
        60,
        _DOCUMENTATION,
    ),
    _integer(
        f"{AUTOSCALING}.scale_down_delay",
        "How long to wait before removing a replica.",
        "seconds",
        (0, 3600),
        900,
        _DOCUMENTATION,
    ),
    _integer(
        f"{AUTOSCALING}.concurrency_target",
        "Requests a replica takes at once before another is added.",
        "requests per replica",
        (1, None),
        1,
        _DOCUMENTATION,
    ),
    _integer(
        f"{AUTOSCALING}.target_utilization_percentage",
        "Share of the concurrency target at which to scale.",
        "percent",
        (1, 100),
        70,
        _DOCUMENTATION,
    ),
    _integer(
        f"{AUTOSCALING}.target_in_flight_tokens",
        "Tokens in flight at which to scale (early access; cannot be cleared once set).",
        "tokens",
        (None, None),
        None,
        _API,
    ),
    _integer(
        f"{AUTOSCALING}.max_scale_down_rate",
        "Share of the replicas removed per autoscaling window at most (cannot be cleared once set).",
        "percent",
        (1, 50),
        50,
        _API,
    ),
    _boolean("redeploy_on_promotion", "Whether every promotion makes a new deployment from a copy of the image."),
    _boolean("rolling_deploy", "Whether promotions roll out in steps (models only, not chains)."),
    _enum(
        f"{PROMOTION}.promotion_cleanup_strategy",
        "What becomes of the replaced deployment after a promotion.",
        ("KEEP", "SCALE_TO_ZERO", "DEACTIVATE"),
        "SCALE_TO_ZERO",
    ),
    _enum(
        f"{ROLLING_DEPLOY_CONFIG}.rolling_deploy_strategy", "What a rolling deploy steps by.", ("REPLICA",), "REPLICA"
    ),
    _integer(
        MAX_SURGE_PERCENT,
        "Extra replicas during a rolling deploy; exactly one of this and max_unavailable_percent is above 0.",
        "percent",
        (0, 50),
        10,
        _DOCUMENTATION,
    ),
    _integer(
        MAX_UNAVAILABLE_PERCENT,
        "Replicas that may be missing during a rolling deploy.",
        "percent",
        (0, 50),
        0,
        _DOCUMENTATION,
    ),
    _integer(
        f"{ROLLING_DEPLOY_CONFIG}.stabilization_time_seconds",
        "Pause between two steps of a rolling deploy.",
        "seconds",
        (0, 3600),
        0,
        _DOCUMENTATION,
    ),
    _integer(
        f"{ROLLING_DEPLOY_CONFIG}.replica_overhead_percent",
        "Replicas added for the length of a rolling deploy.",
        "percent",
        (0, 500),
        0,
        _DOCUMENTATION,
    ),
    _boolean("ramp_up_while_promoting", "Whether traffic moves to the new deployment step by step."),
    _integer(
        f"{PROMOTION}.ramp_up_duration_seconds",
        "How long that ramp takes.",
        "seconds",
        (0, None),
        600,
        _DOCUMENTATION,
    ),
    Field(
        f"{BACKPRESSURE}.policy",
        "enum",
        "What becomes of requests that find every replica full; NONE sets no policy and clears the one there is.",
        choices=("QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"),
        default="NONE",
        word_for_null="NONE",
    ),
)

FIELDS: Mapping[str, Field] = {field.path: field for field in _TABLE}
"""Every setting by its dotted path, in the order of the API page."""
_PLACES = tuple((field.path, field.group, field.name) for field in _TABLE)


@functools.cache
def members(group: str) -> tuple[str, ...]:
    """Return the names an object may hold: its settings, and the objects and lists inside it."""
    paths = [*FIELDS, *GROUPS, SCHEDULES, schedules.TIMEZONE, *schedules.LISTS]
    return tuple(path.removeprefix(f"{group}.") for path in paths if path.rpartition(".")[0] == group)


def flatten(nested: Mapping[str, Any]) -> Settings:
    """Pick every setting out of nested objects as the API and Pulumi hold them.

    Keys outside the table and nulls are left out; values are passed through as they are, but for schedules, which are
    written in the one way that can be compared.
    """
    groups = {group: _object_at(nested, group) for group in GROUPS}
    found = {path: groups[group].get(name) for path, group, name in _PLACES} | schedules.flatten(nested.get(SCHEDULES))
    return {path: value for path, value in found.items() if value is not None}


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Build nested objects from paths; the opposite of `flatten`."""
    nested: dict[str, Any] = {}
    of_schedules = {path: value for path, value in settings.items() if path.startswith(f"{SCHEDULES}.")}
    for path, value in [it for it in settings.items() if it[0] not in of_schedules]:
        *parents, name = path.split(".")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value
    return {**nested, SCHEDULES: schedules.nest(of_schedules)} if of_schedules else nested


def with_integers(settings: Mapping[str, Any]) -> Settings:
    """Turn the whole floats that Pulumi's engine makes of integers back into integers."""
    return {path: int(value) if isinstance(value, float) else value for path, value in settings.items()}


def holds(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Tell whether a value is of a kind, or something of that kind is in it at whatever depth."""
    if isinstance(value, Mapping):
        return any(holds(inner, kind) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds(inner, kind) for inner in value)
    return isinstance(value, kind)


def _object_at(nested: Any, path: str) -> Mapping[str, Any]:
    """Return the object at a path; an empty one where there is none."""
    for part in path.split("."):
        nested = nested.get(part) if isinstance(nested, Mapping) else None
    return nested if isinstance(nested, Mapping) else {}
