"""The command `baseten-pulumi`: each sub-command is a module of its own, loaded only when it is called."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from baseten_pulumi.version import version

COMMANDS = {
    "emulate": "serve Baseten's API on this machine, for tests and trials",
    "export": "print a program that declares what is set today",
    "status": "show a model's environments, their settings and promotions",
}
"""Each sub-command with its line of help; the module of the same name has `run(arguments) -> int`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status.

    Args:
        arguments: What follows the command's name; None for the process's own.
    """
    parser = argparse.ArgumentParser(prog="baseten-pulumi", description="Tools of baseten-pulumi.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    status: int = import_module(f"{__name__}.{chosen.command}").run(rest)
    return status
