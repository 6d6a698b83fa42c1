"""The settings of environments from the stack's configuration, over defaults that all stacks of a project share."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pulumi
import pulumi.runtime

from baseten_pulumi.errors import ConfigurationError, Message
from baseten_pulumi.run_errors import run_errors
from baseten_pulumi.schema.merge import merged
from baseten_pulumi.schema.validate import (
    Failure,
    member,
    validate_names,
    validate_object,
    validate_settings,
    validate_together,
)
from baseten_pulumi.types import EnvironmentArgsDict

ENVIRONMENTS = "baseten:environments"
DEFAULTS = "baseten:environmentDefaults"


@run_errors()
def settings_from_config() -> dict[str, EnvironmentArgsDict]:
    """Read environment settings from the stack's configuration, keyed by environment name.

    `baseten:environments` in `Pulumi.<stack>.yaml` holds them. Each environment is deep-merged over
    `baseten:environmentDefaults`, which `Pulumi.yaml` sets for all stacks (under `value:`). Null removes a default; an
    environment that is null uses the defaults alone. If one of the two keys contains a secret, all settings are secret.

    Returns:
        The `environments` of a `BasetenModelEnvironments`. To use one of them in a `BasetenEnvironmentSettings`, unpack
        it: `**settings["production"]`.

    Raises:
        ConfigurationError: `baseten:environments` is not set, one of the two keys contains an unknown or invalid
            setting, or an environment ends up with no settings. The message lists every failure by its key in the file.
    """
    secret = any(pulumi.runtime.is_config_secret(key) for key in (DEFAULTS, ENVIRONMENTS))
    defaults, environments = _value(DEFAULTS), _value(ENVIRONMENTS)
    stack_file = f"Pulumi.{pulumi.get_stack()}.yaml"
    if environments is None:
        raise _unusable(
            f"{ENVIRONMENTS} is not set in {stack_file}.",
            "Set it there, or set individual values with "
            f"`pulumi config set --path '{ENVIRONMENTS}.production.autoscaling_settings.min_replica' 1`.",
        )
    failures = list(_failures(defaults, environments, with_values=not secret))
    if failures:
        raise _unusable("\n".join(failures), f"Correct them in {stack_file}, or in Pulumi.yaml for {DEFAULTS}.")
    settings = {name: merged(_object(defaults), _object(own)) for name, own in environments.items()}
    return {name: _secret(own) for name, own in settings.items()} if secret else settings


def _value(key: str) -> Any:
    """Return the value of a configuration key; None if it is not set or empty.

    Objects are JSON in Pulumi's configuration, in which a secret number or boolean is a string.
    """
    value = _from_json(pulumi.runtime.get_config(key) or "null")
    return _unquoted(value) if pulumi.runtime.is_config_secret(key) else value


def _unquoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unquoted(inner) for key, inner in value.items()}
    return _from_json(value) if isinstance(value, str) else value


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _failures(defaults: Any, environments: Any, *, with_values: bool) -> Iterator[str]:
    """Yield every failure: of the defaults, of each environment alone and of each environment merged over them."""

    def lines(key: str, failures: Iterable[Failure]) -> Iterator[str]:
        return (failure.text(with_value=with_values, prefix=key) for failure in failures)

    _, default_failures = _validated(defaults)
    yield from lines(DEFAULTS, default_failures)
    if not isinstance(environments, Mapping):
        yield from lines(ENVIRONMENTS, validate_object(environments))
        return
    if not environments:
        yield f"{ENVIRONMENTS}: must name at least one environment"
    for name, own in environments.items():
        key = member(ENVIRONMENTS, name)
        own_settings, own_failures = _validated(own)
        yield from lines(key, (replace(failure, path="") for failure in validate_names({"env_name": name})))
        yield from lines(key, own_failures)
        settings, _ = validate_settings(merged(_object(defaults), _object(own)))  # without what is invalid alone
        for failure in validate_together(settings):
            source = "" if failure.path in own_settings else f" (from {DEFAULTS})"
            yield from (f"{line}{source}" for line in lines(key, [failure]))
        # If the stack declares nothing at all, the program may declare the settings.
        if not settings and (defaults or own) and not (default_failures or own_failures):
            yield f"{key}: must declare at least one setting, here or in {DEFAULTS}"


def _validated(settings: Any) -> tuple[dict[str, Any], list[Failure]]:
    """Return the valid settings by path, and every failure."""
    failures = [] if settings is None else validate_object(settings)
    return ({}, failures) if failures else validate_settings(settings or {})


def _object(settings: Any) -> Mapping[str, Any]:
    return settings if isinstance(settings, Mapping) else {}


def _secret(settings: Mapping[str, Any]) -> EnvironmentArgsDict:
    """Make each object of settings secret by itself, so that a program can still look it up by its name."""
    secret = {name: None if group is None else pulumi.Output.secret(group) for name, group in settings.items()}
    return cast("EnvironmentArgsDict", secret)


def _unusable(observed: str, action: str) -> ConfigurationError:
    return ConfigurationError(
        Message(
            failed="The stack's Baseten environment settings cannot be used.",
            observed=observed,
            state="",
            action=f"{action} Nothing was sent.",  # on a line of its own, since `observed` can have many
        )
    )
