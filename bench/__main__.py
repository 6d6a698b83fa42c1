"""`python -m bench`: measure, and print one table with ratios and bars."""

import argparse
import compileall
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.bars import bars
from bench.cases import BIG_FLEET, NO_ENGINE, SIZES, SUBJECTS, Case, cases, repeated
from bench.engines import ROOT, RunFailedError, present
from bench.machine import describe
from bench.measuring import compare_imports, compare_previews, measure
from bench.picture import draw
from bench.results import Comparison, Measurement, Results, medians
from bench.table import bar_lines, introduction, table

EXTRAS = ("preview", "import")

_Found = TypeVar("_Found")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; return 1 if a run failed."""
    chosen = _parser().parse_args(arguments)
    for package in ("baseten_pulumi", "bench"):  # as an installer does, and did for whatever is compared
        compileall.compile_dir(ROOT / package, quiet=1)
    steps = Steps()
    results = _measured(chosen, steps)
    print(f"\n{introduction(results)}\n\n{table(results)}\n")
    for engine in chosen.engine:
        if judged := bars(results, engine):
            print(f"Bars, {engine} engine\n{bar_lines(judged)}\n")
    if chosen.save:
        results.save(chosen.save)
        draw(results, chosen.save.with_suffix(".svg"))
    return 1 if steps.failed else 0


class Steps:
    """Take one step after another and report each; go on after one that fails."""

    def __init__(self) -> None:
        self.failed = False

    def take(self, name: str, step: Callable[[], _Found], seconds: Callable[[_Found], float]) -> _Found | None:
        """Return the result of a step; None if it fails."""
        print(f"{name} … ", end="", file=sys.stderr, flush=True)
        try:
            found = step()
        except RunFailedError as error:
            self.failed = True
            print(f"failed\n{error}", file=sys.stderr, flush=True)
            return None
        print(f"{seconds(found):.2f} s", file=sys.stderr, flush=True)
        return found


def _measured(chosen: argparse.Namespace, steps: Steps) -> Results:
    first = cases(chosen.engine, chosen.sizes, chosen.only)
    runs = [_measurement(case, steps) for case in (*first, *repeated(first, chosen.engine[-1]))]
    previews = {engine: _previews(engine, steps) for engine in chosen.engine if _wants_previews(chosen)}
    imports = steps.take("imports", compare_imports, _ours_seconds) if "import" in chosen.only else None
    return Results(
        machine=describe(chosen.engine),
        measurements=medians(run for run in runs if run),
        previews={engine: found for engine, found in previews.items() if found},
        imports=imports,
    )


def _measurement(case: Case, steps: Steps) -> Measurement | None:
    engine = "" if case.engine == NO_ENGINE else f", {case.engine} engine"
    return steps.take(f"{case.size} {case.subject}{engine}", partial(measure, case), lambda each: each.wall_seconds)


def _wants_previews(chosen: argparse.Namespace) -> bool:
    return "preview" in chosen.only and BIG_FLEET in chosen.sizes


def _previews(engine: str, steps: Steps) -> Comparison | None:
    name = f"{BIG_FLEET} no-op preview, {engine} engine"
    return steps.take(name, partial(compare_previews, engine, BIG_FLEET), _ours_seconds)


def _ours_seconds(compared: Comparison) -> float:
    return compared.ours_seconds


def _parser() -> argparse.ArgumentParser:
    names = (*SUBJECTS, *EXTRAS)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", type=partial(_some, names), default=names, help=f"some of {','.join(names)}", metavar="NAMES"
    )
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="how many environments", metavar="N,N")
    here = present()
    parser.add_argument("--engine", type=partial(_some, here), default=here, help=f"some of {','.join(here)}")
    parser.add_argument("--save", type=Path, help="write the results as JSON, and their picture beside it")
    return parser


def _some(names: Collection[str], text: str) -> tuple[str, ...]:
    words = tuple(text.split(","))
    unknown = [word for word in words if word not in names]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(names)}")
    return words


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
