"""The child process that runs the user's program.

The engine runs this file by its path. One line of JSON on standard input says what to run; once the input closes, the
engine is gone, and so is this process.
"""

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_SHOWN = 32  # the exit status of Pulumi's own language host once the error was shown
_THREADS_PER_OPERATION = 4  # as in Pulumi's own: registrations that wait must not keep others from being sent


def main() -> int:
    """Run the program, and return its exit status."""
    start = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_engine, args=(os.dup(sys.stdin.fileno()),), daemon=True).start()
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    main_path = Path(start["main"])
    sys.path[0] = str(main_path if main_path.is_dir() else main_path.parent)
    sys.argv = [start["main"]]
    return _run(start)


def _end_with_the_engine(descriptor: int) -> None:
    while os.read(descriptor, 1024):
        pass
    os._exit(1)


def _run(start: dict[str, Any]) -> int:
    import pulumi

    pulumi.runtime.set_all_config(start["config"], [])
    pulumi.runtime.configure(pulumi.runtime.Settings(**start["settings"]))
    pulumi.log.debug = lambda *_words, **_options: None  # four calls for each resource, that nobody sees
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a failed run leaves futures that nobody awaits
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    threads = ThreadPoolExecutor(start["settings"]["parallel"] * _THREADS_PER_OPERATION)
    loop.set_default_executor(threads)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _program(start["main"])))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001 - whatever a program raises is shown
        pulumi.log.error(f"Program failed with an unhandled exception:\n{traceback.format_exc()}")
        return _SHOWN
    finally:
        threads.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _program(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
