"""The API key is in nothing that the provider returns, shows, raises, pickles or prints."""

import copy
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dill
import pytest

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.errors import BasetenError
from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.testing import Emulator, Fault
from tests.key_scan import holds, told
from tests.unit.provider.servicer import Servicer

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

KEY = "k/+very~secret&4711"


@pytest.fixture
def config(baseten: Emulator) -> dict[str, str]:
    return {"apiKey": KEY, "baseUrl": baseten.url, "previewReads": "true"}


def _inputs(model: str) -> dict[str, Any]:
    return {"model_id": model, "env_name": "production", "wait": True, "autoscaling_settings": {"min_replica": 1}}


def _echo(status: int, **match: Any) -> Fault:
    """Answer with the key in body and headers, as a proxy that shows the request would."""
    return Fault.status(status, {"error": f"key {KEY} "}, {"X-Request-Id": KEY, "Location": f"/?k={KEY}"}, **match)


@pytest.fixture
def settings(config: dict[str, str]) -> Servicer:
    return Servicer(config)


def test_key_is_in_no_result_and_no_row_when_operations_succeed(
    settings: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """Check, create, read and the rows of a request that is retried."""
    baseten.faults.add(_echo(503, method="PATCH", times=1))
    checked = settings.check(_inputs(model))
    outputs = settings.create(_inputs(model))
    found = settings.read(f"{model}/production", outputs)
    assert len(engine.texts) >= 2
    assert not holds(repr((vars(checked), outputs, vars(found), engine.texts)), KEY)


@pytest.mark.parametrize("fault", [_echo(401, method="PATCH"), _echo(401, method="GET"), _echo(302), _echo(422)])
def test_key_is_in_no_error_when_baseten_sends_it_back(
    fault: Fault, settings: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """Neither in the text, nor in what the engine gets, nor in a report of the exception with its locals."""
    baseten.faults.add(fault)
    with pytest.raises(BasetenError, match="Baseten returned") as caught:
        settings.create(_inputs(model))
    assert not holds(told(caught.value), KEY)
    assert not holds(settings.status.SerializeToString(), KEY)
    assert not holds(repr(engine.texts), KEY)


def test_key_is_in_no_error_when_an_unexpected_exception_holds_it(
    settings: Servicer, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise LookupError(KEY)

    monkeypatch.setattr(BasetenClient, "update_environment", broken)
    with pytest.raises(BasetenError, match="LookupError") as caught:
        settings.create(_inputs(model))
    assert not holds(told(caught.value), KEY)
    assert not holds(settings.status.SerializeToString(), KEY)


@pytest.mark.parametrize("dumps", [pickle.dumps, dill.dumps], ids=["pickle", "dill"])
def test_key_is_in_no_pickle_when_a_provider_was_used(
    dumps: Callable[[object], bytes], settings: Servicer, model: str
) -> None:
    """The state holds the pickle: it is the name of a class, whatever the provider has done."""
    settings.check(_inputs(model))
    assert dumps(settings.provider) == dumps(EnvironmentSettingsProvider())
    assert not holds(dumps(copy.copy(settings.provider)), KEY)
    assert not holds(repr(settings.provider), KEY)
