"""The emulator against descriptions of the API, its own and the founding page's, as schemathesis understands them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.openapi import DESCRIPTION
from tests.contract import founding, whole_numbers

KEY = "k-schema-4711"
EXAMPLES = 10
# The founding page describes no refusals, and of its path one method.
UNSTATED = "status_code_conformance,allow_header_conformance,unsupported_method"
# A description tells types, not the documentation's ranges (400), nor who is there (404, 409).
EXPECTED = '[checks.positive_data_acceptance]\nexpected-statuses = ["200", "400", "404", "409"]\n'
KNOWN = '[parameters]\n"path.model_id" = "lm4chat8"\n"path.env_name" = "production"\n'


def _run(where: str, emulator: Emulator, folder: Path, names: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    settings = folder / "schemathesis.toml"
    settings.write_text(names + EXPECTED)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", where]
    return subprocess.run(
        [
            *command,
            *("--url", emulator.url, "--header", f"Authorization: Api-Key {KEY}", "--no-color"),
            *("--generation-deterministic", "--max-examples", str(EXAMPLES), "--checks", "all", *flags),
        ],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": whole_numbers.__name__, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _outcomes(emulator: Emulator, method: str) -> set[int | None]:
    return {request.status for request in emulator.requests if request.method == method}


@pytest.mark.parametrize("names", [KNOWN, ""], ids=["known names", "unknown names"])
def test_emulator_is_what_it_describes_when_schemathesis_asks(names: str, tmp_path: Path) -> None:
    """Requests as described are taken, others refused, answers are as described, and nothing fails."""
    with Emulator(api_key=KEY) as emulator:
        done = _run(f"{emulator.url}{DESCRIPTION}", emulator, tmp_path, names)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {401, 405} <= _outcomes(emulator, "PATCH")
        assert ({200, 400, 422} if names else {404, 422}) <= _outcomes(emulator, "PATCH") | _outcomes(emulator, "POST")


def test_emulator_is_what_the_founding_page_describes_when_schemathesis_asks(tmp_path: Path) -> None:
    """Random requests that the page describes are accepted, and answers have its shape."""
    page = tmp_path / "founding.json"
    page.write_text(json.dumps(founding.DOCUMENT))
    with Emulator(api_key=KEY) as emulator:
        done = _run(str(page), emulator, tmp_path, KNOWN, "--exclude-checks", UNSTATED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {200, 400, 422} <= _outcomes(emulator, "PATCH")
