"""The command `baseten-pulumi`, and how its sub-commands end.

Each sub-command is a module of its own, imported only when it is run. It writes what was asked for to standard output
and errors to standard error.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TextIO

from baseten_pulumi.errors import BasetenError
from baseten_pulumi.version import __version__

COMMANDS = {
    "emulate": "run an emulator of Baseten's API on this machine, for tests and experiments",
    "export": "print a Pulumi program that declares the current settings of some or all models",
    "status": "show the environments of some or all models: settings, deployments and promotions",
}
"""Each sub-command with its line of help; the module of the same name has `run(arguments) -> int`."""

SUCCEEDED, FAILED, INVALID_COMMAND_LINE, INTERRUPTED = 0, 1, 2, 130
EXIT_STATUS = f"""\
exit status:
  {SUCCEEDED:<4} success
  {FAILED:<4} failed; the reason is on standard error
  {INVALID_COMMAND_LINE:<4} invalid command line
  {INTERRUPTED:<4} interrupted (Ctrl-C)"""
"""The exit statuses of commands that read from Baseten, for their help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status; without a sub-command, print the help.

    Args:
        arguments: The command line without the program's name; None for the command line of this process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a character that the terminal lacks must not end the command
    try:
        return _run(arguments)
    except BasetenError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        write("")  # argparse leaves its help in the buffer, and Python's own flush would complain about a closed pipe


def write(text: str, stream: TextIO | None = None) -> None:
    """Write and flush. If the reader has closed the pipe, this and everything after it is discarded.

    Args:
        text: What to write, line ends included.
        stream: None for standard output.
    """
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail(message: str) -> int:
    """Write why a command failed to standard error; return the exit status."""
    write(f"{message}\n", sys.stderr)
    return FAILED


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi",
        description="Show Baseten environments, export them as a Pulumi program, or emulate Baseten's API.",
        epilog=f"`baseten-pulumi COMMAND --help` has examples.\n\n{EXIT_STATUS}; emulate then exits with {SUCCEEDED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command is not None:
        status: int = import_module(f"{__name__}.{chosen.command}").run(rest)
        return status
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parser.print_help()
    return SUCCEEDED
