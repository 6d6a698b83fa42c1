"""The one watcher of a process: waits for one environment, or for many together. Reads only."""

import asyncio
from collections.abc import Callable, Sequence

from baseten_pulumi.errors import WaitCancelledError
from baseten_pulumi.wait import messages
from baseten_pulumi.wait.desired import Desired
from baseten_pulumi.wait.polling import CONFIRM_SECONDS, EnvironmentReader, ModelPoller, Watch

# One line for many environments would change with every one of them.
SHORTEST_LINE_SECONDS = 1.0
# The poll at the deadline gets this long; the client's own limit of a second comes first.
LAST_POLL_SECONDS = 1.25


class Watcher:
    """Wait for settings to be applied. All waits for one model share each poll. Belongs to one event loop.

    Args:
        reader: Reads environments.
    """

    def __init__(self, reader: EnvironmentReader) -> None:
        self._reader = reader
        self._pollers: dict[str, ModelPoller] = {}

    async def wait(
        self,
        desired: Sequence[Desired],
        *,
        timeout: float,
        elapsed: float = 0.0,
        report: Callable[[str], None] = lambda _: None,
    ) -> list[str]:
        """Return once everything desired has been observed in every environment, in two polls in a row.

        Settings must be observed in the deployment that serves, too, where it reports them; after 120 s in which only
        that is missing they count as applied. A queued request must be past the end of the promotion.

        An environment that fails does not end the wait for the others; the error at the end names each.

        Args:
            desired: What to wait for, each in one environment.
            timeout: Seconds the operation may take.
            elapsed: Seconds of the timeout that are already used up.
            report: Called with a line of progress when it has changed, at most once a second. Must not block or raise.

        Returns:
            What remains to be said of settings that are applied; one line for each environment concerned.

        Raises:
            OverriddenError: other values have been observed for 60 s.
            WaitTimeoutError: the timeout is over. One poll is made at the deadline, whatever happens, and a second one
                if the first finds everything applied.
            WaitCancelledError: the task that waits was cancelled.
            BasetenError: a request failed with an error that is not retried.
            NotAppliedError: several environments failed with different errors.
        """
        started_at = asyncio.get_running_loop().time() - elapsed
        row = _Row(desired, started_at + timeout, report)
        try:
            await self._until_over(row.watches, started_at + timeout)
        except asyncio.CancelledError:
            if not row.is_applied:
                waited = asyncio.get_running_loop().time() - started_at
                raise WaitCancelledError(messages.cancelled(row.watches, waited)) from None
        if not row.is_applied:
            raise messages.error(row.watches, timeout)
        return messages.notes(row.watches)

    async def _until_over(self, watches: Sequence[Watch], deadline: float) -> None:
        """Poll until each watch is over, or one met a defect, which is raised."""
        if not watches:
            return
        over = [watch.over for watch in watches]
        try:
            for watch in watches:
                self._poller(watch.desired.model_id).add(watch)
            # Even a process that was suspended past its deadline gets a last poll, and one that confirms it.
            for seconds in (deadline - asyncio.get_running_loop().time(), LAST_POLL_SECONDS):
                await asyncio.wait(over, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            if any(watch.is_unconfirmed for watch in watches):
                seconds = CONFIRM_SECONDS + LAST_POLL_SECONDS
                await asyncio.wait(over, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for watch in watches:
                if poller := self._pollers.get(watch.desired.model_id):
                    poller.remove(watch)
        defects = [defect for future in over if future.done() and (defect := future.exception())]
        if defects:
            raise defects[0]

    def _poller(self, model_id: str) -> ModelPoller:
        if model_id not in self._pollers:
            self._pollers[model_id] = poller = ModelPoller(
                self._reader, model_id, on_idle=lambda: self._forget(model_id, poller)
            )
        return self._pollers[model_id]

    def _forget(self, model_id: str, poller: ModelPoller) -> None:
        if self._pollers.get(model_id) is poller:
            del self._pollers[model_id]


class _Row:
    """The watches of one wait, and the line that shows them."""

    def __init__(self, desired: Sequence[Desired], deadline: float, report: Callable[[str], None]) -> None:
        self.watches = [Watch(one, deadline, self.update) for one in desired]
        self._report = report
        self._line = ""
        self._updated_at = float("-inf")

    @property
    def is_applied(self) -> bool:
        """Whether everything desired was observed in every environment."""
        return all(watch.is_applied for watch in self.watches)

    def update(self) -> None:
        """Report what is waited for, if that has changed."""
        now = asyncio.get_running_loop().time()
        pending = [watch for watch in self.watches if watch.is_pending]
        if now - self._updated_at < SHORTEST_LINE_SECONDS or not pending:
            return
        if not self._line and all(watch.is_unconfirmed for watch in pending):  # it takes another second
            return
        self._updated_at, line = now, messages.progress(self.watches)
        if line != self._line:
            self._line = line
            self._report(line)
