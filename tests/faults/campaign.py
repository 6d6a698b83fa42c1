"""The campaign itself: random programs and faults, and every promise checked after every operation.

Hypothesis runs it as a state machine; a run that breaks a promise is shrunk to the shortest that does.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from baseten_pulumi.testing.emulator.errors import ApiError
from tests.faults.declared import INVALID, MAX, SURGE, UNAVAILABLE, VALUES, Declared, Program, address, leaves, valid
from tests.faults.kinds import KINDS, LOSING, REVERTING, STALE, SetFault
from tests.faults.promises import Promises, require
from tests.faults.world import ENVIRONMENTS, REMOVABLE, Done, Interruption, World

STEPS = 20
"""Steps of a run at most."""
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
# Everything under way is over by then: the slowest response, settings that revert, a promotion that was ended.
CALM_SECONDS = 200.0
SHORT_SECONDS, PATIENT_SECONDS = 5.0, 120.0
_PROMOTION_ENDS = st.sampled_from(["SUCCEEDED", "FAILED", "CANCELED"])
_INTERRUPTIONS = {
    "Ctrl-C": st.builds(Interruption, cancels_after_seconds=st.sampled_from([0.0, 0.001, 0.002, 0.3, 1.0, 8.0, 45.0])),
    "kill": st.builds(
        Interruption, dies_at_request=st.integers(1, 8), is_carried_out=st.booleans(), keeps_steps=st.booleans()
    ),
}


tally: Counter[str] = Counter()
"""How often each kind of fault took effect, and how much of everything else there was."""


def _declared(family: str, environments: st.SearchStrategy[str]) -> st.SearchStrategy[Declared]:
    """Draw a resource that manages one to four settings of a family, which are valid together."""
    one = st.one_of([st.tuples(st.just(path), st.sampled_from(values)) for path, values in VALUES[family].items()])
    return st.builds(
        Declared,
        environments,
        st.lists(one, min_size=1, max_size=4).map(lambda drawn: valid(dict(drawn))),
        wait=st.sampled_from([True, True, False]),
        timeout_seconds=st.sampled_from([5.0, 60.0, 300.0]),
    )


# Each in an environment of its own.
_FIRST = {
    name: _declared(family, st.just(environment))
    for (name, family), environment in zip(NAMES.items(), ENVIRONMENTS, strict=True)
}


class Campaign(RuleBasedStateMachine):
    """One run: a world, what goes wrong in it, and what is promised even so."""

    world: World
    promises: Promises

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[SetFault] = []
        self.kinds: frozenset[str] = frozenset()
        self.history: list[Program] = []

    @initialize(
        apply_seconds=st.sampled_from([0.0, 2.0, 9.0]),
        rate_limit=st.sampled_from([None, None, 5.0]),
        kinds=st.sets(st.sampled_from([*KINDS, *OTHER_KINDS]), min_size=1, max_size=8),
        program=st.builds(Program, st.fixed_dictionaries(_FIRST), st.sampled_from([None, 5.0, 120.0])),
    )
    def begin(self, apply_seconds: float, rate_limit: float | None, kinds: set[str], program: Program) -> None:
        tally["runs"] += 1
        self.world = World(apply_seconds, rate_limit)
        self.world.__enter__()
        self.promises = Promises(self.world)
        self.world.observe = self._hold
        self.kinds = frozenset(kinds)
        self.world.program = program

    @property
    def resources(self) -> dict[str, Declared]:
        return dict(self.world.program.resources)

    @rule(data=st.data(), name=st.sampled_from(list(NAMES)), environment=st.sampled_from(ENVIRONMENTS))
    def declare(self, data: st.DataObject, name: str, environment: str) -> None:
        """Declare a resource, anew or otherwise than before."""
        others = {(it.environment, NAMES[other]) for other, it in self.resources.items() if other != name}
        if (environment, NAMES[name]) not in others:
            self._become({**self.resources, name: data.draw(_declared(NAMES[name], st.just(environment)))})
        self._perhaps_up(data)

    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        """Change, add or take out one setting of a resource, or whether it waits."""
        self._change(data)
        self._perhaps_up(data)

    @rule(data=st.data())
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
        name = data.draw(st.sampled_from(sorted(self.resources)))
        declared, values = self.resources[name], VALUES[NAMES[name]]
        path = data.draw(st.sampled_from(list(values)))
        value = data.draw(st.sampled_from([*values[path], None]))
        other = {SURGE: UNAVAILABLE, UNAVAILABLE: SURGE}.get(path) if value is not None else None
        changed = {**declared.settings, path: value}
        kept = {path: it for path, it in changed.items() if it is not None and path != other}
        if kept:
            wait = declared.wait != data.draw(st.sampled_from([False, False, True]))
            self._become({**self.resources, name: replace(declared, settings=kept, wait=wait)})

    @rule(data=st.data())
    @precondition(lambda self: len(self.resources) > 1)
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.resources)))
        self._become({other: it for other, it in self.resources.items() if other != name})
        self._perhaps_up(data)

    @rule(data=st.data(), timeout=st.sampled_from([None, 5.0, 120.0]))
    def join(self, data: st.DataObject, timeout: float | None) -> None:
        """Have one wait for all, or none."""
        self._become(self.resources)
        self.world.program = replace(self.world.program, joint_timeout_seconds=timeout)
        self._perhaps_up(data)

    @rule(data=st.data())
    @precondition(lambda self: self.history)
    def revert(self, data: st.DataObject) -> None:
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
        tally["no connection"] += is_cut
        self.world.wire.is_cut = is_cut

    @rule(data=st.data())
    @precondition(lambda self: "promotion" in self.kinds)
    def promote(self, data: st.DataObject) -> None:
        """End a promotion where one runs, or begin one that ends by itself, or never does."""
        environment = data.draw(st.sampled_from(ENVIRONMENTS))
        if data.draw(st.sampled_from([False, False, True])):
            self._end_promotion(environment, data.draw(_PROMOTION_ENDS))
        elif environment not in self.world.removed:
            tally["promotion"] += 1
            status = data.draw(st.sampled_from(["PAUSED", "RAMPING_UP", "RELEASING"]))
            seconds = data.draw(st.sampled_from([None, 3.0, 30.0, 90.0]))
            self.world.emulator.start_promotion(*address(environment), seconds=seconds, status=status)

    @rule(data=st.data())
    @precondition(lambda self: "somebody else" in self.kinds)
    def change_by_hand(self, data: st.DataObject) -> None:
        """Have somebody change a setting: now, or while an operation waits."""
        environment, family = data.draw(st.sampled_from(ENVIRONMENTS)), data.draw(st.sampled_from(list(VALUES)))
        path = data.draw(st.sampled_from([it for it in VALUES[family] if it not in {SURGE, UNAVAILABLE}]))
        value = data.draw(st.sampled_from(VALUES[family][path]))
        after = data.draw(st.sampled_from([0.0, 0.3, 2.0, 10.0]))

        def change() -> None:
            if environment not in self.world.removed:
                tally["somebody else"] += 1
                self.world.change(environment, path, value)
                self.promises.changed_by_somebody(environment, path, is_meanwhile=after > 0.0)

        self.world.loop.call_later(after, change) if after else change()

    @rule()
    @precondition(lambda self: "environment removed" in self.kinds)
    def remove_environment(self) -> None:
        """Have somebody remove an environment, or create it again."""
        if self.world.removed:
            self._restore()
        else:
            tally["environment removed"] += 1
            self.world.remove()
            self.promises.drifted.add(REMOVABLE)

    @rule(data=st.data(), path=st.sampled_from(list(INVALID)))
    @precondition(lambda self: "one" in self.resources)
    def declare_invalid(self, data: st.DataObject, path: str) -> None:
        """Declare a value that Baseten does not allow: `up` fails, and nothing of the resource is sent."""
        value = data.draw(st.sampled_from(INVALID[path]))
        declared = self.resources["one"]
        done = self._up_with(one=replace(declared, settings={**declared.settings, MAX: 9, path: value}))
        is_sent = any((path, value) in leaves(it.body) for it in done.exchanges)
        require(not done.succeeded and path in done.text, f"{path}={value} was accepted", done.text)
        require(not is_sent, f"{path}={value} was sent", done.exchanges)

    @rule()
    @precondition(lambda self: "one" in self.resources)
    def declare_twice(self) -> None:
        """Declare a setting in two resources: `up` fails and names the other one."""
        declared = self.resources["one"]
        settings = {**declared.settings, "promotion_settings.redeploy_on_promotion": True}
        done = self._up_with(twin=replace(declared, settings=settings))
        require('also declared by "one"' in done.text, "two resources manage one setting", done.text)
        require("twin" not in done.after, "a resource that was refused is in the state", done.after)

    def _up_with(self, **resources: Declared) -> Done:
        """Run `up` once with resources that the program does not keep."""
        before = self.world.program
        self.world.program = replace(before, resources={**before.resources, **resources})
        done = self.world.up()
        self.world.program = before
        return done

    @rule(seconds=st.sampled_from([1.0, 20.0, 120.0]))
    @precondition(lambda self: self.world.resources)
    def pass_by(self, seconds: float) -> None:
        self.world.pass_by(seconds)

    @rule(seconds=st.sampled_from([40.0, 4000.0]), after=st.sampled_from([0.3, 2.0, 10.0]))
    @precondition(lambda self: "clock jump" in self.kinds)
    def jump(self, seconds: float, after: float) -> None:

        def leap() -> None:
            tally["clock jump"] += 1
            self.promises.leapt = True
            self.world.leap(seconds)

        self.world.loop.call_later(after, leap)

    @rule(data=st.data())
    def up(self, data: st.DataObject) -> None:
        self._operate(self.world.up, data)

    @rule(data=st.data())
    @precondition(lambda self: self.world.resources)
    def refresh(self, data: st.DataObject) -> None:
        self._operate(self.world.refresh, data)

    @rule(skips=st.booleans())
    @precondition(lambda self: "no waiting" in self.kinds)
    def skip_waits(self, skips: bool) -> None:
        tally["no waiting"] += skips
        self.world.config = {"baseten:skipWait": "true"} if skips else {}

    @rule()
    def recover(self) -> None:
        """End every fault; then one `up` repairs everything, after a refresh if only that can see it."""
        self._calm()
        # The joint wait only reads, and says so: what Baseten dropped is sent again after a refresh.
        is_dropped = self.promises.lossy and self.world.program.joint_timeout_seconds is not None
        is_fresh = bool(self.promises.drifted or self.promises.is_state_old or is_dropped)
        for refreshes in [True] if is_fresh else [False, True]:
            if refreshes:
                self._succeed(self.world.refresh())
            self._succeed(self.world.up())
            self.world.pass_by(CALM_SECONDS)
            self.promises.hold_applied(of_unwaited=refreshes)
        self.promises.hold_settled(self.world.preview())
        self.promises.drifted.clear()
        self.promises.lossy.clear()
        self.promises.is_stale = self.promises.is_state_old = False

    def teardown(self) -> None:
        """Recover once more: nothing is lost, wherever the run ended."""
        if not hasattr(self, "promises"):
            return
        try:
            if not self.promises.is_broken:
                self.recover()
        finally:
            tally["requests"] += len(self.world.wire.exchanges)
            tally["virtual seconds"] += int(self.world.loop.time() - 1000.0)
            self.world.__exit__()

    def _become(self, resources: dict[str, Declared]) -> None:
        self.history.append(self.world.program)
        self.world.program = replace(self.world.program, resources=resources)

    def _restore(self) -> None:
        self.world.restore()
        self.promises.restored(REMOVABLE)

    def _perhaps_break(self, data: st.DataObject) -> None:
        if self.kinds & set(KINDS):
            for _ in range(data.draw(st.sampled_from([0, 1, 2]))):
                self._break(data)
        for kind, act in {"promotion": self.promote, "somebody else": self.change_by_hand}.items():
            if kind in self.kinds and data.draw(st.booleans()):
                act(data)

    def _break(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(self.kinds & set(KINDS))))
        for fault in data.draw(KINDS[kind]):
            self.faults.append(SetFault(kind, self.world.emulator.faults.add(fault)))

    def _perhaps_up(self, data: st.DataObject) -> None:
        """Most changes are applied at once, and most of these operations meet a fault."""
        self._perhaps_break(data)
        if data.draw(st.sampled_from([True, True, True, False])):
            self._operate(self.world.up, data)

    def _operate(self, operation: Callable[[Interruption | None], Done], data: st.DataObject) -> None:
        kinds = sorted(self.kinds & set(_INTERRUPTIONS))
        kind = data.draw(st.sampled_from([None, *kinds])) if kinds else None
        done = operation(data.draw(_INTERRUPTIONS[kind]) if kind else None)
        if kind is not None:
            tally[kind] += done.is_killed or done.engine.is_cancelled

    def _hold(self, done: Done) -> None:
        tally[f"operations: {done.kind}"] += 1
        self._count_faults()
        self.promises.hold(done)

    def _count_faults(self) -> None:
        """Tell the promises which faults have left something behind at Baseten."""
        for it in self.faults:
            if self.world.emulator.faults.hits(it.fault):
                self.promises.lossy |= it.environments if it.kind in LOSING else set()
                self.promises.drifted |= it.environments if it.kind in REVERTING else set()
                self.promises.is_stale |= it.kind in STALE

    def _calm(self) -> None:
        for it in self.faults:
            tally[it.kind] += self.world.emulator.faults.hits(it.fault)
        self._count_faults()
        self.faults.clear()
        self.world.emulator.faults.clear()
        self.world.wire.is_cut = False
        self.world.config = {}
        self.world.program = _with_timeouts(self.world.program, lambda seconds: max(seconds, PATIENT_SECONDS))
        if self.world.removed:
            self._restore()
        for environment in ENVIRONMENTS:
            self._end_promotion(environment, "SUCCEEDED")
        self.world.pass_by(CALM_SECONDS)

    def _end_promotion(self, environment: str, status: Any) -> None:
        with contextlib.suppress(ValueError, ApiError):  # none runs, or there is no such environment
            self.world.emulator.finish_promotion(*address(environment), status)

    def _succeed(self, done: Done) -> None:
        require(done.succeeded, f"{done.kind} fails although no fault is left", done.text)


def _with_timeouts(program: Program, seconds: Callable[[float], float]) -> Program:
    resources = {
        name: replace(it, timeout_seconds=seconds(it.timeout_seconds)) for name, it in program.resources.items()
    }
    joint = program.joint_timeout_seconds
    return Program(resources, None if joint is None else seconds(joint))


def run(runs: int, chance: int, *, is_shrinking: bool = True) -> tuple[list[str], list[BaseException]]:
    """Run the campaign until a promise is broken, or so many runs are over; the same every time for a seed.

    Returns the report as lines, and the shortest run found that breaks a promise, as its error.
    """
    global tally  # noqa: PLW0603 - hypothesis makes the state machines
    tally = Counter()
    how = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        phases=(Phase.generate, Phase.shrink) if is_shrinking else (Phase.generate,),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    violations: list[BaseException] = []
    try:
        run_state_machine_as_test(seed(chance)(Campaign), settings=how)  # type: ignore[no-untyped-call]
    except (AssertionError, HypothesisException) as broken:
        violations.append(broken)
    counts = {"seed": chance, "seconds": int(time.monotonic() - began), **tally, "violations": len(violations)}
    counts["faults"] = sum(tally[kind] for kind in (*KINDS, *OTHER_KINDS))
    return [f"{name:28} {count:6}" for name, count in counts.items()], violations
