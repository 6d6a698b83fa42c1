"""The settings of environments from the stack's configuration, over defaults that all stacks of a project share."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, cast

import pulumi
import pulumi.runtime
from typing_extensions import TypedDict

from baseten_pulumi.config import ENVIRONMENT_DEFAULTS, ENVIRONMENTS, MODELS, NAMES, NAMESPACE, unread
from baseten_pulumi.errors import ConfigurationError, Message
from baseten_pulumi.run_errors import run_errors
from baseten_pulumi.schema.merge import merged
from baseten_pulumi.schema.validate import (
    Failure,
    closest,
    either,
    member,
    unknown_property,
    validate_names,
    validate_object,
    validate_settings,
    validate_together,
)
from baseten_pulumi.types import EnvironmentArgsDict

_SMALLEST = {
    ENVIRONMENTS: {f"{ENVIRONMENTS}.production.autoscaling_settings.min_replica": "1"},
    MODELS: {
        f"{MODELS}.chat.model_id": "abc123",
        f"{MODELS}.chat.environments.production.autoscaling_settings.min_replica": "1",
    },
}
"""The fewest values, by path, with which a key is valid."""
_PROPERTIES = ("model_id", "defaults", "environments")


class ModelEnvironmentsArgsDict(TypedDict):
    """The arguments of a `BasetenModelEnvironments`."""

    model_id: str
    """Baseten's id of the model."""
    environments: dict[str, EnvironmentArgsDict]
    """The settings of each environment, by its name."""


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
    environments, defaults, is_secret = _values(ENVIRONMENTS)
    failures = [*_lines(ENVIRONMENT_DEFAULTS, _validated(defaults)[1], with_values=not is_secret)]
    failures += _failures(ENVIRONMENTS, environments, {ENVIRONMENT_DEFAULTS: defaults}, with_values=not is_secret)
    _refuse(ENVIRONMENTS, failures)
    return _settings(environments, [defaults], is_secret=is_secret)


@run_errors()
def models_from_config() -> dict[str, ModelEnvironmentsArgsDict]:
    """Read the environment settings of several models from the stack's configuration, keyed by a name of the model.

    `baseten:models` in `Pulumi.<stack>.yaml` holds them. Each model has its `model_id`, its `environments` as in
    `settings_from_config` and optionally `defaults` for them. Each environment is deep-merged over the `defaults` of
    its model, and those over `baseten:environmentDefaults`.

    Returns:
        The arguments of each `BasetenModelEnvironments(name, **model)`, keyed by the name.

    Raises:
        ConfigurationError: `baseten:models` is not set, one of the two keys contains an unknown or invalid property, or
            an environment ends up with no settings. The message lists every failure by its key in the file.
    """
    models, defaults, is_secret = _values(MODELS)
    _refuse(MODELS, _models_failures(models, defaults, with_values=not is_secret))
    return {
        name: {
            "model_id": model["model_id"],
            "environments": _settings(model["environments"], [defaults, model.get("defaults")], is_secret=is_secret),
        }
        for name, model in models.items()
    }


def _values(key: str) -> tuple[Any, Any, bool]:
    """Return the value of a key, that of the defaults, and whether one of the two is secret.

    Raises:
        ConfigurationError: the key is not set.
    """
    value = _value(key)
    if value is None:
        stack_file = f"Pulumi.{pulumi.get_stack()}.yaml"
        hint = "".join(f" {it} is set; did you mean {key}?" for it in _misspellings(key))
        commands = [f"`pulumi config set --path '{path}' {text}`" for path, text in _SMALLEST[key].items()]
        action = f"Set it there, or set individual values with {' and '.join(commands)}."
        raise _unusable(key, f"{key} is not set in {stack_file}.{hint}", action)
    return value, _value(ENVIRONMENT_DEFAULTS), any(map(pulumi.runtime.is_config_secret, (ENVIRONMENT_DEFAULTS, key)))


def _misspellings(key: str) -> list[str]:
    """Return the configured keys that nothing reads and that were probably meant as this one."""
    configured = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return [f"{NAMESPACE}:{name}" for name in unread(configured) if f"{NAMESPACE}:{closest(name, NAMES)}" == key]


def _value(key: str) -> Any:
    """Return the value of a configuration key; None if it is not set or empty.

    Objects are JSON in Pulumi's configuration, in which a secret number or boolean is a string.
    """
    value = _from_json(pulumi.runtime.get_config(key) or "null")
    return _unquoted(value) if pulumi.runtime.is_config_secret(key) else value


