"""The one table of an environment's settings.

Validation, the PATCH body, the reading of responses, comparison and the documentation are all built from `FIELDS`. A
setting is named by its dotted path, `promotion_settings.rolling_deploy_config.max_surge_percent`. A set of settings is
kept flat: a dict from path to value, in the order of the table.

A setting that is not in the table is declared under `additional_settings`. Its path begins with that word, so that it
is sent, compared and shown as any other: `additional_settings.promotion_settings.canary_percent`.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pulumi

Value: TypeAlias = Any
"""An int, a bool or a str; of an additional setting, anything in JSON that is not an object."""
Settings: TypeAlias = dict[str, Value]

AUTOSCALING = "autoscaling_settings"
PROMOTION = "promotion_settings"
ROLLING_DEPLOY_CONFIG = f"{PROMOTION}.rolling_deploy_config"
BACKPRESSURE = "request_backpressure_settings"
GROUPS = (AUTOSCALING, PROMOTION, ROLLING_DEPLOY_CONFIG, BACKPRESSURE)
"""The path of every object of settings in the table."""
ADDITIONAL = "additional_settings"
"""The path of the settings that are in the API's own shape and not in the table."""
TOP_LEVEL_GROUPS = (AUTOSCALING, PROMOTION, BACKPRESSURE, ADDITIONAL)
NULL = "<null>"
"""A null in additional settings, written as Pulumi shows one. Pulumi itself loses every null inside an object."""

MIN_REPLICA = f"{AUTOSCALING}.min_replica"
MAX_REPLICA = f"{AUTOSCALING}.max_replica"
ROLLING_DEPLOY = f"{PROMOTION}.rolling_deploy"
MAX_SURGE_PERCENT = f"{ROLLING_DEPLOY_CONFIG}.max_surge_percent"
MAX_UNAVAILABLE_PERCENT = f"{ROLLING_DEPLOY_CONFIG}.max_unavailable_percent"

