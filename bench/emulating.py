"""An emulator of Baseten in a process of its own, so that it shares no interpreter with anything measured."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeVar

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.account import FictionalModel, described
from bench.fleet import Fleet
from bench.observing import Observation, Waiting, observe

_How = TypeVar("_How")


@dataclass(frozen=True, slots=True)
class Baseten:
    """How Baseten behaves in a run.

    Attributes:
        fleet: The environments it has.
        apply_seconds: Seconds between accepting settings and reporting them.
        rate_limit: Requests per second for each key and endpoint; as many may come at once.
    """

    fleet: Fleet
    apply_seconds: float
    rate_limit: float


class EmulatorProcess:
    """A running emulator; `url` is its base URL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url: str = connection.recv()

    def observation(self, waiting: Waiting = "each") -> Observation:
        """Return what it recorded so far, for a wait for so much together."""
        self._connection.send(waiting)
        observed: Observation = self._connection.recv()
        return observed


@contextmanager
def emulated(baseten: Baseten) -> Iterator[EmulatorProcess]:
    """Serve for as long as the block lasts."""
    with serving(_serve, baseten) as connection:
        yield EmulatorProcess(connection)


@contextmanager
def serving(serve: Callable[[_How, Connection], None], how: _How) -> Iterator[Connection]:
    """Have a function of a module in a process of its own, with the other end of a connection to it.

    It ends once its end of the connection raises EOFError.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(how, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


def _serve(baseten: Baseten, connection: Connection) -> None:
    account = [
        FictionalModel(model_id, model_id, described(member.env_name for member in members))
        for model_id, members in baseten.fleet.by_model().items()
    ]
    emulator = Emulator(apply_seconds=baseten.apply_seconds, rate_limit=baseten.rate_limit, account=account)
    with emulator:
        connection.send(emulator.url)
        try:
            while True:
                waiting = connection.recv()
                connection.send(observe(emulator.requests, emulator.applied, waiting))
        except EOFError:
            return
