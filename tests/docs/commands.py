"""Stand-ins for commands that a page's reader types; each returns an exit status."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import ROOT


def pip(words: Sequence[str]) -> int:
    """Check a command that installs this package, with extras it has."""
    _, _, extras = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")
    names = re.findall(r"^([\w-]+) = \[$", extras.partition("\n\n[")[0], re.MULTILINE)
    known = {"baseten-pulumi", "pytest", *(f"baseten-pulumi[{name}]" for name in names)}
    requested = Path(words[2]).read_text().split() if words[1] == "-r" else words[1:]
    return int(words[0] != "install" or not known.issuperset(requested))


def make(words: Sequence[str]) -> int:
    """Check that the Makefile has the target; nothing is made."""
    command = ["/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "make", "-n", "-C", str(ROOT), *words]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


def baseten_pulumi(words: Sequence[str]) -> int:
    """Run a command of the package; of `emulate`, which serves until it is interrupted, only the options are parsed."""
    from baseten_pulumi.cli import emulate, main

    if words[0] != "emulate":
        return main(words)
    emulate.parser().parse_args(words[1:])
    return 0
