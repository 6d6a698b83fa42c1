"""What a user installs with this package: little, within bounds, and nothing that is not declared."""

import ast
import importlib
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
_READER: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PROJECT = _READER.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [*PROJECT["dependencies"], *(it for extra in PROJECT["optional-dependencies"].values() for it in extra)]
# What Pulumi speaks to providers with and reads stacks' files with, and what pydantic is made of, come with them.
WITH_OTHERS = {"google", "grpc", "pydantic_core", "yaml"}


def _modules(requirements: list[str]) -> set[str]:
    return {Requirement(it).name.replace("-", "_") for it in requirements}


def _imported(folder: Path) -> set[str]:
    """Return the first part of every module that is imported anywhere below a folder."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"baseten_pulumi"}


def test_five_packages_are_needed_when_it_is_installed() -> None:
    """Each one more is somebody else's code beside the user's key: it needs a reason here."""
    assert _modules(PROJECT["dependencies"]) == {"httpx", "pulumi", "pydantic", "sniffio", "typing_extensions"}


@pytest.mark.parametrize("requirement", DECLARED)
def test_requirement_is_bounded_when_it_is_declared(requirement: str) -> None:
    """From the first release that works to the next that may break."""
    assert re.fullmatch(r"[a-z-]+>=[0-9.]+,<[0-9]+", requirement)


def test_everything_imported_is_declared_when_it_is_not_pythons_own() -> None:
    """What is imported and only happens to be there is a requirement nobody bounds."""
    used, declared = _imported(ROOT / "baseten_pulumi"), _modules(DECLARED)
    assert used - declared - WITH_OTHERS == {"pytest"}  # pytest loads the plugin, and nobody else does
    assert declared - used == {"sniffio"}  # httpx's transport imports it


@pytest.mark.parametrize("name", ["audit", "dev", "docs", "package"])
def test_every_version_is_recorded_when_the_repository_is_worked_on(name: str) -> None:
    """One list of exact versions, without addresses: what was tested is what is installed."""
    lines = (ROOT / f"requirements-{name}.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    form = re.compile(r'([A-Za-z0-9._-]+)==[A-Za-z0-9.]+( ; python_version (<|>=) "3\.1[12]")?')
    assert [line for line in pinned if not form.fullmatch(line)] == []
    names = [_normal(line.partition("==")[0]) for line in pinned]
    assert len(names) == len(set(names))
    if name == "dev":
        needed = {_normal(it.name) for each in map(Requirement, pinned) if each.marker is None for it in _needed(each)}
        assert needed - set(names) == set()


def _normal(name: str) -> str:
    return re.sub(r"[._-]+", "-", name).lower()


def _needed(requirement: Requirement) -> list[Requirement]:
    """Return what an installed package needs here."""
    needed = map(Requirement, metadata.requires(requirement.name) or [])
    return [it for it in needed if it.marker is None or it.marker.evaluate({"extra": ""})]
