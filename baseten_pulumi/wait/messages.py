"""The text of a wait: its row while it lasts, its error when it fails. The same for one environment and for many."""

from collections.abc import Sequence
from dataclasses import asdict

from baseten_pulumi.errors import (
    BasetenError,
    ConnectionFailedError,
    Message,
    NotAppliedError,
    RateLimitedError,
    RequestTimeoutError,
    TransientError,
    UnexpectedResponseError,
    WaitTimeoutError,
)
from baseten_pulumi.schema.environment import Promotion
from baseten_pulumi.schema.settings import MAX_REPLICA, MIN_REPLICA
from baseten_pulumi.wait.polling import Watch

# A row is one line of a terminal.
NAMED_IN_ROW = 2
NAMED_IN_ERROR = 10
# Replicas that stay below the desired number for so long may be limited by the account.
SUSPICIOUS_SECONDS = 60.0
ACCEPTED = "Baseten accepted the request and may still apply it."
_SENT = "Baseten may still apply what was sent."
_REPLICAS = frozenset({MIN_REPLICA, MAX_REPLICA})


def progress(watches: Sequence[Watch]) -> str:
    """Return the row: the reason first, then what differs, `QUEUED, promotion 40 %: max_replica 4→6`."""
    pending = [watch for watch in watches if watch.is_pending]
    reasons = [] if len(watches) == 1 else [f"{len(pending)} of {len(watches)} left"]
    queued = sum(watch.desired.status == "QUEUED" for watch in pending)
    if queued:
        reasons.append("QUEUED" if len(watches) == 1 else f"{queued} QUEUED")
    promotions = [watch.promotion for watch in pending if watch.promotion is not None]
    if promotions:
        count = f"{len(promotions)} × " if len(promotions) > 1 else ""
        reasons.append(f"{count}promotion {state_of(promotions[0])}")
    errors = [watch.last_error for watch in pending if watch.last_error is not None]
    if errors:
        reasons.append(_short(errors[0]))
    if pending and all(watch.is_unconfirmed for watch in pending):
        reasons.append("confirming")
    failed = [watch for watch in watches if watch.failure is not None]
    if failed:
        reasons.append(f"{len(failed)} failed")
    return ": ".join(filter(None, (", ".join(reasons) or "waiting", _differing(watches, pending))))


def retrying(error: BasetenError) -> str:
    """Return the row while a request is retried."""
    observed = _short(error) if isinstance(error, RateLimitedError) else error.message.observed.rstrip(".")
    return f"{observed}, retrying"


def cancelled(watches: Sequence[Watch], waited: float) -> Message:
    """Return the error for a wait that was cancelled."""
    unapplied = _unapplied(watches)
    failed = f"The wait for {_subject(unapplied, watches)} was cancelled after {waited:.0f} s."
    action = "Run `pulumi up` again to keep waiting."
    return Message(failed, _observed(unapplied, watches, waited), _state(watches), action)


def error(watches: Sequence[Watch], timeout: float) -> BasetenError:
    """Return the error for a wait that failed: the environment's own, or one that names every environment.

    It is a `WaitTimeoutError` if any environment timed out, and of the environments' own kind if all failed alike.
    """
    unapplied = _unapplied(watches)
    failures = [watch.failure for watch in unapplied if watch.failure is not None]
    if len(watches) == 1 and failures:
        return failures[0]
    is_timeout = len(failures) < len(unapplied)
    actions = [failure.message.action for failure in failures]
    failed = f"The wait for {_subject(unapplied, watches)} failed."
    if is_timeout:
        actions.append("Run `pulumi up` again to keep waiting, or raise `custom_timeouts`.")
        if any(watch.desired.name for watch in watches):  # a resource of its own, which only reads
            actions.append("To resend the settings that differ, run `pulumi up --refresh`.")
        failed = f"Timed out after {timeout:.0f} s waiting for {_subject(unapplied, watches)} to be applied."
    action = " ".join(dict.fromkeys(actions))
    message = Message(failed, _observed(unapplied, watches, timeout), _state(watches), action)
    if is_timeout:
        return WaitTimeoutError(message)
    if len({type(failure) for failure in failures}) > 1:
        return NotAppliedError(message)
    return failures[0].with_message(**asdict(message))


