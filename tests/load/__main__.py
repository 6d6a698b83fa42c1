"""Load and endurance: `make load`."""

import argparse
import sys
from collections.abc import Iterator

from bench.engines import present
from tests.load.endurance import Measured, endurance
from tests.load.fleets import PARALLEL, Case, put_in_force
from tests.load.report import endurance_lines, fleet_lines, growth
from tests.load.serving import Weather

STEP_CYCLES = 500


def main() -> int:
    """Apply fleets while requests fail, then run one process for long; return 1 if anything was lost, or grew."""
    options = _options()
    failed = False
    for case in _cases(options):
        outcome = put_in_force(case)
        print(*fleet_lines(outcome), sep="\n", end="\n\n", flush=True)
        failed = failed or bool(outcome.broken)
    if options.cycles:
        failed = _endures(options.cycles, options.seed) or failed
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="environments of a fleet; 0 for none (default: 1000)")
    parser.add_argument("--cycles", type=int, default=5000, help="cycles of endurance; 0 for none (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="where random numbers begin (default: 1)")
    parser.add_argument("--engine", choices=present(), action="append", help="only this one (default: those there are)")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    for engine in (options.engine or present()) if options.size else ():
        for program in PARALLEL:
            yield Case(engine, program, Weather(options.size, seed=options.seed))


def _endures(cycles: int, seed: int) -> bool:
    """Carry out so many cycles in one process, a tenth of them to warm up; return whether anything grew."""
    steps = [min(STEP_CYCLES, cycles - done) for done in range(0, cycles, STEP_CYCLES)]
    measured: list[Measured] = []
    with endurance(seed=seed) as process:
        for step in steps:
            measured.append(process.go_on(step))
            print(f"{measured[-1].cycles} cycles", file=sys.stderr, flush=True)
        print(
            f"{cycles} cycles of create, update and refresh in one provider process: {process.requests} requests, "
            f"{process.storm.injected.total()} of them failed, {process.repeated} calls repeated"
        )
    print(*endurance_lines(measured), sep="\n")
    return bool(growth(measured[0], measured[-1]))


if __name__ == "__main__":
    sys.exit(main())
