"""The client against the emulator: two readings of Baseten's API that share no code."""

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from jsonschema_rs import Draft202012Validator

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Endpoint
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.settings import FIELDS, flatten
from baseten_pulumi.testing import Emulator, Fault
from baseten_pulumi.testing.emulator.openapi import description
from baseten_pulumi.testing.emulator.operations import ENVIRONMENT
from baseten_pulumi.version import __version__
from tests.contract import founding
from tests.contract.shapes import closed, request

KEY = "k-contract-4711"
MODELS = "/v1/models"
LIST = f"{MODELS}/abc123/environments"
PATH = f"{LIST}/production"
HEADERS = {
    "authorization": "Api-Key ***",
    "user-agent": f"baseten-pulumi/{__version__} python/{platform.python_version()}",
}
MIN = "autoscaling_settings.min_replica"
POLICY = "request_backpressure_settings.policy"
CONFIG = "promotion_settings.rolling_deploy_config"
# What is not on the founding page.
ADDED = {"autoscaling_settings.max_scale_down_rate": 20, POLICY: "REJECT_ON_FULL"}
# One value for each setting that is not what an environment starts with.
VALUES: dict[str, Any] = {
    **flatten(founding.EXAMPLE),
    **ADDED,
    MIN: 1,
    "promotion_settings.redeploy_on_promotion": True,
    "promotion_settings.ramp_up_while_promoting": True,
}
_Result = TypeVar("_Result")


class Account:
    """An emulator with model abc123 as new, and calls by a client of their own."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        emulator.add_model("abc123", "chat", ["staging", "production"])
        emulator.faults.clear()
        emulator.clear_requests()

    @property
    def paths(self) -> list[str]:
        return [it.path for it in self.emulator.requests]

    def call(self, call: Callable[[BasetenClient], Awaitable[_Result]]) -> _Result:
        async def work() -> _Result:
            client = BasetenClient(Endpoint(self.emulator.url, KEY))
            try:
                return await call(client)
            finally:
                await client.close()

        return asyncio.run(work())

    def read(self, env_name: str = "production", model_id: str = "abc123", timeout: float = 10.0) -> Environment:
        return self.call(lambda it: it.read_environment(model_id, env_name, timeout=timeout))

    def list_all(self, model_id: str = "abc123") -> dict[str, Environment]:
        return self.call(lambda it: it.list_environments(model_id, timeout=10.0))

    def update(self, settings: dict[str, Any], env_name: str = "production", model_id: str = "abc123") -> str:
        return self.call(lambda it: it.update_environment(model_id, env_name, settings, timeout=10.0))


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as running:
        yield running


@pytest.fixture
def account(served: Emulator) -> Iterator[Account]:
    """Whatever the client sends in the test has to be what the API's description allows."""
    yield Account(served)
    allowed = Draft202012Validator(closed(request(description(), ENVIRONMENT, "patch")))
    for sent in served.requests:
        if sent.method == "PATCH":
            allowed.validate(sent.body)


# --- requests and responses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda it: it.read_environment("abc123", "production", timeout=10.0), PATH),
        (lambda it: it.list_environments("abc123", timeout=10.0), LIST),
        (lambda it: it.list_models(timeout=10.0), MODELS),
    ],
)
def test_read_is_one_get_when_all_is_well(
    call: Callable[[BasetenClient], Awaitable[object]], path: str, account: Account
) -> None:
    """With the key and the agent in the headers; no body, no query."""
    account.call(call)
    (sent,) = account.emulator.requests
    assert (sent.method, sent.path, sent.query, sent.body) == ("GET", path, {}, None)
    assert sent.headers.items() >= HEADERS.items()
    assert "content-type" not in sent.headers


def test_update_is_one_patch_when_all_is_well(account: Account) -> None:
    """Of JSON with what is declared and nothing else."""
    assert account.update(flatten(founding.EXAMPLE)) == "ACCEPTED"
    (sent,) = account.emulator.requests
    assert (sent.method, sent.path, sent.query, sent.body) == ("PATCH", PATH, {}, founding.EXAMPLE)
    assert sent.headers.items() >= {**HEADERS, "content-type": "application/json"}.items()


