"""Warns of settings that left the program: Baseten has no reset, so they keep their values.

Preview and update alike compare a resource's inputs once they were checked, so that each says it once. A refresh
compares too, the other way round and without a check: it says nothing.
"""

from collections.abc import Mapping
from typing import Any

from baseten_pulumi.convergence.comparison import shown
from baseten_pulumi.fields import FIELDS, flatten, with_integers
from baseten_pulumi.provider import host, schedule_diffing
from baseten_pulumi.provider.diffing import Change
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.schedules import ABSENT, SCHEDULES, TIMEZONE, is_schedule, path_of

_checked: set[str] = set()


def expect_comparison() -> None:
    """Note that the resource under check is about to be compared."""
    _checked.add(host.current_call().urn)


def warn(olds: Mapping[str, Any], news: Mapping[str, Any], changes: Mapping[str, Change]) -> None:
    """Name each setting that was managed and no longer is, in the row of the resource being compared.

    Args:
        olds: The last outputs.
        news: The inputs.
        changes: What an update would change, by property path.
    """
    urn = host.current_call().urn
    is_replaced = "UPDATE_REPLACE" in changes.values()
    if urn in _checked and not is_replaced:
        _checked.discard(urn)
        for sentence in dropped(olds, news, changes):
            Row(urn).warn(sentence)


def dropped(olds: Mapping[str, Any], news: Mapping[str, Any], changes: Mapping[str, Change]) -> list[str]:
    """Return a sentence for each setting that is managed no longer.

    A schedule that was only kept away is not worth one, and the timezone only where schedules stay that it is of.
    """
    before = with_integers(flatten(olds))
    address = f"{olds.get('model_id')}/{olds.get('env_name')}"
    schedules = schedule_diffing.dropped(olds.get(SCHEDULES), news.get(SCHEDULES))
    has_schedules = bool(schedules) or any(
        value != ABSENT for path, value in flatten(news).items() if is_schedule(path)
    )
    lasting = [*FIELDS, *([TIMEZONE] if has_schedules else [])]
    gone = [path for path in lasting if changes.get(path) == "DELETE" and path in before]
    return [
        *(f"{address}: {path} is no longer managed; Baseten keeps its value ({shown(before[path])})." for path in gone),
        *(f"{address}: {path_of(name)} is no longer managed; Baseten keeps it." for name in schedules),
    ]
