"""What is promised, checked against everything that happens in a world: the oracle of the campaign.

It reads the requests, what Baseten really had applied, and the state; nothing of how the product gets there.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.faults.declared import Declared, address, holds, settings_of
from tests.faults.engine import JOINT, Resource, joined
from tests.faults.wire import Exchange
from tests.faults.world import ENVIRONMENTS, KEY, Done, World, environment_in

# One poll at the deadline, one second more to find out what a 404 is about, and the overrun of each.
SLACK_SECONDS = 10.0
REFRESH_SECONDS = 120.0
OVERRIDDEN_SECONDS = 60.0
# A retry that would begin after the deadline is not waited for: the longest delay, and the longest Retry-After here.
LONGEST_PAUSE_SECONDS = 25.0
_SHOWN_CHARACTERS = 6000
_FINAL = frozenset({400, 401, 403, 404, 409, 422})


class BrokenPromiseError(AssertionError):
    """Something that is promised does not hold."""


def require(is_kept: bool, broken: str, *evidence: object) -> None:
    """Raise BrokenPromiseError unless a promise is kept."""
    if not is_kept:
        raise BrokenPromiseError("\n".join([f"{broken}:", *(str(it)[:_SHOWN_CHARACTERS] for it in evidence)]))


class Promises:
    """Watch over a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known = {name: world.applied(name) for name in ENVIRONMENTS}
        self._touched: dict[str, set[str]] = {name: set() for name in ENVIRONMENTS}
        self._proofs: dict[tuple[str, str], dict[str, Any]] = {}
        self.drifted: set[str] = set()  # only a refresh shows what is applied in these environments
        self.lossy: set[str] = set()  # these environments may have dropped settings that they accepted
        self.is_stale = False  # a response may have shown what was not so
        self.is_state_old = False  # an operation was killed before its state was written
        self.leapt = False  # the clock jumped since the last operation
        self.is_broken = False  # a promise was broken: the state is not to be relied on any more
        world.observe = self.hold
        world.on_late_effect = self.drifted.add

    def changed_by_somebody(self, environment: str, path: str, *, is_meanwhile: bool) -> None:
        """Expect a change that somebody else made, perhaps while an operation ran that declares the setting."""
        self._known[environment] = self._world.applied(environment)
        if is_meanwhile or path in self._touched[environment]:
            self.drifted.add(environment)

    def restored(self, environment: str) -> None:
        """Expect an environment to have settings of its own again."""
        self._known[environment] = self._world.applied(environment)
        self.drifted.add(environment)

    def hold(self, done: Done) -> None:
        """Check one operation against every promise."""
        if done.kind == "preview":
            require(not done.exchanges, "a preview made requests", done.exchanges)
            return
        self.is_broken = True
        if done.kind == "up":
            for declared in done.program.resources.values():
                self._touched[declared.environment] |= declared.managed.keys()
        self._hold_requests(done)
        self._hold_undeclared()
        self._hold_texts(done)
        self._hold_time(done)
        self._hold_state(done)
        self._hold_in_force(done)
        self._hold_missing(done)
        if done.kind == "up" and not done.is_killed:
            self._hold_doubt(done)
            self._hold_success(done) if done.succeeded else self._hold_failure(done)
        self.is_state_old = self.is_state_old or done.is_killed
        self.leapt = self.is_broken = False

    def hold_applied(self, *, of_unwaited: bool) -> None:
        """Check that Baseten has applied what the program declares."""
        program = self._world.program
        self._hold_undeclared()
        for name, declared in program.resources.items():
            is_waited_for = declared.wait or program.joint_timeout_seconds is not None
            if is_waited_for or of_unwaited or declared.environment not in self.lossy:
                applied = self._world.applied(declared.environment)
                require(holds(declared.managed, applied), f"{name} is not applied", declared.managed, applied)

    def hold_settled(self, done: Done) -> None:
        require(
            done.succeeded and set(done.engine.steps) <= {"same"},
            "the preview is not empty",
            done.engine.steps,
            done.text,
        )

    def _hold_requests(self, done: Done) -> None:
        """Only `up` writes, only what is declared, again only if it failed, and never while it waits."""
        accepted: list[tuple[str, Any]] = []
        for patch in _patches(done.exchanges):
            require(done.kind == "up", f"a {done.kind} sent settings", patch)
            allowed = [it.managed for it in done.program.resources.values() if it.environment == _target(patch)]
            for path, value in settings_of(patch.body).items():
                is_declared = any(path in it and holds({path: value}, it) for it in allowed)
                require(is_declared, f"{path} was sent undeclared", patch)
            require((patch.path, patch.body) not in accepted, "settings were sent again after a success", patch)
            if patch.status == 200 and patch.received is not None:
                accepted.append((patch.path, patch.body))
            began, ended = done.engine.joint_wait_seconds or (0.0, 0.0)
            require(not began < patch.at_seconds <= ended, "the joint wait sent settings", patch)

    def _hold_undeclared(self) -> None:
        for name in self._known.keys() - self._world.removed:
            applied = self._world.applied(name)
            expected = {path: was for path, was in self._known[name].items() if path not in self._touched[name]}
            require(holds(expected, applied), f"something undeclared changed in {name}", expected, applied)

    def _hold_texts(self, done: Done) -> None:
        state = json.dumps([(it.inputs, it.outputs) for it in done.after.values()])
        for text in (done.text, *done.lines, state):
            require(KEY not in text, "the key is shown", text)
            require("Internal error" not in text and "Traceback" not in text, "a defect", text)
        require(done.is_killed or not done.left, "tasks were left behind", done.text, *done.left)

    def _hold_time(self, done: Done) -> None:
        limits = {name: it.timeout_seconds for name, it in done.program.resources.items()}
        limits[JOINT] = done.program.joint_timeout_seconds or 0.0
        for name, took in done.engine.seconds.items():
            limit = REFRESH_SECONDS if done.kind == "refresh" else limits.get(name, 0.0)
            is_kept = self.leapt or took <= limit + SLACK_SECONDS
            require(is_kept, f"{name} took {took:.0f} s, allowed are {limit:.0f}", done.text)

    def _hold_missing(self, done: Done) -> None:
        """A refresh removes from the state what Baseten does not have, and `up` fails for it."""
        for name, resource in _settings_resources(done.before):
            here = _environment_of(resource)
            is_read = any(it.status == 200 and _target(it) == here for it in done.exchanges)  # a stale read
            if done.kind == "refresh" and done.succeeded and here in self._world.removed and not is_read:
                require(name not in done.after, f"{name} is gone at Baseten and still in the state", done.text)
        asked = [it for it in done.exchanges if it.method == "PATCH" and _target(it) in self._world.removed]
        if done.kind == "up" and asked and not done.is_killed:
            require(not done.succeeded, "up succeeded without its environment", done.text)
            is_plain = all(it.status in (200, 404) and it.answer for it in done.exchanges)
            is_shown = done.engine.is_cancelled or "has no environment" in done.text
            require(is_shown or not is_plain, "nobody says that the environment is gone", done.text)

    def _hold_state(self, done: Done) -> None:
        """Everything in the state was there before, was sent, or was read."""
        for name, resource in _settings_resources(done.after):
            here, old = _environment_of(resource), done.before.get(name)
            before = old.outputs if old is not None and _environment_of(old) == here else {}
            mine = [it for it in _patches(done.exchanges) if _target(it) == here]
            declared = done.program.resources.get(name)
            # When Ctrl-C meets a request that is about to be sent, the sender cannot know whether it was.
            in_doubt = [declared.managed] if done.engine.is_cancelled and declared is not None else []
            reads = (found for it in done.exchanges if (found := _read(it, here)))
            sources = [settings_of(before), *in_doubt, *(settings_of(it.body) for it in mine), *reads]
            for path, value in settings_of(resource.outputs).items():
                is_known = any(path in it and holds({path: value}, it) for it in sources)
                is_zero = value == 0 and holds({path: value}, {path: None})  # a percentage that is not reported
                require(is_known or is_zero, f"the state of {name} invents {path}", value, sources)
            answers = [it.answer["status"] for it in mine if isinstance(it.answer, dict) and "status" in it.answer]
            status = resource.outputs.get("status")
            is_known = status in (before.get("status"), "ACCEPTED", None, *answers)
            require(is_known, f"the state of {name} invents a status", resource.outputs)
            is_tried = bool(in_doubt) or any(it.method == "PATCH" and _target(it) == here for it in done.exchanges)
            # A read that does not find it in force drops it, so that the next update sends again.
            is_dropped = done.kind == "refresh" and resource.outputs.get("in_force") is not True
            revision, kept = resource.outputs.get("revision"), before.get("revision")
            is_kept = not before or is_tried or (revision == kept and not (is_dropped and done.succeeded))
            is_kept = is_kept or (is_dropped and revision is None)
            require(is_kept, f"{name} has another revision and nothing was sent", before, resource.outputs)
            is_over = not _is_queued(before) or resource.outputs.get("in_force") is True or status == "QUEUED"
            require(is_over, f"{name} forgets that a request is queued", before, resource.outputs)

    def _hold_in_force(self, done: Done) -> None:
        """What is called in force was read back, after it was sent, and was really so."""
        claims = {
            (name, _environment_of(it)): {**settings_of(it.outputs), "revision": it.outputs.get("revision")}
            for name, it in _settings_resources(done.after)
            if it.outputs.get("in_force") is True
        }
        if JOINT in done.after and done.after[JOINT].outputs["in_force"]:
            for name, line in done.after[JOINT].outputs["environments"].items():
                environment, entry = joined(line)
                claims[f"{JOINT} {name}", environment] = entry
        for (name, environment), claim in claims.items():
            known = self._proofs.get((name, environment), {})
            if not claim.items() <= known.items():
                is_new = claim["revision"] != known.get("revision")
                settings = {path: it for path, it in claim.items() if path != "revision"}
                changed = {path: it for path, it in settings.items() if is_new or known.get(path) != it}
                self._prove(done, name, environment, changed)
        self._proofs = claims

    def _prove(self, done: Done, name: str, environment: str, settings: Mapping[str, Any]) -> None:
        sent = [it for it in _patches(done.exchanges) if _target(it) == environment]
        since = max((it.at_seconds for it in sent if settings_of(it.body).keys() & settings.keys()), default=0.0)
        reads = [it for it in done.exchanges if it.at_seconds >= since and holds(settings, _read(it, environment))]
        require(bool(reads), f"{name} is called in force and was not read back", settings, done.exchanges)
        is_confirmed = done.kind == "refresh" or len(reads) > 1
        require(is_confirmed, f"{name} is called in force and was read back once", settings, done.exchanges)
        is_so = any(it.truth is not None and holds(settings, it.truth[environment]) for it in reads)
        require(is_so or self.is_stale, f"{name} is called in force and was never applied", settings, done.exchanges)
        if not is_so or environment in self.lossy:
            self.drifted.add(environment)  # Baseten itself reported it, and drops it, or never had it

    def _hold_success(self, done: Done) -> None:
        is_waiting = self._world.config.get("baseten:skipWait") != "true"
        for name, declared in done.program.resources.items():
            require(name in done.after, f"{name} is not in the state", done.text)
            outputs = done.after[name].outputs
            require(_environment_of(done.after[name]) == declared.environment, f"{name} is elsewhere", outputs)
            require(settings_of(outputs) == declared.managed, f"{name} is not what was declared", outputs)
            if declared.wait and is_waiting:
                require(outputs.get("in_force") is True, f"up succeeded and {name} is not in force", outputs)
        if is_waiting and done.program.joint_timeout_seconds is not None and done.program.resources:
            outputs = done.after[JOINT].outputs
            require(outputs.get("in_force") is True, "up succeeded and not all is in force", outputs)
            for name, declared in done.program.resources.items():
                known = joined(outputs["environments"][name])[1]
                require(holds(declared.managed, known), "the joint wait is not for what was declared", outputs)

    def _hold_doubt(self, done: Done) -> None:
        """Settings that may have been applied are in the state, under a new revision, or none behind a queued one."""
        for name, declared in done.program.resources.items():
            if any(_may_have_applied(it, declared) for it in _patches(done.exchanges)):
                resource, old = done.after.get(name), done.before.get(name)
                is_kept = resource is not None and _environment_of(resource) == declared.environment
                require(is_kept, f"{name} may have been applied and is not in the state", done.text, done.exchanges)
                outputs = done.after[name].outputs
                require(settings_of(outputs) == declared.managed, f"what was sent of {name} is forgotten", outputs)
                before = old.outputs if old is not None else {}
                is_doubted = outputs.get("revision") is None and _is_queued(before) and _is_queued(outputs)
                is_new = outputs.get("revision") not in (None, before.get("revision"))
                require(is_new or is_doubted, f"{name} has its old revision", outputs)

    def _hold_failure(self, done: Done) -> None:
        """An `up` fails at once only for an error that is final; everything else is retried for its time.

        A third value that stays, and a response that cannot be read, get a minute.
        """
        is_final = any(it.status in _FINAL for it in done.exchanges) or not done.exchanges
        timeouts = [it.timeout_seconds for it in done.program.resources.values()]
        least = min([*timeouts, done.program.joint_timeout_seconds or timeouts[0]]) - LONGEST_PAUSE_SECONDS
        is_refused = any(words in done.text for words in ("also declared", "must ", "unknown property"))
        if "Baseten rounded or limited what was sent" in done.text:
            least = min(least, OVERRIDDEN_SECONDS)
        elif "with an unexpected body" in done.text:
            least = min(least, OVERRIDDEN_SECONDS - LONGEST_PAUSE_SECONDS)
        is_over = done.took_seconds >= least
        require(
            is_final or done.engine.is_cancelled or is_refused or is_over,
            f"it gave up after {done.took_seconds:.0f} s",
            done.text,
            done.exchanges,
        )


