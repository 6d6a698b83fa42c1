"""What an update would change, offline, from the last outputs and the new inputs."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.schema.settings import TOP_LEVEL_GROUPS, api_path, flatten, same, walk
from baseten_pulumi.schema.validate import IDENTITY


def replaced_properties(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Return the properties whose change replaces the resource; one that is not known yet does not."""
    return [name for name in IDENTITY if not isinstance(news.get(name), Unknown) and news.get(name) != olds.get(name)]


def is_replaced(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Return whether a resource is replaced, for which Pulumi checks it again, as a create."""
    return bool(olds and replaced_properties(olds, news))


def identity_changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, str]:
    """Return what becomes of model and environment, by name, if they change or are not known yet."""
    unknown = (name for name in IDENTITY if isinstance(news.get(name), Unknown))
    return dict.fromkeys(replaced_properties(olds, news), "UPDATE_REPLACE") | dict.fromkeys(unknown, "UPDATE")


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], *, waits: bool) -> dict[str, str]:
    """Return what changes, by property path, in the words of Pulumi's protocol; empty if no update is due.

    Another model, another environment, and a setting that is changed, added, removed or not known yet count. `wait`
    does not. If settings were never observed as applied, there is still something to do while waiting is on, or if it
    is not known whether they were sent.
    """
    found = dict.fromkeys(replaced_properties(olds, news), "UPDATE_REPLACE")
    unknown = _unknown_paths(news)
    found |= dict.fromkeys(unknown, "UPDATE")
    before, after = flatten(olds), flatten(news)
    for path in {**before, **after}:
        if not same(before.get(path), after.get(path)) and not _is_inside(path, unknown):
            found[path] = kind_of_change(before.get(path), after.get(path))
    if not found and is_unfinished(olds, waits=waits):
        found["in_force"] = "UPDATE"
    return found


def kind_of_change(before: Any, after: Any) -> str:
    """Return what happens to a property, in the words of Pulumi's protocol; None is no value."""
    return "ADD" if before is None else "DELETE" if after is None else "UPDATE"


def is_unfinished(olds: Mapping[str, Any], *, waits: bool) -> bool:
    """Return whether the last operation left something to do although no setting changes."""
    is_known_sent = bool(olds.get("status") and olds.get("revision"))
    return olds.get("in_force") is not True and (waits or not is_known_sent)


def dropped(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield path and last value of each setting that the program no longer declares, in whichever property."""
    if any(news.get(name) != olds.get(name) for name in IDENTITY):
        return
    unknown, after = _unknown_paths(news), {*map(api_path, flatten(news))}
    for path, value in flatten(olds).items():
        if api_path(path) not in after and not _is_inside(path, unknown):
            yield path, value


def _unknown_paths(news: Mapping[str, Any]) -> list[str]:
    names = (*IDENTITY, *TOP_LEVEL_GROUPS)
    return [path for name in names for path, value in walk(news.get(name), name) if isinstance(value, Unknown)]


def _is_inside(path: str, unknown: list[str]) -> bool:
    """Return whether a path is one of those not known, or inside an object that is not."""
    return any(f"{path}.".startswith(f"{other}.") for other in unknown)
