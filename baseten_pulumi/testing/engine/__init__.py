"""Run a program of dynamic resources where the Pulumi CLI cannot be had: a stand-in for tests and demos.

The real engine is Pulumi's and nothing here replaces it for real stacks. This one speaks Pulumi's own wire protocol on
both sides, with an ordinary program in front and the real provider process behind. It knows nothing of Baseten.
"""

from baseten_pulumi.testing.engine.checkpoint import CheckpointError
from baseten_pulumi.testing.engine.local_engine import LocalEngine, Outcome
from baseten_pulumi.testing.engine.locking import LockedError
from baseten_pulumi.testing.engine.project import ProjectError

__all__ = ["CheckpointError", "LocalEngine", "LockedError", "Outcome", "ProjectError"]
