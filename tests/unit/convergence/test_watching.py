import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.convergence.watching import Watcher
from baseten_pulumi.errors import Statements, TransientError, WaitTimeoutError
from baseten_pulumi.fields import Settings
from tests.unit.convergence.scenes import (
    BEFORE,
    HALF,
    MAX,
    MIN,
    UNREADABLE,
    WANTED,
    Answer,
    Baseten,
    Promotion,
    Reported,
    Rows,
    limited,
)

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

ROLLING = "promotion_settings.rolling_deploy"


class Scene:
    """One wait: what Baseten answers when, and what the row showed."""

    def __init__(self, clock: "FakeClock") -> None:
        self.clock = clock
        self.rows = Rows(clock)

    def wait(
        self, answers: dict[float, Answer], *, status: str | None = "ACCEPTED", timeout: float = 300.0,
        wanted: Settings | None = None, answer_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        self.baseten = Baseten(self.clock, {"production": answers}, seconds=answer_seconds)
        want = Wanted("abc123", "production", wanted or WANTED, status, timeout)
        asyncio.run(Watcher(self.baseten, self.clock).until_in_force(want, self.rows))

    @property
    def waited(self) -> float:
        return self.clock.now() - 1000.0

    def time_out(self, answers: dict[float, Answer], **how: object) -> WaitTimeoutError:
        with pytest.raises(WaitTimeoutError) as caught:
            self.wait(answers, **how)  # type: ignore[arg-type] # the same keywords
        return caught.value


@pytest.fixture
def scene(clock: "FakeClock") -> Scene:
    return Scene(clock)


def test_nothing_is_shown_when_settings_are_in_force_at_the_first_look(scene: Scene) -> None:
    """One request and no line."""
    scene.wait({0: Reported({**WANTED, ROLLING: True})})
    assert [(asked.model_id, asked.env_name) for asked in scene.baseten.asked] == [("abc123", "production")]
    assert (scene.rows.texts, scene.rows.endings) == ([], [])


@pytest.mark.parametrize("status", ["UNCHANGED", None])
def test_first_look_is_taken_at_once_when_nothing_was_changed(status: str | None, scene: Scene) -> None:
    """There is nothing to wait for where Baseten had nothing to do."""
    scene.wait({0: Reported(WANTED)}, status=status)
    assert scene.baseten.times == [0.0]


@pytest.mark.parametrize("status", ["ACCEPTED", "QUEUED", "LATER"])
def test_first_look_comes_after_a_moment_when_something_was_changed(status: str, scene: Scene) -> None:
    """Half a second at most, so that settings applied at once are seen soon."""
    scene.wait({0: Reported(WANTED)}, status=status)
    assert scene.baseten.times == [pytest.approx(0.25, abs=0.25)]


def test_wait_ends_when_the_last_setting_comes_into_force(scene: Scene) -> None:
    """Part of the settings is not enough; each change is shown at once."""
    scene.wait({0: Reported(BEFORE), 1.6: Reported(HALF), 4: Reported(WANTED)})
    assert scene.rows.texts == [
        "waiting for 2 of 2 settings: min_replica 1 → 3, max_replica 2 → 6 (0 s)",
        "waiting for 1 of 2 settings: max_replica 2 → 6 (2 s)",
    ]
    assert 4.0 <= scene.waited < 4.8
    assert scene.rows.endings == [f"in force ({scene.waited:.0f} s)"]


def test_wait_goes_on_when_settings_revert(scene: Scene) -> None:
    """What was in force in part and is so no longer is waited for again."""
    scene.wait({0: Reported(HALF), 2: Reported(BEFORE), 4: Reported(WANTED)})
    assert [text.partition(":")[0] for text in scene.rows.texts] == [
        "waiting for 1 of 2 settings",
        "waiting for 2 of 2 settings",
    ]


def test_line_is_repeated_every_ten_seconds_when_nothing_changes(scene: Scene) -> None:
    """An unchanged row shows its age, be there many looks in that time or none: late ones are 15 s apart."""
    scene.wait({0: Reported(BEFORE), 205: Reported(WANTED)})
    times = [at for at, _ in scene.rows.lines]
    assert times[0] <= 0.5
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) == pytest.approx(10.0)
    assert sum(gap != pytest.approx(10.0) for gap in gaps) <= 1  # the news that it stands still
    assert times[-1] >= 195
    assert scene.rows.texts[-1].endswith(f"({times[-1]:.0f} s)")


