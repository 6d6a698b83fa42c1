"""`baseten-pulumi status`: a model's environments, their settings and any promotion under way."""

import argparse
from collections.abc import Sequence

from baseten_pulumi.cli.answering import EXIT_STATUS, answered, refused
from baseten_pulumi.cli.surveying import add_arguments, survey

_EPILOG = f"""\
examples:
  baseten-pulumi status --model llama-chat
  baseten-pulumi status --model llama-chat --env staging --env production --json > settings.json

--json prints one object:
  model         {{"id", "name", "team_name"}}; null where Baseten does not report one
  environments  an array sorted by env_name, empty where the model has none; each has
    env_name    the name
    in_progress_promotion
                null, or {{"status", "is_running", "percent_traffic_to_new_version"}} of the latest promotion, which may
                have ended
    and the objects of settings by the API's own names, every known setting in them, null where Baseten reports none;
    in autoscaling_schedule_settings the timezone and the array of schedules, what is null at Baseten left out.
Members may be added; none is renamed or removed.

The key is BASETEN_API_KEY, the address BASETEN_BASE_URL; a stack's configuration is not read. NO_COLOR is honoured, and
what is piped is plain.

{EXIT_STATUS}"""
_MISSING = 'The table needs one more package: pip install "baseten-pulumi[cli]". With --json none is needed.'


def run(arguments: Sequence[str]) -> int:
    """Print the table, or the JSON; return the exit status.

    Args:
        arguments: What follows `status` on the command line.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return answered(lambda: _text(chosen))
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "rich":
            raise
        return refused(_MISSING)


def _text(chosen: argparse.Namespace) -> str:
    if chosen.json:
        from baseten_pulumi.cli.status_json import written
    else:
        from baseten_pulumi.cli.status_table import written
    return written(survey(chosen.model, chosen.env))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi status",
        description="Show a model's environments as Baseten reports them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    return parser
