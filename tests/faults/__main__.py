"""The fault campaign: `make faults`."""

import argparse
import os
import sys

from tests.faults.campaign import run
from tests.faults.mutants import MUTANTS, caught


def main() -> int:
    """Run it and print the report; return how many promises were broken or, with `--mutants`, how many defects live."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="how many runs (default: 400)")
    parser.add_argument("--seed", type=int, default=1, help="where random numbers begin (default: 1)")
    parser.add_argument("--no-shrinking", action="store_true", help="end at the first broken promise")
    parser.add_argument("--mutants", nargs="?", const="", help="plant defects whose name contains this, and find each")
    options = parser.parse_args()
    if options.mutants is not None:
        return _hunt(options.mutants, options.runs, options.seed)
    report, violations = run(options.runs, options.seed, is_shrinking=not options.no_shrinking)
    print(*report, sep="\n")
    for violation in violations:
        print(violation, *getattr(violation, "__notes__", ()), sep="\n", file=sys.stderr)
    return len(violations)


def _hunt(part: str, runs: int, seed: int) -> int:
    living = 0
    for mutant in MUTANTS:
        if part in mutant.name:
            found = caught(mutant, runs, seed)
            living += found is None
            print(f"{'found ' if found else 'LIVING'} {mutant.name}\n       {found or ''}".rstrip(), flush=True)
    return living


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is random too
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    sys.exit(main())
