"""Bring each resource the program registers from what it is to what is wanted."""

import threading
from collections.abc import Callable
from dataclasses import replace

from baseten_pulumi.testing.engine import deleting, values
from baseten_pulumi.testing.engine.changes import Change, planned
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.failures import InitFailedError, ProviderError
from baseten_pulumi.testing.engine.goals import Goal
from baseten_pulumi.testing.engine.monitor import NotDoneError
from baseten_pulumi.testing.engine.paths import with_old_values
from baseten_pulumi.testing.engine.run import Run
from baseten_pulumi.testing.engine.steps import STACK, STACK_REFERENCE, Difference, Op, decide, make_urn

FindStack = Callable[[str], values.Properties]
"""Give the outputs of another stack by its name."""


class Registrar:
    """Answer the program's registrations; each call takes one resource the whole way."""

    def __init__(self, run: Run, names: tuple[str, str], find_stack: FindStack) -> None:
        self._run = run
        self._project, self._stack = names
        self._find_stack = find_stack
        self._claimed: set[str] = set()
        self._deleted_first: dict[str, Resource] = {}
        self._lock = threading.Lock()
        self.refuse = run.refuse
        self.stack_outputs: tuple[values.Properties, values.Properties] = ({}, {})

    def register(self, goal: Goal) -> Resource:
        """Create, update, replace or leave a resource as the program wants it.

        Raises:
            NotDoneError: where that failed, or was not tried after another failure, and the run goes on.
            StoppedError: where the run is stopping.
        """
        old, new = self._claim(goal)
        if not goal.custom:
            return self._component(old, new)
        try:
            return self._custom(goal, old, new)
        except ProviderError as error:
            self._run.fail(Op.UPDATE if old else Op.CREATE, new.urn, str(error))

    def read(self, goal: Goal) -> Resource:
        """Read a resource that stays outside this stack's care, or another stack's outputs.

        Raises:
            NotDoneError: where that failed and the run goes on.
            StoppedError: where the run is stopping.
        """
        old, new = self._claim(goal)
        new = replace(new, id=goal.id, external=True)
        if goal.id == values.UNKNOWN:
            return replace(new, id="")
        try:
            with self._run.slot():
                self._run.display.step(Op.READ, new.urn)
                found = self._other_stack(new) if goal.type == STACK_REFERENCE else self._read(new)
        except ProviderError as error:
            self._run.fail(Op.READ, new.urn, str(error))
        if old is not None and not old.external and old.id != found.id:
            self._run.ledger.condemn(old)
        self._run.display.done(Op.READ, new.urn)
        return self._run.ledger.put(found, old)

    def set_outputs(self, urn: str, outputs: values.Properties) -> None:
        """Record a component's or the stack's outputs; what is unknown in a real run stays out of the state."""
        self._run.require_going_on()
        resource = self._run.ledger.new[urn]
        if resource.type == STACK:
            masked = self._run.vault.masked
            self.stack_outputs = (masked(resource.outputs), masked(outputs))
        if not self._run.options.dry_run:
            outputs = {key: value for key, value in outputs.items() if not values.contains_unknown(value)}
        self._run.ledger.put(replace(resource, outputs=values.remasked(outputs, resource.outputs)))

    def _claim(self, goal: Goal) -> tuple[Resource | None, Resource]:
        self._run.require_going_on()
        urn = make_urn(self._stack, self._project, goal.parent, (goal.type, goal.name))
        with self._lock:
            taken = urn in self._claimed
            self._claimed.add(urn)
        if taken:
            self._run.fail(Op.CREATE, urn, f"Duplicate resource URN '{urn}': give each resource a name of its own.")
        new = goal.resource(urn, self._run.ledger.new.get(goal.parent))
        old = self._run.ledger.claim((urn, *goal.aliases))
        if new.needs() & self._run.failed:
            self._run.failed.add(urn)
            raise NotDoneError(urn)
        return old, new

    def _component(self, old: Resource | None, new: Resource) -> Resource:
        masked = self._run.vault.masked
        op = Op.CREATE
        if old is not None:
            op = Op.SAME if values.same(masked(old.inputs), masked(new.inputs)) else Op.UPDATE
        with self._run.slot():
            if op is not Op.SAME:
                self._run.display.step(op, new.urn, Change(old.inputs if old else {}, new.inputs))
            self._run.ledger.put(replace(new, outputs=old.outputs if old else {}), old)
            self._run.display.done(op, new.urn)
        return new

    def _custom(self, goal: Goal, old: Resource | None, new: Resource) -> Resource:
        if new.urn in self._deleted_first:
            return self._replace(self._deleted_first[new.urn], self._checked(new, {}), Difference(changed=True))
        if old is None or old.external:
            return self._create(Op.CREATE, self._checked(new, {}), old)
        old = self._with_secrets(old, new.inputs)
        inputs = with_old_values(new.inputs, old.inputs, new.ignore_changes)
        checked = self._checked(replace(new, inputs=inputs), old.inputs)
        difference = self._run.provider.diff(old, checked.inputs, new.ignore_changes)
        op = decide(old, difference)
        if op is Op.SAME:
            self._run.display.done(op, new.urn)
            inputs = values.remasked(checked.inputs, old.inputs)
            return self._run.ledger.put(replace(checked, id=old.id, inputs=inputs, outputs=old.outputs), old)
        if op is Op.UPDATE:
            return self._update(old, checked, difference)
        return self._replacement(goal, old, new, difference)

    def _with_secrets(self, old: Resource, inputs: values.Properties) -> Resource:
        restored = self._run.vault.restored
        return replace(old, inputs=restored(old.inputs, inputs), outputs=restored(old.outputs, inputs))

    def _checked(self, new: Resource, olds: values.Properties) -> Resource:
        checked, failures = self._run.provider.check(new, olds)
        if failures:
            text = "\n".join(f"{name}: {reason}" if name else reason for name, reason in failures)
            self._run.fail(Op.CREATE if new.urn not in self._run.ledger.old else Op.UPDATE, new.urn, text)
        return replace(new, inputs=checked)

    def _create(self, op: Op, new: Resource, old: Resource | None, change: Change | None = None) -> Resource:
        with self._run.slot():
            self._run.display.step(op, new.urn, change or Change(new=new.inputs))
            dry_run = self._run.options.dry_run
            created = replace(new, outputs=new.inputs) if dry_run else self._created(op, new, old)
            self._run.ledger.put(created, old)
            self._run.display.done(op, new.urn)
        return created

    def _created(self, op: Op, new: Resource, old: Resource | None) -> Resource:
        try:
            found_id, outputs = self._run.provider.create(new)
        except InitFailedError as error:
            kept = replace(new, id=error.id, outputs=_marked(error.outputs, new), init_errors=error.reasons)
            self._run.ledger.put(kept, old)
            self._run.fail(op, new.urn, str(error))
        except ProviderError as error:
            self._run.fail(op, new.urn, str(error))
        if not found_id:
            self._run.fail(op, new.urn, "The provider's create returned no id.")
        return replace(new, id=found_id, outputs=_marked(outputs, new))

    def _update(self, old: Resource, new: Resource, difference: Difference) -> Resource:
        new = replace(new, id=old.id)
        with self._run.slot():
            self._run.display.step(Op.UPDATE, new.urn, planned(old, new, difference.detail))
            dry_run = self._run.options.dry_run
            updated = replace(new, outputs=new.inputs) if dry_run else self._updated(old, new)
            self._run.ledger.put(updated, old)
            self._run.display.done(Op.UPDATE, new.urn)
        return updated

    def _updated(self, old: Resource, new: Resource) -> Resource:
        try:
            outputs = self._run.provider.update(old, new)
        except InitFailedError as error:
            outputs = _marked(error.outputs, new, old.outputs)
            # As the real engine: new outputs, but the inputs of the last success.
            self._run.ledger.put(replace(new, inputs=old.inputs, outputs=outputs, init_errors=error.reasons), old)
            self._run.fail(Op.UPDATE, new.urn, str(error))
        except ProviderError as error:
            self._run.fail(Op.UPDATE, new.urn, str(error))
        return replace(new, outputs=_marked(outputs, new, old.outputs))

    def _replacement(self, goal: Goal, old: Resource, new: Resource, difference: Difference) -> Resource:
        if old.protect and new.protect:
            text = f"{new.urn} is protected and cannot be replaced.\nTake `protect=True` out of its options first."
            self._run.fail(Op.REPLACE, new.urn, text)
        checked = self._checked(new, {})  # what the old one's inputs contributed goes with it
        if difference.delete_first if goal.delete_first is None else goal.delete_first:
            self._delete_first(old)
            return self._replace(old, checked, difference)
        created = self._replace(old, checked, difference)
        self._run.ledger.condemn(old)
        return created

    def _replace(self, old: Resource, new: Resource, difference: Difference) -> Resource:
        change = planned(old, new, difference.detail)
        created = self._create(Op.CREATE_REPLACEMENT, new, old, change)
        self._run.display.step(Op.REPLACE, new.urn, change)
        self._run.display.done(Op.REPLACE, new.urn)
        return created

    def _delete_first(self, old: Resource) -> None:
        """Delete a resource before its replacement is created, and before that what would be replaced with it."""
        for dependent in self._replaced_with(old):
            self._delete_first(dependent)
        with self._lock:
            again = old.urn in self._deleted_first
            self._deleted_first[old.urn] = old
        if not again:
            deleting.delete(self._run, replace(old, delete=True))
            if not self._run.options.dry_run:
                self._run.ledger.drop(old)

    def _replaced_with(self, old: Resource) -> list[Resource]:
        dependents = []
        for other in list(self._run.ledger.old.values()):
            keys = [key for key, urns in other.property_dependencies.items() if old.urn in urns]
            if keys and other.custom and other.urn not in self._run.ledger.new:
                changed = {**other.inputs, **dict.fromkeys(keys, values.UNKNOWN)}
                difference = self._run.provider.diff(other, changed)
                if difference.changed and difference.replaces:
                    dependents.append(other)
        return dependents

    def _read(self, new: Resource) -> Resource:
        found_id, outputs, _ = self._run.provider.read(replace(new, outputs=new.inputs))
        return replace(new, id=found_id or new.id, outputs=_marked(outputs, new))

    def _other_stack(self, new: Resource) -> Resource:
        outputs = self._find_stack(new.id)
        hidden = sorted(key for key, value in outputs.items() if values.contains_secret(value))
        found = {"name": new.id, "outputs": outputs, "secretOutputNames": hidden}
        return replace(new, outputs=found)


def _marked(outputs: values.Properties, new: Resource, old: values.Properties | None = None) -> values.Properties:
    """Mark what is secret in a provider's answer."""
    marked = values.with_secret_keys(values.annotated(outputs, new.inputs), new.secret_outputs)
    return {key: values.remasked(value, (old or {}).get(key)) for key, value in marked.items()}
