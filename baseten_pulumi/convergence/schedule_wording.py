"""The words for what differs of an autoscaling schedule."""

from typing import Any, NamedTuple

from baseten_pulumi.schedules import ABSENT, differing_parts, short


class Words(NamedTuple):
    """Say in short words what differs: where, what is wanted there and what is reported."""

    where: str
    wanted: str
    reported: str


def differing(path: str, wanted: Any, reported: Any) -> list[Words]:
    """Return the words for each part of a schedule that differs; for the whole of it where one of the two is none."""
    name = short(path)
    if isinstance(wanted, dict) and isinstance(reported, dict):
        parts = differing_parts(wanted, reported)
        return [Words(f"{name}.{part.name}", _part(part.wanted), _part(part.reported)) for part in parts]
    return [Words(name, _presence(wanted), _presence(reported))]


def _part(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "/".join(map(str, value))
    return "unset" if value is None else "set" if isinstance(value, dict) else str(value)


def _presence(schedule: Any) -> str:
    if isinstance(schedule, list):
        return f"there {len(schedule)} times"
    return "there" if isinstance(schedule, dict) else ABSENT
