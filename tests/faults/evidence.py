"""What a world gives to go by: answers, requests and state, and how they are compared."""

from collections.abc import Iterable, Mapping
from typing import Any

from baseten_pulumi.testing.engine.checkpoint import Resource
from tests.faults import schedules
from tests.faults.declared import SURGE, UNAVAILABLE, address, settings_of
from tests.faults.goals import JOINT
from tests.faults.operations import Done
from tests.faults.wire import Exchange
from tests.faults.world import environment_in

_NULL_IS_ZERO = frozenset({SURGE, UNAVAILABLE})


class BrokenPromiseError(AssertionError):
    """Something was promised, and is not so."""


def require(holds: bool, broken: str, *evidence: object) -> None:
    if not holds:
        raise BrokenPromiseError("\n".join([f"{broken}:", *(str(it)[:6000] for it in evidence)]))


def holds(settings: Mapping[str, Any], among: Mapping[str, Any]) -> bool:
    """Tell whether all settings have these values; where a percentage is not reported, that is its 0."""
    zeros = dict.fromkeys(_NULL_IS_ZERO, 0)
    return all(same(among.get(path, zeros.get(path) if among else None), value) for path, value in settings.items())


def same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def there(true: Mapping[str, Any]) -> list[str]:
    return [it for it in schedules.PATHS if true.get(it, schedules.ABSENT) != schedules.ABSENT]


def patches(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return the requests that may have changed something; one without a connection was never sent."""
    return [it for it in exchanges if it.method == "PATCH" and not it.is_refused]


def environment_of(exchange: Exchange) -> str:
    return environment_in(exchange.path)


def settings_resources(state: Mapping[str, Resource]) -> list[tuple[str, Resource]]:
    return [(name, resource) for name, resource in state.items() if name != JOINT]


def address_of(resource: Resource) -> str:
    return f"{resource.outputs.get('model_id')}/{resource.outputs.get('env_name')}"


def statuses(done: Done, environment: str) -> list[Any]:
    answers = [it.answer for it in patches(done.exchanges) if environment_of(it) == environment]
    return [answer["status"] for answer in answers if isinstance(answer, dict) and "status" in answer]


def reads(done: Done, environment: str) -> list[dict[str, Any]]:
    return [found for it in done.exchanges if (found := read(it, environment))]


def read(exchange: Exchange, environment: str) -> dict[str, Any]:
    """Return what an answer told of an environment; nothing where it told nothing."""
    answer = exchange.answer
    if exchange.method != "GET" or exchange.status != 200 or not isinstance(answer, dict):
        return {}
    model_id, env_name = address(environment)
    if exchange.path == f"/v1/models/{model_id}/environments":
        listed = answer.get("environments")
        found = [it for it in listed if isinstance(it, dict)] if isinstance(listed, list) else []
        return next((settings_of(it) for it in found if it.get("name") == env_name), {})
    return settings_of(answer) if environment_of(exchange) == environment else {}
