"""The emulator against descriptions of the API, its own and the founding page's, as schemathesis understands them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from baseten_pulumi.testing import Emulator
from tests.contract import founding, whole_numbers

KEY = "k-schema-4711"
# The founding page describes no refusals, and of its path one method.
UNSTATED = "status_code_conformance,allow_header_conformance,unsupported_method"
# A description has types, not the documentation's ranges (400), nor what exists (404, 409). The settings of a PATCH are
# those of a promotion and of a new environment too: their edges, a thousand requests, are tried once.
SETTINGS = """
[parameters]
"path.model_id" = "lm4chat8"
"path.env_name" = "production"

[checks.positive_data_acceptance]
expected-statuses = ["200", "400", "404", "409"]

[[operations]]
include-path-regex = "(promote|/environments)$"
phases.coverage.enabled = false
"""


def _ask(description: str, emulator: Emulator, folder: Path, *flags: str) -> set[int | None]:
    """Run schemathesis, which must find nothing; return the statuses of every PATCH."""
    settings = folder / "schemathesis.toml"
    settings.write_text(SETTINGS)
    # Measuring coverage of schemathesis would take longer than running it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", description),
            *("--url", emulator.url, "--header", f"Authorization: Api-Key {KEY}", "--no-color"),
            *("--generation-deterministic", "--max-examples", "3", "--checks", "all", *flags),
        ],
        cwd=folder,
        env={**environment, "SCHEMATHESIS_HOOKS": whole_numbers.__name__, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {request.status for request in emulator.requests if request.method == "PATCH"}


def test_emulator_is_what_it_describes_when_schemathesis_asks(tmp_path: Path) -> None:
    """Requests as described are accepted, others rejected, responses are as described, and nothing fails."""
    with Emulator(api_key=KEY) as emulator:
        statuses = _ask(f"{emulator.url}/openapi.json", emulator, tmp_path)
        assert {200, 400, 401, 403, 405, 422} <= statuses
        assert 404 in {request.status for request in emulator.requests}


def test_emulator_is_what_the_founding_page_describes_when_schemathesis_asks(tmp_path: Path) -> None:
    """Random requests that the page describes are accepted, and responses have its shape."""
    page = tmp_path / "founding.json"
    page.write_text(json.dumps(founding.DOCUMENT))
    with Emulator(api_key=KEY) as emulator:
        assert {200, 400, 422} <= _ask(str(page), emulator, tmp_path, "--exclude-checks", UNSTATED)
