"""Autoscaling schedules over the wire: known by Baseten's ids there, by their names here.

A request holds complete schedules and nothing else. Answers hold one-time schedules as well.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from baseten_pulumi.api.wire import (
    Answer,
    Request,
    Text,
    built,
    fitting,
    leniently,
    reported_type,
    requested_type,
)
from baseten_pulumi.schedule_fields import OVERRIDDEN, PLAIN_PARTS
from baseten_pulumi.schedules import ABSENT, OVERRIDES, TIMEZONE, is_schedule, name_of

_RequestedOverrides = built(
    "_RequestedOverrides", Request, {name: (requested_type(field), ...) for name, field in OVERRIDDEN.items()}
)
_RequestedSchedule = built(
    "_RequestedSchedule",
    Request,
    {
        "id": (str, None),
        "name": (str, ...),
        "weekdays": (list[str], ...),
        OVERRIDES: (_RequestedOverrides, ...),
        **{name: (requested_type(field), None) for name, field in PLAIN_PARTS.items()},
    },
)
_ReportedOverrides = built(
    "_ReportedOverrides", Answer, {name: (reported_type(field), None) for name, field in OVERRIDDEN.items()}
)
_ReportedSchedule = built(
    "_ReportedSchedule",
    Answer,
    {
        "id": (str, ...),
        "name": (str, ...),
        "weekdays": (leniently(list[Text]), None),
        OVERRIDES: (leniently(_ReportedOverrides), None),
        **{name: (reported_type(field), None) for name, field in PLAIN_PARTS.items()},
        "start_at": (leniently(Text), None),
        "end_at": (leniently(Text), None),
    },
)


def _readable(told: Any, _read: ValidatorFunctionWrapHandler) -> tuple[Any, ...]:
    read = [fitting(it, _ReportedSchedule.model_validate) for it in told] if isinstance(told, list) else []
    return tuple(schedule for schedule in read if schedule is not None)


class ReportedSchedules(Answer):
    """What an environment reports of its schedules; one without name or id is read past."""

    timezone: Annotated[Text | None, WrapValidator(fitting)] = None
    schedules: Annotated[tuple[Any, ...], WrapValidator(_readable)] = ()

    def nested(self) -> dict[str, Any]:
        """Return them as a program declares them: known by name."""
        plain = [it.model_dump(exclude={"id"}, exclude_none=True) for it in self.schedules]
        return {"timezone": self.timezone, "schedules": plain}

    def ids(self) -> dict[str, tuple[str, ...]]:
        """Return Baseten's id of each schedule, by name; several where several have one name."""
        found: dict[str, tuple[str, ...]] = {}
        for schedule in self.schedules:
            found[schedule.name] = (*found.get(schedule.name, ()), schedule.id)
        return found


def requested(settings: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return what a PATCH says of schedules: each wanted one in full, and the ids of those that are to go.

    Args:
        settings: Wanted settings by path; only schedules and their timezone count.
        ids: Baseten's ids of the schedules it has, by name. One that is not there is created, or gone already.
    """
    named = {name_of(path): value for path, value in settings.items() if is_schedule(path)}
    upserts = [_upsert(name, value, ids) for name, value in named.items() if value != ABSENT]
    deleted = [ids[name] for name, value in named.items() if value == ABSENT and name in ids]
    told = {"timezone": settings.get(TIMEZONE), "schedules": upserts, "delete_schedules": deleted}
    return {name: held for name, held in told.items() if held}


def _upsert(name: str, schedule: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Write a complete schedule; an override that is left out is an explicit null."""
    known = {"id": ids[name]} if name in ids else {}
    overrides = {override: schedule.get(OVERRIDES, {}).get(override) for override in OVERRIDDEN}
    whole: Any = _RequestedSchedule.model_validate({**known, **schedule, OVERRIDES: overrides})
    written: dict[str, Any] = whole.model_dump(exclude_unset=True)
    return written
