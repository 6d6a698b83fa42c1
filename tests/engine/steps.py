"""Steps: what is done to each resource, and in which order."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.engine import diff, values
from tests.engine.deployment import Deployment, NotDoneError, StoppedError
from tests.engine.diff import Diff, Kind
from tests.engine.provider import DiffResult, InitFailedError, ProviderError
from tests.engine.registration import Registration
from tests.engine.resource import STACK, Op, Resource, in_deletion_order, make_urn
from tests.engine.values import Properties


class Registrar:
    """Brings each resource that the program registers to what it declares.

    Attributes:
        outputs: The stack's outputs before and after.
    """

    def __init__(self, deployment: Deployment, project: str, stack: str) -> None:
        self._deployment = deployment
        self._snapshot = deployment.snapshot
        self._names = project, stack
        self._registered: set[str] = set()
        self._lock = threading.Lock()
        self.outputs: tuple[Properties, Properties] = ({}, {})

    def register(self, registration: Registration) -> Resource:
        """Create, update, replace or keep a resource.

        Raises:
            NotDoneError: that failed, or something that it needs did, and the run goes on.
            StoppedError: the run ends.
        """
        new = self._new(registration)
        old = self._snapshot.old.get(new.urn)
        if not new.custom:
            return self._register_component(old, new)
        try:
            return self._register_custom(old, new)
        except ProviderError as error:
            self._deployment.fail(Op.UPDATE if old else Op.CREATE, new.urn, str(error))

    def read(self, registration: Registration) -> Resource:
        """Read a resource that the stack does not manage.

        Raises:
            NotDoneError: that failed, and the run goes on.
            StoppedError: the run ends.
        """
        new = replace(self._new(registration), id=registration.id, external=True)
        if new.id == values.UNKNOWN:
            return replace(new, id="")
        with self._deployment.step():
            self._deployment.display.start(Op.READ, new.urn)
            try:
                found = self._deployment.provider.read(replace(new, outputs=new.inputs))
            except ProviderError as error:
                self._deployment.fail(Op.READ, new.urn, str(error))
            self._deployment.display.end(Op.READ, new.urn)
            return self._snapshot.put(replace(new, id=found.id, outputs=values.with_secrets(found.outputs, new.inputs)))

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Record the outputs of a component or of the stack; what is unknown stays out of the state."""
        self._deployment.require_running()
        resource = self._snapshot.new[urn]
        if resource.type == STACK:
            self.outputs = resource.outputs, outputs
        if not self._deployment.is_preview:
            outputs = {key: value for key, value in outputs.items() if not values.contains_unknown(value)}
        self._snapshot.put(replace(resource, outputs=outputs))

    def _new(self, registration: Registration) -> Resource:
        self._deployment.require_running()
        urn = make_urn(*self._names, registration.parent, registration.type, registration.name)
        with self._lock:
            is_duplicate = urn in self._registered
            self._registered.add(urn)
        if is_duplicate:
            self._deployment.fail(Op.CREATE, urn, f"Duplicate resource URN '{urn}'; give each resource its own name.")
        new = Resource(
            urn=urn,
            type=registration.type,
            custom=registration.custom,
            inputs=registration.inputs,
            parent=registration.parent,
            dependencies=registration.dependencies,
            protect=registration.protect,
            timeouts=registration.timeouts,
        )
        self._deployment.require(urn, new.needs)
        return new

    def _register_component(self, old: Resource | None, new: Resource) -> Resource:
        op = Op.CREATE if old is None else Op.SAME if values.is_equal(old.inputs, new.inputs) else Op.UPDATE
        with self._deployment.step():
            if op is not Op.SAME:
                change = diff.compare(old.inputs, new.inputs) if old else None
                self._deployment.display.start(op, new.urn, change, new.inputs)
            self._snapshot.put(replace(new, outputs=old.outputs if old else {}))
            self._deployment.display.end(op, new.urn)
        return new

    def _register_custom(self, old: Resource | None, new: Resource) -> Resource:
        if old is None or old.external:
            return self._apply(Op.CREATE, self._checked(new, None))
        checked = self._checked(new, old)
        found = self._deployment.provider.diff(old, checked.inputs)
        if found.has_changes and found.is_replacement:
            return self._replace(old, self._checked(new, None), found)
        if found.has_changes or old.init_errors:
            return self._apply(Op.UPDATE, replace(checked, id=old.id), old, _change(old, checked.inputs, found))
        self._deployment.display.end(Op.SAME, new.urn)
        return self._snapshot.put(replace(checked, id=old.id, outputs=old.outputs))

    def _checked(self, new: Resource, old: Resource | None) -> Resource:
        inputs, failures = self._deployment.provider.check(new, old.inputs if old else {})
        if failures:
            op = Op.UPDATE if new.urn in self._snapshot.old else Op.CREATE
            self._deployment.fail(op, new.urn, "\n".join(failures))
        return replace(new, inputs=inputs)

    def _apply(self, op: Op, new: Resource, old: Resource | None = None, change: Diff | None = None) -> Resource:
        """Create a resource, or update an old one; a preview shows that alone."""
        with self._deployment.step():
            self._deployment.display.start(op, new.urn, change, None if old else new.inputs)
            is_preview = self._deployment.is_preview
            made = self._snapshot.put(replace(new, outputs=new.inputs) if is_preview else self._applied(op, new, old))
            self._deployment.display.end(op, new.urn)
        return made

    def _applied(self, op: Op, new: Resource, old: Resource | None) -> Resource:
        provider = self._deployment.provider
        try:
            id_, outputs = (old.id, provider.update(old, new)) if old else provider.create(new)
            return replace(new, id=id_, outputs=values.with_secrets(outputs, new.inputs))
        except InitFailedError as error:
            outputs = values.with_secrets(error.outputs, new.inputs)
            kept = replace(new, id=old.id if old else error.id, outputs=outputs, init_errors=error.reasons)
            # As in the engine: new outputs, and the inputs of the last success.
            self._snapshot.put(replace(kept, inputs=old.inputs) if old else kept)
            self._deployment.fail(op, new.urn, str(error))
        except ProviderError as error:
            self._deployment.fail(op, new.urn, str(error))

    def _replace(self, old: Resource, new: Resource, found: DiffResult) -> Resource:
        if old.protect and new.protect:
            self._deployment.fail(Op.REPLACE, new.urn, _protected(new, "replaced"))
        change = _change(old, new.inputs, found)
        try:
            created = self._apply(Op.CREATE_REPLACEMENT, new, change=change)
        finally:
            if new.urn in self._snapshot.new:  # which it is after a partial failure, too
                self._snapshot.keep_for_deletion(old)
        self._deployment.display.start(Op.REPLACE, new.urn, change)
        self._deployment.display.end(Op.REPLACE, new.urn)
        return created


