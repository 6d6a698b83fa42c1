"""Create and update: what is sent, what is recorded, and what a failure leaves behind.

What creates and updates of all resources have in common is tested here, with settings.
"""

import itertools
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.testing import Fault
from tests.programs import patches
from tests.unit.provider.servicer import PICKLE, Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

BODY = {"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}
PATH = f"/v1/models/{MODEL}/environments/production"
SUBJECT = f'ettings of environment "production" (model {MODEL})'
MAY_HAVE_APPLIED = "Baseten may have applied the request anyway."
DIFFERENCES = (
    "autoscaling_settings.min_replica: expected 1, observed 0; autoscaling_settings.max_replica: expected 3, "
    "observed 1. Baseten accepted the request and may still apply it."
)


def _inputs(minimum: float = 1.0, **changes: Any) -> dict[str, Any]:
    autoscaling = {"min_replica": minimum, "max_replica": 3.0}
    own = {"model_id": MODEL, "env_name": "production", "wait": True}
    return {**own, "autoscaling_settings": autoscaling, **changes}


def _outputs(**changes: Any) -> dict[str, Any]:
    return {**_inputs(), "status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c", **changes}


def _without_request_ids(text: str) -> str:
    return re.sub(r" \(request [^)]*\)", "", text)


# --- what is sent and recorded --------------------------------------------------------------------------------------


def test_every_declared_setting_is_sent_when_a_resource_is_created(stack: Stack, settings: Servicer) -> None:
    """The environment is adopted: a read, one PATCH, and reads until the settings are applied; numbers are integers."""
    outputs = settings.create(_inputs())
    assert outputs == _outputs(revision=outputs["revision"])
    assert re.fullmatch(r"[0-9a-f]{8}", outputs["revision"])
    assert {type(value) for value in outputs["autoscaling_settings"].values()} == {int}
    assert [request.method for request in stack.emulator.requests] == ["GET", "PATCH", "GET", "GET"]
    assert {request.path for request in stack.emulator.requests} == {PATH}
    assert patches(stack.emulator) == [BODY]


@pytest.mark.parametrize(
    "olds",
    [
        {"autoscaling_settings": {"min_replica": 2, "max_replica": 3}},
        {"autoscaling_settings": {"min_replica": 1, "scale_down_delay": 5}},
        {"in_force": False},
        {"in_force": None, "status": None},
        {"in_force": None, "revision": None},
    ],
    ids=["changed", "added and removed", "not applied", "response lost", "response lost while queued"],
)
def test_every_declared_setting_is_sent_when_one_changed_or_they_may_not_be_applied(
    olds: dict[str, Any], stack: Stack, settings: Servicer
) -> None:
    """The others may have been changed outside Pulumi; what was removed is not sent. The revision is a new one."""
    outputs = settings.update(_outputs(**olds), _inputs())
    assert patches(stack.emulator) == [BODY]
    assert outputs == _outputs(revision=outputs["revision"])
    assert outputs["revision"] != "1f2e3d4c"


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": 5}}, {}),
        ({}, {"wait": False}),
        ({"wait": False, "in_force": False}, {"wait": False}),
    ],
)
def test_nothing_is_sent_when_no_declared_setting_changed(
    olds: dict[str, Any], news: dict[str, Any], offline: Servicer
) -> None:
    """A setting was removed, or only `wait` changed: no key is needed, and status and revision are kept."""
    before = _outputs(**olds)
    assert offline.update(before, _inputs(**news)) == _outputs(in_force=before["in_force"], **news)


@pytest.mark.parametrize(("skip", "wait"), [("true", True), ("false", False)])
def test_environment_is_read_once_before_a_request_when_nothing_waits(skip: str, wait: bool, stack: Stack) -> None:
    """The settings were sent, and nobody knows whether they are applied. Without a status they are sent again."""
    settings = stack.provider("settings", EnvironmentSettingsProvider, skipWait=skip)
    unknown = _outputs(in_force=False, status=None)
    for outputs in (settings.create(_inputs(wait=wait)), settings.update(unknown, _inputs(wait=wait))):
        assert outputs == _outputs(wait=wait, in_force=False, status=outputs["status"], revision=outputs["revision"])
    assert [request.outcome for request in stack.emulator.requests] == [None, "ACCEPTED", None, "UNCHANGED"]


def test_nothing_is_sent_when_a_resource_is_deleted(offline: Servicer, engine: "Engine") -> None:
    """The row says so, and it stays there."""
    offline.delete(f"{MODEL}/production", _outputs())
    (line,) = engine.lines
    text = f"{MODEL}/production: Baseten keeps the settings"
    assert (line.message, line.urn, line.ephemeral) == (text, offline.urn(), False)


