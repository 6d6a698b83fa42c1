"""What the wheel and the sdist hold, and what they say of themselves."""

import re
import shutil
import subprocess
import tarfile
import zipfile
from email.message import Message
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
        pytest.skip("what the repository holds is known in a clone of it alone, to git")
    # Whoever owns the clone: continuous integration may run as somebody else.
    anybodys = ["git", "-c", f"safe.directory={ROOT}"]
    command = [*anybodys, "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


def _metadata(wheel: Path) -> "Message[str, str]":
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{_DESCRIPTION}/METADATA").decode())


def test_package_and_its_licence_alone_are_there_when_the_wheel_is_opened(wheel: Path) -> None:
    """No tests, no bench, no documents: they would land among the user's own modules."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    described = {"METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD"}
    assert held == _kept("baseten_pulumi") | {f"{_DESCRIPTION}/{name}" for name in described}
    assert "baseten_pulumi/py.typed" in held


def test_whole_repository_is_there_when_the_sdist_is_opened(sdist: Path) -> None:
    """What is released can be set up, tested and built again from it."""
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert held == _kept() | {"PKG-INFO"}


def test_fixtures_are_no_plugin_of_everybody_when_installed(wheel: Path) -> None:
    """They would be loaded by pytest in every project of the environment: the command is the only entry point."""
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(f"{_DESCRIPTION}/entry_points.txt").decode()
    assert entries == "[console_scripts]\nbaseten-pulumi = baseten_pulumi.cli:main\n"


def test_extras_are_the_only_ones_needed_for_more_when_read(wheel: Path) -> None:
    """And every minor release of Python it is tested on is named."""
    said = _metadata(wheel)
    assert said.get_all("Provides-Extra") == ["cli", "testing"]
    assert said["Requires-Python"] == ">=3.10"
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(said.get_all("Classifier", [])))
    assert named == ["3.10", "3.11", "3.12", "3.13"]


def test_every_place_says_the_same_version_when_asked(wheel: Path, sdist: Path, bare: Environment) -> None:
    """`baseten_pulumi/version.py` alone holds it; the changelog's newest release is this one."""
    assert _metadata(wheel)["Version"] == __version__
    assert sdist.name == f"baseten_pulumi-{__version__}.tar.gz"
    assert bare.run("baseten-pulumi", "--version").stdout == f"baseten-pulumi {__version__}\n"
    newest = re.search(r"^## \[(\d.*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
