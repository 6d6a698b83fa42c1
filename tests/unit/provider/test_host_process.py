"""The real provider process, started and called as Pulumi's engine does; no CLI needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi.testing import Emulator, Fault
from tests.unit.provider.processes import KEY, OURS, STRANGERS, URN, Host, RefusedError, inputs, struct

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

OUTPUTS: dict[str, Any] = {**inputs(), "status": "ACCEPTED", "in_force": True, "requests": 1}


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def host(shown: "Engine", served: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    config = {"apiKey": KEY, "baseUrl": served.url}
    running = Host(shown.address, tmp_path_factory.mktemp("host"), config)
    yield running
    running.stop()


@pytest.fixture
def baseten(baseten: Emulator, shown: "Engine") -> Emulator:
    """Baseten as new, and nothing shown yet."""
    shown.lines.clear()
    return baseten


def test_words_are_plain_when_the_very_first_call_of_a_process_goes_wrong(tmp_path: Path) -> None:
    """From the first call on the engine gets the error's own words and no traceback; no engine is needed for it."""
    host = Host("127.0.0.1:9", tmp_path, {})
    try:
        with pytest.raises(RefusedError) as caught:
            host.create(inputs())
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
    answer = host.create(inputs())
    assert answer.id == "abc123/production"
    outputs = MessageToDict(answer.properties)
    assert outputs.pop("incarnation").isalnum()
    assert outputs == OUTPUTS
    assert [request.method for request in baseten.requests] == ["PATCH", "GET"]


def test_integers_are_normal_when_checked(host: Host) -> None:
    """Numbers arrive as floats, nulls are dropped, and the counterpart of a percentage is declared."""
    news = inputs(wait=None, status=None, promotion_settings={"rolling_deploy_config": {"max_surge_percent": 25.0}})
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=struct(news)))
    assert list(answer.failures) == []
    config = {"max_surge_percent": 25, "max_unavailable_percent": 0}
    assert MessageToDict(answer.inputs) == inputs(promotion_settings={"rolling_deploy_config": config})


def test_unknown_is_passed_on_when_checked_in_a_preview(host: Host) -> None:
    """What the engine sends for a value not known yet comes back as it was, at whatever depth."""
    news = inputs(model_id=UNKNOWN, autoscaling_settings={"min_replica": UNKNOWN}, promotion_settings=UNKNOWN)
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=struct(news)))
    assert (list(answer.failures), MessageToDict(answer.inputs)) == ([], news)


def test_failures_are_told_when_inputs_are_wrong(host: Host) -> None:
    """Path and rule."""
    news = inputs(autoscaling_settings={"min_replica": 3, "max_replica": 2, "min_replicas": 3})
    answer = host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=struct(news)))
    assert [(failure.property, failure.reason) for failure in answer.failures] == [
        ("", 'autoscaling_settings.min_replicas: is not a known property; did you mean "min_replica"?')
    ]


@pytest.mark.parametrize(
    ("news", "changes", "replaces"),
    [
        (inputs(), provider_pb2.DiffResponse.DIFF_NONE, []),
        (inputs(autoscaling_settings={"min_replica": 1}), provider_pb2.DiffResponse.DIFF_SOME, []),
        (inputs(model_id=UNKNOWN), provider_pb2.DiffResponse.DIFF_SOME, []),
        (inputs(env_name="staging"), provider_pb2.DiffResponse.DIFF_SOME, ["env_name"]),
    ],
)
def test_difference_is_told_when_compared(news: dict[str, Any], changes: int, replaces: list[str], host: Host) -> None:
    """None, some, and what is replaced."""
    request = provider_pb2.DiffRequest(urn=URN, id="abc123/production", olds=struct(OUTPUTS), news=struct(news))
    answer = host.ask("Diff", request)
    assert (answer.changes, list(answer.replaces)) == (changes, replaces)


