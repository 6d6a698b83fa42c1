"""The joint wait: reads until many environments have their settings, and never writes."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi import errors
from baseten_pulumi.provider import SettingsInForceProvider
from tests.unit.provider.servicer import Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
VALID = 'm/e 1f {"settings":{},"status":null}'
LIST = f"/v1/models/{MODEL}/environments"


def _entry(env_name: str = "production", revision: str = "1f2e3d4c", maximum: int = 1) -> str:
    settings = json.dumps({"autoscaling_settings": {"max_replica": maximum}})
    return f'{MODEL}/{env_name} {revision} {{"settings":{settings},"status":"ACCEPTED"}}'


def _inputs(**environments: Any) -> dict[str, Any]:
    return {"environments": environments}


def _outputs(**environments: Any) -> dict[str, Any]:
    return {**_inputs(**environments), "in_force": True}


def _skipped(**environments: Any) -> dict[str, Any]:
    return {**_inputs(**environments), "in_force": False}


BOTH = {"a": _entry(), "b": _entry("staging")}


@pytest.fixture
def in_force(stack: Stack) -> Iterator[Servicer]:
    """The provider of the joint wait, on virtual time; whatever happens, nothing is written."""
    yield stack.provider("in-force", SettingsInForceProvider)
    assert {request.method for request in stack.emulator.requests} <= {"GET"}


@pytest.fixture
def offline() -> Servicer:
    return Servicer({}, SettingsInForceProvider)


@pytest.mark.parametrize(
    ("olds", "news", "path"),
    [
        ({}, BOTH, LIST),
        (_outputs(**BOTH), {**BOTH, "b": _entry("staging", revision="5a6b7c8d")}, f"{LIST}/staging"),
        (_outputs(**BOTH), {**BOTH, "b": _entry("staging", maximum=3)}, f"{LIST}/staging"),
        (_outputs(a=BOTH["a"]), {"b": BOTH["b"]}, f"{LIST}/staging"),
        (_skipped(**BOTH), BOTH, LIST),
    ],
    ids=["create", "other revision", "other settings", "another environment", "last wait was skipped"],
)
def test_wait_is_for_every_environment_that_is_new_or_has_changed(
    olds: dict[str, Any], news: dict[str, str], path: str, stack: Stack, in_force: Servicer
) -> None:
    """The rest was observed by the last wait; environments of one model share each read."""
    stack.emulator.change(MODEL, "staging", {"max_replica": 3 if '"max_replica": 3' in news["b"] else 1})
    outputs = in_force.update(olds, _inputs(**news)) if olds else in_force.create(_inputs(**news))
    assert outputs == _outputs(**news)
    assert {request.path for request in stack.emulator.requests} == {path}


@pytest.mark.parametrize("removed", [{"c": "old"}, {}])
def test_nothing_is_read_when_nothing_is_new(removed: dict[str, str], offline: Servicer) -> None:
    """An entry was removed, or the order is another: no key is needed."""
    news = _inputs(b=BOTH["b"], a=BOTH["a"])
    assert offline.update(_outputs(**BOTH, **removed), news) == {**news, "in_force": True}


def test_nothing_is_read_when_the_stack_skips_every_wait() -> None:
    """The outputs say that nothing was observed."""
    provider, inputs = Servicer({"skipWait": "true"}, SettingsInForceProvider), _inputs(a=VALID)
    assert provider.create(inputs) == _skipped(a=VALID)
    assert provider.diff(_skipped(a=VALID), inputs).changes is False
    assert provider.check(inputs).inputs == inputs


@pytest.mark.parametrize(
    ("olds", "news", "changes"),
    [
        (_outputs(a="1", b="2"), _inputs(b="2", a="1"), False),
        (_outputs(a="1"), _inputs(a="2"), True),
        (_outputs(a="1"), _inputs(a="1", b="2"), True),
        (_outputs(a="1", b="2"), _inputs(a="1"), True),
        (_outputs(a="1"), _inputs(a=UNKNOWN), True),
        (_outputs(a="1"), {"environments": UNKNOWN}, True),
        (_skipped(a="1"), _inputs(a="1"), True),
    ],
)
def test_update_is_due_when_an_entry_changed_or_was_not_waited_for(
    olds: dict[str, Any], news: dict[str, Any], changes: bool, offline: Servicer
) -> None:
    """New, changed, removed or not known yet; another order is no change, and nothing replaces the resource."""
    result = offline.diff(olds, news)
    assert (result.changes, result.replaces) == (changes, [])


def test_error_names_what_differs_when_the_time_is_over(in_force: Servicer, engine: "Engine") -> None:
    """Each environment; `pulumi up` alone would not send again, so the advice is to refresh. Nothing is kept."""
    error = failure(in_force.create, _inputs(a=_entry(maximum=3), b=BOTH["b"]), 10.0)
    assert type(error) is errors.WaitTimeoutError
    assert str(error) == (
        "Timed out after 10 s waiting for settings of 1 of 2 environments to be applied.\n"
        "a: autoscaling_settings.max_replica: expected 3, observed 1. Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`. "
        "To resend the settings that differ, run `pulumi up --refresh`."
    )
    assert not in_force.status.details
    assert engine.texts == ["2 of 2 left: a max_replica 1→3, b", "1 of 2 left: a max_replica 1→3"]


@pytest.mark.parametrize("environments", [None, {}, 3, ["a"]])
def test_inputs_are_refused_when_they_hold_no_environment(environments: Any, offline: Servicer) -> None:
    (reason,) = offline.reasons({"environments": environments})
    assert reason.startswith("environments: must contain at least one environment, got ")


@pytest.mark.parametrize("entry", [3, "", "m/e", "m/e 1f", "m/e 1f {", "m/e 1f {}", VALID.replace("m/e", "m")])
def test_entry_is_refused_when_it_cannot_be_read(entry: Any, offline: Servicer) -> None:
    """By its name; the others are not to blame."""
    (reason,) = offline.reasons(_inputs(a=VALID, b=entry))
    assert reason.startswith('environments["b"]: must be an id, a revision, and settings and status as JSON, got ')


@pytest.mark.parametrize(
    ("inputs", "checked"),
    [
        ({"environments": UNKNOWN}, {"environments": UNKNOWN}),
        (_inputs(a=VALID, b=UNKNOWN), _outputs(a=VALID, b=UNKNOWN)),
        ({**_inputs(a=VALID), "in_force": None}, _outputs(a=VALID)),
    ],
)
def test_in_force_is_an_input_when_the_operation_waits(
    inputs: dict[str, Any], checked: dict[str, Any], offline: Servicer
) -> None:
    """After a failed wait the preview then shows that there is still something to wait for."""
    result = offline.check(inputs)
    assert (result.failures, result.inputs) == ([], checked)


@pytest.mark.parametrize("known", [True, False])
def test_known_outputs_are_returned_when_read(known: bool, offline: Servicer) -> None:
    """A refresh reads nothing and changes nothing; `in_force` is left out of the inputs."""
    outputs = {**_inputs(a=VALID), "in_force": known}
    found = offline.read("in-force", {**outputs, "__provider": "pickle"})
    assert (found.id, found.outs, found.inputs) == ("in-force", outputs, _inputs(a=VALID))
    offline.delete("in-force", outputs)
