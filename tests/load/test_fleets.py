from bench.fleet import SETTINGS, Fleet
from tests.load.fleets import Case, put_in_force
from tests.load.serving import Weather, compared, faulty, held


def test_nothing_is_lost_when_a_fleet_meets_with_faults() -> None:
    """A slice of `make load`: one `up`, everything declared is applied and in the state, and nothing else changed."""
    weather = Weather(16, share=0.15, apply_seconds=0.2, seed=2)
    outcome = put_in_force(Case("local", "joint", weather))
    assert (outcome.broken, [attempt.succeeded for attempt in outcome.attempts]) == ([], [True])
    assert outcome.seen.faults.total() > 0
    assert outcome.seen.requests["PATCH environment"] >= 16


def test_what_is_lost_or_touched_is_seen_when_environments_are_compared() -> None:
    """One setting short of what was declared, and one changed that nobody declared."""
    emulator = faulty(Weather(4))
    before = held(emulator, Fleet(4))
    for member in Fleet(4):
        emulator.change(member.model_id, member.env_name, **SETTINGS)
    assert compared(emulator, before) == ([], [])
    emulator.change("m0000", "dev", autoscaling_settings={"max_replica": 3, "autoscaling_window": 90})
    emulator.change("m0000", "staging", request_backpressure_settings={"policy": "REJECT_ON_FULL"})
    assert compared(emulator, before) == (
        ["m0000/dev autoscaling_settings.max_replica"],
        ["m0000/dev autoscaling_settings.autoscaling_window", "m0000/staging request_backpressure_settings.policy"],
    )
