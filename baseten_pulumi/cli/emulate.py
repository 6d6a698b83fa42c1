"""`baseten-pulumi emulate`: the emulator in the foreground, a line for each request."""

import argparse
import re
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from baseten_pulumi.cli.answering import FAILED, MISUNDERSTOOD, SUCCEEDED, refused, say

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator, RecordedRequest

_AWAKE_EVERY_SECONDS = 0.5
_OPTION = re.compile(r"\b(apply_seconds|rate_limit|rate_burst)\b")
_EPILOG = f"""\
examples, the first in another terminal:
  baseten-pulumi emulate --port 8095 --apply-seconds 3
  curl -H "Authorization: Api-Key any" http://127.0.0.1:8095/v1/models
  curl -H "Authorization: Api-Key any" -H "Content-Type: application/json" -X PATCH \\
    -d '{{"autoscaling_settings": {{"max_replica": 4}}}}' \\
    http://127.0.0.1:8095/v1/models/lm4chat8/environments/production

It holds everything in memory, and prints a line for each request.

exit status:
  {SUCCEEDED:<4} ended by Ctrl-C or SIGTERM
  {FAILED:<4} not started; what is in the way stands on standard error
  {MISUNDERSTOOD:<4} the command line is not understood"""


def run(arguments: Sequence[str], wait: Callable[[], None] | None = None) -> int:
    """Serve until interrupted or terminated; return the exit status.

    Args:
        arguments: What follows `emulate` on the command line.
        wait: Returns when it is time to stop; None for the usual signals.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        emulator = _emulator(chosen)
        until_stopped = wait or _signals()
        with emulator:
            _introduce(emulator)
            until_stopped()
    except ImportError as error:
        return refused(str(error))
    except OSError as error:
        return refused(error.strerror or str(error))
    except OverflowError:
        parser.error(f"--port must be from 0 to 65535, got {chosen.port}")
    except ValueError as error:
        parser.error(_OPTION.sub(lambda it: f"--{it[0].replace('_', '-')}", str(error)))
    return SUCCEEDED


def report(request: "RecordedRequest") -> None:
    """Print the line of a request."""
    ending = "dropped" if request.status is None else str(request.status)
    _say(" ".join(part for part in (request.method, request.path, ending, request.outcome) if part))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi emulate",
        description="Serve Baseten's API on this machine, with a small fictional account.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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


def _signals() -> Callable[[], None]:
    """Have signals end the command rather than Python, and return what waits for one.

    The system gives a signal to any thread, Python handles it on the main one, and no other wakes that.
    """
    signalled = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signalled.set())

    def wait() -> None:
        while not signalled.wait(_AWAKE_EVERY_SECONDS):
            pass

    return wait


def _say(line: str) -> None:
    say(f"{line}\n")
