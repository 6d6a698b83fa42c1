"""Run what is measured: cases, no-op previews and imports."""

import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median

from bench.cases import APPLY_SECONDS, SUBJECTS, WIDE, Case
from bench.emulating import Baseten, emulated
from bench.engines import API_KEY, ROOT, project
from bench.fleet import Fleet
from bench.limit import seconds_to_apply
from bench.results import Comparison, Measurement

PREVIEWS = 7
IMPORTS = 20
_NO_LIMIT = 1e6
_IMPORT = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


def measure(case: Case) -> Measurement:
    """Run one case against an emulator of its own.

    Raises:
        RunFailedError: the engine's command did not succeed.
    """
    fleet, subject = Fleet(case.size), SUBJECTS[case.subject]
    with emulated(Baseten(fleet, APPLY_SECONDS, case.rate_limit)) as emulator:
        if subject.program is None:
            seconds = seconds_to_apply(emulator.url, API_KEY, fleet, case.rate_limit)
            return Measurement(case, seconds, None, emulator.observation())
        with project(case.engine, subject.program, case.size, emulator.url) as stack:
            run = stack.up(subject.parallel, skips_checkpoints=case.skips_checkpoints)
        return Measurement(case, run.wall_seconds, run.provider_bytes, emulator.observation(subject.waiting))


def compare_previews(engine: str, size: int) -> Comparison:
    """Preview so many resources where nothing changed, in turn with as many that do nothing.

    Raises:
        RunFailedError: a command did not succeed, or a preview found a change.
    """
    with (
        emulated(Baseten(Fleet(size), 0.0, _NO_LIMIT)) as emulator,
        project(engine, "wide", size, emulator.url) as ours,
        project(engine, "nothing", size, emulator.url) as nothing,
    ):
        for each in (ours, nothing):
            each.up(WIDE, skips_checkpoints=engine == "real")
        return _in_turn(PREVIEWS, lambda: ours.preview().wall_seconds, lambda: nothing.preview().wall_seconds)


def compare_imports() -> Comparison:
    """Import this package in a fresh interpreter, in turn with Pulumi alone."""
    return _in_turn(IMPORTS, lambda: _seconds_to_import("baseten_pulumi"), lambda: _seconds_to_import("pulumi"))


def _in_turn(times: int, ours: Callable[[], float], other: Callable[[], float]) -> Comparison:
    seconds = [(ours(), other()) for _ in range(times)]
    return Comparison(median(mine for mine, _ in seconds), median(others for _, others in seconds))


def _seconds_to_import(module: str) -> float:
    command = [sys.executable, "-c", _IMPORT.format(module)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
