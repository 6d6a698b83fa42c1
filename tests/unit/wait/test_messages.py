"""The texts of a wait, as `Watcher` reports and raises them."""

from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import NotAppliedError, WaitCancelledError, WaitTimeoutError
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.schema.settings import MAX_REPLICA, MIN_REPLICA, Settings
from baseten_pulumi.wait.messages import retrying
from tests.unit.wait.scenario import (
    APPLIED,
    BEFORE,
    FORBIDDEN,
    GONE,
    HALF,
    UNAVAILABLE,
    Baseten,
    Script,
    Wait,
    error,
    play,
    play_many,
    play_one,
    rate_limited,
)

SUBJECT = 'settings of environment "production" (model abc)'
WINDOW = "autoscaling_settings.autoscaling_window"
ROLLING = "promotion_settings.rolling_deploy"
LATER = "additional_settings.promotion_settings.later"
NO_RESPONSE = error(errors.RequestTimeoutError, "GET /v1 got no response in time.")
NO_CONNECTION = error(errors.ConnectionFailedError, "GET /v1 could not connect to https://api.baseten.co.")
UNREADABLE = error(errors.UnexpectedResponseError, "Baseten returned 200.", status_code=200)
AHEAD, PAUSED = Promotion("RAMPING_UP", 40), Promotion("PAUSED", 40)


def _before(promotion: Promotion | None = None) -> Environment:
    return Environment({MAX_REPLICA: 4}, promotion)


def test_timeout_is_described_in_full_when_many_environments_are_waited_for() -> None:
    """One line for each that is not applied, by its Pulumi name if it has one; what waiting cannot fix comes first."""
    baseten = Baseten({"abc/a": {0: APPLIED}, "abc/b": {0: Environment({}, None)}, "abc/gone": {0: GONE}})
    (ended,) = play(baseten, Wait(("abc/a", "chat=abc/b", "abc/gone"), timeout=50.0))
    assert type(ended.error) is WaitTimeoutError
    assert str(ended.error) == (
        "Timed out after 50 s waiting for settings of 2 of 3 environments to be applied.\n"
        'abc/gone: Model "abc" has no environment "gone".\n'
        "chat: autoscaling_settings.min_replica: expected 3, observed null; "
        "autoscaling_settings.max_replica: expected 6, observed null.\n"
        "Baseten may still apply what was sent.\n"
        "Create it first. Run `pulumi up` again to keep waiting, or raise `custom_timeouts`. "
        "To resend the settings that differ, run `pulumi up --refresh`."
    )


@pytest.mark.parametrize(
    ("how", "failed", "action"),
    [
        (
            {"timeout": 50.0},
            "Timed out after 50 s waiting for {} to be applied.",
            "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`.",
        ),
        ({"cancelled_at": 50.0}, "The wait for {} was cancelled after 50 s.", "Run `pulumi up` again to keep waiting."),
    ],
    ids=["timeout", "cancellation"],
)
def test_end_is_described_in_full_when_one_environment_is_waited_for(how: Any, failed: str, action: str) -> None:
    """What failed, what was observed last, the current state, what to do."""
    ended, _ = play_one({0: BEFORE, 2: HALF, 20: UNAVAILABLE}, **how)
    assert str(ended.error) == (
        f"{failed.format(SUBJECT)}\n"
        "autoscaling_settings.max_replica: expected 6, observed 2. "
        "The last poll failed: Baseten returned 503 for GET /v1/models. "
        f"Baseten accepted the request and may still apply it.\n{action}"
    )


def test_cancellation_is_described_in_full_when_many_environments_are_waited_for() -> None:
    scripts: dict[str, Script] = {"abc/a": {0: UNAVAILABLE}, "abc/b": {0: APPLIED}, "abc/gone": {0: GONE}}
    baseten = Baseten(scripts, lists={0: FORBIDDEN})
    (ended,) = play(baseten, Wait(tuple(scripts), cancelled_at=12.0))
    assert type(ended.error) is WaitCancelledError
    assert str(ended.error) == (
        "The wait for settings of 2 of 3 environments was cancelled after 12 s.\n"
        'abc/gone: Model "abc" has no environment "gone".\n'
        "abc/a: The environment could not be read. The last poll failed: Baseten returned 503 for GET /v1/models.\n"
        "Baseten may still apply what was sent.\n"
        "Run `pulumi up` again to keep waiting."
    )


