import asyncio
import gc
import json
import logging
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
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
from baseten_pulumi.fields import members
from baseten_pulumi.program import asking
from baseten_pulumi.testing import Emulator
from tests.mocked import run
from tests.schedules import one_time, reported, schedule

MODEL = "lm4chat8"
ENVIRONMENT = f"/v1/models/{MODEL}/environments/production"
KEY = "k-lookup-4711"
ODD: Any = 7


def _later() -> Any:
    return pulumi.Output.from_input("llama-chat")


@pytest.fixture(scope="module")
def serving() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(serving: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Baseten, which has been asked nothing yet."""
    monkeypatch.setenv("BASETEN_BASE_URL", serving.url)
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    serving.faults.clear()
    serving.clear_requests()
    return serving


def _production() -> Environment:
    return get_environment(model_id=MODEL, env_name="production")


def _paths(emulator: Emulator) -> list[str]:
    return [request.path for request in emulator.requests]


def test_environment_is_typed_when_it_is_read(emulator: Emulator) -> None:
    """Integers and attributes at every depth, None for what Baseten reports as null."""
    found = _production()
    assert (found.model_id, found.env_name, found.in_progress_promotion) == (MODEL, "production", None)
    assert (found.autoscaling_settings.max_replica, found.autoscaling_settings.target_in_flight_tokens) == (3, None)
    assert found.promotion_settings.rolling_deploy_config is not None
    assert found.promotion_settings.rolling_deploy_config.max_surge_percent == 10
    assert get_environment(model_id=MODEL, env_name="dev").promotion_settings.rolling_deploy_config is None


def test_schedules_are_typed_when_an_environment_has_some(emulator: Emulator) -> None:
    """Each of them an object with attributes, those that run once too."""
    emulator.put_schedule("emb3d9x2", "staging", reported(schedule("peak")), "Europe/Berlin")
    emulator.put_schedule("emb3d9x2", "staging", one_time())
    found = get_environment(model_id="emb3d9x2", env_name="staging").autoscaling_schedule_settings
    assert (found.timezone, found.delete_schedules) == ("Europe/Berlin", None)
    assert found.schedules is not None
    peak, launch = found.schedules
    assert (peak.name, peak.start_hour, list(peak.weekdays or ())) == ("peak", 8, ["MONDAY", "FRIDAY"])
    assert (launch.cadence, launch.start_at) == ("ONE_TIME", "2027-01-01T08:00:00Z")
    assert launch.autoscaling_settings is not None
    assert launch.autoscaling_settings.max_replica == 9


def test_promotion_is_told_when_one_runs(emulator: Emulator) -> None:
    """What changes would queue behind is there, with its share of the traffic."""
    emulator.start_promotion("wh5pr3v1", "staging", percent=40)
    promotion = get_environment(model_id="wh5pr3v1", env_name="staging").in_progress_promotion
    assert promotion is not None
    assert (promotion.status, promotion.is_running, promotion.percent_traffic_to_new_version) == (
        "RAMPING_UP",
        True,
        40,
    )


def test_settings_are_lifted_when_an_output_is_read(emulator: Emulator) -> None:
    """Attributes are read through the output, and inputs may be outputs."""
    value, _ = run(
        lambda: (
            get_environment_output(
                model_id=find_model_output(name=pulumi.Output.from_input("llama-chat")).id, env_name="production"
            ).autoscaling_settings.min_replica
        )
    )
    assert value == 1


def test_a_whole_object_is_an_argument_when_it_was_read(emulator: Emulator) -> None:
    """What one environment has, another is given: without what is not reported."""

    def program() -> Any:
        found = get_environment_output(model_id=MODEL, env_name="production")
        plain = get_environment(model_id=MODEL, env_name="staging").promotion_settings
        return BasetenEnvironmentSettings(
            "dev",
            model_id=MODEL,
            env_name="dev",
            autoscaling_settings=found.autoscaling_settings,
            promotion_settings=plain,  # type: ignore[arg-type] # what was read is taken as well
        ).urn

    _, mocks = run(program)
    inputs = mocks.inputs("dev")
    assert (inputs["autoscaling_settings"]["max_replica"], len(inputs["autoscaling_settings"])) == (3, 7)
    assert inputs["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == 10


def test_environments_are_sorted_when_a_model_is_listed(emulator: Emulator) -> None:
    """One request tells them all; a model without any gives an empty sequence."""
    assert [it.env_name for it in list_environments(model_id=MODEL)] == ["dev", "production", "staging"]
    assert _paths(emulator) == [f"/v1/models/{MODEL}/environments"]
    emulator.add_model("empty000", "empty", ())
    assert list(list_environments(model_id="empty000")) == []
    listed, _ = run(lambda: list_environments_output(model_id=MODEL).apply(lambda all_: [it.env_name for it in all_]))
    assert listed == ["dev", "production", "staging"]


def test_model_is_found_when_it_is_named(emulator: Emulator) -> None:
    """A program writes what people call the model."""
    found = find_model(name="llama-chat")
    assert (found.id, found.name, found.team_name) == (MODEL, "llama-chat", "Fictional")


def test_one_request_is_sent_when_a_program_reads_the_same_often(emulator: Emulator) -> None:
    """Equal reads share it, whichever form they take, one after the other or all at once."""

    def program() -> pulumi.Output[Any]:
        later = [get_environment_output(model_id=MODEL, env_name="production") for _ in range(3)]
        now = [_production(), _production(), find_model(name="embeddings"), find_model(name="llama-chat")]
        assert now[0] == now[1]
        return pulumi.Output.all(*later)

    found, _ = run(program)
    assert found[0] == found[1] == found[2]
    assert sorted(_paths(emulator)) == ["/v1/models", ENVIRONMENT]


def test_the_next_program_asks_again_when_two_run_in_a_process(emulator: Emulator) -> None:
    """Programs of the Automation API, and tests, see no answer of another's."""
    for _ in range(2):
        run(_production)
    assert _paths(emulator) == [ENVIRONMENT] * 2


def test_nothing_is_shared_when_no_program_runs(emulator: Emulator) -> None:
    """Outside of Pulumi, and on threads that no program's context came to, nobody can say when an answer is over."""

    def program() -> list[Environment]:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda _: _production(), range(3)))

    run(program)
    Context().run(_production)
    assert _paths(emulator) == [ENVIRONMENT] * 4


