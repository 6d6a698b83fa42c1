"""What is promised, held against everything that happens in a world: the oracle of the campaign.

It reads what went over the wire, what Baseten truly had in force and what stands in the state, and nothing of how the
product comes to it.
"""

import json
from typing import Any

from tests.faults import schedules
from tests.faults.declared import Declared, settings_of
from tests.faults.evidence import (
    address_of,
    environment_of,
    holds,
    patches,
    read,
    reads,
    require,
    settings_resources,
    statuses,
    there,
)
from tests.faults.goals import JOINT
from tests.faults.makings import Makings
from tests.faults.operations import Done
from tests.faults.wire import Exchange
from tests.faults.world import ENVIRONMENTS, KEY, World

# One look at the very end, one more second for telling what a 404 is about, and the answer's own overrun.
SLACK_SECONDS = 5.0
REFRESH_SECONDS = 120.0


class Promises:
    """Watch over a world.

    Attributes:
        drifted: Environments in which something else than this product's last word may be in force: only a refresh
            tells.
        lossy: Environments whose settings were accepted and may have been forgotten.
        is_state_old: Whether an operation was killed before its state was written.
        leapt: Whether the clock jumped since the last operation.
        is_broken: Whether a promise was broken: what is known of the state is not to be relied on any more.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known = {name: settings_of(world.reported(name)) for name in ENVIRONMENTS}
        self._touched: dict[str, set[str]] = {name: set() for name in ENVIRONMENTS}
        self._makings = Makings(world)
        self._proofs: dict[tuple[str, str], dict[str, Any]] = {}
        self.drifted: set[str] = set()
        self.lossy: set[str] = set()
        self.is_state_old = False
        self.leapt = self.is_broken = False
        world.observe = self.hold
        world.on_late_effect = self.drifted.add

    def changed_by_somebody(self, environment: str, path: str) -> None:
        """Know of a change that is not ours."""
        self._know(environment)
        if path in self._touched[environment]:
            self.drifted.add(environment)

    def made_anew(self, environment: str) -> None:
        """Know of an environment that has settings of its own again."""
        self._know(environment)
        self.drifted.add(environment)

    def doubled(self) -> list[tuple[str, str, Any]]:
        """Return environment, path and one value of each schedule that is there twice.

        Raises:
            BrokenPromiseError: it need not be.
        """
        return self._makings.doubled()

    def _know(self, environment: str) -> None:
        self._known[environment] = settings_of(self._world.reported(environment))

    def hold(self, done: Done) -> None:
        """Hold one operation to every promise.

        Raises:
            BrokenPromiseError: one is broken.
        """
        if done.kind == "preview":
            require(not done.exchanges, "a preview asked Baseten", done.exchanges)
            return
        self.is_broken = True
        self._makings.note(done)
        self._touch(done)
        self._hold_what_was_sent(done)
        self._hold_undeclared()
        self._hold_words(done)
        self._hold_time(done)
        self._hold_state(done)
        self._hold_claims(done)
        self._hold_missing(done)
        self._makings.doubled()
        if done.kind == "up" and not done.is_killed:
            self._hold_success(done) if done.succeeded else self._hold_doubt(done)
        self.is_state_old = self.is_state_old or done.is_killed
        self.leapt = self.is_broken = False

    def hold_truth(self, *, of_unwaited: bool) -> None:
        """Hold what the program declares to what Baseten has in force now.

        Raises:
            BrokenPromiseError: they differ.
        """
        program = self._world.program
        self._hold_undeclared()
        for name, declared in program.resources.items():
            is_waited_for = declared.wait or program.joint_timeout_seconds is not None
            if is_waited_for or of_unwaited or declared.environment not in self.lossy:
                true = settings_of(self._world.reported(declared.environment))
                require(holds(declared.managed, true), f"{name} is not in force", declared.managed, true)

    def hold_settled(self, done: Done) -> None:
        """Hold a preview to having nothing to do.

        Raises:
            BrokenPromiseError: it has.
        """
        require(done.succeeded and set(done.changes) <= {"same"}, "the preview is not empty", done.changes, done.text)

    def _touch(self, done: Done) -> None:
        for declared in done.program.resources.values() if done.kind == "up" else ():
            self._touched[declared.environment] |= declared.managed.keys()

    def _hold_what_was_sent(self, done: Done) -> None:
        for exchange in patches(done.exchanges):
            require(done.kind == "up", f"a {done.kind} sent settings", exchange)
            allowed = [
                it.managed for it in done.program.resources.values() if it.environment == environment_of(exchange)
            ]
            for path, value in self._makings.sent(exchange).items():
                is_declared = any(holds({path: value}, it) for it in allowed if path in it)
                require(is_declared, f"{path} was sent undeclared", exchange)

    def _hold_undeclared(self) -> None:
        for name in self._known.keys() - self._world.removed:
            true = settings_of(self._world.reported(name))
            gone = {schedules.TIMEZONE} if not there(true) else set()
            expected = {it: was for it, was in self._known[name].items() if it not in self._touched[name] | gone}
            require(holds(expected, true), f"something undeclared changed in {name}", expected, true)

    def _hold_missing(self, done: Done) -> None:
        """What is no more at Baseten leaves the state with a refresh, and no `up` puts it in force."""
        for name, resource in settings_resources(done.before):
            here = address_of(resource)
            is_read = any(it.status == 200 and environment_of(it) == here for it in done.exchanges)  # as of earlier
            if done.kind == "refresh" and done.succeeded and here in self._world.removed and not is_read:
                require(name not in done.after, f"{name} is gone at Baseten and still in the state", done.text)
        asked = [it for it in done.exchanges if it.method == "PATCH" and environment_of(it) in self._world.removed]
        if done.kind == "up" and asked and not done.is_killed:
            require(not done.succeeded, "up succeeded without its environment", done.text)
            is_plain = all(it.status in (200, 404) and it.answer for it in done.exchanges)
            is_told = done.is_cancelled or "has no environment" in done.text
            require(is_told or not is_plain, "nobody is told that the environment is gone", done.text)

    def _hold_words(self, done: Done) -> None:
        state = json.dumps([resource.outputs for resource in done.after.values()], default=str)
        for text in (done.text, *done.lines, state):
            require(KEY not in text, "the key is told", text)
            require("baseten-pulumi ended with" not in text and "Traceback" not in text, "a defect", text)
        require(done.is_killed or not done.left, "tasks were left behind", done.text, *done.left)

    def _hold_time(self, done: Done) -> None:
        resources = done.program.resources.values()
        limit = max((it.timeout_seconds for it in resources), default=0.0) + (done.program.joint_timeout_seconds or 0.0)
        limit = REFRESH_SECONDS * len(done.before) if done.kind == "refresh" else limit
        took = done.ended_seconds - done.began_seconds
        slack = 2 * SLACK_SECONDS * max(1, len(done.before) if done.kind == "refresh" else 1)
        require(self.leapt or took <= limit + slack, f"it took {took:.0f} s, allowed are {limit:.0f}", done.text)

    def _hold_state(self, done: Done) -> None:
        """Nothing stands in the state that was not there before, not sent and not read."""
        for name, resource in settings_resources(done.after):
            here = address_of(resource)
            old = done.before.get(name)
            before = settings_of(old.outputs) if old is not None and address_of(old) == here else {}
            sources = [before, *self._sent(done, here), *reads(done, here)]
            for path, value in settings_of(resource.outputs).items():
                is_known = any(holds({path: value}, source) for source in sources)
                require(is_known, f"the state of {name} invents {path}", value, sources)
            told = {None if old is None else old.outputs.get("status"), "ACCEPTED", None, *statuses(done, here)}
            told |= {"UNCHANGED"} if reads(done, here) else set()  # what was to be deleted was not there
            require(resource.outputs.get("status") in told, f"the state of {name} invents a status", resource.outputs)

    def _sent(self, done: Done, environment: str) -> list[dict[str, Any]]:
        return [self._makings.sent(it) for it in patches(done.exchanges) if environment_of(it) == environment]

    def _is_doubtful(self, exchange: Exchange, declared: Declared) -> bool:
        """Tell whether a request for this resource may have been taken, as far as its sender can know."""
        is_there = environment_of(exchange) == declared.environment
        is_for_it = is_there and holds(self._makings.sent(exchange), declared.managed)
        return is_for_it and not 400 <= (exchange.status or 0) < 500

    def _hold_claims(self, done: Done) -> None:
        """What is called in force was read back, now or when it was first called so."""
        claims = {(name, address_of(it)): settings_of(it.outputs) for name, it in settings_resources(done.after)
                  if it.outputs.get("in_force") is True}  # fmt: skip
        joint = done.after[JOINT].outputs if JOINT in done.after else {"environments": {}}
        for name, entry in joint["environments"].items():
            if joint["in_force"] or entry.get("seen"):
                claims[JOINT, name] = settings_of(entry)
        for (name, environment), settings in claims.items():
            known = self._proofs.get((name, environment), {})
            if not holds(settings, known):
                self._prove(done, name, environment, {**settings}, known)
        self._proofs = claims

    def _prove(self, done: Done, name: str, environment: str, settings: dict[str, Any], known: dict[str, Any]) -> None:
        unproven = {path: value for path, value in settings.items() if known.get(path) != value}
        proofs = [it for it in done.exchanges if holds(unproven, read(it, environment))]
        require(bool(proofs), f"{name} is called in force and was not read back", settings, done.exchanges)
        is_true = any(holds(settings, settings_of(it.truth[environment])) for it in proofs)
        if not is_true or environment in self.lossy:
            # Baseten itself said so, and it was not true; or it was, and what makes it last was forgotten.
            self.drifted.add(environment)

    def _hold_success(self, done: Done) -> None:
        is_waiting = self._world.config.get("baseten:skipWait") != "true"
        for name, declared in done.program.resources.items():
            require(name in done.after, f"{name} is not in the state", done.text)
            outputs = done.after[name].outputs
            require(address_of(done.after[name]) == declared.environment, f"{name} is elsewhere", outputs)
            require(settings_of(outputs) == declared.managed, f"{name} is not what was declared", outputs)
            if declared.wait and is_waiting:
                require(outputs.get("in_force") is True, f"up succeeded and {name} is not in force", outputs)
        if is_waiting and done.program.joint_timeout_seconds is not None and done.program.resources:
            outputs = done.after[JOINT].outputs
            require(outputs.get("in_force") is True, "up succeeded and not all is in force", outputs)
            for declared in done.program.resources.values():
                known = settings_of(outputs["environments"].get(declared.environment))
                require(holds(declared.managed, known), "the joint wait is not for what was declared", outputs)

    def _hold_doubt(self, done: Done) -> None:
        """Where settings may have been taken, state knows them and does not take the former for certain."""
        for name, declared in done.program.resources.items():
            if any(self._is_doubtful(it, declared) for it in patches(done.exchanges)):
                resource = done.after.get(name)
                is_kept = resource is not None and address_of(resource) == declared.environment
                require(is_kept, f"{name} may have been sent and is not in the state", done.text, done.exchanges)
                outputs = done.after[name].outputs
                require(settings_of(outputs) == declared.managed, f"what was sent of {name} is forgotten", outputs)
