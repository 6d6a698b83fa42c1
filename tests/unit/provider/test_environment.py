"""Environments: created or adopted, read, and deleted unless the program still declares them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.output import Unknown
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi import errors
from baseten_pulumi.provider import EnvironmentProvider, EnvironmentSettingsProvider
from baseten_pulumi.testing import Fault
from tests.unit.provider.servicer import PICKLE, Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
CANARY = {"model_id": MODEL, "env_name": "canary"}
ID = f"{MODEL}/canary"
SUBJECT = f'nvironment "canary" (model {MODEL})'
NAME_RULE = "env_name: must contain only lowercase letters, digits and -, and start and end with a letter or digit"
UNPROTECTED = "not protected: deleting it cancels a promotion under way and scales its serving deployment to zero"
WAY_OUT = "If the model was deleted, remove the resource with `pulumi state delete`."


@pytest.fixture
def canary(stack: Stack) -> Servicer:
    """The provider of environments, called for the resource canary."""
    return stack.provider("canary", EnvironmentProvider)


def _outputs(stack: Stack, env_name: str = "canary", **changes: Any) -> dict[str, Any]:
    """Return the outputs of a resource whose environment Baseten has."""
    found = stack.emulator.reported(MODEL, env_name)
    deployment = found["current_deployment"]
    current = {} if deployment is None else {"current_deployment_id": deployment["id"]}
    facts = {"created_at": found["created_at"], "instance_type": found["instance_type"]["name"], **current}
    return {"model_id": MODEL, "env_name": env_name, **facts, "in_force": True, **changes}


def _put(stack: Stack) -> dict[str, Any]:
    """Create the environment by hand; return the outputs of its resource."""
    stack.emulator.create(MODEL, "canary", {})
    return _outputs(stack)


def _lag(stack: Stack, seconds: float, *, listed: bool = False, readable: bool = False) -> None:
    """Let Baseten's list, or reads of the environment, show for so long what there is now."""
    environments = {it["name"]: it for it in stack.emulator.environments(MODEL)}
    found = Fault.body(environments["canary"]) if "canary" in environments else Fault.status(404)
    faults = [Fault(found.action, {"method": "GET", "path": "/canary$"})] if readable else []
    if listed:
        content = {"environments": [*environments.values()]}
        faults.append(Fault.body(content, method="GET", path="/environments$"))
    for fault in faults:
        stack.emulator.faults.add(fault)
        stack.after(seconds, partial(stack.emulator.faults.remove, fault))


def _statuses(stack: Stack, method: str = "POST") -> list[int | None]:
    return [request.status for request in stack.emulator.requests if request.method == method]


def _exists(stack: Stack) -> bool:
    return "canary" in {it["name"] for it in stack.emulator.environments(MODEL)}


def _notes(engine: "Engine") -> list[str]:
    return [line.message for line in engine.lines if not line.ephemeral]


# --- check and diff -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"env_name": "production"},
            'env_name: always exists and cannot be created or deleted; declare only its settings, got "production"',
        ),
        ({"env_name": "canary-"}, f'{NAME_RULE}, got "canary-"'),
        ({"model_id": None}, "model_id: is required"),
        ({"enviroment": "x"}, "enviroment: unknown property; use model_id or env_name"),
    ],
)
def test_input_is_refused_when_baseten_would_refuse_it(changes: dict[str, Any], reason: str, canary: Servicer) -> None:
    assert canary.reasons({**CANARY, **changes}) == [reason]


@pytest.mark.parametrize(
    ("news", "is_refused"),
    [(CANARY, True), ({**CANARY, "env_name": "dev"}, False), ({**CANARY, "env_name": UNKNOWN}, False)],
)
def test_environment_is_refused_when_another_resource_declares_it(
    news: dict[str, Any], is_refused: bool, canary: Servicer
) -> None:
    assert canary.reasons(CANARY) == canary.reasons(CANARY) == []
    failures = [f'env_name: is also declared by "canary" for model "{MODEL}", got "canary"']
    assert canary.reasons(news, "other") == (failures if is_refused else [])