def test_answers_go_when_their_program_is_over(emulator: Emulator) -> None:
    """A process that runs many programs does not gather what they read."""

    def program() -> "weakref.ref[Any]":
        _production()
        return weakref.ref(asking._programs.get())

    run(lambda: None)  # Pulumi keeps what the first program of a process had
    ended, _ = run(program)
    assert ended() is not None
    run(lambda: None)
    gc.collect()
    assert ended() is None


def test_it_is_asked_again_when_a_read_waited_for_a_resource(emulator: Emulator) -> None:
    """What is read after a change is not what was read before it."""

    def program() -> pulumi.Output[Any]:
        before = _production()
        settings = BasetenEnvironmentSettings(
            "it", model_id=MODEL, env_name="production", autoscaling_settings={"min_replica": 1}
        )
        emulator.change(MODEL, "production", {"max_replica": 5})
        after = [get_environment_output(model_id=settings.model_id, env_name=settings.env_name) for _ in range(2)]
        return pulumi.Output.all(*after).apply(
            lambda it: (
                before.autoscaling_settings.max_replica,
                *(each.autoscaling_settings.max_replica for each in it),
            )
        )

    found, _ = run(program)
    emulator.change(MODEL, "production", {"max_replica": 3})
    assert found == (3, 5, 5)
    assert _paths(emulator) == [ENVIRONMENT] * 2


def test_a_failure_is_forgotten_when_the_same_is_read_again(emulator: Emulator) -> None:
    """A program may try again."""

    def program() -> None:
        for _ in range(2):
            with pytest.raises(errors.EnvironmentNotFoundError):
                get_environment(model_id=MODEL, env_name="canary")

    run(program)
    assert _paths(emulator).count(f"/v1/models/{MODEL}/environments/canary") == 2


@pytest.mark.parametrize(
    ("read", "kind", "seen"),
    [
        (
            lambda: get_environment(model_id=MODEL, env_name="canary"),
            errors.EnvironmentNotFoundError,
            f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.',
        ),
        (
            lambda: list_environments(model_id="nosuch99"),
            errors.ModelNotFoundError,
            'Model "nosuch99" does not exist, or this API key cannot see it.',
        ),
        (
            lambda: get_environment(model_id="llama-chat", env_name="production"),
            errors.ModelNotFoundError,
            f'"llama-chat" is the name of a model; its id is {MODEL}.',
        ),
        (
            lambda: find_model(name="lama-chat"),
            errors.ModelNotFoundError,
            'models has that name; near it: "llama-chat" (lm4chat8, Fictional).',
        ),
        (
            lambda: get_environment(model_id="..", env_name="Production"),
            errors.ConfigurationError,
            'got ".."; env_name must consist of lower-case letters, digits and inner -, got "Production".',
        ),
        (lambda: list_environments(model_id=""), errors.ConfigurationError, "model_id is required."),
        (
            lambda: get_environment(model_id=_later(), env_name="production"),
            errors.ConfigurationError,
            "model_id is an Output, whose value is not known yet.",
        ),
        (
            lambda: find_model(name=_later()),
            errors.ConfigurationError,
            "name is an Output, whose value is not known yet.",
        ),
        (lambda: find_model(name=ODD), errors.ConfigurationError, "name must be a text that is not empty, got 7."),
        (lambda: find_model(name=""), errors.ConfigurationError, 'name must be a text that is not empty, got "".'),
    ],
)
def test_pulumi_shows_the_message_alone_when_nothing_is_found(
    read: Callable[[], object], kind: type[errors.BasetenError], seen: str, emulator: Emulator
) -> None:
    """An error keeps its class, and is one that Pulumi shows without a traceback; what is malformed is not sent."""
    with pytest.raises(kind) as caught:
        run(read)
    assert seen in caught.value.statements.seen
    assert bool(emulator.requests) == (kind is not errors.ConfigurationError)
    assert isinstance(caught.value, pulumi.RunError)
    assert (str(caught.value), type(caught.value).__name__) == (str(caught.value.statements), kind.__name__)
    assert KEY not in str(caught.value)


