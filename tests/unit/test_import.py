import json
import subprocess
import sys

import baseten_pulumi


def _loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_only_light_modules_are_loaded_when_a_program_imports_the_package() -> None:
    """A program pays for Pulumi, for parts of the standard library and for modules of this package that are light."""
    added = _loaded_by("import baseten_pulumi") - _loaded_by("import pulumi, pulumi.dynamic, typing_extensions")
    ours = {name for name in added if name.partition(".")[0] == "baseten_pulumi"}
    assert {name.partition(".")[0] for name in added - ours} <= set(sys.stdlib_module_names)
    assert ours == {
        "baseten_pulumi",
        "baseten_pulumi.errors",
        "baseten_pulumi.lookup",
        "baseten_pulumi.provider",
        "baseten_pulumi.resources",
        "baseten_pulumi.resources.arguments",
        "baseten_pulumi.resources.component",
        "baseten_pulumi.resources.in_force",
        "baseten_pulumi.resources.schedule",
        "baseten_pulumi.resources.settings",
        "baseten_pulumi.run_errors",
        "baseten_pulumi.schema",
        "baseten_pulumi.schema.in_force",
        "baseten_pulumi.schema.merge",
        "baseten_pulumi.schema.settings",
        "baseten_pulumi.schema.validate",
        "baseten_pulumi.stack_config",
        "baseten_pulumi.types",
        "baseten_pulumi.version",
    }


def test_public_names_are_sorted_and_exist_when_listed() -> None:
    """`__all__` is what the package promises."""
    assert baseten_pulumi.__all__ == sorted(baseten_pulumi.__all__)
    assert all(hasattr(baseten_pulumi, name) for name in baseten_pulumi.__all__)


def test_neither_httpx_nor_pydantic_is_loaded_when_a_preview_checks_and_compares() -> None:
    """A preview sends nothing, so the provider's process does without what takes longest to load."""
    program = """
import sys
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config
from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider

settings, joint = EnvironmentSettingsProvider(), SettingsInForceProvider()
for provider in (settings, joint):
    provider.configure(ConfigureRequest(Config({}, "serving")))
news = {"model_id": "m", "env_name": "dev", "autoscaling_settings": {"min_replica": 1}}
assert settings.diff("m/dev", news, settings.check({}, news).inputs).changes
news = {"environments": {"a": 'm/dev 1 {"settings":{"autoscaling_settings":{"min_replica":1}},"status":null}'}}
assert joint.diff("in-force", {}, joint.check({}, news).inputs).changes
assert not {"httpx", "pydantic"} & sys.modules.keys(), sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
