"""Create and update: what is sent, what is recorded, and what a failure leaves behind."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2, provider_pb2

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.testing import Emulator, Fault
from tests.programs import once, patches, until
from tests.unit.provider import processes
from tests.unit.provider.processes import Host, RefusedError, struct, urn
from tests.unit.provider.servicer import PICKLE, Servicer

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

BODY = {"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}
MAY_HAVE_APPLIED = "Baseten may have applied the request anyway."
UPDATE = pytest.mark.parametrize("olds", [{}, {"status": "QUEUED", "in_force": True, "revision": "1f2e3d4c"}])
"""Run a test for a create and for an update of other settings."""


def _inputs(model: str, minimum: float = 1.0, **changes: Any) -> dict[str, Any]:
    autoscaling = {"min_replica": minimum, "max_replica": 3.0}
    own = {"model_id": model, "env_name": "production", "wait": True}
    return {**own, "autoscaling_settings": autoscaling, **changes}


def _outputs(model: str, **changes: Any) -> dict[str, Any]:
    known = {"status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c"}
    return {**_inputs(model), **known, **changes}


def _without_request_ids(text: str) -> str:
    return re.sub(r" \(request [^)]*\)", "", text)


# --- what is sent and recorded --------------------------------------------------------------------------------------


def test_every_declared_setting_is_sent_when_a_resource_is_created(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """The environment is adopted: one PATCH, then reads until the settings are applied; numbers are integers."""
    outputs = settings.create(_inputs(model))
    revision = outputs["revision"]
    assert outputs == _outputs(model, revision=revision)
    assert re.fullmatch(r"[0-9a-f]{8}", revision)
    assert {type(value) for value in outputs["autoscaling_settings"].values()} == {int}
    assert [(request.method, request.path) for request in baseten.requests[:2]] == [
        ("PATCH", f"/v1/models/{model}/environments/production"),
        ("GET", f"/v1/models/{model}/environments/production"),
    ]
    assert patches(baseten) == [BODY]


@pytest.mark.parametrize(
    "olds", [{"min_replica": 2, "max_replica": 3}, {"min_replica": 1}, {"max_replica": 3, "scale_down_delay": 5}]
)
def test_every_declared_setting_is_sent_when_one_changed(
    olds: dict[str, Any], settings: Servicer, baseten: Emulator, model: str
) -> None:
    """The others may have been changed outside Pulumi; what was removed is not sent. The revision is a new one."""
    outputs = settings.update(_outputs(model, autoscaling_settings=olds), _inputs(model))
    assert patches(baseten) == [BODY]
    assert outputs == _outputs(model, revision=outputs["revision"])
    assert outputs["revision"] != "1f2e3d4c"


@pytest.mark.parametrize("olds", [{"in_force": False, "status": "QUEUED"}, {"in_force": None, "status": None}])
def test_settings_are_sent_again_when_they_were_not_observed_as_applied(
    olds: dict[str, Any], settings: Servicer, baseten: Emulator, model: str
) -> None:
    """Something else may have been sent meanwhile."""
    outputs = settings.update(_outputs(model, **olds), _inputs(model))
    assert (outputs["in_force"], patches(baseten)) == (True, [BODY])


def test_settings_are_sent_again_when_nothing_waits_and_nobody_knows_whether_they_were(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """After a lost response there is no status."""
    outputs = settings.update(_outputs(model, in_force=False, status=None), _inputs(model, wait=False))
    assert (outputs["in_force"], outputs["status"], patches(baseten)) == (False, "ACCEPTED", [BODY])


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": 5}}, {}),
        ({}, {"wait": False}),
        ({"wait": False, "in_force": False}, {"wait": False}),
    ],
)
def test_nothing_is_sent_when_no_declared_setting_changed(
    olds: dict[str, Any], news: dict[str, Any], offline: Servicer, model: str
) -> None:
    """A setting was removed, or only `wait` changed: no key is needed, and status and revision are kept."""
    before = _outputs(model, **olds)
    outputs = offline.update(before, _inputs(model, **news))
    assert outputs == _outputs(model, in_force=before["in_force"], **news)


@pytest.mark.parametrize(("skip", "wait"), [("true", True), ("false", False)])
def test_nothing_is_read_when_nothing_waits(
    skip: str, wait: bool, config: dict[str, str], baseten: Emulator, model: str
) -> None:
    """The settings were sent, and nobody knows whether they are applied."""
    outputs = Servicer({**config, "skipWait": skip}).create(_inputs(model, wait=wait))
    assert outputs == _outputs(model, wait=wait, in_force=False, revision=outputs["revision"])
    assert [request.method for request in baseten.requests] == ["PATCH"]


def test_one_revision_is_drawn_when_the_first_response_is_lost(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """One operation, one revision: the second answer, UNCHANGED, does not say that nothing was sent."""
    baseten.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    outputs = settings.update(_outputs(model), _inputs(model, 2.0))
    assert [request.outcome for request in baseten.requests if request.method == "PATCH"][-1] == "UNCHANGED"
    assert (outputs["status"], outputs["in_force"]) == ("UNCHANGED", True)
    assert outputs["revision"] not in (None, "1f2e3d4c")


def test_nothing_is_sent_when_a_resource_is_deleted(
    offline: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """The row says so, and it stays there."""
    offline.delete(f"{model}/production", _outputs(model))
    (line,) = engine.lines
    assert (line.message, line.urn, line.ephemeral) == (f"{model}/production: Baseten keeps the settings", urn(), False)


# --- the row --------------------------------------------------------------------------------------------------------


def test_row_shows_the_error_and_the_wait_when_an_operation_takes_long(
    settings: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """Live lines of the resource's own row; the last one has arrived when the operation ends."""
    baseten.faults.add(Fault.status(503, {"error": "busy."}, method="PATCH", times=1))
    baseten.start_promotion(model, "production", percent=40)
    with once(lambda: len(engine.texts) == 2, lambda: baseten.finish_promotion(model, "production")):
        settings.create(_inputs(model))
    path = f"/v1/models/{model}/environments/production"
    assert [_without_request_ids(text) for text in engine.texts] == [
        f"Baseten returned 503 for PATCH {path}: busy, retrying",
        "QUEUED, promotion 40 %: min_replica 0→1, max_replica 1→3",
        "applied",
    ]
    assert {(line.urn, line.ephemeral, line.severity) for line in engine.lines} == {(urn(), True, engine_pb2.INFO)}


