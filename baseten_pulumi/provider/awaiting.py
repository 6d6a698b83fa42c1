"""The joint wait: one resource that waits for the settings of many environments together."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.errors import RunCancelledError, Statements
from baseten_pulumi.fields import Settings
from baseten_pulumi.provider.applying import DEFAULT_TIMEOUT_SECONDS
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.joining import ENVIRONMENTS, Member, members, unseen
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.provider.session import Session, open_session
from baseten_pulumi.provider.target import Target

RESOURCE_ID = "in-force"
"""The id of every joint wait: it stands for nothing at Baseten, and stays when its environments change."""

_CANCELLED = Statements(
    goal="Settings of the environments were not seen in force.",
    seen="Pulumi cancelled the run.",
    now="Baseten keeps what was sent.",
    advice="Run `pulumi up` again.",
)


def wait(olds: Mapping[str, Any], news: Mapping[str, Any], configuration: Configuration, call: Call) -> dict[str, Any]:
    """Wait until the settings of every environment that is new or has changed are in force, and return the outputs.

    What an earlier wait saw in force is not looked at again. What this run has sent is waited for; what an earlier run
    sent and nobody saw in force is looked at first, and sent again where it still differs. Where nothing is left to
    wait for, or the stack skips every wait, there is no request and no key is needed.

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
    session, row = open_session(configuration), Row(call.urn)
    waiting = _JointWait(left, session, row, call.timeout_seconds or DEFAULT_TIMEOUT_SECONDS)
    try:
        session.run(waiting.run())
    finally:
        row.settle()


class _JointWait:
    """One wait for several environments."""

    def __init__(self, left: Mapping[str, Member], session: Session, row: Row, timeout_seconds: float) -> None:
        self._members = {Identity.parse(name): member for name, member in left.items()}
        self._session = session
        self._row = row
        deadline = session.clock.now() + timeout_seconds
        self._targets = {identity: Target(identity, session, row, deadline) for identity in self._members}

    async def run(self) -> None:
        try:
            await asyncio.gather(*(self._take_up(it) for it in self._targets if it not in self._session.sent))
        except asyncio.CancelledError:
            raise RunCancelledError(_CANCELLED) from None
        wanted = [target.wanted(*self._sent(identity)) for identity, target in self._targets.items()]
        await self._session.watcher.until_all_in_force(wanted, self._row)

    async def _take_up(self, identity: Identity) -> None:
        """Send what an earlier run sent and nobody saw in force, where it still differs: it may have been lost."""
        member, target = self._members[identity], self._targets[identity]
        unmet = await target.unmet(member.settings)
        if unmet:
            self._members[identity] = replace(member, status=await target.send(unmet))

    def _sent(self, identity: Identity) -> tuple[Settings, str | None]:
        return self._members[identity].settings, self._members[identity].status


def _outputs(props: Mapping[str, Any], *, in_force: bool) -> dict[str, Any]:
    return {ENVIRONMENTS: {name: member.entry() for name, member in members(props).items()}, "in_force": in_force}
