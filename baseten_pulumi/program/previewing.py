"""What a dry run adds to a resource's row: warnings and, where the stack asks for it, what Baseten reports now.

Nothing here may fail or hold up a preview: what is not known yet is passed over, and what cannot be read is a note.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.errors import BasetenError, EnvironmentNotFoundError, ModelNotFoundError
from baseten_pulumi.fields import Settings, flatten, holds, members
from baseten_pulumi.program import advice
from baseten_pulumi.program.asking import Question, asked
from baseten_pulumi.program.raising import shown_without_a_traceback
from baseten_pulumi.program.running import PerRun
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.schedules import LISTS, is_schedule
from baseten_pulumi.settings import written

if TYPE_CHECKING:
    from baseten_pulumi.api.models import Environment

_NAMES = ("model_id", "env_name")
_INPUTS = (*_NAMES, *members(""))
WITHIN_SECONDS = 10.0
"""How long a look may take: a preview is not worth more."""


@dataclass(eq=False)
class _Rows:
    """What one run of a program adds to its rows.

    Attributes:
        reads: Whether Baseten is asked.
        under_way: What is not awaited yet.
    """

    reads: bool
    under_way: list[asyncio.Task[None]] = field(default_factory=list)


_rows = PerRun(lambda: _Rows(Configuration(pulumi.runtime.config.get_config).reads_in_previews()))


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a program declares, as far as it is known.

    Attributes:
        model_id: The model; None where it is not known or not to be told.
        env_name: The environment; None likewise.
        settings: Settings by dotted path, secret ones included.
        secret: The paths of those not to be told.
        unknown: The paths of settings that are declared and not known yet.
        stays: Whether nothing is due.
    """

    model_id: str | None
    env_name: str | None
    settings: Settings
    secret: frozenset[str]
    unknown: frozenset[str]
    stays: bool

    @property
    def prefix(self) -> str:
        """What tells the environment where lines stand without their rows, as under `--diff`; empty where unknown."""
        return f"{self.model_id}/{self.env_name}: " if self.model_id and self.env_name else ""

    @property
    def plain(self) -> Settings:
        """The settings that may be told."""
        return {path: value for path, value in self.settings.items() if path not in self.secret}

    def undeclared(self, reported: Settings) -> Settings:
        """Return what is reported of settings that the program leaves alone."""
        return {path: it for path, it in reported.items() if path not in self.settings and path not in self.unknown}


def annotate(resource: pulumi.Resource, props: Mapping[str, Any]) -> None:
    """Have a resource's row say what its settings deserve; returns at once, and the preview ends after that.

    Args:
        resource: The resource, with an attribute for each of its inputs and for `in_force`: that one is known in a
            preview only of a resource that stays as it is.
        props: Its inputs, as the program wrote them.

    Raises:
        ConfigurationError: `baseten:previewReads` is neither true nor false.
    """
    with shown_without_a_traceback():
        rows = _rows.get()
    rows.under_way.append(asyncio.ensure_future(_annotate(resource, props, reads=rows.reads)))
    if len(rows.under_way) == 1:  # one Output for all, each being dear: Pulumi waits for Outputs before a program ends
        pulumi.Output.from_input(_all_of(rows.under_way))  # type: ignore[arg-type] # mypy takes None for no type at all


async def _all_of(tasks: "list[asyncio.Task[None]]") -> None:
    while tasks:
        await tasks.pop()


async def _annotate(resource: pulumi.Resource, props: Mapping[str, Any], *, reads: bool) -> None:
    try:
        registered = await _registered(resource)
        # Most rows of an offline preview are done with here.
        is_due = reads or advice.warnings(registered["env_name"], flatten(registered))
        declared = await _declared(resource, props, registered) if is_due else None
        if declared is not None:
            warnings, notes = await _said(declared, reads=reads)
            for text in warnings:
                pulumi.log.warn(f"{declared.prefix}{text}", resource=resource)
            for text in notes:
                pulumi.log.info(f"{declared.prefix}{text}", resource=resource)
            await asyncio.sleep(0)  # the SDK sends them from tasks that it does not wait for
    except Exception as error:  # noqa: BLE001 - whatever is wrong here is no reason to fail a preview
        pulumi.log.debug(f"baseten-pulumi adds nothing to a row: {type(error).__name__}")


