"""What a preview says of declared settings beyond how they change: rules and words, offline and without Pulumi."""

from collections.abc import Collection, Mapping
from typing import Any

from baseten_pulumi.convergence.comparison import Difference, differences
from baseten_pulumi.convergence.sighting import ReportedEnvironment
from baseten_pulumi.convergence.wording import promotion
from baseten_pulumi.fields import MIN_REPLICA, ROLLING_DEPLOY, ROLLING_DEPLOY_CONFIG, Settings, Value
from baseten_pulumi.schedules import OVERRIDES, is_schedule, short

PRODUCTION = "production"
"""The environment every model has, which serves a model's users unless told otherwise."""


def warnings(env_name: str | None, settings: Settings, reported: Mapping[str, Value] | None = None) -> list[str]:
    """Return a sentence for each declared setting that does what its author may not expect.

    Args:
        env_name: Name of the environment; None where it is not known.
        settings: Declared settings by dotted path, as far as they are known and may be told.
        reported: What Baseten reports, by dotted path, of settings nobody declares; None where it was not asked.
    """
    return [*_tuned_in_vain(settings, reported or {}), *_scaled_to_zero(env_name, settings)]


def forecast(settings: Settings, secret: Collection[str], seen: ReportedEnvironment) -> str:
    """Return what declaring the settings would change, and a promotion under way; empty where neither is so.

    Args:
        settings: Declared settings by dotted path.
        secret: The paths of those whose value is not to be told.
        seen: The environment as Baseten reports it.
    """
    changes = _told(settings, secret, seen, "will be")
    under_way = [promotion(seen.promotion)] if seen.promotion is not None and seen.promotion.is_running else []
    return "; ".join([*changes, *under_way])


def drifted(settings: Settings, secret: Collection[str], seen: ReportedEnvironment) -> str:
    """Return what Baseten reports otherwise than an unchanged resource declares; empty where nothing.

    Args:
        settings: Declared settings by dotted path.
        secret: The paths of those whose value is not to be told.
        seen: The environment as Baseten reports it.
    """
    found = "; ".join(_told(settings, secret, seen, "declared"))
    return found and f"{found}. No update is due until a refresh has seen it: `pulumi up --refresh`."


def _told(settings: Settings, secret: Collection[str], seen: ReportedEnvironment, of_wanted: str) -> list[str]:
    found = differences(settings, seen.settings)
    return [_unseen(it, of_wanted) if it.path in secret else it.told(of_wanted) for it in found]


def _tuned_in_vain(settings: Settings, reported: Mapping[str, Value]) -> list[str]:
    is_tuned = any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in settings)
    if not is_tuned or settings.get(ROLLING_DEPLOY, reported.get(ROLLING_DEPLOY)) is not False:
        return []
    where = "" if ROLLING_DEPLOY in settings else " at Baseten"
    return [f"rolling_deploy_config has no effect while rolling_deploy is off{where}; Baseten only stores it."]


def _scaled_to_zero(env_name: str | None, settings: Settings) -> list[str]:
    if env_name != PRODUCTION:
        return []
    overriding = [short(path) for path, it in settings.items() if is_schedule(path) and _least_replicas(it) == 0]
    where = [
        *(["min_replica is 0"] if settings.get(MIN_REPLICA) == 0 else []),
        *(f"{it} has min_replica 0" for it in overriding),
    ]
    return [
        f"{it} on production: without traffic it scales to zero, and the next request waits for a start."
        for it in where
    ]


def _least_replicas(schedule: Value) -> Any:
    """Return the replicas that a schedule keeps running; None where it is to be gone."""
    return schedule.get(OVERRIDES, {}).get("min_replica") if isinstance(schedule, dict) else None


def _unseen(difference: Difference, of_wanted: str) -> str:
    name = short(difference.path) if is_schedule(difference.path) else difference.path.rpartition(".")[2]
    return f"{name}: {of_wanted} [secret]"
