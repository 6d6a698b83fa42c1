"""Whatever a program or a state file holds is normalized, or refused by path, rule and value; nothing is raised."""

import asyncio
import math
from random import Random
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.output import Unknown
from pulumi.runtime import rpc

from baseten_pulumi.errors import ConfigurationError, MissingApiKeyError
from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider
from baseten_pulumi.schema.settings import FIELDS, Field, flatten, is_additional, nest, properties
from tests.anything import Anything
from tests.cases import cases, many

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
LARGEST_EXACT = 2**53 - 1
MODEL = {"model_id": "abc123", "env_name": "production"}
OUTPUTS = {"status", "revision", "in_force"}
ENGINE_CASES = max(100, many(0) // 50)  # each takes milliseconds

_KNOWN = [*properties(""), *(it.name for it in FIELDS.values()), *FIELDS, "rolling_deploy_config", *MODEL, "wait"]
_ODD_KEYS = ["__provider", "min_replicas", "__proto__", "\n", "a.b", '"', *OUTPUTS]
_WORDS = ["KEEP", "REPLICA", "NONE", "../x", "a%2fb", "production\n", "\ud800", "𝔭𝔯𝔬𝔡", "x" * 1000]
_EDGES = [10**400, -(10**400), LARGEST_EXACT, LARGEST_EXACT + 1, 1e308, 2.5, -0.0, math.nan, math.inf]


def _provider(kind: type[Any]) -> Any:
    provider = kind()
    provider.configure(ConfigureRequest(Config({}, "p")))
    return provider


_settings, _in_force = _provider(EnvironmentSettingsProvider), _provider(SettingsInForceProvider)


def _is_well_written(reason: str) -> bool:
    """Tell whether a failure names a rule and, unless something is missing, the value that breaks it."""
    words = ("is required", "unknown property", ", got ", "at least one setting must be declared")
    return len(reason) < 500 and any(word in reason for word in words)


def _is_valid(inputs: dict[str, Any]) -> bool:
    """Check inputs: what is normalized is normal for ever, and what is not has failures and is as it was."""
    result = _settings.check({}, inputs)
    if result.failures:
        assert repr(result.inputs) == repr(inputs)
        assert all(_is_well_written(failure.reason) for failure in result.failures)
        return False
    assert _settings.check({}, result.inputs).inputs == result.inputs
    assert _settings.diff("id", {**result.inputs, "in_force": True}, result.inputs).changes in (True, False)
    for path, value in flatten(result.inputs).items():
        assert isinstance(value, (Unknown, int, str)) or is_additional(path), path
    for name in MODEL:
        assert isinstance(result.inputs[name], Unknown) or result.inputs[name].isascii()
    return True


def _nearly_right(seed: int) -> dict[str, Any]:
    """Make inputs by seed: valid ones, some with one or two values spoiled, and some that are nothing like inputs."""
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


def test_inputs_are_normalized_or_refused_when_they_are_anything() -> None:
    """A fifth is valid, and most others are but for one value."""
    valid = 0
    for seed in range(many(500)):
        inputs = _nearly_right(seed)
        try:
            valid += _is_valid(inputs)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {inputs!r}") from error
    assert valid > many(500) / 5


def test_joint_inputs_are_kept_or_refused_when_they_are_anything() -> None:
    """This package writes them, and they may come back from a state file that somebody edited."""
    entry = 'm/e 1f {"settings":{"autoscaling_settings":{"min_replica":1}},"status":"QUEUED"}'
    for seed in range(many(500)):
        made = Anything(seed, ["a", "b"], [*[entry, "m/e 1f {}", "m/e 1f [", "m 1f"] * 2, *_WORDS, UNKNOWN, None])
        result = _in_force.check({}, {"environments": made.object() if seed % 4 else made.value()})
        assert all(failure.reason.startswith("environments") for failure in result.failures)
        if not result.failures:
            assert _in_force.check({}, result.inputs).inputs == result.inputs
            assert _in_force.diff("id", {**result.inputs, "in_force": True}, result.inputs).changes in (True, False)


# --- through the engine ---------------------------------------------------------------------------------------------


def _through_the_engine(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs as the host passes them to a provider after the engine had them."""
    sent: Struct = asyncio.run(rpc.serialize_properties(inputs, {}))
    received = Struct.FromString(sent.SerializeToString())
    found: dict[str, Any] = rpc.deserialize_properties(received, keep_unknowns=True)
    return found


def test_settings_come_back_as_they_were_when_they_go_through_the_engine() -> None:
    """The engine's numbers are floats: up to 2 to the 53rd nothing is lost, and nothing differs."""
    checked = 0
    for seed in range(ENGINE_CASES):
        random = Random(seed)  # noqa: S311 - cases, not secrets
        paths = random.sample(sorted(FIELDS), random.randrange(1, 6))
        settings = {path: _right(FIELDS[path], random) for path in paths}
        for path in paths:
            if FIELDS[path].kind == "integer" and FIELDS[path].maximum is None:
                settings[path] = LARGEST_EXACT - random.randrange(2)
        result = _settings.check({}, {**MODEL, **nest(settings)})
        if not result.failures:  # a rule between two settings may be broken
            received = _through_the_engine(result.inputs)
            again = _settings.check(received, received)
            assert (again.failures, repr(flatten(again.inputs))) == ([], repr(flatten(result.inputs))), seed
            assert _settings.diff("id", received, again.inputs).changes is False
            checked += 1
    assert checked > ENGINE_CASES / 3


# --- ids ------------------------------------------------------------------------------------------------------------


@cases(50, share=50)
@given(text=st.text(max_size=20) | st.from_regex(r"[\w-]+/[\w-]+"))
def test_id_names_one_environment_or_is_refused_when_it_is_anything(text: str) -> None:
    """What a lookup or an edited state names is plain, or nothing is sent: there is no key here."""
    with pytest.raises(ConfigurationError) as caught:
        _settings.read(text, {})
    if isinstance(caught.value, MissingApiKeyError):
        assert text.isascii()
        assert not set(text) & set("\\?#%;.\r\n\0 ")
        assert text.count("/") == 1
    else:
        assert "does not have the form model_id/env_name" in str(caught.value)
