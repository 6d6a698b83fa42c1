"""Whatever a program or a state file holds: normalised, or refused by property, rule and value; nothing is raised."""

import asyncio
import math
from random import Random
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import Unknown
from pulumi.runtime import rpc

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.fields import (
    ENVIRONMENT_NAME_PATTERN,
    FIELDS,
    MAX_SURGE_PERCENT,
    MIN_REPLICA,
    MODEL_ID_PATTERN,
    Field,
    flatten,
    members,
    nest,
    with_integers,
)
from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.schedules import SCHEDULES
from tests.anything import Anything
from tests.cases import cases, many

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
LARGEST_EXACT = 2**53
JOINT_RULE = "must be a whole number, or for settings true, false, a word or an object of them"
OWN = ("model_id", "env_name", "wait")
PARTS = (
    "name",
    "cadence",
    "weekdays",
    "enabled",
    "start_hour",
    "end_minute",
    "schedules",
    "delete_schedules",
    "timezone",
)
MODEL = {"model_id": "abc123", "env_name": "production"}

_KNOWN = [*members(""), *(it.name for it in FIELDS.values()), *FIELDS, "rolling_deploy_config", *OWN, *PARTS]
_ODD_KEYS = ["__provider", "min_replicas", "__proto__", "\n", "a.b", '"']
_WORDS = [
    "KEEP",
    "REPLICA",
    "NONE",
    "DAILY",
    "../x",
    "a%2fb",
    "production\n",
    "\ud800",
    "𝔭𝔯𝔬𝔡",
    "x" * 1000,
    "Europe/Berlin",
]
_EDGES = [10**400, -(10**400), LARGEST_EXACT, LARGEST_EXACT + 1, 1e308, 2.5, -0.0, math.nan, math.inf]
_KEYS = st.sampled_from(_KNOWN) | st.text(max_size=6) | st.sampled_from(_ODD_KEYS)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-1, 60)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*_EDGES, *_WORDS, UNKNOWN])
)
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_GROUPS = st.dictionaries(_KEYS, _LEAVES | st.dictionaries(_KEYS, _LEAVES, max_size=3), max_size=4)
_SCHEDULES = st.fixed_dictionaries(
    {},
    optional={
        "timezone": _LEAVES | st.just("Europe/Berlin"),
        "schedules": st.lists(
            st.dictionaries(st.sampled_from(PARTS) | _KEYS, _LEAVES | _GROUPS, max_size=5) | _LEAVES, max_size=3
        ),
        "delete_schedules": st.lists(_LEAVES, max_size=3) | _LEAVES,
    },
)
_LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "model_id": st.just("abc123") | _LEAVES,
        "env_name": st.just("production") | _LEAVES,
        "wait": _LEAVES,
        **dict.fromkeys(members(""), _GROUPS | _ANYTHING),
        SCHEDULES: _SCHEDULES | _ANYTHING,
    },
)
_JOINT = st.fixed_dictionaries(
    {"environments": st.dictionaries(st.just("abc123/production") | _KEYS, _LIKELY | _ANYTHING, max_size=3) | _ANYTHING}
)


def _is_told_well(path: str, reason: str) -> bool:
    """Tell whether a refusal has a place, a rule and what was got, and fits a line."""
    says = (
        "is required" in reason or "not a known property" in reason or "got " in reason or "must stand under" in reason
    )
    return bool(path) and says and "\n" not in reason and len(reason) < 400


def _assert_normalised_or_refused(inputs: dict[str, Any]) -> bool:
    """Hold the outcome to its rule: the table's own values and names that fit a path, or (False) a refusal in words."""
    checked, failures = check(inputs)
    if failures:
        assert repr(checked) == repr(inputs)
        assert all(_is_told_well(*failure) for failure in failures)
        return False
    assert check(checked) == (checked, [])
    for path, value in flatten(checked).items():
        assert isinstance(value, (Unknown, int, str, dict)), path
    for name in ("model_id", "env_name"):
        assert isinstance(checked[name], Unknown) or checked[name].isascii()
    return True


def _nearly_right(seed: int) -> dict[str, Any]:
    """Make inputs by seed: right ones, those with one or two places spoiled, and those of a kind with nothing right."""
    random = Random(seed)  # noqa: S311 - cases, not secrets
    made = Anything(seed, [*_KNOWN, *_ODD_KEYS], [*_EDGES, *_WORDS, UNKNOWN, None, True, False])
    if seed % 8 == 0:
        return made.object()
    settings = {path: _right(FIELDS[path], random) for path in random.sample(sorted(FIELDS), random.randrange(1, 6))}
    inputs: dict[str, Any] = {**MODEL, **nest(settings)}
    for _ in range(seed % 3):
        places = [inputs, *(value for value in inputs.values() if isinstance(value, dict))]
        place = random.choice(places)
        place[random.choice([*place, *_KNOWN])] = made.value(2)
    return inputs


def _right(field: Field, random: Random) -> Any:
    if field.kind == "integer":
        low = field.minimum or 0
        return float(random.randint(low, low + 30 if field.maximum is None else field.maximum))
    return random.choice(field.choices) if field.choices else random.random() < 0.5


@cases(300, share=50)
@given(inputs=_LIKELY | st.dictionaries(_KEYS, _ANYTHING, max_size=5))
def test_inputs_are_normalised_or_refused_by_rule_and_value_when_they_are_anything(inputs: dict[str, Any]) -> None:
    """Nothing raises, and what fails shrinks to the smallest input that does."""
    _assert_normalised_or_refused(inputs)


