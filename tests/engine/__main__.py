"""The command line: the Pulumi CLI's commands and flags, as far as the stand-in serves them."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.engine import checkpoint
from tests.engine.deployment import DEFAULT_PARALLEL, Options
from tests.engine.diff import readable
from tests.engine.operation import operate
from tests.engine.project import ProjectError, checkpoint_path, read_project

FAILED, UNEXPECTED_CHANGES, CALLED_OFF = 1, 7, 8
"""Exit statuses of the Pulumi CLI."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _stack_command(options) if options.command == "stack" else _operation(options)
    except (ProjectError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-s", "--stack", default="dev")
    shared.add_argument("-C", "--cwd", default=".")
    for ignored in ("--non-interactive", "--yes", "--skip-preview"):  # it never asks, and never previews first
        shared.add_argument(ignored, action="store_true", help="has no effect")
    shared.add_argument("--color", help="has no effect")
    parser = argparse.ArgumentParser(prog="python -m tests.engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "preview", "refresh", "destroy"):
        operation = commands.add_parser(name, parents=[shared])
        operation.add_argument("--diff", action="store_true")
        operation.add_argument("-p", "--parallel", type=int, default=DEFAULT_PARALLEL)
        operation.add_argument("--expect-no-changes", action="store_true")
        operation.add_argument("-r", "--refresh", action="store_true")
        operation.add_argument("--continue-on-error", action="store_true")
    stack = commands.add_parser("stack").add_subparsers(dest="stack_command", required=True)
    stack.add_parser("output", parents=[shared]).add_argument("--json", action="store_true", required=True)
    stack.add_parser("export", parents=[shared])
    return parser


def _stack_command(options: argparse.Namespace) -> int:
    resources = checkpoint.read(checkpoint_path(read_project(Path(options.cwd), options.stack), os.environ))
    is_export = options.stack_command == "export"
    shown: Any = checkpoint.deployment(resources) if is_export else readable(checkpoint.stack_outputs(resources))
    print(json.dumps(shown, indent=2, ensure_ascii=False))
    return 0


def _operation(options: argparse.Namespace) -> int:
    flags = Options(
        is_preview=options.command == "preview",
        refresh=options.refresh,
        show_diff=options.diff,
        continue_on_error=options.continue_on_error,
        parallel=options.parallel,
    )
    deployment = operate(options.command, read_project(Path(options.cwd), options.stack), flags)
    if deployment.has_failed:
        return CALLED_OFF if deployment.cancels > 1 else FAILED
    if options.expect_no_changes and deployment.display.has_changes:
        print("error: no changes were expected but changes occurred", file=sys.stderr, flush=True)
        return UNEXPECTED_CHANGES
    return 0


if __name__ == "__main__":
    sys.exit(main())
