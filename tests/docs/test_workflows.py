"""The example workflows have few permissions, pin actions by commit, and pass the key to one step alone."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT

FOLDER = ROOT / "examples" / "ci"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
RELEASE, NIGHTLY = FOLDER / "release.yml", FOLDER / "nightly.yml"
OF_STACKS = [path for path in WORKFLOWS if path not in (RELEASE, NIGHTLY)]
_PINNED = re.compile(r"- uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)\b")
_KEY = "${{ secrets.BASETEN_API_KEY }}"


def _workflow(path: Path) -> dict[str, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else name: it for name, it in found.items()}  # what YAML 1.1 makes of the word `on`


def _job(path: Path) -> dict[str, Any]:
    (job,) = _workflow(path)["jobs"].values()
    return dict(job)


def _uses(job: dict[str, Any]) -> list[str]:
    return [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]


def test_each_workflow_starts_when_the_page_says() -> None:
    """On pull requests without the rights of the target, pushes to main, every night, and tags of releases."""
    triggers = {path.stem: _workflow(path)["on"] for path in WORKFLOWS}
    assert triggers["preview"] == {"pull_request": None}
    assert triggers["up"] == {"push": {"branches": ["main"]}}
    assert list(triggers["drift"]) == list(triggers["nightly"]) == ["schedule", "workflow_dispatch"]
    assert triggers["release"] == {"push": {"tags": ["v*"]}}
    assert len(triggers) == 5


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_only_read_the_repository_when_it_runs(path: Path) -> None:
    """Only the job that publishes has another permission, and a checkout leaves no token behind."""
    workflow = _workflow(path)
    assert workflow["permissions"] == {"contents": "read"}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert rights == ({"publish": {"id-token": "write"}} if path == RELEASE else {})
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_every_action_is_pinned_by_commit_when_used() -> None:
    """With the release in a comment, and the same commit everywhere."""
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    pins = {match.groups() for text in texts for match in _PINNED.finditer(text)}
    assert sum(text.count("uses:") for text in texts) == sum(len(_PINNED.findall(text)) for text in texts)
    assert sorted(name for name, _, _ in pins) == [
        "actions/checkout",
        "actions/download-artifact",
        "actions/setup-python",
        "actions/upload-artifact",
        "pulumi/actions",
        "pypa/gh-action-pypi-publish",
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_commands_contain_no_expression_when_a_workflow_runs_them(path: Path) -> None:
    """Text that others may have written, such as the name of a tag, is passed as a variable."""
    steps = [step for job in _workflow(path)["jobs"].values() for step in job["steps"]]
    assert not any("${{" in step.get("run", "") for step in steps)


@pytest.mark.parametrize("path", OF_STACKS, ids=lambda path: path.stem)
def test_key_is_passed_to_the_last_step_alone_when_a_workflow_needs_it(path: Path) -> None:
    """It is a secret; a preview, which makes no request, has none."""
    job = _job(path)
    *before, last = job["steps"]
    assert "env" not in job
    assert "env" not in _workflow(path)
    assert not any("env" in step for step in before)
    assert last["env"].get("BASETEN_API_KEY") == (None if path.stem == "preview" else _KEY)


def test_what_was_tested_is_published_when_a_release_is_made() -> None:
    """The job that may publish builds and runs nothing of the repository, needs all tests and has no secret."""
    jobs = _workflow(RELEASE)["jobs"]
    assert jobs["test"]["needs"] == "build"
    assert jobs["publish"]["needs"] == ["build", "test"]
    assert jobs["publish"]["environment"] == "pypi"
    assert _uses(jobs["publish"]) == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert not any("run" in step for step in jobs["publish"]["steps"])
    assert "secrets." not in RELEASE.read_text(encoding="utf-8")


def test_every_supported_python_is_tested_when_a_release_is_made() -> None:
    """The matrix has the versions of the classifiers."""
    described = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tested = _workflow(RELEASE)["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', described)


def test_end_to_end_suite_runs_on_the_newest_pulumi_when_it_is_night() -> None:
    """Newest CLI and newest SDK, which is installed over the pinned one; the suites exist, and no secret is needed."""
    job = _job(NIGHTLY)
    commands = [step["run"] for step in job["steps"] if "run" in step]
    *_, tests = commands
    assert _uses(job) == ["actions/checkout", "actions/setup-python", "pulumi/actions"]
    assert not any("pulumi-version" in step.get("with", {}) for step in job["steps"])
    assert commands[:-1] == ["make setup", ".venv/bin/python -m pip install --upgrade pulumi"]
    suites = [word for word in tests.split() if word.startswith("tests/")]
    assert {"tests/e2e", "tests/unit/provider"} <= set(suites)
    assert all((ROOT / suite).is_dir() for suite in suites)
    assert "secrets." not in NIGHTLY.read_text(encoding="utf-8")
