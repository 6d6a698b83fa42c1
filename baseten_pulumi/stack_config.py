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
from baseten_pulumi.settings import EnvironmentArgsDict

ENVIRONMENTS = "baseten:environments"
DEFAULTS = "baseten:environmentDefaults"
# What a rule says of the values it judged: of another one in brackets, then of its own.
_VALUES = re.compile(r"( \(-?\d+\))?, got .*", re.DOTALL)

_SCHEDULE_NAME = re.compile(r'(?<=schedules\[)"([^"\\]|\\.)*"(?=\])')


@dataclass(frozen=True, slots=True)
class _Configured:
    """Hold what is configured.

    Attributes:
        defaults: Settings of all environments; empty where there are none.
        environments: Settings by environment; None where nothing is set.
        is_secret: Whether no value may be shown.
    """

    defaults: Any
    environments: Any
    is_secret: bool


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
        ConfigurationError: `baseten:environments` is not set, or something in either of the two is no setting or not
            what the setting may be. All of it is named at once, with its key in the file.
    """
    configured = _configured()
    if configured.environments is None:
        raise _not_set()
    _refuse(configured, _misfits(configured))
    settings = {name: merged(configured.defaults, own or {}) for name, own in configured.environments.items()}
    _refuse(configured, _conflicts(configured, settings))
    return {name: _secret(found) if configured.is_secret else found for name, found in settings.items()}


def _configured() -> _Configured:
    is_secret = any(pulumi.runtime.is_config_secret(key) for key in (DEFAULTS, ENVIRONMENTS))
    defaults, environments = _value(DEFAULTS), _value(ENVIRONMENTS)
    return _Configured({} if defaults is None else defaults, environments, is_secret)


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

    yield from _faults(DEFAULTS, misfits(configured.defaults))
    if failures := object_failures(configured.environments):
        yield from _faults(ENVIRONMENTS, failures)
        return
    if not configured.environments:
        yield f"{ENVIRONMENTS}: must name at least one environment, got none"
    for name, settings in configured.environments.items():
        of_name = [("", reason) for _, reason in misnamed({"env_name": name})]
        yield from _faults(f"{ENVIRONMENTS}.{name}", [*of_name, *misfits({} if settings is None else settings)])


def _conflicts(configured: _Configured, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not go together once each environment lies over the defaults."""
    from baseten_pulumi.fields import flatten
    from baseten_pulumi.provider.checking import conflicts

    defaults = flatten(configured.defaults)
    for name, found in settings.items():
        inherited = defaults.keys() - flatten(configured.environments[name] or {}).keys()
        for path, reason in conflicts(found):
            source = f" out of {DEFAULTS}" if path in inherited else ""
            yield f"{ENVIRONMENTS}.{name}.{path}: {reason}{source}"


def _faults(key: str, failures: Sequence[tuple[str, str]]) -> Iterator[str]:
    for path, reason in failures:
        yield f"{key}.{path}: {reason}" if path else f"{key}: {reason}"


def _refuse(configured: _Configured, found: Iterator[str]) -> None:
    faults = [_without_values(fault) for fault in found] if configured.is_secret else list(found)
    if faults:
        raise ConfigurationError(
            Statements(
                goal="The stack's settings of Baseten environments cannot be used.",
                seen="\n".join(faults),
                now="",
                advice=f"Correct them in {_file_of_stack()}, those of {DEFAULTS} in Pulumi.yaml. Nothing was sent.",
            )
        )


def _without_values(fault: str) -> str:
    return _SCHEDULE_NAME.sub("secret", _VALUES.sub("; the value is a secret", fault))


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
