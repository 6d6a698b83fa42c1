"""Run programs without a Baseten account.

`Emulator` serves Baseten's API on this machine (needs the extra `testing`). Each name is loaded on first use, so that
importing the package needs none of the emulator's dependencies.
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

__all__ = [
    "AppliedChange",
    "Emulator",
    "Fault",
    "FictionalEnvironment",
    "FictionalModel",
    "RecordedRequest",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the emulator.

    Raises:
        ImportError: the emulator's packages are not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("baseten_pulumi.testing.emulator"), name)
