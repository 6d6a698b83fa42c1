"""The pages of the documentation and the README, as blocks of code with their titles and remarks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(FOLDER.glob("*.md"))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)(?: title=\"(?P<title>[^\"]+)\")?\s*$")
_REMARK = re.compile(r"^ *<!-- (?P<text>.*) -->\s*$")
# A Python file is included with the form of three lines: the formatter takes the other one for a comparison.
_INCLUDED = re.compile(r'^--8<--(?: "(?P<path>[^"]+)"|\n(?P<file>.+)\n--8<--)$', re.MULTILINE)

NEEDS_PULUMI = "needs the Pulumi CLI"
FAILS = "this fails"
NOT_RUN = "not run: "
COMPARED = "word for word"
"""The remark of a block that a test of its page compares with the package's own text."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code.

    Attributes:
        page: Name of the page's file.
        line: Line of its fence, counted from 1.
        language: Language of the fence; empty if it has none.
        title: Name of the file that the block is; None if it is not a file.
        remark: The comment in the line before the fence; empty if there is none.
        text: The code, with included files.
    """

    page: str
    line: int
    language: str
    title: str | None
    remark: str
    text: str

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return every block of a page, in order."""
    return list(_blocks(page.name, page.read_text(encoding="utf-8").splitlines()))


def shown(page: str, heading: str) -> str:
    """Return the first block under a heading of a page.

    Raises:
        ValueError: there is no such heading, or no block under it.
    """
    lines = (FOLDER / page).read_text(encoding="utf-8").splitlines()
    starts = next((at for at, line in enumerate(lines) if re.fullmatch(rf"#+ `?{re.escape(heading)}`?", line)), None)
    if starts is None:
        raise ValueError(f"docs/{page} has no heading {heading!r}")
    ends = next((at for at in range(starts + 1, len(lines)) if re.match(r"#+ ", lines[at])), len(lines))
    found = list(_blocks(page, lines[starts:ends]))
    if not found:
        raise ValueError(f"docs/{page} has no block under {heading!r}")
    return found[0].text


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        indent = opening["indent"]
        end = next(n for n in range(at + 1, len(lines)) if lines[n].rstrip() == f"{indent}```")
        text = "".join(f"{line.removeprefix(indent)}\n" for line in lines[at + 1 : end])
        remark = _REMARK.match(lines[at - 1]) if at else None
        yield Block(page, at + 1, opening["language"], opening["title"], remark["text"] if remark else "", _whole(text))
        at = end + 1


def _whole(text: str) -> str:
    return _INCLUDED.sub(lambda it: (ROOT / (it["path"] or it["file"])).read_text(encoding="utf-8").rstrip("\n"), text)
