import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pulumi
import pytest

from baseten_pulumi import BasetenEnvironmentSettings, BasetenModelEnvironments, settings_from_config
from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.fields import members
from tests.mocked import Mocks, run
from tests.schedules import schedule

Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Configure a stack as an engine does: every value is a string, objects are JSON."""

    def configured(environments: Any = None, defaults: Any = None, secret: Sequence[str] = ()) -> None:
        values = {"baseten:environments": environments, "baseten:environmentDefaults": defaults}
        texts = {key: it if isinstance(it, str) else json.dumps(it) for key, it in values.items() if it is not None}
        pulumi.runtime.set_all_config(texts, [f"baseten:{key}" for key in secret])

    yield configured
    pulumi.runtime.set_all_config({}, [])


def _refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        run(settings_from_config, stack="production")
    return str(refused.value)


def _faults() -> list[str]:
    """Return what stands between what was not achieved and what to do."""
    return _refusal().splitlines()[1:-1]


def test_environments_lie_over_the_defaults_when_both_are_configured(configure: Configure) -> None:
    """They are merged setting by setting; null takes a default out, and a null environment is all defaults."""
    configure(
        {
            "dev": None,
            "staging": {"autoscaling_settings": {"scale_down_delay": None}, "promotion_settings": None},
            "production": {"autoscaling_settings": {"min_replica": 1}},
        },
        {
            "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300},
            "promotion_settings": {"rolling_deploy": True},
        },
    )
    found, _ = run(settings_from_config)
    assert found == {
        "dev": {
            "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300},
            "promotion_settings": {"rolling_deploy": True},
        },
        "staging": {
            "autoscaling_settings": {"max_replica": 2, "scale_down_delay": None},
            "promotion_settings": None,
        },
        "production": {
            "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300, "min_replica": 1},
            "promotion_settings": {"rolling_deploy": True},
        },
    }


def test_environments_are_all_there_is_when_there_are_no_defaults(configure: Configure) -> None:
    """Defaults need not be configured; an environment may then declare nothing, which the program may add to."""
    configure({"dev": {}, "qa": None, "production": {"autoscaling_settings": {"max_replica": 6}}})
    found = run(settings_from_config)[0]
    assert found == {"dev": {}, "qa": {}, "production": {"autoscaling_settings": {"max_replica": 6}}}


@pytest.mark.parametrize(
    ("own", "defaults"),
    [
        ({"autoscaling_settings": {}}, None),
        (None, {"autoscaling_settings": {}}),
        (
            {"autoscaling_settings": None, "promotion_settings": None, "autoscaling_schedule_settings": None},
            {
                "autoscaling_settings": {"max_replica": 2},
                "promotion_settings": {"rolling_deploy": True},
                "autoscaling_schedule_settings": {"delete_schedules": ["old"]},
            },
        ),
        ({"autoscaling_settings": {"max_replica": None}}, {"autoscaling_settings": {"max_replica": 2}}),
        (
            {"autoscaling_schedule_settings": {"schedules": None}},
            {"autoscaling_schedule_settings": {"timezone": "UTC", "schedules": [schedule()]}},
        ),
    ],
)
def test_environment_is_refused_by_its_key_when_it_is_left_without_any_setting(
    configure: Configure, own: Any, defaults: Any
) -> None:
    """With all else that is wrong: null has taken out all there was, or there was nothing in what is written."""
    configure({"dev": own, "staging": {"autoscaling_settings": {"max_replica": 0}}}, defaults)
    assert _faults() == [
        "baseten:environments.staging.autoscaling_settings.max_replica: must be at least 1, got 0",
        "baseten:environments.dev: must declare at least one setting, here or in baseten:environmentDefaults; got none",
    ]


@pytest.mark.parametrize(
    ("own", "defaults"),
    [({"autoscaling_settings": {"max_replicas": 3}}, None), ("small", None), (None, {"promotion": True}), ({}, 3)],
)
def test_no_setting_is_missed_when_what_is_there_is_wrong_by_itself(
    configure: Configure, own: Any, defaults: Any
) -> None:
    """It may be meant to be one."""
    configure({"dev": own}, defaults)
    assert "at least one setting" not in _refusal()


def test_both_resources_take_the_settings_when_they_are_read(configure: Configure) -> None:
    """The component takes all of them, the single resource one of them unpacked."""
    configure({"production": {"autoscaling_settings": {"max_replica": 6}}})

    def program() -> pulumi.Output[Any]:
        settings = settings_from_config()
        one = BasetenEnvironmentSettings("one", model_id="m", env_name="production", **settings["production"])
        all_of_them = BasetenModelEnvironments("all", model_id="n", environments=settings)
        return pulumi.Output.all(one.in_force, all_of_them.in_force)

    _, mocks = run(program)
    for name in ("one", "all-production"):
        assert mocks.inputs(name)["autoscaling_settings"] == {"max_replica": 6}


@pytest.mark.parametrize("nothing", [None, "", "null"])
def test_the_key_and_how_to_set_it_are_named_when_it_is_missing(configure: Configure, nothing: str | None) -> None:
    """The full text of the error; a key without a value is none."""
    configure(nothing, {"autoscaling_settings": {"max_replica": 2}})
    assert _refusal() == (
        "The stack's settings of Baseten environments cannot be used.\n"
        "baseten:environments is not set in Pulumi.production.yaml. Nothing was sent.\n"
        "Set it there, or setting by setting with "
        "`pulumi config set --path 'baseten:environments.production.autoscaling_settings.min_replica' 1`."
    )


def test_every_fault_is_named_by_its_key_in_the_file_when_settings_are_wrong(configure: Configure) -> None:
    """The full text of the error: one line for each, in the defaults and in every environment."""
    configure(
        {
            "production": {"autoscaling_settings": {"min_replica": "3", "max_replicas": 4}, "wait": True},
            "staging": {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 60}}},
            "dev": "small",
        },
        {"autoscaling_settings": {"scale_down_delay": 2.5}},
    )
    assert _refusal() == (
        "The stack's settings of Baseten environments cannot be used.\n"
        "baseten:environmentDefaults.autoscaling_settings.scale_down_delay: must be a whole number, got 2.5\n"
        'baseten:environments.production.autoscaling_settings.min_replica: must be a whole number, got "3"\n'
        "baseten:environments.production.autoscaling_settings.max_replicas: is not a known property; "
        'did you mean "max_replica"?\n'
        f"baseten:environments.production.wait: is not a known property; known are {', '.join(members(''))}\n"
        "baseten:environments.staging.promotion_settings.rolling_deploy_config.max_surge_percent: "
        "must be at most 50 %, got 60\n"
        'baseten:environments.dev: must be an object, got "small"\n'
        "Correct them in Pulumi.production.yaml, those of baseten:environmentDefaults in Pulumi.yaml. "
        "Nothing was sent."
    )


@pytest.mark.parametrize(
    ("environments", "defaults", "faults"),
    [
        ("small", None, ['baseten:environments: must be an object, got "small"']),
        ("3", None, ["baseten:environments: must be an object, got 3"]),
        ([1, 2], None, ["baseten:environments: must be an object, got [1, 2]"]),
        ("{", None, ['baseten:environments: must be an object, got "{"']),
        ({}, None, ["baseten:environments: must name at least one environment, got none"]),
        ({"dev": {}}, "small", ['baseten:environmentDefaults: must be an object, got "small"']),
        ({"dev": []}, None, ["baseten:environments.dev: must be an object, got []"]),
        ({"dev": False}, None, ["baseten:environments.dev: must be an object, got false"]),
        (
            {"dev": {"autoscaling_settings": 3}},
            None,
            ["baseten:environments.dev.autoscaling_settings: must be an object, got 3"],
        ),
    ],
)
def test_wrong_types_are_refused_when_the_file_holds_them(
    configure: Configure, environments: Any, defaults: Any, faults: list[str]
) -> None:
    """What has to be an object is one, at every depth."""
    configure(environments, defaults)
    assert _faults() == faults


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Dev", '.Dev: must consist of lower-case letters, digits and inner -, got "Dev"'),
        ("de.v", '["de.v"]: must consist of lower-case letters, digits and inner -, got "de.v"'),
        ("", '[""]: is required'),
    ],
)
def test_key_is_written_as_pulumi_writes_it_when_no_environment_can_have_the_name(
    configure: Configure, name: str, fault: str
) -> None:
    """Quoted where it could not be told from the path around it."""
    configure({name: {"autoscaling_settings": {"min_replica": 3, "max_replica": 2}}})
    key = "baseten:environments" + fault.partition(":")[0]
    assert _faults() == [
        f"baseten:environments{fault}",
        f"{key}.autoscaling_settings.min_replica: must be at most max_replica (2), got 3",
    ]


def test_settings_that_do_not_go_together_are_refused_when_they_are_merged(configure: Configure) -> None:
    """Only what comes of the merge counts; where the value named is a default, the error says so."""
    configure(
        {
            "dev": {"autoscaling_settings": {"max_replica": 2}},
            "staging": {"autoscaling_settings": {"min_replica": 9}},
            "production": {"autoscaling_settings": {"min_replica": 1, "max_replica": 2}},
        },
        {"autoscaling_settings": {"min_replica": 3, "max_replica": 8}},
    )
    low = "autoscaling_settings.min_replica"
    assert _faults() == [
        f"baseten:environments.dev.{low}: must be at most max_replica (2), got 3 out of baseten:environmentDefaults",
        f"baseten:environments.staging.{low}: must be at most max_replica (8), got 9",
    ]


def test_no_fault_is_found_when_environments_mend_what_the_defaults_alone_would_break(configure: Configure) -> None:
    """Defaults are judged together with an environment only."""
    configure(
        {"dev": {"autoscaling_settings": {"max_replica": 4}}},
        {"autoscaling_settings": {"min_replica": 3, "max_replica": 2}},
    )
    assert run(settings_from_config)[0] == {"dev": {"autoscaling_settings": {"min_replica": 3, "max_replica": 4}}}


def _secrets(mocks: Mocks, name: str) -> Any:
    (args,) = (args for args in mocks.registered if args.name == name)
    return args.inputs


@pytest.mark.parametrize("secret", ["environments", "environmentDefaults"])
def test_every_setting_is_a_secret_when_something_in_the_file_is_one(configure: Configure, secret: str) -> None:
    """Pulumi tells only that a key holds a secret; strings it made of secret numbers are numbers again."""
    configure(
        {"production": {"autoscaling_settings": {"max_replica": "6"}, "promotion_settings": None}}
        if secret == "environments"
        else {"production": None},
        {"autoscaling_settings": {"min_replica": "1"}, "promotion_settings": {"rolling_deploy": "true"}}
        if secret == "environmentDefaults"
        else None,
        [secret],
    )

    def program() -> pulumi.Output[Any]:
        settings: Any = settings_from_config()["production"]
        scaling = settings["autoscaling_settings"]
        assert secret == "environmentDefaults" or settings["promotion_settings"] is None
        return pulumi.Output.all(scaling.is_secret(), pulumi.Output.unsecret(scaling), settings["promotion_settings"])

    is_secret, scaling, promotion = run(program)[0]
    assert is_secret is True
    assert scaling == ({"max_replica": 6} if secret == "environments" else {"min_replica": 1})
    assert promotion == (None if secret == "environments" else {"rolling_deploy": True})


@pytest.mark.parametrize("secret", ["environments", "environmentDefaults"])
def test_no_value_is_shown_when_something_wrong_is_a_secret(configure: Configure, secret: str) -> None:
    """The error tells key and rule: neither the value itself nor one it was held against."""
    configure(
        {
            "dev": {"autoscaling_settings": {"concurrency_target": 4711.5, "max_replica": "a (1), got 4711"}},
            "staging": {"autoscaling_settings": {"max_replicas": 4711}},
        },
        secret=[secret],
    )
    is_named = secret == "environmentDefaults"
    dev, staging = (
        f"baseten:environments.{name}.autoscaling_settings"
        for name in (("dev", "staging") if is_named else ("[secret 1]", "[secret 2]"))
    )
    assert _faults() == [
        f"{dev}.concurrency_target: must be a whole number; the value is a secret",
        f"{dev}.max_replica: must be a whole number; the value is a secret",
        f'{staging}.{"max_replicas" if is_named else "[secret]"}: is not a known property; did you mean "max_replica"?',
    ]
    configure({"dev": {"autoscaling_settings": {"min_replica": 4712, "max_replica": 4711}}}, secret=[secret])
    assert _faults() == [f"{dev}.min_replica: must be at most max_replica; the value is a secret"]


def test_secret_environments_are_counted_in_alphabetical_order_when_the_file_has_another(configure: Configure) -> None:
    """The CLI hands an object over in that order, whatever the file's; the error says so where it counts."""
    wrong = {"autoscaling_settings": {"max_replica": 0}}
    configure({"staging": wrong, "production": None, "dev": wrong}, wrong, ["environments"])
    text = _refusal()
    own = ".autoscaling_settings.max_replica: must be at least 1; the value is a secret"
    for place in (3, 1):
        assert f"\nbaseten:environments.[secret {place}]{own}\n" in text
    assert text.endswith(
        "Correct them in Pulumi.production.yaml, those of baseten:environmentDefaults in Pulumi.yaml. "
        "[secret 1] is the first of the environments in alphabetical order. Nothing was sent."
    )
    configure({"dev": None}, wrong, ["environments"])
    assert "alphabetical" not in _refusal()


