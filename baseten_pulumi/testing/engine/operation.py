"""Carry out one operation: start the processes, let them talk, take the steps, and leave nothing running."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from baseten_pulumi.testing.engine import deleting, refreshing, restoring, values
from baseten_pulumi.testing.engine.failures import ProviderError
from baseten_pulumi.testing.engine.monitor import Registry, serving
from baseten_pulumi.testing.engine.program_process import ProgramProcess
from baseten_pulumi.testing.engine.project import Project
from baseten_pulumi.testing.engine.provider_process import Launch, Provider
from baseten_pulumi.testing.engine.registering import FindStack, Registrar
from baseten_pulumi.testing.engine.run import Run

_PROGRAM_GRACE_SECONDS = 2.0  # for a program to notice that the run is over
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an operation takes place: the project, its processes' environment, and the stacks beside it."""

    project: Project
    environment: Mapping[str, str]
    find_stack: FindStack


class Operation:
    """One `up`, `refresh` or `destroy`, or its preview. Use it once."""

    def __init__(self, scene: Scene, run: Run) -> None:
        self._scene = scene
        self._run = run
        self._names = (scene.project.name, scene.project.stack)
        self._registry: Registry = restoring.Restorer(run, self._names)
        self._address = ""
        self._loading: ProgramProcess | None = None
        self._ending = contextlib.ExitStack()
        self._cancels = 0

    def up(self, *, refresh_first: bool) -> tuple[values.Properties, values.Properties]:
        """Run the program and do what it wants; the stack's outputs before and after."""
        registrar = Registrar(self._run, self._names, self._scene.find_stack)
        with self._stage(program=True):
            if refresh_first:
                self._refresh()
                self._run.display.forget_findings()
            self._perform(registrar, dry_run=self._run.options.dry_run)
            if not self._run.stopping.is_set():
                deleting.delete_unseen(self._run)
        return registrar.stack_outputs

    def refresh(self) -> None:
        """Put what is really there into the state."""
        with self._stage():
            self._refresh()

    def destroy(self, *, refresh_first: bool) -> None:
        """Delete everything the state holds."""
        with self._stage():
            if refresh_first:
                self._refresh()
                self._run.display.forget_findings()
            else:
                self._bring_secrets_back()
            if not self._run.stopping.is_set():
                deleting.delete_unseen(self._run)

    def cancel(self) -> None:
        """End in good order, however long what is under way takes; when asked again, without waiting for it."""
        self._cancels += 1
        if self._cancels == 1:
            self._run.cancel()
        else:
            self._run.provider.stop()

    @contextlib.contextmanager
    def _stage(self, *, program: bool = False) -> Iterator[None]:
        """Have the services up, the provider and the program loading; at the end all of them are gone."""
        with self._ending:
            self._loading = self._new_program() if program else None
            services = serving(lambda: self._registry, self._run.display, parallel=self._run.options.parallel)
            self._address = self._ending.enter_context(services)
            self._run.provider = self._provider()
            self._ending.callback(self._run.provider.stop)
            if any(resource.custom for resource in self._run.ledger.old.values()):
                threading.Thread(target=_start_early, args=(self._run.provider,), daemon=True).start()
            try:
                yield
            except BaseException:
                self.cancel()
                raise

    def _refresh(self) -> None:
        self._bring_secrets_back()
        if not self._run.stopping.is_set():
            refreshing.refresh(self._run)

    def _bring_secrets_back(self) -> None:
        if restoring.program_is_needed(list(self._run.ledger.old.values())):
            self._perform(restoring.Restorer(self._run, self._names), dry_run=True)

    def _perform(self, registry: Registry, *, dry_run: bool) -> None:
        """Let a program run to its end with its registrations answered by this registry."""
        self._registry = registry
        program, self._loading = self._loading or self._new_program(), None
        if not self._run.stopping.is_set():
            program.run(self._address, dry_run=dry_run, parallel=self._run.options.parallel)
            self._wait_for(program)
        program.stop()

    def _wait_for(self, program: ProgramProcess) -> None:
        """Wait for the program; where the run stops, for the steps under way and then a moment for the program."""
        give_up = float("inf")
        while (status := program.wait(_POLL_SECONDS)) is None:
            if self._run.stopping.is_set() and not self._run.busy:
                give_up = min(give_up, time.monotonic() + _PROGRAM_GRACE_SECONDS)
            if time.monotonic() > give_up:
                return
        if status and not self._run.stopping.is_set():
            said_why = any(message.severity == "error" for message in self._run.display.messages)
            self._run.refuse("" if said_why else f"The program ended with exit status {status} before it was done.")
        while self._run.busy:
            time.sleep(_POLL_SECONDS)

    def _new_program(self) -> ProgramProcess:
        program = ProgramProcess(self._scene.project, self._scene.environment, self._say)
        self._ending.callback(program.stop)
        return program

    def _provider(self) -> Provider:
        project = self._scene.project
        environment = {**self._scene.environment, "PULUMI_PROJECT": project.name, "PULUMI_CONFIG": "{}"}
        return Provider(Launch(project.directory, environment, self._address, project.config, self._say))

    def _say(self, line: str) -> None:
        self._run.display.say(f"     {line}")


def _start_early(provider: Provider) -> None:
    with contextlib.suppress(ProviderError):  # whoever needs it first is told
        provider.start()
