import json
import subprocess
import sys
from typing import Any

import pytest

HEAVY = {"httpx", "httpcore", "pydantic", "pydantic_core", "starlette", "uvicorn", "rich", "anyio", "h11"}


def _loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_nothing_heavy_is_loaded_when_a_program_imports_the_package() -> None:
    """A program pays for Pulumi and this package's own light modules, and for nothing else."""
    added = _loaded_by("import baseten_pulumi") - _loaded_by("import pulumi, pulumi.dynamic, typing_extensions")
    strangers = {name for name in added if name.partition(".")[0] != "baseten_pulumi"}
    assert strangers == set()
    assert not {name.partition(".")[0] for name in added} & HEAVY
    assert added == {
        "baseten_pulumi",
        "baseten_pulumi.barrier",
        "baseten_pulumi.component",
        "baseten_pulumi.errors",
        "baseten_pulumi.lookup",
        "baseten_pulumi.ownership",
        "baseten_pulumi.program",
        "baseten_pulumi.program.asking",
        "baseten_pulumi.program.claiming",
        "baseten_pulumi.program.found",
        "baseten_pulumi.program.merging",
        "baseten_pulumi.program.raising",
        "baseten_pulumi.program.running",
        "baseten_pulumi.program.schedule_merging",
        "baseten_pulumi.provider",
        "baseten_pulumi.resource",
        "baseten_pulumi.schedules",
        "baseten_pulumi.settings",
        "baseten_pulumi.stack_config",
        "baseten_pulumi.version",
    }


PREVIEWING = """
from pulumi.dynamic import Config, ConfigureRequest
from baseten_pulumi.provider import {provider} as Provider
provider = Provider()
provider.configure(ConfigureRequest(config=Config({{}}, "p")))
props = {props}
assert not provider.check({{}}, props).failures
assert provider.diff("id", {{**props, "in_force": True}}, props).changes is False
"""
SETTINGS = {"model_id": "m", "env_name": "production", "autoscaling_settings": {"min_replica": 1}}


@pytest.mark.parametrize(
    ("provider", "props"),
    [
        ("EnvironmentSettingsProvider", SETTINGS),
        ("SettingsInForceProvider", {"environments": {"m/production": {**SETTINGS, "requests": 1}}}),
    ],
)
def test_nothing_that_speaks_http_is_loaded_when_a_preview_checks_and_compares(
    provider: str, props: dict[str, Any]
) -> None:
    """A preview is offline, and does not wait for what only an `up` needs."""
    loaded = _loaded_by(PREVIEWING.format(provider=provider, props=props))
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_all_is_sorted_and_importable_when_read() -> None:
    """What the package promises is there, in order."""
    import baseten_pulumi

    assert baseten_pulumi.__all__ == sorted(baseten_pulumi.__all__)
    assert all(hasattr(baseten_pulumi, name) for name in baseten_pulumi.__all__)
