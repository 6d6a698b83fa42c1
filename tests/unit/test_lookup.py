import asyncio
import contextlib
import copy
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pulumi
import pytest

from baseten_pulumi import (
    BasetenEnvironmentSettings,
    Deployment,
    Environment,
    InstanceType,
    Promotion,
    errors,
    find_model,
    find_model_output,
    get_environment,
    get_environment_output,
    list_environments,
    list_environments_output,
    list_models,
    list_models_output,
)
from baseten_pulumi.api import background
from baseten_pulumi.schema.settings import ADDITIONAL, TOP_LEVEL_GROUPS
from baseten_pulumi.testing import Emulator, Fault
from tests.mocked import run
from tests.programs import until

MODEL = "lm4chat8"
ENVIRONMENTS = f"/v1/models/{MODEL}/environments"
KEY = "k-lookup-4711"
NAMES = (("chat", "one"), ("twin", "one"), ("twin", "two"))


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


def _production_output() -> pulumi.Output[Environment]:
    return get_environment_output(model_id=MODEL, env_name="production")


def _paths(emulator: Emulator) -> list[str]:
    return [request.path for request in emulator.requests]


def test_environment_is_typed_when_it_is_read(emulator: Emulator) -> None:
    """It has integers and attributes at every depth, and None for what Baseten reports as null."""
    found = _production()
    assert list(found) == list(Environment.__annotations__)
    assert found.keys() >= {*TOP_LEVEL_GROUPS} - {ADDITIONAL}
    assert (found.model_id, found.env_name, found.in_progress_promotion) == (MODEL, "production", None)
    assert (found.autoscaling_settings.max_replica, found.autoscaling_settings.target_in_flight_tokens) == (3, None)
    assert found.promotion_settings.rolling_deploy_config is not None
    assert found.promotion_settings.rolling_deploy_config.max_surge_percent == 25
    assert get_environment(model_id=MODEL, env_name="dev").promotion_settings.rolling_deploy_config is None


def test_deployments_and_promotion_are_returned_when_one_is_running(emulator: Emulator) -> None:
    """With every property that the classes have, and None for what there is not."""
    emulator.start_promotion("wh5pr3v1", "staging", percent=40)
    found = get_environment(model_id="wh5pr3v1", env_name="staging")
    current, candidate, promotion = found.current_deployment, found.candidate_deployment, found.in_progress_promotion
    assert current is not None
    assert candidate is not None
    assert promotion is not None
    assert found.instance_type is not None
    parts = (
        (Deployment, current),
        (Deployment, candidate),
        (Promotion, promotion),
        (InstanceType, found.instance_type),
    )
    assert all(type(part) is kind and part.keys() == kind.__annotations__.keys() for kind, part in parts)
    assert (current.status, current.active_replica_count, current.labels) == ("SCALED_TO_ZERO", 0, None)
    assert (candidate.name, candidate.instance_type_name) == ("deployment-4", "L4:4x16")
    assert (found.instance_type.gpu_type, found.instance_type.gpu_memory_limit_mib) == ("L4", 24576)
    assert (promotion.status, promotion.is_running, promotion.percent_traffic_to_new_version) == (
        "RAMPING_UP",
        True,
        40,
    )
    emulator.finish_promotion("wh5pr3v1", "staging", "FAILED", "no capacity")
    found = get_environment(model_id="wh5pr3v1", env_name="staging")
    assert (found.candidate_deployment, found.current_deployment) == (None, current)
    assert found.in_progress_promotion is not None
    assert (found.in_progress_promotion.is_running, found.in_progress_promotion.error_message) == (False, "no capacity")


def test_result_is_a_dict_with_attributes_when_a_program_uses_it(emulator: Emulator) -> None:
    """As the outputs of a resource: keys, attributes, JSON, copies and text; a misspelt attribute is an error."""
    found = _production()
    assert found["current_deployment"]["name"] == found.current_deployment.name  # type: ignore[union-attr] # there is one
    assert (found["candidate_deployment"], found.candidate_deployment) == (None, None)
    assert json.loads(json.dumps(found)) == found
    assert repr(found).startswith(f"{{'model_id': '{MODEL}', 'env_name': 'production', 'created_at': '20")
    assert copy.deepcopy(found).autoscaling_settings.max_replica == 3
    assert Deployment(name="of a test").status is None
    with pytest.raises(AttributeError, match=r"^Environment has no attribute 'promotion'$"):
        found.promotion  # type: ignore[attr-defined] # noqa: B018
    exported, _ = run(lambda: pulumi.Output.json_dumps(_production_output()))
    assert json.loads(exported) == found


