"""Settings of environments out of the stack's configuration, over defaults that the stacks of a project share."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi.runtime

from baseten_pulumi.errors import ConfigurationError, Statements
from baseten_pulumi.program.merging import merged
from baseten_pulumi.program.raising import shown_without_a_traceback
from baseten_pulumi.schedules import SCHEDULES
from baseten_pulumi.settings import EnvironmentArgsDict

ENVIRONMENTS = "baseten:environments"
DEFAULTS = "baseten:environmentDefaults"
# What a rule says of the values it judged: of another one in brackets, then of its own.
_VALUES = re.compile(r"( \(-?\d+\))?, got .*", re.DOTALL)
# How the number of an environment begins whose name may be a secret.
_NUMBERED = "[secret "
_SCHEDULE_NAME = re.compile(r'(?<=schedules\[)"([^"\\]|\\.)*"(?=\])')
# The last key of a path, as `provider.judging.member` writes it.
_LAST_KEY = re.compile(r'(\[".*"\]|[^.]+)$', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Configured:
    """Hold what is configured.

    Attributes:
        defaults: Settings of all environments; empty where there are none.
        environments: Settings by environment; None where nothing is set.
        secret: Which of the two hold a secret. With one no value of either is shown, and of its own keys only those
            that are settings.
    """

    defaults: Any
    environments: Any
    secret: frozenset[str]

    def own(self) -> Iterator[tuple[str, Any]]:
        """Yield each environment's name and what is written for it, null as nothing; none where they are no object."""
        environments = self.environments if isinstance(self.environments, Mapping) else {}
        for name, settings in environments.items():
            yield name, {} if settings is None else settings

    def key_of(self, name: str) -> str:
        """Return how errors call an environment: by its place in alphabetical order where its name may be a secret.

        The CLI hands objects over in that order, so the one of the file is not known.
        """
        from baseten_pulumi.provider.judging import member

        if ENVIRONMENTS not in self.secret:
            return member(ENVIRONMENTS, name)
        return f"{ENVIRONMENTS}.{_NUMBERED}{sorted(self.environments).index(name) + 1}]"


@shown_without_a_traceback()
def settings_from_config() -> dict[str, EnvironmentArgsDict]:
    """Read the settings of environments from the stack's configuration, by the environments' names.

    `baseten:environments` in `Pulumi.<stack>.yaml` holds them. Each environment lies, setting by setting, over
    `baseten:environmentDefaults`, which stand in `Pulumi.yaml` (under `value:`) for all stacks: null takes a default
    out, and an environment that is null is all defaults. Where one of the two holds a secret, every setting is one.

    Returns:
        What `BasetenModelEnvironments(environments=...)` takes; one of them unpacked, `**settings["production"]`, is
        what `BasetenEnvironmentSettings` takes.

    Raises:
        ConfigurationError: `baseten:environments` is not set, something in either of the two is no setting or not what
            the setting may be, or nulls leave an environment without any setting. All of it is named at once, with its
            key in the file.
    """
    configured = _configured()
    if configured.environments is None:
        raise _not_set()
    _refuse(configured, [*_misfits(configured), *_undeclared(configured), *_conflicts(configured)])
    settings = {name: merged(configured.defaults, own) for name, own in configured.own()}
    return {name: _secret(found) if configured.secret else found for name, found in settings.items()}


def _configured() -> _Configured:
    secret = frozenset(key for key in (DEFAULTS, ENVIRONMENTS) if pulumi.runtime.is_config_secret(key))
    defaults, environments = _value(DEFAULTS), _value(ENVIRONMENTS)
    return _Configured({} if defaults is None else defaults, environments, secret)


def _value(key: str) -> Any:
    """Return what a key holds, None for nothing: an object comes as JSON, and what is no JSON is a string."""
    text = pulumi.runtime.get_config(key)
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = text
    return _unquoted(value) if pulumi.runtime.is_config_secret(key) else value


