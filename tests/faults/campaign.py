"""The campaign itself: random programs, random troubles, and every promise held after every step.

Hypothesis plays it as a state machine; a run that breaks a promise is shrunk to the shortest that does.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from baseten_pulumi.testing.emulator.refusals import RefusalError
from tests.faults import schedules
from tests.faults.declared import ADDED, SURGE, UNAVAILABLE, VALUES, Declared, Program, address, valid
from tests.faults.evidence import BrokenPromiseError
from tests.faults.operations import Done, How, Interruption
from tests.faults.promises import Promises
from tests.faults.troubles import KINDS, LOSING, REVERTING, Trouble, touched
from tests.faults.world import ENVIRONMENTS, World

NAMES = {"one": "autoscaling", "two": "promotion", "three": "autoscaling"}
"""The resources a program may have, each with the family of settings it manages."""

OTHER_KINDS = (
    "no connection",
    "promotion",
    "somebody else",
    "environment removed",
    "clock jump",
    "Ctrl-C",
    "kill",
    "no waiting",
)
# Everything under way is over by then: the slowest answer, settings that revert, a promotion that was ended.
CALM_SECONDS = 200.0
SHORT_SECONDS, PATIENT_SECONDS = 5.0, 120.0
KEPT = -1.0
_SEVERITY = st.sampled_from(["PAUSED", "RAMPING_UP", "RELEASING"])
_INTERRUPTIONS = {
    "Ctrl-C": st.builds(Interruption, cancels_after_seconds=st.sampled_from([0.0, 0.001, 0.002, 0.3, 1.0, 8.0, 45.0])),
    "kill": st.builds(
        Interruption, dies_at_request=st.integers(1, 8), is_carried_out=st.booleans(), keeps_steps=st.booleans()
    ),
}


class Tally:
    """Count what the campaign did."""

    def __init__(self) -> None:
        self.runs = 0
        self.operations: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.requests = 0
        self.virtual_seconds = 0.0


tally = Tally()


def _settings(family: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw settings of a family, one to four."""
    every = [st.tuples(st.just(path), st.sampled_from(values)) for path, values in VALUES[family].items()]
    return st.lists(st.one_of(every), min_size=1, max_size=4).map(dict)


def _declared(family: str, environments: st.SearchStrategy[str]) -> st.SearchStrategy[Declared]:
    """Draw a resource that manages settings of a family."""
    return st.builds(
        Declared,
        environments,
        _settings(family),
        wait=st.sampled_from([True, True, False]),
        timeout_seconds=st.sampled_from([5.0, 60.0, 300.0]),
        delete_first=st.sampled_from([None, True]),
    )


# Each in an environment of its own.
_FIRST = {
    name: _declared(family, st.just(environment))
    for (name, family), environment in zip(NAMES.items(), ENVIRONMENTS, strict=True)
}