def test_environments_are_sorted_when_a_model_is_listed(emulator: Emulator) -> None:
    """One request reads them all, in both forms; a model without environments gives an empty sequence."""
    assert [it.env_name for it in list_environments(model_id=MODEL)] == ["dev", "production", "staging"]
    listed, _ = run(lambda: list_environments_output(model_id=MODEL).apply(lambda found: [it.env_name for it in found]))
    assert listed == ["dev", "production", "staging"]
    assert _paths(emulator) == [ENVIRONMENTS] * 2
    emulator.add_model("empty000", "empty", ())
    assert list(list_environments(model_id="empty000")) == []


def test_model_is_returned_when_its_name_is_given(emulator: Emulator) -> None:
    """One request, which names it; the whole list is read only to suggest names."""
    assert find_model(name="llama-chat") == {"id": MODEL, "name": "llama-chat", "team_name": "Fictional"}
    assert find_model(name="llama-chat", team="Fictional").id == MODEL
    assert [(it.path, it.query) for it in emulator.requests] == [("/v1/models", {"name": "llama-chat"})] * 2
    with pytest.raises(errors.ModelNotFoundError, match='similar names: "llama-chat"'):
        find_model(name="llama&chat?")
    assert [it.query for it in emulator.requests][2:] == [{"name": "llama&chat?"}, {}]
    with pytest.raises(errors.ModelNotFoundError, match=r'can see "llama-chat" \(lm4chat8, Fictional\)'):
        find_model(name="llama-chat", team="Other")


def test_model_is_found_when_the_server_ignores_the_name(emulator: Emulator) -> None:
    models = [{"id": f"m{at}", "name": name, "team_name": team} for at, (name, team) in enumerate(NAMES)]
    emulator.faults.add(Fault.body({"models": models}, path="/models$", times=None))
    assert (find_model(name="chat").id, find_model(name="twin", team="two").id) == ("m0", "m2")
    with pytest.raises(errors.AmbiguousModelError):
        find_model(name="twin")


def test_models_are_sorted_when_they_are_listed(emulator: Emulator) -> None:
    """In both forms, and a team narrows."""
    models = [{"id": f"m{at}", "name": name, "team_name": team} for at, (name, team) in enumerate(NAMES)]
    emulator.faults.add(Fault.body({"models": [*models, {"id": "m9"}]}, path="/models$", times=None))
    assert [it.id for it in list_models()] == ["m9", "m0", "m1", "m2"]
    listed, _ = run(lambda: list_models_output(team=_output("two")).apply(lambda found: [it.id for it in found]))
    assert listed == ["m2"]


@pytest.mark.parametrize("teams", [("one", "two"), ()])
def test_error_lists_the_teams_when_one_has_no_models(teams: Sequence[str], emulator: Emulator) -> None:
    """An empty result would delete what a program declares for each model; without a team, it is what Baseten has."""
    models = [{"id": f"m{at}", "team_name": team} for at, team in enumerate(teams)]
    emulator.faults.add(Fault.body({"models": models}, path="/models$", times=None))
    assert len(list_models()) == len(teams)
    with pytest.raises(errors.ModelNotFoundError) as caught:
        list_models(team="three")
    assert str(caught.value) == (
        'Models of team "three" could not be listed.\n'
        f"This API key can see {'models of one, two' if teams else 'no models'}.\n"
        "Correct the team, or check that the API key belongs to the models' workspace."
    )


