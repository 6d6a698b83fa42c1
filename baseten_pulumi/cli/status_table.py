"""A survey as a table: a row for each setting, a column for each environment."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from baseten_pulumi.api.models import Promotion
from baseten_pulumi.cli.surveying import Survey, one_line
from baseten_pulumi.fields import FIELDS, GROUPS, Field, Settings, Value
from baseten_pulumi.schedules import OVERRIDES, SCHEDULES, TIMEZONE, is_schedule, name_of

# What is piped is cut nowhere.
_UNLIMITED_WIDTH = 100_000
_NOTHING = Text("–", "dim")


def written(survey: Survey) -> str:
    """Return the tables, as many below each other as the terminal's width makes necessary.

    Settings that are not what Baseten uses by default stand out, where there are colours.
    """
    console = _console()
    console.begin_capture()
    console.print(Text(f"Model {survey.title}", "bold"))
    if not survey.environments:
        console.print("It has no environments.")
    for names in _fitting(console, survey, list(survey.environments)):
        console.print(_table(survey, names))
    return "".join(f"{line.rstrip()}\n" for line in console.end_capture().splitlines())


def _console() -> Console:
    terminal = Console()
    return Console(
        width=terminal.width if terminal.is_terminal else _UNLIMITED_WIDTH,
        highlight=False,
        color_system=None if terminal.no_color else "auto",  # else NO_COLOR leaves bold and dim
    )


def _fitting(console: Console, survey: Survey, names: list[str]) -> Iterator[list[str]]:
    """Yield as many environments at a time as fit beside each other; one at least."""
    unlimited = console.options.update(width=_UNLIMITED_WIDTH)
    while names:
        count = len(names)
        while count > 1 and console.measure(_table(survey, names[:count]), options=unlimited).maximum > console.width:
            count -= 1
        yield names[:count]
        names = names[count:]


def _table(survey: Survey, names: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("setting", no_wrap=True)
    for name in names:
        table.add_column(Text(one_line(name)), no_wrap=True)
    environments = [survey.environments[name] for name in names]
    table.add_row("promotion", *(_promotion(it.promotion) for it in environments))
    for group in GROUPS:
        indent, (_, _, name) = "  " * group.count("."), group.rpartition(".")
        table.add_row(Text(f"{indent}{name}", "bold"))
        for field in (it for it in FIELDS.values() if it.group == group):
            table.add_row(
                f"{indent}  {field.name}", *(_setting(field, it.settings.get(field.path)) for it in environments)
            )
    _add_schedules(table, [it.settings for it in environments])
    return table


def _add_schedules(table: Table, environments: Sequence[Settings]) -> None:
    paths = dict.fromkeys(path for settings in environments for path in settings if is_schedule(path))
    if paths:
        table.add_row(Text(SCHEDULES, "bold"))
        table.add_row("  timezone", *(_shown(settings.get(TIMEZONE)) for settings in environments))
    for path in paths:
        table.add_row(
            Text(f"  {one_line(name_of(path))}"), *(_schedule(settings.get(path)) for settings in environments)
        )


def _schedule(schedule: Any) -> Text:
    """Return when a schedule runs and with how many replicas."""
    if isinstance(schedule, list):
        return Text(f"there {len(schedule)} times", "yellow")
    if not isinstance(schedule, dict):
        return _NOTHING
    hours = [f"{schedule.get(f'{end}_hour', '*')}:{schedule.get(f'{end}_minute', 0):02}" for end in ("start", "end")]
    when = schedule.get("start_at") or "–".join(hours)
    overrides = schedule.get(OVERRIDES, {})
    replicas = f"{overrides.get('min_replica')}–{overrides.get('max_replica')} replicas"
    is_on = schedule.get("enabled") is not False
    cadence = " ".join([str(schedule.get("cadence")), *(day[:3].title() for day in schedule.get("weekdays") or ())])
    return Text(f"{cadence} {when}, {replicas}{'' if is_on else ' (off)'}", "" if is_on else "dim")


def _shown(value: Any) -> Text:
    return _NOTHING if value is None else Text(str(value))


def _promotion(promotion: Promotion | None) -> Text:
    if promotion is None:
        return _NOTHING
    percent = "" if promotion.percent is None else f", {promotion.percent} %"
    return Text(f"{promotion.status}{percent}", "yellow" if promotion.is_running else "dim")


def _setting(field: Field, value: Value | None) -> Text:
    if value is None:
        return _NOTHING
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return Text(shown, "" if value == field.default else "cyan")
