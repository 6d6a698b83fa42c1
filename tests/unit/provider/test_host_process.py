"""The real provider process, started and called as Pulumi's engine does; no CLI needed."""

import base64
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.testing import Emulator, Fault

if TYPE_CHECKING:
    from tests.unit.provider.conftest import Engine

ROOT = Path(__file__).parents[3]
KEY = "k-process-4711"
URN = "urn:pulumi:dev::p::pulumi-python:dynamic/baseten:EnvironmentSettings::settings"
OURS = serialize_provider(EnvironmentSettingsProvider())
# A stranger's provider in the same process, by reference to a module the tests write.
STRANGERS = base64.b64encode(b"cstranger\nStranger\n(tR.").decode()
STRANGER = """
from pulumi.dynamic import ResourceProvider

class Stranger(ResourceProvider):
    def create(self, props):
        raise ValueError("the stranger's own trouble")
"""
SECONDS_TO_START = 30.0
SECONDS_TO_ANSWER = 30.0
CLEANED = ("BASETEN_", "PULUMI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class RefusedError(Exception):
    """What the process answered in place of a result."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.text: str = error.details()
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        self.status = None if details is None else status_pb2.Status.FromString(details)

    @property
    def message(self) -> str:
        """What the engine shows."""
        assert self.status is not None, self.text
        return str(self.status.message)

    @property
    def kept(self) -> Any:
        """The resource the engine is asked to keep."""
        assert self.status is not None, self.text
        (packed,) = self.status.details
        detail = provider_pb2.ErrorResourceInitFailed()
        assert packed.Unpack(detail)
        return detail


class Host:
    """One provider process."""

    def __init__(self, engine_address: str, folder: Path, config: Mapping[str, str]) -> None:
        (folder / "stranger.py").write_text(STRANGER)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(CLEANED)}
        environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "pulumi.dynamic", engine_address]
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._port()}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        args = _struct({f"baseten:{key}": value for key, value in config.items()})
        self._stub.Configure(provider_pb2.ConfigureRequest(args=args), timeout=SECONDS_TO_ANSWER)

    def ask(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=SECONDS_TO_ANSWER)
        except grpc.RpcError as error:
            raise RefusedError(error) from None

    def create(self, inputs: dict[str, Any], timeout: float = 0.0) -> Any:
        return self.ask("Create", provider_pb2.CreateRequest(urn=URN, properties=_struct(inputs), timeout=timeout))

    def refused(self, method: str, request: Any) -> RefusedError:
        with pytest.raises(RefusedError) as caught:
            self.ask(method, request)
        return caught.value

    def stop(self) -> None:
        self._channel.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _port(self) -> int:
        assert self._process.stdout is not None
        first: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: first.put(self._process.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        try:
            return int(first.get(timeout=SECONDS_TO_START))
        except BaseException:
            self._process.kill()
            raise


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def _inputs(provider: str = OURS, **changes: Any) -> dict[str, Any]:
    inputs = {
        "__provider": provider,
        "model_id": "abc123",
        "env_name": "production",
        "wait": True,
        "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
    }
    return {**inputs, **changes}


OUTPUTS: dict[str, Any] = {**_inputs(), "status": "ACCEPTED", "in_force": True}


@pytest.fixture(scope="module")
def reported() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def host(shown: "Engine", reported: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    config = {"apiKey": KEY, "baseUrl": reported.url}
    running = Host(shown.address, tmp_path_factory.mktemp("host"), config)
    yield running
    running.stop()


@pytest.fixture
def baseten(reported: Emulator, shown: "Engine") -> Emulator:
    """Baseten as new, settings in force at once."""
    reported.faults.clear()
    reported.add_model("abc123", "model", ["staging", "production"])
    reported.clear_requests()
    shown.lines.clear()
    return reported


def test_words_are_plain_when_the_very_first_call_of_a_process_goes_wrong(tmp_path: Path) -> None:
    """From the first call on the engine gets the error's own words and no traceback; no engine is needed for it."""
    host = Host("127.0.0.1:9", tmp_path, {})
    try:
        with pytest.raises(RefusedError) as caught:
            host.create(_inputs())
    finally:
        host.stop()
    assert caught.value.message == (
        "Baseten could not be asked.\n"
        "There is no API key: neither baseten:apiKey nor BASETEN_API_KEY is set. Nothing was sent.\n"
        "Run `pulumi config set --secret baseten:apiKey KEY`, or set BASETEN_API_KEY. "
        "Keys are made at https://app.baseten.co/settings/api_keys."
    )
    assert caught.value.status is not None
    assert (caught.value.status.code, len(caught.value.status.details)) == (2, 0)


def test_environment_is_adopted_when_a_resource_is_created(host: Host, baseten: Emulator) -> None:
    """Id and outputs, with the host's own entry."""
    answer = host.create(_inputs())
    assert answer.id == "abc123/production"
    assert MessageToDict(answer.properties) == OUTPUTS
    assert [request.method for request in baseten.requests] == ["PATCH", "GET"]


def test_integers_are_normal_when_checked(host: Host) -> None:
    """Numbers arrive as floats, nulls are dropped, and the counterpart of a percentage is declared."""
    news = _inputs(wait=None, status=None, promotion_settings={"rolling_deploy_config": {"max_surge_percent": 25.0}})
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=_struct(news)))
    assert list(answer.failures) == []
    config = {"max_surge_percent": 25, "max_unavailable_percent": 0}
    assert MessageToDict(answer.inputs) == _inputs(promotion_settings={"rolling_deploy_config": config})


