from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pulumi
import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi import BasetenEnvironmentSettings, BasetenModelEnvironments
from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.program import previewing
from baseten_pulumi.testing import Emulator, Fault
from baseten_pulumi.testing.engine.values import SECRET, SIGNATURE
from tests.mocked import run
from tests.schedules import schedule

TO_ZERO = "min_replica is 0 on production: without traffic it scales to zero, and the next request waits for a start."
IN_VAIN = "rolling_deploy_config has no effect while rolling_deploy is off; Baseten only stores it."
IN_VAIN_THERE = IN_VAIN.replace("off;", "off at Baseten;")
ADDRESS = "abc123/production: "
KEY = "k-preview-4711"
WARNING, INFO = engine_pb2.WARNING, engine_pb2.INFO
Lines = list[tuple["engine_pb2.LogSeverity.ValueType", str, str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What programs log on rows: severity, the resource's name, text."""
    lines: Lines = []

    def log(_: MockEngine, request: engine_pb2.LogRequest) -> None:
        if request.severity != engine_pb2.DEBUG:
            lines.append((request.severity, request.urn.rpartition("::")[2], request.message))

    monkeypatch.setattr(MockEngine, "Log", log)
    return lines


@pytest.fixture
def _configured(baseten: Emulator) -> Iterator[None]:
    """A stack that has its previews read."""
    config = {"baseten:previewReads": "true", "baseten:apiKey": KEY, "baseten:baseUrl": baseten.url}
    pulumi.runtime.set_all_config(config, ["baseten:apiKey"])
    yield
    pulumi.runtime.set_all_config({})


def _declare(name: str = "chat", **arguments: Any) -> BasetenEnvironmentSettings:
    how = {"model_id": "abc123", "env_name": "production", "autoscaling_settings": {"min_replica": 0}, **arguments}
    return BasetenEnvironmentSettings(name, **how)


def _preview(program: Callable[[], Any], *, is_unchanged: bool = False) -> None:
    """Preview: of what stays as it is all outputs are known, of what is created or updated not one."""
    run(program, preview=True, outputs={"in_force": True} if is_unchanged else {})


def _unknown() -> pulumi.Output[Any]:
    """Something that is known after the next `up`, however it came to be so."""
    return pulumi.Output.from_input(UNKNOWN).apply(lambda value: value)


@pytest.mark.parametrize("is_preview", [True, False])
def test_row_says_it_once_when_settings_deserve_a_warning(is_preview: bool, told: Lines) -> None:
    """A short program ends after the warning was sent, and an update leaves it to the preview before."""
    run(_declare, preview=is_preview)
    assert told == ([(WARNING, "chat", f"{ADDRESS}{TO_ZERO}")] if is_preview else [])


def test_children_are_warned_of_on_their_own_rows_when_a_component_declares_them(told: Lines) -> None:
    """Each environment is a resource of its own, its defaults included."""
    _preview(
        lambda: BasetenModelEnvironments(
            "chat",
            model_id="abc123",
            defaults={"autoscaling_settings": {"min_replica": 0}},
            environments={"staging": {}, "production": {}},
            wait=False,
        )
    )
    assert told == [(WARNING, "chat-production", f"{ADDRESS}{TO_ZERO}")]


def test_what_is_known_is_warned_of_when_the_rest_is_not(told: Lines) -> None:
    """Outputs are heeded as far as they are known, and nothing waits for the others."""

    def program() -> None:
        config = {"max_surge_percent": pulumi.Output.from_input(9), "stabilization_time_seconds": _unknown()}
        _declare("one", model_id=_unknown(), env_name=pulumi.Output.from_input("production"))
        _declare("two", env_name=_unknown())
        _declare("three", autoscaling_settings={"min_replica": _unknown()})
        _declare(
            "four",
            autoscaling_settings=_unknown(),
            promotion_settings={"rolling_deploy": pulumi.Output.from_input(False), "rolling_deploy_config": config},
        )
        scheduled = {"timezone": "UTC", "schedules": [schedule(start_hour=_unknown())]}
        _declare("five", autoscaling_schedule_settings=scheduled)

    _preview(program)
    assert sorted(told) == [
        (WARNING, "five", f"{ADDRESS}{TO_ZERO}"),
        (WARNING, "four", f"{ADDRESS}{IN_VAIN}"),
        (WARNING, "one", TO_ZERO),
    ]


def test_nothing_is_said_when_the_engine_leaves_the_resource_out(told: Lines) -> None:
    """It answers without any property, as under `--target` of what is not created yet."""
    run(_declare, preview=True, outputs=dict.fromkeys(("model_id", "env_name", "autoscaling_settings")))
    assert told == []


def test_nothing_is_told_when_a_value_is_secret(told: Lines) -> None:
    """A warning would tell it."""

    def program() -> None:
        _declare("one", autoscaling_settings={"min_replica": pulumi.Output.secret(0)})
        _declare("two", env_name="staging", autoscaling_settings=pulumi.Output.secret({"min_replica": 0}))
        _declare("three", env_name=pulumi.Output.secret("production"), autoscaling_settings={"max_replica": 2})

    _preview(program)
    assert told == []


def test_preview_goes_on_when_inputs_are_refused_or_awaited(told: Lines) -> None:
    """What is wrong is the engine's to say; what can be awaited once only is the engine's to await."""

    async def late() -> dict[str, int]:
        return {"min_replica": 0}

    def program() -> None:
        _declare("one", autoscaling_settings={"min_replica": -1})
        _declare("two", env_name="staging", autoscaling_settings=late())
        BasetenEnvironmentSettings.get("found", "abc123/production")

    _preview(program)
    assert told == []


@pytest.mark.usefixtures("_configured")
def test_changes_are_forecast_with_one_request_when_the_stack_has_previews_read(baseten: Emulator, told: Lines) -> None:
    """What Baseten reports now of each declared setting that differs, for all environments of a model together."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 1})
    baseten.start_promotion("abc123", "production", percent=40)
    rest = "scale_down_delay: will be [secret]; promotion RAMPING_UP, 40 %"

    def program() -> None:
        hidden = pulumi.Output.secret(7)
        _declare(autoscaling_settings={"min_replica": 3, "max_replica": 4, "scale_down_delay": hidden})
        _declare("calm", env_name="staging", autoscaling_settings={"min_replica": 0})
        _declare("later", env_name=_unknown())
        _declare("hidden", env_name=pulumi.Output.secret("staging"), autoscaling_settings={"max_replica": 9})

    _preview(program)
    assert told == [
        (
            INFO,
            "chat",
            f"{ADDRESS}min_replica: now 1, will be 3; max_replica: now 1, will be 4; {rest}",
        )
    ]
    assert [request.path for request in baseten.requests] == ["/v1/models/abc123/environments"]


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("declared", [5, pulumi.Output.secret])
def test_drift_is_warned_of_when_no_update_is_due(declared: Any, baseten: Emulator, told: Lines) -> None:
    """An `up` compares with state: it promises no change of what only a refresh would find."""
    baseten.change("abc123", "production", {"max_replica": 9})
    secret = callable(declared)
    _preview(
        lambda: _declare(autoscaling_settings={"max_replica": declared(5) if secret else declared}), is_unchanged=True
    )
    found = "max_replica: declared [secret]" if secret else "max_replica: now 9, declared 5"
    advice = "No update is due until a refresh has seen it: `pulumi up --refresh`."
    assert told == [(WARNING, "chat", f"{ADDRESS}{found}. {advice}")]


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("is_unchanged", [True, False])
def test_what_the_engine_registered_is_compared_when_it_is_not_what_the_program_wrote(
    is_unchanged: bool, baseten: Emulator, told: Lines
) -> None:
    """Transforms and `ignore_changes` have the last word on inputs, and so on what is told of them."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    registered = {"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}
    known = {"in_force": True} if is_unchanged else {}
    program = partial(_declare, autoscaling_settings={"min_replica": 0, "max_replica": 5})
    run(program, preview=True, outputs={**registered, **known})
    assert told == []


@pytest.mark.usefixtures("_configured")
def test_value_is_not_told_when_a_transform_made_it_secret(baseten: Emulator, told: Lines) -> None:
    """The program wrote none."""
    registered = {SIGNATURE: SECRET, "value": {"max_replica": 4711}}
    run(_declare, preview=True, outputs={"autoscaling_settings": registered})
    assert told == [(INFO, "chat", f"{ADDRESS}max_replica: will be [secret]")]


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("known", [{"in_force": True}, {}])
def test_setting_is_not_compared_when_the_engine_left_its_group_out(
    known: dict[str, bool], baseten: Emulator, told: Lines
) -> None:
    """A whole group may be ignored that was never declared before."""
    program = partial(_declare, promotion_settings={"rolling_deploy": True, "ramp_up_duration_seconds": 7})
    run(
        program, preview=True, outputs={"autoscaling_settings": {"max_replica": 1}, "promotion_settings": None, **known}
    )
    assert told == []


@pytest.mark.usefixtures("_configured")
def test_value_is_not_told_when_a_transform_hid_it_beside_a_secret_of_the_program(
    baseten: Emulator, told: Lines
) -> None:
    """Pulumi tells of the group alone."""
    hidden = {SIGNATURE: SECRET, "value": {"min_replica": 1, "max_replica": 4711}}

    def program() -> None:
        _declare(autoscaling_settings={"min_replica": pulumi.Output.secret(1), "max_replica": 3})

    run(program, preview=True, outputs={"autoscaling_settings": hidden})
    assert told == [(INFO, "chat", f"{ADDRESS}min_replica: will be [secret]; max_replica: will be [secret]")]


@pytest.mark.usefixtures("_configured")
def test_nothing_is_said_when_no_update_is_due_and_nothing_drifted(baseten: Emulator, told: Lines) -> None:
    """Nor of a promotion, which nothing waits for."""
    baseten.start_promotion("abc123", "production", percent=40)
    _preview(lambda: _declare(autoscaling_settings={"max_replica": 1}), is_unchanged=True)
    assert told == []


@pytest.mark.usefixtures("_configured")
def test_tuning_is_warned_of_when_baseten_says_that_rolling_deploys_are_off(baseten: Emulator, told: Lines) -> None:
    """Undeclared, only Baseten knows."""
    arguments: dict[str, Any] = {
        "autoscaling_settings": None,
        "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 0}},
    }
    _preview(lambda: _declare(**arguments))
    assert (WARNING, "chat", f"{ADDRESS}{IN_VAIN_THERE}") in told


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("is_on", [_unknown, lambda: pulumi.Output.secret(True)])
def test_tuning_is_not_warned_of_when_the_program_may_turn_rolling_deploys_on(
    is_on: Callable[[], pulumi.Output[Any]], baseten: Emulator, told: Lines
) -> None:
    """What Baseten reports counts only where nobody declares it."""
    _preview(
        lambda: _declare(
            autoscaling_settings=None,
            promotion_settings={"rolling_deploy": is_on(), "rolling_deploy_config": {"max_surge_percent": 10}},
        )
    )
    assert [text for severity, _, text in told if severity == WARNING] == []


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("is_preview", [True, False])
def test_nothing_is_read_when_it_is_no_preview(is_preview: bool, baseten: Emulator, told: Lines) -> None:
    """An update reads what it has sent, and a preview nothing twice: each run of a program asks anew."""
    for _ in range(2):
        run(_declare, preview=is_preview)
    assert len(baseten.requests) == (2 if is_preview else 0)


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize(
    ("config", "fault", "note"),
    [
        ({"baseten:apiKey": ""}, None, "There is no API key: neither baseten:apiKey nor BASETEN_API_KEY is set."),
        ({"baseten:baseUrl": "http://api.example.test"}, None, "is not https, and only this machine may do without."),
        ({"baseten:baseUrl": "http://127.0.0.1:9"}, None, "http://127.0.0.1:9"),
        ({}, Fault.status(401), "Baseten answered 401"),
        ({}, Fault.status(429), "Baseten answered 429"),
        ({}, Fault.broken_json(), "Baseten"),
    ],
)
def test_note_says_why_when_nothing_could_be_read(
    config: dict[str, str],
    fault: Fault | None,
    note: str,
    baseten: Emulator,
    told: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a key nor a network is needed for a preview: the row says so, the warning stays, the key is not told."""
    monkeypatch.delenv("BASETEN_API_KEY", raising=False)
    before = {"baseten:previewReads": "true", "baseten:apiKey": KEY, "baseten:baseUrl": baseten.url}
    pulumi.runtime.set_all_config({**before, **config})
    if fault is not None:
        baseten.faults.add(fault)
    _preview(_declare)
    (warning, (severity, name, text)) = [line for line in told if line[1]]
    assert warning == (WARNING, "chat", f"{ADDRESS}{TO_ZERO}")
    assert (severity, name) == (INFO, "chat")
    assert text.startswith(f"{ADDRESS}not compared with Baseten: ")
    assert note in text
    assert KEY not in str(told)


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize(
    ("declared", "note"),
    [
        ({"env_name": "canary"}, 'Model "abc123" has no environment "canary"; it has production, staging.'),
        ({"model_id": "missing"}, 'Model "missing" does not exist, or this API key cannot see it.'),
    ],
)
def test_warning_says_what_is_missing_when_there_is_no_such_environment(
    declared: dict[str, str], note: str, baseten: Emulator, told: Lines
) -> None:
    """It may come to be before the next `up`, so that a preview is not the one to refuse it."""
    _preview(lambda: _declare(autoscaling_settings={"min_replica": 1}, **declared))
    ((severity, _, text),) = told
    assert severity == WARNING
    assert note in text


@pytest.mark.usefixtures("_configured")
def test_note_says_so_when_baseten_takes_too_long(
    baseten: Emulator, told: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preview is not worth a long wait."""
    monkeypatch.setattr(previewing, "WITHIN_SECONDS", 0.2)
    baseten.faults.add(Fault.delay(30.0))
    _preview(lambda: _declare(autoscaling_settings={"min_replica": 1}))
    ((severity, _, text),) = told
    assert severity == INFO
    assert "not compared with Baseten: " in text


def test_choice_is_refused_when_it_is_neither_true_nor_false(told: Lines) -> None:
    """As every other choice of the stack's."""
    pulumi.runtime.set_all_config({"baseten:previewReads": "yes"})
    try:
        with pytest.raises(ConfigurationError, match='baseten:previewReads must be true or false, got "yes"') as caught:
            _preview(_declare)
        assert isinstance(caught.value, pulumi.RunError)  # which Pulumi shows without a traceback
        run(_declare)
    finally:
        pulumi.runtime.set_all_config({})


def test_preview_goes_on_when_a_note_cannot_be_made(told: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong in here, a preview does not fail for it."""
    monkeypatch.setattr("baseten_pulumi.program.advice.warnings", None)
    _preview(_declare)
    assert told == []
