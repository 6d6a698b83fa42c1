from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.testing import Fault

if TYPE_CHECKING:
    from tests.contract.conftest import Account

PATH = "/v1/models/abc123/environments/production"
MIN = "autoscaling_settings.min_replica"
DOUBT = "Baseten may have taken the settings all the same."


def _patches(account: "Account") -> int:
    return sum(it.method == "PATCH" for it in account.emulator.requests)


def test_answer_is_unchanged_when_the_settings_are_in_force_already(account: "Account") -> None:
    """The same settings again do no harm."""
    assert account.update({MIN: 1}) == "ACCEPTED"
    assert account.update({MIN: 1}) == "UNCHANGED"


def test_answer_is_queued_and_the_promotion_reported_when_one_runs(account: "Account") -> None:
    """A promotion is read with its status and percent; the founding page's answers do not tell of it."""
    account.emulator.start_promotion("abc123", "production", percent=40)
    assert account.update({MIN: 1}) == "QUEUED"
    promotion = account.read().promotion
    if account.emulator.api == "founding":
        assert promotion is None
        return
    assert promotion is not None
    assert (promotion.status, promotion.percent, promotion.is_running) == ("RAMPING_UP", 40, True)
    account.emulator.finish_promotion("abc123", "production", "FAILED")
    ended = account.read().promotion
    assert ended is None or not ended.is_running


def test_settings_reported_as_null_are_left_out_when_read(account: "Account") -> None:
    """Window, delay, utilization and tokens may be null, and so may the whole rolling_deploy_config."""
    names = ("autoscaling_window", "scale_down_delay", "target_utilization_percentage", "target_in_flight_tokens")
    account.emulator.change("abc123", "production", dict.fromkeys(names), {"rolling_deploy_config": None})
    found = account.read().settings
    assert not {path for path in found if path.endswith(names) or "rolling_deploy_config" in path}
    assert found[MIN] == 0


def test_each_environment_of_a_list_is_as_read_alone_when_they_differ(account: "Account") -> None:
    """One request tells of every environment what a request for each tells: settings and promotion."""
    account.emulator.change("abc123", "production", {"min_replica": 1, "scale_down_delay": None})
    account.emulator.start_promotion("abc123", "staging", percent=40)
    listed = account.list_all()
    assert listed == {name: account.read(env_name=name) for name in ("staging", "production")}
    assert listed["staging"].settings[MIN] == 0
    assert listed["production"].settings[MIN] == 1


def test_model_is_called_missing_when_it_has_no_list(account: "Account") -> None:
    """The account's models tell."""
    with pytest.raises(errors.ModelNotFoundError):
        account.list_all("zzz")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_patch_is_sent_again_when_the_trouble_may_go_away(status: int, account: "Account") -> None:
    """The settings arrive with the second request."""
    account.emulator.faults.add(Fault.status(status, method="PATCH", times=1))
    assert account.update({MIN: 1}) == "ACCEPTED"
    assert _patches(account) == 2


@pytest.mark.parametrize("takes_effect", [False, True])
def test_patch_is_sent_again_when_the_connection_drops(takes_effect: bool, account: "Account") -> None:
    """Whether or not the first one took effect: the answer to the second tells."""
    account.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="PATCH", times=1))
    assert account.update({MIN: 1}) == ("UNCHANGED" if takes_effect else "ACCEPTED")
    assert account.read().settings[MIN] == 1


def test_rate_limit_is_waited_out_when_baseten_says_how_long(account: "Account") -> None:
    """`retry_after` is honoured, to the second."""
    limited = Fault.status(429, {"error": "slow down", "retry_after": 4}, method="PATCH", times=1)
    account.emulator.faults.add(limited)
    assert account.update({MIN: 1}) == "ACCEPTED"
    assert account.clock.slept == [pytest.approx(4.0, abs=0.2)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RejectedError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (409, errors.ConflictError),
        (418, errors.RejectedError),
        (422, errors.RejectedError),
        (500, errors.ServerError),
        (307, errors.RedirectedError),
    ],
)
def test_patch_is_sent_once_when_the_trouble_stays(
    status: int, kind: type[errors.RequestError], account: "Account"
) -> None:
    """Each status becomes its class, with Baseten's words in it."""
    account.emulator.faults.add(Fault.status(status, {"message": "Because."}))
    with pytest.raises(kind) as caught:
        account.update({MIN: 1})
    assert f"Baseten answered {status} to PATCH {PATH}: Because" in str(caught.value)
    assert _patches(account) == 1


