"""A sample of the fault campaign through the real provider process and engine: what its virtual world leaves out."""

import random

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import API_KEY, Stack
from tests.faults.declared import MAX, MIN, VALUES, Declared, address, nested, settings_of, valid
from tests.programs import until

ENVIRONMENTS = ("lm4chat8/production", "lm4chat8/staging", "wh5pr3v1/production")
_NAMES = {"one": "autoscaling", "two": "promotion", "three": "autoscaling"}
_TIMEOUT_SECONDS = 6
_PROGRAM = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce

LIMIT = pulumi.CustomTimeouts(create="{timeout}s", update="{timeout}s")
made = [
    BasetenEnvironmentSettings(name, **arguments, opts=pulumi.ResourceOptions(custom_timeouts=LIMIT))
    for name, arguments in {resources!r}.items()
]
if {is_joint}:
    BasetenSettingsInForce("together", settings=made, opts=pulumi.ResourceOptions(custom_timeouts=LIMIT))
"""


def _declared(chance: random.Random, family: str, environment: str) -> Declared:
    paths = chance.sample(sorted(VALUES[family]), chance.randint(1, 3))
    settings = valid({path: chance.choice(VALUES[family][path]) for path in paths})
    if MIN in settings or not settings:  # environments have a maximum of 1 to begin with
        settings = {MAX: 6, **settings}
    return Declared(environment, settings, wait=chance.random() < 0.7)


def _program(chance: random.Random) -> dict[str, Declared]:
    names = sorted(chance.sample(sorted(_NAMES), chance.randint(1, 3)))
    environments = chance.sample(ENVIRONMENTS, len(names))
    return {name: _declared(chance, _NAMES[name], at) for name, at in zip(names, environments, strict=True)}


def _source(program: dict[str, Declared], timeout_seconds: int, *, is_joint: bool) -> str:
    resources = {}
    for name, declared in program.items():
        model_id, env_name = address(declared.environment)
        own = {"model_id": model_id, "env_name": env_name, "wait": declared.wait}
        resources[name] = {**own, **nested(declared.settings)}
    return _PROGRAM.format(timeout=timeout_seconds, resources=resources, is_joint=is_joint)


def _fault(chance: random.Random) -> Fault:
    method, times = chance.choice(["PATCH", "GET"]), chance.randint(1, 4)
    status = chance.choice([429, 500, 502, 503, 504, 422])
    made = chance.choice(
        [
            lambda **match: Fault.status(status, takes_effect=status >= 500 and times > 2, **match),
            lambda **match: Fault.status(400, {"message": f"Api-Key {API_KEY} may not"}, **match),
            lambda **match: Fault.dropped(takes_effect=times > 2, **match),
            Fault.cut_off,
            Fault.broken_json,
            Fault.wrong_types,
            lambda **match: Fault.slow_body(0.5, **match),
            lambda **match: Fault.delay(0.5, **match),
            lambda **match: Fault.stale(**{**match, "method": "GET"}),
            lambda **match: Fault.never_applies(**{**match, "method": "PATCH"}),
            lambda **match: Fault.applies_only("max_replica", **{**match, "method": "PATCH"}),
        ]
    )
    fault: Fault = made(method=method, times=times, skip=chance.randint(0, 2))
    return fault


@pytest.mark.emulator(apply_seconds=0.5)
@pytest.mark.parametrize("seed", range(3))
def test_up_converges_when_random_programs_met_random_faults(stack: Stack, emulator: Emulator, seed: int) -> None:
    """However the runs before ended, the next one without faults succeeds; the key is nowhere in what they left."""
    chance = random.Random(seed)  # noqa: S311 - the same every time, on purpose
    program: dict[str, Declared] = {}
    for _ in range(4):
        program, is_joint = _program(chance), chance.random() < 0.5
        for _ in range(chance.randint(1, 3)):
            emulator.faults.add(_fault(chance))
        stack.program(_source(program, _TIMEOUT_SECONDS, is_joint=is_joint))
        assert API_KEY not in stack.run("up").text
        emulator.faults.clear()
    stack.program(_source(program, 60, is_joint=is_joint))
    stack.up("--refresh")
    for declared in program.values():
        until(lambda it=declared: _is_applied(emulator, it))  # type: ignore[misc] # mypy cannot infer its type
    assert API_KEY not in stack.written()


def _is_applied(emulator: Emulator, declared: Declared) -> bool:
    true = settings_of(emulator.reported(*address(declared.environment)))
    return all(true.get(path) == value for path, value in declared.managed.items())
