"""What can be done in a world of the campaign, and what is told of it."""

from dataclasses import dataclass

from baseten_pulumi.testing.emulator.contract import Api
from baseten_pulumi.testing.engine.checkpoint import Resource
from tests.faults.declared import Program
from tests.faults.wire import Exchange


@dataclass(frozen=True, slots=True)
class How:
    """How Baseten behaves all the time.

    Attributes:
        api: Which reading of its API it answers by.
        apply_seconds: From accepting settings to reporting them.
        rate_limit: Requests a second for each endpoint; None for no limit.
    """

    api: Api = "current"
    apply_seconds: float = 2.0
    rate_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Interruption:
    """What ends an operation before its time: Ctrl-C after so many seconds, or a kill at the n-th request.

    Attributes:
        cancels_after_seconds: When Ctrl-C comes; None for never.
        dies_at_request: Which request of the operation is the process's last; None for none.
        is_carried_out: Whether that request still has its effect.
        keeps_steps: Whether the engine lives to record the steps that had ended; else it dies too.
    """

    cancels_after_seconds: float | None = None
    dies_at_request: int | None = None
    is_carried_out: bool = True
    keeps_steps: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """One operation that was carried out.

    Attributes:
        kind: up, refresh or preview.
        program: What the program declared.
        succeeded: Whether it ended well.
        is_cancelled: Whether it was ended by Ctrl-C.
        is_killed: Whether a process was killed in the middle.
        text: All the engine showed.
        lines: What rows showed.
        changes: Steps by word.
        before: State before, by name.
        after: State after, by name.
        exchanges: Requests of the operation.
        began_seconds: When it began.
        ended_seconds: When it ended.
        left: Tasks that were still there when the last call had been answered.
    """

    kind: str
    program: Program
    succeeded: bool
    is_cancelled: bool
    is_killed: bool
    text: str
    lines: tuple[str, ...]
    changes: dict[str, int]
    before: dict[str, Resource]
    after: dict[str, Resource]
    exchanges: tuple[Exchange, ...]
    began_seconds: float
    ended_seconds: float
    left: list[str]
