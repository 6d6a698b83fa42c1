"""One environment over time: its settings, accepted and queued changes, its deployments and its promotion.

Time is an argument everywhere; nothing here reads a clock. `settle`, called before every read and every change, lets
everything that was due happen in its order and at its exact time.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from baseten_pulumi.testing.emulator.settings import Settings, completed, former, leaves, merged, only, overlaid

Outcome: TypeAlias = Literal["ACCEPTED", "QUEUED", "UNCHANGED"]
EndStatus: TypeAlias = Literal["SUCCEEDED", "FAILED", "CANCELED"]

_KEPT_STATES = 1000
"""How many earlier states a stale read may reach back to."""


@dataclass(frozen=True, slots=True)
class Application:
    """How accepted changes are applied.

    Attributes:
        fields: The only fields that are applied, by their last name; None for all.
        reverts_after_seconds: When they go back to what they were, after they were applied; None for never.
        highest: The highest value of a field, by its last name; a higher one becomes that.
        multiples: What a field is rounded to a multiple of, by its last name.
    """

    fields: tuple[str, ...] | None = None
    reverts_after_seconds: float | None = None
    highest: Mapping[str, int] = field(default_factory=dict)
    multiples: Mapping[str, int] = field(default_factory=dict)

    def altered(self, changes: Settings) -> Settings:
        """Return what is left of changes."""
        kept = changes if self.fields is None else only(changes, self.fields)
        for path, value in leaves(kept):
            *groups, name = path.split(".")
            new = value
            if name in self.highest and value is not None:
                new = min(value, self.highest[name])
            if name in self.multiples and value is not None:
                new = round(value / self.multiples[name]) * self.multiples[name]
            if new != value:
                change: Any = {name: new}
                for group in reversed(groups):
                    change = {group: change}
                kept = overlaid(kept, change)
        return kept


AS_SENT = Application()


@dataclass(frozen=True, slots=True)
class StaleRead:
    """Report the settings of `seconds` ago; None: those when the last changes were accepted."""

    seconds: float | None = None
    env_name: str | None = None


@dataclass(frozen=True, slots=True)
class FlappingRead(StaleRead):
    """Report new settings for `after_seconds`, then the old ones for `old_seconds`, then the new ones again."""

    after_seconds: float = 0.0
    old_seconds: float = 0.0


@dataclass(slots=True)
class Deployment:
    """A deployment of a model.

    Attributes:
        id: Its id.
        name: Its name.
        created_at: When it was created, in ISO 8601.
        environment: The environment it serves or is promoted to; None for neither.
        status: Its status; None while it is ACTIVE or SCALED_TO_ZERO, as its replicas are.
        settings: Settings of its own, once it serves no environment; None while they are the environment's.
    """

    id: str
    name: str
    created_at: str
    environment: str | None
    status: str | None = None
    settings: Settings | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion, running or ended.

    Attributes:
        started_seconds: When it began.
        percent: Share of the traffic on the new deployment when it began.
        seconds: How long it takes by itself; None if something has to end it.
        status: RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED while it runs, then SUCCEEDED, FAILED or CANCELED.
        error_message: Why it failed; None if it did not or the reason is not known.
        ended: Whether it has ended; the API reports an ended promotion until the next one.
        paused_seconds: Seconds that were left when it was paused by a request; None otherwise.
    """

    started_seconds: float
    percent: int = 0
    seconds: float | None = None
    status: str = "RAMPING_UP"
    error_message: str | None = None
    ended: bool = False
    paused_seconds: float | None = None

    def ends_by(self, now_seconds: float) -> float | None:
        """Return when it ended by itself; None if it has not by `now_seconds`."""
        if self.ended or self.seconds is None or now_seconds < self.started_seconds + self.seconds:
            return None
        return self.started_seconds + self.seconds

    def percent_at(self, now_seconds: float) -> int:
        """Return the share of traffic on the new deployment; it grows evenly when the duration is known."""
        if self.ended or not self.seconds:
            return self.percent
        share = min(1.0, (now_seconds - self.started_seconds) / self.seconds)
        return int(self.percent + (100 - self.percent) * share)

    def paused(self, now_seconds: float) -> "Promotion":
        """Return it paused."""
        left = None if self.seconds is None else self.started_seconds + self.seconds - now_seconds
        percent = self.percent_at(now_seconds)
        return replace(self, status="PAUSED", percent=percent, seconds=None, paused_seconds=left)

    def resumed(self, now_seconds: float) -> "Promotion":
        """Return it running again."""
        seconds = self.paused_seconds if self.seconds is None else self.seconds
        return replace(self, status="RAMPING_UP", started_seconds=now_seconds, seconds=seconds, paused_seconds=None)


@dataclass(frozen=True, slots=True)
class _Change:
    settings: Settings
    due_seconds: float | None
    reverts_after_seconds: float | None = None
    is_revert: bool = False