def test_looks_follow_the_pace_when_nothing_changes(scene: Scene) -> None:
    """Each pause is what pacing says for the time waited."""
    scene.time_out({0: Reported(BEFORE)}, timeout=20.0)
    for earlier, later in pairwise(scene.baseten.times[:-1]):
        assert later - earlier == pytest.approx(max(0.7, 0.15 * earlier), rel=0.1 + 1e-9)


def test_pause_is_counted_from_the_question_when_answers_take_long(scene: Scene) -> None:
    """A slow answer does not make the next look later, but there is always some rest after it."""
    scene.time_out({0: Reported(BEFORE)}, timeout=4.5, answer_seconds=0.3)
    assert all(later - earlier <= 0.77 for earlier, later in pairwise(scene.baseten.times))
    scene.time_out({0: Reported(BEFORE)}, timeout=20.0, answer_seconds=2.0)
    assert all(later - earlier >= 2.0 + 0.9 * 0.7 - 0.35 for earlier, later in pairwise(scene.baseten.times[:-1]))


@pytest.mark.parametrize("status", ["ACCEPTED", "UNCHANGED", "QUEUED", "LATER", None])
def test_status_is_no_proof_when_settings_are_not_reported(status: str | None, scene: Scene) -> None:
    """After every answer to the request it is polled until the settings are read back."""
    scene.wait({0: Reported(BEFORE), 3: Reported(WANTED)}, status=status)
    assert len(scene.baseten.asked) > 1


def test_queue_and_promotion_are_shown_when_settings_wait_behind_one(scene: Scene) -> None:
    """The row says what is waited for and how far it is."""
    scene.wait(
        {
            0: Reported(BEFORE, Promotion("RELEASING")),
            2: Reported(BEFORE, Promotion("RAMPING_UP", 40)),
            4: Reported(WANTED, Promotion("SUCCEEDED", 100, is_running=False)),
        },
        status="QUEUED",
        wanted={MIN: 3},
    )
    assert scene.rows.news == [
        "waiting for 1 of 1 setting: min_replica 1 → 3; QUEUED; promotion RELEASING",
        "waiting for 1 of 1 setting: min_replica 1 → 3; QUEUED; promotion RAMPING_UP, 40 %",
    ]


@pytest.mark.parametrize("ending", ["FAILED", "CANCELED"])
def test_wait_goes_on_when_the_promotion_ahead_ends_badly(ending: str, scene: Scene) -> None:
    """The end is named; the queued settings may still come."""
    scene.wait(
        {
            0: Reported(BEFORE, Promotion("RAMPING_UP", 40)),
            2: Reported(BEFORE, Promotion(ending, 40, is_running=False)),
            9: Reported(WANTED, Promotion(ending, 40, is_running=False)),
        },
        status="QUEUED",
    )
    assert scene.rows.news[-1].endswith(f"; QUEUED; the promotion ended {ending}")


def test_cap_is_suspected_when_baseten_stands_still_for_a_minute(scene: Scene) -> None:
    """Row and error say so, with the value Baseten stays on."""
    error = scene.time_out({0: Reported({MIN: 3, MAX: 10})}, wanted={MIN: 3, MAX: 12}, timeout=300.0)
    plain = "waiting for 1 of 2 settings: max_replica 10 → 12"
    suspicion = "Baseten reports 10 for max_replica; the account may be capped"
    assert scene.rows.news == [plain, f"{plain}; {suspicion}"]
    first = next(at for at, text in scene.rows.lines if "capped" in text)
    assert 60 <= first < 76
    assert f"wanted 12. {suspicion}. Baseten keeps the request" in str(error)


def test_minute_starts_anew_when_something_changes(scene: Scene) -> None:
    """A standstill is a minute on the same values."""
    scene.wait({0: Reported(BEFORE), 50: Reported(HALF), 105: Reported(WANTED)})
    assert not any("capped" in text for text in scene.rows.texts)


@pytest.mark.parametrize(("promotion", "status"), [(Promotion("RAMPING_UP", 1), "ACCEPTED"), (None, "QUEUED")])
def test_no_cap_is_suspected_when_there_is_something_to_wait_behind(
    promotion: Promotion | None, status: str, scene: Scene
) -> None:
    """Queued settings, and those behind a promotion, stand still with reason."""
    error = scene.time_out({0: Reported(BEFORE, promotion)}, status=status)
    assert not any("capped" in text for text in [*scene.rows.texts, str(error)])


