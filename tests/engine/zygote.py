"""Start Python processes by forking one that has Pulumi loaded, which is most of what an operation costs.

For tests, which run hundreds of operations in one process; `python -m tests.engine` starts every process anew.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_LOADED = (
    "pulumi.dynamic",
    "baseten_pulumi",
    "baseten_pulumi.provider.apply",
    "baseten_pulumi.provider.apply_schedule",
)
_NOT_PASSED_ON = ("BASETEN_", "COVERAGE_", "PULUMI_")
_LARGEST_CHUNK = 1 << 16


class Zygote:
    """A process that has loaded Pulumi, and forks itself for each process that is asked for."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        command = [sys.executable, "-u", str(Path(__file__))]
        self._popen = subprocess.Popen(command, stdin=theirs.fileno(), env=environment, start_new_session=True)
        theirs.close()
        self._lock = threading.Lock()

    def start(self, arguments: list[str], directory: Path, environment: Mapping[str, str]) -> "Forked":
        """Start `python -u` with arguments; standard output and error come together."""
        request = json.dumps({"arguments": arguments, "directory": str(directory), "environment": dict(environment)})
        stdin, output, status = os.pipe(), os.pipe(), socket.socketpair()
        theirs = (stdin[0], output[1], status[1].fileno())
        with self._lock:
            socket.send_fds(self._socket, [b"\n"], theirs)
            self._socket.sendall(f"{request}\n".encode())
        os.close(stdin[0])
        os.close(output[1])
        status[1].close()
        return Forked(stdin[1], output[0], status[0])


class Forked:
    """A forked process, with what `subprocess.Popen` offers of it."""

    def __init__(self, stdin: int, stdout: int, status: socket.socket) -> None:
        self.stdin = os.fdopen(stdin, "w")
        self.stdout = os.fdopen(stdout, errors="replace")
        self._status = status
        self._lines = status.makefile()
        self._pid = int(self._lines.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Return its exit status; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("python", timeout)
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._status.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self._pid, number)


def main() -> None:
    """Fork for each request, until standard input closes."""
    for module in _LOADED:
        __import__(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for the forked processes end without notice
    requests = socket.socket(fileno=os.dup(0))
    while True:
        ready, descriptors, _, _ = socket.recv_fds(requests, 1, 3)
        if not ready:
            return
        line = b""
        while not line.endswith(b"\n"):
            line += requests.recv(_LARGEST_CHUNK)
        if os.fork() == 0:
            requests.close()
            _keep(json.loads(line), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: Mapping[str, object], stdin: int, output: int, status: int) -> None:
    """Fork the process, report its id, and then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        os.setsid()
        for descriptor, standard in ((stdin, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, standard)
        os.close(stdin)
        os.close(output)
        _run(**request)  # type: ignore[arg-type] # of JSON
    os.close(stdin)
    os.close(output)
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _run(arguments: list[str], directory: str, environment: dict[str, str]) -> None:
    """Run a module or a file as Python does; never returns."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    if arguments[0] == "-m":
        sys.path[0], sys.argv = directory, arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(arguments[0]).parent), arguments
        runpy.run_path(arguments[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    main()