class Campaign(RuleBasedStateMachine):
    """One run: a world, what goes wrong in it, and what is promised all the same."""

    world: World
    promises: Promises

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[Trouble] = []
        self.kinds: frozenset[str] = frozenset()
        self.history: list[Program] = []

    @initialize(
        api=st.sampled_from(["current", "founding"]),
        apply_seconds=st.sampled_from([0.0, 2.0, 9.0]),
        rate_limit=st.sampled_from([None, None, 5.0]),
        kinds=st.sets(st.sampled_from([*KINDS, *OTHER_KINDS]), min_size=1, max_size=8),
        program=st.builds(Program, st.fixed_dictionaries(_FIRST), st.sampled_from([None, 5.0, 120.0])),
    )
    def begin(
        self, api: Any, apply_seconds: float, rate_limit: float | None, kinds: set[str], program: Program
    ) -> None:
        tally.runs += 1
        self.world = World(How(api, apply_seconds, rate_limit))
        self.world.__enter__()
        self.promises = Promises(self.world)
        self.world.observe = self._hold
        self.kinds = frozenset(kinds)
        fitted = {name: self._fitted(name, declared) for name, declared in program.resources.items()}
        self.world.program = Program(fitted, program.joint_timeout_seconds)

    @rule(data=st.data(), name=st.sampled_from(list(NAMES)), environment=st.sampled_from(ENVIRONMENTS))
    def declare(self, data: st.DataObject, name: str, environment: str) -> None:
        """Declare a resource, anew or otherwise than before."""
        others = {(it.environment, NAMES[other]) for other, it in self.world.program.resources.items() if other != name}
        if (environment, NAMES[name]) not in others:
            declared = self._fitted(name, data.draw(_declared(NAMES[name], st.just(environment))))
            self._become({**self.world.program.resources, name: declared})
        self._perhaps_up(data)

    @rule(data=st.data())
    @precondition(lambda self: self.world.program.resources)
    def change(self, data: st.DataObject) -> None:
        """Change, add or take out one setting of a resource, or whether it waits."""
        self._change(data)
        self._perhaps_up(data)

    @rule(data=st.data())
    @precondition(lambda self: self.world.program.resources)
    def go_there_and_back(self, data: st.DataObject) -> None:
        """Change a setting and run `up`; go back and run it again, perhaps after a refresh."""
        before = self.world.program
        self._change(data)
        if data.draw(st.booleans()):
            self.world.program = _with_timeouts(self.world.program, lambda _: SHORT_SECONDS)
        self._perhaps_break(data)
        self._operate(self.world.up, data)
        if data.draw(st.booleans()):
            self._operate(self.world.refresh, data)
        self.world.program = before
        self._operate(self.world.up, data)

    def _change(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.world.program.resources)))
        declared = self.world.program.resources[name]
        path = data.draw(st.sampled_from(list(VALUES[NAMES[name]])))
        value = data.draw(st.sampled_from([*VALUES[NAMES[name]][path], None]))
        settings = {**declared.settings, path: value}
        for one, other in ((SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)):
            if path == one and value is not None:
                settings.pop(other, None)
        settings = valid({path: it for path, it in settings.items() if it is not None}, self.world.how.api)
        if settings:
            wait = declared.wait != data.draw(st.sampled_from([False, False, True]))
            self._become({**self.world.program.resources, name: replace(declared, settings=settings, wait=wait)})

    def _fitted(self, name: str, declared: Declared) -> Declared:
        """Return a resource as the API there is allows it."""
        first, values = next(iter(VALUES[NAMES[name]].items()))
        return replace(declared, settings=valid(declared.settings, self.world.how.api) or {first: values[0]})

    @rule(data=st.data())
    @precondition(lambda self: len(self.world.program.resources) > 1)
    def remove(self, data: st.DataObject) -> None:
        """Take a resource out of the program."""
        name = data.draw(st.sampled_from(sorted(self.world.program.resources)))
        self._become({other: it for other, it in self.world.program.resources.items() if other != name})
        self._perhaps_up(data)

    @rule(data=st.data(), timeout=st.sampled_from([None, 5.0, 120.0]))
    @precondition(lambda self: self.world.program.resources)
    def join(self, data: st.DataObject, timeout: float | None) -> None:
        """Have one wait for all, or none."""
        self._become(self.world.program.resources, timeout)
        self._perhaps_up(data)

    @rule(data=st.data())
    @precondition(lambda self: self.history)
    def revert(self, data: st.DataObject) -> None:
        """Go back to an earlier program."""
        self.world.program = data.draw(st.sampled_from(self.history[-3:]))
        self._perhaps_up(data)

    @rule(data=st.data())
    @precondition(lambda self: self.kinds & set(KINDS))
    def break_something(self, data: st.DataObject) -> None:
        """Have faults of one kind, from now on, and repeat `up`."""
        self._break(data)
        self._perhaps_up(data)

    @rule(is_cut=st.booleans())
    @precondition(lambda self: "no connection" in self.kinds)
    def cut_the_wire(self, is_cut: bool) -> None:
        """Have no connection, or one again."""
        tally.troubles["no connection"] += is_cut
        self.world.wire.is_cut = is_cut

    @rule(environment=st.sampled_from(ENVIRONMENTS), status=_SEVERITY, seconds=st.sampled_from([None, 3.0, 30.0, 90.0]))
    @precondition(lambda self: "promotion" in self.kinds)
    def promote(self, environment: str, status: str, seconds: float | None) -> None:
        """Begin a promotion that ends by itself, or never does."""
        if environment in self.world.removed:
            return
        tally.troubles["promotion"] += 1
        self.world.emulator.start_promotion(*address(environment), seconds=seconds, status=status)

    @rule(environment=st.sampled_from(ENVIRONMENTS), status=st.sampled_from(["SUCCEEDED", "FAILED", "CANCELED"]))
    @precondition(lambda self: "promotion" in self.kinds)
    def end_promotion(self, environment: str, status: Any) -> None:
        """End a promotion where one runs."""
        self._end_promotion(environment, status)

    @rule(data=st.data(), environment=st.sampled_from(ENVIRONMENTS), family=st.sampled_from(list(VALUES)))
    @precondition(lambda self: "somebody else" in self.kinds)
    def change_by_hand(self, data: st.DataObject, environment: str, family: str) -> None:
        """Have somebody else change a setting, declared or not."""
        unknown = ADDED if self.world.how.api == "founding" else frozenset()
        paths = [it for it in VALUES[family] if it not in {SURGE, UNAVAILABLE, schedules.TIMEZONE, *unknown}]
        path = data.draw(st.sampled_from(paths))
        value = data.draw(st.sampled_from(VALUES[family][path]))
        if environment not in self.world.removed:
            tally.troubles["somebody else"] += 1
            self.world.change(environment, path, value)
            self.promises.changed_by_somebody(environment, path)

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    @precondition(lambda self: "environment removed" in self.kinds)
    def remove_environment(self, environment: str) -> None:
        """Have somebody remove an environment, or make it anew."""
        if environment in self.world.removed:
            self.world.restore(environment)
            self.promises.made_anew(environment)
        else:
            tally.troubles["environment removed"] += 1
            self.world.remove(environment)
            self.promises.drifted.add(environment)

    @rule(seconds=st.sampled_from([1.0, 20.0, 120.0]))
    @precondition(lambda self: self.world.resources)
    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.world.pass_by(seconds)

    @rule(seconds=st.sampled_from([40.0, 4000.0]), after=st.sampled_from([0.3, 2.0, 10.0]))
    @precondition(lambda self: "clock jump" in self.kinds)
    def jump(self, seconds: float, after: float) -> None:
        """Have the clock jump in the middle of an operation."""

        def leap() -> None:
            tally.troubles["clock jump"] += 1
            self.promises.leapt = True
            self.world.loop.leap(seconds)

        self.world.loop.call_later(after, leap)

    @rule(data=st.data())
    @precondition(lambda self: self.world.program.resources)
    def up(self, data: st.DataObject) -> None:
        """Run `up`, to its end or not."""
        self._operate(self.world.up, data)

    @rule(data=st.data())
    @precondition(lambda self: self.world.resources)
    def refresh(self, data: st.DataObject) -> None:
        """Run `refresh`, to its end or not."""
        self._operate(self.world.refresh, data)

    @rule(skips=st.booleans())
    @precondition(lambda self: "no waiting" in self.kinds)
    def skip_waits(self, skips: bool) -> None:
        """Turn every wait of the stack off, or on again."""
        tally.troubles["no waiting"] += skips
        self.world.config = {"baseten:skipWait": "true"} if skips else {}

    @rule()
    @precondition(lambda self: self.world.program.resources)
    def recover(self) -> None:
        """End every trouble; then one `up` mends everything, after a refresh where only that can tell."""
        self._calm()
        is_fresh = False
        if self.promises.drifted or self.promises.is_state_old:
            self._succeed(self.world.refresh())
            is_fresh = True
        self._succeed(self.world.up())
        self.world.pass_by(CALM_SECONDS)
        self.promises.hold_truth(of_unwaited=is_fresh)
        if not is_fresh:
            self._succeed(self.world.refresh())
            self._succeed(self.world.up())
            self.world.pass_by(CALM_SECONDS)
            self.promises.hold_truth(of_unwaited=True)
        self.promises.hold_settled(self.world.preview())
        self.promises.drifted.clear()
        self.promises.lossy.clear()
        self.promises.is_state_old = False

    def teardown(self) -> None:
        """Recover once more: whatever was left half-way, nothing is lost."""
        if not hasattr(self, "promises"):
            return
        try:
            if self.world.program.resources and not self.promises.is_broken:
                self.recover()
        finally:
            tally.requests += len(self.world.wire.exchanges)
            tally.virtual_seconds += self.world.now - 1000.0
            self.world.__exit__()

    def _become(self, resources: Any, joint_timeout_seconds: float | None = KEPT) -> None:
        if self.world.program.resources:
            self.history.append(self.world.program)
        joint = self.world.program.joint_timeout_seconds if joint_timeout_seconds is KEPT else joint_timeout_seconds
        self.world.program = Program(resources, joint)

    def _break(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(self.kinds & set(KINDS))))
        for fault in data.draw(KINDS[kind]):
            self.troubles.append(Trouble(kind, self.world.emulator.faults.add(fault)))

    def _perhaps_break(self, data: st.DataObject) -> None:
        if self.kinds & set(KINDS):
            for _ in range(data.draw(st.sampled_from([0, 1, 2]))):
                self._break(data)

    def _perhaps_up(self, data: st.DataObject) -> None:
        """Most changes are tried at once, and most tries meet with trouble."""
        self._perhaps_break(data)
        if self.world.program.resources and data.draw(st.sampled_from([True, True, True, False])):
            self._operate(self.world.up, data)

    def _operate(self, operation: Any, data: st.DataObject) -> None:
        kinds = sorted(self.kinds & set(_INTERRUPTIONS))
        kind = data.draw(st.sampled_from([None, *kinds])) if kinds else None
        done = operation(data.draw(_INTERRUPTIONS[kind]) if kind else None)
        if kind is not None:
            tally.troubles[kind] += done.is_killed or done.is_cancelled

    def _hold(self, done: Done) -> None:
        tally.operations[done.kind] += 1
        self._count_troubles()
        self.promises.hold(done)

    def _count_troubles(self) -> None:
        """Note what faults did; those that left their mark on Baseten itself are known to the promises."""
        for trouble in self.troubles:
            if self.world.emulator.faults.hits(trouble.fault):
                self.promises.lossy |= touched(trouble) if trouble.kind in LOSING else set()
                self.promises.drifted |= touched(trouble) if trouble.kind in REVERTING else set()

    def _calm(self) -> None:
        for trouble in self.troubles:
            tally.troubles[trouble.kind] += self.world.emulator.faults.hits(trouble.fault)
        self._count_troubles()
        self.troubles.clear()
        self.world.emulator.faults.clear()
        self.world.wire.is_cut = False
        self.world.config = {}
        self.world.program = _with_timeouts(self.world.program, lambda seconds: max(seconds, PATIENT_SECONDS))
        for environment in ENVIRONMENTS:
            if environment in self.world.removed:
                self.world.restore(environment)
                self.promises.made_anew(environment)
            self._end_promotion(environment, "SUCCEEDED")
        self.world.pass_by(CALM_SECONDS)
        for environment, path, value in self.promises.doubled():
            self.world.change(environment, path, value)
            self.promises.drifted.add(environment)

    def _end_promotion(self, environment: str, status: Any) -> None:
        with contextlib.suppress(ValueError, RefusalError):  # none runs, or there is no such environment
            self.world.emulator.finish_promotion(*address(environment), status)

    def _succeed(self, done: Done) -> None:
        if not done.succeeded:
            raise BrokenPromiseError(f"{done.kind} fails with all trouble over:\n{done.text}")


def _with_timeouts(program: Program, seconds: Callable[[float], float]) -> Program:
    """Return the same program with other timeouts, which are no difference."""
    resources = {
        name: replace(it, timeout_seconds=seconds(it.timeout_seconds)) for name, it in program.resources.items()
    }
    joint = program.joint_timeout_seconds
    return Program(resources, None if joint is None else seconds(joint))
