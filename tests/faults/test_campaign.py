from tests.faults.running import run


def test_every_promise_holds_when_everything_goes_wrong() -> None:
    """A slice of `make faults`: random programs, random troubles, and nothing is lost, invented or left behind."""
    report = run(25, 20, is_shrinking=False)
    assert report.violations == []
    assert report.tally.runs >= 25
    assert sum(report.tally.troubles.values()) > 100
