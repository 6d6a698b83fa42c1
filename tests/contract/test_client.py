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
from baseten_pulumi.config import Endpoint
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.settings import FIELDS, flatten
from baseten_pulumi.testing import Emulator, Fault
from baseten_pulumi.version import __version__
from tests.contract import founding
from tests.contract.shapes import closed, described, request

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
# One value for each setting that is not what an environment starts with.
VALUES: dict[str, Any] = {
    **flatten(founding.EXAMPLE),
    "autoscaling_settings.max_scale_down_rate": 20,
    POLICY: "REJECT_ON_FULL",
    MIN: 1,
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

    def update(self, settings: dict[str, Any], env_name: str = "production", model_id: str = "abc123") -> str:
        return self.call(lambda it: it.update_environment(model_id, env_name, settings, timeout=10.0)).status


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(api_key=KEY, allow_ramp_up=True) as running:
        yield running


@pytest.fixture
def account(served: Emulator) -> Iterator[Account]:
    """Whatever the client sends in the test has to be what the API's description allows."""
    yield Account(served)
    for method, path in (("PATCH", founding.PATH), ("POST", founding.PATH.removesuffix("/{env_name}"))):
        allowed = Draft202012Validator(closed(request(described(), path, method.lower())))
        for sent in served.requests:
            if sent.method == method:
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
    account.call(call)
    (sent,) = account.emulator.requests
    assert (sent.method, sent.path, sent.query, sent.body) == ("GET", path, {}, None)
    assert sent.headers.items() >= HEADERS.items()
    assert "content-type" not in sent.headers


def test_update_is_one_patch_when_all_is_well(account: Account) -> None:
    assert account.update(flatten(founding.EXAMPLE)) == "ACCEPTED"
    (sent,) = account.emulator.requests
    assert (sent.method, sent.path, sent.query, sent.body) == ("PATCH", PATH, {}, founding.EXAMPLE)
    assert sent.headers.items() >= {**HEADERS, "content-type": "application/json"}.items()


def test_environment_is_one_post_and_one_delete_when_all_is_well(account: Account) -> None:
    created = account.call(lambda it: it.create_environment("abc123", "canary", timeout=10.0))
    assert created == account.read("canary")
    account.emulator.clear_requests()
    assert account.call(lambda it: it.delete_environment("abc123", "canary", timeout=10.0)) is True
    (sent,) = account.emulator.requests
    assert (sent.method, sent.path, sent.query, sent.body) == ("DELETE", f"{LIST}/canary", {}, None)


@pytest.mark.parametrize(
    ("body", "is_deleted"), [({"deleted": False}, False), ({"deleted": []}, True), ({}, True), ("<html>", True)]
)
def test_environment_counts_as_deleted_unless_the_response_denies_it(
    body: object, is_deleted: bool, account: Account
) -> None:
    account.emulator.faults.add(Fault.body(body, method="DELETE"))
    assert account.call(lambda it: it.delete_environment("abc123", "staging", timeout=10.0)) is is_deleted


def test_each_setting_is_accepted_and_read_back_when_it_is_sent_alone(account: Account) -> None:
    """Both readings of the API agree on name, nesting and type of every setting of the table."""
    assert set(VALUES) == set(FIELDS)
    for path, value in VALUES.items():
        account.emulator.add_model("abc123", "chat")
        other = {f"{CONFIG}.max_surge_percent": 0} if path == f"{CONFIG}.max_unavailable_percent" else {}
        account.update({path: value, **other})
        assert account.read().settings[path] == value


def test_nulls_mean_what_the_api_says_when_they_are_sent(account: Account) -> None:
    """NONE clears the policy, and what is not declared of a rolling_deploy_config keeps its value."""
    account.update({POLICY: "REJECT_ON_FULL", f"{CONFIG}.max_surge_percent": 30})
    assert account.update({POLICY: "NONE", f"{CONFIG}.stabilization_time_seconds": 120}) == "ACCEPTED"
    found = account.read().settings
    assert (found[POLICY], found[f"{CONFIG}.max_surge_percent"]) == ("NONE", 30)


@pytest.mark.parametrize("takes_effect", [False, True])
def test_update_may_have_applied_when_its_connection_breaks(takes_effect: bool, account: Account) -> None:
    account.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="PATCH"))
    with pytest.raises(errors.ConnectionFailedError) as caught:
        account.update({MIN: 1})
    assert caught.value.may_have_applied
    assert account.read().settings[MIN] == int(takes_effect)


def test_error_quotes_baseten_when_it_rejects_an_update(account: Account) -> None:
    account.emulator.faults.add(Fault.status(422, {"error": "Too many replicas."}, {"x-request-id": "r-1"}))
    with pytest.raises(errors.RejectedError) as caught:
        account.update({MIN: 1})
    assert str(caught.value) == (
        'Settings of environment "production" (model abc123) were not updated.\n'
        f"Baseten returned 422 for PATCH {PATH}: Too many replicas (request r-1). Nothing was changed.\n"
        "Correct what Baseten rejected, and try again."
    )


