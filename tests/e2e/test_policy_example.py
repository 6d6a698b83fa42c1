"""The example's policy pack, run by the real engine. tests/unit/examples has its rules alone."""

from typing import Any

from baseten_pulumi.testing import Emulator
from tests.examples import EXAMPLES
from tests.programs import patches, program
from tests.stacks import ON_REAL_ENGINE, Stack

PACK = EXAMPLES / "policy"
BOLD: Any = {"min_replica": 0, "max_replica": 3}
ROLLING: Any = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 40}}


@ON_REAL_ENGINE
def test_nothing_is_sent_when_the_policy_pack_refuses_it(stack: Stack, emulator: Emulator) -> None:
    """Every violation is named in the preview already; what the rules allow goes through with the pack, too.

    The pack runs in examples/policy/.venv, which `make setup` makes where the Pulumi CLI is.
    """
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
