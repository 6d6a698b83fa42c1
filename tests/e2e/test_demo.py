"""The demo."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.stacks import real_engine

ROOT = Path(__file__).parents[2]
KEY = "k-of-the-user-4711"


def _run(engine: str) -> "subprocess.CompletedProcess[str]":
    real = real_engine()
    folders = os.environ["PATH"].split(os.pathsep)
    without_cli = [folder for folder in folders if real is None or Path(folder) != Path(real).parent]
    path = os.pathsep.join(folders if engine == "real" else without_cli)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**kept, "PATH": path, "BASETEN_API_KEY": KEY, "BASETEN_BASE_URL": "https://example.invalid"}
    command = [sys.executable, "-m", "examples.demo", "--apply-seconds", "0.5"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)


def _rows(text: str) -> set[str]:
    """Return what the rows say of settings that are waited for; which state of a promotion a poll meets is chance."""
    rows = re.findall(r"((?:QUEUED, promotion|waiting:) .*?→\w+)", text.replace("\xa0", " "))
    return {re.sub(r"promotion (\d+ %|SUCCEEDED)", "promotion", row) for row in rows}


def test_the_demo_shows_the_whole_life_of_settings_when_it_runs(engine: str) -> None:
    """Every step shows what it announces, and nothing of the user's is used, not even the key in the environment."""
    done = _run(engine)
    text = done.stdout
    assert done.returncode == 0, text + done.stderr
    assert "canary" in text
    assert re.search(r"QUEUED, promotion \d+ %: max_replica 3→6", text)
    assert "Timed out after 3 s waiting for settings" in text
    assert "[diff: ~in_force]" in text
    assert re.search(r"max_replica *: 9 => 6", text)
    assert "must be <= max_replica (6), got 7" in text
    assert text.count("Baseten keeps the settings") >= 2
    assert KEY not in text + done.stderr
    picture = re.sub(r"<[^>]+>", "", html.unescape((ROOT / "docs" / "run.svg").read_text()))
    assert _rows(picture) <= _rows(text)
    assert _rows(picture)
    assert ("Local engine of baseten-pulumi" in text) == (engine == "local")