def test_result_is_an_argument_when_another_lookup_or_resource_takes_it(emulator: Emulator) -> None:
    """Attributes are lifted; one environment gets the settings of another, without those that are not reported."""

    def program() -> Any:
        model = find_model_output(name=pulumi.Output.from_input("llama-chat"))
        found = get_environment_output(model_id=model.id, env_name="production")
        return BasetenEnvironmentSettings(
            "dev",
            model_id=MODEL,
            env_name="dev",
            autoscaling_settings=found.autoscaling_settings,
            promotion_settings=get_environment(model_id=MODEL, env_name="staging").promotion_settings,
        ).urn

    inputs = run(program)[1].inputs("dev")
    assert (inputs["autoscaling_settings"]["max_replica"], len(inputs["autoscaling_settings"])) == (3, 7)
    assert inputs["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == 25


def test_transient_error_is_retried_when_reading(emulator: Emulator) -> None:
    emulator.faults.add(Fault.status(503, times=1))
    assert _production().env_name == "production"
    assert len(emulator.requests) == 2


def test_equal_reads_share_a_request_when_one_is_under_way(emulator: Emulator) -> None:
    """Another argument is another request, and so is a read of what a resource changed."""
    emulator.faults.add(Fault.delay(0.3, times=None))

    def program() -> pulumi.Output[Any]:
        settings = BasetenEnvironmentSettings(
            "it", model_id=MODEL, env_name="production", autoscaling_settings={"min_replica": 1}
        )
        before = [_production_output() for _ in range(3)]
        after = [get_environment_output(model_id=MODEL, env_name=settings.env_name) for _ in range(2)]
        other = get_environment_output(model_id=MODEL, env_name="dev")
        return pulumi.Output.all(*before, *after, other).apply(lambda found: [it["env_name"] for it in found])

    assert run(program)[0] == [*["production"] * 5, "dev"]
    assert sorted(_paths(emulator)) == [f"{ENVIRONMENTS}/dev", *[f"{ENVIRONMENTS}/production"] * 2]


def test_plain_read_returns_a_change_when_an_equal_read_from_before_it_is_under_way(emulator: Emulator) -> None:
    """As in a hook, or in an `apply` of the resource that made the change."""
    emulator.faults.add(Fault.slow_body(1.0, times=1))

    def program() -> pulumi.Output[Any]:
        before = _production_output()

        async def change(_: str) -> Environment:
            await asyncio.to_thread(until, lambda: bool(emulator.requests))
            emulator.change(MODEL, "production", {"max_replica": 5})
            return _production()

        after: pulumi.Output[Environment] = pulumi.Output.from_input("changed").apply(change)
        replicas = [it.autoscaling_settings.max_replica for it in (before, after)]
        return pulumi.Output.all(*replicas)

    found, _ = run(program)
    emulator.change(MODEL, "production", {"max_replica": 3})
    assert found == [3, 5]


def test_changed_value_is_returned_when_it_is_read_again(emulator: Emulator) -> None:
    """Nothing is remembered, not even within one program."""

    def program() -> list[int | None]:
        before = _production()
        emulator.change(MODEL, "production", {"max_replica": 5})
        return [it.autoscaling_settings.max_replica for it in (before, _production())]

    found, _ = run(program)
    emulator.change(MODEL, "production", {"max_replica": 3})
    assert found == [3, 5]


def test_connection_is_kept_and_then_closed_when_lookups_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads run beside the program's own event loop, on which the server is here, and leave no socket behind."""
    monkeypatch.setattr(background, "IDLE_SECONDS", 0.2)
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    opened, is_closed = [], asyncio.Event()
    body = json.dumps({"models": [{"id": "abc123", "name": "m"}]}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()
        is_closed.set()

    async def program() -> list[str]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        monkeypatch.setenv("BASETEN_BASE_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        found = [str(await find_model_output(name="m").id.future()) for _ in range(3)]
        await asyncio.wait_for(is_closed.wait(), 10)
        server.close()
        return found

    assert run(lambda: pulumi.Output.from_input(program()))[0] == ["abc123"] * 3
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda: get_environment(model_id=MODEL, env_name="canary"), errors.EnvironmentNotFoundError),
        (lambda: list_environments(model_id="nosuch99"), errors.ModelNotFoundError),
        (lambda: find_model(name="lama-chat"), errors.ModelNotFoundError),
        (lambda: find_model(name="twin"), errors.AmbiguousModelError),
        (lambda: get_environment_output(model_id=MODEL, env_name="canary"), errors.EnvironmentNotFoundError),
    ],
)
def test_error_has_no_traceback_in_pulumi_when_nothing_is_found(
    read: Callable[[], object], kind: type[errors.BasetenError], emulator: Emulator
) -> None:
    """It keeps its class and attributes and is a `pulumi.RunError`, of which Pulumi shows the message alone."""
    for model_id in ("tw1n0001", "tw1n0002"):
        emulator.add_model(model_id, "twin")
    with pytest.raises(kind) as caught:
        run(read)
    assert isinstance(caught.value, pulumi.RunError)
    assert (str(caught.value), type(caught.value).__name__) == (str(caught.value.message), kind.__name__)


