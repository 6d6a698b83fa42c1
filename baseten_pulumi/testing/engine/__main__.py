"""The command line: the words and flags of the Pulumi CLI, as far as this engine goes."""

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from baseten_pulumi.testing.engine.checkpoint import CheckpointError
from baseten_pulumi.testing.engine.display import BANNER, Display
from baseten_pulumi.testing.engine.local_engine import LocalEngine, Outcome, Wish
from baseten_pulumi.testing.engine.locking import LockedError
from baseten_pulumi.testing.engine.printing import write
from baseten_pulumi.testing.engine.project import ProjectError

# The exit statuses of the Pulumi CLI (3.260). A run interrupted once has failed; called off is one that was interrupted
# again, or that nobody agreed to.
FAILED, BAD_INVOCATION, UNEXPECTED_CHANGES, CALLED_OFF = 1, 2, 7, 8
INTERRUPTED = 130
_EPILOG = f"""\
examples, in a project's folder:
  python -m baseten_pulumi.testing.engine preview --diff --stack dev
  python -m baseten_pulumi.testing.engine up --yes --stack dev
  python -m baseten_pulumi.testing.engine stack output --json --stack dev

exit status, that of the Pulumi CLI:
  0    done
  {FAILED:<4} not done, or interrupted once; a preview found what up would refuse
  {BAD_INVOCATION:<4} the command line is not understood, or nobody could be asked
  {UNEXPECTED_CHANGES:<4} --expect-no-changes, and there are some
  {CALLED_OFF:<4} nobody agreed, or interrupted twice
  {INTERRUPTED:<4} interrupted where no operation was under way"""
