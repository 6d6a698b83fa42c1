"""An emulator with random faults in a process of its own, which knows what its environments must have in the end."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel
from bench.emulating import serving
from bench.fleet import SETTINGS, Fleet
from tests.faults.declared import GROUPS, leaves
from tests.load.storm import Storm

_CONFIG = {"rolling_deploy_strategy": "REPLICA", "max_surge_percent": 0, "max_unavailable_percent": 30}


@dataclass(frozen=True, slots=True)
class Weather:
    """How Baseten behaves in a run."""

    size: int  # environments, four a model
    share: float = 0.05  # of all requests fail
    rate_limit: float = 50.0  # requests a second for each endpoint; as many may come at once
    apply_seconds: float = 3.0  # between accepting settings and reporting them
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What it saw so far."""

    requests: Counter[str]  # by method, failed and refused ones included
    refused: int  # requests that got a 429
    faults: Counter[str]  # requests that failed at random, by way
    lost: list[str]  # declared settings that are not applied
    touched: list[str]  # settings that nobody declared and that changed


@contextmanager
def stormy(weather: Weather) -> Iterator[tuple[str, Connection]]:
    """Serve for as long as the block lasts; yields the base URL and the connection that `seen` asks."""
    with serving(_serve, weather) as connection:
        yield connection.recv(), connection


def seen(connection: Connection) -> Seen:
    """Return what an emulator saw."""
    connection.send(None)
    found: Seen = connection.recv()
    return found


def faulty(weather: Weather) -> Emulator:
    """Return the emulator itself, not yet serving; its environments each have undeclared settings of their own."""
    chance = random.Random(weather.seed)  # noqa: S311 - the same every time
    account = [
        FictionalModel(model_id, model_id, tuple(_environment(member.env_name, chance) for member in members))
        for model_id, members in Fleet(weather.size).by_model().items()
    ]
    emulator = Emulator(
        apply_seconds=weather.apply_seconds, rate_limit=weather.rate_limit, account=account, api_key=None
    )
    emulator.faults = Storm(weather.share, weather.seed)
    return emulator


def _environment(name: str, chance: random.Random) -> FictionalEnvironment:
    return FictionalEnvironment(
        name,
        {"scale_down_delay": chance.choice([300, 600]), "target_utilization_percentage": chance.choice([55, 80])},
        {"redeploy_on_promotion": chance.random() < 0.5, "rolling_deploy_config": chance.choice([None, _CONFIG])},
        {"policy": chance.choice([None, "QUEUE_ON_FULL"])},
    )


def held(emulator: Emulator, size: int) -> dict[str, dict[str, Any]]:
    """Return what every environment has applied, by its name and by dotted path."""
    found = {f"{it.model_id}/{it.env_name}": emulator.reported(it.model_id, it.env_name) for it in Fleet(size)}
    return {name: dict(leaves({group: reported[group] for group in GROUPS})) for name, reported in found.items()}


def compared(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return which declared settings are not applied, and which undeclared ones changed."""
    declared = dict(leaves(SETTINGS))
    lost, touched = [], []
    for name, settings in after.items():
        lost += [f"{name} {path}" for path, value in declared.items() if settings.get(path) != value]
        undeclared = {*settings, *before[name]} - {*declared}
        touched += [f"{name} {path}" for path in undeclared if settings.get(path) != before[name].get(path)]
    return lost, touched


def _serve(weather: Weather, connection: Connection) -> None:
    emulator = faulty(weather)
    before = held(emulator, weather.size)
    with emulator:
        connection.send(emulator.url)
        try:
            while True:
                connection.recv()
                methods = Counter(request.method for request in emulator.requests)
                refused = sum(request.status == 429 for request in emulator.requests)
                faults = emulator.faults.injected if isinstance(emulator.faults, Storm) else Counter()
                lost, touched = compared(before, held(emulator, weather.size))
                connection.send(Seen(methods, refused, faults, lost, touched))
        except EOFError:
            return
