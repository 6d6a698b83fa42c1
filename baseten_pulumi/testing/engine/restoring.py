"""Get secrets back before a refresh or a destroy: only the program has them, the disk never does."""

import threading
from dataclasses import replace

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.goals import Goal
from baseten_pulumi.testing.engine.run import Run
from baseten_pulumi.testing.engine.steps import make_urn


def program_is_needed(resources: list[Resource]) -> bool:
    """Tell whether a provider's own code is among the masked secrets, without which nothing can be read or deleted."""
    return any(values.is_masked({**found.inputs, **found.outputs}.get("__provider")) for found in resources)


class Restorer:
    """Answer a program's registrations with what is in the state, and fill in the secrets it brings along."""

    def __init__(self, run: Run, names: tuple[str, str]) -> None:
        self._run = run
        self._project, self._stack = names
        self._lock = threading.Lock()
        self.refuse = run.refuse

    def register(self, goal: Goal) -> Resource:
        """Give the resource as it is in the state, or as wanted where it is not in it."""
        urn = make_urn(self._stack, self._project, goal.parent, (goal.type, goal.name))
        with self._lock:
            old = next(
                (self._run.ledger.old[name] for name in (urn, *goal.aliases) if name in self._run.ledger.old), None
            )
            if old is None:
                return Resource(urn, goal.type, goal.custom, inputs=goal.inputs, outputs=goal.inputs)
            restored = self._run.vault.restored
            inputs, outputs = restored(old.inputs, goal.inputs), restored(old.outputs, goal.inputs)
            self._run.ledger.old[old.urn] = replace(old, inputs=inputs, outputs=outputs)
            return replace(self._run.ledger.old[old.urn], urn=urn)

    def read(self, goal: Goal) -> Resource:
        """Give what was read before."""
        return self.register(goal)

    def set_outputs(self, urn: str, outputs: values.Properties) -> None:
        """Leave the outputs as they are."""
