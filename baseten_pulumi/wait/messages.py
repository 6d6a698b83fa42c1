"""The text of a wait: its row while it lasts, its error when it fails. The same for one environment and for many."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from baseten_pulumi.errors import (
    BasetenError,
    ConnectionFailedError,
    Message,
    NotAppliedError,
    NotFoundError,
    OverriddenError,
    RateLimitedError,
    RequestError,
    RequestTimeoutError,
    UnexpectedResponseError,
    WaitTimeoutError,
)
from baseten_pulumi.schema.compare import Difference, shown
from baseten_pulumi.schema.environment import Promotion
from baseten_pulumi.schema.settings import MAX_REPLICA, MIN_REPLICA, is_additional
from baseten_pulumi.wait.desired import Desired

if TYPE_CHECKING:
    from baseten_pulumi.wait.polling import Watch

# A row is one line of a terminal.
NAMED_IN_ROW = 2
NAMED_IN_ERROR = 10
# Replicas that stay below the desired number for so long may be limited by the account.
SUSPICIOUS_SECONDS = 60.0
ACCEPTED = "Baseten accepted the request and may still apply it."
_SENT = "Baseten may still apply what was sent."
_REPLICAS = frozenset({MIN_REPLICA, MAX_REPLICA})


def progress(watches: "Sequence[Watch]") -> str:
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
    elif any(watch.lagging for watch in pending):
        reasons.append("waiting for the serving deployment")
    failed = [watch for watch in watches if watch.failure is not None]
    if failed:
        reasons.append(f"{len(failed)} failed")
    return ": ".join(filter(None, (", ".join(reasons) or "waiting", _differing(watches, pending))))


def retrying(error: RequestError, timeout: float) -> str:
    """Return the row while a request is retried: the reason, how long it is retried at most, and the details."""
    limit = f"retrying for up to {min(timeout, error.retried_for):.0f} s"
    observed = error.message.observed.rstrip(".")
    if isinstance(error, RateLimitedError):
        return f"{_short(error)}, {limit}"
    return f"{observed}, {limit}" if error.status_code else f"{_short(error)}, {limit}: {observed}"


def cancelled(watches: "Sequence[Watch]", waited: float) -> Message:
    """Return the error for a wait that was cancelled."""
    unapplied = _unapplied(watches)
    failed = f"The wait for {_subject(unapplied, watches)} was cancelled after {waited:.0f} s."
    action = f"{_again(watches)} to keep waiting."
    return Message(failed, _observed(unapplied, watches, waited), _state(watches), action)


def error(watches: "Sequence[Watch]", timeout: float) -> BasetenError:
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
        actions.append(f"{_again(watches)} to keep waiting, or raise `custom_timeouts`.")
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


def _again(watches: "Sequence[Watch]") -> str:
    """Say how to go on; what is deleted by `pulumi destroy` would be created again by `pulumi up`."""
    is_deletion = any(watch.desired.is_deletion for watch in watches)
    return "Run the same command again" if is_deletion else "Run `pulumi up` again"


def _unapplied(watches: "Sequence[Watch]") -> "list[Watch]":
    """Return the environments that are not applied; what waiting cannot fix comes first."""
    return sorted((watch for watch in watches if not watch.is_applied), key=lambda watch: watch.failure is None)


def _subject(unapplied: "Sequence[Watch]", watches: "Sequence[Watch]") -> str:
    if len(watches) == 1:
        return watches[0].desired.subject
    return f"settings of {len(unapplied)} of {len(watches)} environments"


def _state(watches: "Sequence[Watch]") -> str:
    is_accepted = len(watches) == 1 and watches[0].desired.status in ("ACCEPTED", "QUEUED", "UNCHANGED")
    return ACCEPTED if is_accepted else _SENT


def _differing(watches: "Sequence[Watch]", pending: "Sequence[Watch]") -> str:
    if len(watches) == 1:
        found = pending[0].differences or pending[0].lagging
        return ", ".join([it.short for it in found[:NAMED_IN_ROW]] + _more(len(found) - NAMED_IN_ROW))
    named = []
    for watch in sorted(pending, key=lambda it: it.is_unconfirmed)[:NAMED_IN_ROW]:
        found = watch.differences or watch.lagging
        first = f" {found[0].short}" if found else ""
        named.append(f"{_name(watch)}{first}")
    return ", ".join(named + _more(len(pending) - NAMED_IN_ROW))


def state_of(promotion: Promotion) -> str:
    """Return the state of a promotion: "40 %" while it runs, if that is known, or else its status."""
    if promotion.is_running and promotion.status == "PAUSED":
        return "PAUSED (resume or cancel it in Baseten)"
    percent = promotion.percent_traffic_to_new_version
    if percent is not None and promotion.is_running:
        return f"{percent} %"
    return f"{promotion.status} ({promotion.error_message})" if promotion.error_message else promotion.status


def overridden(desired: Desired, found: Sequence[Difference], seconds: float) -> OverriddenError:
    """Return the error for third values, which have been observed for so long."""
    before = desired.before or {}
    observed = "; ".join(f"{it.sentence}, before the request {shown(before.get(it.path))}" for it in found)
    if desired.status == "QUEUED":
        state = "When the promotion ended, an earlier request that was queued behind it may have been applied."
        action = "Run `pulumi up` again to send the settings. If that fails, too, declare what Baseten reports."
    else:
        state = "Baseten rounded or limited what was sent, or something else changed it."
        action = "Declare what Baseten reports, or find what else changes the environment, and run `pulumi up` again."
    return OverriddenError(
        Message(
            f"The wait for {desired.subject} failed.",
            f"{observed}. The observed values have not changed for {seconds:.0f} s.",
            state,
            action,
        )
    )


def notes(watches: "Sequence[Watch]") -> list[str]:
    """Return what remains to be said of settings that are applied."""
    found = []
    for watch in watches:
        if watch.lagging:
            differing = ", ".join(it.short for it in watch.lagging)
            found.append(f"{_name(watch)}: applied, but the deployment that serves does not report it yet: {differing}")
        elif watch.is_promoting and watch.promotion is not None:
            state = state_of(watch.promotion)
            found.append(f"{_name(watch)}: applied, but promotion {state} is running and may change it when it ends")
    return found


def _short(error: RequestError) -> str:
    known = {
        ConnectionFailedError: "no connection",
        NotFoundError: "not found",
        RateLimitedError: "rate limited",
        RequestTimeoutError: "no response",
        UnexpectedResponseError: "unreadable response",
    }
    kind = next((text for kind, text in known.items() if isinstance(error, kind)), None)
    what = kind or f"Baseten returned {error.status_code}"
    return f"{what} (Retry-After {error.retry_after:.0f} s)" if error.retry_after else what


def _more(count: int) -> list[str]:
    return [f"+{count}"] if count > 0 else []


def _observed(unapplied: "Sequence[Watch]", watches: "Sequence[Watch]", waited: float) -> str:
    if len(watches) == 1:
        return _detail(watches[0], waited)
    lines = [f"{_name(watch)}: {_detail(watch, waited)}" for watch in unapplied[:NAMED_IN_ERROR]]
    more = len(unapplied) - NAMED_IN_ERROR
    return "\n".join([*lines, *([f"… and {more} more."] if more > 0 else [])])


def _detail(watch: "Watch", waited: float) -> str:
    """Say in sentences what was observed of one environment."""
    if watch.failure is not None:
        return watch.failure.message.observed
    found = watch.differences
    sentences = [_unmet(watch)]
    is_long = waited >= SUSPICIOUS_SECONDS
    if is_long and any(it.path in _REPLICAS and _is_below(it.observed, it.desired) for it in found or ()):
        sentences.append("The account may have a limit on replicas")
    if any(is_additional(it.path) and it.observed is None for it in found or ()):
        sentences.append("Check its name: Baseten may ignore a setting that it does not know")
    if watch.promotion is not None:
        sentences.append(f"Latest promotion: {state_of(watch.promotion)}")
    if watch.desired.message:
        sentences.append(f'Baseten returned: "{watch.desired.message.rstrip(".")}"')
    if watch.last_error is not None:
        sentences.append(f"The last poll failed: {watch.last_error.message.observed.rstrip('.')}")
    return " ".join(f"{sentence}." for sentence in sentences)


def _unmet(watch: "Watch") -> str:
    """Say what was not observed."""
    if watch.differences is None:
        return "The environment was not read yet" if watch.last_error is None else "The environment could not be read"
    if watch.differences:
        return "; ".join(it.sentence for it in watch.differences)
    if watch.is_queued:
        return "Baseten queued the request until the promotion ends"
    if watch.lagging:
        differing = "; ".join(it.sentence for it in watch.lagging)
        return f"The deployment that serves does not have the settings yet: {differing}"
    return "It was observed only once"


def _is_below(observed: object, desired: object) -> bool:
    return isinstance(observed, int) and isinstance(desired, int) and observed < desired


def _name(watch: "Watch") -> str:
    return watch.desired.name or f"{watch.desired.model_id}/{watch.desired.env_name}"
