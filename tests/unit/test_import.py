import json
import subprocess
import sys

import baseten_pulumi


def _loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.check_output([sys.executable, "-c", code], timeout=60)))


def test_only_light_modules_are_loaded_when_a_program_imports_the_package() -> None:
    """A program pays for Pulumi, for parts of the standard library and for modules of this package that are light."""
    added = _loaded_by("import baseten_pulumi") - _loaded_by("import pulumi, pulumi.dynamic, typing_extensions")
    ours = {name for name in added if name.partition(".")[0] == "baseten_pulumi"}
    assert {name.partition(".")[0] for name in added - ours} <= set(sys.stdlib_module_names)
    light = (
        "config errors lookup provider resources resources.arguments resources.component resources.environment "
        "resources.in_force resources.outputs resources.schedule resources.settings resources.stack_keys run_errors "
        "schema schema.environment schema.in_force schema.merge schema.settings schema.validate stack_config types "
        "version"
    )
    assert ours == {"baseten_pulumi", *(f"baseten_pulumi.{name}" for name in light.split())}


def test_public_names_are_sorted_and_exist_when_listed() -> None:
    assert baseten_pulumi.__all__ == sorted(baseten_pulumi.__all__)
    assert all(hasattr(baseten_pulumi, name) for name in baseten_pulumi.__all__)


def test_neither_httpx_nor_pydantic_is_loaded_when_a_preview_checks_and_compares() -> None:
    """A preview sends nothing, so the provider's process does without what takes longest to load."""
    program = """
import sys
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config
from baseten_pulumi.provider import (
    AutoscalingScheduleProvider, EnvironmentProvider, EnvironmentSettingsProvider, SettingsInForceProvider
)

settings, joint, environment = EnvironmentSettingsProvider(), SettingsInForceProvider(), EnvironmentProvider()
schedule = AutoscalingScheduleProvider()
for provider in (settings, joint, environment, schedule):
    provider.configure(ConfigureRequest(Config({}, "serving")))
news = {"model_id": "m", "env_name": "dev", "autoscaling_settings": {"min_replica": 1}}
assert settings.diff("m/dev", news, settings.check({}, news).inputs).changes
news = {"environments": {"a": 'm/dev 1 {"settings":{},"status":null}'}}
assert joint.diff("in-force", {}, joint.check({}, news).inputs).changes
news = {"model_id": "m", "env_name": "dev"}
assert environment.diff("m/dev", news, environment.check({}, news).inputs).changes
assert schedule.diff("m/dev/s1", news, schedule.check({}, news).inputs).changes
assert not {"httpx", "pydantic"} & sys.modules.keys(), sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