def test_unknown_is_passed_on_when_checked_in_a_preview(host: Host) -> None:
    """What the engine sends for a value not known yet comes back as it was, at whatever depth."""
    news = _inputs(model_id=UNKNOWN, autoscaling_settings={"min_replica": UNKNOWN}, promotion_settings=UNKNOWN)
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=_struct(news)))
    assert (list(answer.failures), MessageToDict(answer.inputs)) == ([], news)


def test_failures_are_told_when_inputs_are_wrong(host: Host) -> None:
    """Path and rule."""
    news = _inputs(autoscaling_settings={"min_replica": 3, "max_replica": 2, "min_replicas": 3})
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=_struct(news)))
    assert [(failure.property, failure.reason) for failure in answer.failures] == [
        ("", 'autoscaling_settings.min_replicas: is not a known property; did you mean "min_replica"?')
    ]


@pytest.mark.parametrize(
    ("news", "changes", "replaces"),
    [
        (_inputs(), provider_pb2.DiffResponse.DIFF_NONE, []),
        (_inputs(autoscaling_settings={"min_replica": 1}), provider_pb2.DiffResponse.DIFF_SOME, []),
        (_inputs(model_id=UNKNOWN), provider_pb2.DiffResponse.DIFF_SOME, []),
        (_inputs(env_name="staging"), provider_pb2.DiffResponse.DIFF_SOME, ["env_name"]),
    ],
)
def test_difference_is_told_when_compared(news: dict[str, Any], changes: int, replaces: list[str], host: Host) -> None:
    """None, some, and what is replaced."""
    request = provider_pb2.DiffRequest(urn=URN, id="abc123/production", olds=_struct(OUTPUTS), news=_struct(news))
    answer = host.ask("Diff", request)
    assert (answer.changes, list(answer.replaces)) == (changes, replaces)