@pytest.mark.parametrize(("skip", "waiting"), [("false", {"in_force": True}), ("true", {})])
def test_inputs_are_only_names_when_they_come_from_the_engine(skip: str, waiting: dict[str, Any], stack: Stack) -> None:
    """What a preview does not know is kept; `in_force` shows that the operation waits."""
    provider = stack.provider("canary", EnvironmentProvider, skipWait=skip)
    news = {"model_id": UNKNOWN, "env_name": "canary"}
    result = provider.check({**news, **PICKLE, "protected": False, "created_at": None})
    assert (result.inputs, result.failures) == ({**news, **waiting}, [])


@pytest.mark.parametrize(
    ("olds", "protected", "warns"),
    [
        ({}, {"protected": False}, True),
        ({**CANARY, "env_name": "staging"}, {"protected": False}, False),
        (CANARY, {"protected": False}, False),
        ({}, {}, False),
    ],
    ids=["create", "replace", "update", "protected"],
)
def test_row_warns_when_what_is_created_is_not_protected(
    olds: dict[str, Any], protected: dict[str, Any], warns: bool, canary: Servicer, engine: "Engine"
) -> None:
    """Pulumi checks a replacement twice, the second time as a create."""
    canary.check({**CANARY, **protected}, olds)
    lines = [(line.message, line.severity, line.urn) for line in engine.lines]
    assert lines == ([(UNPROTECTED, engine_pb2.WARNING, canary.urn())] if warns else [])


@pytest.mark.parametrize(
    ("news", "replaced"),
    [({}, []), ({"env_name": "dev"}, ["env_name"]), ({"model_id": "m2"}, ["model_id"]), ({"env_name": UNKNOWN}, [])],
)
def test_resource_is_replaced_when_a_name_changes(
    news: dict[str, Any], replaced: list[str], stack: Stack, canary: Servicer
) -> None:
    """One that a preview does not know is shown as an update."""
    result = canary.diff(_put(stack), {**CANARY, **news})
    assert (result.replaces, result.changes) == (replaced, bool(news))


# --- create and update ----------------------------------------------------------------------------------------------


def test_environment_is_created_when_the_model_does_not_have_it(stack: Stack, canary: Servicer) -> None:
    """It is looked for, created, and observed twice in the list and by its name."""
    assert canary.create(CANARY) == _outputs(stack)
    one, every = f"/v1/models/{MODEL}/environments/canary", f"/v1/models/{MODEL}/environments"
    assert [(it.method, it.path, it.body) for it in stack.emulator.requests] == [
        ("GET", one, None),
        ("GET", every, None),
        ("POST", every, {"name": "canary"}),
        *[("GET", every, None), ("GET", one, None)] * 2,
    ]


