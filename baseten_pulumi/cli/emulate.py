"""`baseten-pulumi emulate`: run the emulator in the foreground and print a line for each request."""

import argparse
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from baseten_pulumi.cli import FAILED, INVALID_COMMAND_LINE, SUCCEEDED, fail, write

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator, RecordedRequest

_WAKE_UP_SECONDS = 0.5
_EPILOG = f"""\
examples (run the first in another terminal):
  baseten-pulumi emulate --port 8095 --apply-seconds 3
  curl -H "Authorization: Api-Key any" http://127.0.0.1:8095/v1/models
  curl -H "Authorization: Api-Key any" -H "Content-Type: application/json" -X PATCH \\
    -d '{{"autoscaling_settings": {{"max_replica": 4}}}}' \\
    http://127.0.0.1:8095/v1/models/lm4chat8/environments/production

The emulator keeps everything in memory and prints a line for each request.

exit status:
  {SUCCEEDED:<4} stopped by Ctrl-C or SIGTERM
  {FAILED:<4} failed to start; the reason is on standard error
  {INVALID_COMMAND_LINE:<4} invalid command line"""


def run(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    Args:
        arguments: The command line after `emulate`.
    """
    options = parser()
    chosen = options.parse_args(arguments)
    try:
        from baseten_pulumi.testing.emulator import Emulator

        with Emulator(**vars(chosen), on_request=_print_request) as emulator:
            _serve(emulator)
    except ImportError as error:
        return fail(str(error))
    except OSError as error:  # the port is in use, or may not be used
        return fail(error.strerror or str(error))
    except OverflowError:
        options.error(f"--port must be from 0 to 65535, got {chosen.port}")
    except ValueError as error:
        options.error(str(error).replace("_", "-"))  # the emulator names its parameters
    return SUCCEEDED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its options are the parameters of `Emulator`."""
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi emulate",
        description="Run an emulator of Baseten's API on this machine, with a small fictional account.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8095, help="port to listen on; 0 picks a free one (default: 8095)")
    parser.add_argument(
        "--apply-seconds",
        type=float,
        default=0.0,
        help="time between accepting settings and reporting them (default: 0)",
        metavar="SECONDS",
    )
    parser.add_argument("--api-key", help="the only key to accept (default: any)", metavar="KEY")
    parser.add_argument(
        "--rate-limit",
        type=float,
        help="requests per second for each key and endpoint (default: no limit)",
        metavar="N",
    )
    parser.add_argument(
        "--rate-burst",
        type=float,
        help="requests accepted at once after a pause (default: one second's worth)",
        metavar="N",
    )
    parser.add_argument("--replica-cap", type=int, help="the account's cap on replicas (default: none)", metavar="N")
    return parser


def _serve(emulator: "Emulator") -> None:
    """Introduce the emulator and wait for a signal."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    keys, key = ("any key", "anything") if emulator.api_key is None else ("one key", "<the key given as --api-key>")
    lines = [f"Baseten emulator on {emulator.url} · {keys} · settings take {emulator.apply_seconds:g} s to apply"]
    for model in emulator.models():
        names = ", ".join(environment["name"] for environment in emulator.environments(model["id"]))
        lines.append(f"  model {model['id']}  {model['name']}: {names}")
    lines += [f"  export BASETEN_BASE_URL={emulator.url}", f"  export BASETEN_API_KEY={key}"]
    write("".join(f"{line}\n" for line in lines))
    # Python handles a signal on the main thread, and one that another thread receives does not wake it up.
    while not stopped.wait(_WAKE_UP_SECONDS):
        pass


def _print_request(request: "RecordedRequest") -> None:
    parts = (request.method, request.path, request.status, request.outcome)
    write(" ".join(str(part) for part in parts if part is not None) + "\n")
