import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.resources.component import BasetenModelEnvironments
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.stack_config import models_from_config, settings_from_config
from tests.mocked import run

Configure = Callable[..., None]
ENVIRONMENTS, DEFAULTS, MODELS = "baseten:environments", "baseten:environmentDefaults", "baseten:models"
DEV_MAX = f"{ENVIRONMENTS}.dev.autoscaling_settings.max_replica"
NAME_RULE = "must contain only lowercase letters, digits and -, and start and end with a letter or digit"
QUOTES = "must be a string in quotes, got"
NOTHING_LEFT = f"must declare at least one setting, here or in {DEFAULTS}"


def _scaling(**settings: Any) -> dict[str, Any]:
    return {"autoscaling_settings": settings}


MAX_2 = _scaling(max_replica=2)


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Configure a stack as the engine does: every value is a string, objects are JSON."""

    def configured(
        environments: Any = None, defaults: Any = None, secret: str | None = None, models: Any = None
    ) -> None:
        values = {ENVIRONMENTS: environments, DEFAULTS: defaults, MODELS: models}
        texts = {key: it if isinstance(it, str) else json.dumps(it) for key, it in values.items() if it is not None}
        pulumi.runtime.set_all_config(texts, [secret] if secret else [])

    yield configured
    pulumi.runtime.set_all_config({}, [])


def _error(read: Callable[[], object] = settings_from_config) -> str:
    with pytest.raises(ConfigurationError) as caught:
        run(read, stack="production")
    return str(caught.value)


def _failures(read: Callable[[], object] = settings_from_config) -> list[str]:
    """Return the lines of the error between what failed and what to do."""
    return _error(read).splitlines()[1:-1]


def test_environments_are_merged_over_the_defaults_when_both_are_configured(configure: Configure) -> None:
    """Setting by setting; null removes a default, and an environment that is null uses the defaults alone."""
    promotion = {"promotion_settings": {"rolling_deploy": True}}
    defaults = {**_scaling(max_replica=2, scale_down_delay=300), **promotion}
    staging = {**_scaling(scale_down_delay=None), "promotion_settings": None}
    configure({"dev": None, "staging": staging, "production": _scaling(min_replica=1)}, defaults)
    assert run(settings_from_config)[0] == {
        "dev": defaults,
        "staging": {**_scaling(max_replica=2, scale_down_delay=None), "promotion_settings": None},
        "production": {**_scaling(max_replica=2, scale_down_delay=300, min_replica=1), **promotion},
    }


def test_additional_settings_are_merged_when_both_are_configured(configure: Configure) -> None:
    """A null in them is one to send."""
    defaults = {"additional_settings": {"later": {"a": 1, "b": 1}}}
    configure({"dev": {"additional_settings": {"later": {"a": None}}}}, defaults)
    assert run(settings_from_config)[0] == {"dev": {"additional_settings": {"later": {"a": None, "b": 1}}}}


@pytest.mark.parametrize("defaults", [None, {}, "null"])
def test_environment_may_be_empty_when_there_are_no_defaults(configure: Configure, defaults: Any) -> None:
    """The program may add its settings."""
    configure({"dev": {}, "qa": None, "production": _scaling(max_replica=6)}, defaults)
    assert run(settings_from_config)[0] == {"dev": {}, "qa": {}, "production": _scaling(max_replica=6)}


def test_both_resources_accept_the_settings_when_they_are_read(configure: Configure) -> None:
    """The component takes all environments, the single resource one of them unpacked."""
    configure({"production": _scaling(max_replica=6)})

    def program() -> pulumi.Output[Any]:
        settings = settings_from_config()
        one = BasetenEnvironmentSettings("one", model_id="m", env_name="production", **settings["production"])
        component = BasetenModelEnvironments("all", model_id="n", environments=settings)
        return pulumi.Output.all(one.in_force, component.in_force)

    _, mocks = run(program)
    for name in ("one", "all-production"):
        assert mocks.inputs(name)["autoscaling_settings"] == {"max_replica": 6}


@pytest.mark.parametrize("secret", [ENVIRONMENTS, DEFAULTS])
def test_every_setting_is_secret_when_one_of_the_keys_is(configure: Configure, secret: str) -> None:
    """Pulumi marks only whole keys as secret, and hands over secret numbers and booleans as strings."""
    promotion = {"rolling_deploy": "true", "promotion_cleanup_strategy": "KEEP"}
    quoted = {**_scaling(max_replica="6"), "promotion_settings": promotion, "request_backpressure_settings": None}
    is_default = secret == DEFAULTS
    configure({"production": None if is_default else quoted}, quoted if is_default else {}, secret)

    def program() -> pulumi.Output[Any]:
        settings: Any = settings_from_config()["production"]
        assert settings["request_backpressure_settings"] is None
        groups = (settings["autoscaling_settings"], settings["promotion_settings"])
        return pulumi.Output.all(*(it.is_secret() for it in groups), *map(pulumi.Output.unsecret, groups))

    values = [{"max_replica": 6}, {"rolling_deploy": True, "promotion_cleanup_strategy": "KEEP"}]
    assert run(program)[0] == [True, True, *values]


def test_every_command_of_the_advice_is_needed_when_models_are_missing(configure: Configure) -> None:
    """A model with its id alone, or with settings alone, would be the next error."""
    configure()
    assert _error(models_from_config) == (
        "The stack's Baseten models cannot be used.\n"
        "baseten:models is not set in Pulumi.production.yaml.\n"
        "Set it there, or set individual values with `pulumi config set --path 'baseten:models.chat.model_id' abc123` "
        "and `pulumi config set --path "
        "'baseten:models.chat.environments.production.autoscaling_settings.min_replica' 1`. Nothing was sent."
    )
    configure(models={"chat": {"model_id": "abc123", "environments": {"production": _scaling(min_replica=1)}}})
    assert run(models_from_config)[0]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("baseten:model", " baseten:model is set; did you mean baseten:models?"),
        ("baseten:environment", ""),  # meant as another key
        ("other:models", ""),
    ],
)
def test_misspelled_key_is_named_when_the_right_one_is_missing(configure: Configure, key: str, hint: str) -> None:
    configure()
    pulumi.runtime.set_all_config({key: "{}"}, [])
    assert _failures(models_from_config) == [f"{MODELS} is not set in Pulumi.production.yaml.{hint}"]


@pytest.mark.parametrize("nothing", [None, "", "null"])
def test_error_shows_how_to_set_the_key_when_it_is_missing(configure: Configure, nothing: str | None) -> None:
    """Pulumi shows it without a traceback; a key without a value is missing too."""
    configure(nothing, _scaling(max_replica=2))
    with pytest.raises(pulumi.RunError) as caught:
        run(settings_from_config, stack="production")
    assert isinstance(caught.value, ConfigurationError)
    assert str(caught.value) == (
        "The stack's Baseten environment settings cannot be used.\n"
        "baseten:environments is not set in Pulumi.production.yaml.\n"
        "Set it there, or set individual values with "
        "`pulumi config set --path 'baseten:environments.production.autoscaling_settings.min_replica' 1`. "
        "Nothing was sent."
    )


def test_every_failure_is_named_by_its_key_in_the_file_when_settings_are_invalid(configure: Configure) -> None:
    """The full text of the error: one line for each, in the defaults and in every environment."""
    configure(
        {
            "production": {**_scaling(min_replica="3", max_replicas=4), "wait": True},
            "staging": {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 60}}},
            "qa": _scaling(min_replica=9, concurrency_target=0),
            "dev": "small",
        },
        _scaling(scale_down_delay=2.5, max_replica=8),
    )
    assert _error() == (
        "The stack's Baseten environment settings cannot be used.\n"
        "baseten:environmentDefaults.autoscaling_settings.scale_down_delay: must be a whole number, got 2.5\n"
        'baseten:environments.production.autoscaling_settings.min_replica: must be a whole number, got "3"\n'
        "baseten:environments.production.autoscaling_settings.max_replicas: unknown property; "
        'did you mean "max_replica"? (one newer than this release goes in additional_settings)\n'
        "baseten:environments.production.wait: unknown property; "
        "use autoscaling_settings, promotion_settings, request_backpressure_settings or additional_settings\n"
        "baseten:environments.staging.promotion_settings.rolling_deploy_config.max_surge_percent: "
        "must be <= 50 %, got 60\n"
        "baseten:environments.qa.autoscaling_settings.concurrency_target: must be >= 1, got 0\n"
        "baseten:environments.qa.autoscaling_settings.min_replica: must be <= max_replica (8), got 9\n"
        'baseten:environments.dev: must be an object, got "small"\n'
        "Correct them in Pulumi.production.yaml, or in Pulumi.yaml for baseten:environmentDefaults. Nothing was sent."
    )


@pytest.mark.parametrize(
    ("environments", "defaults", "failure"),
    [
        ("small", None, f'{ENVIRONMENTS}: must be an object, got "small"'),
        ("3", None, f"{ENVIRONMENTS}: must be an object, got 3"),
        ([1, 2], None, f"{ENVIRONMENTS}: must be an object, got [1, 2]"),
        ("{", None, f'{ENVIRONMENTS}: must be an object, got "{{"'),
        ({}, None, f"{ENVIRONMENTS}: must name at least one environment"),
        ({"dev": {}}, "small", f'{DEFAULTS}: must be an object, got "small"'),
        ({"dev": {}}, [], f"{DEFAULTS}: must be an object, got []"),
        ({"dev": False}, None, f"{ENVIRONMENTS}.dev: must be an object, got false"),
        (
            {"dev": {"autoscaling_settings": 3}},
            MAX_2,
            f"{ENVIRONMENTS}.dev.autoscaling_settings: must be an object, got 3",
        ),
        ({"Dev": MAX_2}, None, f'{ENVIRONMENTS}.Dev: {NAME_RULE}, got "Dev"'),
        # A key that would be misread in a path is quoted, as Pulumi does.
        ({"": MAX_2}, None, f'{ENVIRONMENTS}[""]: is required'),
        # Pulumi hands over plain numbers and booleans as such: a string was written as one.
        ({"dev": _scaling(max_replica="6")}, None, f'{DEV_MAX}: must be a whole number, got "6"'),
        # An invalid setting may have been meant as the one that is missing.
        ({"dev": _scaling(max_replica=0)}, None, f"{DEV_MAX}: must be >= 1, got 0"),
        (
            {"dev": {"additional_settings": {"autoscaling_settings": {"max_replica": 3}}}},
            MAX_2,
            (
                f"{ENVIRONMENTS}.dev.additional_settings.autoscaling_settings.max_replica: "
                "must be set once, here or in autoscaling_settings.max_replica, got 3 and 2"
            ),
        ),
        ({"dev": _scaling()}, None, f"{ENVIRONMENTS}.dev: {NOTHING_LEFT}"),
        ({"dev": None}, _scaling(), f"{ENVIRONMENTS}.dev: {NOTHING_LEFT}"),
        ({"dev": {"autoscaling_settings": None}}, MAX_2, f"{ENVIRONMENTS}.dev: {NOTHING_LEFT}"),
        ({"dev": _scaling(max_replica=None)}, MAX_2, f"{ENVIRONMENTS}.dev: {NOTHING_LEFT}"),
    ],
)
def test_configuration_is_refused_when_an_object_or_a_setting_is_missing(
    configure: Configure, environments: Any, defaults: Any, failure: str
) -> None:
    configure(environments, defaults)
    assert _failures() == [failure]


def test_settings_are_compared_with_each_other_when_they_are_merged(configure: Configure) -> None:
    """Only the merged settings count. The error tells a value of the defaults from one of the environment."""
    production = _scaling(min_replica=1, max_replica=2)
    environments = {"dev": MAX_2, "staging": _scaling(min_replica=9), "production": production}
    configure(environments, _scaling(min_replica=3, max_replica=8))
    path = "autoscaling_settings.min_replica"
    assert _failures() == [
        f"{ENVIRONMENTS}.dev.{path}: must be <= max_replica (2), got 3 (from {DEFAULTS})",
        f"{ENVIRONMENTS}.staging.{path}: must be <= max_replica (8), got 9",
    ]
    configure({"dev": _scaling(max_replica=4)}, _scaling(min_replica=3, max_replica=2))
    assert run(settings_from_config)[0] == {"dev": _scaling(min_replica=3, max_replica=4)}


@pytest.mark.parametrize("secret", [ENVIRONMENTS, DEFAULTS])
def test_error_shows_no_value_when_one_of_the_keys_is_secret(configure: Configure, secret: str) -> None:
    """Paths and rules are shown: neither the value itself nor the one it is compared with."""
    percentages = {"rolling_deploy_config": {"max_surge_percent": 41, "max_unavailable_percent": 47}}
    staging = {**_scaling(min_replica=48, max_replica=47), "promotion_settings": percentages}
    configure({"dev": _scaling(max_replica="47 replicas"), "staging": staging, "qa": "4747"}, "47", secret)
    surge = "promotion_settings.rolling_deploy_config.max_surge_percent"
    assert _failures() == [
        f"{DEFAULTS}: must be an object",
        f"{DEV_MAX}: must be a whole number",
        f"{ENVIRONMENTS}.staging.autoscaling_settings.min_replica: must be <= max_replica",
        f"{ENVIRONMENTS}.staging.{surge}: exactly one of max_surge_percent and max_unavailable_percent must be > 0",
        f"{ENVIRONMENTS}.qa: must be an object",
    ]


# --- several models -------------------------------------------------------------------------------------------------


def test_each_model_is_a_component_when_several_are_configured(configure: Configure) -> None:
    """Its environments are merged over the defaults of the model, and those over the defaults of all."""
    chat = {
        "model_id": "abc123",
        "defaults": {**_scaling(max_replica=4), "promotion_settings": None},
        "environments": {"dev": None, "production": _scaling(min_replica=1)},
    }
    configure(
        models={"chat": chat, "whisper": {"model_id": "def456", "environments": {"dev": None}}},
        defaults={**MAX_2, "promotion_settings": {"rolling_deploy": True}},
    )

    def program() -> pulumi.Output[Any]:
        components = [BasetenModelEnvironments(name, **model) for name, model in models_from_config().items()]
        return pulumi.Output.all(*(it.in_force for it in components))

    _, mocks = run(program)
    declared = {name: mocks.inputs(name) for name in ("chat-dev", "chat-production", "whisper-dev")}
    assert {it.pop("wait") for it in declared.values()} == {False}
    assert declared == {
        "chat-dev": {"model_id": "abc123", "env_name": "dev", **_scaling(max_replica=4)},
        "chat-production": {"model_id": "abc123", "env_name": "production", **_scaling(max_replica=4, min_replica=1)},
        "whisper-dev": {
            "model_id": "def456",
            "env_name": "dev",
            **MAX_2,
            "promotion_settings": {"rolling_deploy": True},
        },
    }


def test_every_failure_is_named_by_its_key_in_the_file_when_models_are_invalid(configure: Configure) -> None:
    """The full text of the error. A failure of the defaults of all is named once, whatever the number of models."""
    dev = {"dev": None}
    configure(
        models={
            "chat": {
                "model_id": "abc123",
                "defaults": _scaling(min_replica=7, max_replicas=2),
                "environments": {"dev": _scaling(max_replica=5), "production": _scaling(max_replica=0)},
            },
            "whisper": {"model": "def456", "environments": {**dev, "Prod": MAX_2}},
            "one": {"model_id": "a/b", "defaults": [], "environments": {}},
            "two": {"model_id": "m"},
            "three": {"model_id": "m", "environments": [1]},
            "four": "abc123",
            "": {"model_id": "m", "environments": dev},
        },
        defaults=_scaling(scale_down_delay=2.5, min_replica=1),
    )
    assert _error(models_from_config) == (
        "The stack's Baseten models cannot be used.\n"
        "baseten:environmentDefaults.autoscaling_settings.scale_down_delay: must be a whole number, got 2.5\n"
        "baseten:models.chat.defaults.autoscaling_settings.max_replicas: unknown property; "
        'did you mean "max_replica"? (one newer than this release goes in additional_settings)\n'
        "baseten:models.chat.environments.dev.autoscaling_settings.min_replica: must be <= max_replica (5), got 7 "
        "(from baseten:models.chat.defaults)\n"
        "baseten:models.chat.environments.production.autoscaling_settings.max_replica: must be >= 1, got 0\n"
        'baseten:models.whisper.model: unknown property; did you mean "model_id"?\n'
        "baseten:models.whisper.model_id: is required\n"
        f'baseten:models.whisper.environments.Prod: {NAME_RULE}, got "Prod"\n'
        'baseten:models.one.model_id: must contain only letters, digits, - and _, got "a/b"\n'
        "baseten:models.one.defaults: must be an object, got []\n"
        "baseten:models.one.environments: must name at least one environment\n"
        "baseten:models.two.environments: must name at least one environment\n"
        "baseten:models.three.environments: must be an object, got [1]\n"
        'baseten:models.four: must be an object, got "abc123"\n'
        'baseten:models[""]: is required\n'
        "Correct them in Pulumi.production.yaml, or in Pulumi.yaml for baseten:environmentDefaults. Nothing was sent."
    )


@pytest.mark.parametrize(
    ("models", "failure"),
    [
        ({"chat": {"model_id": 12345678, "environments": {"dev": None}}}, f"{MODELS}.chat.model_id: {QUOTES} 12345678"),
        ("small", f'{MODELS}: must be an object, got "small"'),
        ({}, f"{MODELS}: must name at least one model"),
        (
            {"chat": {"model_id": "m", "defaults": _scaling(max_replica=None), "environments": {"dev": None}}},
            f"{MODELS}.chat.environments.dev: {NOTHING_LEFT} or {MODELS}.chat.defaults",
        ),
    ],
)
def test_models_are_refused_when_an_object_or_a_setting_is_missing(
    configure: Configure, models: Any, failure: str
) -> None:
    configure(models=models, defaults=MAX_2)
    assert _failures(models_from_config) == [failure]


def test_every_setting_but_no_id_is_secret_when_models_are(configure: Configure) -> None:
    """An id that looks like a number stays one. Errors show no value."""
    model = {"model_id": "12345678", "environments": {"dev": _scaling(max_replica="6")}}
    configure(models={"chat": model}, secret=MODELS)

    def program() -> pulumi.Output[Any]:
        chat: Any = models_from_config()["chat"]
        group = chat["environments"]["dev"]["autoscaling_settings"]
        return pulumi.Output.all(chat["model_id"], group.is_secret(), pulumi.Output.unsecret(group))

    assert run(program)[0] == ["12345678", True, {"max_replica": 6}]
    broken = {"model_id": "4747/", "defaults": "4747", "environments": {"dev": _scaling(max_replica="47 replicas")}}
    configure(models={"chat": broken}, secret=MODELS)
    assert "47" not in _error(models_from_config)
