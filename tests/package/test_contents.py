"""What the wheel and the sdist contain, and their metadata."""

import re
import shutil
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from baseten_pulumi import __version__
from tests.package.conftest import ROOT
from tests.package.environments import Environment

_DESCRIPTION = f"baseten_pulumi-{__version__}.dist-info"


def _kept(folder: str = ".") -> set[str]:
    """Return the files of the repository below a folder, as a commit of everything would hold them."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only git, in a clone, knows the files of the repository")
    # Continuous integration may run as another user than the owner of the clone.
    git = ["git", "-c", f"safe.directory={ROOT}"]
    command = [*git, "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


def test_wheel_contains_the_package_and_its_license_when_it_is_opened(wheel: Path) -> None:
    """Tests, bench and documentation would be installed among the user's own modules."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    described = {"METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD"}
    assert held == _kept("baseten_pulumi") | {f"{_DESCRIPTION}/{name}" for name in described}
    assert "baseten_pulumi/py.typed" in held


def test_sdist_contains_the_repository_when_it_is_opened(sdist: Path) -> None:
    """A release can be tested and built again from it."""
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert held == _kept() | {"PKG-INFO"}


def test_command_is_the_only_entry_point_when_installed(wheel: Path) -> None:
    """Fixtures registered as a plugin would be loaded by pytest in every project of the environment."""
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(f"{_DESCRIPTION}/entry_points.txt").decode()
    assert entries == "[console_scripts]\nbaseten-pulumi = baseten_pulumi.cli:main\n"


def test_metadata_and_version_are_the_same_everywhere_when_read(wheel: Path, sdist: Path, bare: Environment) -> None:
    """Metadata, file name, command and changelog have the version of `baseten_pulumi/version.py`."""
    with zipfile.ZipFile(wheel) as archive:
        found = Parser().parsestr(archive.read(f"{_DESCRIPTION}/METADATA").decode())
    releases = re.findall(r"Python :: (3\.\d+)", "\n".join(found.get_all("Classifier", [])))
    assert (found.get_all("Provides-Extra"), found["Requires-Python"]) == (["testing"], ">=3.10")
    assert releases == ["3.10", "3.11", "3.12", "3.13"]
    newest = re.findall(r"^## \[(\d.*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert found["Version"] == newest == __version__
    assert sdist.name == f"baseten_pulumi-{__version__}.tar.gz"
    assert bare.run("baseten-pulumi", "--version").stdout == f"baseten-pulumi {__version__}\n"
