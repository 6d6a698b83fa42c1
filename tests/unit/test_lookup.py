import asyncio
import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
import pytest

import baseten_pulumi
from baseten_pulumi import (
    BasetenEnvironmentSettings,
    Environment,
    errors,
    find_model,
    find_model_output,
    get_environment,
    get_environment_output,
    list_environments,
    list_environments_output,
)
from baseten_pulumi.api import background
from baseten_pulumi.schema.settings import TOP_LEVEL_GROUPS
from baseten_pulumi.testing import Emulator, Fault
from tests.mocked import run

MODEL = "lm4chat8"
ENVIRONMENTS = f"/v1/models/{MODEL}/environments"
KEY = "k-lookup-4711"
NUMBER: Any = 7


@pytest.fixture(scope="module")
def serving() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(serving: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Baseten, to which no request was sent yet."""
    monkeypatch.setenv("BASETEN_BASE_URL", serving.url)
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    serving.faults.clear()
    serving.clear_requests()
    return serving


def _production() -> Environment:
    return get_environment(model_id=MODEL, env_name="production")


def _paths(emulator: Emulator) -> list[str]:
    return [request.path for request in emulator.requests]


# --- results ------------------------------------------------------------------------------------------------------


def test_environment_is_typed_when_it_is_read(emulator: Emulator) -> None:
    """It has integers and attributes at every depth, and None for what Baseten reports as null."""
    found = _production()
    assert (found.model_id, found.env_name, found.in_progress_promotion) == (MODEL, "production", None)
    assert (found.autoscaling_settings.max_replica, found.autoscaling_settings.target_in_flight_tokens) == (3, None)
    assert found.promotion_settings.rolling_deploy_config is not None
    assert found.promotion_settings.rolling_deploy_config.max_surge_percent == 10
    assert get_environment(model_id=MODEL, env_name="dev").promotion_settings.rolling_deploy_config is None


def test_every_object_of_settings_is_an_attribute_when_an_environment_is_read() -> None:
    """What lookups return has the objects of the table and can be named in annotations."""
    own = {"model_id", "env_name", "in_progress_promotion"}
    assert set(Environment.__annotations__) == {*own, *TOP_LEVEL_GROUPS}
    assert {"Environment", "Model", "Promotion"} <= set(baseten_pulumi.__all__)


def test_promotion_is_returned_when_one_is_running(emulator: Emulator) -> None:
    """It has its status and its share of the traffic."""
    emulator.start_promotion("wh5pr3v1", "staging", percent=40)
    found = get_environment(model_id="wh5pr3v1", env_name="staging").in_progress_promotion
    assert found is not None
    assert (found.status, found.is_running, found.percent_traffic_to_new_version) == ("RAMPING_UP", True, 40)


def test_environments_are_sorted_when_a_model_is_listed(emulator: Emulator) -> None:
    """One request reads them all, in both forms; a model without environments gives an empty sequence."""
    assert [it.env_name for it in list_environments(model_id=MODEL)] == ["dev", "production", "staging"]
    listed, _ = run(lambda: list_environments_output(model_id=MODEL).apply(lambda found: [it.env_name for it in found]))
    assert listed == ["dev", "production", "staging"]
    assert _paths(emulator) == [ENVIRONMENTS] * 2
    emulator.add_model("empty000", "empty", ())
    assert list(list_environments(model_id="empty000")) == []


def test_model_is_returned_when_its_name_is_given(emulator: Emulator) -> None:
    """It has the id that every other call takes."""
    found = find_model(name="llama-chat")
    assert (found.id, found.name, found.team_name) == (MODEL, "llama-chat", "Fictional")


def test_arguments_may_be_outputs_when_an_output_is_returned(emulator: Emulator) -> None:
    """Attributes are lifted, so that one lookup is the argument of the next."""

    def program() -> pulumi.Output[Any]:
        model = find_model_output(name=pulumi.Output.from_input("llama-chat"))
        return get_environment_output(model_id=model.id, env_name="production").autoscaling_settings.min_replica

    assert run(program)[0] == 1


def test_object_of_settings_is_an_argument_when_it_was_looked_up(emulator: Emulator) -> None:
    """One environment gets the settings of another, without those that are not reported."""

    def program() -> Any:
        found = get_environment_output(model_id=MODEL, env_name="production")
        plain = get_environment(model_id=MODEL, env_name="staging").promotion_settings
        return BasetenEnvironmentSettings(
            "dev",
            model_id=MODEL,
            env_name="dev",
            autoscaling_settings=found.autoscaling_settings,
            promotion_settings=plain,
        ).urn

    inputs = run(program)[1].inputs("dev")
    assert (inputs["autoscaling_settings"]["max_replica"], len(inputs["autoscaling_settings"])) == (3, 7)
    assert inputs["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == 10


def test_transient_error_is_retried_when_reading(emulator: Emulator) -> None:
    """A lookup does not fail for a single 503."""
    emulator.faults.add(Fault.status(503, times=1))
    assert _production().env_name == "production"
    assert len(emulator.requests) == 2


# --- sharing ------------------------------------------------------------------------------------------------------


def test_equal_reads_share_a_request_when_one_is_under_way(emulator: Emulator) -> None:
    """Both forms and every thread share it; another argument is another request."""
    emulator.faults.add(Fault.delay(0.3, times=None))

    def program() -> pulumi.Output[Any]:
        outputs = [get_environment_output(model_id=MODEL, env_name="production") for _ in range(3)]
        other = get_environment_output(model_id=MODEL, env_name="dev")
        return pulumi.Output.all(*outputs, other).apply(lambda found: [it.env_name for it in found])

    assert run(program)[0] == ["production", "production", "production", "dev"]
    with ThreadPoolExecutor(4) as threads:
        assert len({it.env_name for it in threads.map(lambda _: _production(), range(4))}) == 1
    assert sorted(_paths(emulator)) == [f"{ENVIRONMENTS}/dev", *[f"{ENVIRONMENTS}/production"] * 2]


def test_changed_value_is_returned_when_it_is_read_again(emulator: Emulator) -> None:
    """Nothing is remembered, not even within one program."""

    def program() -> list[int | None]:
        before = _production()
        emulator.change(MODEL, "production", {"max_replica": 5})
        return [it.autoscaling_settings.max_replica for it in (before, _production())]

    found, _ = run(program)
    emulator.change(MODEL, "production", {"max_replica": 3})
    assert found == [3, 5]


def test_read_is_not_shared_when_it_waited_for_a_resource(emulator: Emulator) -> None:
    """The response of a read that began before the change could be older than the change."""
    emulator.faults.add(Fault.delay(0.3, times=None))

    def program() -> pulumi.Output[Any]:
        settings = BasetenEnvironmentSettings(
            "it", model_id=MODEL, env_name="production", autoscaling_settings={"min_replica": 1}
        )
        before = get_environment_output(model_id=MODEL, env_name="production")
        after = [get_environment_output(model_id=settings.model_id, env_name=settings.env_name) for _ in range(2)]
        return pulumi.Output.all(before, *after).apply(len)

    assert run(program)[0] == 3
    assert _paths(emulator) == [f"{ENVIRONMENTS}/production"] * 2


# --- connections --------------------------------------------------------------------------------------------------


class _Server:
    """A server on the program's own event loop that lists one model and counts its connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.is_closed = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        asyncio.get_running_loop().call_later(10, writer.transport.abort)  # rather fail than hang
        body = json.dumps({"models": [{"id": "abc123", "name": "m"}]}).encode()
        while await self._has_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()
        self.is_closed.set()

    async def _has_request(self, reader: asyncio.StreamReader) -> bool:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        return True


def test_connection_is_kept_and_then_closed_when_lookups_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads run beside the program's own event loop, on which the server is here, and leave no socket behind."""
    monkeypatch.setattr(background, "IDLE_SECONDS", 0.2)
    monkeypatch.setenv("BASETEN_API_KEY", KEY)

    async def program() -> tuple[list[str], int]:
        server = _Server()
        async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
            monkeypatch.setenv("BASETEN_BASE_URL", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
            found = [await find_model_output(name="m").id.future() for _ in range(3)]
            await asyncio.wait_for(server.is_closed.wait(), 5)
        return [str(it) for it in found], server.connections

    assert run(lambda: pulumi.Output.from_input(program()))[0] == (["abc123"] * 3, 1)


def test_lookup_works_when_the_process_was_forked(emulator: Emulator) -> None:
    """The child starts an event loop and connections of its own, and leaves the parent's alone."""
    script = """
        import os, signal
        from baseten_pulumi import find_model

        def look_up():
            return find_model(name="llama-chat").id

        assert look_up() == "lm4chat8"
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if look_up() == "lm4chat8" else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert look_up() == "lm4chat8"
    """
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert _paths(emulator) == ["/v1/models"] * 3


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda: get_environment(model_id=MODEL, env_name="canary"), errors.EnvironmentNotFoundError),
        (lambda: list_environments(model_id="nosuch99"), errors.ModelNotFoundError),
        (lambda: find_model(name="lama-chat"), errors.ModelNotFoundError),
        (lambda: get_environment_output(model_id=MODEL, env_name="canary"), errors.EnvironmentNotFoundError),
    ],
)
def test_error_has_no_traceback_in_pulumi_when_nothing_is_found(
    read: Callable[[], object], kind: type[errors.BasetenError], emulator: Emulator
) -> None:
    """It keeps its class and attributes and is a `pulumi.RunError`, of which Pulumi shows the message alone."""
    with pytest.raises(kind) as caught:
        run(read)
    assert isinstance(caught.value, pulumi.RunError)
    assert (str(caught.value), type(caught.value).__name__) == (str(caught.value.message), kind.__name__)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("read", "observed", "action"),
    [
        (lambda: list_environments(model_id=""), "model_id: is required.", "Correct it in the program."),
        (
            lambda: get_environment(model_id="..", env_name="Production"),
            (
                'model_id: must contain only letters, digits, - and _, got "..". '
                "env_name: must contain only lowercase letters, digits and -, "
                'and start and end with a letter or digit, got "Production".'
            ),
            "Correct it in the program.",
        ),
        (
            lambda: find_model(name=""),
            'name: must be a non-empty string, got "".',
            "Correct it in the program.",
        ),
        (
            lambda: find_model(name=NUMBER),
            "name: must be a non-empty string, got 7.",
            "Correct it in the program.",
        ),
        (
            lambda: run(lambda: find_model(name=_output("llama-chat"))),
            "name: is an Output, whose value is not known yet.",
            "Use the function whose name ends in _output; it accepts outputs.",
        ),
        (
            lambda: run(lambda: get_environment(model_id=_output(MODEL), env_name="..")),
            "model_id: is an Output, whose value is not known yet.",
            "Use the function whose name ends in _output; it accepts outputs.",
        ),
    ],
)
def test_lookup_is_refused_when_an_argument_is_malformed(
    read: Callable[[], object], observed: str, action: str, emulator: Emulator
) -> None:
    """Every argument is named by its rule, and nothing is sent."""
    with pytest.raises(errors.ConfigurationError) as caught:
        read()
    assert isinstance(caught.value, pulumi.RunError)
    assert caught.value.message == errors.Message("The lookup failed.", observed, "Nothing was sent.", action)
    assert not emulator.requests


