"""Load and endurance: `make load`."""

import argparse
import sys

from bench.engines import present
from tests.load.endurance import endurance
from tests.load.fleets import PARALLEL, apply_fleet
from tests.load.serving import Weather

STEP_CYCLES = 500


def main() -> int:
    """Apply fleets while requests fail, then run one process for long; return 1 if anything was lost, or grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="environments of a fleet; 0 for none (default: 1000)")
    parser.add_argument("--cycles", type=int, default=5000, help="cycles of endurance; 0 for none (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="where random numbers begin (default: 1)")
    parser.add_argument("--engine", choices=present(), action="append", help="only this one (default: those there are)")
    options = parser.parse_args()
    weather = Weather(options.size, seed=options.seed)
    failed = False
    for engine in (options.engine or present()) if options.size else ():
        for program in PARALLEL:
            print(f"{engine} engine, {program}: {weather}")
            outcome = apply_fleet(engine, program, weather)
            print(*outcome.lines(), sep="\n", end="\n\n", flush=True)
            failed |= bool(outcome.broken)
    return int(_grows(options.cycles, options.seed) or failed)


def _grows(cycles: int, seed: int) -> bool:
    """Carry out so many cycles in one process, a tenth of them to warm up; return whether it holds more at the end."""
    measured = []
    with endurance(seed=seed) as process:
        for done in range(0, cycles, STEP_CYCLES):
            measured.append(process.go_on(min(STEP_CYCLES, cycles - done)))
            print(f"{process.cycles:6} cycles: {measured[-1]}", flush=True)
        failed = process.storm.injected.total()
        print(f"{process.requests} requests, {failed} of them failed, {process.repeated} calls repeated")
    grown = measured[0].growth(measured[-1]) if measured else []
    print(f"grown: {', '.join(grown) or 'nothing'}")
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main())
