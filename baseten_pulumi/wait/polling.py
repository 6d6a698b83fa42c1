"""Poll the environments of one model for everyone who waits for them."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeAlias

from baseten_pulumi.errors import (
    LONGEST_RETRY_AFTER_SECONDS,
    AuthenticationError,
    BasetenError,
    ModelNotFoundError,
    NotFoundError,
    RequestError,
    TransientError,
)
from baseten_pulumi.schema.compare import Difference
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.wait import messages
from baseten_pulumi.wait.desired import Desired

# With 50 models this is 71 list requests a second, below Baseten's limit of 100.
SHORTEST_INTERVAL_SECONDS = 0.7
# Growing with the time already waited keeps the lag of detection proportional to the wait.
SHARE_OF_WAIT = 0.15
LONGEST_INTERVAL_SECONDS = 15.0
# Models whose settings were sent together must not be polled together.
JITTER = 0.10
# Settings that were just accepted are seldom applied at once.
FIRST_POLL_SECONDS = 0.5
# Reads are eventually consistent: what was observed must be observed again, at least so much later.
CONFIRM_SECONDS = 1.0
# Whether every deployment reports its settings is not known: what the environment has counts after so long.
DEPLOYMENT_SECONDS = 120.0
# A third value that stays for so long will not change by itself.
OVERRIDDEN_SECONDS = 60.0
# A poll at the deadline still gets the time for one response.
SHORTEST_POLL_SECONDS = 1.0
# asyncio may call a timer early, by the resolution of its clock.
_EARLY_SECONDS = 0.001


class EnvironmentReader(Protocol):
    """Reads environments, once, within `timeout` seconds; raises `RequestError`."""

    async def read_environment(self, model_id: str, env_name: str, *, timeout: float) -> Environment:
        """Read one environment."""
        ...

    async def list_environments(self, model_id: str, *, timeout: float) -> Mapping[str, Environment]:
        """Read every environment of a model, by name."""
        ...


Observation: TypeAlias = Environment | BasetenError
"""What a poll returned for one environment."""


class Watch:
    """The wait for one environment.

    Args:
        desired: What to wait for.
        deadline: Time of the event loop at which the wait ends, unless that poll is the first to find it applied.
        on_observed: Called after each poll, once every watch has its observation.

    Attributes:
        differences: What was not applied at the last successful poll; None before there was one.
        lagging: What the environment had at that poll, and the deployment that serves did not.
        is_applied: Whether everything desired was observed in two polls in a row.
        promotion: The promotion at the last successful poll, while it runs or if it ended during this wait.
        last_error: The error of the last poll; None if it succeeded.
        failure: What ended the wait; None while it lasts and if the settings were applied.
        over: Done when polling for it has ended; holds the unexpected exception that ended it, if any.
    """

    def __init__(self, desired: Desired, deadline: float, on_observed: Callable[[], None]) -> None:
        self.desired = desired
        self.deadline = deadline
        self.on_observed = on_observed
        self.differences: tuple[Difference, ...] | None = None
        self.lagging: tuple[Difference, ...] = ()
        self.is_applied = False
        self.promotion: Promotion | None = None
        self.last_error: RequestError | None = None
        self._failing_since = 0.0
        self._lagging_since: float | None = None
        self._observed_since: float | None = None
        self._overridden: tuple[Difference, ...] = ()
        self._overridden_since = 0.0
        self.failure: BasetenError | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_unconfirmed(self) -> bool:
        """Whether everything desired was observed at the last poll but must be observed again."""
        return self._observed_since is not None and not self.is_applied

    @property
    def is_pending(self) -> bool:
        """Whether there is still something to wait for."""
        return not self.is_applied and self.failure is None

    def observe(self, observation: Observation) -> None:
        """Take in what a poll returned."""
        if isinstance(observation, RequestError) and observation.retried_for > 0:
            now = _now()
            if self.last_error is None or self.last_error.retried_for != observation.retried_for:
                self._failing_since = now
            self.last_error = observation
            if now - self._failing_since > observation.retried_for:
                self.failure = observation
        elif isinstance(observation, BasetenError):
            self.failure = observation
        else:
            self.last_error = None
            is_known = self.promotion is not None
            promotion = observation.promotion
            self.promotion = promotion if promotion is not None and (promotion.is_running or is_known) else None
            self._compare(observation)

    @property
    def is_promoting(self) -> bool:
        """Whether a promotion was running at the last successful poll."""
        return self.promotion is not None and self.promotion.is_running

    @property
    def is_queued(self) -> bool:
        """Whether the request may still be applied when the promotion ends, whatever is observed before."""
        return self.is_promoting and self.desired.status == "QUEUED"

    def _compare(self, environment: Environment) -> None:
        now = _now()
        self.differences = self.desired.differences(environment)
        self.lagging = () if self.is_promoting or self.differences else self.desired.lagging(environment)
        if not self.lagging:
            self._lagging_since = None
        elif self._lagging_since is None:
            self._lagging_since = now
        is_late = self._lagging_since is not None and now - self._lagging_since >= DEPLOYMENT_SECONDS
        if self.differences or self.is_queued or (self.lagging and not is_late):
            self._observed_since = None
        elif self._observed_since is None:
            self._observed_since = now
        else:
            self.is_applied = now - self._observed_since >= CONFIRM_SECONDS - _EARLY_SECONDS
        self._end_if_overridden(self.differences, now)

    def _end_if_overridden(self, differences: tuple[Difference, ...], now: float) -> None:
        """End the wait if a value that is neither the desired one nor the one before the request stays for a minute."""
        before = self.desired.before
        found: tuple[Difference, ...] = ()
        if before is not None and not self.is_promoting:
            found = tuple(it for it in differences if it.observed not in (None, before.get(it.path)))
        if found != self._overridden:
            self._overridden, self._overridden_since = found, now
        seconds = now - self._overridden_since
        if found and seconds >= OVERRIDDEN_SECONDS:
            self.failure = messages.overridden(self.desired, found, seconds)


class ModelPoller:
    """Poll the environments of one model while there are watches; one poll serves all of them.

    Args:
        reader: Reads environments.
        model_id: Baseten's id of the model.
        on_idle: Called when there are no watches left.
    """

    def __init__(self, reader: EnvironmentReader, model_id: str, on_idle: Callable[[], None]) -> None:
        self._reader = reader
        self._model_id = model_id
        self._on_idle = on_idle
        self._watches: dict[Watch, tuple[float, float]] = {}  # when each began, and when its next poll is due
        self._not_before = 0.0
        self._wake = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    def add(self, watch: Watch) -> None:
        """Poll for this watch, too; a poll that has already begun does not count for it."""
        now = _now()
        first = 0.0 if watch.desired.status in (None, "UNCHANGED") else FIRST_POLL_SECONDS
        self._watches[watch] = (now, now + first * random.random())  # noqa: S311 - not a secret
        self._wake.set()

    def remove(self, watch: Watch) -> None:
        """Stop polling for a watch."""
        self._watches.pop(watch, None)
        if not self._watches:
            self._task.cancel()
            self._on_idle()  # at once: a watch that is added before the task has ended needs another poller

    async def _run(self) -> None:
        try:
            while self._watches:
                await self._until_due()
                await self._poll()
        except Exception as defect:  # noqa: BLE001 - every wait gets it
            for watch in self._watches:
                watch.over.set_exception(defect)
        finally:
            self._on_idle()

    async def _until_due(self) -> None:
        while (delay := min(map(self._due_at, self._watches)) - _now()) > _EARLY_SECONDS:
            self._wake.clear()
            timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def _due_at(self, watch: Watch) -> float:
        """Return when to poll for a watch: at its deadline at the latest."""
        return min(max(self._watches[watch][1], self._not_before), watch.deadline)

    async def _poll(self) -> None:
        watches, began_at = [*self._watches], _now()
        # One poll must not take the time of another watch's last one.
        left = min(watch.deadline for watch in watches) - began_at
        names = [*dict.fromkeys(watch.desired.env_name for watch in watches)]
        listed = {watch.desired.env_name for watch in watches if watch.desired.must_be_listed}
        observed = await self._observe(names, listed, max(left, SHORTEST_POLL_SECONDS))
        now, jitter = _now(), random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
        asked = max((it.retry_after or 0.0 for it in observed.values() if isinstance(it, RequestError)), default=0.0)
        self._not_before = max(
            began_at + SHORTEST_INTERVAL_SECONDS * jitter, now + min(asked, LONGEST_RETRY_AFTER_SECONDS)
        )
        watches = [watch for watch in watches if watch in self._watches]
        for watch in watches:
            since, _ = self._watches[watch]
            interval = max(SHORTEST_INTERVAL_SECONDS, SHARE_OF_WAIT * (now - since))
            watch.observe(observed[watch.desired.env_name])
            next_at = began_at + min(interval, LONGEST_INTERVAL_SECONDS) * jitter
            self._watches[watch] = (since, now + CONFIRM_SECONDS if watch.is_unconfirmed else next_at)
        for watch in watches:
            watch.on_observed()
            is_last = began_at >= watch.deadline - _EARLY_SECONDS
            if is_last and watch.is_unconfirmed and watch.last_error is None:
                watch.deadline = now + CONFIRM_SECONDS
            elif is_last or not watch.is_pending:
                del self._watches[watch]
                watch.over.set_result(None)

    async def _observe(self, names: list[str], must_be_listed: set[str], timeout: float) -> Mapping[str, Observation]:
        """Read environments with one request for all of them.

        An environment that is not in the list is read by itself, and so is each one if the list is refused, to find out
        why; and each one that must be both readable and listed.
        """
        observed: dict[str, Observation] = {}
        if len(names) > 1 or must_be_listed:
            try:
                observed.update(await self._reader.list_environments(self._model_id, timeout=timeout))
            except (TransientError, ModelNotFoundError, AuthenticationError) as error:
                return dict.fromkeys(names, error)
            except BasetenError:  # an API key that may not list them
                must_be_listed = set()
        unlisted = must_be_listed - observed.keys()
        missing = [name for name in names if name not in observed or name in must_be_listed]
        reads = (self._reader.read_environment(self._model_id, name, timeout=timeout) for name in missing)
        # A defect in one must not leave the others running.
        for name, found in zip(missing, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(found, BaseException) and not isinstance(found, BasetenError):
                raise found
            listed = observed.get(name)
            if isinstance(found, NotFoundError) and isinstance(listed, Environment):
                observed[name] = replace(listed, is_readable=False)
            elif isinstance(found, Environment):
                observed[name] = replace(found, is_listed=name not in unlisted)
            else:
                observed[name] = found
        return observed


def _now() -> float:
    return asyncio.get_running_loop().time()
