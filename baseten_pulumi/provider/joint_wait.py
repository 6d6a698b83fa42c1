"""The joint wait: one resource that waits for the settings of many environments together."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pulumi.dynamic import ReadResult

from baseten_pulumi.api.sending import LOOK_AGAIN_SECONDS, SentBefore
from baseten_pulumi.convergence.comparison import differences
from baseten_pulumi.convergence.looking import ModelView, Outcome
from baseten_pulumi.errors import RequestError, RequestTimeoutError, RunCancelledError, Statements, TransientError
from baseten_pulumi.fields import Settings
from baseten_pulumi.provider.applying import DEFAULT_TIMEOUT_SECONDS
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.joint_members import ENVIRONMENTS, Member, members, unseen
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.provider.session import Session, open_session
from baseten_pulumi.provider.target import Target
from baseten_pulumi.schedules import names

RESOURCE_ID = "in-force"
"""The id of every joint wait: it stands for nothing at Baseten, and stays when its environments change."""

_CANCELLED = Statements(
    goal="Settings of the environments were not seen in force.",
    seen="Pulumi cancelled the run.",
    now="Baseten keeps what was sent.",
    advice="Run `pulumi up` again.",
)
_Result = TypeVar("_Result")


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
        NotInForceError: the time is up, or the wait was cancelled. Nothing is kept, so the next `up` waits again.
        RunCancelledError: the run was cancelled before the wait began.
        BasetenError: Baseten could not be asked.
    """
    left = unseen(olds, news)
    is_waiting = bool(left) and not configuration.skips_wait()
    if is_waiting:
        _until_in_force(left, configuration, call)
    if is_waiting or not left:
        return _outputs(members(news), in_force=True)
    known = {name: replace(member, seen=name not in left) for name, member in members(news).items()}
    return _outputs(known, in_force=False)


def read(resource_id: str, props: Mapping[str, Any]) -> ReadResult:
    """Give back what was given: a joint wait stands for nothing that could have drifted."""
    known = members(props)
    inputs = {name: replace(member, seen=False).entry() for name, member in known.items()}
    return ReadResult(resource_id, _outputs(known, in_force=props.get("in_force") is True), {ENVIRONMENTS: inputs})


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
        self._targets = {it: Target(it, session, row, timeout_seconds, f"{it}: ") for it in self._members}
        self._session = session
        self._row = row

    async def run(self) -> None:
        lost = [it for it, member in self._members.items() if member.may_be_lost and it not in self._session.sent]
        try:
            for identity, status in await self._sent_again(lost):
                self._members[identity] = replace(self._members[identity], status=status)
        except asyncio.CancelledError:
            raise RunCancelledError(_CANCELLED) from None
        wanted = [
            target.wanted(self._members[it].settings, self._members[it].status) for it, target in self._targets.items()
        ]
        await self._session.watcher.until_all_in_force(wanted, self._row)

    async def _sent_again(self, lost: list[Identity]) -> list[tuple[Identity, str | None]]:
        """Send what still differs of what may have been lost; return Baseten's word on each that was sent."""
        models: dict[str, list[Identity]] = {}
        for identity in lost:
            models.setdefault(identity.model_id, []).append(identity)
        looks = await _all(self._unmet(model_id, identities) for model_id, identities in models.items())
        return await _all(self._sent(*differing) for look in looks for differing in look)

    async def _unmet(self, model_id: str, identities: list[Identity]) -> list[tuple[Identity, Settings]]:
        """Look at environments of a model; return what is to be sent of each where anything is."""
        view = ModelView(self._session.client, model_id)
        seconds_left = self._targets[identities[0]].seconds_left()
        outcomes = await view.look([it.env_name for it in identities], seconds_left)
        unmet = [(it, _unmet(self._members[it].settings, outcomes[it.env_name])) for it in identities]
        return [(it, settings) for it, settings in unmet if settings]

    async def _sent(self, identity: Identity, settings: Settings) -> tuple[Identity, str | None]:
        target = self._targets[identity]
        try:
            return identity, await target.send(settings, SentBefore(names(settings)))
        except RequestError as error:
            # Where the time is up, the wait tells for whom else it is.
            is_late = isinstance(error, RequestTimeoutError) and target.seconds_left() <= LOOK_AGAIN_SECONDS
            if not (error.may_have_taken_effect or is_late):
                raise
            return identity, None


def _unmet(wanted: Settings, outcome: Outcome) -> Settings:
    """Return what to send: what differs, all where that is not known, nothing where the wait will tell the reason."""
    if isinstance(outcome, TransientError):
        return wanted
    if isinstance(outcome, RequestError):
        return {}
    return {found.path: found.wanted for found in differences(wanted, outcome.settings)}


async def _all(work: Iterable[Coroutine[Any, Any, _Result]]) -> list[_Result]:
    """Have everything done to its end, and only then raise the first error: nothing goes on behind one's back."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def _outputs(known: Mapping[str, Member], *, in_force: bool) -> dict[str, Any]:
    return {ENVIRONMENTS: {name: member.entry() for name, member in known.items()}, "in_force": in_force}