@pytest.mark.parametrize("path", VALUES)
def test_each_setting_is_accepted_and_read_back_when_it_is_sent_alone(path: str, account: Account) -> None:
    """Both readings of the API agree on name, nesting and type."""
    other = {f"{CONFIG}.max_surge_percent": 0} if path == f"{CONFIG}.max_unavailable_percent" else {}
    account.update({path: VALUES[path], **other})
    assert account.read().settings[path] == VALUES[path]


def test_every_setting_is_tried_when_the_table_grows() -> None:
    """The table is the founding page and what was added since."""
    assert set(VALUES) == set(FIELDS) == {*flatten(founding.EXAMPLE), *ADDED}


def test_nulls_mean_what_the_api_says_when_they_are_sent(account: Account) -> None:
    """NONE clears the policy, and what is not declared of a rolling_deploy_config keeps its value."""
    account.update({POLICY: "REJECT_ON_FULL", f"{CONFIG}.max_surge_percent": 30})
    assert account.update({POLICY: "NONE", f"{CONFIG}.stabilization_time_seconds": 120}) == "ACCEPTED"
    found = account.read().settings
    assert (found[POLICY], found[f"{CONFIG}.max_surge_percent"]) == ("NONE", 30)


def test_list_holds_what_each_environment_reports_when_they_differ(account: Account) -> None:
    """One request instead of one for each: settings, without those reported as null, and promotions."""
    account.emulator.change("abc123", "production", {"min_replica": 1, "scale_down_delay": None})
    account.emulator.start_promotion("abc123", "staging", percent=40)
    listed = account.list_all()
    assert listed == {name: account.read(name) for name in ("staging", "production")}
    assert (listed["staging"].settings[MIN], listed["production"].settings[MIN]) == (0, 1)
    assert "autoscaling_settings.scale_down_delay" not in listed["production"].settings


def test_status_says_what_becomes_of_an_update_when_it_is_answered(account: Account) -> None:
    """ACCEPTED, UNCHANGED, or QUEUED behind a promotion."""
    assert [account.update({MIN: 1}), account.update({MIN: 1})] == ["ACCEPTED", "UNCHANGED"]
    account.emulator.start_promotion("abc123", "production", percent=40)
    assert account.update({MIN: 0}) == "QUEUED"
    promotion = account.read().promotion
    assert promotion is not None
    expected = {"status": "RAMPING_UP", "is_running": True, "percent_traffic_to_new_version": 40}
    assert promotion.outputs() == expected
    account.emulator.finish_promotion("abc123", "production", "FAILED")
    ended = account.read().promotion
    assert ended is None or not ended.is_running


@pytest.mark.parametrize("takes_effect", [False, True])
def test_nobody_knows_when_the_connection_of_an_update_breaks(takes_effect: bool, account: Account) -> None:
    """The error says that Baseten may have applied it."""
    account.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="PATCH"))
    with pytest.raises(errors.ConnectionFailedError) as caught:
        account.update({MIN: 1})
    assert caught.value.may_have_applied
    assert account.read().settings[MIN] == int(takes_effect)


def test_error_quotes_baseten_when_it_rejects_an_update(account: Account) -> None:
    """The whole text, once through everything."""
    account.emulator.faults.add(Fault.status(422, {"error": "Too many replicas."}, {"x-request-id": "r-1"}))
    with pytest.raises(errors.RejectedError) as caught:
        account.update({MIN: 1})
    assert str(caught.value) == (
        'Settings of environment "production" (model abc123) were not updated.\n'
        f"Baseten returned 422 for PATCH {PATH}: Too many replicas (request r-1). Nothing was changed.\n"
        "Correct what Baseten rejected, and try again."
    )