def _unapplied(watches: Sequence[Watch]) -> list[Watch]:
    """Return the environments that are not applied; what waiting cannot fix comes first."""
    return sorted((watch for watch in watches if not watch.is_applied), key=lambda watch: watch.failure is None)


def _subject(unapplied: Sequence[Watch], watches: Sequence[Watch]) -> str:
    if len(watches) == 1:
        return watches[0].desired.subject
    return f"settings of {len(unapplied)} of {len(watches)} environments"


def _state(watches: Sequence[Watch]) -> str:
    is_accepted = len(watches) == 1 and watches[0].desired.status in ("ACCEPTED", "QUEUED", "UNCHANGED")
    return ACCEPTED if is_accepted else _SENT


def _differing(watches: Sequence[Watch], pending: Sequence[Watch]) -> str:
    if len(watches) == 1:
        found = pending[0].differences or ()
        return ", ".join([it.short for it in found[:NAMED_IN_ROW]] + _more(len(found) - NAMED_IN_ROW))
    named = []
    for watch in pending[:NAMED_IN_ROW]:
        first = f" {watch.differences[0].short}" if watch.differences else ""
        named.append(f"{_name(watch)}{first}")
    return ", ".join(named + _more(len(pending) - NAMED_IN_ROW))


def state_of(promotion: Promotion) -> str:
    """Return the state of a promotion: "40 %" while it runs, if that is known, or else its status."""
    if promotion.is_running and promotion.status == "PAUSED":
        return "PAUSED (resume or cancel it in Baseten)"
    percent = promotion.percent_traffic_to_new_version
    return promotion.status if percent is None or not promotion.is_running else f"{percent} %"


def _short(error: TransientError) -> str:
    known = {
        ConnectionFailedError: "no connection",
        RateLimitedError: "rate limited",
        RequestTimeoutError: "no response",
        UnexpectedResponseError: "unreadable response",
    }
    what = known.get(type(error), f"Baseten returned {error.status_code}")
    return f"{what} (Retry-After {error.retry_after:.0f} s)" if error.retry_after else what


def _more(count: int) -> list[str]:
    return [f"+{count}"] if count > 0 else []


def _observed(unapplied: Sequence[Watch], watches: Sequence[Watch], waited: float) -> str:
    if len(watches) == 1:
        return _detail(watches[0], waited)
    lines = [f"{_name(watch)}: {_detail(watch, waited)}" for watch in unapplied[:NAMED_IN_ERROR]]
    more = len(unapplied) - NAMED_IN_ERROR
    return "\n".join([*lines, *([f"… and {more} more."] if more > 0 else [])])


def _detail(watch: Watch, waited: float) -> str:
    """Say in sentences what was observed of one environment."""
    if watch.failure is not None:
        return watch.failure.message.observed
    found = watch.differences
    observed = "It was observed only once" if watch.is_unconfirmed else "; ".join(it.sentence for it in found or ())
    sentences = [observed or "The environment could not be read"]
    is_long = waited >= SUSPICIOUS_SECONDS
    if is_long and any(it.path in _REPLICAS and _is_below(it.observed, it.desired) for it in found or ()):
        sentences.append("The account may have a limit on replicas")
    if watch.promotion is not None:
        sentences.append(f"Latest promotion: {state_of(watch.promotion)}")
    if watch.last_error is not None:
        sentences.append(f"The last poll failed: {watch.last_error.message.observed.rstrip('.')}")
    return " ".join(f"{sentence}." for sentence in sentences)


def _is_below(observed: object, desired: object) -> bool:
    return isinstance(observed, int) and isinstance(desired, int) and observed < desired


def _name(watch: Watch) -> str:
    return watch.desired.name or f"{watch.desired.model_id}/{watch.desired.env_name}"
