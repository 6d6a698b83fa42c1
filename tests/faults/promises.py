"""What is promised, held against everything that happens in a world: the oracle of the campaign.

It reads what went over the wire, what Baseten truly had in force and what stands in the state, and nothing of how the
product comes to it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from baseten_pulumi.testing.engine.checkpoint import Resource
from tests.faults.declared import SURGE, UNAVAILABLE, Declared, address, settings_of
from tests.faults.goals import JOINT
from tests.faults.operations import Done
from tests.faults.wire import Exchange
from tests.faults.world import ENVIRONMENTS, KEY, World, environment_in

# One look at the very end, one more second for telling what a 404 is about, and the answer's own overrun.
SLACK_SECONDS = 5.0
REFRESH_SECONDS = 120.0
_NULL_IS_ZERO = frozenset({SURGE, UNAVAILABLE})


class BrokenPromiseError(AssertionError):
    """Something was promised, and is not so."""


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
        self._untouched = {name: settings_of(world.reported(name)) for name in ENVIRONMENTS}
        self._proofs: dict[tuple[str, str], dict[str, Any]] = {}
        self.drifted: set[str] = set()
        self.lossy: set[str] = set()
        self.is_state_old = False
        self.leapt = self.is_broken = False
        world.observe = self.hold
        world.on_late_effect = self.drifted.add

    def changed_by_somebody(self, environment: str, path: str, value: Any) -> None:
        """Know of a change that is not ours."""
        if path in self._untouched[environment]:
            self._untouched[environment][path] = value
        else:
            self.drifted.add(environment)

    def hold(self, done: Done) -> None:
        """Hold one operation to every promise.

        Raises:
            BrokenPromiseError: one is broken.
        """
        if done.kind == "preview":
            _require(not done.exchanges, "a preview asked Baseten", done.exchanges)
            return
        self.is_broken = True
        self._touch(done)
        self._hold_what_was_sent(done)
        self._hold_undeclared()
        self._hold_words(done)
        self._hold_time(done)
        self._hold_state(done)
        self._hold_claims(done)
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
                _require(_holds(declared.managed, true), f"{name} is not in force", declared.managed, true)

    def hold_settled(self, done: Done) -> None:
        """Hold a preview to having nothing to do.

        Raises:
            BrokenPromiseError: it has.
        """
        _require(done.succeeded and set(done.changes) <= {"same"}, "the preview is not empty", done.changes, done.text)

    def _touch(self, done: Done) -> None:
        for declared in done.program.resources.values() if done.kind == "up" else ():
            for path in declared.managed:
                self._untouched[declared.environment].pop(path, None)

    def _hold_what_was_sent(self, done: Done) -> None:
        for exchange in _patches(done.exchanges):
            _require(done.kind == "up", f"a {done.kind} sent settings", exchange)
            allowed = [it.managed for it in done.program.resources.values() if it.environment == _environment(exchange)]
            for path, value in settings_of(exchange.body).items():
                _require(any(_holds({path: value}, it) for it in allowed), f"{path} was sent undeclared", exchange)

    def _hold_undeclared(self) -> None:
        for name, expected in self._untouched.items():
            true = settings_of(self._world.reported(name))
            _require(_holds(expected, true), f"something undeclared changed in {name}", expected, true)

    def _hold_words(self, done: Done) -> None:
        state = json.dumps([resource.outputs for resource in done.after.values()], default=str)
        for text in (done.text, *done.lines, state):
            _require(KEY not in text, "the key is told", text)
            _require("baseten-pulumi ended with" not in text and "Traceback" not in text, "a defect", text)
        _require(done.is_killed or not done.left, "tasks were left behind", done.text, *done.left)

    def _hold_time(self, done: Done) -> None:
        resources = done.program.resources.values()
        limit = max((it.timeout_seconds for it in resources), default=0.0) + (done.program.joint_timeout_seconds or 0.0)
        limit = REFRESH_SECONDS * len(done.before) if done.kind == "refresh" else limit
        took = done.ended_seconds - done.began_seconds
        slack = 2 * SLACK_SECONDS * max(1, len(done.before) if done.kind == "refresh" else 1)
        _require(self.leapt or took <= limit + slack, f"it took {took:.0f} s, allowed are {limit:.0f}", done.text)

    def _hold_state(self, done: Done) -> None:
        """Nothing stands in the state that was not there before, not sent and not read."""
        for name, resource in _settings_resources(done.after):
            here = _address(resource)
            old = done.before.get(name)
            before = settings_of(old.outputs) if old is not None and _address(old) == here else {}
            sources = [before, *_sent(done, here), *_reads(done, here)]
            for path, value in settings_of(resource.outputs).items():
                is_known = any(_holds({path: value}, source) for source in sources)
                _require(is_known, f"the state of {name} invents {path}", value, sources)
            told = {None if old is None else old.outputs.get("status"), "ACCEPTED", None, *_statuses(done, here)}
            _require(resource.outputs.get("status") in told, f"the state of {name} invents a status", resource.outputs)

    def _hold_claims(self, done: Done) -> None:
        """What is called in force was read back, now or when it was first called so."""
        claims = {(name, _address(it)): settings_of(it.outputs) for name, it in _settings_resources(done.after)
                  if it.outputs.get("in_force") is True}  # fmt: skip
        joint = done.after[JOINT].outputs if JOINT in done.after else {"environments": {}}
        for name, entry in joint["environments"].items():
            if joint["in_force"] or entry.get("seen"):
                claims[JOINT, name] = settings_of(entry)
        for (name, environment), settings in claims.items():
            known = self._proofs.get((name, environment), {})
            if not _holds(settings, known):
                self._prove(done, name, environment, {**settings}, known)
        self._proofs = claims

    def _prove(self, done: Done, name: str, environment: str, settings: dict[str, Any], known: dict[str, Any]) -> None:
        unproven = {path: value for path, value in settings.items() if known.get(path) != value}
        proofs = [it for it in done.exchanges if _holds(unproven, _read(it, environment))]
        _require(bool(proofs), f"{name} is called in force and was not read back", settings, done.exchanges)
        is_true = any(_holds(settings, settings_of(it.truth[environment])) for it in proofs)
        if not is_true or environment in self.lossy:
            # Baseten itself said so, and it was not true; or it was, and what makes it last was forgotten.
            self.drifted.add(environment)

    def _hold_success(self, done: Done) -> None:
        is_waiting = self._world.config.get("baseten:skipWait") != "true"
        for name, declared in done.program.resources.items():
            _require(name in done.after, f"{name} is not in the state", done.text)
            outputs = done.after[name].outputs
            _require(_address(done.after[name]) == declared.environment, f"{name} is elsewhere", outputs)
            _require(settings_of(outputs) == declared.managed, f"{name} is not what was declared", outputs)
            if declared.wait and is_waiting:
                _require(outputs.get("in_force") is True, f"up succeeded and {name} is not in force", outputs)
        if is_waiting and done.program.joint_timeout_seconds is not None and done.program.resources:
            outputs = done.after[JOINT].outputs
            _require(outputs.get("in_force") is True, "up succeeded and not all is in force", outputs)
            for declared in done.program.resources.values():
                known = settings_of(outputs["environments"].get(declared.environment))
                _require(_holds(declared.managed, known), "the joint wait is not for what was declared", outputs)

    def _hold_doubt(self, done: Done) -> None:
        """Where settings may have been taken, state knows them and does not take the former for certain."""
        for name, declared in done.program.resources.items():
            if any(_is_doubtful(it, declared) for it in _patches(done.exchanges)):
                resource = done.after.get(name)
                is_kept = resource is not None and _address(resource) == declared.environment
                _require(is_kept, f"{name} may have been sent and is not in the state", done.text, done.exchanges)
                outputs = done.after[name].outputs
                _require(settings_of(outputs) == declared.managed, f"what was sent of {name} is forgotten", outputs)


def _require(holds: bool, broken: str, *evidence: object) -> None:
    if not holds:
        raise BrokenPromiseError("\n".join([f"{broken}:", *(str(it)[:6000] for it in evidence)]))


def _holds(settings: Mapping[str, Any], among: Mapping[str, Any]) -> bool:
    """Tell whether all settings have these values; where a percentage is not reported, that is its 0."""
    zeros = dict.fromkeys(_NULL_IS_ZERO, 0)
    return all(_same(among.get(path, zeros.get(path) if among else None), value) for path, value in settings.items())


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _patches(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return the requests that may have changed something; one without a connection was never sent."""
    return [it for it in exchanges if it.method == "PATCH" and not it.is_refused]