def test_resource_is_kept_when_its_timeout_ends_the_wait(host: Host, baseten: Emulator, shown: "Engine") -> None:
    """The custom timeout is honoured, the row told of the wait, and the engine is asked to keep the resource."""
    baseten.faults.add(Fault.never_applies())
    props = inputs()
    with pytest.raises(RefusedError) as caught:
        host.create(props, timeout=1.0)
    text = (
        'Settings of environment "production" of model "abc123" were accepted but are not in force after 1 s.\n'
        "Still different: autoscaling_settings.min_replica is 0, wanted 1; autoscaling_settings.max_replica is 1, "
        "wanted 3. Baseten keeps the request; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )
    assert caught.value.message == text
    kept = caught.value.kept
    assert (kept.id, list(kept.reasons)) == ("abc123/production", [text])
    outputs = MessageToDict(kept.properties)
    assert outputs.pop("incarnation").isalnum()
    assert outputs == {**props, "status": "ACCEPTED", "in_force": False, "requests": 1}
    assert MessageToDict(kept.inputs) == props
    texts = shown.await_lines(lambda found: len(found) >= 1)
    row, _, _ = texts[0].partition(" (")  # How many seconds went by is the machine's affair.
    assert row == "waiting for 2 of 2 settings: min_replica 0 → 1, max_replica 1 → 3"
    assert {(line.urn, line.ephemeral) for line in shown.lines} == {(URN, True)}


def test_wanted_settings_are_kept_when_an_update_fails_after_it_was_sent(host: Host, baseten: Emulator) -> None:
    """State holds what was sent, so that a reverted program is an update and not nothing."""
    baseten.faults.add(Fault.status(401, {"error": f"expired {KEY}"}, method="GET"))
    news = inputs(autoscaling_settings={"min_replica": 1, "max_replica": 6})
    request = provider_pb2.UpdateRequest(
        urn=URN, id="abc123/production", olds=struct(OUTPUTS), news=struct(news), timeout=5.0
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
        host.create(inputs(env_name="nowhere"))
    assert 'Model "abc123" has no environment "nowhere"; it has production, staging.' in caught.value.message
    assert caught.value.status is not None
    assert len(caught.value.status.details) == 0


def test_drift_is_in_outputs_and_inputs_when_refreshed(host: Host, baseten: Emulator) -> None:
    """The next preview shows what comes back."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 9})
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/production", properties=struct(OUTPUTS))
    answer = host.ask("Read", request)
    seen = {"min_replica": 1, "max_replica": 9}
    assert answer.id == "abc123/production"
    assert MessageToDict(answer.properties) == {**OUTPUTS, "autoscaling_settings": seen}
    assert MessageToDict(answer.inputs) == inputs(autoscaling_settings=seen)


def test_resource_is_gone_when_its_model_is(host: Host, baseten: Emulator) -> None:
    """An empty id and no crash."""
    request = provider_pb2.ReadRequest(urn=URN, id="nobody/production", properties=struct(OUTPUTS))
    assert host.ask("Read", request).id == ""


def test_everything_is_read_when_a_program_looks_an_environment_up(host: Host, baseten: Emulator) -> None:
    """A `get` brings the host's own entry and nothing else."""
    looked_up = struct({"__provider": OURS})
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/staging", properties=looked_up, inputs=looked_up)
    found = MessageToDict(host.ask("Read", request).properties)
    assert (found["env_name"], found["autoscaling_settings"]["max_replica"]) == ("staging", 1)


def test_nothing_is_asked_and_the_engine_told_when_deleted(host: Host, baseten: Emulator, shown: "Engine") -> None:
    """Baseten keeps the settings, and the summary says so."""
    request = provider_pb2.DeleteRequest(urn=URN, id="abc123/production", properties=struct(OUTPUTS))
    host.ask("Delete", request)
    assert baseten.requests == ()
    (line,) = shown.lines
    assert (line.message, line.urn) == ("abc123/production: Baseten keeps the settings; nothing was reverted", URN)
    assert (line.severity, line.ephemeral) == (engine_pb2.INFO, False)


def test_stranger_is_answered_by_the_stock_host_when_it_fails_beside_us(host: Host, baseten: Emulator) -> None:
    """Other providers of the program see the stock host, before and after ours was called."""
    request = provider_pb2.CreateRequest(urn=URN, properties=struct(inputs(STRANGERS)))
    for _ in range(2):
        refused = host.refused("Create", request)
        assert refused.status is None
        assert "the stranger's own trouble" in refused.text
        host.create(inputs())