def test_minute_starts_when_the_promotion_ends(scene: Scene) -> None:
    """The time behind a promotion is no standstill: the minute counts from its end."""
    scene.time_out(
        {
            0: Reported(BEFORE, Promotion("RAMPING_UP", 1)),
            100: Reported(BEFORE, Promotion("SUCCEEDED", 100, is_running=False)),
        }
    )
    first = next(at for at, text in scene.rows.lines if "capped" in text)
    assert first >= 100 + 60 - 15


def test_no_standstill_is_claimed_when_nothing_could_be_read(scene: Scene) -> None:
    """An outage is not Baseten standing still on a value."""
    scene.time_out({0: Reported(BEFORE), 1: UNREADABLE})
    assert not any("capped" in text or "nothing has changed" in text for text in scene.rows.texts)


def test_standstill_has_no_values_when_nothing_is_reported_of_them(scene: Scene) -> None:
    """A setting that Baseten does not report at all is no sign of a cap."""
    scene.time_out({0: Reported({})}, wanted={MIN: 3})
    assert scene.rows.news[-1] == "waiting for 1 of 1 setting: min_replica unreported → 3; nothing has changed for 60 s"


@pytest.mark.parametrize(
    ("path", "reported", "wanted"),
    [(ROLLING, False, True), ("autoscaling_settings.autoscaling_window", 60, 90), (MAX, 9, 3)],
)
def test_no_cap_is_suspected_when_something_else_stands_still(
    scene: Scene, path: str, reported: int, wanted: int
) -> None:
    """Only replicas below those wanted are a sign of a capped account."""
    scene.time_out({0: Reported({path: reported})}, wanted={path: wanted})
    assert scene.rows.news[-1].endswith("; nothing has changed for 60 s")


def test_three_settings_are_named_when_more_differ(scene: Scene) -> None:
    """A row is one line; an error names every setting."""
    wanted: Settings = {f"autoscaling_settings.{name}": 9 for name in ("min_replica", "max_replica", "a", "b")}
    error = scene.time_out({0: Reported({})}, wanted=wanted, timeout=5.0)
    named = "min_replica unreported → 9, max_replica unreported → 9, a unreported → 9, …"
    assert scene.rows.news == [f"waiting for 4 of 4 settings: {named}"]
    assert error.statements.seen.count("is not reported, wanted 9") == 4


def test_trouble_is_polled_through_when_it_may_go_away(scene: Scene) -> None:
    """The row tells of it; what was seen before stays shown."""
    scene.wait({0: Reported(BEFORE), 2: UNREADABLE, 4: Reported(WANTED)})
    waiting = "waiting for 2 of 2 settings: min_replica 1 → 3, max_replica 2 → 6"
    assert scene.rows.news == [waiting, f"{waiting}; Baseten answered 503 to GET /v1"]


def test_row_counts_settings_when_nothing_was_read_yet(scene: Scene) -> None:
    """Without a look there is no difference to name."""
    scene.wait({0: UNREADABLE, 2: Reported(WANTED)})
    assert scene.rows.news == ["waiting for 2 settings; Baseten answered 503 to GET /v1"]


@pytest.mark.parametrize(("asked", "pause"), [(37.0, 37.0), (0.1, 0.7), (None, 0.7)])
def test_pause_is_as_long_as_asked_when_baseten_limits_the_rate(
    asked: float | None, pause: float, scene: Scene
) -> None:
    """`retry_after` makes a pause longer and never shorter."""
    scene.wait({0: limited(asked), 0.51: Reported(WANTED)})
    first, second = scene.baseten.times
    assert second - first == pytest.approx(pause, rel=0.1 + 1e-9)
    assert scene.rows.news == ["waiting for 2 settings; rate limited"]


def test_deadline_caps_the_pause_when_baseten_asks_for_longer(scene: Scene) -> None:
    """A last look is taken at the deadline, with a second to answer it, and none after."""
    scene.time_out({0: limited(1e6)}, timeout=30.0, status=None)
    assert [(asked.at, asked.within_seconds) for asked in scene.baseten.asked] == [(0.0, 30.0), (30.0, 1.0)]