def test_inputs_are_normalised_or_refused_when_there_are_very_many() -> None:
    """The same by seed, in a fraction of the time: a fifth is right, and most others but for a place."""
    right = 0
    for seed in range(many(2000)):
        inputs = _nearly_right(seed)
        try:
            right += _assert_normalised_or_refused(inputs)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {inputs!r}") from error
    assert right > many(2000) / 5


@cases(200, share=50)
@given(inputs=_JOINT | st.dictionaries(_KEYS, _ANYTHING, max_size=3))
def test_joint_inputs_are_normalised_or_refused_when_they_are_anything(inputs: dict[str, Any]) -> None:
    """They are written by this package, and may come back from a state file that somebody edited."""
    result = SettingsInForceProvider().check({}, inputs)
    assert all(it.reason for it in result.failures)
    if not result.failures:
        assert SettingsInForceProvider().check({}, result.inputs).inputs == result.inputs


@pytest.mark.parametrize(
    ("environments", "reason"),
    [
        ({"abc123": {}}, 'environments["abc123"]: must stand under model_id/env_name'),
        ({"../x/production": {}}, 'environments["../x/production"]: must stand under model_id/env_name'),
        ({"a/production": 3}, 'environments["a/production"]: must be an object, got 3'),
        (
            {"a/production": {"requests": [1]}},
            f'environments["a/production"].requests: {JOINT_RULE}, got [1]',
        ),
        (
            {"a/production": {"autoscaling_settings": {"min_replica": 2.5}}},
            f'environments["a/production"].autoscaling_settings.min_replica: {JOINT_RULE}, got 2.5',
        ),
    ],
)
def test_environment_is_refused_when_a_joint_wait_could_not_read_it(environments: Any, reason: str) -> None:
    """Each by its name; a traceback would name a line of this package."""
    result = SettingsInForceProvider().check({}, {"environments": environments})
    assert [it.reason for it in result.failures] == [reason]


def test_schedule_is_let_through_when_a_joint_wait_is_given_it() -> None:
    """Settings that are made of others are settings too, with the engine's floats in them."""
    schedule = {"name": "peak", "cadence": "DAILY", "weekdays": ["MONDAY"], "start_hour": 8.0, "end_minute": 0.0}
    entry = {"requests": 1.0, SCHEDULES: {"timezone": "UTC", "schedules": [schedule], "delete_schedules": ["old"]}}
    assert not SettingsInForceProvider().check({}, {"environments": {"a/production": entry}}).failures


def test_value_is_shown_by_its_type_when_it_is_too_deep_to_write() -> None:
    """A refusal of something nested without end is a refusal."""
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    _, failures = check({**MODEL, "autoscaling_settings": {"min_replica": deep}})
    assert failures == [("autoscaling_settings.min_replica", "must be a whole number, got list")]
    while deep:  # Python frees what is nested one by one, or runs out of stack
        deep = deep[0]


# --- through the engine ---------------------------------------------------------------------------------------------


def _through_the_engine(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties as the host hands them to a provider once the engine has had them."""
    sent: Struct = asyncio.run(rpc.serialize_properties(properties, {}))
    received = Struct.FromString(sent.SerializeToString())
    found: dict[str, Any] = rpc.deserialize_properties(received, keep_unknowns=True)
    return found


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.choices:
        return st.sampled_from(field.choices)
    if field.kind == "boolean":
        return st.booleans()
    low, high = field.minimum or 0, LARGEST_EXACT if field.maximum is None else field.maximum
    return st.integers(low, high) | st.sampled_from([low, high, high - 1])


_SETTINGS = st.fixed_dictionaries({}, optional={path: _value(field) for path, field in FIELDS.items()})


@cases(150, share=50)
@given(settings=_SETTINGS)
def test_settings_come_back_as_they_were_when_they_go_through_the_engine(settings: dict[str, Any]) -> None:
    """The engine's numbers are floats: up to 2 to the 53rd nothing is lost, there and back again."""
    checked, failures = check({**MODEL, **nest(settings)})
    if failures:
        assert {failure.path for failure in failures} <= {MIN_REPLICA, MAX_SURGE_PERCENT, "autoscaling_settings"}
        return
    provider = EnvironmentSettingsProvider()
    for _ in range(3):
        received = _through_the_engine(checked)
        assert with_integers(flatten(received)) == flatten(checked)
        result = provider.check({}, received)
        assert not result.failures
        assert result.inputs == checked
        assert all(type(value) is type(flatten(checked)[path]) for path, value in flatten(result.inputs).items())
        checked = result.inputs


# --- names ----------------------------------------------------------------------------------------------------------


@cases(300, share=50)
@given(text=st.text(max_size=20) | st.from_regex(f"({MODEL_ID_PATTERN})/({ENVIRONMENT_NAME_PATTERN})"))
def test_id_names_one_environment_or_is_refused_when_it_is_anything(text: str) -> None:
    """What a lookup or an edited state names is plain, or nothing is asked."""
    try:
        identity = Identity.parse(text)
    except ConfigurationError:
        return
    assert str(identity) == text
    assert not set(text) & set("\\?#%;.\r\n\0 ")
    assert text.isascii()
    assert text.count("/") == 1
