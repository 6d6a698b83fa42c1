"""`baseten-pulumi export`: what is set today, as a program or as a stack's configuration."""

import argparse
from collections.abc import Sequence

from baseten_pulumi.cli.answering import EXIT_STATUS, answered
from baseten_pulumi.cli.surveying import add_arguments, survey
from baseten_pulumi.errors import EnvironmentNotFoundError, Statements

_DESCRIPTION = """\
Print a Pulumi program that declares what is set today at Baseten. Its first preview creates the resources and nothing
else, and its first up changes nothing. What Baseten does not report, or a program cannot declare, stands in a comment.
"""
_EPILOG = f"""\
examples:
  baseten-pulumi export --model llama-chat > __main__.py
  baseten-pulumi export --model llama-chat --env production --stack-config | tee Pulumi.production.yaml

The key is BASETEN_API_KEY, the address BASETEN_BASE_URL; a stack's configuration is not read.

{EXIT_STATUS}"""


def run(arguments: Sequence[str]) -> int:
    """Print the program; return the exit status.

    Args:
        arguments: What follows `export` on the command line.
    """
    chosen = _parser().parse_args(arguments)
    return answered(lambda: _text(chosen))


def _text(chosen: argparse.Namespace) -> str:
    from baseten_pulumi.cli import writing

    found = survey(chosen.model, chosen.env)
    if not found.environments:
        raise EnvironmentNotFoundError(
            Statements(
                goal=f"Model {found.title} could not be exported.",
                seen="It has no environments.",
                now="",
                advice="Create one at Baseten first, or promote a deployment.",
            )
        )
    return writing.stack_config(found) if chosen.stack_config else writing.program(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi export",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--stack-config",
        action="store_true",
        help="print configuration for Pulumi.<stack>.yaml instead, which settings_from_config() reads",
    )
    return parser
