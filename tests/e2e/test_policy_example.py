"""Policy packs, run by the real engine. tests/unit/examples has the rules of the example's pack alone.

Packs run in examples/policy/.venv, which `make setup` makes where the Pulumi CLI is.
"""

from pathlib import Path
from typing import Any

from baseten_pulumi.testing import Emulator
from tests.examples import EXAMPLES
from tests.programs import patches, program, reported
from tests.stacks import ON_REAL_ENGINE, Stack

PACK = EXAMPLES / "policy"
REMEDIATION = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def remediate(args):
    if "autoscaling_settings" in args.props:
        return {**args.props, "autoscaling_settings": {"min_replica": 7, "max_replica": %d}}


policy = ResourceValidationPolicy(
    name="replicas", description="Sets replicas.", remediate=remediate, enforcement_level=EnforcementLevel.REMEDIATE
)
PolicyPack(name="remediating", policies=[policy])
"""
BOLD: Any = {"min_replica": 0, "max_replica": 3}
ROLLING: Any = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 40}}


@ON_REAL_ENGINE
def test_nothing_is_sent_when_the_policy_pack_refuses_it(stack: Stack, emulator: Emulator) -> None:
    """Every violation is named in the preview already; what the rules allow goes through with the pack, too."""
    stack.program(program(BOLD, ROLLING))
    shown = stack.fails("preview", "--policy-pack", str(PACK))
    for violation in (
        "production never scales to zero: autoscaling_settings.min_replica is 0; declare at least 1.",
        'stack "dev" may have 2 replicas: autoscaling_settings.max_replica is 3.',
        "promotion_settings.rolling_deploy_config.max_surge_percent is 40.",
    ):
        assert violation in shown
    assert "never scales to zero" in stack.fails("up", "--policy-pack", str(PACK))
    assert not patches(emulator)
    stack.program(program({"min_replica": 1, "max_replica": 2}))
    stack.up("--policy-pack", str(PACK))
    assert len(patches(emulator)) == 1


@ON_REAL_ENGINE
def test_nothing_is_sent_when_a_remediation_has_made_settings_invalid(
    stack: Stack, emulator: Emulator, tmp_path: Path
) -> None:
    """The engine remediates what Check has normalized, and does not ask Check again."""
    pack = tmp_path / "pack"
    pack.mkdir()
    runtime = f"{{name: python, options: {{virtualenv: {PACK / '.venv'}}}}}"
    (pack / "PulumiPolicy.yaml").write_text(f"runtime: {runtime}\n")
    (pack / "__main__.py").write_text(REMEDIATION % 5)
    stack.program(program({"min_replica": 1, "max_replica": 2}))
    text = stack.fails("up", "--policy-pack", str(pack))
    assert "autoscaling_settings.min_replica: must be <= max_replica (5), got 7. Nothing was sent." in text
    assert "A policy changed the inputs after they were checked. Correct its remediation." in text
    assert not emulator.requests
    (pack / "__main__.py").write_text(REMEDIATION % 9)
    stack.up("--policy-pack", str(pack))
    assert [reported(emulator, name) for name in ("min_replica", "max_replica")] == [7, 9]
