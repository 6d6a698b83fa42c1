"""Put settings in force: send them, and wait until Baseten reports them."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from baseten_pulumi.api.sending import SentBefore
from baseten_pulumi.errors import BasetenError, NotInForceError, RequestError, RunCancelledError, Statements
from baseten_pulumi.fields import Settings, nest
from baseten_pulumi.provider.host import Call, PartialFailure, defect
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.provider.session import Session
from baseten_pulumi.provider.target import Target

DEFAULT_TIMEOUT_SECONDS = 30 * 60.0
"""How long an operation lasts at most where the program sets no custom timeout."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be in force, and how to get there.

    Attributes:
        identity: The environment.
        settings: Every declared setting, by dotted path.
        wait: The program's own choice, kept in state.
        is_waiting: Whether to wait: the program's choice, unless the stack skips every wait.
        looks_first: Whether to read before sending, and send only what differs.
        status: Baseten's last word on these settings; None where it has said nothing.
        requests: How many requests that change settings the resource has sent before.
        incarnation: Tells the resource from one that managed the same environment before; None where it is older.
        sent_before: Schedules that an earlier operation sent; None where it sent nothing.
    """

    identity: Identity
    settings: Settings
    wait: bool
    is_waiting: bool
    looks_first: bool = False
    status: str | None = None
    requests: int = 0
    incarnation: str | None = None
    sent_before: SentBefore | None = None

    def outputs(self, status: str | None, in_force: bool) -> dict[str, Any]:
        """Return the resource's outputs, given Baseten's last word and whether everything was read back."""
        own = {
            "model_id": self.identity.model_id,
            "env_name": self.identity.env_name,
            "wait": self.wait,
            "in_force": in_force,
            "requests": self.requests,
        }
        said = {"status": status, "incarnation": self.incarnation}
        return {**own, **{name: word for name, word in said.items() if word}, **nest(self.settings)}


def apply(plan: Plan, session: Session, call: Call) -> dict[str, Any]:
    """Carry out a plan and return the resource's outputs.

    Raises:
        PartialFailure: something went wrong after the settings were, or may have been, sent.
        BasetenError: something went wrong before.
    """
    row = Row(call.urn)
    try:
        return session.run(_Application(plan, session, call, row).run())
    finally:
        row.settle()


class _Application:
    """One plan being carried out."""

    def __init__(self, plan: Plan, session: Session, call: Call, row: Row) -> None:
        self._plan = plan
        self._watcher = session.watcher
        self._row = row
        self._target = Target(plan.identity, session, row, call.timeout_seconds or DEFAULT_TIMEOUT_SECONDS)

    async def run(self) -> dict[str, Any]:
        wanted = self._plan.settings
        try:
            unmet = await self._target.unmet(wanted) if self._plan.looks_first else wanted
        except asyncio.CancelledError:
            raise _cancelled(self._plan.identity, "Nothing was sent.") from None
        if not unmet:
            return self._outputs(self._plan.status, in_force=True)
        try:
            return await self._put_in_force(unmet)
        except (BasetenError, PartialFailure):
            raise
        except Exception as error:
            goal = f"{self._plan.identity.settings} were not read back."
            told = defect(error, goal, "Baseten may have taken the settings all the same.")
            raise self._partial(told, None) from error

    async def _put_in_force(self, unmet: Settings) -> dict[str, Any]:
        status = await self._send(unmet)
        if self._plan.is_waiting:
            await self._wait(status)
        return self._outputs(status, in_force=self._plan.is_waiting)

    async def _send(self, settings: Settings) -> str:
        try:
            return await self._target.send(settings, self._plan.sent_before)
        except RequestError as error:
            if error.may_have_taken_effect:
                raise self._partial(error, None) from None
            raise
        except asyncio.CancelledError:
            if not self._target.may_have_taken_effect:
                raise _cancelled(self._plan.identity, "Nothing was sent.") from None
            doubt = _cancelled(self._plan.identity, "Baseten may have taken the settings all the same.")
            raise self._partial(doubt, None) from None

    async def _wait(self, status: str) -> None:
        try:
            await self._watcher.until_in_force(self._target.wanted(self._plan.settings, status), self._row)
        except NotInForceError as error:
            raise self._partial(error, status) from None
        except BasetenError as error:
            raise self._partial(_sent_but_unread(error, self._plan.identity), status) from None

    def _partial(self, error: BasetenError, status: str | None) -> PartialFailure:
        return PartialFailure(error, str(self._plan.identity), self._outputs(status, in_force=False))

    def _outputs(self, status: str | None, *, in_force: bool) -> dict[str, Any]:
        requests = self._plan.requests + self._target.is_sent
        return replace(self._plan, requests=requests).outputs(status, in_force)


def _sent_but_unread(error: BasetenError, identity: Identity) -> BasetenError:
    goal = f"{identity.settings} were sent but not read back."
    return error.restated(goal=goal, now="Baseten keeps the request; only the waiting stopped.")


def _cancelled(identity: Identity, now: str) -> BasetenError:
    goal, advice = f"{identity.settings} were not put in force.", "Run `pulumi up` again."
    return RunCancelledError(Statements(goal, "Pulumi cancelled the run.", now, advice))