def test_resource_is_kept_when_its_timeout_ends_the_wait(host: Host, baseten: Emulator, shown: "Engine") -> None:
    """The custom timeout is honoured, the row told of the wait, and the engine is asked to keep the resource."""
    baseten.faults.add(Fault.never_applies())
    inputs = _inputs()
    with pytest.raises(RefusedError) as caught:
        host.create(inputs, timeout=1.0)
    text = (
        'Settings of environment "production" of model "abc123" were accepted but are not in force after 1 s.\n'
        "Still different: autoscaling_settings.min_replica is 0, wanted 1; autoscaling_settings.max_replica is 1, "
        "wanted 3. Baseten keeps the request; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )
    assert caught.value.message == text
    kept = caught.value.kept
    assert (kept.id, list(kept.reasons)) == ("abc123/production", [text])
    assert MessageToDict(kept.properties) == {**inputs, "status": "ACCEPTED", "in_force": False}
    assert MessageToDict(kept.inputs) == inputs
    texts = shown.await_lines(lambda found: len(found) >= 1)
    assert texts[0] == "waiting for 2 of 2 settings: min_replica 0 → 1, max_replica 1 → 3 (0 s)"
    assert {(line.urn, line.ephemeral) for line in shown.lines} == {(URN, True)}


def test_wanted_settings_are_kept_when_an_update_fails_after_it_was_sent(host: Host, baseten: Emulator) -> None:
    """State holds what was sent, so that a reverted program is an update and not nothing."""
    baseten.faults.add(Fault.status(401, {"error": f"expired {KEY}"}, method="GET"))
    news = _inputs(autoscaling_settings={"min_replica": 1, "max_replica": 6})
    request = provider_pb2.UpdateRequest(
        urn=URN, id="abc123/production", olds=_struct(OUTPUTS), news=_struct(news), timeout=5.0
    )
    refused = host.refused("Update", request)
    assert refused.message.startswith(
        'Settings of environment "production" of model "abc123" were sent but not read back.\n'
        "Baseten answered 401 to GET /v1/models/abc123/environments/production: expired [key]"
    )
    kept = MessageToDict(refused.kept.properties)
    assert (kept["autoscaling_settings"], kept["in_force"]) == ({"min_replica": 1, "max_replica": 6}, False)
    assert MessageToDict(refused.kept.inputs) == news
    assert KEY not in f"{refused.text}{refused.status}"


def test_nothing_is_kept_when_a_create_was_refused(host: Host, baseten: Emulator) -> None:
    """No resource came to be: plain words and no details."""
    with pytest.raises(RefusedError) as caught:
        host.create(_inputs(env_name="nowhere"))
    assert 'Model "abc123" has no environment "nowhere"; it has production, staging.' in caught.value.message
    assert caught.value.status is not None
    assert len(caught.value.status.details) == 0


def test_drift_is_in_outputs_and_inputs_when_refreshed(host: Host, baseten: Emulator) -> None:
    """The next preview shows what comes back."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 9})
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/production", properties=_struct(OUTPUTS))
    answer = host.ask("Read", request)
    seen = {"min_replica": 1, "max_replica": 9}
    assert answer.id == "abc123/production"
    assert MessageToDict(answer.properties) == {**OUTPUTS, "autoscaling_settings": seen}
    assert MessageToDict(answer.inputs) == _inputs(autoscaling_settings=seen)


def test_resource_is_gone_when_its_model_is(host: Host, baseten: Emulator) -> None:
    """An empty id and no crash."""
    request = provider_pb2.ReadRequest(urn=URN, id="nobody/production", properties=_struct(OUTPUTS))
    assert host.ask("Read", request).id == ""


def test_everything_is_read_when_a_program_looks_an_environment_up(host: Host, baseten: Emulator) -> None:
    """A `get` brings the host's own entry and nothing else."""
    inputs = _struct({"__provider": OURS})
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/staging", properties=inputs, inputs=inputs)
    found = MessageToDict(host.ask("Read", request).properties)
    assert (found["env_name"], found["autoscaling_settings"]["max_replica"]) == ("staging", 1)


def test_nothing_is_asked_and_the_engine_told_when_deleted(host: Host, baseten: Emulator, shown: "Engine") -> None:
    """Baseten keeps the settings, and the summary says so."""
    request = provider_pb2.DeleteRequest(urn=URN, id="abc123/production", properties=_struct(OUTPUTS))
    host.ask("Delete", request)
    assert baseten.requests == ()
    (line,) = shown.lines
    assert (line.message, line.urn) == ("Baseten keeps the settings; nothing was reverted", URN)
    assert (line.severity, line.ephemeral) == (engine_pb2.INFO, False)


def test_stranger_is_answered_by_the_stock_host_when_it_fails_beside_us(host: Host, baseten: Emulator) -> None:
    """Other providers of the program see the stock host, before and after ours was called."""
    request = provider_pb2.CreateRequest(urn=URN, properties=_struct(_inputs(STRANGERS)))
    for _ in range(2):
        refused = host.refused("Create", request)
        assert refused.status is None
        assert "the stranger's own trouble" in refused.text
        host.create(_inputs())
