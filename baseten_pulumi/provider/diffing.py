"""What an update would change, decided offline from the last outputs and the new inputs."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from pulumi.output import Unknown

from baseten_pulumi.fields import flatten, members
from baseten_pulumi.provider import schedule_diffing
from baseten_pulumi.schedules import SCHEDULES, is_schedule

Change: TypeAlias = Literal["ADD", "UPDATE", "DELETE", "UPDATE_REPLACE"]
"""How a property changes, in the words of Pulumi's protocol."""

_IDENTITY = ("model_id", "env_name")
_JUDGED = (*_IDENTITY, *members(""))


def replaced_by(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Return the properties whose change means another environment; one not known yet does not force it."""
    return [name for name in _IDENTITY if not isinstance(news.get(name), Unknown) and news.get(name) != olds.get(name)]


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], *, is_waiting: bool) -> dict[str, Change]:
    """Return what changes, by property path; empty where no update is due.

    A change of a managed setting, its addition or its removal counts, and so does a model, environment or setting not
    known yet. `wait` itself does not count. But where settings were never seen in force, there is still to wait if
    waiting is on, and to send if Baseten's word on them is not on record: `in_force` then goes.
    """
    replaced: dict[str, Change] = dict.fromkeys(replaced_by(olds, news), "UPDATE_REPLACE")
    found = {**replaced, **_setting_changes(olds, news)}
    is_sent = olds.get("status") is not None
    if not found and olds.get("in_force") is not True and (is_waiting or not is_sent):
        return {"in_force": "DELETE"}
    return found


def _setting_changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Change]:
    """Compare what is known, and take what is not for a change."""
    before, after = ({p: value for p, value in flatten(props).items() if not is_schedule(p)} for props in (olds, news))
    unknown = [path for name in _JUDGED for path in _unknown_paths(name, news.get(name))]
    found: dict[str, Change] = {path: _kind(before, {path: None}, path) for path in unknown}
    for path in {**before, **after}:
        is_covered = any(path.startswith(f"{other}.") for other in unknown)
        if path not in unknown and not is_covered and before.get(path) != after.get(path):
            found[path] = _kind(before, after, path)
    if SCHEDULES in unknown:
        return found
    listed = schedule_diffing.changes(olds.get(SCHEDULES), news.get(SCHEDULES))
    return {**found, **{path: _kind_of(old, new) for path, old, new in listed}}


def _kind(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Change:
    if path not in after:
        return "DELETE"
    was_there = path in _IDENTITY or any(f"{other}.".startswith(f"{path}.") for other in before)
    return "UPDATE" if was_there else "ADD"


def _kind_of(old: Any, new: Any) -> Change:
    return "ADD" if old is None else "DELETE" if new is None else "UPDATE"


def _unknown_paths(path: str, value: Any) -> Iterator[str]:
    """Yield the path of everything not known yet, at whatever depth."""
    if isinstance(value, Unknown):
        yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _unknown_paths(f"{path}.{name}", inner)