@pytest.mark.parametrize(
    ("hidden", "path"),
    [
        ({"hidden": 1}, "[secret]"),
        ({"hid.den": 1}, "[secret]"),
        ({'hid"].den': 1}, "[secret]"),
        ({"autoscaling_settings": {"hid.den": 1}}, "autoscaling_settings[secret]"),
        ({"autoscaling_settings": {"hidden\n": 1}}, "autoscaling_settings.[secret]"),
        ({"promotion_settings": {"rolling_deploy_config": {"hidden": 1}}}, "promotion_settings.rolling_deploy_config."),
        (
            {"autoscaling_schedule_settings": {"schedules": [{"name": "hidden", "hid.den": 1}]}},
            "autoscaling_schedule_settings.schedules[secret][secret]",
        ),
    ],
)
def test_keys_are_not_shown_when_they_are_part_of_a_secret(configure: Configure, hidden: Any, path: str) -> None:
    """Those that are settings are no news; an environment is told by its place, whatever its name."""
    configure({"Hidden": hidden}, secret=["environments"])
    faults = _faults()
    assert faults[0] == (
        "baseten:environments.[secret 1]: must consist of lower-case letters, digits and inner -; the value is a secret"
    )
    assert any(fault.startswith(f"baseten:environments.[secret 1].{path}") for fault in faults[1:]), faults
    assert "hid" not in _refusal().casefold()
    configure({"dev": None}, hidden, secret=["environmentDefaults"])
    assert any(fault.startswith(f"baseten:environmentDefaults.{path}") for fault in _faults()), _faults()
    assert "hid" not in _refusal().casefold()