def test_row_shows_the_error_and_the_wait_when_an_operation_takes_long(
    stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    """Live lines of the resource's own row, and one that stays; the last has arrived when the operation ends."""
    stack.emulator.faults.add(Fault.status(503, {"error": "busy."}, method="PATCH", times=1))
    stack.emulator.start_promotion(MODEL, "production", percent=40)
    stack.after(20.0, lambda: stack.emulator.finish_promotion(MODEL, "production"))
    engine.answers.clear()
    threading.Timer(1.2, engine.answers.set).start()  # the operation takes less, but for its last line
    settings.create(_inputs())
    assert engine.answers.is_set()
    assert [_without_request_ids(text) for text in engine.texts] == [
        f"Baseten returned 503 for PATCH {PATH}: busy, retrying for up to 1800 s",
        f"{MODEL}/production: Baseten queued the change until a promotion ends",
        "QUEUED, promotion 40 %: min_replica 0→1, max_replica 1→3",
        "QUEUED, promotion SUCCEEDED, confirming",
        "applied",
    ]
    assert {(it.urn, it.severity) for it in engine.lines} == {(settings.urn(), engine_pb2.INFO)}
    assert [it.ephemeral for it in engine.lines] == [True, False, True, True, True]


# --- failures -------------------------------------------------------------------------------------------------------


def _fail(settings: Servicer, timeout: float = 5.0) -> errors.BasetenError:
    """Update settings, which fails; Check adds `in_force` to the inputs."""
    before = _outputs(autoscaling_settings={}, status="QUEUED")
    error = failure(settings.update, before, {**_inputs(), "in_force": True}, timeout)
    assert (settings.status.code, settings.status.message) == (2, str(error))
    return error


def _kept(settings: Servicer, **outputs: Any) -> None:
    """Assert what the engine keeps of a resource: its id, what was sent, and a new revision."""
    found = MessageToDict(settings.kept.properties)
    assert found.pop("revision") not in ("", "1f2e3d4c")
    assert found == {**_inputs(), **PICKLE, "in_force": False, **outputs}
    assert MessageToDict(settings.kept.inputs) == {**_inputs(), **PICKLE}
    assert (settings.kept.id, settings.kept.reasons) == (f"{MODEL}/production", [settings.status.message])


def test_resource_is_kept_when_the_wait_times_out(stack: Stack, settings: Servicer) -> None:
    """With what was sent, as not applied; `in_force` leaves the inputs, so that the next preview shows the retry."""
    stack.emulator.faults.add(Fault.never_applies())
    stack.emulator.faults.add(Fault.delay(4.0, method="PATCH"))
    began = stack.now
    error = _fail(settings, 10.0)
    assert type(error) is errors.WaitTimeoutError
    assert str(error) == (
        f"Timed out after 10 s waiting for s{SUBJECT} to be applied.\n{DIFFERENCES}\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )
    _kept(settings, status="ACCEPTED")
    assert stack.now - began == pytest.approx(10.0, abs=0.1)  # the time of sending counts
    assert failure(settings.create, _inputs(), 10.0).message == error.message
    _kept(settings, status="ACCEPTED")


def test_resource_is_kept_when_the_settings_cannot_be_read_back(stack: Stack, settings: Servicer) -> None:
    """They were accepted: a program that is reverted must send the old ones again."""
    stack.emulator.faults.add(Fault.status(401, {"error": "expired"}, method="GET", skip=1))
    error = _fail(settings)
    assert type(error) is errors.AuthenticationError
    assert _without_request_ids(str(error)) == (
        f"S{SUBJECT} were sent but could not be read back.\n"
        f"Baseten returned 401 for GET {PATH}: expired. Baseten accepted the request and may still apply it.\n"
        "Use a valid API key: set baseten:apiKey (`pulumi config set --secret baseten:apiKey KEY`) or BASETEN_API_KEY."
    )
    _kept(settings, status="ACCEPTED")


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(503, method="PATCH"),
        Fault.dropped(method="PATCH"),
        Fault.dropped(takes_effect=True, method="PATCH"),
    ],
)
def test_resource_is_kept_without_a_status_when_every_response_is_lost(
    fault: Fault, stack: Stack, settings: Servicer
) -> None:
    """Nobody knows whether the settings were applied: the next update sends them, whatever it waits for."""
    stack.emulator.faults.add(fault)
    assert f" {MAY_HAVE_APPLIED}\n" in str(_fail(settings))
    _kept(settings)


