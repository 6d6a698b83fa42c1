"""The joint wait: reads until many environments have their settings, and never writes."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi import errors
from baseten_pulumi.provider import SettingsInForceProvider
from baseten_pulumi.testing import Emulator, Fault
from tests.unit.provider.servicer import Servicer

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own


def _entry(model: str, env_name: str = "production", revision: str = "1f2e3d4c", maximum: int = 1) -> str:
    settings = json.dumps({"autoscaling_settings": {"max_replica": maximum}})
    return f'{model}/{env_name} {revision} {{"settings":{settings},"status":"ACCEPTED"}}'


def _inputs(**environments: Any) -> dict[str, Any]:
    return {"environments": environments}


def _outputs(**environments: Any) -> dict[str, Any]:
    return {**_inputs(**environments), "in_force": True}


def _skipped(**environments: Any) -> dict[str, Any]:
    return {**_inputs(**environments), "in_force": False}


@pytest.fixture(autouse=True)
def _only_reads(baseten: Emulator) -> Iterator[None]:
    """Whatever happens, nothing is written."""
    yield
    assert {request.method for request in baseten.requests} <= {"GET"}


def test_create_returns_when_every_environment_is_applied(in_force: Servicer, baseten: Emulator, model: str) -> None:
    """Environments of one model share each read."""
    inputs = _inputs(a=_entry(model), b=_entry(model, "staging"))
    assert in_force.create(inputs) == {**inputs, "in_force": True}
    assert {request.path for request in baseten.requests} == {f"/v1/models/{model}/environments"}


@pytest.mark.parametrize("changes", [{"revision": "5a6b7c8d"}, {"maximum": 3}])
def test_only_changed_entries_are_waited_for_when_updated(
    changes: dict[str, Any], in_force: Servicer, baseten: Emulator, model: str
) -> None:
    """A new revision or other settings; the rest was observed by the last wait."""
    baseten.change(model, "staging", {"max_replica": changes.get("maximum", 1)})
    olds = _outputs(a=_entry(model), b=_entry(model, "staging"))
    news = _inputs(a=_entry(model), b=_entry(model, "staging", **changes))
    assert in_force.update(olds, news) == {**news, "in_force": True}
    assert {request.path for request in baseten.requests} == {f"/v1/models/{model}/environments/staging"}


def test_new_entry_is_waited_for_when_updated(in_force: Servicer, baseten: Emulator, model: str) -> None:
    """An environment joins; one that leaves needs no read."""
    news = _inputs(b=_entry(model, "staging"))
    assert in_force.update(_outputs(a=_entry(model)), news) == {**news, "in_force": True}
    assert {request.path for request in baseten.requests} == {f"/v1/models/{model}/environments/staging"}


def test_every_entry_is_waited_for_when_the_last_wait_was_skipped(
    in_force: Servicer, baseten: Emulator, model: str
) -> None:
    """Nothing of it was observed."""
    entries = {"a": _entry(model), "b": _entry(model, "staging")}
    assert in_force.update(_skipped(**entries), _inputs(**entries))["in_force"] is True
    assert {request.path for request in baseten.requests} == {f"/v1/models/{model}/environments"}


@pytest.mark.parametrize("removed", [{"c": "old"}, {}])
def test_nothing_is_read_when_nothing_is_new(removed: dict[str, str], offline_in_force: Servicer, model: str) -> None:
    """An entry was removed, or the order is another: no key is needed."""
    news = _inputs(b=_entry(model), a=_entry(model, "staging"))
    olds = _outputs(a=_entry(model, "staging"), b=_entry(model), **removed)
    assert offline_in_force.update(olds, news) == {**news, "in_force": True}


@pytest.fixture
def offline_in_force() -> Servicer:
    return Servicer({}, SettingsInForceProvider)


def test_nothing_is_read_when_the_stack_skips_every_wait(model: str) -> None:
    """The outputs say that nothing was observed."""
    provider = Servicer({"skipWait": "true"}, SettingsInForceProvider)
    assert provider.create(_inputs(a=_entry(model))) == _skipped(a=_entry(model))
    assert provider.diff(_skipped(a=_entry(model)), _inputs(a=_entry(model))).changes is False
    assert "in_force" not in provider.check(_inputs(a=_entry(model))).inputs


@pytest.mark.parametrize(
    ("olds", "news", "changes"),
    [
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, False),
        ({"a": "1"}, {"a": "2"}, True),
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ({"a": "1", "b": "2"}, {"a": "1"}, True),
        ({"a": "1"}, {"a": UNKNOWN}, True),
        ({"a": "1"}, UNKNOWN, True),
    ],
)
def test_update_is_due_when_an_entry_changed(
    olds: dict[str, str], news: Any, changes: bool, offline_in_force: Servicer
) -> None:
    """New, changed, removed or not known yet; another order is no change, and nothing replaces the resource."""
    result = offline_in_force.diff(_outputs(**olds), {"environments": news})
    assert (result.changes, result.replaces) == (changes, [])


def test_update_is_due_when_the_last_wait_was_skipped(offline_in_force: Servicer) -> None:
    """There is still something to wait for."""
    assert offline_in_force.diff(_skipped(a="1"), _inputs(a="1")).changes is True


def test_error_names_what_differs_when_the_time_is_over(
    in_force: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """Each environment; `pulumi up` alone would not send again, so the advice is to refresh. Nothing is kept."""
    inputs = _inputs(a=_entry(model, maximum=3), b=_entry(model, "staging"))
    with pytest.raises(errors.WaitTimeoutError) as caught:
        in_force.create(inputs, timeout=1.0)
    assert str(caught.value) == (
        "Timed out after 1 s waiting for settings of 1 of 2 environments to be applied.\n"
        "a: autoscaling_settings.max_replica: expected 3, observed 1. Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`. "
        "To resend the settings that differ, run `pulumi up --refresh`."
    )
    assert not in_force.status.details
    assert engine.texts == ["1 of 2 left: a max_replica 1→3"]


def test_error_is_returned_when_baseten_cannot_be_read(in_force: Servicer, baseten: Emulator, model: str) -> None:
    """An error that is not retried ends the wait."""
    baseten.faults.add(Fault.status(401))
    with pytest.raises(errors.AuthenticationError):
        in_force.create(_inputs(a=_entry(model)))


@pytest.mark.parametrize("environments", [None, {}, 3, ["a"]])
def test_inputs_are_refused_when_they_hold_no_environment(environments: Any, offline_in_force: Servicer) -> None:
    """There would be nothing to wait for."""
    (reason,) = offline_in_force.reasons({"environments": environments})
    assert reason.startswith("environments: must contain at least one environment, got ")


@pytest.mark.parametrize(
    "entry", [3, "", "m/e", "m/e 1f", "m/e 1f {", "m/e 1f {}", 'm 1f {"settings":{},"status":null}']
)
def test_entry_is_refused_when_it_cannot_be_read(entry: Any, offline_in_force: Servicer) -> None:
    """By its name; the others are not to blame."""
    (reason,) = offline_in_force.reasons(_inputs(a='m/e 1f {"settings":{},"status":null}', b=entry))
    assert reason.startswith('environments["b"]: must be an id, a revision, and settings and status as JSON, got ')


@pytest.mark.parametrize(
    "environments", [UNKNOWN, {"a": UNKNOWN}, {"a": 'm/e 1f {"settings":{},"status":null}', "b": UNKNOWN}]
)
def test_unknown_is_passed_through_when_a_preview_checks(environments: Any, offline_in_force: Servicer) -> None:
    """It is validated once it is known."""
    result = offline_in_force.check({"environments": environments})
    assert (result.failures, result.inputs["environments"]) == ([], environments)


def test_in_force_is_an_input_when_the_operation_waits(offline_in_force: Servicer) -> None:
    """After a failed wait the preview then shows that there is still something to wait for."""
    inputs = _inputs(a='m/e 1f {"settings":{},"status":null}')
    assert offline_in_force.check({**inputs, "in_force": None}).inputs == {**inputs, "in_force": True}


@pytest.mark.parametrize("in_force", [True, False])
def test_known_outputs_are_returned_when_read(in_force: bool, offline_in_force: Servicer) -> None:
    """A refresh reads nothing and changes nothing; `in_force` is left out of the inputs."""
    props = {**_inputs(a='m/e 1f {"settings":{},"status":null}'), "in_force": in_force}
    found = offline_in_force.read("in-force", {**props, "__provider": "pickle"})
    assert (found.id, found.outs, found.inputs) == (
        "in-force",
        props,
        _inputs(a='m/e 1f {"settings":{},"status":null}'),
    )
    offline_in_force.delete("in-force", props)
