"""The local engine as a library: one project and stack, with the operations of the command line."""

import contextlib
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from baseten_pulumi.testing.engine import deleting, refreshing, values
from baseten_pulumi.testing.engine.checkpoint import (
    CheckpointError,
    Resource,
    Writer,
    document_of,
    read_checkpoint,
)
from baseten_pulumi.testing.engine.display import BANNER, ERRORED, Display, Message
from baseten_pulumi.testing.engine.ledger import Ledger
from baseten_pulumi.testing.engine.locking import LockedError, locked
from baseten_pulumi.testing.engine.monitor import serving
from baseten_pulumi.testing.engine.program_process import ProgramProcess
from baseten_pulumi.testing.engine.project import Project, read_project
from baseten_pulumi.testing.engine.provider_process import Launch, Provider, ProviderError
from baseten_pulumi.testing.engine.registering import Registrar
from baseten_pulumi.testing.engine.run import Options, Run
from baseten_pulumi.testing.engine.steps import STACK, Op

DEFAULT_PARALLEL = 4 * (os.cpu_count() or 1)
_CHANGES = (Op.CREATE.value, Op.UPDATE.value, Op.DELETE.value, Op.REPLACE.value)
_TITLES = {"up": ("Updating", "Previewing update"), "refresh": ("Refreshing", "Previewing refresh"),
           "destroy": ("Destroying", "Previewing destroy")}  # fmt: skip
_PROGRAM_GRACE_SECONDS = 2.0
_CANCEL_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What one operation came to.

    `changes` counts resources by what was done to them ("create", "update", "replace", "delete", "same") and those
    that failed ("errored"); `outputs` are the stack's, secrets as "[secret]"; `text` is everything the command line
    would have shown; `messages` are the warnings, errors and notes of the run.
    """

    succeeded: bool
    changes: dict[str, int]
    outputs: dict[str, Any]
    text: str
    messages: tuple[Message, ...]
    cancelled: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was, or in a preview would be, done."""
        return any(self.changes.get(kind) for kind in _CHANGES)


@dataclass(frozen=True, slots=True)
class Wish:
    """How an operation is to run; `parallel` None means 4 × cores."""

    dry_run: bool = False
    refresh: bool = False
    continue_on_error: bool = False
    parallel: int | None = None

    @property
    def options(self) -> Options:
        """The run's own share of it."""
        return Options(self.dry_run, self.parallel or DEFAULT_PARALLEL, self.continue_on_error)


