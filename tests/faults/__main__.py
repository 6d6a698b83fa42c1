"""The fault campaign: `make faults`."""

import argparse
import os
import sys

from tests.faults.mutants import MUTANTS, caught
from tests.faults.running import run


def main() -> int:
    """Run it and print the report; 1 where a promise was broken, or a mutant lived."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="how many runs (default: 400)")
    parser.add_argument("--seed", type=int, default=1, help="what chance begins with (default: 1)")
    parser.add_argument(
        "--mutants", action="store_true", help="see that the campaign finds each of some planted defects"
    )
    options = parser.parse_args()
    if options.mutants:
        return _hunt(options.runs, options.seed)
    report = run(options.runs, options.seed)
    print(*report.lines(), sep="\n")
    for violation in report.violations:
        print(violation, *getattr(violation, "__notes__", ()), sep="\n", file=sys.stderr)
    return len(report.violations)


def _hunt(runs: int, chance: int) -> int:
    alive = 0
    for name, mutant in MUTANTS.items():
        found, after_runs = caught(mutant, runs, chance)
        alive += found is None
        print(f"{f'caught after {after_runs} runs' if found else 'ALIVE':24} {name}", flush=True)
        if found:
            print(f"{'':24}   {found}", flush=True)
    return alive


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is chance too
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    sys.exit(main())
