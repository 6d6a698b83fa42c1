"""`baseten-pulumi emulate`: the emulator in the foreground, a line for each request."""

import argparse
import contextlib
import io
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator, RecordedRequest

_MISSING = 'The emulator needs two more packages: pip install "baseten-pulumi[testing]"'


def run(arguments: Sequence[str], wait: Callable[[], None] | None = None) -> int:
    """Serve until interrupted or terminated; return the exit status.

    Args:
        arguments: What follows `emulate` on the command line.
        wait: Returns when it is time to stop; None for the usual signals.
    """
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the middle dot must not end the emulator
    try:
        emulator = _emulator(chosen)
        until_stopped = wait or _signals().wait
        with emulator:
            _introduce(emulator)
            until_stopped()
    except ModuleNotFoundError as error:
        return _refused(_MISSING if (error.name or "").partition(".")[0] in ("starlette", "uvicorn") else str(error))
    except (OSError, ValueError) as error:
        return _refused(getattr(error, "strerror", None) or str(error))
    return 0


def report(request: "RecordedRequest") -> None:
    """Print the line of a request."""
    ending = "dropped" if request.status is None else str(request.status)
    with contextlib.suppress(BrokenPipeError):  # whoever read the lines has gone; others may still use the emulator
        _say(" ".join(part for part in (request.method, request.path, ending, request.outcome) if part))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi emulate",
        description="Serve Baseten's API on this machine, with a small fictional account.",
    )
    parser.add_argument("--port", type=int, default=8095, help="where to listen; 0 picks a free port (default: 8095)")
    parser.add_argument(
        "--apply-seconds",
        type=float,
        default=0.0,
        help="from accepting settings to reporting them (default: 0)",
        metavar="SECONDS",
    )
    parser.add_argument(
        "--api", choices=("current", "founding"), default="current", help="which page of the API (default: current)"
    )
    parser.add_argument("--api-key", default=None, help="the only key let in (default: any)", metavar="KEY")
    parser.add_argument(
        "--rate-limit",
        type=float,
        default=None,
        help="requests a second for each key and endpoint (default: no limit)",
        metavar="N",
    )
    parser.add_argument(
        "--rate-burst",
        type=float,
        default=None,
        help="requests let in at once after a rest (default: those of one second)",
        metavar="N",
    )
    parser.add_argument(
        "--replica-cap", type=int, default=None, help="the account's cap on replicas (default: none)", metavar="N"
    )
    return parser


def _emulator(chosen: argparse.Namespace) -> "Emulator":
    from baseten_pulumi.testing.emulator import Emulator

    return Emulator(
        port=chosen.port,
        apply_seconds=chosen.apply_seconds,
        api=chosen.api,
        api_key=chosen.api_key,
        rate_limit=chosen.rate_limit,
        rate_burst=chosen.rate_burst,
        replica_cap=chosen.replica_cap,
        on_request=report,
    )


def _introduce(emulator: "Emulator") -> None:
    keys = "any key" if emulator.api_key is None else "one key"
    page = "" if emulator.api == "current" else f" · {emulator.api} API"
    _say(f"Baseten emulator on {emulator.url} · {keys} · settings take {emulator.apply_seconds:g} s to apply{page}")
    for model in emulator.models():
        names = ", ".join(each["name"] for each in emulator.environments(model["id"]))
        _say(f"  model {model['id']}  {model['name']}: {names}")
    _say(f"  export BASETEN_BASE_URL={emulator.url}")
    _say(f"  export BASETEN_API_KEY={'anything' if emulator.api_key is None else '<the key given as --api-key>'}")


def _signals() -> threading.Event:
    signalled = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signalled.set())
    return signalled


def _say(line: str) -> None:
    print(line, flush=True)


def _refused(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1
