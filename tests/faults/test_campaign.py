import subprocess
import sys


def test_every_promise_holds_when_everything_goes_wrong() -> None:
    """A slice of `make faults`, the same every time: random programs and faults, and nothing is lost or invented."""
    command = [sys.executable, "-m", "tests.faults", "--runs", "25", "--seed", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    report = {name: it for name, _, it in (line.partition(" ") for line in done.stdout.splitlines() if line[0] != " ")}
    assert report["violations"].strip() == "0"
    assert int(report["runs"].split(",")[0]) >= 25
    assert int(report["faults"]) > 100