def _output(value: str) -> Any:
    return pulumi.Output.from_input(value)


OUTPUT_RULE = "is an Output, whose value is not known yet."
NUMBER: Any = 7


@pytest.mark.parametrize(
    ("read", "observed"),
    [
        (
            lambda: get_environment(model_id="..", env_name=""),
            'model_id: must contain only letters, digits, - and _, got "..". env_name: is required.',
        ),
        (lambda: list_environments(model_id=""), "model_id: is required."),
        (lambda: find_model(name=""), 'name: must be a non-empty string, got "".'),
        (lambda: find_model(name=NUMBER), "name: must be a non-empty string, got 7."),
        (lambda: find_model(name="m", team=""), 'team: must be a non-empty string, got "".'),
        (lambda: list_models(team=NUMBER), "team: must be a non-empty string, got 7."),
        (lambda: find_model(name=_output("llama-chat")), f"name: {OUTPUT_RULE}"),
        (lambda: get_environment(model_id=_output(MODEL), env_name=".."), f"model_id: {OUTPUT_RULE}"),
    ],
)
def test_lookup_is_refused_when_an_argument_is_malformed(
    read: Callable[[], object], observed: str, emulator: Emulator
) -> None:
    """Every argument is named by its rule, and nothing is sent."""
    with pytest.raises(errors.ConfigurationError) as caught:
        run(read)
    assert isinstance(caught.value, pulumi.RunError)
    has_outputs = OUTPUT_RULE in observed
    action = (
        "Use the function whose name ends in _output; it accepts outputs."
        if has_outputs
        else "Correct it in the program."
    )
    assert caught.value.message == errors.Message("The lookup failed.", observed, "Nothing was sent.", action)
    assert not emulator.requests


def test_outputs_are_unknown_when_a_preview_has_no_key(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A preview of a pull request from a fork succeeds, with one warning for each stack."""
    monkeypatch.delenv("BASETEN_API_KEY")

    def program() -> list[Any]:
        found = _production_output()
        outputs = (list_environments_output(model_id=MODEL), find_model_output(name="llama-chat"), found)
        return [it.is_known() for it in (*outputs, found.autoscaling_settings.min_replica)]

    with caplog.at_level(logging.WARNING):
        for stack in ("keyless", "keyless", "other"):
            assert run(lambda: pulumi.Output.from_input(program()), preview=True, stack=stack)[0] == [False] * 4
    warning = (
        "No API key is configured, so values that this program reads from Baseten are unknown in this preview. "
        "Set baseten:apiKey or BASETEN_API_KEY to see them."
    )
    assert [record.message for record in caplog.records] == [warning] * 2
    assert not emulator.requests


@pytest.mark.parametrize(("is_preview", "read"), [(True, _production), (False, _production_output)])
def test_error_is_raised_when_a_value_is_needed_and_there_is_no_key(
    is_preview: bool, read: Callable[[], object], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain forms need a key in previews too, the others only in an `up`."""
    monkeypatch.delenv("BASETEN_API_KEY")
    with pytest.raises(errors.MissingApiKeyError):
        run(read, preview=is_preview)


def test_key_of_the_stack_is_used_when_it_is_configured(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASETEN_API_KEY")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"baseten:apiKey": "of-the-stack"}))
    assert run(_production)[0].env_name == "production"
