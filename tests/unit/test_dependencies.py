"""What a user installs with this package: little, within bounds, and nothing that is not declared."""

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_READER: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PROJECT = _READER.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What Pulumi speaks to providers with and reads stacks' files with, and what pydantic is made of, come with them.
WITH_OTHERS = {"google", "grpc", "pydantic_core", "yaml"}


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~ ;\[]", requirement, maxsplit=1)[0]


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


def _module(requirement: str) -> str:
    return _name(requirement).replace("-", "_")


def test_five_packages_are_needed_when_it_is_installed() -> None:
    """Each one more is somebody else's code beside the user's key: it needs a reason here."""
    assert {_name(it) for it in PROJECT["dependencies"]} == {
        "httpx",
        "pulumi",
        "pydantic",
        "sniffio",
        "typing-extensions",
    }


@pytest.mark.parametrize(
    "requirement", [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
)
def test_requirement_is_bounded_when_it_is_declared(requirement: str) -> None:
    """From the first release that works to the next that may break."""
    assert re.fullmatch(r"[a-z-]+>=[0-9.]+,<[0-9]+", requirement)


def test_everything_imported_is_declared_when_it_is_not_pythons_own() -> None:
    """What is imported and only happens to be there is a requirement nobody bounds."""
    declared = {_module(it) for it in PROJECT["dependencies"]} | {
        _module(it) for extra in EXTRAS.values() for it in extra
    }
    used = _imported(ROOT / "baseten_pulumi")
    assert used - declared - WITH_OTHERS - {"pytest"} == set()  # pytest loads the plugin, and nobody else does
    assert declared - used == {"sniffio"}  # httpx's transport imports it


@pytest.mark.parametrize("name", ["audit", "dev", "docs", "package"])
def test_every_version_is_recorded_when_the_repository_is_worked_on(name: str) -> None:
    """One list of exact versions, without addresses: what was tested is what is installed."""
    lines = (ROOT / f"requirements-{name}.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert all(
        re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; python_version < \"3\.1[12]\")?", line) for line in pinned
    )
    names = [line.partition("==")[0].lower() for line in pinned]
    assert len(names) == len(set(names))
