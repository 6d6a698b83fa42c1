"""`baseten-pulumi status`: a model's environments, their settings and promotions, as a table or as JSON."""

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from baseten_pulumi.cli import EXIT_STATUS, SUCCEEDED, fail, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read
from baseten_pulumi.schema.compare import shown
from baseten_pulumi.schema.environment import Promotion
from baseten_pulumi.schema.settings import FIELDS, GROUPS, Field, Value, nest

if TYPE_CHECKING:
    from rich.table import Table

_EPILOG = f"""\
examples:
  baseten-pulumi status --model llama-chat
  baseten-pulumi status --model llama-chat --env staging --env production --json > settings.json

--json prints one object:
  model         {{"id", "name", "team_name"}}; null if Baseten does not report it
  environments  an array sorted by env_name, empty if the model has none; each has
    env_name    the name
    in_progress_promotion
                null, or {{"status", "is_running", "percent_traffic_to_new_version", "error_message"}} of the latest
                promotion, which may have ended
    and the settings objects under the API's names. Every known setting is present, null if Baseten does not report it.
Keys may be added; none will be renamed or removed.

The API key is read from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL; stack configuration is not used.
NO_COLOR turns colors off, and output to a pipe or file has none.

{EXIT_STATUS}"""
_RICH_MISSING = 'The table needs one more package: pip install "baseten-pulumi[cli]". --json does not need it.'
# Nothing is cut in a pipe or file.
_UNLIMITED_WIDTH = 100_000
_NOT_REPORTED = ("–", "dim")


def run(arguments: Sequence[str]) -> int:
    """Print the table or the JSON; return the exit status.

    Args:
        arguments: The command line after `status`.
    """
    chosen = parser().parse_args(arguments)
    if not chosen.json and find_spec("rich") is None:
        return fail(_RICH_MISSING)
    found = read(chosen.model, chosen.env)
    write(_json(found) if chosen.json else _tables(found))
    return SUCCEEDED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi status",
        description="Show a model's environments as Baseten reports them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    return parser


def _json(found: ModelEnvironments) -> str:
    environments = [
        {
            "env_name": env_name,
            "in_progress_promotion": environment.promotion and environment.promotion.outputs(),
            **nest({path: environment.settings.get(path) for path in FIELDS}),
        }
        for env_name, environment in found.environments.items()
    ]
    return json.dumps({"model": found.model.model_dump(), "environments": environments}, indent=2) + "\n"


def _tables(found: ModelEnvironments) -> str:
    """Return tables of as many environments as the terminal is wide enough for, at least one in each."""
    from rich.console import Console
    from rich.text import Text

    terminal = Console()
    console = Console(
        width=terminal.width if terminal.is_terminal else _UNLIMITED_WIDTH,
        highlight=False,
        color_system=None if terminal.no_color else "auto",  # NO_COLOR alone leaves bold and dim
    )
    unlimited = console.options.update(width=_UNLIMITED_WIDTH)
    console.begin_capture()
    console.print(Text(f"Model {found.title}", "bold"))
    if not found.environments:
        console.print("It has no environments.")
    names = list(found.environments)
    while names:
        count = len(names)
        while count > 1 and console.measure(_table(found, names[:count]), options=unlimited).maximum > console.width:
            count -= 1
        console.print(_table(found, names[:count]))
        names = names[count:]
    return "".join(f"{line.rstrip()}\n" for line in console.end_capture().splitlines())


def _table(found: ModelEnvironments, names: Sequence[str]) -> "Table":
    """Return a table with a row for each setting and a column for each environment."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    table.add_column("setting", no_wrap=True)
    for name in names:
        table.add_column(Text(printable(name)), no_wrap=True)
    environments = [found.environments[name] for name in names]
    table.add_row("promotion", *(Text(*_promotion(environment.promotion)) for environment in environments))
    for group in GROUPS:
        indent = "  " * group.count(".")
        table.add_row(Text(f"{indent}{group.rpartition('.')[2]}", "bold"))
        for field in (it for it in FIELDS.values() if it.group == group):
            cells = [Text(*_setting(field, environment.settings.get(field.path))) for environment in environments]
            table.add_row(f"{indent}  {field.name}", *cells)
    return table


def _promotion(promotion: Promotion | None) -> tuple[str, str]:
    """Return text and style."""
    if promotion is None:
        return _NOT_REPORTED
    percent = promotion.percent_traffic_to_new_version
    text = promotion.status if percent is None else f"{promotion.status}, {percent} %"
    if promotion.error_message:
        text = f"{text}: {promotion.error_message}"
    return text, "yellow" if promotion.is_running else "dim"


def _setting(field: Field, value: Value | None) -> tuple[str, str]:
    """Return text and style; a value that is not Baseten's default stands out."""
    if value is None:
        return _NOT_REPORTED
    return shown(value), "" if value == field.default else "cyan"