def _environment(exchange: Exchange) -> str:
    return environment_in(exchange.path)


def _is_doubtful(exchange: Exchange, declared: Declared) -> bool:
    """Tell whether a request for this resource may have been taken, as far as its sender can know."""
    is_for_it = _environment(exchange) == declared.environment and _holds(settings_of(exchange.body), declared.managed)
    return is_for_it and not 400 <= (exchange.status or 0) < 500


def _settings_resources(state: Mapping[str, Resource]) -> list[tuple[str, Resource]]:
    return [(name, resource) for name, resource in state.items() if name != JOINT]


def _address(resource: Resource) -> str:
    return f"{resource.outputs.get('model_id')}/{resource.outputs.get('env_name')}"


def _sent(done: Done, environment: str) -> list[dict[str, Any]]:
    return [settings_of(it.body) for it in _patches(done.exchanges) if _environment(it) == environment]


def _statuses(done: Done, environment: str) -> list[Any]:
    answers = [it.answer for it in _patches(done.exchanges) if _environment(it) == environment]
    return [answer["status"] for answer in answers if isinstance(answer, dict) and "status" in answer]


def _reads(done: Done, environment: str) -> list[dict[str, Any]]:
    return [found for it in done.exchanges if (found := _read(it, environment))]


def _read(exchange: Exchange, environment: str) -> dict[str, Any]:
    """Return what an answer told of an environment; nothing where it told nothing."""
    answer = exchange.answer
    if exchange.method != "GET" or exchange.status != 200 or not isinstance(answer, dict):
        return {}
    model_id, env_name = address(environment)
    if exchange.path == f"/v1/models/{model_id}/environments":
        listed = answer.get("environments")
        found = [it for it in listed if isinstance(it, dict)] if isinstance(listed, list) else []
        return next((settings_of(it) for it in found if it.get("name") == env_name), {})
    return settings_of(answer) if _environment(exchange) == environment else {}
