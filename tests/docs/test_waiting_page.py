"""The rows and errors that the page of waiting shows are the package's own, word for word."""

from dataclasses import dataclass, replace

from baseten_pulumi.convergence import wording
from baseten_pulumi.convergence.comparison import differences
from baseten_pulumi.convergence.sighting import STANDSTILL_SECONDS, Sighting, Wanted
from baseten_pulumi.errors import RateLimitedError, Statements
from baseten_pulumi.fields import AUTOSCALING, MAX_REPLICA, MIN_REPLICA
from tests.docs.messages import SEEN, WANTED
from tests.docs.pages import COMPARED, FOLDER, blocks

_WINDOW, _DELAY, _TARGET = (
    f"{AUTOSCALING}.{name}" for name in ("autoscaling_window", "scale_down_delay", "concurrency_target")
)


@dataclass(frozen=True)
class _Promotion:
    status: str = "RAMPING_UP"
    percent: int | None = 40
    is_running: bool = True


def _row(
    wanted: dict[str, int], reported: dict[str, int], seconds: float, status: str = "ACCEPTED", **seen: object
) -> str:
    whole = Wanted("abc123", "production", dict(wanted), status, 1800.0)
    sighting = replace(Sighting(differing=differences(whole.settings, {**wanted, **reported})), **seen)  # type: ignore[arg-type] # names of its fields
    return wording.progress(wording.news(whole, sighting), seconds)


def _rows() -> list[str]:
    two = {MIN_REPLICA: 1, MAX_REPLICA: 6}
    five = {MIN_REPLICA: 3, MAX_REPLICA: 6, _WINDOW: 60, _DELAY: 300, _TARGET: 8}
    limited = RateLimitedError(Statements("", "", "", ""))
    return [
        _row(five, {MIN_REPLICA: 1, MAX_REPLICA: 4}, 12),
        _row(two, {MAX_REPLICA: 4}, 95, "QUEUED", promotion=_Promotion()),
        _row({**two, MAX_REPLICA: 12}, {MAX_REPLICA: 10}, 75, still_seconds=STANDSTILL_SECONDS),
        _row({MIN_REPLICA: 1, _DELAY: 300}, {_DELAY: 900}, 75, still_seconds=STANDSTILL_SECONDS),
        _row(two, {MAX_REPLICA: 4}, 20, trouble=limited),
        wording.ended(98),
    ]


def test_rows_and_errors_are_the_packages_own_when_shown() -> None:
    """Everything the page shows of a wait, in its order."""
    queued = replace(WANTED, status="QUEUED")
    interrupted = wording.cancelled(queued, replace(SEEN, promotion=_Promotion()), 40.0)
    expected = ["\n".join(_rows()), str(wording.timed_out(WANTED, SEEN)), str(interrupted)]
    told = [block.text.rstrip("\n") for block in blocks(FOLDER / "waiting.md") if block.remark == COMPARED]
    assert told == expected
