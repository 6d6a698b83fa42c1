"""Run programs without a Baseten account and without the Pulumi CLI.

`Emulator` serves Baseten's API on this machine (needs the extra `testing`), `LocalEngine` runs programs as Pulumi's
engine would. Each name is loaded on first use, so neither half needs the other's dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import (
        AppliedChange,
        Emulator,
        Fault,
        FictionalEnvironment,
        FictionalModel,
        RecordedRequest,
    )
    from baseten_pulumi.testing.engine import CheckpointError, LocalEngine, LockedError, Outcome, ProjectError

_EMULATOR = "baseten_pulumi.testing.emulator"
_ENGINE = "baseten_pulumi.testing.engine"

_MODULE_OF = {
    "AppliedChange": _EMULATOR,
    "Emulator": _EMULATOR,
    "Fault": _EMULATOR,
    "FictionalEnvironment": _EMULATOR,
    "FictionalModel": _EMULATOR,
    "CheckpointError": _ENGINE,
    "LocalEngine": _ENGINE,
    "LockedError": _ENGINE,
    "Outcome": _ENGINE,
    "ProjectError": _ENGINE,
    "RecordedRequest": _EMULATOR,
}

__all__ = [
    "AppliedChange",
    "CheckpointError",
    "Emulator",
    "Fault",
    "FictionalEnvironment",
    "FictionalModel",
    "LocalEngine",
    "LockedError",
    "Outcome",
    "ProjectError",
    "RecordedRequest",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the half of this package that defines it.

    Raises:
        ImportError: the emulator's packages are not installed.
    """
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
