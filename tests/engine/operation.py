"""One operation: start the processes, let them talk, and leave none behind."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.engine import checkpoint, program, steps
from tests.engine.deployment import Deployment, Options
from tests.engine.display import BANNER, Display
from tests.engine.monitor import serving
from tests.engine.process import Process
from tests.engine.project import Project, checkpoint_path
from tests.engine.provider import Provider, ProviderError
from tests.engine.snapshot import Save, Snapshot
from tests.engine.steps import Registrar

_PROGRAM_GRACE_SECONDS = 2.0  # for the program to notice that the run has ended
_POLL_SECONDS = 0.05
_TITLES = {"up": "Updating", "preview": "Previewing update", "refresh": "Refreshing", "destroy": "Destroying"}


def operate(command: str, project: Project, options: Options) -> Deployment:
    """Run `up`, `preview`, `refresh` or `destroy`; whatever happens, what was done is in the checkpoint.

    Raises:
        OSError: the checkpoint cannot be written.
        ProjectError: PULUMI_BACKEND_URL names no folder.
    """
    path = checkpoint_path(project, os.environ)
    display = Display(sys.stdout, show_diff=options.show_diff, is_preview=options.is_preview)
    display.line(f"{BANNER}\n{_TITLES[command]} ({project.stack}):\n")
    with _saving(path, options) as save:
        deployment = Deployment(Snapshot(checkpoint.read(path), save), display, options)
        registrar = Registrar(deployment, project.name, project.stack)
        with _processes(command, project, deployment, registrar) as (running, address):
            if command == "refresh" or options.refresh:
                steps.refresh(deployment)
            if options.refresh:
                display.forget_counts()
            if running is not None and not deployment.stopping.is_set():
                _run_program(running, address, project, deployment)
            if command != "refresh" and not deployment.stopping.is_set():
                steps.delete_unregistered(deployment)
    display.finish(*registrar.outputs)
    return deployment


@contextlib.contextmanager
def _saving(path: Path, options: Options) -> Iterator[Save]:
    if options.is_preview:
        yield lambda _resources: None
        return
    writer = checkpoint.Writer(path)
    try:
        yield writer.write
    finally:
        writer.close()


@contextlib.contextmanager
def _processes(
    command: str, project: Project, deployment: Deployment, registrar: Registrar
) -> Iterator[tuple[Process | None, str]]:
    """Start program and provider together: what a run costs is mostly loading modules."""

    def show(line: str) -> None:
        deployment.display.line(f"     {line}")

    with contextlib.ExitStack() as ending:
        running = None
        if command in ("up", "preview"):
            running = Process([str(Path(program.__file__))], project.directory, os.environ)
            ending.callback(running.stop)
            running.pass_on(show)
        address = ending.enter_context(serving(deployment, registrar))
        deployment.provider = Provider(project, os.environ, address, show)
        ending.callback(deployment.provider.stop)
        ending.enter_context(_cancelled_by_signals(deployment))
        if any(resource.custom for resource in deployment.snapshot.old.values()):
            threading.Thread(target=_start_early, args=(deployment.provider,), daemon=True).start()
        yield running, address


def _run_program(process: Process, address: str, project: Project, deployment: Deployment) -> None:
    """Let the program run, and wait for it; once the run ends, for running steps and then a moment for it."""
    settings: Mapping[str, Any] = {
        "project": project.name,
        "stack": project.stack,
        "organization": "organization",
        "root_directory": str(project.root),
        "monitor": address,
        "engine": address,
        "dry_run": deployment.is_preview,
        "parallel": deployment.parallel,
    }
    process.write(json.dumps({"settings": settings, "config": project.config, "main": str(project.main)}))
    give_up = float("inf")
    while (status := process.wait(_POLL_SECONDS)) is None and time.monotonic() < give_up:
        if deployment.stopping.is_set() and not deployment.busy:
            give_up = min(give_up, time.monotonic() + _PROGRAM_GRACE_SECONDS)
    if status and not deployment.stopping.is_set():
        deployment.end_with("" if deployment.display.has_errors else f"The program ended with exit status {status}.")
    while deployment.busy:
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _cancelled_by_signals(deployment: Deployment) -> Iterator[None]:
    def cancel(_number: int, _frame: Any) -> None:
        # In a thread: the main one may hold a lock that cancelling needs.
        threading.Thread(target=deployment.cancel, daemon=True).start()

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start_early(provider: Provider) -> None:
    with contextlib.suppress(ProviderError):  # the first call shows it
        provider.start()
