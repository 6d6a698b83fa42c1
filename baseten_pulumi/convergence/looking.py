"""One look at environments of a model, with as few requests as tell each one's state or error precisely."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol, TypeAlias

from baseten_pulumi.convergence.sighting import ReportedEnvironment
from baseten_pulumi.errors import RequestError, TransientError

Outcome: TypeAlias = ReportedEnvironment | RequestError
"""What a look brought for one environment."""


class EnvironmentReader(Protocol):
    """Read environments."""

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> ReportedEnvironment:
        """Read one environment in the time given, or raise a `RequestError`."""
        ...

    async def read_environments(self, model_id: str, *, within_seconds: float) -> Mapping[str, ReportedEnvironment]:
        """Read every environment of a model in the time given, by name, or raise a `RequestError`."""
        ...


class ModelView:
    """The environments of one model, as a reader shows them."""

    def __init__(self, reader: EnvironmentReader, model_id: str) -> None:
        self._reader = reader
        self._model_id = model_id
        self._can_list = True

    async def look(self, env_names: Collection[str], within_seconds: float) -> Mapping[str, Outcome]:
        """Return what Baseten reports of each environment, or what kept it from being read.

        Several are read with one request for the whole list. Where that is refused, now and ever after, and for an
        environment that the list leaves out, each is read by itself: only that tells what is missing.
        """
        listed = await self._listed(env_names, within_seconds) if self._can_list and len(env_names) > 1 else {}
        unlisted = [name for name in env_names if name not in listed]
        return {**listed, **await self._one_by_one(unlisted, within_seconds)}

    async def _listed(self, env_names: Collection[str], within_seconds: float) -> Mapping[str, Outcome]:
        try:
            reported = await self._reader.read_environments(self._model_id, within_seconds=within_seconds)
        except TransientError as trouble:
            return dict.fromkeys(env_names, trouble)
        except RequestError:
            self._can_list = False
            return {}
        return {name: reported[name] for name in env_names if name in reported}

    async def _one_by_one(self, env_names: list[str], within_seconds: float) -> Mapping[str, Outcome]:
        reads = (
            self._reader.read_environment(self._model_id, name, within_seconds=within_seconds) for name in env_names
        )
        outcomes: dict[str, Outcome] = {}
        for name, outcome in zip(env_names, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, RequestError):
                raise outcome
            outcomes[name] = outcome
        return outcomes
