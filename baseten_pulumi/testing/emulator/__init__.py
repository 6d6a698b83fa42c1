"""Baseten's management API on this machine, as a second and independent reading of it.

Nothing here imports the rest of the product: where client and emulator agree, two readings of the API agree.
Without the packages of the extra `testing`, importing it is an ImportError that says what to install.
"""

try:
    from baseten_pulumi.testing.emulator.account import FICTIONAL_ACCOUNT, FictionalEnvironment, FictionalModel
    from baseten_pulumi.testing.emulator.emulator import Emulator
    from baseten_pulumi.testing.emulator.faults import Fault
    from baseten_pulumi.testing.emulator.recording import AppliedChange, RecordedRequest
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
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
