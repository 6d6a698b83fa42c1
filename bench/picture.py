"""Draw results as bars: `python -m bench.picture docs/bench.json` writes `docs/bench.svg`."""

import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bench.cases import APPLY_SECONDS, BIG_FLEET, FLEET, SUBJECTS
from bench.results import Measurement, Results

SHOWN = ("limit", "floor-wide", "wide", "joint", "plain")
OURS = ("wide", "joint")
WIDTH, MARGIN = 860, 24
LABELS_WIDTH, NUMBERS_WIDTH = 250, 90
ROW_HEIGHT, BAR_HEIGHT, TITLE_HEIGHT = 26, 14, 44
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 12px; fill: #59636e }
.page { fill: #ffffff }
.bar { fill: #b0b8c1 }
.ours { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .small { fill: #9198a1 }
  .page { fill: #0d1117 }
  .bar { fill: #656c76 }
  .ours { fill: #3fb950 }
}
"""


def draw(results: Results, path: Path) -> None:
    """Write the picture of the biggest fleets measured, on the real engine where there was one."""
    groups = [group for size in (FLEET, BIG_FLEET) if (group := results.fleet(size, SHOWN))]
    longest = max((each.wall_seconds for group in groups for each in group), default=1.0)
    body: list[str] = []
    top = MARGIN
    for group in groups:
        body += _drawn_group(group, top, longest)
        top += TITLE_HEIGHT + ROW_HEIGHT * len(group)
    body.append(_text(MARGIN, top + ROW_HEIGHT, _footnote(results), "small"))
    path.write_text(_page(body, top + ROW_HEIGHT + MARGIN))


def _drawn_group(group: Sequence[Measurement], top: int, longest: float) -> Iterator[str]:
    case = group[-1].case
    once = ", state written once" if any(each.case.skips_checkpoints for each in group) else ""
    yield _text(MARGIN, top + 20, f"{case.size} environments, seconds until all are applied{once}", "title")
    for number, measured in enumerate(group):
        yield from _drawn_bar(measured, top + TITLE_HEIGHT - 12 + ROW_HEIGHT * number, longest)


def _drawn_bar(measured: Measurement, top: int, longest: float) -> Iterator[str]:
    name, left = measured.case.subject, MARGIN + LABELS_WIDTH
    width = (WIDTH - left - MARGIN - NUMBERS_WIDTH) * measured.wall_seconds / longest
    style = "ours" if name in OURS else "bar"
    yield _text(MARGIN, top + 12, SUBJECTS[name].label)
    yield f'<rect class="{style}" x="{left}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2"/>'
    yield _text(left + round(width) + 8, top + 12, f"{measured.wall_seconds:.1f} s")


def _footnote(results: Results) -> str:
    machine = results.machine
    engine = f"Pulumi CLI {machine['Pulumi CLI']}" if results.engine == "real" else "local engine"
    return f"{machine['processor']} · {engine} · settings take {APPLY_SECONDS:g} s to apply · four environments a model"


def _text(left: int, baseline: int, text: str, style: str = "") -> str:
    attribute = f' class="{style}"' if style else ""
    return f'<text{attribute} x="{left}" y="{baseline}">{escape(text)}</text>'


def _page(body: Sequence[str], height: int) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    )
    page = f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>'
    return "\n".join([opening, f"<style>{STYLE}</style>", page, *body, "</svg>", ""])


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(Results.load(source), source.with_suffix(".svg"))
