"""What is wanted of an environment, and what the latest look at it showed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from baseten_pulumi.convergence.comparison import Difference
from baseten_pulumi.errors import TransientError
from baseten_pulumi.fields import Settings, Value

# Seconds on an unchanged other value, with nothing queued, after which something besides slowness is to be suspected.
STANDSTILL_SECONDS = 60.0


class Promotion(Protocol):
    """A promotion as Baseten reports it; it may have ended."""

    @property
    def status(self) -> str:
        """Baseten's word for it, such as RAMPING_UP."""
        ...

    @property
    def percent(self) -> int | None:
        """Share of the traffic on the new deployment; None where it is not reported."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether it still goes on."""
        ...


class ReportedEnvironment(Protocol):
    """An environment as Baseten reports it."""

    @property
    def settings(self) -> Mapping[str, Value]:
        """Reported settings by dotted path, without those reported as null."""
        ...

    @property
    def promotion(self) -> Promotion | None:
        """The latest promotion; None where none is reported."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to wait for.

    Attributes:
        model_id: Baseten's id of the model.
        env_name: Name of the environment.
        settings: Wanted settings by dotted path.
        status: Baseten's answer to the request that sent them; None where nothing had to be sent.
        timeout_seconds: How long the operation may take that the wait is part of.
        seconds_left: How much of that is left when the wait begins; None for all of it.
    """

    model_id: str
    env_name: str
    settings: Settings
    status: str | None
    timeout_seconds: float
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the latest look showed.

    Attributes:
        differing: What is not in force yet; None while nothing has been read.
        promotion: The latest promotion; None where none is reported.
        trouble: What kept the latest poll from reading; None where it read.
        still_seconds: How long the differences had been the same, with no promotion running, when last read.
    """

    differing: tuple[Difference, ...] | None = None
    promotion: Promotion | None = None
    trouble: TransientError | None = None
    still_seconds: float = 0.0

    def is_stuck(self, status: str | None) -> bool:
        """Tell whether Baseten has stood still on other values for a minute with nothing to wait behind.

        Where a request was queued, that is known only once the promotion it was queued behind is reported ended.
        """
        is_queued = status == "QUEUED" and self.promotion is None
        return self.still_seconds >= STANDSTILL_SECONDS and not is_queued