@pytest.mark.parametrize(("skip", "in_force"), [("false", True), ("true", False)])
def test_environment_is_adopted_when_the_model_has_it(
    skip: str, in_force: bool, stack: Stack, engine: "Engine"
) -> None:
    staging = stack.provider("staging", EnvironmentProvider, skipWait=skip)
    assert staging.create({**CANARY, "env_name": "staging"}) == _outputs(stack, "staging", in_force=in_force)
    assert _statuses(stack) == []
    assert _notes(engine) == [f"{MODEL}/staging: adopted the existing environment"]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault.dropped(method="POST", times=1), [None, 200]),
        (Fault.dropped(takes_effect=True, method="POST", times=1), [None]),
        (Fault.status(502, takes_effect=True, method="POST", times=1), [502]),
        (Fault.broken_json(method="POST", times=1), [200]),
        (Fault.status(429, method="POST", times=2), [429, 429, 200]),
    ],
    ids=["lost request", "lost response", "gateway", "unreadable", "rate limit"],
)
def test_one_environment_is_created_when_the_first_request_gets_no_usable_response(
    fault: Fault, statuses: list[int | None], stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """It is looked for before it is created again, and it is not an adopted one."""
    stack.emulator.faults.add(fault)
    assert canary.create(CANARY) == _outputs(stack)
    assert (_statuses(stack), _notes(engine)) == (statuses, [])


@pytest.mark.parametrize("refusal", [409, 400])
@pytest.mark.parametrize("seconds", [20.0, 50.0])
def test_environment_is_found_when_reads_lag_behind_a_creation_without_a_response(
    seconds: float, refusal: int, stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """Baseten refuses the second request, which is no error."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="POST", times=1))
    stack.emulator.faults.add(Fault.status(refusal, {"message": "already exists"}, method="POST"))
    _lag(stack, seconds, listed=True, readable=True)
    assert canary.create(CANARY) == _outputs(stack)
    assert (_statuses(stack), _notes(engine)) == ([None, refusal], [])


@pytest.mark.parametrize("status", [409, 400])
def test_environment_is_adopted_when_somebody_else_created_it_a_moment_ago(
    status: int, stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """The list lags, so that it is created again; what is then read ends the doubt."""
    stack.emulator.faults.add(Fault.status(404, method="GET", path="/canary$", times=1))
    stack.emulator.faults.add(Fault.status(status, {"message": "already exists"}, method="POST"))
    _lag(stack, 20.0, listed=True)
    _put(stack)
    assert canary.create(CANARY) == _outputs(stack)
    assert (_statuses(stack), _notes(engine)) == ([status], [f"{ID}: adopted the existing environment"])


def test_environment_need_not_be_listed_when_the_api_key_may_not_list(stack: Stack, canary: Servicer) -> None:
    stack.emulator.faults.add(Fault.status(403, method="GET", path="/environments$", times=None))
    outputs = _put(stack)
    assert canary.create(CANARY) == outputs


@pytest.mark.parametrize(
    ("listed", "readable", "seconds"), [(True, False, 90.0), (False, True, 90.0), (True, True, 50.0)]
)
def test_create_waits_when_reads_lag_behind_it(
    listed: bool, readable: bool, seconds: float, stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    began = stack.now
    _lag(stack, seconds, listed=listed, readable=readable)
    assert canary.create(CANARY) == _outputs(stack)
    assert seconds < stack.now - began < seconds + 20.0
    missing = "listed" if listed else "readable"
    first = "not found" if listed and readable else f"waiting: environment not {missing}→{missing}"
    assert engine.texts == [first, "confirming", "created"]
    assert _statuses(stack) == [200]


@pytest.mark.parametrize(
    ("fault", "kind", "observed"),
    [
        (
            Fault.status(403, {"message": "read-only key"}, method="POST"),
            *(errors.PermissionDeniedError, "Baseten returned 403 for POST"),
        ),
        (Fault.status(400, {"message": "too many"}, method="POST"), errors.RejectedError, "Baseten returned 400"),
        (
            Fault.body({"environments": []}, path="/environments$"),
            *(errors.NotFoundError, f'Model "{MODEL}" has no environments that this API key can see.'),
        ),
    ],
    ids=["forbidden", "rejected", "hidden"],
)
def test_nothing_is_kept_when_baseten_refuses_to_create_it(
    fault: Fault, kind: type[errors.BasetenError], observed: str, stack: Stack, canary: Servicer
) -> None:
    began = stack.now
    stack.emulator.faults.add(fault)
    error = failure(canary.create, CANARY)
    assert type(error) is kind
    assert str(error).startswith(f"E{SUBJECT} was not created.\n{observed}")
    assert (error.message.state, list(canary.status.details)) == ("Nothing was changed.", [])
    assert (stack.now - began < 1.0, _exists(stack)) == (True, False)


def test_nothing_is_created_when_the_model_is_missing(stack: Stack, canary: Servicer) -> None:
    error = failure(canary.create, {**CANARY, "model_id": "lm4"})
    assert type(error) is errors.ModelNotFoundError
    assert str(error).startswith('Environment "canary" (model lm4) was not created.\nModel "lm4" was not found')
    assert _statuses(stack) == []


def test_nothing_is_created_when_a_policy_changed_its_name_after_the_check(stack: Stack, canary: Servicer) -> None:
    error = failure(canary.create, {**CANARY, "env_name": "production"})
    assert type(error) is errors.ConfigurationError
    assert stack.emulator.requests == ()


def test_resource_is_kept_when_the_wait_times_out_and_the_next_update_finishes_it(
    stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """Nothing is created twice, and the preview in between shows `in_force`."""
    _lag(stack, 100.0, listed=True)
    error = failure(canary.create, {**CANARY, "in_force": True}, 30.0)
    assert type(error) is errors.WaitTimeoutError
    assert str(error) == (
        f"Timed out after 30 s waiting for the creation of e{SUBJECT} to be applied.\n"
        "environment: expected listed, observed not listed. Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )
    kept = MessageToDict(canary.kept.properties)
    assert (canary.kept.id, kept) == (ID, _outputs(stack, in_force=False, **PICKLE))
    assert MessageToDict(canary.kept.inputs) == {**CANARY, **PICKLE}
    assert canary.diff(kept, {**CANARY, "in_force": True}).changes
    assert canary.update(kept, CANARY) == _outputs(stack)
    assert (_statuses(stack), _notes(engine)) == ([200], [])
    assert not canary.diff(_outputs(stack), CANARY).changes


def test_update_creates_the_environment_when_the_last_create_had_no_effect(stack: Stack, engine: "Engine") -> None:
    """Also if nothing waits: what no response has shown is unfinished."""
    canary = stack.provider("canary", EnvironmentProvider, skipWait="true")
    stack.emulator.faults.add(Fault.dropped(method="POST"))
    failure(canary.create, CANARY, 5.0)
    kept = MessageToDict(canary.kept.properties)
    stack.emulator.faults.clear()
    assert canary.diff(kept, CANARY).changes
    outputs = canary.update(kept, CANARY)
    assert outputs == _outputs(stack, in_force=False)
    assert not canary.diff(outputs, CANARY).changes
    assert _notes(engine) == []


def test_create_ends_with_the_response_when_the_stack_skips_every_wait(stack: Stack) -> None:
    canary = stack.provider("canary", EnvironmentProvider, skipWait="true")
    assert canary.create(CANARY) == _outputs(stack, in_force=False)
    assert [request.method for request in stack.emulator.requests] == ["GET", "GET", "POST"]


def test_resource_is_kept_when_pulumi_cancels_the_wait(stack: Stack, canary: Servicer) -> None:
    _lag(stack, 100.0, listed=True)
    stack.after(20.0, stack.cancel)
    error = failure(canary.create, CANARY)
    assert type(error) is errors.WaitCancelledError
    assert str(error).startswith(f"The wait for the creation of e{SUBJECT} was cancelled after 20 s.\n")
    assert canary.kept.id == ID


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_settings_are_retried_when_their_environment_was_created_a_moment_ago(
    method: str, stack: Stack, canary: Servicer
) -> None:
    """In the same process a 404 is taken for a lagging read."""
    _lag(stack, 20.0, listed=True)
    stack.provider("canary", EnvironmentProvider, skipWait="true").create(CANARY)
    stack.emulator.faults.add(Fault.status(404, method=method, path="/canary$", times=3))
    settings = stack.provider("settings", EnvironmentSettingsProvider)
    assert settings.create({**CANARY, "wait": True, "autoscaling_settings": {"max_replica": 3}})["in_force"] is True
    assert _statuses(stack, method)[-1] == 200


# --- read -----------------------------------------------------------------------------------------------------------


def test_names_and_facts_are_returned_when_an_environment_is_read(stack: Stack, canary: Servicer) -> None:
    outputs = _put(stack)
    for props in ({**outputs, "in_force": False, **PICKLE}, dict(PICKLE)):
        found = canary.read(ID, props)
        assert (found.id, found.outs, found.inputs) == (ID, outputs, {**CANARY, "in_force": True})


def test_resource_is_gone_when_its_environment_was_deleted(canary: Servicer) -> None:
    found = canary.read(ID, {**CANARY, **PICKLE})
    assert (found.id, found.outs, found.inputs) == (None, {}, None)


@pytest.mark.parametrize(
    ("resource_id", "props", "kind"),
    [
        ("lm4/canary", CANARY, errors.ModelNotFoundError),
        (ID, {}, errors.EnvironmentNotFoundError),
        (MODEL, {}, errors.ConfigurationError),
    ],
    ids=["another key's model", "lookup", "malformed"],
)
def test_read_fails_when_nothing_says_that_the_resource_is_gone(
    resource_id: str, props: dict[str, Any], kind: type[errors.BasetenError], canary: Servicer
) -> None:
    error = failure(canary.read, resource_id, {**props, **PICKLE})
    assert type(error) is kind
    assert str(error).endswith(WAY_OUT) == (kind is errors.ModelNotFoundError)


# --- delete ---------------------------------------------------------------------------------------------------------


def _delete(provider: Servicer, resource_id: str = ID) -> None:
    provider.delete(resource_id, {})


@pytest.mark.parametrize(("skip", "polls"), [("false", 3), ("true", 0)])
def test_environment_is_deleted_when_its_resource_is(skip: str, polls: int, stack: Stack) -> None:
    """It is neither readable nor listed, unless the stack skips every wait."""
    _put(stack)
    _delete(stack.provider("canary", EnvironmentProvider, skipWait=skip))
    assert [it.method for it in stack.emulator.requests] == ["DELETE", *["GET"] * polls]
    assert not _exists(stack)


@pytest.mark.parametrize(("listed", "readable"), [(True, False), (False, True)])
def test_delete_waits_when_reads_lag_behind_it(
    listed: bool, readable: bool, stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    _put(stack)
    began = stack.now
    _lag(stack, 90.0, listed=listed, readable=readable)
    _delete(canary)
    assert 90.0 < stack.now - began < 110.0
    assert engine.texts == [f"waiting: environment {'listed' if listed else 'readable'}→deleted", "deleted"]


@pytest.mark.parametrize("skip", ["false", "true"])
def test_delete_waits_when_baseten_has_not_deleted_it_yet(skip: str, stack: Stack) -> None:
    """Whatever the stack skips."""
    _put(stack)
    stack.emulator.faults.add(Fault.body({"deleted": False}, takes_effect=False, method="DELETE"))
    stack.after(20.0, lambda: stack.emulator.remove_environment(MODEL, "canary"))
    _delete(stack.provider("canary", EnvironmentProvider, skipWait=skip))
    assert (_exists(stack), _statuses(stack, "DELETE")) == (False, [200])


@pytest.mark.parametrize(("takes_effect", "statuses"), [(True, [None, 404]), (False, [None, 200])])
def test_environment_is_gone_when_the_response_to_its_deletion_was_lost(
    takes_effect: bool, statuses: list[int | None], stack: Stack, canary: Servicer
) -> None:
    _put(stack)
    stack.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="DELETE", times=1))
    _delete(canary)
    assert (_exists(stack), _statuses(stack, "DELETE")) == (False, statuses)


def test_delete_succeeds_when_the_environment_is_gone_already(stack: Stack, canary: Servicer) -> None:
    _delete(canary)
    assert _statuses(stack, "DELETE") == [404]


def test_delete_fails_when_the_environment_stays(stack: Stack, canary: Servicer) -> None:
    """The engine keeps the resource, and the next run tries again."""
    _put(stack)
    stack.emulator.faults.add(Fault.body({"deleted": True}, takes_effect=False, method="DELETE"))
    error = failure(_delete, canary)
    assert type(error) is errors.WaitTimeoutError
    observed = "environment: expected deleted, observed listed."
    assert f"waiting for the deletion of e{SUBJECT} to be applied.\n{observed}" in str(error)


@pytest.mark.parametrize(
    ("hide", "kind", "action"),
    [
        (lambda it: it.remove_model(MODEL), errors.ModelNotFoundError, WAY_OUT),
        (
            lambda it: [it.remove_environment(MODEL, name) for name in ("production", "staging")],
            *(errors.NotFoundError, "Check that the API key belongs to the model's workspace."),
        ),
        (
            lambda it: it.faults.add(Fault.status(403, method="DELETE")),
            *(errors.PermissionDeniedError, "or BASETEN_API_KEY."),
        ),
    ],
    ids=["model", "environments", "forbidden"],
)
def test_delete_fails_when_the_key_may_belong_to_another_workspace(
    hide: Callable[[Any], object], kind: type[errors.BasetenError], action: str, stack: Stack, canary: Servicer
) -> None:
    hide(stack.emulator)
    error = failure(_delete, canary)
    assert type(error) is kind
    assert str(error).startswith(f"E{SUBJECT} was not deleted.\n")
    assert str(error).endswith(action)


# --- what is not deleted --------------------------------------------------------------------------------------------


def _kept(stack: Stack, engine: "Engine", by: str) -> None:
    """Assert that the last delete sent nothing and said so."""
    assert _statuses(stack, "DELETE") == []
    assert _notes(engine)[-1] == f"{ID}: kept in Baseten because {by} manages it"


@pytest.mark.parametrize(
    ("name", "parent", "by"),
    [
        ("renamed", "", '"renamed"'),
        (
            *("canary", "tests:index:Group$"),
            '"urn:pulumi:dev::p::tests:index:Group$pulumi-python:dynamic/baseten:Environment::canary"',
        ),
    ],
    ids=["renamed", "moved"],
)
def test_environment_is_kept_when_another_resource_of_the_run_declares_it(
    name: str, parent: str, by: str, stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """Without an alias Pulumi creates the resource of the new URN before it deletes that of the old one."""
    _put(stack)
    canary.check(CANARY, name=name, parent=parent)
    _delete(canary)
    _kept(stack, engine, by)


def test_environments_are_kept_when_two_resources_swap_them(stack: Stack, canary: Servicer, engine: "Engine") -> None:
    """Each is replaced; what one of them had is what the other one has now."""
    _put(stack)
    staging, other = {**CANARY, "env_name": "staging"}, stack.provider("staging", EnvironmentProvider)
    for provider, olds, news in ((canary, CANARY, staging), (other, staging, CANARY)):
        assert provider.check(news, olds).failures == []
    _delete(other, f"{MODEL}/staging")
    assert _notes(engine)[-1] == f'{MODEL}/staging: kept in Baseten because "canary" manages it'
    _delete(canary)
    _kept(stack, engine, '"staging"')


def test_environment_is_kept_when_its_resource_was_replaced_by_itself(
    stack: Stack, canary: Servicer, engine: "Engine"
) -> None:
    """The engine creates the resource of the same URN before it deletes; after an interruption in the next run only."""
    _put(stack)
    canary.check(CANARY, CANARY)
    _delete(canary)
    _kept(stack, engine, '"canary"')


def test_environment_is_deleted_when_its_resource_was_replaced_by_one_of_another_environment(
    stack: Stack, canary: Servicer
) -> None:
    _put(stack)
    canary.check(CANARY)
    canary.check({**CANARY, "env_name": "staging"}, CANARY)
    _delete(canary)
    assert not _exists(stack)
