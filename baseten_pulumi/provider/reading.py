"""What a refresh finds."""

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.api.models import Environment
from baseten_pulumi.api.sending import LOOK_AGAIN_SECONDS, SETTLING_SECONDS
from baseten_pulumi.convergence.comparison import restated
from baseten_pulumi.errors import EnvironmentNotFoundError, ModelNotFoundError
from baseten_pulumi.fields import Settings, flatten, nest, with_integers
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.session import Session
from baseten_pulumi.schedules import is_schedule, wanted_names

TIMEOUT_SECONDS = 120.0
"""How long a refresh of one resource tries; custom timeouts do not cover reads."""


def read(resource_id: str, props: Mapping[str, Any], session: Session) -> ReadResult:
    """Read an environment as outputs and inputs of its resource.

    A resource of this stack gets back what it manages, as reported; a setting reported as null keeps its last value,
    and a schedule that is not reported is gone, unless it was sent and waits for the end of a promotion. One that was
    sent and never seen is looked for first until it would have shown: gone from the state, it would be made again.
    Without the environment the result has no id. A resource that is looked up by its id, whose program declares
    nothing, gets everything reported.

    Raises:
        ConfigurationError: the id is malformed.
        RequestError: Baseten could not be asked, or what is looked up does not exist.
    """
    identity = Identity.parse(resource_id)
    is_looked_up = "env_name" not in props
    is_in_doubt = props.get("in_force") is False and bool(props.get("requests"))
    try:
        reported = session.run(
            _settled(identity, session, wanted_names(flatten(props)) if is_in_doubt else frozenset())
        )
    except (EnvironmentNotFoundError, ModelNotFoundError):
        if is_looked_up:
            raise  # the engine would keep the id it asked for, and the program would go on without outputs
        return ReadResult("", {})
    managed = reported.settings if is_looked_up else with_integers(flatten(props))
    may_come = props.get("in_force") is False and reported.is_promoting
    kept = {path: value for path, value in managed.items() if may_come or not is_schedule(path)}
    return _result(identity, props, (managed, kept), restated(managed, reported.settings))


async def _settled(identity: Identity, session: Session, sent: frozenset[str]) -> Environment:
    """Read an environment, again while one of these schedules may yet show; one that a promotion delays is left to it.

    Raises:
        RequestError: Baseten could not be asked.
    """
    deadline = session.clock.now() + TIMEOUT_SECONDS
    settled_at = session.clock.now() + SETTLING_SECONDS
    while True:
        left_seconds = deadline - session.clock.now()
        reported = await session.client.read_environment_now(
            identity.model_id, identity.env_name, within_seconds=left_seconds
        )
        is_complete = sent <= reported.schedule_ids.keys()
        if is_complete or reported.is_promoting or session.clock.now() >= settled_at:
            return reported
        await session.clock.sleep(LOOK_AGAIN_SECONDS)


def _result(
    identity: Identity, props: Mapping[str, Any], held: tuple[Settings, Settings], seen: Settings
) -> ReadResult:
    """Build the result; where what was sent is still on its way, that stays on record.

    Settings sent and never seen in force may yet come into force over those reported now. So they are not called in
    force, and Baseten's word on them, which no longer belongs to what state holds, is dropped: the next `up` sends.
    """
    own = {"model_id": identity.model_id, "env_name": identity.env_name, "wait": props.get("wait", True)}
    managed, kept = held
    inputs = {**own, **nest({**kept, **seen})}
    in_force = props.get("in_force") is not False or seen == managed
    status = {"status": props["status"]} if in_force and props.get("status") else {}
    return ReadResult(str(identity), {**inputs, **status, **_record(props), "in_force": in_force}, inputs)


def _record(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return what state holds of the requests sent, as it is."""
    requests = {"requests": int(props["requests"])} if props.get("requests") is not None else {}
    return {**requests, **({"incarnation": props["incarnation"]} if props.get("incarnation") else {})}
