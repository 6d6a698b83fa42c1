"""The local engine as a library: one project and stack, with the operations of the command line."""

import contextlib
import io
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.checkpoint import CheckpointError, Resource, document_of, read_checkpoint
from baseten_pulumi.testing.engine.display import BANNER, ERRORED, Display, Message
from baseten_pulumi.testing.engine.failures import ProviderError
from baseten_pulumi.testing.engine.ledger import Ledger
from baseten_pulumi.testing.engine.locking import locked
from baseten_pulumi.testing.engine.operation import Operation, Scene
from baseten_pulumi.testing.engine.project import Project, checkpoint_path, read_project
from baseten_pulumi.testing.engine.run import Options, Run
from baseten_pulumi.testing.engine.steps import STACK, Op
from baseten_pulumi.testing.engine.writing import Writer

DEFAULT_PARALLEL = 4 * (os.cpu_count() or 1)
_CHANGES = tuple(op.value for op in (Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE))
_COUNTED = (*_CHANGES, Op.SAME.value, ERRORED)
_TITLES = {
    "up": ("Updating", "Previewing update"),
    "refresh": ("Refreshing", "Previewing refresh"),
    "destroy": ("Destroying", "Previewing destroy"),
}


@dataclass(frozen=True)
class Outcome:
    """What one operation came to.

    `changes` counts resources by what was done to them ("create", "update", "replace", "delete", "same") and those
    that failed ("errored"); `outputs` are the stack's as the program gave them, secrets as "[secret]"; `text` is
    everything the command line would have shown; `messages` are the warnings, errors and notes of the run.
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
    """How an operation is to run; `parallel` None means what PULUMI_PARALLEL says, else 4 × cores."""

    dry_run: bool = False
    refresh: bool = False
    continue_on_error: bool = False
    parallel: int | None = None

    def options(self, environment: Mapping[str, str]) -> Options:
        """Give the run its own share of it."""
        said = environment.get("PULUMI_PARALLEL", "")
        default = int(said) if said.isdecimal() and int(said) else DEFAULT_PARALLEL
        return Options(
            self.dry_run, max(1, default if self.parallel is None else self.parallel), self.continue_on_error
        )


class LocalEngine:
    """Run the program of a Pulumi project against a stack whose state lies in a directory.

    `state_dir` None means the directory of a `file://` PULUMI_BACKEND_URL, else `.pulumi-local` beside Pulumi.yaml.
    `environment` is added to this process's own for the program and the provider. `config` stands in place of what the
    project's files say, by complete key; None as a value takes one out. Every operation raises ProjectError
    where the project cannot be read, CheckpointError where the state cannot be read or written, and LockedError where
    another run holds the stack; what fails in the run itself is in the outcome.
    """

    def __init__(
        self,
        project_dir: str | os.PathLike[str],
        *,
        stack: str = "dev",
        state_dir: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._directory = Path(project_dir)
        self._stack = stack
        self._state = None if state_dir is None else Path(state_dir).absolute()
        self._environment = {**os.environ, **(environment or {})}
        self._config = dict(config or {})
        self._operation: Operation | None = None

    def up(
        self, *, refresh: bool = False, continue_on_error: bool = False, parallel: int | None = None, diff: bool = False
    ) -> Outcome:
        """Create, update, replace and delete until the stack is what the program wants."""
        wish = Wish(refresh=refresh, continue_on_error=continue_on_error, parallel=parallel)
        return self.operate("up", wish, _silent(diff))

    def preview(self, *, refresh: bool = False, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Show what `up` would do, and do nothing."""
        return self.operate("up", Wish(dry_run=True, refresh=refresh, parallel=parallel), _silent(diff))

    def refresh(self, *, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Read every resource as it is and keep that as the stack's state."""
        return self.operate("refresh", Wish(parallel=parallel), _silent(diff))

    def destroy(self, *, continue_on_error: bool = False, parallel: int | None = None, diff: bool = False) -> Outcome:
        """Delete everything the stack holds."""
        return self.operate("destroy", Wish(continue_on_error=continue_on_error, parallel=parallel), _silent(diff))

    def outputs(self) -> dict[str, Any]:
        """Give the stack's outputs, secrets as "[secret]" and what is not known yet as "[unknown]"."""
        resources, _ = read_checkpoint(self._path(self._project()))
        return _readable_outputs(_stack_outputs(resources))

    def export(self) -> dict[str, Any]:
        """Give the stack's deployment as it is on disk, secrets masked."""
        return document_of(*read_checkpoint(self._path(self._project())))

    def cancel(self) -> None:
        """End the operation under way: in good order at first, without waiting for the provider when asked again."""
        if self._operation is not None:
            self._operation.cancel()

    def operate(self, kind: str, wish: Wish, display: Display) -> Outcome:
        """Run one operation (`up`, `refresh` or `destroy`), its preview where the wish is a dry run."""
        project = self._project()
        path = self._path(project)
        started = time.monotonic()
        with _held(path, wish):
            display.begin(f"{_TITLES[kind][wish.dry_run]} ({project.stack}):", dry_run=wish.dry_run)
            options = wish.options(self._environment)
            with _stack(path, options, display, only_at_the_end=_skips_checkpoints(self._environment)) as run:
                scene = Scene(project, self._environment, lambda name: self._other_stack(project, name))
                outputs = self._carry_out(Operation(scene, run), kind, wish)
        return _outcome(run, outputs, time.monotonic() - started)

    def _carry_out(self, operation: Operation, kind: str, wish: Wish) -> tuple[values.Properties, values.Properties]:
        self._operation = operation
        try:
            if kind == "up":
                return operation.up(refresh_first=wish.refresh)
            if kind == "refresh":
                operation.refresh()
            else:
                operation.destroy(refresh_first=wish.refresh)
            return {}, {}
        finally:
            self._operation = None

    def _project(self) -> Project:
        return read_project(self._directory, self._stack, self._config)

    def _path(self, project: Project, name: str = "") -> Path:
        return checkpoint_path(project, self._state, self._environment, name)

    def _other_stack(self, project: Project, name: str) -> values.Properties:
        path = self._path(project, name)
        if not path.is_file():
            raise ProviderError(f"There is no stack {name!r}: {path} does not exist. Run `up` in it first.")
        return _stack_outputs(read_checkpoint(path)[0])


@contextlib.contextmanager
def _held(path: Path, wish: Wish) -> Iterator[None]:
    if wish.dry_run:
        yield
        return
    try:
        with locked(path.with_suffix(".lock")):
            yield
    except OSError as error:
        raise CheckpointError(f"The stack's lock beside {path} cannot be taken: {error}") from error


@contextlib.contextmanager
def _stack(path: Path, options: Options, display: Display, *, only_at_the_end: bool) -> Iterator[Run]:
    """Open a stack for one run; whatever happens in it, what was done is on disk afterwards."""
    resources, vault = read_checkpoint(path)
    if options.dry_run:
        yield Run(options, Ledger(resources, _keep_nothing), vault, display)
        return
    writer = Writer(path, vault, resources)
    ledger = Ledger(resources, _keep_nothing if only_at_the_end else writer.write)
    try:
        yield Run(options, ledger, vault, display)
    finally:
        writer.write(ledger.resources)
        writer.close()


def _keep_nothing(_resources: object) -> None:
    """Stand for the disk in a preview, or until the end of a run that keeps no checkpoints on its way."""


def _skips_checkpoints(environment: Mapping[str, str]) -> bool:
    """Tell whether to write only at the end: the real engine's experimental choice, by its two variables."""
    asked = (environment.get(name, "").lower() for name in ("PULUMI_SKIP_CHECKPOINTS", "PULUMI_EXPERIMENTAL"))
    return all(word in ("1", "true") for word in asked)


def _silent(diff: bool) -> Display:
    return Display(io.StringIO(), show_diff=diff, colour=False)


def _stack_outputs(resources: list[Resource]) -> values.Properties:
    return next((resource.outputs for resource in resources if resource.type == STACK), {})


def _readable_outputs(outputs: values.Properties) -> dict[str, Any]:
    return {key: _readable(value) for key, value in outputs.items()}


def _readable(value: Any) -> Any:
    if values.is_secret(value):
        return values.MASKED_TEXT
    if value == values.UNKNOWN:
        return "[unknown]"
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def _outcome(run: Run, outputs: tuple[values.Properties, values.Properties], seconds: float) -> Outcome:
    display = run.display
    if run.cancelled:
        display.message("error", "", "The run was cancelled. What was done is in the state; run it again to go on.")
    display.diagnostics()
    display.outputs(*outputs)
    display.summary(seconds)
    return Outcome(
        succeeded=not run.errored and not run.cancelled,
        changes={kind: display.counts[kind] for kind in _COUNTED if display.counts[kind]},
        outputs=_readable_outputs(outputs[1]),
        text=f"{BANNER}\n{display.text}",
        messages=tuple(display.messages),
        cancelled=run.cancelled,
    )
