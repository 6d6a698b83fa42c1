"""A day in minutes: one provider process creates, updates and refreshes the same environments again and again.

Calls come from many threads at once, and some of Baseten's answers fail. Before each measurement every connection and
every thread that may ever be there at once is brought about, so that what is there afterwards can be compared exactly.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.testing import Emulator, Fault, FictionalModel
from tests.load import footprint
from tests.load.footprint import Footprint
from tests.load.storm import Storm
from tests.unit.provider.listening import Engine
from tests.unit.provider.processes import KEY, URN, Host, RefusedError, inputs, struct

LANES = 24
"""How many environments there are; each is dealt with by one call at a time."""
_CALLS_AT_ONCE = 2 * LANES
_HELD_SECONDS = 0.4
_MOST_TRIES = 20


class Endurance:
    """One provider process, its engine and a Baseten where a share of all requests fails.

    Attributes:
        requests: How many Baseten got so far.
        repeated: How many calls failed so far and were made again.
    """

    def __init__(self, host: Host, engine: Engine, emulator: Emulator, storm: Storm) -> None:
        self._host, self._engine, self._emulator, self.storm = host, engine, emulator, storm
        self.cycles = self.requests = self.repeated = 0

    def go_on(self, cycles: int) -> Footprint:
        """Carry out so many more cycles, and measure."""
        turns = range(self.cycles, self.cycles + cycles)
        with ThreadPoolExecutor(LANES) as lanes:
            list(lanes.map(self._lane, [turns[lane::LANES] for lane in range(LANES)], range(LANES)))
        self.cycles += cycles
        self._engine.lines.clear()
        self.requests += len(self._emulator.requests)
        self._emulator.clear_requests()
        return self._measured()

    def _lane(self, turns: range, lane: int) -> None:
        """Create, update and refresh: each is repeated until it succeeds, and what is read is what was declared."""
        urn = f"{URN}-m{lane}"
        for turn in turns:
            first, then = (_declared(f"m{lane}", 1 + (turn + change) % 9) for change in (0, 1))
            made = self._until_done(self._host.create, first, urn=urn)
            update = provider_pb2.UpdateRequest(urn=urn, id=made.id, olds=made.properties, news=struct(then))
            changed = self._until_done(self._host.ask, "Update", update)
            read = provider_pb2.ReadRequest(urn=urn, id=made.id, properties=changed.properties)
            found = self._until_done(self._host.ask, "Read", read)
            assert MessageToDict(found.properties)["autoscaling_settings"] == then["autoscaling_settings"]

    def _until_done(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        for _ in range(_MOST_TRIES):
            with suppress(RefusedError):
                return call(*arguments, **named)
            self.repeated += 1
        return call(*arguments, **named)

    def _measured(self) -> Footprint:
        """Have as many calls under way at once as never otherwise, all of them held, and count once they are over."""
        share, self.storm.share = self.storm.share, 0.0
        held = self._emulator.faults.add(Fault.delay(_HELD_SECONDS, method="PATCH"))
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as calls:
            list(calls.map(self._held_call, range(_CALLS_AT_ONCE)))
        self._emulator.faults.remove(held)
        self.storm.share = share
        return footprint.of(self._host.pid)

    def _held_call(self, number: int) -> None:
        model_id = f"m{number % LANES}"
        self._host.create({**_declared(model_id, 10 + number), "wait": False}, urn=f"{URN}-{model_id}")


@contextmanager
def endurance(share: float = 0.05, seed: int = 1, site: str = "") -> Iterator[Endurance]:
    """Have one provider process for as long as the block lasts; `site` is Python that it runs before all else."""
    storm, engine = Storm(share, seed), Engine()
    emulator = Emulator(account=[FictionalModel(f"m{lane}", f"model {lane}") for lane in range(LANES)], api_key=KEY)
    emulator.faults = storm
    with emulator, tempfile.TemporaryDirectory(prefix="baseten-pulumi-load-") as folder:
        host = Host(engine.address, Path(folder), {"apiKey": KEY, "baseUrl": emulator.url}, site)
        try:
            yield Endurance(host, engine, emulator, storm)
        finally:
            host.stop()
            engine.stop()


def _declared(model_id: str, max_replica: int) -> dict[str, Any]:
    return inputs(model_id=model_id, autoscaling_settings={"min_replica": 1, "max_replica": max_replica})
