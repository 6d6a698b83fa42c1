"""The example workflows have few permissions, pin actions by commit, and pass the key to one step alone."""

import re
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT

_TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "ci").glob("*.yml")}
# YAML 1.1 reads the word `on` as true.
_WORKFLOWS: dict[str, Any] = {
    name: {"on" if key is True else key: it for key, it in yaml.safe_load(text).items()}
    for name, text in _TEXTS.items()
}
_PINNED = re.compile(r"- uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)\b")
_KEY = "${{ secrets.BASETEN_API_KEY }}"


def _uses(job: Any) -> list[str]:
    return [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]


def test_each_workflow_starts_when_the_page_says() -> None:
    """On pull requests without the rights of the target, pushes to main, every night, and tags of releases."""
    triggers = {name: workflow["on"] for name, workflow in _WORKFLOWS.items()}
    assert list(triggers.pop("drift")) == list(triggers.pop("nightly")) == ["schedule", "workflow_dispatch"]
    assert triggers == {
        "preview": {"pull_request": None},
        "up": {"push": {"branches": ["main"]}},
        "release": {"push": {"tags": ["v*"]}},
    }


@pytest.mark.parametrize("name", _WORKFLOWS)
def test_workflow_may_only_read_the_repository_when_it_runs(name: str) -> None:
    """Only the job that publishes has another permission, a checkout leaves no token behind, and every job ends.

    Commands contain no expression: text that others may have written, such as the name of a tag, is a variable.
    """
    jobs = _WORKFLOWS[name]["jobs"]
    assert _WORKFLOWS[name]["permissions"] == {"contents": "read"}
    rights = {job: it["permissions"] for job, it in jobs.items() if "permissions" in it}
    assert rights == ({"publish": {"id-token": "write"}} if name == "release" else {})
    assert all(job["timeout-minutes"] for job in jobs.values())
    steps = [step for job in jobs.values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]
    assert not any("${{" in step.get("run", "") for step in steps)


def test_every_action_is_pinned_by_commit_when_used() -> None:
    """With the release in a comment, and the same commit everywhere."""
    pins = {match.groups() for text in _TEXTS.values() for match in _PINNED.finditer(text)}
    assert all(text.count("uses:") == len(_PINNED.findall(text)) for text in _TEXTS.values())
    assert sorted(name for name, _, _ in pins) == [
        "actions/checkout",
        "actions/download-artifact",
        "actions/setup-python",
        "actions/upload-artifact",
        "pulumi/actions",
        "pypa/gh-action-pypi-publish",
    ]


@pytest.mark.parametrize("name", ["preview", "up", "drift"])
def test_key_is_passed_to_the_last_step_alone_when_a_workflow_needs_it(name: str) -> None:
    """It is a secret; a preview, which makes no request, has none."""
    (job,) = _WORKFLOWS[name]["jobs"].values()
    *before, last = job["steps"]
    assert not any("env" in it for it in (_WORKFLOWS[name], job, *before))
    assert last["env"].get("BASETEN_API_KEY") == (None if name == "preview" else _KEY)


def test_what_was_tested_is_published_when_a_release_is_made() -> None:
    """The job that may publish builds and runs nothing of the repository, needs all tests and has no secret."""
    jobs = _WORKFLOWS["release"]["jobs"]
    publish = jobs["publish"]
    assert jobs["test"]["needs"] == "build"
    assert (publish["needs"], publish["environment"]) == (["build", "test"], "pypi")
    assert _uses(publish) == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert not any("run" in step for step in publish["steps"])
    assert "secrets." not in _TEXTS["release"]
    described = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    versions = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', described)
    assert jobs["test"]["strategy"]["matrix"]["python"] == versions


def test_end_to_end_suite_runs_on_the_newest_pulumi_when_it_is_night() -> None:
    """Newest CLI and newest SDK, which is installed over the pinned one; the suites exist, and no secret is needed."""
    (job,) = _WORKFLOWS["nightly"]["jobs"].values()
    *before, tests = [step["run"] for step in job["steps"] if "run" in step]
    assert _uses(job) == ["actions/checkout", "actions/setup-python", "pulumi/actions"]
    assert not any("pulumi-version" in step.get("with", {}) for step in job["steps"])
    assert before == ["make setup", ".venv/bin/python -m pip install --upgrade pulumi"]
    suites = [word for word in tests.split() if word.startswith("tests/")]
    assert {"tests/e2e", "tests/unit/provider"} <= set(suites)
    assert all((ROOT / suite).is_dir() for suite in suites)
    assert "secrets." not in _TEXTS["nightly"]