def _settings_resources(state: Mapping[str, Resource]) -> list[tuple[str, Resource]]:
    return [(name, resource) for name, resource in state.items() if name != JOINT]


def _is_queued(outputs: Mapping[str, Any]) -> bool:
    """Return whether a request of a resource may still be applied when a promotion ends."""
    return outputs.get("status") == "QUEUED" and outputs.get("in_force") is not True


def _environment_of(resource: Resource) -> str:
    return f"{resource.outputs.get('model_id')}/{resource.outputs.get('env_name')}"


def _target(exchange: Exchange) -> str:
    return environment_in(exchange.path)


def _patches(exchanges: Iterable[Exchange]) -> list[Exchange]:
    return [it for it in exchanges if it.method == "PATCH" and not it.is_refused]


def _may_have_applied(patch: Exchange, declared: Declared) -> bool:
    """Return whether a request for this resource may have been accepted, as far as its sender can know."""
    is_for_it = _target(patch) == declared.environment and settings_of(patch.body) == declared.managed
    return is_for_it and not 400 <= (patch.status or 0) < 500


def _read(exchange: Exchange, environment: str) -> dict[str, Any]:
    """Return the settings of an environment in a response; nothing if they are not in it."""
    answer = exchange.answer
    if exchange.method != "GET" or exchange.status != 200 or not isinstance(answer, dict):
        return {}
    model_id, env_name = address(environment)
    if exchange.path == f"/v1/models/{model_id}/environments":
        listed = answer.get("environments")
        found = [it for it in listed if isinstance(it, dict)] if isinstance(listed, list) else []
        return next((settings_of(it) for it in found if it.get("name") == env_name), {})
    return settings_of(answer) if _target(exchange) == environment else {}
