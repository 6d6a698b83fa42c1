import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from baseten_pulumi import BasetenEnvironmentSettings, types
from baseten_pulumi.schema.settings import GROUPS, TOP_LEVEL_GROUPS, properties
from docs import types_module as written
from tests.mocked import run

Settings = BasetenEnvironmentSettings
AUTOSCALING: dict[str, Any] = {"min_replica": 1, "max_replica": 6}
CONFIG: dict[str, Any] = {"max_surge_percent": 25, "max_unavailable_percent": 0}
NINE = {**AUTOSCALING, "max_replica": 9}
PROMOTION: dict[str, Any] = {"rolling_deploy": True, "rolling_deploy_config": CONFIG}


def _declared(name: str = "chat", **more: Any) -> Settings:
    """Declare settings whose outputs have floats and nulls, as Pulumi's engine and a state can have."""
    config: Any = {"max_surge_percent": 25.0, "max_unavailable_percent": 0.0, "stabilization_time_seconds": None}
    return Settings(
        name,
        model_id="abc123",
        env_name="production",
        autoscaling_settings={"min_replica": 1, "max_replica": 6, "scale_down_delay": None},
        promotion_settings={"rolling_deploy": True, "rolling_deploy_config": config},
        **more,
    )


def _class_name(group: str) -> str:
    return "".join(word.capitalize() for word in group.rpartition(".")[2].split("_"))


def test_module_is_current_when_it_is_compared_with_the_table() -> None:
    """After a change of the table, `python -m docs.types_module` writes it again."""
    assert written.MODULE.read_text(encoding="utf-8") == written.module()


@pytest.mark.parametrize("group", GROUPS)
def test_each_class_has_the_settings_of_the_table_when_it_is_written(group: str) -> None:
    """Arguments, constructor and attributes of an object have the same names, in the same order."""
    arguments, outputs = getattr(types, f"{_class_name(group)}ArgsDict"), getattr(types, _class_name(group))
    assert tuple(arguments.__annotations__) == properties(group)
    assert arguments.__total__ is False
    assert tuple(inspect.signature(outputs).parameters) == properties(group)
    assert tuple(it for it, value in vars(outputs).items() if isinstance(value, property)) == properties(group)
    assert tuple(types.EnvironmentArgsDict.__annotations__) == TOP_LEVEL_GROUPS


def test_setting_is_refused_when_it_has_the_name_of_a_method_of_dict() -> None:
    """As an attribute of the output, it would hide the method."""
    written.refuse_dict_names(["get_up", "max_replica"])
    with pytest.raises(ValueError, match=r"^settings with the name of a method of dict: items, keys$"):
        written.refuse_dict_names(["keys", "max_replica", "items"])


# --- uses of an output --------------------------------------------------------------------------------------------

USES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "json_dumps": (lambda s: pulumi.Output.json_dumps([s.promotion_settings]), json.dumps([PROMOTION])),
    "json_dumps, not managed": (lambda s: pulumi.Output.json_dumps(s.request_backpressure_settings), "null"),
    "json.dumps": (lambda s: s.promotion_settings.apply(json.dumps), json.dumps(PROMOTION)),
    "key of the output": (lambda s: s.promotion_settings["rolling_deploy_config"]["max_surge_percent"], 25),
    "unpacking": (lambda s: s.autoscaling_settings.apply(lambda it: {**it, "max_replica": 9}), NINE),
    "merging": (lambda s: s.autoscaling_settings.apply(lambda it: it | {"max_replica": 9}), NINE),
    "get, not managed": (lambda s: s.autoscaling_settings.apply(lambda it: it.get("scale_down_delay", 7)), 7),
    "items": (lambda s: s.autoscaling_settings.apply(lambda it: list(it.items())), list(AUTOSCALING.items())),
    "in": (lambda s: s.autoscaling_settings.apply(lambda it: ["max_replica" in it, "x" in it]), [True, False]),
    "equal": (lambda s: s.promotion_settings.apply(lambda it: [it == PROMOTION, it != PROMOTION]), [True, False]),
    "different": (lambda s: s.promotion_settings.apply(lambda it: [it == CONFIG, it != CONFIG]), [False, True]),
    "inner object": (lambda s: s.promotion_settings.apply(lambda it: {**it["rolling_deploy_config"]}), CONFIG),
    "deep copy": (lambda s: s.promotion_settings.apply(lambda it: copy.deepcopy(it).rolling_deploy_config), CONFIG),
    "pickle": (lambda s: s.promotion_settings.apply(lambda it: pickle.loads(pickle.dumps(it))), PROMOTION),  # noqa: S301
    "str": (lambda s: s.autoscaling_settings.apply(str), str(AUTOSCALING)),
    "attribute of the output": (lambda s: s.promotion_settings.rolling_deploy_config.max_surge_percent, 25),
    "attribute, not managed": (lambda s: s.autoscaling_settings.apply(lambda it: it.scale_down_delay), None),
    # In these, Pulumi makes plain dicts of the classes, as it does of every generated SDK's: keys, no attributes.
    "Output.all": (lambda s: pulumi.Output.all(s.autoscaling_settings, s.promotion_settings), [AUTOSCALING, PROMOTION]),
    "Output.format": (lambda s: pulumi.Output.format("{0[max_replica]}", s.autoscaling_settings), "6"),
    "Output.secret": (lambda s: pulumi.Output.secret(s.autoscaling_settings), AUTOSCALING),
}
"""Each use of an output of `_declared`, and its value."""


@pytest.mark.parametrize("use", USES)
def test_output_is_a_dict_with_attributes_when_a_program_uses_it(use: str) -> None:
    """It has the managed settings alone, and integers as integers at every depth (JSON shows a float as `6.0`)."""
    used, expected = USES[use]
    assert json.dumps(run(lambda: used(_declared()))[0]) == json.dumps(expected)


@pytest.mark.parametrize("group", GROUPS)
def test_every_attribute_is_its_own_when_an_object_has_them_all(group: str) -> None:
    outputs = getattr(types, _class_name(group))
    values = dict(zip(properties(group), range(20), strict=False))
    assert {name: getattr(outputs(**values), name) for name in values} == values == outputs(**values)


def test_output_can_be_stashed_when_a_program_keeps_it() -> None:
    """As every value of the engine's own types."""
    _, mocks = run(lambda: pulumi.Stash("kept", input=_declared().promotion_settings).urn)
    assert mocks.inputs("kept") == {"input": PROMOTION}


@pytest.mark.parametrize("nested", [False, True])
def test_output_is_an_input_when_another_resource_takes_it(nested: bool) -> None:
    """Nothing is sent for a setting that the other resource does not manage."""

    def program() -> pulumi.Output[Any]:
        chat = _declared()
        promotion: Any = chat.promotion_settings
        if nested:
            promotion = {**PROMOTION, "rolling_deploy_config": promotion.rolling_deploy_config}
        return Settings(
            "copy",
            model_id=chat.model_id,
            env_name="dev",
            autoscaling_settings=chat.autoscaling_settings,
            promotion_settings=promotion,
            request_backpressure_settings=chat.request_backpressure_settings,
        ).urn

    _, mocks = run(program)
    own = {"model_id": "abc123", "env_name": "dev", "wait": True}
    assert mocks.inputs("copy") == {**own, "autoscaling_settings": AUTOSCALING, "promotion_settings": PROMOTION}