def test_settings_are_held_against_each_other_when_others_are_wrong_by_themselves(configure: Configure) -> None:
    """All that is wrong is told at once; what is wrong by itself may be meant to be anything."""
    crossed = {"autoscaling_settings": {"min_replica": 7, "concurrency_target": 0}}
    configure({"dev": crossed, "staging": "all", "Prod": None}, {"autoscaling_settings": {"max_replica": 6}})
    assert _faults() == [
        "baseten:environments.dev.autoscaling_settings.concurrency_target: must be at least 1, got 0",
        'baseten:environments.staging: must be an object, got "all"',
        'baseten:environments.Prod: must consist of lower-case letters, digits and inner -, got "Prod"',
        "baseten:environments.dev.autoscaling_settings.min_replica: must be at most max_replica (6), got 7",
    ]


@pytest.mark.parametrize(
    ("defaults", "own"),
    [
        ({"timezone": "UTC"}, {"schedules": "all"}),
        ({"schedules": "all"}, {"timezone": "UTC"}),
        ({"schedules": [{"name": 7}]}, {"timezone": "UTC", "schedules": [7]}),
        ("all", {"timezone": "UTC", "schedules": 7}),
    ],
)
def test_schedules_are_held_against_nothing_when_they_are_wrong_by_themselves(
    configure: Configure, defaults: Any, own: Any
) -> None:
    """A timezone with schedules that cannot be read is not one without schedules."""
    name = "autoscaling_schedule_settings"
    wrong = {"autoscaling_settings": {"min_replica": 3, "max_replica": 2}}
    configure({"dev": {name: own, **wrong}}, {name: defaults})
    faults = _faults()
    assert "must come with" not in "".join(faults)
    assert faults[-1].endswith("min_replica: must be at most max_replica (2), got 3")


def test_strings_stay_strings_when_nothing_is_a_secret(configure: Configure) -> None:
    """Pulumi keeps numbers and booleans as they were written: a string was written as one."""
    configure({"dev": {"promotion_settings": {"rolling_deploy": "true"}}})
    assert _faults() == [
        'baseten:environments.dev.promotion_settings.rolling_deploy: must be true or false, got "true"'
    ]


def test_no_traceback_is_shown_when_the_configuration_is_wrong(configure: Configure) -> None:
    """Pulumi shows the message of a RunError alone."""
    configure(None)
    with pytest.raises(pulumi.RunError):
        run(settings_from_config)


def test_name_of_a_schedule_is_not_told_when_it_is_secret(configure: Configure) -> None:
    """It is a value of the file, though a path holds it."""
    hidden = {"autoscaling_schedule_settings": {"schedules": [{"name": 'hid"den'}]}}
    configure({"production": hidden}, secret=["environments"])
    faults = _faults()
    assert all(".autoscaling_schedule_settings.schedules[secret]." in fault for fault in faults), faults
    assert "hid" not in "".join(faults)