def test_every_update_is_accepted_when_a_crowd_meets_the_rate_limit() -> None:
    """A 429 pauses all of them, and those that were refused are sent again."""
    names = [f"e{at}" for at in range(30)]

    async def work(url: str) -> list[str]:
        client = BasetenClient(Endpoint(url, KEY))

        def update(name: str) -> Awaitable[str]:
            return retry(lambda left: client.update_environment("abc123", name, {MIN: 1}, timeout=left), timeout=60.0)

        try:
            return await asyncio.gather(*map(update, names))
        finally:
            await client.close()

    with Emulator(rate_limit=20, rate_burst=20) as emulator:
        emulator.add_model("abc123", "chat", names)
        assert asyncio.run(work(emulator.url)) == ["ACCEPTED"] * 30
        statuses = [it.status for it in emulator.requests]
    assert statuses.count(200) == 30
    assert 0 < statuses.count(429) <= 30


# --- 404 ------------------------------------------------------------------------------------------------------------


def _update(account: Account, *names: str) -> str:
    return account.update({MIN: 1}, *names)


@pytest.mark.parametrize("call", [Account.read, _update])
@pytest.mark.parametrize(
    ("names", "kind", "observed", "is_listed"),
    [
        (
            ("nowhere", "abc123"),
            errors.EnvironmentNotFoundError,
            'Model "abc123" has no environment "nowhere"; it has production, staging.',
            False,
        ),
        (
            ("production", "zzz"),
            errors.ModelNotFoundError,
            'Model "zzz" was not found, or this API key cannot see it.',
            True,
        ),
        (
            ("production", "chat"),
            errors.ModelNotFoundError,
            '"chat" is the name of a model, not an id: "chat" (abc123, Fictional).',
            True,
        ),
    ],
)
def test_error_says_what_is_missing_when_there_is_a_404(
    call: Callable[..., object],
    names: tuple[str, str],
    kind: type[errors.RequestError],
    observed: str,
    is_listed: bool,
    account: Account,
) -> None:
    """Further requests find out whether it is the environment or the model, which the account's models confirm."""
    with pytest.raises(kind) as caught:
        call(account, *names)
    assert caught.value.message.observed == observed
    environments = f"{MODELS}/{names[1]}/environments"
    assert account.paths == [f"{environments}/{names[0]}", environments, *([MODELS] if is_listed else [])]


def test_model_is_missing_when_its_list_is_not_found(account: Account) -> None:
    """The account's models confirm it."""
    with pytest.raises(errors.ModelNotFoundError):
        account.list_all("zzz")
    assert account.paths == [f"{MODELS}/zzz/environments", MODELS]


NOT_FOUND, HIDDEN = Fault.status(404, path="production$"), Fault.status(404, path="abc123")


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault.status(404)], id="everything is not found"),
        pytest.param([HIDDEN, Fault.status(403, path="models$")], id="models are forbidden"),
        pytest.param([HIDDEN, Fault.body({"models": "many"}, path="models$")], id="models are unreadable"),
        pytest.param([HIDDEN], id="model exists"),
        pytest.param([NOT_FOUND, Fault.status(500, path="environments$")], id="list fails"),
        pytest.param([NOT_FOUND, Fault.body({}, path="environments$")], id="list is unreadable"),
        pytest.param([NOT_FOUND], id="environment exists"),
        pytest.param([NOT_FOUND, Fault.body({"environments": []}, path="environments$")], id="list is empty"),
        pytest.param([NOT_FOUND, Fault.delay(60.0, path="environments$")], id="list is slow"),
    ],
)
def test_nothing_is_called_missing_when_nobody_knows(faults: list[Fault], account: Account) -> None:
    """A wrong base URL answers 404 to everything, and a key may see nothing: a refresh must not drop a resource.

    Finding out gets a second even if the time of the call is over.
    """
    for fault in faults:
        account.emulator.faults.add(fault)
    started_at = time.monotonic()
    with pytest.raises(errors.NotFoundError) as caught:
        account.read(timeout=0.5)
    assert (type(caught.value), caught.value.status_code) == (errors.NotFoundError, 404)
    assert time.monotonic() - started_at < 5.0