async def _said(declared: _Declared, *, reads: bool) -> tuple[list[str], list[str]]:
    """Return warnings and notes; Baseten is asked where the stack has its previews read."""
    if not reads or declared.model_id is None or declared.env_name is None:
        return advice.warnings(declared.env_name, declared.plain), []
    try:
        seen = await _seen(declared.model_id, declared.env_name)
    except (ModelNotFoundError, EnvironmentNotFoundError) as error:
        return [*advice.warnings(declared.env_name, declared.plain), error.statements.seen], []
    except BasetenError as error:
        note = f"not compared with Baseten: {error.statements.seen}"
        return advice.warnings(declared.env_name, declared.plain), [note]
    warnings = advice.warnings(declared.env_name, declared.plain, declared.undeclared(seen.settings))
    if declared.stays:
        drifted = advice.drifted(declared.settings, declared.secret, seen)
        return [*warnings, *([drifted] if drifted else [])], []
    note = advice.forecast(declared.settings, declared.secret, seen)
    return warnings, [note] if note else []


async def _seen(model_id: str, env_name: str) -> "Environment":
    """Return what Baseten reports; environments of one model are asked for together."""
    together = Question(
        ("glance", model_id), lambda client: client.read_environments(model_id, within_seconds=WITHIN_SECONDS)
    )
    listed: dict[str, Environment] = await asyncio.wrap_future(asked(together))
    if env_name in listed:
        return listed[env_name]
    alone = Question(  # only this tells what is missing
        ("glance", model_id, env_name),
        lambda client: client.read_environment(model_id, env_name, within_seconds=WITHIN_SECONDS),
    )
    return await asyncio.wrap_future(asked(alone))


async def _registered(resource: pulumi.Resource) -> dict[str, Any]:
    """Return the inputs as the engine has them; each is None where it leaves the resource out."""
    await resource.urn.future()  # then the row has its name, and no input has failed
    return {name: written(await getattr(resource, name).future(with_unknowns=True)) for name in _INPUTS}


async def _declared(
    resource: pulumi.Resource, props: Mapping[str, Any], registered: Mapping[str, Any]
) -> _Declared | None:
    """Return what is declared; None where it is refused, which the engine tells, or where that leaves it out."""
    secret: set[str] = set()
    programmed = await _resolved(props, "", secret)
    secret |= await _made_secret(resource, programmed, registered)
    known = {name: value for name, value in registered.items() if not isinstance(value, Unknown)}
    inputs, failures = check({**programmed, **known})
    if failures:
        return None
    stays: bool = await getattr(resource, "in_force").is_known()  # noqa: B009 - no attribute of every resource
    named = {name: None if isinstance(inputs[name], Unknown) or name in secret else inputs[name] for name in _NAMES}
    every = flatten(inputs)
    settings = {path: value for path, value in every.items() if not holds(value, Unknown)}
    hidden = frozenset(path for path in settings if any(_is_within(path, it) for it in secret))
    unknown = frozenset(every.keys() - settings.keys())
    return _Declared(**named, settings=settings, secret=hidden, unknown=unknown, stays=stays)


async def _made_secret(
    resource: pulumi.Resource, programmed: Mapping[str, Any], registered: Mapping[str, Any]
) -> set[str]:
    """Return the inputs that hold a secret of a transform's.

    Pulumi does not tell where it is in an input, so all of one counts as secret unless it is what the program wrote.
    """
    changed = [name for name in _INPUTS if registered[name] != programmed[name]]
    return {name for name in changed if await getattr(resource, name).is_secret()}


def _is_within(path: str, secret: str) -> bool:
    """Tell whether a secret hides a setting; one anywhere in the lists of schedules hides every schedule."""
    return f"{path}.".startswith(f"{secret}.") or (is_schedule(path) and secret.startswith(LISTS))


async def _resolved(value: Any, path: str, secret: set[str]) -> Any:
    """Return an input's value at every depth, and add the path of each secret in it.

    What can be awaited once only is the engine's and not known here.
    """
    if isinstance(value, Mapping):
        return {
            name: await _resolved(inner, f"{path}.{name}" if path else name, secret) for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [await _resolved(inner, f"{path}[{place}]", secret) for place, inner in enumerate(value)]
    if not isinstance(value, pulumi.Output):
        return UNKNOWN if isinstance(value, Awaitable) else value
    if await value.is_secret():
        secret.add(path)
    found = await value.future(with_unknowns=True)
    if not isinstance(found, (Mapping, list)) and not await value.is_known():
        return UNKNOWN
    return await _resolved(found, path, secret)
