"""Baseten's management API on this machine, read independently of the rest of the package.

Nothing here imports the rest: where client and emulator agree, two readings of the API agree. Without the packages of
the extra `testing`, the import fails with what to install.
"""

try:
    from baseten_pulumi.testing.emulator.account import FICTIONAL_ACCOUNT, FictionalEnvironment, FictionalModel
    from baseten_pulumi.testing.emulator.app import RecordedRequest
    from baseten_pulumi.testing.emulator.emulator import Emulator
    from baseten_pulumi.testing.emulator.faults import Fault
    from baseten_pulumi.testing.emulator.store import AppliedChange
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn"):
        raise
    raise ImportError('The emulator needs two more packages: pip install "baseten-pulumi[testing]"') from None

__all__ = [
    "FICTIONAL_ACCOUNT",
    "AppliedChange",
    "Emulator",
    "Fault",
    "FictionalEnvironment",
    "FictionalModel",
    "RecordedRequest",
]