# --- failures -------------------------------------------------------------------------------------------------------


def _kept(settings: Servicer, outputs: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Assert what the engine keeps of a resource after a failure."""
    kept = settings.kept
    assert kept.id == f"{inputs['model_id']}/production"
    assert list(kept.reasons) == [settings.status.message]
    found = MessageToDict(kept.properties)
    assert found.pop("revision") not in ("", "1f2e3d4c")
    assert found == {**inputs, **PICKLE, **outputs}
    assert MessageToDict(kept.inputs) == {**inputs, **PICKLE}


def _fail(settings: Servicer, model: str, olds: dict[str, Any], timeout: float = 5.0) -> errors.BasetenError:
    """Create settings or, with old outputs, update them; Check adds `in_force` to the inputs."""
    inputs = {**_inputs(model), "in_force": True}
    before = {**_outputs(model), **olds, "autoscaling_settings": {}}
    with pytest.raises(errors.BasetenError) as caught:
        settings.update(before, inputs, timeout) if olds else settings.create(inputs, timeout)
    assert settings.status.code == 2
    assert settings.status.message == str(caught.value)
    return caught.value


@UPDATE
def test_resource_is_kept_when_the_wait_times_out(
    olds: dict[str, Any], settings: Servicer, baseten: Emulator, model: str
) -> None:
    """With what was sent, as not applied; `in_force` leaves the inputs, so that the next preview shows the retry."""
    baseten.faults.add(Fault.never_applies())
    error = _fail(settings, model, olds, timeout=1.0)
    assert type(error) is errors.WaitTimeoutError
    assert str(error) == (
        f'Timed out after 1 s waiting for settings of environment "production" (model {model}) to be applied.\n'
        "autoscaling_settings.min_replica: expected 1, observed 0; autoscaling_settings.max_replica: expected 3, "
        "observed 1. Baseten accepted the request and may still apply it.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )
    _kept(settings, {"status": "ACCEPTED", "in_force": False}, _inputs(model))


@UPDATE
def test_resource_is_kept_when_the_settings_cannot_be_read_back(
    olds: dict[str, Any], settings: Servicer, baseten: Emulator, model: str
) -> None:
    """They were accepted: a program that is reverted must send the old ones again."""
    baseten.faults.add(Fault.status(401, {"error": "expired"}, method="GET"))
    error = _fail(settings, model, olds)
    assert type(error) is errors.AuthenticationError
    assert _without_request_ids(str(error)) == (
        f'Settings of environment "production" (model {model}) were sent but could not be read back.\n'
        f"Baseten returned 401 for GET /v1/models/{model}/environments/production: expired. "
        "Baseten accepted the request and may still apply it.\n"
        "Use a valid API key: set baseten:apiKey (`pulumi config set --secret baseten:apiKey KEY`) or BASETEN_API_KEY."
    )
    _kept(settings, {"status": "ACCEPTED", "in_force": False}, _inputs(model))


@UPDATE
@pytest.mark.parametrize(
    "fault", [Fault.status(503, method="PATCH"), Fault.dropped(method="PATCH"), Fault.dropped(takes_effect=True)]
)
def test_resource_is_kept_without_a_status_when_every_response_is_lost(
    fault: Fault, olds: dict[str, Any], settings: Servicer, baseten: Emulator, model: str
) -> None:
    """Nobody knows whether the settings were applied: the next update sends them, whatever it waits for."""
    baseten.faults.add(fault)
    error = _fail(settings, model, olds, timeout=0.4)
    assert f" {MAY_HAVE_APPLIED}\n" in str(error)
    _kept(settings, {"in_force": False}, _inputs(model))


@UPDATE
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.status(422, {"error": "no"}), errors.RejectedError),
        (Fault.status(401), errors.AuthenticationError),
        (Fault.status(429, headers={"Retry-After": "9"}), errors.RateLimitedError),
    ],
)
def test_resource_is_not_kept_when_baseten_rejected_the_settings(
    fault: Fault,
    kind: type[errors.RequestError],
    olds: dict[str, Any],
    settings: Servicer,
    baseten: Emulator,
    model: str,
) -> None:
    """Nothing was changed: the engine keeps what it has."""
    baseten.faults.add(fault)
    error = _fail(settings, model, olds)
    assert type(error) is kind
    assert "Nothing was changed." in str(error)
    assert not settings.status.details


def test_time_of_sending_counts_when_the_wait_times_out(settings: Servicer, baseten: Emulator, model: str) -> None:
    """The timeout is the operation's: with 1.2 s of 2 s used up, the wait does not take two seconds more."""
    baseten.faults.add(Fault.delay(1.2, method="PATCH"))
    baseten.faults.add(Fault.never_applies())
    _fail(settings, model, {}, timeout=2.0)
    patch, *_, last = baseten.requests
    assert last.at_seconds - patch.answered_at_seconds < 1.2


@UPDATE
def test_internal_error_keeps_the_resource_when_settings_were_sent(
    olds: dict[str, Any],
    settings: Servicer,
    baseten: Emulator,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Type and place, since the text of an unexpected exception could hold anything."""

    async def broken(*_: object, **__: object) -> None:
        raise LookupError("k-4711")

    monkeypatch.setattr(BasetenClient, "read_environment", broken)
    error = _fail(settings, model, olds)
    assert re.sub(r":\d+", ":LINE", str(error)) == (
        f"Internal error in baseten-pulumi: LookupError at polling.py:LINE.\n{MAY_HAVE_APPLIED}\nPlease report it."
    )
    _kept(settings, {"status": "ACCEPTED", "in_force": False}, _inputs(model))


@UPDATE
def test_internal_error_keeps_nothing_when_nothing_was_sent(
    olds: dict[str, Any],
    settings: Servicer,
    baseten: Emulator,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is nothing to record."""

    async def broken(*_: object, **__: object) -> None:
        raise LookupError("k-4711")

    monkeypatch.setattr(BasetenClient, "update_environment", broken)
    error = _fail(settings, model, olds)
    assert re.sub(r":\d+", ":LINE", str(error)) == (
        "Internal error in baseten-pulumi: LookupError at apply.py:LINE.\nPlease report it."
    )
    assert not settings.status.details


@pytest.mark.parametrize("method", ["create", "update", "read"])
def test_operation_fails_when_there_is_no_key(method: str, model: str) -> None:
    """Whatever sends a request says how to configure one."""
    provider = Servicer({})
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: provider.create(_inputs(model)),
        "update": lambda: provider.update(_outputs(model), _inputs(model, 2.0)),
        "read": lambda: provider.read(f"{model}/production", _outputs(model)),
    }
    with pytest.raises(errors.MissingApiKeyError) as caught:
        calls[method]()
    assert str(caught.value) == (
        "Baseten cannot be reached without an API key.\n"
        "Neither baseten:apiKey nor BASETEN_API_KEY is set. Nothing was sent.\n"
        "Run `pulumi config set --secret baseten:apiKey KEY`, or set BASETEN_API_KEY. "
        "Create keys at https://app.baseten.co/settings/api_keys."
    )
    assert not provider.status.details


def test_resource_is_created_when_its_call_cannot_be_found(
    baseten: Emulator, config: dict[str, str], model: str
) -> None:
    """Outside Pulumi's host, or in one that works differently, a failure says what to do first."""
    provider = Servicer(config).provider
    baseten.faults.add(Fault.status(401, method="GET", times=1))
    with pytest.raises(errors.AuthenticationError, match=r"\nRun `pulumi refresh` first: this version of the Pulumi"):
        provider.create(_inputs(model))
    assert provider.create(_inputs(model)).outs["in_force"] is True


# --- cancellation ---------------------------------------------------------------------------------------------------
# Cancel ends a process for good, so these run in one of their own: operations in four states, then one Cancel.


@pytest.fixture(scope="module")
def cancelled(served: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RefusedError]]:
    """The answer to each operation that was in progress when Pulumi cancelled, and to two that came later."""
    served.faults.clear()
    served.clear_requests()
    served.add_model("cancelled", "chat", ["sent", "rejected", "waiting"])
    served.faults.add(Fault.never_applies(env_name="waiting"))
    served.faults.add(Fault.status(503, method="PATCH", env_name="sent"))
    served.faults.add(Fault.status(409, method="PATCH", env_name="rejected"))
    host = Host("127.0.0.1:9", tmp_path_factory.mktemp("host"), {"apiKey": processes.KEY, "baseUrl": served.url})

    def create(env_name: str) -> RefusedError:
        inputs = processes.inputs(model_id="cancelled", env_name=env_name, in_force=True)
        request = provider_pb2.CreateRequest(urn=urn(env_name), properties=struct(inputs), timeout=300.0)
        return host.refused("Create", request)

    with ThreadPoolExecutor() as threads:
        try:
            futures = {name: threads.submit(create, name) for name in ("sent", "rejected", "waiting")}
            until(lambda: {it.path.rpartition("/")[2] for it in served.requests if it.status} >= {*futures})
            until(lambda: sum(it.method == "GET" for it in served.requests) > 1)  # then the first one was read
            host.cancel()
            outcomes = {name: future.result(60.0) for name, future in futures.items()}
            served.clear_requests()
            outcomes["later"] = create("waiting")
            read = provider_pb2.ReadRequest(urn=urn(), id="cancelled/waiting", properties=struct(processes.inputs()))
            outcomes["read"] = host.refused("Read", read)
            assert served.requests == ()
            yield outcomes
        finally:
            host.stop()
            served.faults.clear()