class Environment:
    """An environment of a model.

    Args:
        name: Its name.
        settings: Its settings.
        created_at: When it was created, in ISO 8601.
        now_seconds: The time.
        apply_seconds: From accepting changes to applying them.
    """

    def __init__(
        self, name: str, settings: Settings, created_at: str, now_seconds: float, apply_seconds: float
    ) -> None:
        self.name = name
        self.created_at = created_at
        self.settings = settings
        self.deployment: Deployment | None = None
        self.candidate: Deployment | None = None
        self.promotion: Promotion | None = None
        self.active_schedule: str | None = None
        self.applied_seconds: list[float] = []
        self._apply_seconds = apply_seconds
        self._pending: list[_Change] = []
        self._before_last_change: Settings | None = None
        self._history: deque[tuple[float, Settings]] = deque([(now_seconds, settings)], _KEPT_STATES)

    @property
    def promoting(self) -> bool:
        """Whether a promotion runs, so that changes are queued."""
        return self.promotion is not None and not self.promotion.ended

    def accepted(self) -> Settings:
        """Return the settings with every accepted change, and without those queued behind a promotion."""
        settings = self.settings
        for change in self._pending:
            if change.due_seconds is not None and not change.is_revert:
                settings = merged(settings, change.settings)
        return settings

    def accept(self, changes: Settings, now_seconds: float, application: Application = AS_SENT) -> Outcome:
        """Accept changes, which are applied after `apply_seconds`, or that long after a running promotion has ended.

        Queued changes do not count when later ones are compared, and are applied whatever came after them.
        """
        accepted = self.accepted()
        if merged(accepted, changes) == accepted:
            return "UNCHANGED"
        self._before_last_change = self.settings
        due_seconds = None if self.promoting else now_seconds + self._apply_seconds
        if kept := application.altered(changes):
            self._pending.append(_Change(kept, due_seconds, application.reverts_after_seconds))
        self.settle(now_seconds)
        return "QUEUED" if self.promoting else "ACCEPTED"

    def queue(self, changes: Settings) -> None:
        """Apply changes when the running promotion has ended."""
        if changes:
            self._pending.append(_Change(changes, None))

    def change(self, changes: Settings, now_seconds: float) -> None:
        """Apply changes at once, before everything accepted."""
        self._apply(changes, now_seconds)

    def start_promotion(self, promotion: Promotion, candidate: Deployment) -> None:
        """Begin a promotion; what is accepted from now on is queued."""
        self._retire(self.candidate, "INACTIVE")
        self.promotion, self.candidate = promotion, candidate
        candidate.environment, candidate.settings, candidate.status = self.name, None, None

    def finish_promotion(self, now_seconds: float, status: EndStatus, error_message: str | None = None) -> None:
        """End the promotion; what was queued is applied `apply_seconds` later."""
        if self.promotion is None or not self.promoting:
            raise ValueError(f'no promotion is running in environment "{self.name}"')
        percent = 100 if status == "SUCCEEDED" else self.promotion.percent_at(now_seconds)
        self.promotion = replace(
            self.promotion, status=status, percent=percent, error_message=error_message, ended=True
        )
        if status == "SUCCEEDED":
            cleanup = self.settings["promotion_settings"]["promotion_cleanup_strategy"]
            kept = {"KEEP": None, "DEACTIVATE": "INACTIVE"}.get(cleanup, "SCALED_TO_ZERO")
            self._retire(self.deployment, kept)
            self.deployment = self.candidate
        else:
            self._retire(self.candidate, "FAILED" if status == "FAILED" else "INACTIVE")
        self.candidate = None
        due_seconds = now_seconds + self._apply_seconds
        self._pending = [
            replace(each, due_seconds=due_seconds) if each.due_seconds is None else each for each in self._pending
        ]

    def close(self) -> None:
        """Scale the deployments to zero, as when the environment is deleted."""
        self._retire(self.deployment, "SCALED_TO_ZERO")
        self._retire(self.candidate, "SCALED_TO_ZERO")

    def settle(self, now_seconds: float) -> None:
        """Let everything happen that was due by `now_seconds`."""
        ended_seconds = self.promotion.ends_by(now_seconds) if self.promotion is not None else None
        if ended_seconds is not None:
            self.finish_promotion(ended_seconds, "SUCCEEDED")
        while self._pending:
            due_seconds, index = min(
                (float("inf") if each.due_seconds is None else each.due_seconds, index)
                for index, each in enumerate(self._pending)
            )
            if due_seconds > now_seconds:
                return
            change = self._pending.pop(index)
            if change.reverts_after_seconds is not None:
                back = former(self.settings, completed(change.settings, self.settings))
                self._pending.append(_Change(back, due_seconds + change.reverts_after_seconds, is_revert=True))
            if not change.is_revert:
                self.applied_seconds.append(due_seconds)
            self._apply(change.settings, due_seconds)

    def observed(self, now_seconds: float, read: StaleRead | None = None, lag_seconds: float = 0.0) -> Settings:
        """Return the settings that a read reports.

        Args:
            now_seconds: The time.
            read: What is wrong with the read; None for nothing.
            lag_seconds: How far what is read is behind the environment.
        """
        if isinstance(read, FlappingRead):
            flaps_seconds = self._history[-1][0] + read.after_seconds
            if len(self._history) > 1 and flaps_seconds <= now_seconds < flaps_seconds + read.old_seconds:
                return self._history[-2][1]
        elif read is not None and read.seconds is None:
            return self.settings if self._before_last_change is None else self._before_last_change
        elif read is not None and read.seconds is not None:
            lag_seconds += read.seconds
        for since_seconds, settings in reversed(self._history):
            if since_seconds <= now_seconds - lag_seconds:
                return settings
        return self._history[0][1]

    def _retire(self, deployment: Deployment | None, status: str | None) -> None:
        if deployment is not None:
            deployment.environment, deployment.settings, deployment.status = None, self.settings, status

    def _apply(self, changes: Settings, at_seconds: float) -> None:
        self.settings = merged(self.settings, changes)
        self._history.append((at_seconds, self.settings))