_API = "API reference"
_DOCUMENTATION = "Baseten documentation"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        path: Dotted path in the request and in the response.
        kind: The JSON type; `enum` is a string that is one of `choices`.
        meaning: What the setting does, in one sentence.
        unit: What a number counts; None if the value is not a number.
        minimum: Smallest value allowed; None if none is documented.
        maximum: Largest value allowed; None if none is documented.
        choices: Every value of an `enum`; empty for the other kinds.
        default: What Baseten uses if no value is set; None if there is no default.
        null_choice: The choice that the API writes as null; None if a null has no meaning.
        is_deprecated: Whether Baseten advises against it.
        source: Where the range comes from.
    """

    path: str
    kind: Literal["integer", "boolean", "enum"]
    meaning: str
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    default: int | bool | str | None = None
    null_choice: str | None = None
    is_deprecated: bool = False
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
    path: str,
    meaning: str,
    unit: str,
    bounds: tuple[int | None, int | None],
    default: int | None,
    source: str = _DOCUMENTATION,
) -> Field:
    return Field(path, "integer", meaning, unit, *bounds, default=default, source=source)


def _boolean(name: str, meaning: str, *, is_deprecated: bool = False) -> Field:
    return Field(f"{PROMOTION}.{name}", "boolean", meaning, default=False, is_deprecated=is_deprecated)


_TABLE = (
    _integer(MIN_REPLICA, "Replicas kept running without traffic; 0 scales to zero.", "replicas", (0, None), 0),
    _integer(
        MAX_REPLICA,
        "Upper limit on replicas; an account can have its own limit, 10 by default.",
        "replicas",
        (1, None),
        1,
    ),
    _integer(
        f"{AUTOSCALING}.autoscaling_window",
        "How far back traffic counts in autoscaling decisions.",
        "seconds",
        (10, 3600),
        60,
    ),
    _integer(
        f"{AUTOSCALING}.scale_down_delay", "How long to wait before removing a replica.", "seconds", (0, 3600), 900
    ),
    _integer(
        f"{AUTOSCALING}.concurrency_target",
        "Concurrent requests per replica before another replica is added.",
        "requests per replica",
        (1, None),
        1,
    ),
    _integer(
        f"{AUTOSCALING}.target_utilization_percentage",
        "Share of the concurrency target at which to scale.",
        "percent",
        (1, 100),
        70,
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
        "Largest share of replicas removed per autoscaling window (cannot be cleared once set).",
        "percent",
        (1, 50),
        50,
        _API,
    ),
    _boolean("redeploy_on_promotion", "Whether every promotion creates a new deployment from a copy of the image."),
    _boolean(
        "rolling_deploy",
        "Whether promotions roll out in steps (models only, not chains). In new environments of models it is on.",
    ),
    Field(
        f"{PROMOTION}.promotion_cleanup_strategy",
        "enum",
        "What happens to the replaced deployment after a promotion.",
        choices=("KEEP", "SCALE_TO_ZERO", "DEACTIVATE"),
        default="SCALE_TO_ZERO",
    ),
    Field(
        f"{ROLLING_DEPLOY_CONFIG}.rolling_deploy_strategy",
        "enum",
        "The unit of a step of a rolling deploy.",
        choices=("REPLICA",),
        default="REPLICA",
    ),
    _integer(
        MAX_SURGE_PERCENT,
        "Extra replicas during a rolling deploy; exactly one of this and max_unavailable_percent is above 0.",
        "percent",
        (0, 50),
        25,
    ),
    _integer(MAX_UNAVAILABLE_PERCENT, "Replicas that may be missing during a rolling deploy.", "percent", (0, 50), 0),
    _integer(
        f"{ROLLING_DEPLOY_CONFIG}.stabilization_time_seconds",
        "Pause between two steps of a rolling deploy.",
        "seconds",
        (0, 3600),
        0,
    ),
    _integer(
        f"{ROLLING_DEPLOY_CONFIG}.replica_overhead_percent",
        "Replicas added for the duration of a rolling deploy.",
        "percent",
        (0, 500),
        0,
    ),
    _boolean(
        "ramp_up_while_promoting",
        "Whether traffic moves to the new deployment in steps (deprecated: models reject true; use rolling_deploy).",
        is_deprecated=True,
    ),
    Field(
        f"{PROMOTION}.ramp_up_duration_seconds",
        "integer",
        "Duration of the traffic ramp-up (deprecated: use rolling_deploy).",
        "seconds",
        minimum=0,
        default=600,
        is_deprecated=True,
        source=_DOCUMENTATION,
    ),
    Field(
        f"{BACKPRESSURE}.policy",
        "enum",
        "What happens to requests when every replica is full; NONE clears the policy.",
        choices=("QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"),
        default="NONE",
        null_choice="NONE",
    ),
)

FIELDS: Mapping[str, Field] = {field.path: field for field in _TABLE}
"""Every setting by its dotted path, in the order of the API reference."""
_LOOKUPS = tuple((field.path, field.group, field.name) for field in _TABLE)


@functools.cache
def properties(group: str) -> tuple[str, ...]:
    """Return the names that an object may hold, settings and objects; "" stands for the environment itself."""
    paths = (*FIELDS, *GROUPS, ADDITIONAL)
    return tuple(path.rpartition(".")[2] for path in paths if path.rpartition(".")[0] == group)


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of nested objects by path.

    Unknown keys and nulls are left out, but in additional settings both are kept. Whole floats, which Pulumi's engine
    makes of integers, become integers.
    """
    groups = {group: _object_at(nested, group) for group in GROUPS}
    found = {path: groups[group].get(name) for path, group, name in _LOOKUPS}
    known = {path: to_int(value) for path, value in found.items() if value is not None}
    return {**known, **dict(_leaves(_object_at(nested, ADDITIONAL), ADDITIONAL))}


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Build nested objects from paths; the inverse of `flatten`."""
    nested: dict[str, Any] = {}
    for path, value in settings.items():
        *parents, name = path.split(".")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value
    return nested


def to_int(value: Any) -> Any:
    """Turn a whole float into an integer; return anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def api_path(path: str) -> str:
    """Return the path that a setting has in the API."""
    return path.removeprefix(f"{ADDITIONAL}.")


def is_additional(path: str) -> bool:
    """Return whether a path is that of an additional setting."""
    return path.startswith(f"{ADDITIONAL}.")


def additional(response: Mapping[str, Any], path: str = ADDITIONAL) -> Iterator[tuple[str, Value]]:
    """Yield everything that a response holds, objects too, as additional settings, without nulls."""
    for key, value in response.items():
        if value is not None:
            yield f"{path}.{key}", encoded(value)
        if isinstance(value, Mapping):
            yield from additional(value, f"{path}.{key}")


def encoded(value: Any) -> Any:
    """Return a JSON value with `NULL` for each null and an integer for each whole float, inside Outputs too."""
    if isinstance(value, pulumi.Output):
        return value.apply(encoded)
    return _mapped(encoded, NULL if value is None else value)


def decoded(value: Any) -> Any:
    """Return a JSON value with a null for each `NULL` and an integer for each whole float."""
    return None if value == NULL else _mapped(decoded, value)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: function(inner) for key, inner in value.items()}
    return [*map(function, value)] if isinstance(value, (list, tuple)) else to_int(value)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same in JSON, where true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of everything inside objects and lists that is itself neither."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")
    else:
        yield path, value


def _leaves(group: Mapping[str, Any], path: str) -> Iterator[tuple[str, Value]]:
    for key, value in group.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}.{key}")
        else:
            yield f"{path}.{key}", encoded(value)


def _object_at(nested: Any, path: str) -> Mapping[str, Any]:
    for part in path.split("."):
        nested = nested.get(part) if isinstance(nested, Mapping) else None
    return nested if isinstance(nested, Mapping) else {}
