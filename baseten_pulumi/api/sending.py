"""One change of settings, from looking up what it needs to know to Baseten's word on it.

A PATCH can be repeated without harm, but for one thing: a schedule sent without Baseten's id is made anew each time. So
where a change is about schedules, their ids are looked up just before each attempt, and after an attempt that may have
made one it is looked for until it would have shown.
"""

from collections.abc import Callable
from dataclasses import dataclass

from baseten_pulumi.api import failures, models
from baseten_pulumi.api.connection import Connection
from baseten_pulumi.clock import Clock
from baseten_pulumi.errors import RequestError
from baseten_pulumi.fields import Settings
from baseten_pulumi.schedules import ABSENT, ONE_TIME, is_schedule, name_of

SETTLING_SECONDS = 30.0
"""How long a schedule that may have been made is looked for, once no promotion is in the way, before it is sent again.
Baseten reports a setting some seconds after it was sent."""
LOOK_AGAIN_SECONDS = 2.0
UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Hold what a change is sent with.

    Attributes:
        connection: Where it goes.
        look: The request that reads the environment.
        patch: The request that changes it.
        clock: Tells the time and waits.
        on_turn: Called before anything is sent that changes something.
    """

    connection: Connection
    look: failures.Request
    patch: failures.Request
    clock: Clock
    on_turn: Callable[[], None]


@dataclass(frozen=True, slots=True)
class SentBefore:
    """Name schedules that an earlier request may have made: they are there or on their way.

    Attributes:
        names: Their names.
        is_in_doubt: Whether nobody has seen them in force: then a promotion may still hold them up.
    """

    names: frozenset[str] = frozenset()
    is_in_doubt: bool = True


class Change:
    """Settings to be sent, in as many attempts as it takes.

    Args:
        settings: What is to be in force.
        exchange: What it is sent with.
        sent_before: What somebody else may have sent.
    """

    def __init__(self, settings: Settings, exchange: Exchange, sent_before: SentBefore | None = None) -> None:
        self._settings = settings
        self._wanted = {name_of(path): value for path, value in settings.items() if is_schedule(path)}
        self._exchange = exchange
        before = sent_before or SentBefore()
        self._made = {name for name in before.names if self._wanted.get(name, ABSENT) != ABSENT}
        self._may_be_queued = before.is_in_doubt
        self._doubt: RequestError | None = None
        self._settled_at = exchange.clock.now() + SETTLING_SECONDS

    async def attempt(self, within_seconds: float) -> str:
        """Send the settings once and return Baseten's word on them; where nothing is left to send, that is UNCHANGED.

        Raises:
            ScheduleNameError: a name does not tell which schedule at Baseten is meant.
            RequestError: the settings were not taken, or (`may_have_taken_effect`) nobody knows.
        """
        exchange, deadline = self._exchange, self._exchange.clock.now() + within_seconds
        ids = self._ids(await self._settled_look(deadline)) if self._wanted else {}
        body = models.update_body(self._settings, ids)
        if not body:
            return UNCHANGED
        left_seconds = deadline - exchange.clock.now()
        try:
            return await exchange.connection.send(
                exchange.patch, models.read_update_status, left_seconds, body, exchange.on_turn
            )
        except RequestError as error:
            if error.may_have_taken_effect:
                self._made |= {name for name, value in self._wanted.items() if value != ABSENT and name not in ids}
                self._doubt, self._settled_at = error, exchange.clock.now() + SETTLING_SECONDS
                self._may_be_queued = True
            raise

    async def _settled_look(self, deadline: float) -> models.Environment:
        """Return what is reported once nothing an earlier attempt may have made can still be on its way."""
        clock = self._exchange.clock
        while True:
            left_seconds = deadline - clock.now()
            reported = await self._exchange.connection.send(self._exchange.look, models.read_environment, left_seconds)
            if self._is_settled(reported):
                return reported
            if clock.now() + LOOK_AGAIN_SECONDS >= deadline:
                missing = sorted(self._made - reported.schedule_ids.keys())
                raise self._doubt or failures.unsettled(self._exchange.patch, missing[0])
            await clock.sleep(LOOK_AGAIN_SECONDS)

    def _is_settled(self, reported: models.Environment) -> bool:
        now = self._exchange.clock.now()
        if reported.is_promoting and self._may_be_queued:
            self._settled_at = now + SETTLING_SECONDS
        return now >= self._settled_at or self._made <= reported.schedule_ids.keys()

    def _ids(self, reported: models.Environment) -> dict[str, str]:
        """Return Baseten's id of each schedule the settings are about, by name; a missing one is not there."""
        found: dict[str, str] = {}
        for path in filter(is_schedule, self._settings):
            name, there = name_of(path), reported.settings.get(path)
            ids = reported.schedule_ids.get(name, ())
            is_one_time = isinstance(there, dict) and there.get("cadence") == ONE_TIME
            if len(ids) > 1 or (is_one_time and self._wanted[name] != ABSENT):
                raise failures.unclear_name(self._exchange.patch, name, len(ids))
            found.update((name, it) for it in ids)
        return found
