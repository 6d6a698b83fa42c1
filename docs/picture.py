"""Draw `docs/run.svg` from a real run: `python -m docs.picture` runs the demo and draws one of its steps."""

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
STEP, NEXT_STEP = "━━ A promotion", "━━ A change"
COLOURS = {"+": "green", "~": "yellow", "-": "red", "$": "bold", "━": "bold cyan"}
# Longer rows wrap, as in a terminal; more columns could not be read on a page.
WIDTH = 100
# Dots that the CLI prints as time passes if its output is not a terminal.
HEARTBEAT = "@ "
# A picture must fetch nothing from other hosts.
WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Run the demo and write the picture."""
    command = [sys.executable, "-m", "examples.demo"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    step = text[text.index(STEP) : text.index(NEXT_STEP)]
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in step.rstrip().splitlines():
        if line.startswith(HEARTBEAT):
            continue
        console.print(Text(line, style=COLOURS.get(line.strip()[:1], "")), soft_wrap=False)
    picture = console.export_svg(title="baseten-pulumi")
    (ROOT / "docs" / "run.svg").write_text(WEB_FONTS.sub("", picture))


if __name__ == "__main__":
    main()
