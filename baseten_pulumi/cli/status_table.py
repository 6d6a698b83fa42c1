"""A survey as a table: a row for each setting, a column for each environment."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from baseten_pulumi.api.models import Promotion
from baseten_pulumi.cli.surveying import Survey
from baseten_pulumi.fields import FIELDS, GROUPS, Field, Value

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
    return Console(width=terminal.width if terminal.is_terminal else _UNLIMITED_WIDTH, highlight=False)


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
        table.add_column(Text(name), no_wrap=True)
    environments = [survey.environments[name] for name in names]
    table.add_row("promotion", *(_promotion(it.promotion) for it in environments))
    for group in GROUPS:
        indent, (_, _, name) = "  " * group.count("."), group.rpartition(".")
        table.add_row(Text(f"{indent}{name}", "bold"))
        for field in (it for it in FIELDS.values() if it.group == group):
            table.add_row(
                f"{indent}  {field.name}", *(_setting(field, it.settings.get(field.path)) for it in environments)
            )
    return table


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
