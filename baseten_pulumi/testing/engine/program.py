"""The child process that runs the user's program: Pulumi's SDK pointed at the local engine.

Started by path with this interpreter; what to run comes as one line of JSON on standard input, which then stays open:
when it closes, the engine is gone and so is this process. It must import nothing but the SDK and the program.
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

_STATUS_AFTER_A_MESSAGE = 32  # Pulumi's own language host exits so when the error was shown already
_THREADS_PER_OPERATION = 4  # as Pulumi's own: registrations that wait must not keep others from being sent


def main() -> int:
    """Run the program and return the process's exit status."""
    start = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_engine, args=(os.dup(sys.stdin.fileno()),), daemon=True).start()
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    sys.path[0] = start["directory"]
    sys.argv = [start["main"]]
    return _run(start)


def _end_with_the_engine(descriptor: int) -> None:
    while os.read(descriptor, 1024):
        pass
    os._exit(1)


def _run(start: dict[str, Any]) -> int:
    import pulumi

    pulumi.runtime.set_all_config(start["config"], [])
    names = ("project", "stack", "organization", "monitor", "engine", "dry_run", "parallel", "root_directory")
    pulumi.runtime.configure(pulumi.runtime.Settings(**{name: start[name] for name in names}))
    pulumi.log.debug = _unheard  # the SDK's four for each resource would be four calls that nobody sees
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a failed run leaves futures unobserved, by design
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    threads = ThreadPoolExecutor(max_workers=max(start["parallel"], 1) * _THREADS_PER_OPERATION)
    loop.set_default_executor(threads)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _program(start["main"])))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001 — whatever a program raises is shown to its author
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_users_trace(start['main'])}")
        return _STATUS_AFTER_A_MESSAGE
    finally:
        threads.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _unheard(*_words: Any, **_options: Any) -> None:
    """Stand for debug lines, which this engine shows nobody."""


def _program(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def _users_trace(path: str) -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    directory = path if Path(path).is_dir() else str(Path(path).parent)
    theirs = [index for index, frame in enumerate(frames) if frame.filename.startswith(directory)]
    return traceback.format_exc(limit=theirs[0] - len(frames) if theirs else None)


if __name__ == "__main__":
    sys.exit(main())
