"""Schedules that requests made: a name is made once, as long as the resource that made it goes on to declare it.

Known limit: what takes longer to show than a schedule is looked for may be made twice. Then somebody has to delete one.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults import schedules
from tests.faults.declared import Program, settings_of
from tests.faults.evidence import environment_of, patches, require
from tests.faults.operations import Done
from tests.faults.wire import Exchange
from tests.faults.world import ENVIRONMENTS, World

LOOKED_FOR_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Making:
    """A request that makes a schedule, and the resource it was sent for."""

    resource: str
    environment: str
    path: str
    exchange: Exchange


class Makings:
    """Follow schedules by Baseten's ids of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names: dict[str, str] = {}
        self._makings: list[_Making] = []

    def note(self, done: Done) -> None:
        """Learn what an operation read and sent.

        A resource that is not in the program any more, or that declares the schedule no more, knows nothing of what it
        sent, and nor does a process that was killed.

        Raises:
            BrokenPromiseError: a schedule was sent under the id of another.
        """
        for exchange in done.exchanges:
            for environment in (exchange.truth or {}).values():
                self._names.update(schedules.ids(environment))
        if done.kind != "up":
            self._makings = [it for it in self._makings if not _is_let_go(done, it)]
            return
        declared = _declared(done.program)
        self._makings = [] if done.is_killed else [it for it in self._makings if _key(it) in declared]
        for exchange in patches(done.exchanges):
            for each in _upserts(exchange.body):
                is_own = "id" not in each or self._names.get(each["id"]) == each["name"]
                require(is_own, "a schedule was sent under the id of another", exchange)
                if "id" not in each and not done.is_killed:
                    self._makings += _made(exchange, schedules.path(each["name"]), declared)

    def sent(self, exchange: Exchange) -> dict[str, Any]:
        """Return the settings of a request, with deleted schedules by their names."""
        return settings_of(schedules.named(exchange.body, self._names))

    def doubled(self) -> list[tuple[str, str, Any]]:
        """Return environment, path and one value of each schedule that is there twice.

        Raises:
            BrokenPromiseError: it was sent twice without having been looked for in between.
        """
        found = []
        for environment in ENVIRONMENTS:
            true = settings_of(self._world.reported(environment))
            for path in [it for it in schedules.PATHS if isinstance(true.get(it), list)]:
                made = [it for it in self._makings if (it.environment, it.path) == (environment, path)]
                self._hold_patience([it.exchange for it in made if it.exchange.outcome])
                found.append((environment, path, true[path][0]))
        return found

    def _hold_patience(self, exchanges: list[Exchange]) -> None:
        for first, second in itertools.pairwise(exchanges):
            seconds = second.at_seconds - first.at_seconds
            require(seconds >= LOOKED_FOR_SECONDS, "a schedule was made twice", first, second)


def _key(making: _Making) -> tuple[str, str, str]:
    return making.resource, making.environment, making.path


def _is_let_go(done: Done, making: _Making) -> bool:
    """Tell whether a refresh did not find what had been seen in force; an old read may say so of what is there."""
    before, after = done.before.get(making.resource), done.after.get(making.resource)
    if before is None or before.outputs.get("in_force") is not True:
        return False
    return making.path not in settings_of(after.outputs if after is not None else {})


def _declared(program: Program) -> set[tuple[str, str, str]]:
    """Return resource, environment and path of each schedule that a program wants to be there."""
    return {(name, it.environment, path) for name, it in program.resources.items() for path in it.made}


def _upserts(body: Any) -> list[Mapping[str, Any]]:
    lists = body.get(schedules.PREFIX[:-1]) if isinstance(body, Mapping) else None
    return list((lists or {}).get("schedules", ()))


def _made(exchange: Exchange, path: str, declared: set[tuple[str, str, str]]) -> list[_Making]:
    here = environment_of(exchange)
    return [_Making(name, it, of, exchange) for name, it, of in declared if (it, of) == (here, path)]