def _unquoted(value: Any) -> Any:
    """Read numbers and booleans out of strings: Pulumi makes a string of any secret inside an object."""
    from baseten_pulumi.fields import FIELDS
    from baseten_pulumi.schedule_fields import PLAIN_PARTS

    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    fields = (*FIELDS.values(), *PLAIN_PARTS.values())
    unquotable = {field.name for field in fields if field.kind in ("integer", "boolean")}
    return {
        key: _parsed(inner) if key in unquotable and isinstance(inner, str) else _unquoted(inner)
        for key, inner in value.items()
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _misfits(configured: _Configured) -> Iterator[str]:
    """Yield what is wrong by itself, wherever it stands."""
    from baseten_pulumi.provider.checking import misfits, misnamed, object_failures

    yield from _faults(DEFAULTS, misfits(configured.defaults), hides_keys=DEFAULTS in configured.secret)
    if failures := object_failures(configured.environments):
        yield from _faults(ENVIRONMENTS, failures)
        return
    if not configured.environments:
        yield f"{ENVIRONMENTS}: must name at least one environment, got none"
    for name, own in configured.own():
        found = [*(("", reason) for _, reason in misnamed({"env_name": name})), *misfits(own)]
        yield from _faults(configured.key_of(name), found, hides_keys=ENVIRONMENTS in configured.secret)


def _undeclared(configured: _Configured) -> Iterator[str]:
    """Yield the environments of which nothing is left; what is wrong by itself may be meant to be a setting.

    Where the stack declares nothing at all, the program may have settings of its own for it.
    """
    from baseten_pulumi.fields import flatten
    from baseten_pulumi.provider.checking import misfits

    if misfits(configured.defaults):
        return
    for name, own in configured.own():
        is_written = bool(configured.defaults or own)
        if is_written and not misfits(own) and not flatten(merged(configured.defaults, own)):
            yield f"{configured.key_of(name)}: must declare at least one setting, here or in {DEFAULTS}; got none"


def _conflicts(configured: _Configured) -> Iterator[str]:
    """Yield what does not go together once each environment lies over the defaults.

    What is wrong by itself is passed over: it may be meant to be anything.
    """
    from baseten_pulumi.fields import flatten
    from baseten_pulumi.provider.checking import conflicts

    for name, written in configured.own():
        defaults, own = _comparable(configured.defaults, written)
        inherited = flatten(defaults).keys() - flatten(own).keys()
        for path, reason in conflicts(merged(defaults, own)):
            source = f" out of {DEFAULTS}" if path in inherited else ""
            yield f"{configured.key_of(name)}.{path}: {reason}{source}"


def _comparable(*layers: Any) -> list[Mapping[str, Any]]:
    """Return layers of settings, empty those that are no objects; schedules in none where they are wrong in one."""
    from baseten_pulumi.provider.checking import misfits

    objects = [layer if isinstance(layer, Mapping) else {} for layer in layers]
    if not any(misfits({SCHEDULES: layer.get(SCHEDULES)}) for layer in objects):
        return objects
    return [{name: inner for name, inner in layer.items() if name != SCHEDULES} for layer in objects]


def _faults(key: str, failures: Sequence[tuple[str, str]], *, hides_keys: bool = False) -> Iterator[str]:
    from baseten_pulumi.provider.judging import STRANGER

    for path, reason in failures:
        is_hidden = hides_keys and reason.startswith(STRANGER)
        shown = _LAST_KEY.sub("[secret]", _without_names(path)) if is_hidden else path
        yield f"{key}.{shown}: {reason}" if shown else f"{key}: {reason}"


def _refuse(configured: _Configured, found: Sequence[str]) -> None:
    faults = [_without_values(fault) for fault in found] if configured.secret else list(found)
    if faults:
        raise ConfigurationError(
            Statements(
                goal="The stack's settings of Baseten environments cannot be used.",
                seen="\n".join(faults),
                now="",
                advice=f"Correct them in {_file_of_stack()}, those of {DEFAULTS} in Pulumi.yaml."
                f"{_numbering(configured, faults)} Nothing was sent.",
            )
        )


def _numbering(configured: _Configured, faults: Sequence[str]) -> str:
    is_numbered = ENVIRONMENTS in configured.secret and any(_NUMBERED in fault for fault in faults)
    return f" {_NUMBERED}1] is the first of the environments in alphabetical order." if is_numbered else ""


def _without_values(fault: str) -> str:
    return _without_names(_VALUES.sub("; the value is a secret", fault))


def _without_names(path: str) -> str:
    return _SCHEDULE_NAME.sub("secret", path)


def _not_set() -> ConfigurationError:
    return ConfigurationError(
        Statements(
            goal="The stack's settings of Baseten environments cannot be used.",
            seen=f"{ENVIRONMENTS} is not set in {_file_of_stack()}.",
            now="Nothing was sent.",
            advice="Set it there, or setting by setting with "
            f"`pulumi config set --path '{ENVIRONMENTS}.production.autoscaling_settings.min_replica' 1`.",
        )
    )


def _file_of_stack() -> str:
    return f"Pulumi.{pulumi.get_stack()}.yaml"


def _secret(settings: Mapping[str, Any]) -> EnvironmentArgsDict:
    """Make a secret of each object of settings, so that its name can still be looked up."""
    hidden = {name: None if it is None else pulumi.Output.secret(it) for name, it in settings.items()}
    return cast("EnvironmentArgsDict", hidden)
