"""The environment an operation is about, for as long as the operation may take."""

from baseten_pulumi.api.sending import SentBefore
from baseten_pulumi.convergence.comparison import differences
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.convergence.wording import retried
from baseten_pulumi.errors import RequestError
from baseten_pulumi.fields import Settings
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.progress import Row
from baseten_pulumi.provider.session import Session


class Target:
    """One environment at Baseten; troubles that may go away by themselves show in the operation's row.

    Args:
        identity: The environment.
        session: Who asks.
        row: Where troubles show.
        timeout_seconds: How long the operation may take, from now on.
        label: Stands before what the row says, where the row is not the environment's own.

    Attributes:
        is_sent: Whether it was tried to send settings.
        may_have_taken_effect: Whether Baseten may have taken any of them, as far as is known while they are sent.
    """

    def __init__(self, identity: Identity, session: Session, row: Row, timeout_seconds: float, label: str = "") -> None:
        self.is_sent = self.may_have_taken_effect = False
        self._identity = identity
        self._session = session
        self._row = row
        self._label = label
        self._timeout_seconds = timeout_seconds
        self._deadline = session.clock.now() + timeout_seconds

    async def unmet(self, settings: Settings) -> Settings:
        """Return those of the settings that are not in force.

        Raises:
            RequestError: Baseten could not be asked.
        """
        reported = await self._session.client.read_environment_now(
            self._identity.model_id,
            self._identity.env_name,
            within_seconds=self.seconds_left(),
            on_trouble=self._show,
        )
        return {found.path: found.wanted for found in differences(settings, reported.settings)}

    async def send(self, settings: Settings, sent_before: SentBefore | None = None) -> str:
        """Send settings and return Baseten's word on them.

        Args:
            settings: What to send.
            sent_before: Schedules that were sent before; None for none.

        Raises:
            RequestError: they were not taken, or (`may_have_taken_effect`) nobody knows.
        """
        return await self._session.client.update_environment(
            self._identity.model_id,
            self._identity.env_name,
            settings,
            within_seconds=self.seconds_left(),
            sent_before=sent_before,
            on_trouble=self._show,
            on_turn=self._mark,
        )

    def wanted(self, settings: Settings, status: str | None) -> Wanted:
        """Return what to wait for in the time that is left, given Baseten's word on it."""
        return Wanted(
            self._identity.model_id,
            self._identity.env_name,
            settings,
            status,
            self._timeout_seconds,
            self.seconds_left(),
        )

    def seconds_left(self) -> float:
        """Return how much longer the operation may take."""
        return max(self._deadline - self._session.clock.now(), 0.0)

    def _mark(self) -> None:
        self.is_sent = self.may_have_taken_effect = True
        self._session.sent.add(self._identity)

    def _show(self, trouble: RequestError) -> None:
        self.may_have_taken_effect = trouble.may_have_taken_effect
        self._row.report(f"{self._label}{retried(trouble)}")