def test_failure_is_described_in_full_when_all_environments_failed_alike() -> None:
    ended, _ = play_many({"abc/a": {0: FORBIDDEN}, "xyz/b": {0: FORBIDDEN}, "xyz/c": {0: APPLIED}})
    assert isinstance(ended.error, errors.PermissionDeniedError)
    assert ended.error.status_code == 403
    assert str(ended.error) == (
        "The wait for settings of 2 of 3 environments failed.\n"
        "abc/a: Baseten returned 403.\n"
        "xyz/b: Baseten returned 403.\n"
        "Baseten may still apply what was sent.\n"
        "Use another key."
    )


def test_failure_is_of_no_kind_when_environments_failed_differently() -> None:
    """One class for two kinds would be half wrong; both are told what to do."""
    ended, _ = play_many({"abc/a": {0: FORBIDDEN}, "abc/gone": {0: GONE}})
    assert type(ended.error) is NotAppliedError
    assert str(ended.error).endswith("\nUse another key. Create it first.")


@pytest.mark.parametrize(("status", "is_accepted"), [("QUEUED", True), ("UNCHANGED", True), (None, False)])
def test_text_calls_the_request_accepted_when_baseten_responded_so(status: str | None, is_accepted: bool) -> None:
    ended, _ = play_one({0: BEFORE}, status=status, timeout=5.0)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.message.state.startswith("Baseten accepted the request") is is_accepted


def test_ten_environments_are_named_when_more_are_not_applied() -> None:
    ended, _ = play_many({f"abc/env-{number}": {0: BEFORE} for number in range(22)}, timeout=5.0)
    lines = str(ended.error).splitlines()
    assert [line.partition(":")[0] for line in lines[1:11]] == [f"abc/env-{number}" for number in range(10)]
    assert lines[11] == "… and 12 more."


@pytest.mark.parametrize(
    ("settings", "observed", "is_suspected"),
    [
        ({MAX_REPLICA: 12}, Environment({MAX_REPLICA: 10}, None), True),
        ({MIN_REPLICA: 3}, Environment({MIN_REPLICA: 1}, None), True),
        ({MAX_REPLICA: 3}, Environment({MAX_REPLICA: 9}, None), False),
        ({MAX_REPLICA: 3}, Environment({}, None), False),
        ({MAX_REPLICA: "3"}, Environment({MAX_REPLICA: 1}, None), False),
        ({WINDOW: 90}, Environment({WINDOW: 60}, None), False),
    ],
)
def test_limit_is_suspected_when_replicas_stay_below_those_desired(
    settings: Settings, observed: Environment, is_suspected: bool
) -> None:
    """An account has one, 10 by default; a joint wait's settings may be of any type."""
    ended, _ = play_one({0: observed}, settings=settings, timeout=90.0)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ("The account may have a limit on replicas." in str(ended.error)) is is_suspected


@pytest.mark.parametrize(("found", "is_suspected"), [({}, True), ({LATER: 1}, False), ({LATER: 2}, None)])
def test_setting_may_be_ignored_when_an_additional_one_is_never_reported(
    found: Settings, is_suspected: bool | None
) -> None:
    """A misspelled one too: Baseten drops what it does not know in `promotion_settings`, and nobody else knows it."""
    ended, _ = play_one({0: Environment(found, None)}, settings={LATER: 2}, timeout=90.0)
    suspicion = "Check its name: Baseten may ignore a setting that it does not know."
    assert (ended.error and suspicion in str(ended.error)) is is_suspected


