"""Delete what the program no longer asks for, replaced originals and, in a destroy, everything."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from baseten_pulumi.testing.engine.changes import Change
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.failures import ProviderError
from baseten_pulumi.testing.engine.monitor import NotDoneError, StoppedError
from baseten_pulumi.testing.engine.run import Run
from baseten_pulumi.testing.engine.steps import Op, in_deletion_order


def delete_unseen(run: Run) -> None:
    """Delete, in reverse dependency order, every resource that no registration of this run claimed."""
    condemned = run.ledger.unseen()
    for group in in_deletion_order(condemned):
        kept = run.ledger.needs_of(resource for resource in condemned if resource.urn in run.failed)
        in_parallel(run, delete, [resource for resource in group if resource.urn not in kept])


def in_parallel(run: Run, work: Callable[[Run, Resource], None], resources: Iterable[Resource]) -> None:
    """Do the same to several resources, as many at once as the run may; failures are reported already."""

    def attempt(resource: Resource) -> None:
        try:
            work(run, resource)
        except (NotDoneError, StoppedError):
            return

    with ThreadPoolExecutor(run.options.parallel, "steps") as threads:
        list(threads.map(attempt, resources))


def delete(run: Run, resource: Resource) -> None:
    """Delete one resource, or only forget it where it is external, to be retained, or a component.

    Raises:
        NotDoneError: where that failed and the run goes on.
        StoppedError: where the run is stopping.
    """
    op = Op.DELETE_REPLACED if resource.delete else Op.DELETE
    with run.slot():
        run.display.step(op, resource.urn, Change(resource.inputs))
        if resource.protect and op is Op.DELETE:
            run.fail(op, resource.urn, _protected(resource))
        if not run.options.dry_run:
            try:
                if resource.custom and not resource.external and not resource.retain_on_delete:
                    run.provider.delete(resource)
            except ProviderError as error:
                run.fail(op, resource.urn, str(error))
        run.ledger.drop(resource)
        run.display.done(op, resource.urn)


def _protected(resource: Resource) -> str:
    return (
        f"{resource.urn} is protected and cannot be deleted.\n"
        "Take `protect=True` out of its options, run `up`, and try again."
    )