def _output(value: str) -> Any:
    return pulumi.Output.from_input(value)


def test_ids_are_listed_when_several_models_have_the_name(emulator: Emulator) -> None:
    """Only the author of the program knows which one is meant."""
    emulator.add_model("tw1n0001", "twin")
    emulator.add_model("tw1n0002", "twin")
    with pytest.raises(errors.AmbiguousModelError, match=r"tw1n0001.*tw1n0002"):
        find_model(name="twin")


# --- the API key --------------------------------------------------------------------------------------------------


def _outputs() -> Sequence[pulumi.Output[Any]]:
    return [
        get_environment_output(model_id=MODEL, env_name="production"),
        list_environments_output(model_id=MODEL),
        find_model_output(name="llama-chat"),
    ]


def test_outputs_are_unknown_when_a_preview_has_no_key(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A preview of a pull request from a fork succeeds, with one warning for each stack."""
    monkeypatch.delenv("BASETEN_API_KEY")

    def program() -> pulumi.Output[Any]:
        outputs = _outputs()
        inner = outputs[0].autoscaling_settings.min_replica
        return pulumi.Output.from_input([it.is_known() for it in (*outputs, inner)])

    with caplog.at_level(logging.WARNING):
        for stack in ("keyless", "keyless", "other"):
            assert run(program, preview=True, stack=stack)[0] == [False] * 4
    warning = (
        "No API key is configured, so values that this program reads from Baseten are unknown in this preview. "
        "Set baseten:apiKey or BASETEN_API_KEY to see them."
    )
    assert [record.message for record in caplog.records] == [warning] * 2
    assert not emulator.requests


@pytest.mark.parametrize(("is_preview", "read"), [(True, _production), (False, lambda: _outputs()[0])])
def test_error_is_raised_when_a_value_is_needed_and_there_is_no_key(
    is_preview: bool, read: Callable[[], object], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain forms need a key in previews too, the others only in an `up`."""
    monkeypatch.delenv("BASETEN_API_KEY")
    with pytest.raises(errors.MissingApiKeyError):
        run(read, preview=is_preview)


def test_key_of_the_stack_is_used_when_it_is_configured(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration is read as it is for resources."""
    monkeypatch.delenv("BASETEN_API_KEY")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"baseten:apiKey": "of-the-stack"}))
    assert run(_production)[0].env_name == "production"