def _unquoted(value: Any) -> Any:
    if isinstance(value, Mapping):  # an id can look like a number
        return {key: inner if key == "model_id" else _unquoted(inner) for key, inner in value.items()}
    return _from_json(value) if isinstance(value, str) else value


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _models_failures(models: Any, defaults: Any, *, with_values: bool) -> Iterator[str]:
    yield from _lines(ENVIRONMENT_DEFAULTS, _validated(defaults)[1], with_values=with_values)
    if not isinstance(models, Mapping):
        yield from _lines(MODELS, validate_object(models), with_values=with_values)
        return
    if not models:
        yield f"{MODELS}: must name at least one model"
    for name, model in models.items():
        key = member(MODELS, name)
        if not isinstance(model, Mapping):
            yield from _lines(key, validate_object(model), with_values=with_values)
            continue
        failures = [] if name else [Failure("", "is required")]
        failures += [Failure(it, unknown_property(it, _PROPERTIES)) for it in model if it not in _PROPERTIES]
        failures += validate_names({"model_id": model.get("model_id")})
        layers = {ENVIRONMENT_DEFAULTS: defaults, f"{key}.defaults": model.get("defaults")}
        yield from _lines(key, failures, with_values=with_values)
        yield from _lines(f"{key}.defaults", _validated(model.get("defaults"))[1], with_values=with_values)
        yield from _failures(f"{key}.environments", model.get("environments"), layers, with_values=with_values)


def _failures(key: str, environments: Any, defaults: Mapping[str, Any], *, with_values: bool) -> Iterator[str]:
    """Yield every failure of each environment alone, and of each merged over its defaults.

    Args:
        key: The key of the environments.
        environments: Their settings by name.
        defaults: The layers below them by key, the lowest first. What is wrong with one alone is not repeated.
        with_values: Whether to show values; False for secrets.
    """
    if not environments:
        failures = [] if environments is None else validate_object(environments)
        yield from _lines(key, failures or [Failure("", "must name at least one environment")], with_values=with_values)
        return
    if failures := validate_object(environments):
        yield from _lines(key, failures, with_values=with_values)
        return
    layers = {layer: _validated(settings) for layer, settings in defaults.items()}
    for name, own in environments.items():
        environment = member(key, name)
        own_settings, own_failures = _validated(own)
        name_failures = [replace(failure, path="") for failure in validate_names({"env_name": name})]
        yield from _lines(environment, [*name_failures, *own_failures], with_values=with_values)
        settings, _ = validate_settings(_merged([*defaults.values(), own]))  # without what is invalid alone
        for failure in validate_together(settings):
            layer = next((it for it in reversed(layers) if failure.path in layers[it][0]), "")
            source = "" if failure.path in own_settings or not layer else f" (from {layer})"
            yield from (f"{line}{source}" for line in _lines(environment, [failure], with_values=with_values))
        # If the stack declares nothing at all, the program may declare the settings.
        is_declared = any(defaults.values()) or own
        if is_declared and not (settings or own_failures or any(failures for _, failures in layers.values())):
            yield f"{environment}: must declare at least one setting, here or in {either(list(layers))}"


def _lines(key: str, failures: Iterable[Failure], *, with_values: bool) -> Iterator[str]:
    return (failure.text(with_value=with_values, prefix=key) for failure in failures)


def _validated(settings: Any) -> tuple[dict[str, Any], list[Failure]]:
    """Return the valid settings by path, and every failure."""
    failures = [] if settings is None else validate_object(settings)
    return ({}, failures) if failures else validate_settings(settings or {})


def _settings(environments: Mapping[str, Any], defaults: Sequence[Any], *, is_secret: bool) -> dict[str, Any]:
    settings = {name: _merged([*defaults, own]) for name, own in environments.items()}
    return {name: _secret(own) for name, own in settings.items()} if is_secret else settings


def _merged(layers: Iterable[Any]) -> Any:
    """Merge layers of settings, the lowest first; one that is not an object counts as empty."""
    return reduce(merged, (layer if isinstance(layer, Mapping) else {} for layer in layers))


def _secret(settings: Mapping[str, Any]) -> EnvironmentArgsDict:
    """Make each object of settings secret by itself, so that a program can still look it up by its name."""
    secret = {name: None if group is None else pulumi.Output.secret(group) for name, group in settings.items()}
    return cast("EnvironmentArgsDict", secret)


def _refuse(key: str, failures: Iterable[str]) -> None:
    """Raise an error with a line for each failure, if there is one."""
    if observed := "\n".join(failures):
        files = f"Pulumi.{pulumi.get_stack()}.yaml, or in Pulumi.yaml for {ENVIRONMENT_DEFAULTS}"
        raise _unusable(key, observed, f"Correct them in {files}.")


def _unusable(key: str, observed: str, action: str) -> ConfigurationError:
    what = "models" if key == MODELS else "environment settings"
    return ConfigurationError(
        Message(
            failed=f"The stack's Baseten {what} cannot be used.",
            observed=observed,
            state="",
            action=f"{action} Nothing was sent.",  # on a line of its own, since `observed` can have many
        )
    )
