import pytest

from baseten_pulumi.api.rate import AdaptiveRate

T0 = 1000.0


class Demand:
    """Asks as fast as the rate allows, on a time of its own."""

    def __init__(self) -> None:
        self.rate = AdaptiveRate(T0)
        self.now = T0
        self.episode = 0

    def ask(self, times: int) -> list[float]:
        """Take that many turns and return the seconds waited for each."""
        return [self._one() for _ in range(times)]

    def ask_for(self, seconds: float) -> int:
        """Take turns until that much later; return how many."""
        until, count = self.now + seconds, 0
        while self.now + self.rate.seconds_until_free(self.now) <= until:
            self._one()
            count += 1
        self.now = until
        return count

    def refuse(self, retry_after: float | None = 1.0) -> float | None:
        return self.rate.slow_down(self.now, self.episode, retry_after)

    def _one(self) -> float:
        waited = self.rate.seconds_until_free(self.now)
        self.now += waited
        assert self.rate.seconds_until_free(self.now) == 0.0
        self.episode = self.rate.take(self.now)
        return waited


@pytest.fixture
def demand() -> Demand:
    return Demand()


def test_twenty_go_at_once_when_nobody_asked_before(demand: Demand) -> None:
    """Then a hundred a second."""
    assert demand.ask(23) == pytest.approx([0.0] * 20 + [0.01] * 3)


def test_twenty_go_at_once_again_when_there_was_a_rest(demand: Demand) -> None:
    """However long the rest was."""
    demand.ask(50)
    demand.now += 3600.0
    assert demand.ask(21) == pytest.approx([0.0] * 20 + [0.01])


@pytest.mark.parametrize(("asked", "pause"), [(37.0, 37.0), (0.1, 0.1), (None, 1.0)])
def test_nobody_asks_when_baseten_asked_to_wait(asked: float | None, pause: float, demand: Demand) -> None:
    """As long as Baseten says, a second where it does not; then one at once and the others at the rate."""
    demand.ask(40)
    demand.refuse(asked)
    assert demand.rate.seconds_paused(demand.now) == pytest.approx(pause)
    assert demand.ask(2) == pytest.approx([pause, 0.05])
    assert demand.rate.seconds_paused(demand.now) == 0.0


@pytest.mark.parametrize("asked", [0.0, 0.01])
def test_pause_is_one_turn_when_baseten_asks_for_less(asked: float, demand: Demand) -> None:
    """At the new rate: a refusal gives no turn away, however late it comes."""
    demand.ask(40)
    demand.refuse(asked)
    assert demand.ask(2) == pytest.approx([0.05, 0.05])
    demand.rate.slow_down(demand.now, 0, asked)
    assert demand.ask(2) == pytest.approx([0.05, 0.05], rel=0.01)


def test_pauses_double_when_refusals_follow_one_another(demand: Demand) -> None:
    """Up to fifteen seconds: Baseten's word on when to come back has proved to be wrong."""
    waited = []
    for _ in range(7):
        waited += demand.ask(1)
        demand.refuse(0.1)
    assert waited == pytest.approx([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0])


def test_longer_pause_counts_when_baseten_asks_for_more_than_the_doubled_one(demand: Demand) -> None:
    """Its word holds wherever it is the longer."""
    waited = []
    for asked in (3.0, 0.0, 3.0, 0.0):
        demand.ask(1)
        demand.refuse(asked)
        waited.append(demand.rate.seconds_paused(demand.now))
    assert waited == pytest.approx([3.0, 1.0, 3.0, 4.0])


@pytest.mark.parametrize(("let_in", "pause"), [("new", 0.5), ("old", 1.0)])
def test_pauses_begin_anew_when_a_request_was_let_in(let_in: str, pause: float, demand: Demand) -> None:
    """One that was sent after the refusal: those that were under way prove nothing."""
    demand.ask(1)
    before = demand.episode
    demand.refuse(0.0)
    demand.ask(1)
    demand.rate.let_in(demand.episode if let_in == "new" else before)
    demand.refuse(0.0)
    assert demand.rate.seconds_paused(demand.now) == pytest.approx(pause)


def test_pause_stays_when_many_were_under_way(demand: Demand) -> None:
    """Refusals of one episode do not follow one another."""
    demand.ask(40)
    for _ in range(16):
        demand.refuse(0.0)
    assert demand.rate.seconds_paused(demand.now) == pytest.approx(0.05)


def test_longest_pause_counts_when_baseten_asked_several_times(demand: Demand) -> None:
    """Answers may come in any order."""
    demand.ask(40)
    demand.refuse(5.0)
    demand.now += 1.0
    demand.refuse(1.0)
    assert demand.rate.seconds_until_free(demand.now) == pytest.approx(4.0)


def test_rate_is_half_of_what_was_used_when_it_was_too_much(demand: Demand) -> None:
    """Of the last second, not of what would have been allowed."""
    demand.ask(20)
    demand.now += 1.5
    demand.ask(30)
    assert demand.refuse() == 30.0
    assert demand.rate.per_second == 15.0


def test_rate_is_halved_once_when_many_were_under_way(demand: Demand) -> None:
    """Their refusals are one episode; a request sent after it begins the next."""
    demand.ask(40)
    assert [demand.refuse() for _ in range(16)] == [40.0, *[None] * 15]
    assert demand.rate.per_second == 20.0
    demand.ask(10)
    assert demand.refuse() is not None
    assert demand.rate.per_second < 15.0


def test_rate_has_a_floor_when_hardly_anything_was_used(demand: Demand) -> None:
    """The way back from nothing would take for ever."""
    demand.ask(1)
    assert demand.refuse() == 1.0
    assert demand.rate.per_second == 2.0


def test_rate_grows_by_a_tenth_each_second_when_it_is_used_up(demand: Demand) -> None:
    """Up to the documented hundred, and no further."""
    demand.ask(40)
    demand.refuse(0.0)
    demand.ask_for(1.0)
    assert demand.rate.per_second == pytest.approx(22.0, rel=0.01)
    demand.ask_for(1.0)
    assert demand.rate.per_second == pytest.approx(24.2, rel=0.01)
    demand.ask_for(60.0)
    assert demand.rate.per_second == 100.0


def test_rate_stays_when_nobody_asks(demand: Demand) -> None:
    """An idle endpoint proves nothing; its rest is worth a burst in proportion to the rate."""
    demand.ask(40)
    demand.refuse()
    demand.now += 3600.0
    assert demand.ask(5)[-2:] == pytest.approx([0.0, 0.05], rel=0.05)
    assert demand.rate.per_second == pytest.approx(20.0, rel=0.05)


def test_pause_is_no_use_when_the_rate_grows(demand: Demand) -> None:
    """Half a minute in which nobody may ask does not count."""
    demand.ask(40)
    demand.refuse(30.0)
    demand.ask(1)
    assert demand.rate.per_second == 20.0


@pytest.mark.parametrize(("told", "per_second"), [(30.0, 30.0), (1.0, 20.0), (400.0, 100.0)])
def test_warning_is_heeded_when_this_endpoint_was_never_refused(told: float, per_second: float, demand: Demand) -> None:
    """What was too fast for another is not tried; less than a burst says nothing of the limit."""
    demand.rate.heed(told)
    assert demand.rate.per_second == per_second


def test_own_experience_counts_when_another_endpoint_was_refused(demand: Demand) -> None:
    """An endpoint that was refused itself knows better."""
    demand.ask(80)
    demand.refuse()
    demand.rate.heed(30.0)
    assert demand.rate.per_second == 40.0
