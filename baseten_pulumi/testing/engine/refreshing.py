"""Read every resource as it really is and put that into the state."""

from dataclasses import replace

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.changes import Change, found
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.deleting import in_parallel
from baseten_pulumi.testing.engine.failures import InitFailedError, ProviderError
from baseten_pulumi.testing.engine.run import Run
from baseten_pulumi.testing.engine.steps import STACK_REFERENCE, Difference, Op


def refresh(run: Run) -> None:
    """Read every resource of the state; one that is gone is forgotten."""
    in_parallel(run, _refresh, list(run.ledger.old.values()))


def _refresh(run: Run, old: Resource) -> None:
    if not old.custom or old.type == STACK_REFERENCE:
        run.display.refreshed(Op.SAME, old.urn)
        return
    with run.slot():
        try:
            new = _read(run, old)
            difference = _difference(run, old, new)
        except ProviderError as error:
            run.fail(Op.REFRESH, old.urn, str(error))
        if new is None:
            run.ledger.drop(old)
            run.display.refreshed(Op.DELETE, old.urn, Change(old.inputs))
            return
        run.ledger.renew(new)
        op = Op.UPDATE if difference.changed else Op.SAME
        run.display.refreshed(op, old.urn, found(old, new, difference.detail))


def _read(run: Run, old: Resource) -> Resource | None:
    reasons: tuple[str, ...] = ()
    try:
        found_id, outputs, inputs = run.provider.read(old)
    except InitFailedError as error:
        found_id, outputs, inputs, reasons = error.id, error.outputs, error.inputs, error.reasons
        run.display.message("warning", old.urn, str(error))
    if not found_id:
        return None
    return replace(
        old,
        id=found_id,
        outputs=values.with_secret_keys(values.annotated(outputs, old.outputs), old.secret_outputs),
        inputs=old.inputs if inputs is None else values.annotated(inputs, old.inputs),
        init_errors=reasons,
    )


def _difference(run: Run, old: Resource, new: Resource | None) -> Difference:
    """Tell what an `up` of an unchanged program would have to do again."""
    if new is None:
        return Difference(changed=True)
    if old.external:
        return Difference(not values.same(old.outputs, new.outputs))
    return run.provider.diff(new, old.inputs, old.ignore_changes)
