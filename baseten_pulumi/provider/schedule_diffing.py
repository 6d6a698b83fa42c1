"""What an update would change of the schedules, by the place in their lists that Pulumi shows a change at; offline."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import holds
from baseten_pulumi.provider.judging import member
from baseten_pulumi.schedules import DELETED_LIST, OVERRIDES, SCHEDULE_LIST, canonical


def changes(olds: Any, news: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, old and new value of everything that differs between two objects of schedules; None is no value.

    Order does not count, neither of schedules nor of weekdays. Where schedules keep their places, parts are named;
    where they move, the list as a whole. A value not known yet is a change.
    """
    before, after = (lists if isinstance(lists, Mapping) else {} for lists in (olds, news))
    old, new = before.get("schedules") or [], after.get("schedules") or []
    if isinstance(new, Unknown):
        yield SCHEDULE_LIST, old or None, new
    elif not _is_same(old, new):
        yield from _in_place(old, new) if _keep_their_places(old, new) else [(SCHEDULE_LIST, old, new)]
    old, new = before.get("delete_schedules") or [], after.get("delete_schedules") or []
    if holds(new, Unknown) or sorted(old) != sorted(new):
        yield DELETED_LIST, old or None, new or None


def dropped(olds: Any, news: Any) -> list[str]:
    """Return the names of the schedules that are managed no longer, as far as all of them are known."""
    before, after = (lists if isinstance(lists, Mapping) else {} for lists in (olds, news))
    if holds(news, Unknown):
        return []
    named = {_name(it) for it in after.get("schedules") or ()} | set(after.get("delete_schedules") or ())
    return [name for name in map(_name, before.get("schedules") or ()) if name not in named]


def _is_same(old: Sequence[Any], new: Sequence[Any]) -> bool:
    before, after = _by_name(old), _by_name(new)
    return len(old) == len(new) and before == after and not holds(new, Unknown)


def _keep_their_places(old: Sequence[Any], new: Sequence[Any]) -> bool:
    before, after = ({_name(it): place for place, it in enumerate(listed)} for listed in (old, new))
    return all(after[name] == place for name, place in before.items() if name in after)


def _in_place(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    for place in range(max(len(old), len(new))):
        before, after = (listed[place] if place < len(listed) else None for listed in (old, new))
        where = f"{SCHEDULE_LIST}[{place}]"
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _parts(where, canonical(before), canonical(after))
        else:
            yield where, before, after


def _parts(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if name == OVERRIDES and isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _parts(member(where, name), old, new)
        elif holds(new, Unknown) or old != new:
            yield member(where, name), old, new


def _by_name(listed: Sequence[Any]) -> dict[Any, Any]:
    return {_name(it): canonical(it) if isinstance(it, Mapping) else it for it in listed}


def _name(schedule: Any) -> Any:
    name = schedule.get("name") if isinstance(schedule, Mapping) else None
    return name if isinstance(name, str) else id(schedule)
