"""One stack on virtual time: half a minute takes none, and what runs together ends in one order.

Calls reach the provider as from Pulumi's host, on threads of their own; the client reaches Baseten without a socket.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import httpx
import looptime
import pytest
from typing_extensions import Self

from baseten_pulumi.api.background import IDLE_SECONDS
from baseten_pulumi.errors import BasetenError
from baseten_pulumi.provider import (
    AutoscalingScheduleProvider,
    apply_schedule,
    check,
    delete_environment,
    delete_schedule,
    environment,
    operation,
    preview_reads,
    schedule,
    session,
)
from baseten_pulumi.provider.ownership import EnvironmentOwners, ScheduleOwners, SettingsOwners
from baseten_pulumi.testing import Emulator, RecordedRequest
from tests.faults.process import Process
from tests.faults.wire import Wire
from tests.schedules import SCHEDULES, reported
from tests.schedules import schedule as declared
from tests.unit.provider.servicer import Servicer

KEY = "k-secret-4711"
MODEL = "lm4chat8"
_RESOLUTION_SECONDS = 1e-14


class Stack:
    """A provider process and Baseten; to be used as a context manager.

    Args:
        apply_seconds: Seconds between accepting a schedule and listing it.

    Attributes:
        emulator: Baseten, with the environments staging and production of one model.
        config: Configuration of the stack, without `baseten:`.
    """

    def __init__(self, apply_seconds: float = 0.0) -> None:
        self._loop = looptime.new_event_loop(start=1000.0, resolution=_RESOLUTION_SECONDS, noop_cycles=0)
        self.emulator = Emulator(apply_seconds=apply_seconds, clock=self._loop.time, account=())
        self.emulator.add_model(MODEL, "chat", ["production", "staging"])
        self.config = {"apiKey": KEY, "baseUrl": "http://127.0.0.1:9"}
        self._wire = Wire(self._loop, self.emulator.application)
        self._patches = contextlib.ExitStack()

    def __enter__(self) -> Self:
        client = functools.partial(httpx.AsyncClient, transport=self._wire)
        self._patches.enter_context(mock.patch.object(httpx, "AsyncClient", client))
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # Idle connections are closed, and a process must leave nothing else.
            self.pass_by(2 * IDLE_SECONDS)
            self._loop.run_until_complete(self._process.end(self._wire.tasks.keys()))
        finally:
            self._patches.close()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.close()

    def restart(self) -> None:
        """Go on with a process that has seen nothing yet, as the next operation of Pulumi does."""
        self._process, owners, environments = Process(self._loop), ScheduleOwners(), EnvironmentOwners()
        self._patches.enter_context(mock.patch.object(session, "background_loop", return_value=self._process))
        for module in (schedule, apply_schedule, delete_schedule):
            self._patches.enter_context(mock.patch.object(module, "schedule_owners", owners))
        for module in (environment, delete_environment, operation, preview_reads):
            self._patches.enter_context(mock.patch.object(module, "environment_owners", environments))
        self._patches.enter_context(mock.patch.object(check, "settings_owners", SettingsOwners()))
        for remembered in (preview_reads.listed_environments, session.former_settings):
            self._patches.enter_context(mock.patch.dict(remembered, clear=True))

    def provider(
        self, name: str = "peak", kind: type[Any] = AutoscalingScheduleProvider, **config: str
    ) -> "StackServicer":
        """Return the provider as it is called for one resource."""
        return StackServicer(self, {**self.config, **config}, kind, name)

    def call(self, function: Callable[[], Any]) -> Any:
        """Make one call of the provider to its end; return its result or raise its error."""
        if self._loop.is_running():  # several calls at the same time
            return function()
        return self._loop.run_until_complete(self._process.call(function))

    def together(self, *functions: Callable[[], Any]) -> list[Any]:
        """Make calls of the provider at the same time; return the result or error of each."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*map(self._process.call, functions), return_exceptions=True)

        return self._loop.run_until_complete(all_of_them())

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """Act so many seconds from now, while a call runs."""
        self._loop.call_later(seconds, act)

    def cancel(self) -> None:
        """Cancel as Pulumi does."""
        self._process.cancel()

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._loop.run_until_complete(asyncio.sleep(seconds))

    @property
    def now(self) -> float:
        """The time, on the emulator's clock too."""
        return self._loop.time()

    def put(self, name: str = "peak", zone: str = "UTC", env_name: str = "production", **parts: Any) -> str:
        """Put a schedule in Baseten as somebody does by hand; return its id."""
        return self.emulator.put_schedule(MODEL, env_name, reported(declared(name, **parts)), zone)

    def listed(self, env_name: str = "production") -> list[dict[str, Any]]:
        """Return the schedules that Baseten lists."""
        found = self.emulator.reported(MODEL, env_name)["autoscaling_schedules"] or {"schedules": []}
        schedules: list[dict[str, Any]] = found["schedules"]
        return schedules

    @property
    def patches(self) -> list[RecordedRequest]:
        """The PATCHes that Baseten has answered, or whose response was lost."""
        return [request for request in self.emulator.requests if request.method == "PATCH"]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What those PATCHes say of schedules."""
        return [it.body[SCHEDULES] for it in self.patches if SCHEDULES in it.body]


class StackServicer(Servicer):
    """A provider whose calls run in the process of a stack."""

    def __init__(self, stack: Stack, config: Mapping[str, str], kind: type[Any], name: str) -> None:
        super().__init__(config, kind, name)
        self._stack = stack

    def _answer(self, request: Any, method: Callable[[], Any]) -> Any:
        return self._stack.call(lambda: super(StackServicer, self)._answer(request, method))


def failure(call: Callable[..., Any], *arguments: Any) -> BasetenError:
    """Make a call of a provider that fails; return its error."""
    with pytest.raises(BasetenError) as caught:
        call(*arguments)
    return caught.value
