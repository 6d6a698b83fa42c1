"""The command `baseten-pulumi`: each sub-command is a module of its own, loaded only when it is called."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from baseten_pulumi.cli.answering import EXIT_STATUS, INTERRUPTED, SUCCEEDED, say
from baseten_pulumi.version import __version__

COMMANDS = {
    "emulate": "serve Baseten's API on this machine, for tests and trials",
    "export": "print a program that declares what is set today",
    "status": "show a model's environments, their settings and promotions",
}
"""Each sub-command with its line of help; the module of the same name has `run(arguments) -> int`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status; without one say which there are.

    Args:
        arguments: What follows the command's name; None for the process's own.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # argparse's own words, help and version, may be unread, too
        return SUCCEEDED
    finally:
        say("")


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command is not None:
        status: int = import_module(f"{__name__}.{chosen.command}").run(rest)
        return status
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parser.print_help()
    return SUCCEEDED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi",
        description="Look at Baseten's environments, write a Pulumi program from them, or try one without an account.",
        epilog=f"`baseten-pulumi COMMAND --help` has examples.\n\n{EXIT_STATUS}; emulate ends with 0 then",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    return parser