class LocalEngine:
    """Run the program of a Pulumi project against a stack whose state lies in a directory.

    `state_dir` None means the directory of a `file://` PULUMI_BACKEND_URL, else `.pulumi-local` in the project.
    `environment` is added to this process's own for the program and the provider.
    """

    def __init__(
        self,
        project_dir: str | os.PathLike[str],
        *,
        stack: str = "dev",
        state_dir: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        display: Display | None = None,
    ) -> None:
        self._directory = Path(project_dir)
        self._stack = stack
        self._state = None if state_dir is None else Path(state_dir)
        self._environment = {**os.environ, **(environment or {})}
        self._given = display
        self._run: Run | None = None
        self._cancels = 0

    def up(
        self, *, refresh: bool = False, continue_on_error: bool = False, parallel: int | None = None, diff: bool = False
    ) -> Outcome:
        """Create, update, replace and delete until the stack is what the program wants."""
        wish = Wish(refresh=refresh, continue_on_error=continue_on_error, parallel=parallel)
        return self.operate("up", wish, self._display(diff))

    def preview(self, *, refresh: bool = False, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Show what `up` would do, and do nothing."""
        return self.operate("up", Wish(dry_run=True, refresh=refresh, parallel=parallel), self._display(diff))

    def refresh(self, *, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Read every resource as it is and keep that as the stack's state."""
        return self.operate("refresh", Wish(parallel=parallel), self._display(diff))

    def destroy(self, *, continue_on_error: bool = False, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Delete everything the stack holds."""
        wish = Wish(continue_on_error=continue_on_error, parallel=parallel)
        return self.operate("destroy", wish, self._display(diff))

    def outputs(self) -> dict[str, Any]:
        """Give the stack's outputs, secrets as "[secret]"."""
        resources, _ = read_checkpoint(self._path(self._project()))
        return _outputs_of(resources)

    def export(self) -> dict[str, Any]:
        """Give the stack's deployment as it is on disk, secrets masked."""
        return document_of(*read_checkpoint(self._path(self._project())))

    def cancel(self) -> None:
        """End the operation under way: at first in good order, at once when asked again."""
        self._cancels += 1
        if self._run is None:
            return
        if self._cancels == 1:
            timer = threading.Timer(_CANCEL_GRACE_SECONDS, self._run.provider.stop)
            timer.daemon = True
            timer.start()
            self._run.cancel()
        else:
            self._run.provider.stop()

    def operate(self, kind: str, wish: Wish, display: Display) -> Outcome:
        """Run one operation (`up`, `refresh` or `destroy`), its preview where the wish is a dry run.

        Raises:
            ProjectError: where the project cannot be read.
            CheckpointError: where the checkpoint cannot be read or written.
            LockedError: where another run holds the stack.
        """
        project = self._project()
        path = self._path(project)
        display.begin(f"{_TITLES[kind][wish.dry_run]} ({project.stack}):", dry_run=wish.dry_run)
        with _held(path, wish):
            resources, vault = read_checkpoint(path)
            writer = None if wish.dry_run else Writer(path, vault, resources)
            ledger = Ledger(resources, writer.write if writer else _keep_nothing)
            run = Run(wish.options, ledger, vault, display)
            started = time.monotonic()
            try:
                outputs = self._carried_out(kind, wish, project, run)
            finally:
                if writer:
                    writer.close()
        return _outcome(run, outputs, time.monotonic() - started)

    def _carried_out(
        self, kind: str, wish: Wish, project: Project, run: Run
    ) -> tuple[values.Properties, values.Properties]:
        registrar = Registrar(run, (project.name, project.stack), lambda name: self._outputs_of_stack(project, name))
        with contextlib.ExitStack() as ending:
            program = self._program(project, run, ending) if kind == "up" else None
            ending.callback(self._let_go, run)
            address = ending.enter_context(serving(registrar, run.display, parallel=run.options.parallel))
            self._run = run
            run.provider = Provider(self._launch(project, run, address))
            if program:
                ending.callback(program.stop)  # before the services go
            if any(resource.custom for resource in run.ledger.old.values()):
                threading.Thread(target=_start_early, args=(run.provider,), daemon=True).start()
            try:
                self._steps(kind, wish, run, _Start(program, address) if program else None)
            except BaseException:
                self.cancel()
                raise
        return registrar.stack_outputs

    def _steps(self, kind: str, wish: Wish, run: Run, start: "_Start | None") -> None:
        if kind == "refresh" or wish.refresh:
            refreshing.refresh(run)
        if start and not run.stopping.is_set():
            run.display.counts.clear()
            start.program.run(start.address, dry_run=wish.dry_run, parallel=run.options.parallel)
            _wait_for(start.program, run)
        if kind != "refresh" and not run.stopping.is_set():
            deleting.delete_unseen(run)

    def _program(self, project: Project, run: Run, ending: contextlib.ExitStack) -> ProgramProcess:
        program = ProgramProcess(project, self._environment, _say(run.display))
        ending.callback(program.stop)
        return program

    def _launch(self, project: Project, run: Run, address: str) -> Launch:
        environment = {**self._environment, "PULUMI_PROJECT": project.name, "PULUMI_CONFIG": "{}"}
        return Launch(project.directory, environment, address, project.config, _say(run.display))

    def _let_go(self, run: Run) -> None:
        run.provider.stop()
        self._run, self._cancels = None, 0

    def _project(self) -> Project:
        return read_project(self._directory, self._stack)

    def _display(self, diff: bool) -> Display:
        return self._given or Display(io.StringIO(), show_diff=diff, colour=False)

    def _path(self, project: Project) -> Path:
        return self._path_of(project, project.name, project.stack)

    def _path_of(self, project: Project, name: str, stack: str) -> Path:
        state = self._state or _file_backend(self._environment) or project.root / ".pulumi-local"
        return state / "local-engine" / name / f"{stack}.json"

    def _outputs_of_stack(self, project: Project, name: str) -> values.Properties:
        *_, other_project, stack = (project.name, *name.split("/"))
        path = self._path_of(project, other_project, stack)
        if not path.is_file():
            raise ProviderError(f"There is no stack {name!r}: {path} does not exist. Run `up` in it first.")
        resources, _vault = read_checkpoint(path)
        return next((resource.outputs for resource in resources if resource.type == STACK), {})


@dataclass(frozen=True, slots=True)
class _Start:
    program: ProgramProcess
    address: str


def _say(display: Display) -> Any:
    return lambda line: display.say(f"     {line}")


def _start_early(provider: Provider) -> None:
    with contextlib.suppress(ProviderError):  # whoever needs it first is told
        provider.start()


def _wait_for(program: ProgramProcess, run: Run) -> None:
    """Wait for the program; where the run stops, for the steps under way and then a moment for the program."""
    give_up = float("inf")
    while (status := program.wait(0.05)) is None:
        if run.stopping.is_set() and not run.busy:
            give_up = min(give_up, time.monotonic() + _PROGRAM_GRACE_SECONDS)
        if time.monotonic() > give_up:
            program.stop()
            return
    if status and not run.stopping.is_set():
        if not any(message.severity == "error" for message in run.display.messages):
            run.display.message("error", "", f"The program ended with exit status {status} before it was done.")
        run.refuse("")


@contextlib.contextmanager
def _held(path: Path, wish: Wish) -> Iterator[None]:
    if wish.dry_run:
        yield
        return
    try:
        with locked(path.with_suffix(".lock")):
            yield
    except LockedError:
        raise
    except OSError as error:
        raise CheckpointError(f"The stack's lock at {path.parent} cannot be taken: {error}") from error


def _keep_nothing(_resources: list[Resource]) -> None:
    """Stand for the disk in a preview."""


def _file_backend(environment: Mapping[str, str]) -> Path | None:
    url = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    if url.scheme != "file":
        return None
    return Path(unquote(url.netloc + url.path)).expanduser()


def _outputs_of(resources: list[Resource]) -> dict[str, Any]:
    stack = next((resource for resource in resources if resource.type == STACK), None)
    return {key: _readable(value) for key, value in (stack.outputs if stack else {}).items()}


def _readable(value: Any) -> Any:
    if values.is_secret(value):
        return values.MASKED_TEXT
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def _outcome(run: Run, outputs: tuple[values.Properties, values.Properties], seconds: float) -> Outcome:
    display = run.display
    if run.cancelled:
        display.message(
            "error", "", "The run was cancelled. What was done is kept in the state; run it again to go on."
        )
    display.diagnostics()
    display.outputs(*outputs)
    display.summary(seconds)
    return Outcome(
        succeeded=not run.errored and not run.cancelled,
        changes={
            kind: number for kind, number in display.counts.items() if kind in (*_CHANGES, Op.SAME.value, ERRORED)
        },
        outputs={key: _readable(value) for key, value in outputs[1].items()},
        text=f"{BANNER}\n{display.text}",
        messages=tuple(display.messages),
        cancelled=run.cancelled,
    )