_CANCELLING = (
    "Cancelling: nothing new starts, and what is under way may end.\n"
    "Press Ctrl-C again to end at once; what is cut off then is not in the state."
)
_HELP = {
    "up": "create, update and delete until the stack is what the program wants",
    "preview": "show what up would do",
    "refresh": "put what is really there into the state",
    "destroy": "delete everything the stack holds",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        write(sys.stdout, parser.format_help())
        return 0
    try:
        return _stack_command(options) if options.command == "stack" else _operation(options)
    except (ProjectError, CheckpointError, LockedError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return FAILED
    except KeyboardInterrupt:  # outside an operation, which knows what to do
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-s", "--stack", default="dev", help="the stack (default: dev)")
    shared.add_argument("-C", "--cwd", default=".", help="run as if started in this directory")
    shared.add_argument("--state", help="where checkpoints lie (default: a file:// backend's place, or .pulumi-local)")
    shared.add_argument("--non-interactive", action="store_true", help="never ask")
    shared.add_argument("--color", choices=("auto", "always", "never", "raw"), default="auto", help="when to colour")
    parser = argparse.ArgumentParser(
        prog="python -m baseten_pulumi.testing.engine",
        description=BANNER,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in _HELP.items():
        _add_operation(
            commands.add_parser(name, parents=[shared], help=text, description=f"{text.capitalize()}."), name
        )
    stack = commands.add_parser("stack", help="look at a stack").add_subparsers(dest="stack_command", required=True)
    outputs = stack.add_parser("output", parents=[shared], help="show the outputs")
    outputs.add_argument("name", nargs="?", help="one output alone")
    outputs.add_argument("-j", "--json", action="store_true", help="as JSON")
    stack.add_parser("export", parents=[shared], help="show the deployment as JSON, secrets masked")
    return parser


def _add_operation(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--diff", action="store_true", help="show which properties change")
    parser.add_argument(
        "-p", "--parallel", type=int, help="steps at once (default: PULUMI_PARALLEL, else 4 for each core)"
    )
    parser.add_argument("--expect-no-changes", action="store_true", help="fail where there are changes")
    if name != "refresh":
        parser.add_argument("-r", "--refresh", action="store_true", help="refresh first")
    if name != "preview":
        parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
        parser.add_argument("-f", "--skip-preview", action="store_true", help="no preview first")
    if name in ("up", "destroy"):
        parser.add_argument("--continue-on-error", action="store_true", help="go on with what does not depend on it")


def _engine(options: argparse.Namespace) -> LocalEngine:
    return LocalEngine(options.cwd, stack=options.stack, state_dir=options.state)


def _stack_command(options: argparse.Namespace) -> int:
    engine = _engine(options)
    if options.stack_command == "export":
        write(sys.stdout, f"{json.dumps(engine.export(), indent=4, ensure_ascii=False)}\n")
        return 0
    outputs: Any = engine.outputs()
    if options.name is not None:
        if options.name not in outputs:
            print(f"error: the stack has no output {options.name!r}", file=sys.stderr)
            return FAILED
        outputs = outputs[options.name]
    elif not options.json:
        head = f"Current stack outputs ({len(outputs)}):"
        rows = [("OUTPUT", "VALUE"), *((key, _plain(value)) for key, value in sorted(outputs.items()))]
        width = max(len(key) for key, _ in rows)
        outputs = "\n".join([head, *(f"    {key:<{width}}  {value}" for key, value in rows)])
    shown = json.dumps(outputs, indent=2, ensure_ascii=False) if options.json else _plain(outputs)
    write(sys.stdout, f"{shown}\n")
    return 0


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _operation(options: argparse.Namespace) -> int:
    asking = options.command != "preview" and not options.yes and not options.skip_preview
    if asking and (options.non_interactive or not sys.stdin.isatty()):
        print("error: --yes or --skip-preview must be given where nobody can be asked", file=sys.stderr)
        return BAD_INVOCATION
    write(sys.stdout, f"{BANNER}\n")
    engine = _engine(options)
    with _cancelling_on_signals(engine) as signals:
        status = _with_preview(engine, options, asking=asking)
    return CALLED_OFF if len(signals) > 1 else status


def _with_preview(engine: LocalEngine, options: argparse.Namespace, *, asking: bool) -> int:
    if options.command == "preview":
        return _status(_operate(engine, options, "up", dry_run=True), options)
    if not options.skip_preview:
        outcome = _operate(engine, options, options.command, dry_run=True)
        if not outcome.succeeded or (asking and not _agreed(options)):
            return _status(outcome, options) or CALLED_OFF
    return _status(_operate(engine, options, options.command, dry_run=False), options)


def _operate(engine: LocalEngine, options: argparse.Namespace, kind: str, *, dry_run: bool) -> Outcome:
    wish = Wish(
        dry_run=dry_run,
        refresh=getattr(options, "refresh", False),
        continue_on_error=getattr(options, "continue_on_error", False),
        parallel=options.parallel,
    )
    colour = {"always": True, "never": False, "raw": False}.get(options.color)
    return engine.operate(kind, wish, Display(sys.stdout, show_diff=options.diff, colour=colour))


def _status(outcome: Outcome, options: argparse.Namespace) -> int:
    if not outcome.succeeded:
        return FAILED
    if options.expect_no_changes and outcome.changed:
        print(f"error: no changes were expected for {options.command} but there are some", file=sys.stderr)
        return UNEXPECTED_CHANGES
    return 0


def _agreed(options: argparse.Namespace) -> bool:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # no operation is under way to be cancelled
    try:
        answer = input(f"Do you want to perform this {options.command}? (yes/no) ")
    except (EOFError, KeyboardInterrupt):
        write(sys.stdout, "\n")
        return False
    finally:
        signal.signal(signal.SIGINT, before)
    return answer.strip().lower() in ("y", "yes")


@contextlib.contextmanager
def _cancelling_on_signals(engine: LocalEngine) -> Iterator[list[int]]:
    """End the operation under way when told to; the list grows with each signal."""
    received: list[int] = []

    def cancel(number: int, _frame: Any) -> None:
        received.append(number)
        # Not in the handler itself: the main thread may hold a lock that cancelling needs.
        threading.Thread(target=_cancel, args=(engine, received), daemon=True).start()

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cancel(engine: LocalEngine, received: list[int]) -> None:
    engine.cancel()
    if len(received) == 1:
        write(sys.stderr, f"{_CANCELLING}\n")


if __name__ == "__main__":
    sys.exit(main())
