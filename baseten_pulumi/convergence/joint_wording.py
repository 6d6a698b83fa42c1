"""The words for a joint wait: its one row while it lasts, its one error at the end."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from baseten_pulumi.convergence.watch import Watch
from baseten_pulumi.convergence.wording import AGAIN, last_seen, standstill, trouble_in_short
from baseten_pulumi.errors import BasetenError, NotInForceError, RateLimitedError, Statements, WaitTimeoutError

# A row is one line of a terminal: more environments than this are counted and not named.
ENVIRONMENTS_NAMED = 3
# An error is read on a screen.
ENVIRONMENTS_IN_FULL = 10
_KEPT = "Baseten keeps the requests; only the waiting stopped."
_SUCCEEDED = "SUCCEEDED"


def joint_news(watches: Sequence[Watch]) -> str:
    """Return what the row says of a wait, without its age: what differs from the time before is news."""
    pending = [watch for watch in watches if not watch.is_over]
    parts = [_waiting_for(pending, len(watches)), *_queued(pending), *_promotions(pending), *_troubles(pending)]
    return "; ".join([*parts, *_standstills(pending), *_failures(watches)])


def joint_error(watches: Sequence[Watch]) -> BasetenError | None:
    """Return one error for every environment that is not in force; None where all are.

    It is a `WaitTimeoutError` where time ran out for any; the environments' own error where there is only that kind.
    """
    unmet = _failures_first(watch for watch in watches if watch.error is not None)
    errors = [watch.error for watch in unmet if watch.error is not None]
    if not errors:
        return None
    statements = _all_statements(unmet, errors, len(watches))
    if any(isinstance(error, WaitTimeoutError) for error in errors):
        return WaitTimeoutError(statements)
    if len({type(error) for error in errors}) > 1:
        return NotInForceError(statements)
    return errors[0].restated(goal=statements.goal, seen=statements.seen, now=statements.now)


def joint_cancellation(watches: Sequence[Watch], waited_seconds: float) -> Statements:
    """Return the error for a wait that somebody ended before its time."""
    unmet = _failures_first(watch for watch in watches if not watch.is_in_force)
    share = f"{len(unmet)} of {len(watches)} environments"
    goal = f"The wait for settings of {share} was cancelled after {waited_seconds:.0f} s."
    return Statements(goal, _each(unmet), _KEPT, f"{AGAIN}.")


def _all_statements(unmet: Sequence[Watch], errors: Sequence[BasetenError], total: int) -> Statements:
    waited = [watch.wanted.timeout_seconds for watch in unmet if isinstance(watch.error, WaitTimeoutError)]
    after = f" after {max(waited):.0f} s" if waited else ""
    goal = f"Settings of {len(unmet)} of {total} environments are not in force{after}."
    advice = dict.fromkeys(error.statements.advice for error in errors)
    return Statements(goal, _each(unmet), _KEPT, " ".join(advice))


def _failures_first(unmet: Iterable[Watch]) -> list[Watch]:
    """Put what waiting would not mend before what it might."""
    return sorted(unmet, key=lambda watch: watch.error is None or isinstance(watch.error, WaitTimeoutError))


def _each(unmet: Sequence[Watch]) -> str:
    """Say of each environment what was seen last."""
    lines = [f"{_name(watch)}: {_seen(watch)}" for watch in unmet[:ENVIRONMENTS_IN_FULL]]
    more = [f"… and {len(unmet) - len(lines)} more."] if len(unmet) > len(lines) else []
    return "\n".join(lines + more)


def _seen(watch: Watch) -> str:
    if watch.error is None or isinstance(watch.error, WaitTimeoutError):
        return last_seen(watch.wanted, watch.seen, opening="")
    return watch.error.statements.seen


def _waiting_for(pending: Sequence[Watch], total: int) -> str:
    named = [_difference(watch) for watch in pending[:ENVIRONMENTS_NAMED]]
    more = ["…"] if len(pending) > ENVIRONMENTS_NAMED else []
    return f"waiting for {len(pending)} of {total} environments: {', '.join(named + more)}"


def _difference(watch: Watch) -> str:
    """`abc123/production min_replica 1 → 3 +1` where one more setting differs."""
    differing = watch.seen.differing
    if not differing:
        return _name(watch)
    more = f" +{len(differing) - 1}" if len(differing) > 1 else ""
    return f"{_name(watch)} {differing[0].arrow}{more}"


def _queued(pending: Sequence[Watch]) -> Iterator[str]:
    count = sum(watch.wanted.status == "QUEUED" for watch in pending)
    if count:
        yield f"{count} QUEUED"


def _promotions(pending: Sequence[Watch]) -> Iterator[str]:
    """Count promotions by status; one that ended well is no news for a fleet."""
    promotions = [watch.seen.promotion for watch in pending if watch.seen.promotion is not None]
    counts = Counter(promotion.status for promotion in promotions if promotion.status != _SUCCEEDED)
    if counts:
        yield "promotions: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _troubles(pending: Sequence[Watch]) -> Iterator[str]:
    troubles = [watch.seen.trouble for watch in pending if watch.seen.trouble is not None]
    limited = sum(isinstance(trouble, RateLimitedError) for trouble in troubles)
    if limited:
        yield f"{limited} rate limited"
    others = [trouble for trouble in troubles if not isinstance(trouble, RateLimitedError)]
    if others:
        yield f"{len(others)} not read: {trouble_in_short(others[0])}"


def _standstills(pending: Sequence[Watch]) -> Iterator[str]:
    stuck = [watch for watch in pending if watch.seen.is_stuck(watch.wanted.status)]
    if stuck:
        more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
        yield f"{_name(stuck[0])}{more}: {standstill(stuck[0].seen)}"


def _failures(watches: Sequence[Watch]) -> Iterator[str]:
    failed = [watch for watch in watches if watch.error is not None]
    if failed:
        more = ", …" if len(failed) > 1 else ""
        yield f"{len(failed)} failed: {_name(failed[0])}{more}"


def _name(watch: Watch) -> str:
    return f"{watch.wanted.model_id}/{watch.wanted.env_name}"
