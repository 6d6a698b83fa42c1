"""Tests of this project that need neither an account at Baseten nor the Pulumi CLI.

`pip install "baseten-pulumi[testing]" pytest`, then `pytest` in this folder. `baseten_emulator` is an emulator with a
small account, new for each test; `local_engine` runs this project's stacks against it. `conftest.py` loads both.
"""

import pytest

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.plugin import LocalEngineFactory


@pytest.mark.parametrize("stack", ["dev", "production"])
def test_nothing_is_left_to_do_when_a_stack_is_up(local_engine: LocalEngineFactory, stack: str) -> None:
    """`up` succeeds, and a preview after it is empty."""
    engine = local_engine(stack=stack)
    up = engine.up()
    assert up.succeeded, up.text
    assert up.outputs == {"inForce": True}
    assert not engine.preview().changed


def test_production_keeps_a_replica(local_engine: LocalEngineFactory, baseten_emulator: Emulator) -> None:
    """Baseten reports the settings after the `up`."""
    assert local_engine(stack="production").up().succeeded
    reported = baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]
    assert reported["min_replica"] >= 1
    assert reported["concurrency_target"] == 8


def test_change_by_hand_is_undone(local_engine: LocalEngineFactory, baseten_emulator: Emulator) -> None:
    """`up --refresh` finds it and resets the setting."""
    engine = local_engine(stack="production")
    engine.up()
    baseten_emulator.change("lm4chat8", "production", autoscaling_settings={"max_replica": 9})
    assert engine.preview(refresh=True).changed
    assert engine.up(refresh=True).succeeded
    assert baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 6


def test_error_names_what_is_missing(local_engine: LocalEngineFactory, baseten_emulator: Emulator) -> None:
    """The environment was deleted: `up` fails and names it."""
    baseten_emulator.remove_environment("lm4chat8", "dev")
    up = local_engine(stack="dev").up()
    assert not up.succeeded
    assert 'no environment "dev"' in up.text
