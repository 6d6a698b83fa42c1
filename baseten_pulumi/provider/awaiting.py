"""The joint wait: one resource that waits for the settings of many environments together, and sends nothing."""

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.provider.applying import DEFAULT_TIMEOUT_SECONDS
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.joining import ENVIRONMENTS, Member, members, unseen
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.provider.session import open_session

RESOURCE_ID = "in-force"
"""The id of every joint wait: it stands for nothing at Baseten, and stays when its environments change."""


def wait(olds: Mapping[str, Any], news: Mapping[str, Any], configuration: Configuration, call: Call) -> dict[str, Any]:
    """Wait until the settings of every environment that is new or has changed are in force, and return the outputs.

    What an earlier wait saw in force is not looked at again. Where nothing is left to wait for, or the stack skips
    every wait, there is no request and no key is needed.

    Args:
        olds: The outputs of the last wait; empty for the first.
        news: The inputs.
        configuration: What is configured for the stack.
        call: The request being answered.

    Raises:
        NotInForceError: the time is up, or the run was cancelled. Nothing is kept, so the next `up` waits again.
        BasetenError: Baseten could not be asked.
    """
    left = unseen(olds, news)
    is_waiting = bool(left) and not configuration.skips_wait()
    if is_waiting:
        _until_in_force(left, configuration, call)
    return _outputs(news, in_force=is_waiting or not left)


def read(resource_id: str, props: Mapping[str, Any]) -> ReadResult:
    """Give back what was given: a joint wait stands for nothing that could have drifted."""
    outputs = _outputs(props, in_force=props.get("in_force") is True)
    return ReadResult(resource_id, outputs, {ENVIRONMENTS: outputs[ENVIRONMENTS]})


def _until_in_force(left: Mapping[str, Member], configuration: Configuration, call: Call) -> None:
    timeout_seconds = call.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
    wanted = [_wanted(Identity.parse(name), member, timeout_seconds) for name, member in left.items()]
    session, row = open_session(configuration), Row(call.urn)
    try:
        session.run(session.watcher.until_all_in_force(wanted, row))
    finally:
        row.settle()


def _wanted(identity: Identity, member: Member, timeout_seconds: float) -> Wanted:
    return Wanted(identity.model_id, identity.env_name, member.settings, member.status, timeout_seconds)


def _outputs(props: Mapping[str, Any], *, in_force: bool) -> dict[str, Any]:
    return {ENVIRONMENTS: {name: member.entry() for name, member in members(props).items()}, "in_force": in_force}
