from bench.fleet import SETTINGS, Fleet
from tests.load.fleets import apply_fleet
from tests.load.serving import Weather, compared, faulty, held


def test_nothing_is_lost_when_a_fleet_meets_with_faults() -> None:
    """A slice of `make load`: one `up`, everything declared is applied and in the state, and nothing else changed."""
    outcome = apply_fleet("local", "joint", Weather(8, share=0.2, apply_seconds=0.2, seed=2))
    assert (outcome.broken, [succeeded for _, succeeded in outcome.ups]) == ([], [True])
    assert outcome.seen.faults.total() > 0
    assert outcome.seen.requests["PATCH"] >= 8


def test_what_is_lost_or_touched_is_seen_when_environments_are_compared() -> None:
    """One setting short of what was declared, and one changed that nobody declared."""
    emulator = faulty(Weather(4))
    before = held(emulator, 4)
    for member in Fleet(4):
        emulator.change(member.model_id, member.env_name, **SETTINGS)
    assert compared(before, held(emulator, 4)) == ([], [])
    emulator.change("m0000", "dev", autoscaling_settings={"max_replica": 3, "autoscaling_window": 90})
    emulator.change("m0000", "staging", request_backpressure_settings={"policy": "REJECT_ON_FULL"})
    assert compared(before, held(emulator, 4)) == (
        ["m0000/dev autoscaling_settings.max_replica"],
        ["m0000/dev autoscaling_settings.autoscaling_window", "m0000/staging request_backpressure_settings.policy"],
    )