def test_resource_is_kept_when_a_wait_is_cancelled(cancelled: dict[str, RefusedError]) -> None:
    """At once, with what was observed last."""
    refused = cancelled["waiting"]
    assert re.sub(r"\d+ s", "N s", refused.message) == (
        'The wait for settings of environment "waiting" (model cancelled) was cancelled after N s.\n'
        "autoscaling_settings.min_replica: expected 1, observed 0; autoscaling_settings.max_replica: expected 3, "
        "observed 1. Baseten accepted the request and may still apply it.\n"
        "Run `pulumi up` again to keep waiting."
    )
    assert MessageToDict(refused.kept.properties)["in_force"] is False
    assert "in_force" not in refused.kept.inputs


def test_resource_is_kept_when_pulumi_cancels_while_settings_are_sent(cancelled: dict[str, RefusedError]) -> None:
    """They may have been applied."""
    refused = cancelled["sent"]
    assert refused.message == (
        'Settings of environment "sent" (model cancelled) were not updated.\n'
        f"Pulumi cancelled the operation. {MAY_HAVE_APPLIED}\nRun it again."
    )
    kept = MessageToDict(refused.kept.properties)
    assert (kept["in_force"], "status" in kept, len(kept["revision"])) == (False, False, 8)


def test_resource_is_not_kept_when_pulumi_cancels_and_nothing_was_accepted(
    cancelled: dict[str, RefusedError],
) -> None:
    """Every attempt so far was rejected."""
    refused = cancelled["rejected"]
    assert "Pulumi cancelled the operation. Nothing was changed.\n" in refused.message
    assert refused.status is not None
    assert not refused.status.details


@pytest.mark.parametrize("operation", ["later", "read"])
def test_nothing_is_sent_when_pulumi_has_cancelled_already(operation: str, cancelled: dict[str, RefusedError]) -> None:
    """The engine may start an operation after its Cancel."""
    refused = cancelled[operation]
    assert "Pulumi cancelled" in refused.message
    assert refused.status is not None
    assert not refused.status.details
