"""The pages of the documentation and the README, as blocks of code with their titles and remarks."""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(FOLDER.glob("*.md"))

_BLOCK = re.compile(
    r'(?:^ *<!-- (?P<remark>[^\n]*) -->\n)?^(?P<indent> *)```(?P<language>[\w-]*)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
# A Python file is included with the form of three lines: the formatter takes the other one for a comparison.
_INCLUDED = re.compile(r'^--8<--(?: "(?P<path>[^"]+)"|\n(?P<file>.+)\n--8<--)$', re.MULTILINE)

NEEDS_PULUMI = "needs the Pulumi CLI"
FAILS = "this fails"
NOT_RUN = "not run: "
COMPARED = "word for word"
"""The remark of a block that a test of its page compares with the package's own text."""


class Block(NamedTuple):
    """One block of code."""

    page: str
    line: int  # of its fence, from 1
    language: str
    title: str | None  # of the file that it is
    remark: str  # the comment in the line before the fence
    text: str  # with included files

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """Return every block of a page, in order."""
    page = path.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(page):
        line = page.count("\n", 0, match.start("language")) + 1
        text = _INCLUDED.sub(_file, textwrap.dedent(match["text"]) if match["indent"] else match["text"])
        found.append(Block(path.name, line, match["language"], match["title"], match["remark"] or "", text))
    return found


def _file(included: "re.Match[str]") -> str:
    return (ROOT / (included["path"] or included["file"])).read_text(encoding="utf-8").rstrip("\n")