def test_settings_count_when_they_come_with_the_last_look(scene: Scene) -> None:
    """What is in force at the deadline is in force."""
    scene.wait({0: Reported(BEFORE), 29.99: Reported(WANTED)}, timeout=30.0)
    assert scene.clock.now() == pytest.approx(1030.0)


def test_one_look_is_taken_when_there_is_no_time_at_all(scene: Scene) -> None:
    """Zero seconds are enough for settings that are in force."""
    scene.wait({0: Reported(WANTED)}, timeout=0.0)
    error = scene.time_out({0: Reported(BEFORE)}, timeout=0.0)
    assert scene.baseten.times == [0.0]
    assert "after 0 s." in str(error)


def test_slow_answers_count_when_the_deadline_is_judged(scene: Scene) -> None:
    """The time a look takes is time waited."""
    scene.time_out({0: Reported(BEFORE)}, timeout=10.0, answer_seconds=8.0)
    assert len(scene.baseten.asked) == 2


def test_wait_ends_soon_after_the_deadline_when_no_answer_comes(scene: Scene) -> None:
    """A look that hangs is not waited for: a second for the last answer, and no longer."""
    error = scene.time_out({0: Reported(BEFORE)}, timeout=10.0, answer_seconds=1e6)
    assert scene.waited == pytest.approx(11.25)
    assert "could not be read back even once" in str(error)


@pytest.mark.parametrize(
    "kind",
    [
        errors.AuthenticationError,
        errors.PermissionDeniedError,
        errors.ModelNotFoundError,
        errors.EnvironmentNotFoundError,
        errors.RejectedError,
        errors.ConflictError,
    ],
)
def test_wait_ends_at_once_when_waiting_does_not_mend_it(kind: type[errors.RequestError], scene: Scene) -> None:
    """Only transient troubles are polled through."""
    fatal = kind(Statements("G.", "S.", "", "A."))
    with pytest.raises(kind) as caught:
        scene.wait({0: Reported(BEFORE), 2: fatal})
    assert caught.value is fatal


def test_transient_troubles_are_all_polled_through_when_listed(scene: Scene) -> None:
    """Every class below TransientError, without exception."""
    kinds = TransientError.__subclasses__()
    assert len(kinds) == 5
    for kind in kinds:
        scene.wait({0: kind(Statements("G.", "S.", "", "A.")), 0.51: Reported(WANTED)})


def test_text_is_the_designs_when_the_time_is_up(scene: Scene) -> None:
    """The whole message, as design and README promise it."""
    error = scene.time_out({0: Reported({MIN: 1})}, wanted={MIN: 3}, timeout=50.0)
    assert scene.rows.endings == []
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were accepted but are not in force after 50 s.\n'
        "Still different: autoscaling_settings.min_replica is 1, wanted 3. "
        "Baseten keeps the request; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ("ACCEPTED", "were accepted"),
        ("QUEUED", "were queued"),
        ("UNCHANGED", "were known to Baseten already (UNCHANGED)"),
        ("LATER", "were sent"),
        (None, "were sent"),
    ],
)
def test_error_says_what_baseten_answered_when_the_time_is_up(status: str | None, done: str, scene: Scene) -> None:
    """Accepted, queued and unchanged are told apart."""
    error = scene.time_out({0: Reported(BEFORE)}, status=status, timeout=5.0)
    assert error.statements.goal == (
        f'Settings of environment "production" of model "abc123" {done} but are not in force after 5 s.'
    )


def test_error_tells_everything_seen_when_the_time_is_up(scene: Scene) -> None:
    """Differences, the promotion and the latest trouble; the standstill's minute had passed before."""
    error = scene.time_out(
        {
            0: Reported({MIN: 1, MAX: 6}, Promotion("FAILED", 40, is_running=False)),
            250: UNREADABLE,
        },
        status="ACCEPTED",
    )
    assert error.statements.seen == (
        "Still different: autoscaling_settings.min_replica is 1, wanted 3. The promotion ended FAILED. "
        "Baseten answered 503 to GET /v1. Baseten reports 1 for min_replica; the account may be capped."
    )


def test_error_says_so_when_nothing_could_be_read_at_all(scene: Scene) -> None:
    """Nothing is claimed about settings nobody saw."""
    error = scene.time_out({0: UNREADABLE}, timeout=5.0)
    assert error.statements.seen == ("The settings could not be read back even once. Baseten answered 503 to GET /v1.")
