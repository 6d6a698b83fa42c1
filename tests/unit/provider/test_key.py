"""What this package makes of a configured key shows it to nobody who prints, logs, copies or pickles it."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import dill
import pytest
from pulumi.dynamic import Config, ConfigureRequest

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError, RequestError, Statements
from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider, host
from baseten_pulumi.provider import session as sessions
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.session import open_session
from tests.key_scan import holds, told

KEY = "k/+very~secret&4711"
STACK = {"baseten:apiKey": KEY, "baseten:baseUrl": "http://127.0.0.1:9"}
SAID = Statements("Goal.", "Seen.", "Now.", "Advice.")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's sessions."""
    monkeypatch.setattr(sessions, "_sessions", {})


def _parts(whole: object) -> Iterator[object]:
    """Yield an object and everything of this package that it is made of."""
    seen: set[int] = set()
    waiting = [whole]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, (list, tuple, set, frozenset)):
            waiting += each
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif type(each).__module__.startswith("baseten_pulumi"):
            yield each
            waiting += [getattr(each, name, None) for name in (*vars(type(each)).get("__slots__", ()), *_names(each))]


def _names(each: object) -> tuple[str, ...]:
    return tuple(getattr(each, "__dict__", {}))


def test_key_is_in_no_repr_when_a_session_is_printed() -> None:
    """Neither the session nor the client, its connection, its pool and endpoint: each as a log prints it."""
    session = open_session(Configuration(STACK.get, {}))
    names = {type(each).__name__ for each in _parts(session)}
    assert {"Session", "BasetenClient", "Connection", "Pool", "Endpoint", "RateLimiter", "Watcher"} <= names
    for each in _parts(session):
        assert not holds(f"{each!r} {each!s}", KEY)


def test_key_is_in_no_repr_of_the_http_library_when_its_client_is_printed() -> None:
    """Headers are the HTTP library's own to print, and it does not show this one."""
    session = open_session(Configuration(STACK.get, {}))
    client = session.client._connection._pool._idle[0]
    assert not holds(f"{client!r} {client.headers!r} {client.build_request('GET', '/v1/models')!r}", KEY)


@pytest.mark.parametrize("kind", [EnvironmentSettingsProvider, SettingsInForceProvider])
@pytest.mark.parametrize("dumps", [pickle.dumps, dill.dumps], ids=["pickle", "dill"])
def test_key_is_in_no_pickle_when_a_provider_was_used(kind: type[Any], dumps: Callable[[object], bytes]) -> None:
    """State holds the provider's pickle: it is a name, whatever the provider has seen."""
    provider = kind()
    provider.configure(ConfigureRequest(Config(STACK, "p")))
    provider.check({}, {})
    assert not holds(dumps(provider), KEY)
    assert not holds(dumps(copy.copy(provider)), KEY)
    assert not holds(repr(provider), KEY)


def _classes(kind: type[BasetenError] = BasetenError) -> Iterator[type[BasetenError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _classes(each)


@pytest.mark.parametrize("kind", [it for it in _classes() if it.__module__ == errors.__name__])
def test_key_is_in_no_locals_when_an_operation_ends_in_an_error(kind: type[BasetenError]) -> None:
    """Each class of error leaves the provider without the frames that knew the key."""
    configuration = Configuration(STACK.get, {})

    def operation(_call: host.Call) -> None:
        known = configuration.api_key()
        assert known
        raise kind(SAID, status_code=400) if issubclass(kind, RequestError) else kind(SAID)

    with pytest.raises(kind) as caught:
        host.answer(operation)
    assert not holds(told(caught.value), KEY)


def test_key_is_not_told_when_a_defect_holds_it() -> None:
    """An exception that should not be is described by its place: its text might hold anything."""

    def operation(_call: host.Call) -> None:
        raise LookupError(KEY)

    with pytest.raises(BasetenError, match="ended with LookupError") as caught:
        host.answer(operation)
    assert not holds(told(caught.value), KEY)
