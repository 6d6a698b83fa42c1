"""`baseten-pulumi status`: models, their environments, settings and promotions, as tables or as JSON."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from baseten_pulumi.cli import EXIT_STATUS, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read, report
from baseten_pulumi.schema.compare import shown
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.schema.settings import FIELDS, GROUPS, Field, Value, nest

_EPILOG = f"""\
examples:
  baseten-pulumi status
  baseten-pulumi status --model llama-chat
  baseten-pulumi status --team Fictional --env staging --env production --json > settings.json

--json prints one object:
  models        an array sorted by name, or in the order of --model; each has
    id, name, team_name
                null if Baseten does not report it
    environments
                an array sorted by env_name, empty if the model has none, null if they cannot be read; each has
      env_name  the name
      created_at
                a time in ISO 8601
      instance_type
                {{"id", "name", "memory_limit_mib", "millicpu_limit", "gpu_count", "gpu_type", "gpu_memory_limit_mib"}}
      current_deployment, candidate_deployment
                null, or {{"id", "name", "created_at", "status", "active_replica_count", "instance_type_name",
                "labels"}} of the deployment that serves and of the one that is being promoted
      in_progress_promotion
                null, or {{"status", "is_running", "percent_traffic_to_new_version", "error_message",
                "rolling_deploy"}} of the latest promotion, which may have ended
      and the settings objects under the API's names. Every known setting is present.
Whatever Baseten does not report is null. Keys may be added; none will be renamed or removed.

The API key is read from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL; stack configuration is not used.
NO_COLOR turns colors off, and output to a pipe or file has none.

{EXIT_STATUS}"""
# Nothing is cut in a pipe or file.
_UNLIMITED_WIDTH = 100_000
_GAP = "  "
_FEWEST_COLUMNS = 2  # the settings and one environment
_BOLD, _DIM, _YELLOW, _CYAN = "1", "2", "33", "36"

_Cell: TypeAlias = tuple[str, str]
"""A text and its style, which is "" or the parameter of an escape sequence."""
_NOT_REPORTED = ("–", _DIM)


def run(arguments: Sequence[str]) -> int:
    """Print the tables or the JSON; return the exit status.

    Args:
        arguments: The command line after `status`.
    """
    chosen = parser().parse_args(arguments)
    found = read(chosen.model, chosen.team, chosen.env)
    if chosen.json:
        write(json.dumps({"models": list(map(_json, found))}, indent=2) + "\n")
        return report(found)
    is_terminal = sys.stdout.isatty()
    has_colors = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if is_terminal else _UNLIMITED_WIDTH
    write("\n".join("".join(_lines(one, width, has_colors=has_colors)) for one in found))
    return report(found)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi status",
        description="Show models and their environments as Baseten reports them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    return parser


def _json(found: ModelEnvironments) -> Mapping[str, Any]:
    environments = [
        {
            "env_name": env_name,
            "created_at": environment.created_at,
            "instance_type": environment.instance_type,
            "current_deployment": environment.current_deployment,
            "candidate_deployment": environment.candidate_deployment,
            "in_progress_promotion": environment.promotion and environment.promotion.outputs(),
            **nest({path: environment.settings.get(path) for path in FIELDS}),
        }
        for env_name, environment in found.environments.items()
    ]
    return {**found.model.model_dump(), "environments": None if found.error else environments}


def _lines(found: ModelEnvironments, width: int, *, has_colors: bool) -> Iterator[str]:
    """Yield the lines of a model: tables of as many environments as the width allows, at least one in each."""
    rows = [[(f"Model {found.title}", _BOLD)]]
    if not found.environments:
        rows.append([(found.reason or "It has no environments.", "")])
    names = list(found.environments)
    while names:
        table = _table({name: found.environments[name] for name in names})
        widths = [max(len(row[at][0]) for row in table if at < len(row)) for at in range(len(names) + 1)]
        while len(widths) > _FEWEST_COLUMNS and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
            widths.pop()
        rows += [[(text.ljust(size), style) for (text, style), size in zip(row, widths, strict=False)] for row in table]
        names = names[len(widths) - 1 :]
    for row in rows:
        *first, (last, style) = row
        cells = [*first, (last.rstrip(), style)]
        yield _GAP.join(f"\x1b[{style}m{text}\x1b[0m" if style and has_colors else text for text, style in cells) + "\n"


def _table(environments: Mapping[str, Environment]) -> list[list[_Cell]]:
    """Return a row for each property, with a cell for each environment after its name."""
    rows: list[list[_Cell]] = [
        [("setting", _BOLD), *((printable(name), _BOLD) for name in environments)],
        [("deployment", ""), *(_deployment(it.current_deployment) for it in environments.values())],
        [("promotion", ""), *(_promotion(it.promotion) for it in environments.values())],
    ]
    for group in GROUPS:
        indent = "  " * group.count(".")
        rows.append([(f"{indent}{group.rpartition('.')[2]}", _BOLD)])
        for field in (it for it in FIELDS.values() if it.group == group):
            cells = [_setting(field, it.settings.get(field.path)) for it in environments.values()]
            rows.append([(f"{indent}  {field.name}", ""), *cells])
    return rows


def _deployment(deployment: Mapping[str, Any] | None) -> _Cell:
    if deployment is None:
        return _NOT_REPORTED
    status, count = deployment["status"] or "UNKNOWN", deployment["active_replica_count"]
    return (f"{status}, {count} {'replica' if count == 1 else 'replicas'}" if count else status), ""


def _promotion(promotion: Promotion | None) -> _Cell:
    if promotion is None:
        return _NOT_REPORTED
    percent = promotion.percent_traffic_to_new_version
    text = promotion.status if percent is None else f"{promotion.status}, {percent} %"
    if promotion.error_message:
        text = f"{text}: {promotion.error_message}"
    return text, _YELLOW if promotion.is_running else _DIM


def _setting(field: Field, value: Value | None) -> _Cell:
    """Return a cell; a value that is not Baseten's default stands out."""
    if value is None:
        return _NOT_REPORTED
    return shown(value), "" if value == field.default else _CYAN
