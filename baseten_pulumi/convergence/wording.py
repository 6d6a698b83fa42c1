"""The words for a wait: its row while it lasts, its error when the time is up."""

from baseten_pulumi.convergence.comparison import Difference
from baseten_pulumi.convergence.sighting import STANDSTILL_SECONDS, Promotion, Sighting, Wanted
from baseten_pulumi.errors import RateLimitedError, RequestError, Statements
from baseten_pulumi.fields import MAX_REPLICA, MIN_REPLICA

# A row is one line of a terminal: more settings than this are counted and not named.
SETTINGS_NAMED = 3
_CAPPED = frozenset({MIN_REPLICA, MAX_REPLICA})

_DONE = {"ACCEPTED": "were accepted", "QUEUED": "were queued", "UNCHANGED": "were known to Baseten already (UNCHANGED)"}
_STILL_DIFFERENT = "Still different: "
_KEPT = "Baseten keeps the request; only the waiting stopped."
AGAIN = "Run `pulumi up` again (sending the same settings twice does no harm)"


def news(wanted: Wanted, seen: Sighting) -> str:
    """Return what a row says of a wait, without its age: what differs from the time before is news."""
    parts = [_waiting_for(wanted, seen.differing)]
    if wanted.status == "QUEUED":
        parts.append("QUEUED")
    if seen.promotion is not None:
        parts.append(promotion(seen.promotion))
    if seen.trouble is not None:
        parts.append(trouble_in_short(seen.trouble))
    if seen.is_stuck(wanted.status):
        parts.append(standstill(seen))
    return "; ".join(parts)


def progress(text: str, waited_seconds: float) -> str:
    """Return the whole row: the news and how long the wait has lasted."""
    return f"{text} ({waited_seconds:.0f} s)"


def ended(waited_seconds: float) -> str:
    """Return what a row says at the end of a wait that showed something before."""
    return progress("in force", waited_seconds)


def timed_out(wanted: Wanted, seen: Sighting) -> Statements:
    """Return the error for a wait whose time is up."""
    goal = f"{_settings_of(wanted)} but are not in force after {wanted.timeout_seconds:.0f} s."
    return Statements(goal, last_seen(wanted, seen), _KEPT, f"{AGAIN} or raise custom_timeouts.")


def cancelled(wanted: Wanted, seen: Sighting, waited_seconds: float) -> Statements:
    """Return the error for a wait that somebody ended before its time."""
    goal = f"{_settings_of(wanted)} but the wait was cancelled after {waited_seconds:.0f} s."
    return Statements(goal, last_seen(wanted, seen), _KEPT, f"{AGAIN}.")


def retried(trouble: RequestError) -> str:
    """Return what a row says while a request is tried again."""
    return f"{trouble_in_short(trouble)}; trying again"


def last_seen(wanted: Wanted, seen: Sighting, opening: str = _STILL_DIFFERENT) -> str:
    """Return what an error says of the latest look, in sentences; the differences come after `opening`."""
    sentences = []
    if seen.differing is None:
        sentences.append("The settings could not be read back even once")
    else:
        sentences.append(opening + "; ".join(difference.sentence for difference in seen.differing))
    if seen.promotion is not None:
        sentences.append(_capitalised(promotion(seen.promotion)))
    if seen.trouble is not None:
        sentences.append(_capitalised(trouble_in_short(seen.trouble)))
    if seen.is_stuck(wanted.status):
        sentences.append(standstill(seen))
    return " ".join(f"{sentence}." for sentence in sentences)


def _settings_of(wanted: Wanted) -> str:
    done = _DONE.get(wanted.status or "", "were sent")
    return f'Settings of environment "{wanted.env_name}" of model "{wanted.model_id}" {done}'


def _waiting_for(wanted: Wanted, differing: tuple[Difference, ...] | None) -> str:
    total = len(wanted.settings)
    settings = "setting" if total == 1 else "settings"
    if differing is None:
        return f"waiting for {total} {settings}"
    named = [difference.arrow for difference in differing[:SETTINGS_NAMED]]
    more = ["…"] if len(differing) > SETTINGS_NAMED else []
    return f"waiting for {len(differing)} of {total} {settings}: {', '.join(named + more)}"


def promotion(seen: Promotion) -> str:
    """Return what is seen of a promotion."""
    if not seen.is_running:
        return f"the promotion ended {seen.status}"
    percent = "" if seen.percent is None else f", {seen.percent} %"
    return f"promotion {seen.status}{percent}"


def trouble_in_short(trouble: RequestError) -> str:
    """Return what was seen of a trouble, for a row."""
    return "rate limited" if isinstance(trouble, RateLimitedError) else trouble.statements.seen.rstrip(".")


def standstill(seen: Sighting) -> str:
    """Say what stands still; replicas below those wanted are the sign of a capped account."""
    replicas = [found.sighting for found in seen.differing or () if found.path in _CAPPED and found.is_below_wanted]
    if not replicas:
        return f"nothing has changed for {STANDSTILL_SECONDS:.0f} s"
    return f"Baseten reports {', '.join(replicas)}; the account may be capped"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
