import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.resources.component import BasetenModelEnvironments
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.stack_config import settings_from_config
from tests.mocked import run

Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Configure a stack as the engine does: every value is a string, objects are JSON."""

    def configured(environments: Any = None, defaults: Any = None, secret: str | None = None) -> None:
        values = {"baseten:environments": environments, "baseten:environmentDefaults": defaults}
        texts = {key: it if isinstance(it, str) else json.dumps(it) for key, it in values.items() if it is not None}
        pulumi.runtime.set_all_config(texts, [f"baseten:{secret}"] if secret else [])

    yield configured
    pulumi.runtime.set_all_config({}, [])


def _error() -> str:
    with pytest.raises(ConfigurationError) as caught:
        run(settings_from_config, stack="production")
    return str(caught.value)


def _failures() -> list[str]:
    """Return the lines of the error between what failed and what to do."""
    return _error().splitlines()[1:-1]


def test_environments_are_merged_over_the_defaults_when_both_are_configured(configure: Configure) -> None:
    """Setting by setting; null removes a default, and an environment that is null uses the defaults alone."""
    defaults = {
        "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300},
        "promotion_settings": {"rolling_deploy": True},
    }
    configure(
        {
            "dev": None,
            "staging": {"autoscaling_settings": {"scale_down_delay": None}, "promotion_settings": None},
            "production": {"autoscaling_settings": {"min_replica": 1}},
        },
        defaults,
    )
    assert run(settings_from_config)[0] == {
        "dev": defaults,
        "staging": {"autoscaling_settings": {"max_replica": 2, "scale_down_delay": None}, "promotion_settings": None},
        "production": {
            "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300, "min_replica": 1},
            "promotion_settings": {"rolling_deploy": True},
        },
    }


@pytest.mark.parametrize("defaults", [None, {}, "null"])
def test_environment_may_be_empty_when_there_are_no_defaults(configure: Configure, defaults: Any) -> None:
    """The program may add its settings."""
    configure({"dev": {}, "qa": None, "production": {"autoscaling_settings": {"max_replica": 6}}}, defaults)
    found = run(settings_from_config)[0]
    assert found == {"dev": {}, "qa": {}, "production": {"autoscaling_settings": {"max_replica": 6}}}


@pytest.mark.parametrize(
    ("own", "defaults"),
    [
        ({"autoscaling_settings": {}}, None),
        (None, {"autoscaling_settings": {}}),
        (
            {"autoscaling_settings": None, "promotion_settings": {"rolling_deploy": None}},
            {"autoscaling_settings": {"max_replica": 2}, "promotion_settings": {"rolling_deploy": True}},
        ),
    ],
)
def test_environment_is_refused_when_it_has_no_setting_left(configure: Configure, own: Any, defaults: Any) -> None:
    """Nulls removed every default, or there was none."""
    configure({"dev": own, "staging": {"autoscaling_settings": {"max_replica": 4}}}, defaults)
    assert _failures() == [
        "baseten:environments.dev: must declare at least one setting, here or in baseten:environmentDefaults"
    ]


@pytest.mark.parametrize(
    ("own", "defaults"),
    [({"autoscaling_settings": {"max_replicas": 3}}, None), ("small", None), (None, {"promotion": True}), ({}, 3)],
)
def test_no_setting_is_missed_when_one_is_invalid(configure: Configure, own: Any, defaults: Any) -> None:
    """It may have been meant as that setting."""
    configure({"dev": own}, defaults)
    assert "at least one setting" not in _error()


def test_both_resources_accept_the_settings_when_they_are_read(configure: Configure) -> None:
    """The component takes all environments, the single resource one of them unpacked."""
    configure({"production": {"autoscaling_settings": {"max_replica": 6}}})

    def program() -> pulumi.Output[Any]:
        settings = settings_from_config()
        one = BasetenEnvironmentSettings("one", model_id="m", env_name="production", **settings["production"])
        component = BasetenModelEnvironments("all", model_id="n", environments=settings)
        return pulumi.Output.all(one.in_force, component.in_force)

    _, mocks = run(program)
    for name in ("one", "all-production"):
        assert mocks.inputs(name)["autoscaling_settings"] == {"max_replica": 6}


@pytest.mark.parametrize("nothing", [None, "", "null"])
def test_error_shows_how_to_set_the_key_when_it_is_missing(configure: Configure, nothing: str | None) -> None:
    """The full text of the error; a key without a value is missing too."""
    configure(nothing, {"autoscaling_settings": {"max_replica": 2}})
    assert _error() == (
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
            "production": {"autoscaling_settings": {"min_replica": "3", "max_replicas": 4}, "wait": True},
            "staging": {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 60}}},
            "dev": "small",
        },
        {"autoscaling_settings": {"scale_down_delay": 2.5}},
    )
    assert _error() == (
        "The stack's Baseten environment settings cannot be used.\n"
        "baseten:environmentDefaults.autoscaling_settings.scale_down_delay: must be a whole number, got 2.5\n"
        'baseten:environments.production.autoscaling_settings.min_replica: must be a whole number, got "3"\n'
        "baseten:environments.production.autoscaling_settings.max_replicas: unknown property; "
        'did you mean "max_replica"?\n'
        "baseten:environments.production.wait: unknown property; "
        "use autoscaling_settings, promotion_settings or request_backpressure_settings\n"
        "baseten:environments.staging.promotion_settings.rolling_deploy_config.max_surge_percent: "
        "must be <= 50 %, got 60\n"
        'baseten:environments.dev: must be an object, got "small"\n'
        "Correct them in Pulumi.production.yaml, or in Pulumi.yaml for baseten:environmentDefaults. Nothing was sent."
    )


@pytest.mark.parametrize(
    ("environments", "defaults", "failure"),
    [
        ("small", None, 'baseten:environments: must be an object, got "small"'),
        ("3", None, "baseten:environments: must be an object, got 3"),
        ([1, 2], None, "baseten:environments: must be an object, got [1, 2]"),
        ("{", None, 'baseten:environments: must be an object, got "{"'),
        ({}, None, "baseten:environments: must name at least one environment"),
        ({"dev": {}}, "small", 'baseten:environmentDefaults: must be an object, got "small"'),
        ({"dev": {}}, [], "baseten:environmentDefaults: must be an object, got []"),
        ({"dev": False}, None, "baseten:environments.dev: must be an object, got false"),
        (
            {"dev": {"autoscaling_settings": 3}},
            {"autoscaling_settings": {"max_replica": 2}},
            "baseten:environments.dev.autoscaling_settings: must be an object, got 3",
        ),
    ],
)
def test_value_is_refused_when_it_is_not_an_object(
    configure: Configure, environments: Any, defaults: Any, failure: str
) -> None:
    """At every depth."""
    configure(environments, defaults)
    assert _failures() == [failure]


@pytest.mark.parametrize(
    ("name", "key", "failure"),
    [
        ("Dev", ".Dev", "must contain only lowercase letters, digits and -, and start and end with a letter or digit"),
        ("", '[""]', "is required"),
    ],
)
def test_environment_is_refused_when_its_name_is_invalid(
    configure: Configure, name: str, key: str, failure: str
) -> None:
    """A key that would be misread in a path is quoted, as Pulumi does."""
    configure({name: {"autoscaling_settings": {"max_replica": 0}}})
    got = f', got "{name}"' if name else ""
    assert _failures() == [
        f"baseten:environments{key}: {failure}{got}",
        f"baseten:environments{key}.autoscaling_settings.max_replica: must be >= 1, got 0",
    ]


def test_settings_are_compared_with_each_other_when_they_are_merged(configure: Configure) -> None:
    """Only the merged settings count. The error tells a value of the defaults from one of the environment."""
    configure(
        {
            "dev": {"autoscaling_settings": {"max_replica": 2}},
            "staging": {"autoscaling_settings": {"min_replica": 9}},
            "production": {"autoscaling_settings": {"min_replica": 1, "max_replica": 2}},
        },
        {"autoscaling_settings": {"min_replica": 3, "max_replica": 8}},
    )
    path = "autoscaling_settings.min_replica"
    assert _failures() == [
        f"baseten:environments.dev.{path}: must be <= max_replica (2), got 3 (from baseten:environmentDefaults)",
        f"baseten:environments.staging.{path}: must be <= max_replica (8), got 9",
    ]


def test_defaults_may_conflict_when_every_environment_resolves_it(configure: Configure) -> None:
    """They are never applied alone."""
    configure(
        {"dev": {"autoscaling_settings": {"max_replica": 4}}},
        {"autoscaling_settings": {"min_replica": 3, "max_replica": 2}},
    )
    assert run(settings_from_config)[0] == {"dev": {"autoscaling_settings": {"min_replica": 3, "max_replica": 4}}}


def test_valid_settings_are_compared_when_others_are_invalid(configure: Configure) -> None:
    """All failures are named at once."""
    conflicting = {"autoscaling_settings": {"min_replica": 7, "concurrency_target": 0}}
    configure({"dev": conflicting, "staging": "all"}, {"autoscaling_settings": {"max_replica": 6}})
    assert _failures() == [
        "baseten:environments.dev.autoscaling_settings.concurrency_target: must be >= 1, got 0",
        "baseten:environments.dev.autoscaling_settings.min_replica: must be <= max_replica (6), got 7",
        'baseten:environments.staging: must be an object, got "all"',
    ]


def test_strings_stay_strings_when_nothing_is_secret(configure: Configure) -> None:
    """Pulumi hands over plain numbers and booleans as such: a string was written as one."""
    configure({"dev": {"promotion_settings": {"rolling_deploy": "true"}}})
    assert _failures() == [
        'baseten:environments.dev.promotion_settings.rolling_deploy: must be true or false, got "true"'
    ]


@pytest.mark.parametrize("secret", ["environments", "environmentDefaults"])
def test_every_setting_is_secret_when_one_of_the_keys_is(configure: Configure, secret: str) -> None:
    """Pulumi marks only whole keys as secret, and hands over secret numbers and booleans as strings."""
    quoted = {
        "autoscaling_settings": {"max_replica": "6"},
        "promotion_settings": {"rolling_deploy": "true", "promotion_cleanup_strategy": "KEEP"},
        "request_backpressure_settings": None,
    }
    if secret == "environments":
        configure({"production": quoted}, {}, secret)
    else:
        configure({"production": None}, quoted, secret)

    def program() -> pulumi.Output[Any]:
        settings: Any = settings_from_config()["production"]
        assert settings["request_backpressure_settings"] is None
        scaling, promotion = settings["autoscaling_settings"], settings["promotion_settings"]
        values = (pulumi.Output.unsecret(scaling), pulumi.Output.unsecret(promotion))
        return pulumi.Output.all(scaling.is_secret(), promotion.is_secret(), *values)

    assert run(program)[0] == [
        True,
        True,
        {"max_replica": 6},
        {"rolling_deploy": True, "promotion_cleanup_strategy": "KEEP"},
    ]


@pytest.mark.parametrize("secret", ["environments", "environmentDefaults"])
def test_error_shows_no_value_when_one_of_the_keys_is_secret(configure: Configure, secret: str) -> None:
    """Paths and rules are shown: neither the value itself nor the one it is compared with."""
    percentages = {"max_surge_percent": 41, "max_unavailable_percent": 47}
    configure(
        {
            "dev": {"autoscaling_settings": {"concurrency_target": 47.5, "max_replica": "47 replicas"}},
            "staging": {
                "autoscaling_settings": {"min_replica": 48, "max_replica": 47},
                "promotion_settings": {"rolling_deploy_config": percentages},
            },
            "qa": "4747",
        },
        "47",
        secret,
    )
    dev, staging = "baseten:environments.dev", "baseten:environments.staging"
    surge = "promotion_settings.rolling_deploy_config.max_surge_percent"
    assert _failures() == [
        "baseten:environmentDefaults: must be an object",
        f"{dev}.autoscaling_settings.concurrency_target: must be a whole number",
        f"{dev}.autoscaling_settings.max_replica: must be a whole number",
        f"{staging}.autoscaling_settings.min_replica: must be <= max_replica",
        f"{staging}.{surge}: exactly one of max_surge_percent and max_unavailable_percent must be > 0",
        "baseten:environments.qa: must be an object",
    ]


def test_error_is_shown_without_a_traceback_when_the_configuration_is_invalid(configure: Configure) -> None:
    """It is a `pulumi.RunError` as well, with the class name and the message parts of a ConfigurationError."""
    configure(None)
    with pytest.raises(pulumi.RunError) as caught:
        run(settings_from_config)
    assert isinstance(caught.value, ConfigurationError)
    assert type(caught.value).__name__ == "ConfigurationError"
    assert caught.value.message.observed == "baseten:environments is not set in Pulumi.dev.yaml."
