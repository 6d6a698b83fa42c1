"""`baseten-pulumi emulate`: run the emulator in the foreground and print a line for each request."""

import argparse
import json
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

  baseten-pulumi emulate --model abc123:my-model:dev,production --promotion abc123/production:30 \\
    --fault '{{"kind": "status", "status": 503, "times": 2, "method": "PATCH"}}'
  curl -H "Content-Type: application/json" -d '{{"percent": 40}}' \\
    http://127.0.0.1:8095/emulator/models/lm4chat8/environments/production/promotion

The emulator keeps everything in memory and prints a line for each request. While it runs,
/docs describes Baseten's API, and /emulator/docs the requests that start promotions, faults and changes by hand.

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
    script = {name: vars(chosen).pop(name) for name in ("model", "promotion", "fault")}
    try:
        from baseten_pulumi.testing.emulator import Emulator

        emulator = Emulator(**vars(chosen), on_request=_print_request)
        _prepare(emulator, **script)
        with emulator:
            _serve(emulator)
    except ImportError as error:
        return fail(str(error))
    except OSError as error:  # the port is in use, or may not be used
        return fail(error.strerror or str(error))
    except OverflowError:
        options.error(f"--port must be from 0 to 65535, got {chosen.port}")
    except ValueError as error:
        text = str(error)
        options.error(text if text.startswith("--") else text.replace("_", "-"))  # the emulator names its parameters
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
    parser.add_argument(
        "--deployment-seconds",
        type=float,
        default=0.0,
        help="time between reporting settings of an environment and of its deployment (default: 0)",
        metavar="SECONDS",
    )
    parser.add_argument(
        "--promotion-seconds",
        type=float,
        default=10.0,
        help="how long a promotion started by a request takes (default: 10)",
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
    parser.add_argument(
        "--allow-ramp-up",
        action="store_true",
        help="accept ramp_up_while_promoting: true, as Baseten did until October 2026",
    )
    parser.add_argument(
        "--later-setting",
        action="append",
        default=[],
        dest="later_settings",
        help="store and report what is at this path of a PATCH without validation; may be repeated",
        metavar="PATH",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="add a model; may be repeated",
        metavar="ID:NAME:ENVIRONMENT,…",
    )
    parser.add_argument(
        "--promotion",
        action="append",
        default=[],
        help="start a promotion that ends after SECONDS (default: never); may be repeated",
        metavar="MODEL/ENVIRONMENT[:SECONDS]",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        help="add a fault: a method of Fault and its parameters, as JSON; may be repeated",
        metavar="JSON",
    )
    return parser


def _prepare(emulator: "Emulator", model: list[str], promotion: list[str], fault: list[str]) -> None:
    """Add models, begin promotions and script faults.

    Raises:
        ValueError: An option is invalid.
    """
    from baseten_pulumi.testing.emulator import Fault
    from baseten_pulumi.testing.emulator.errors import ApiError

    text = ""
    for text in model:
        if text.count(":") != 2:  # noqa: PLR2004
            raise ValueError(f"--model must be ID:NAME:ENVIRONMENT,…, got {text}")
        model_id, name, environments = text.split(":")
        emulator.add_model(model_id, name, environments.split(","))
    try:
        for text in promotion:
            address, _, seconds = text.partition(":")
            model_id, _, env_name = address.partition("/")
            emulator.start_promotion(model_id, env_name, seconds=float(seconds) if seconds else None)
    except (ApiError, ValueError) as error:
        raise ValueError(f"--promotion {text}: {error}") from None
    try:
        for text in fault:
            emulator.faults.add(Fault.from_json(json.loads(text)))
    except (ValueError, TypeError) as error:
        raise ValueError(f"--fault {text}: {error}") from None


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
