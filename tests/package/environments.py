"""Virtual environments with the wheel and what it requires, and without the source tree.

Nothing is downloaded: requirements are symlinks into the environment of this interpreter. Under `make package`, which
has built the wheel, pip installs them as it would for a user.
"""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

BUILT = os.environ.get("DIST")
"""The folder with the wheel that `make package` built; None if the tests build it themselves."""
_SCRIPT = "#!{python}\nimport sys\nfrom {module} import {attribute}\nsys.exit({attribute}())\n"


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment, by its root."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, *command: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command, from this environment if it is there, with no variables of this process but PATH."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["env", *command],
            cwd=cwd or self.folder,
            env={"PATH": path, "HOME": str(self.folder), "BASETEN_API_KEY": "any"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def create(folder: Path, wheel: Path, extras: Sequence[str] = (), tools: Sequence[str] = ()) -> Environment:
    """Create an environment with the wheel, some of its extras, and further distributions."""
    environment = Environment(folder)
    venv.create(folder, with_pip=BUILT is not None, symlinks=True)
    if BUILT is None:
        _link(environment, wheel, extras, ("pip", *tools))  # the Pulumi CLI asks pip for what is installed
    else:
        requirement = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
        done = environment.run("python", "-m", "pip", "install", "--quiet", requirement, *tools)
        assert done.returncode == 0, done.stderr
    return environment


def _link(environment: Environment, wheel: Path, extras: Sequence[str], tools: Sequence[str]) -> None:
    (packages,) = environment.folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (described,) = packages.glob("*.dist-info")
    wheel_distribution = metadata.Distribution.at(described)
    for entry in wheel_distribution.entry_points:
        script = environment.folder / "bin" / entry.name
        script.write_text(_SCRIPT.format(python=environment.python, module=entry.module, attribute=entry.attr))
        script.chmod(0o755)
    for found in _required(wheel_distribution, extras, set()):
        _link_distribution(found, packages)
    for tool in map(metadata.distribution, tools):
        for found in (tool, *_required(tool, (), set())):
            _link_distribution(found, packages)


def _required(
    distribution: metadata.Distribution, extras: Sequence[str], seen: set[str]
) -> Iterator[metadata.Distribution]:
    """Yield every distribution that a distribution requires, directly or not."""
    for text in distribution.requires or ():
        requirement = Requirement(text)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if applies and requirement.name not in seen:
            seen.add(requirement.name)
            found = metadata.distribution(requirement.name)
            yield found
            yield from _required(found, tuple(requirement.extras), seen)


def _link_distribution(distribution: metadata.Distribution, packages: Path) -> None:
    tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    for top in tops:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())


def build(folder: Path, source: Path) -> Path:
    """Build wheel and sdist of a source tree into a folder, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=300)
    return folder