@pytest.mark.parametrize(
    ("state", "status", "row"),
    [
        (_before(), "ACCEPTED", "waiting: max_replica 4→6"),
        (_before(), "QUEUED", "QUEUED: max_replica 4→6"),
        (_before(AHEAD), "QUEUED", "QUEUED, promotion 40 %: max_replica 4→6"),
        (_before(Promotion("RELEASING")), "ACCEPTED", "promotion RELEASING: max_replica 4→6"),
        (_before(PAUSED), "ACCEPTED", "promotion PAUSED (resume or cancel it in Baseten): max_replica 4→6"),
        (Environment({}, None), "ACCEPTED", "waiting: max_replica null→6"),
        (rate_limited(37.0), "ACCEPTED", "rate limited (Retry-After 37 s)"),
        (rate_limited(None), "ACCEPTED", "rate limited"),
        (UNAVAILABLE, "QUEUED", "QUEUED, Baseten returned 503"),
        (NO_RESPONSE, "ACCEPTED", "no response"),
        (NO_CONNECTION, "ACCEPTED", "no connection"),
        (UNREADABLE, "ACCEPTED", "unreadable response"),
    ],
)
def test_row_names_the_reason_first_when_one_environment_is_waited_for(
    state: Environment | Exception, status: str, row: str
) -> None:
    """In about 40 characters: a terminal has no room for more."""
    ended, _ = play_one({0: state}, settings={MAX_REPLICA: 6}, status=status, timeout=5.0)
    assert ended.lines == [row]
    assert len(row) <= 40 or "PAUSED" in row


def test_two_settings_are_named_when_more_differ() -> None:
    settings: Settings = {ROLLING: True, WINDOW: 60, MAX_REPLICA: 6, MIN_REPLICA: 3}
    ended, _ = play_one({0: Environment({ROLLING: False}, None)}, settings=settings, timeout=5.0)
    assert ended.lines == ["waiting: rolling_deploy false→true, autoscaling_window null→60, +2"]
    assert str(ended.error).count("expected") == 4


def test_row_counts_when_many_environments_are_waited_for() -> None:
    scripts: dict[str, Script] = {f"abc/{name}": {0: _before(AHEAD)} for name in ("dev", "eu", "us")}
    ended, _ = play_many(scripts, settings={MAX_REPLICA: 6, MIN_REPLICA: 3}, status="QUEUED", timeout=5.0)
    reasons = "3 of 3 left, 3 QUEUED, 3 × promotion 40 %"
    assert ended.lines == [f"{reasons}: abc/dev max_replica 4→6, abc/eu max_replica 4→6, +1"]


def test_what_is_observed_once_comes_last_when_many_are_waited_for() -> None:
    """It has no value to show, and is the least of what is left."""
    scripts: dict[str, Script] = {"abc/dev": {0: APPLIED, 0.9: UNAVAILABLE}, "abc/eu": {0: BEFORE}, "abc/us": {0: HALF}}
    ended, _ = play_many(scripts, timeout=1.0)
    assert ended.lines == ["3 of 3 left: abc/eu min_replica 1→3, abc/us max_replica 2→6, +1"]
    assert (
        "\nabc/dev: It was observed only once. The last poll failed: Baseten returned 503 for GET /v1/models.\n"
        in str(ended.error)
    )


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED", "CANCELED"])
def test_promotion_is_shown_when_it_ended_during_the_wait(ending: str) -> None:
    """Queued settings may still come after it."""
    ended_promotion = Promotion(ending, 40)
    ended, _ = play_one({0: _before(AHEAD), 2: _before(ended_promotion)}, settings={MAX_REPLICA: 6}, timeout=20.0)
    assert ended.lines == ["promotion 40 %: max_replica 4→6", f"promotion {ending}: max_replica 4→6"]
    assert f" Latest promotion: {ending}. " in str(ended.error)


def test_promotion_is_not_shown_when_it_ended_before_the_wait() -> None:
    script: Script = {0: _before(Promotion("FAILED", 40))}
    ended, _ = play_one(script, settings={MAX_REPLICA: 6}, timeout=20.0)
    assert ended.lines == ["waiting: max_replica 4→6"]
    assert "FAILED" not in str(ended.error)


def test_row_quotes_the_error_when_the_patch_is_retried() -> None:
    """With how long it is retried: as long as the operation may take, or as the error is worth it."""
    assert retrying(rate_limited(None), 1800.0) == "rate limited, retrying for up to 1800 s"
    refused = "no connection, retrying for up to 1800 s: GET /v1 could not connect to https://api.baseten.co"
    assert retrying(NO_CONNECTION, 1800.0) == refused
    busy = error(errors.ConflictError, "Baseten returned 409 for PATCH /v1: busy.", status_code=409)
    busy.retried_for = 300.0
    assert retrying(busy, 1800.0) == "Baseten returned 409 for PATCH /v1: busy, retrying for up to 300 s"
    assert retrying(busy, 60.0).endswith(", retrying for up to 60 s")