# --- 404 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["read", "update"])
@pytest.mark.parametrize(
    ("model_id", "env_name", "kind", "observed"),
    [
        (
            *("abc123", "nowhere", errors.EnvironmentNotFoundError),
            'Model "abc123" has no environment "nowhere"; it has production, staging.',
        ),
        (
            *("zzz", "production", errors.ModelNotFoundError),
            'Model "zzz" was not found, or this API key cannot see it.',
        ),
        (
            *("chat", "production", errors.ModelNotFoundError),
            '"chat" is the name of a model, not an id: "chat" (abc123, Fictional).',
        ),
    ],
)
def test_error_says_what_is_missing_when_there_is_a_404(
    method: str, model_id: str, env_name: str, kind: type[errors.RequestError], observed: str, account: Account
) -> None:
    """Further requests find out whether it is the environment or the model, which the account's models confirm."""
    with pytest.raises(kind) as caught:
        account.update({MIN: 1}, env_name, model_id) if method == "update" else account.read(env_name, model_id)
    assert caught.value.message.observed == observed
    environments = f"{MODELS}/{model_id}/environments"
    confirmed = [MODELS] if kind is errors.ModelNotFoundError else []
    assert account.paths == [f"{environments}/{env_name}", environments, *confirmed]


def test_model_is_missing_when_its_list_is_not_found(account: Account) -> None:
    with pytest.raises(errors.ModelNotFoundError):
        account.call(lambda it: it.list_environments("zzz", timeout=10.0))
    assert account.paths == [f"{MODELS}/zzz/environments", MODELS]


def test_finding_out_gets_a_second_when_the_time_of_the_call_is_over(account: Account) -> None:
    account.emulator.faults.add(Fault.delay(0.6, path="environments$"))
    with pytest.raises(errors.EnvironmentNotFoundError):
        account.read("nowhere", timeout=0.5)


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
    """A wrong base URL answers 404 to everything, and a key may see nothing: a refresh must not drop a resource."""
    for fault in faults:
        account.emulator.faults.add(fault)
    started_at = time.monotonic()
    with pytest.raises(errors.NotFoundError) as caught:
        account.read(timeout=0.5)
    assert (type(caught.value), caught.value.status_code) == (errors.NotFoundError, 404)
    assert time.monotonic() - started_at < 5.0


async def _create_again(client: BasetenClient) -> None:
    await client.delete_environment("abc123", "staging", timeout=10.0)
    await client.create_environment("abc123", "staging", timeout=10.0)


@pytest.mark.parametrize(
    "see",
    [
        lambda it: it.read_environment("abc123", "staging", timeout=10.0),
        lambda it: it.list_environments("abc123", timeout=10.0),
        lambda it: it.update_environment("abc123", "staging", {MIN: 1}, timeout=10.0),
        _create_again,
    ],
    ids=["read", "listed", "updated", "created"],
)
@pytest.mark.parametrize("method", ["read", "update"])
@pytest.mark.parametrize(
    ("missing", "kind"),
    [
        (lambda it: it.remove_environment("abc123", "staging"), errors.EnvironmentNotFoundError),
        (lambda it: it.remove_model("abc123"), errors.ModelNotFoundError),
        (lambda it: it.faults.add(Fault.status(404)), errors.NotFoundError),
    ],
    ids=["environment", "model", "nobody knows"],
)
def test_404_is_retried_for_a_minute_when_the_environment_was_there_a_moment_ago(
    missing: Callable[[Emulator], object],
    kind: type[errors.RequestError],
    method: str,
    see: Callable[[BasetenClient], Awaitable[object]],
    account: Account,
) -> None:
    """Reads are eventually consistent."""

    async def work(client: BasetenClient) -> None:
        await see(client)
        missing(account.emulator)
        if method == "read":
            await client.read_environment("abc123", "staging", timeout=10.0)
        else:
            await client.update_environment("abc123", "staging", {MIN: 1}, timeout=10.0)

    with pytest.raises(kind) as caught:
        account.call(work)
    assert (type(caught.value), caught.value.retried_for) == (kind, 60.0)


def test_404_is_retried_for_a_minute_when_the_list_of_a_known_model_is_not_found(account: Account) -> None:
    async def work(client: BasetenClient) -> None:
        await client.read_environment("abc123", "staging", timeout=10.0)
        account.emulator.remove_model("abc123")
        await client.list_environments("abc123", timeout=10.0)

    with pytest.raises(errors.ModelNotFoundError) as caught:
        account.call(work)
    assert caught.value.retried_for == 60.0


def test_404_is_final_when_this_client_has_deleted_the_environment(account: Account) -> None:
    """Also if it is listed a little longer."""

    async def work(client: BasetenClient) -> None:
        await client.delete_environment("abc123", "staging", timeout=10.0)
        await client.list_environments("abc123", timeout=10.0)
        account.emulator.faults.clear()
        await client.read_environment("abc123", "staging", timeout=10.0)

    listed = {"environments": account.emulator.environments("abc123")}
    account.emulator.faults.add(Fault.body(listed, method="GET"))
    with pytest.raises(errors.EnvironmentNotFoundError) as caught:
        account.call(work)
    assert caught.value.retried_for == 0.0


@pytest.mark.parametrize(("model_id", "env_name"), [("abc123", "nowhere"), ("zzz", "staging")])
def test_404_is_final_when_another_environment_was_there(model_id: str, env_name: str, account: Account) -> None:
    async def work(client: BasetenClient) -> None:
        await client.read_environment("abc123", "staging", timeout=10.0)
        await client.read_environment(model_id, env_name, timeout=10.0)

    with pytest.raises(errors.NotFoundError) as caught:
        account.call(work)
    assert caught.value.retried_for == 0.0