def test_key_is_refused_and_not_shown_when_baseten_does_not_know_it(account: "Account") -> None:
    """The error says what to do and quotes no key."""
    with pytest.raises((errors.AuthenticationError, errors.PermissionDeniedError)) as caught:
        account.ask(lambda it: it.read_environment("abc123", "production", within_seconds=5.0), key="k-other-9999")
    assert "k-other-9999" not in str(caught.value)
    assert str(caught.value).startswith('Settings of environment "production" of model "abc123" could not be read.\n')
    assert "\nSet the key of " in str(caught.value) or "\nSet a valid key: " in str(caught.value)


def test_key_is_taken_out_when_baseten_echoes_it(account: "Account") -> None:
    """Whatever an answer holds, the key does not come out."""
    account.emulator.faults.add(Fault.status(400, {"error": f"no {account.key}"}, {"x-request-id": f"r-{account.key}"}))
    with pytest.raises(errors.RejectedError) as caught:
        account.update({MIN: 1})
    assert account.key not in f"{caught.value} {caught.value!r}"
    assert "no [key] (request r-[key])" in str(caught.value)


@pytest.mark.parametrize(
    ("model_id", "kind"), [("abc123", errors.EnvironmentNotFoundError), ("zzz", errors.ModelNotFoundError)]
)
def test_what_is_missing_is_told_when_there_is_no_such_environment(
    model_id: str, kind: type[errors.NotFoundError], account: "Account"
) -> None:
    """A missing model and a missing environment are two errors."""
    with pytest.raises(kind) as caught:
        account.read(model_id, "nowhere")
    assert type(caught.value) is kind
    if kind is errors.EnvironmentNotFoundError:
        assert 'Model "abc123" has no environment "nowhere"; it has production, staging.' in str(caught.value)


def test_nothing_is_called_missing_when_everything_is_answered_404(account: "Account") -> None:
    """That is a wrong base URL: neither model nor environment is known to be gone."""
    account.emulator.faults.add(Fault.status(404))
    with pytest.raises(errors.NotFoundError) as caught:
        account.read()
    assert type(caught.value) is errors.NotFoundError
    assert [it.path for it in account.emulator.requests][-1] == "/v1/models"


@pytest.mark.parametrize("fault", [Fault.broken_json(method="PATCH"), Fault.body("<html>", method="PATCH")])
def test_doubt_is_told_when_the_answer_to_a_patch_cannot_be_read(fault: Fault, account: "Account") -> None:
    """The settings may be in force all the same."""
    account.emulator.faults.add(fault)
    with pytest.raises(errors.UnexpectedAnswerError) as caught:
        account.update({MIN: 1})
    assert (caught.value.may_have_taken_effect, caught.value.statements.now) == (True, DOUBT)
    assert account.read().settings[MIN] == 1


@pytest.mark.parametrize("fault", [Fault.broken_json(), Fault.body([]), Fault.body("")])
def test_answer_is_unexpected_when_it_is_no_object(fault: Fault, account: "Account") -> None:
    """Not JSON, or JSON of another shape: an error with words."""
    account.emulator.faults.add(fault)
    with pytest.raises(errors.UnexpectedAnswerError):
        account.read()


def test_settings_are_not_reported_when_they_are_told_in_another_type(account: "Account") -> None:
    """What does not fit is not there: it is never taken for a value."""
    account.emulator.faults.add(Fault.wrong_types())
    assert MIN not in account.read().settings


def test_answer_is_given_up_when_it_comes_too_late(account: "Account") -> None:
    """A PATCH without an answer in time leaves the doubt."""
    account.emulator.faults.add(Fault.delay(60.0))
    with pytest.raises(errors.RequestTimeoutError) as caught:
        account.update({MIN: 1}, within=1.0)
    assert caught.value.may_have_taken_effect is True


@pytest.mark.parametrize(
    "body", [{"environment": {"name": "production"}}, {"status": "ACCEPTED"}, {"status": "NEW", "x": 1}]
)
def test_word_is_read_when_the_answers_shape_changes(body: dict[str, Any], account: "Account") -> None:
    """The old shape, the new one and those to come."""
    account.emulator.faults.add(Fault.body(body, method="PATCH"))
    assert account.update({MIN: 1}) == body.get("status", "ACCEPTED")
