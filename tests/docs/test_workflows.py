"""The workflows of the examples may do little, name what they use by its commit, and hand the key to one step alone."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT

FOLDER = ROOT / "examples" / "ci"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
_PINNED = re.compile(r"- uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)\b")
_KEY = "${{ secrets.BASETEN_API_KEY }}"


def _workflow(path: Path) -> dict[str, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else name: it for name, it in found.items()}  # what YAML 1.1 makes of the word `on`


def _job(path: Path) -> dict[str, Any]:
    (job,) = _workflow(path)["jobs"].values()
    return dict(job)


def test_each_workflow_begins_when_the_page_says() -> None:
    """Pull requests without the rights of the target, pushes to main, and every night."""
    triggers = {path.stem: _workflow(path)["on"] for path in WORKFLOWS}
    assert triggers["preview"] == {"pull_request": None}
    assert triggers["up"] == {"push": {"branches": ["main"]}}
    assert list(triggers["drift"]) == ["schedule", "workflow_dispatch"]
    assert len(triggers) == 3


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_only_read_the_repository_when_it_runs(path: Path) -> None:
    """No job has more, and the checkout leaves no token behind."""
    assert _workflow(path)["permissions"] == {"contents": "read"}
    job = _job(path)
    assert "permissions" not in job
    assert job["timeout-minutes"]
    checkout = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["persist-credentials"] is False


def test_every_action_is_pinned_by_commit_when_used() -> None:
    """With the release beside it, and the same everywhere."""
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    pins = {match.groups() for text in texts for match in _PINNED.finditer(text)}
    assert sum(text.count("uses:") for text in texts) == sum(len(_PINNED.findall(text)) for text in texts)
    assert sorted(name for name, _, _ in pins) == ["actions/checkout", "actions/setup-python", "pulumi/actions"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_key_is_given_to_the_last_step_alone_when_a_workflow_asks_baseten(path: Path) -> None:
    """It comes from the secrets; a preview that asks nothing has none. No expression stands in a command."""
    job = _job(path)
    *before, last = job["steps"]
    assert "env" not in job
    assert "env" not in _workflow(path)
    assert not any("env" in step for step in before)
    assert last["env"].get("BASETEN_API_KEY") == (None if path.stem == "preview" else _KEY)
    assert not any("${{" in step.get("run", "") for step in job["steps"])