def test_two_models_are_told_apart_when_they_have_one_name(emulator: Emulator) -> None:
    """Which of them is meant, only the program knows."""
    emulator.add_model("tw1n0001", "twin")
    emulator.add_model("tw1n0002", "twin")
    with pytest.raises(errors.AmbiguousModelError, match=r"tw1n0001.*tw1n0002"):
        run(lambda: find_model(name="twin"))


def test_error_is_the_outputs_when_a_later_read_fails(emulator: Emulator) -> None:
    """It ends the program as it would where it is read at once."""
    with pytest.raises(errors.EnvironmentNotFoundError) as caught:
        run(lambda: get_environment_output(model_id=MODEL, env_name="canary"))
    assert isinstance(caught.value, pulumi.RunError)


def _without_key() -> Sequence[pulumi.Output[Any]]:
    return [
        get_environment_output(model_id=MODEL, env_name="production"),
        list_environments_output(model_id=MODEL),
        find_model_output(name="llama-chat"),
    ]


def test_outputs_are_unknown_when_a_preview_has_no_key(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A preview on a fork's pull request runs to its end, with one warning a program."""
    monkeypatch.delenv("BASETEN_API_KEY")

    def program() -> pulumi.Output[Any]:
        read = _without_key()
        inner = read[0].autoscaling_settings.min_replica
        return pulumi.Output.from_input([it.is_known() for it in (*read, inner)])

    for _ in range(2):
        with caplog.at_level(logging.WARNING):
            known, _ = run(program, preview=True)
        assert known == [False] * 4
    (first, second) = (record.message for record in caplog.records)
    assert (
        first
        == second
        == (
            "Without an API key this preview asks Baseten nothing: what the program looks up there is unknown. "
            "Set baseten:apiKey or BASETEN_API_KEY to see it."
        )
    )
    assert not emulator.requests


@pytest.mark.parametrize(("preview", "read"), [(True, _production), (False, lambda: _without_key()[0])])
def test_error_says_so_when_there_is_no_key(
    preview: bool, read: Callable[[], object], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain forms need one even in a preview, the others in an `up`."""
    monkeypatch.delenv("BASETEN_API_KEY")
    with pytest.raises(errors.MissingApiKeyError):
        run(read, preview=preview)


def test_key_is_the_stacks_when_it_is_configured(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration is read as by the resources: the stack's comes first."""
    monkeypatch.delenv("BASETEN_API_KEY")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"baseten:apiKey": "of-the-stack"}))
    assert run(_production)[0].env_name == "production"


async def _list_one_model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"models": [{"id": "abc123", "name": "m"}]}).encode()
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    writer.close()


def test_program_goes_on_when_an_output_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers here is on the program's own loop: a read that held it up would never be answered."""

    async def program() -> Any:
        async with await asyncio.start_server(_list_one_model, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setenv("BASETEN_BASE_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("BASETEN_API_KEY", KEY)
            return await find_model_output(name="m").id.future()

    assert run(lambda: pulumi.Output.from_input(program()))[0] == "abc123"


def test_one_request_is_sent_when_a_program_reads_on_threads_of_its_own(emulator: Emulator) -> None:
    """A plain read may be made on any thread; those with the program's context share."""

    def program() -> list[Environment]:
        contexts = [copy_context() for _ in range(8)]
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda context: context.run(_production), contexts))

    found, _ = run(program)
    assert len(found) == 8
    assert _paths(emulator) == [ENVIRONMENT]


def test_attributes_are_the_tables_when_an_environment_is_read() -> None:
    """Every object of settings is there, and what lookups return can be named."""
    objects = set(members(""))
    assert set(Environment.__annotations__) == {"model_id", "env_name", "in_progress_promotion"} | objects
    assert {"Environment", "Model", "Promotion"} <= set(baseten_pulumi.__all__)
