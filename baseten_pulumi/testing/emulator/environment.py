"""One environment over time: what is in force, what was accepted and comes later, and the promotion that delays it.

Time is an argument everywhere; nothing here reads a clock. An environment is brought up to date by `settle`, which
every question and every change calls first, so that what happened in between has happened at its exact time.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from baseten_pulumi.testing.emulator.promotions import WHOLE_PERCENT, EndStatus, Promotion
from baseten_pulumi.testing.emulator.settings import Settings, completed, former, merged, only

Outcome: TypeAlias = Literal["ACCEPTED", "QUEUED", "UNCHANGED"]

_KEPT_STATES = 1000
"""How many earlier states a stale read may reach back to."""


@dataclass(frozen=True, slots=True)
class Application:
    """Say what becomes of accepted changes.

    Attributes:
        fields: The only fields that ever come into force, by their last name; None for all of them.
        reverts_after_seconds: When they go back to what they were, counted from coming into force; None for never.
    """

    fields: tuple[str, ...] | None = None
    reverts_after_seconds: float | None = None


FAITHFUL = Application()


@dataclass(frozen=True, slots=True)
class _Change:
    settings: Settings
    due_seconds: float | None
    reverts_after_seconds: float | None = None
    is_revert: bool = False


class Environment:
    """Hold one environment of one model."""

    def __init__(self, name: str, settings: Settings, created_at: str, now_seconds: float) -> None:
        self.name = name
        self.created_at = created_at
        self.in_force = settings
        self.promotion: Promotion | None = None
        self.deployment_number = 1
        self.applied_seconds: list[float] = []
        self._pending: list[_Change] = []
        self._before_last_change: Settings | None = None
        self._history: deque[tuple[float, Settings]] = deque([(now_seconds, settings)], _KEPT_STATES)

    @property
    def promoting(self) -> bool:
        """Whether a promotion runs, so that changes queue behind it."""
        return self.promotion is not None and not self.promotion.ended

    def target(self) -> Settings:
        """Return what will be in force once everything accepted is."""
        settings = self.in_force
        for change in self._pending:
            if not change.is_revert:
                settings = merged(settings, change.settings)
        return settings

    def accept(
        self, changes: Settings, now_seconds: float, apply_seconds: float, application: Application = FAITHFUL
    ) -> Outcome:
        """Take changes that come into force after `apply_seconds`, or that long after the promotion that runs."""
        target = self.target()
        if merged(target, changes) == target:
            return "UNCHANGED"
        self._before_last_change = self.in_force
        due_seconds = None if self.promoting else now_seconds + apply_seconds
        kept = changes if application.fields is None else only(changes, application.fields)
        if kept:
            self._pending.append(_Change(kept, due_seconds, application.reverts_after_seconds))
        self.settle(now_seconds, apply_seconds)
        return "QUEUED" if self.promoting else "ACCEPTED"

    def change(self, changes: Settings, now_seconds: float) -> None:
        """Put changes in force at once, past everything accepted, as somebody does by hand."""
        self._put_in_force(changes, now_seconds)

    def start_promotion(self, promotion: Promotion) -> None:
        """Begin a promotion; what is accepted from now on queues behind it."""
        self.promotion = promotion

    def finish_promotion(
        self, now_seconds: float, apply_seconds: float, status: EndStatus, error_message: str | None = None
    ) -> None:
        """End the promotion; what queued behind it comes into force `apply_seconds` later."""
        if self.promotion is None or not self.promoting:
            raise ValueError(f'no promotion is running in environment "{self.name}"')
        percent = WHOLE_PERCENT if status == "SUCCEEDED" else self.promotion.percent_at(now_seconds)
        self.promotion = replace(
            self.promotion, status=status, percent=percent, error_message=error_message, ended=True
        )
        self.deployment_number += status == "SUCCEEDED"
        due_seconds = now_seconds + apply_seconds
        self._pending = [
            replace(each, due_seconds=due_seconds) if each.due_seconds is None else each for each in self._pending
        ]

    def settle(self, now_seconds: float, apply_seconds: float) -> None:
        """Let everything happen that was due by `now_seconds`, in its order and at its own time."""
        ended_seconds = self.promotion.ends_by(now_seconds) if self.promotion is not None else None
        if ended_seconds is not None:
            self.finish_promotion(ended_seconds, apply_seconds, "SUCCEEDED")
        while self._pending:
            due_seconds, index = min(
                (float("inf") if each.due_seconds is None else each.due_seconds, index)
                for index, each in enumerate(self._pending)
            )
            if due_seconds > now_seconds:
                return
            self._apply(self._pending.pop(index), due_seconds)

    def as_of(self, at_seconds: float) -> Settings:
        """Return what was in force at a time; the oldest state known where that lies further back."""
        for since_seconds, settings in reversed(self._history):
            if since_seconds <= at_seconds:
                return settings
        return self._history[0][1]

    def before_last_change(self) -> Settings:
        """Return what was in force when the last changes were accepted, before they had any effect."""
        return self.in_force if self._before_last_change is None else self._before_last_change

    def _apply(self, change: _Change, at_seconds: float) -> None:
        if change.reverts_after_seconds is not None:
            back = former(self.in_force, completed(change.settings, self.in_force))
            self._pending.append(_Change(back, at_seconds + change.reverts_after_seconds, is_revert=True))
        if not change.is_revert:
            self.applied_seconds.append(at_seconds)
        self._put_in_force(change.settings, at_seconds)

    def _put_in_force(self, changes: Settings, at_seconds: float) -> None:
        self.in_force = merged(self.in_force, changes)
        self._history.append((at_seconds, self.in_force))
