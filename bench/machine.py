"""Name the machine and everything on it that numbers depend on."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def describe(engines: Sequence[str]) -> dict[str, str]:
    """Return what the numbers were measured on, by name."""
    described = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Pulumi SDK": version("pulumi"),
    }
    return {**described, "Pulumi CLI": _cli_version()} if "real" in engines else described


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )


def _cli_version() -> str:
    command = ["pulumi", "version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