def test_one_revision_is_drawn_when_the_first_response_is_lost(stack: Stack, settings: Servicer) -> None:
    """One operation, one revision: the second answer, UNCHANGED, does not say that nothing was sent."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    outputs = settings.update(_outputs(), _inputs(2.0))
    assert (outputs["status"], outputs["in_force"]) == ("UNCHANGED", True)
    assert outputs["revision"] != "1f2e3d4c"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.status(422, {"error": "no"}), errors.RejectedError),
        (Fault.status(401), errors.AuthenticationError),
        (Fault.status(429, headers={"Retry-After": "9"}), errors.RateLimitedError),
    ],
)
def test_resource_is_not_kept_when_baseten_rejected_the_settings(
    fault: Fault, kind: type[errors.RequestError], stack: Stack, settings: Servicer
) -> None:
    """Nothing was changed: the engine keeps what it has."""
    stack.emulator.faults.add(fault)
    error = _fail(settings)
    assert type(error) is kind
    assert "Nothing was changed." in str(error)
    assert not settings.status.details


@pytest.mark.parametrize(
    ("method", "passing", "place"),
    [
        ("read_environment", 1, f"polling.py:LINE.\n{MAY_HAVE_APPLIED}"),
        ("read_environment", 0, "operation.py:LINE."),
        ("update_environment", 0, "apply.py:LINE."),
    ],
    ids=["after", "at the read before", "before"],
)
def test_internal_error_keeps_the_resource_when_settings_were_sent(
    method: str, passing: int, place: str, settings: Servicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has type and place, since the text of an unexpected exception could hold anything."""
    original, numbers = getattr(BasetenClient, method), itertools.count()

    async def broken(*arguments: Any, **named: Any) -> Any:
        if next(numbers) < passing:
            return await original(*arguments, **named)
        raise LookupError("k-4711")

    monkeypatch.setattr(BasetenClient, method, broken)
    error = re.sub(r":\d+", ":LINE", str(_fail(settings)))
    assert error == f"Internal error in baseten-pulumi: LookupError at {place}\nPlease report it."
    if passing:
        _kept(settings, status="ACCEPTED")
    else:
        assert not settings.status.details


def test_operation_fails_when_there_is_no_key() -> None:
    settings = Servicer({})
    assert type(failure(settings.create, _inputs())) is errors.MissingApiKeyError
    assert not settings.status.details


def test_resource_is_created_when_its_call_cannot_be_found(stack: Stack, settings: Servicer) -> None:
    """Outside Pulumi's host, or in one that works differently, a failure says what to do first."""
    stack.emulator.faults.add(Fault.status(401, method="GET", skip=1, times=1))

    def create() -> Any:
        return stack.call(lambda: settings.provider.create(_inputs()))

    assert "\nRun `pulumi refresh` first: this version of the Pulumi SDK does not" in str(failure(create))
    assert create().outs["in_force"] is True


# --- cancellation ---------------------------------------------------------------------------------------------------


def test_resource_is_kept_when_a_wait_is_cancelled(stack: Stack, settings: Servicer) -> None:
    stack.emulator.faults.add(Fault.never_applies())
    stack.after(20.0, stack.cancel)
    error = _fail(settings, 300.0)
    assert type(error) is errors.WaitCancelledError
    assert str(error) == (
        f"The wait for s{SUBJECT} was cancelled after 20 s.\n{DIFFERENCES}\nRun `pulumi up` again to keep waiting."
    )
    _kept(settings, status="ACCEPTED")


@pytest.mark.parametrize(("status", "is_kept"), [(503, True), (409, False)])
def test_resource_is_kept_when_pulumi_cancels_after_settings_may_have_been_applied(
    status: int, is_kept: bool, stack: Stack, settings: Servicer
) -> None:
    stack.emulator.faults.add(Fault.status(status, {"error": "busy"}, method="PATCH"))
    stack.after(20.0, stack.cancel)
    state = MAY_HAVE_APPLIED if is_kept else "Nothing was changed."
    cause = f"The last attempt failed: Baseten returned {status} for PATCH {PATH}: busy."
    cancelled = f"Pulumi cancelled the operation. {cause} {state}\nRun it again."
    assert _without_request_ids(str(_fail(settings, 300.0))) == f"S{SUBJECT} were not updated.\n{cancelled}"
    if is_kept:
        _kept(settings)
    else:
        assert not settings.status.details


def test_nothing_is_sent_when_pulumi_has_cancelled_already(stack: Stack, settings: Servicer) -> None:
    """The engine may start an operation after its Cancel."""
    stack.cancel()
    stack.pass_by(1.0)
    assert "Pulumi cancelled the operation. Nothing was changed." in str(_fail(settings))
    assert (stack.emulator.requests, list(settings.status.details)) == ((), [])