def delete_unregistered(deployment: Deployment) -> None:
    """Delete what the program did not register and what was replaced, dependents first; nothing after a failure."""
    for resources in in_deletion_order(deployment.snapshot.unregistered()):
        if not deployment.has_failed:
            _in_parallel(deployment, _delete, resources)


def refresh(deployment: Deployment) -> None:
    """Read every resource into the state."""
    _in_parallel(deployment, _refresh, list(deployment.snapshot.old.values()))


def _in_parallel(
    deployment: Deployment, work: Callable[[Deployment, Resource], None], resources: Iterable[Resource]
) -> None:
    def attempt(resource: Resource) -> None:
        try:
            work(deployment, resource)
        except (NotDoneError, StoppedError):
            return

    with ThreadPoolExecutor(deployment.parallel, "steps") as threads:
        list(threads.map(attempt, resources))


def _delete(deployment: Deployment, resource: Resource) -> None:
    op = Op.DELETE_REPLACED if resource.delete else Op.DELETE
    with deployment.step():
        deployment.display.start(op, resource.urn, properties=resource.inputs if op is Op.DELETE else None)
        if resource.protect and op is Op.DELETE:
            deployment.fail(op, resource.urn, _protected(resource, "deleted"))
        if resource.custom and not resource.external and not deployment.is_preview:
            try:
                deployment.provider.delete(resource)
            except ProviderError as error:
                deployment.fail(op, resource.urn, str(error))
        deployment.snapshot.remove(resource)
        deployment.display.end(op, resource.urn)


def _refresh(deployment: Deployment, old: Resource) -> None:
    if not old.custom:
        deployment.display.refreshed(Op.SAME, old.urn)
        return
    with deployment.step():
        try:
            new = _read_again(deployment, old)
            if new is None:
                deployment.snapshot.remove(old)
                deployment.display.refreshed(Op.DELETE, old.urn, properties=old.inputs)
                return
            found = deployment.provider.diff(new, old.inputs)  # what an `up` would have to do
        except ProviderError as error:
            deployment.fail(Op.REFRESH, old.urn, str(error))
        deployment.snapshot.renew(new)
        if found.has_changes and not old.external:
            deployment.display.refreshed(Op.UPDATE, old.urn, _found_change(old, new, found))
        else:
            deployment.display.refreshed(Op.SAME, old.urn)


def _read_again(deployment: Deployment, old: Resource) -> Resource | None:
    reasons: tuple[str, ...] = ()
    try:
        id_, outputs, inputs = deployment.provider.read(old)
    except InitFailedError as error:
        id_, outputs, inputs, reasons = error.id, error.outputs, error.inputs, error.reasons
        deployment.display.message("warning", old.urn, str(error))
    if not id_:
        return None
    return replace(
        old,
        id=id_,
        outputs=values.with_secrets(outputs, old.outputs),
        inputs=old.inputs if inputs is None else values.with_secrets(inputs, old.inputs),
        init_errors=reasons,
    )


def _change(old: Resource, inputs: Properties, found: DiffResult) -> Diff:
    """Return what a step changes: at the paths the provider named, from the old outputs; else among the inputs."""
    if found.paths is None:
        return diff.compare(old.inputs, inputs)
    return diff.at_paths(found.paths, old.outputs, inputs)


def _found_change(old: Resource, new: Resource, found: DiffResult) -> Diff:
    """Return what a refresh found; the provider named the way back."""
    if found.paths is None:
        return diff.compare(old.inputs, new.inputs)
    opposite = {Kind.ADD: Kind.DELETE, Kind.DELETE: Kind.ADD, Kind.UPDATE: Kind.UPDATE}
    return diff.at_paths({path: opposite[kind] for path, kind in found.paths.items()}, old.outputs, new.outputs)


def _protected(resource: Resource, what: str) -> str:
    return f"{resource.urn} is protected and cannot be {what}.\nTake `protect=True` out of its options first."
