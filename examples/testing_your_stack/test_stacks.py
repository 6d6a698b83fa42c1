"""Whole stacks: `up` through Pulumi's Automation API, with an emulator in place of Baseten.

`pip install "baseten-pulumi[testing]" pytest`, then `pytest` in this folder, with the Pulumi CLI on PATH. An account at
Baseten is not needed: `baseten_emulator` is an emulator with a small account, new for each test.
"""

from collections.abc import Callable

import pytest
from pulumi import automation

from baseten_pulumi.testing import Emulator

MakeStack = Callable[[str], automation.Stack]


@pytest.mark.parametrize("name", ["dev", "production"])
def test_nothing_is_left_to_do_when_a_stack_is_up(make_stack: MakeStack, name: str) -> None:
    """`up` succeeds, and a preview after it is empty."""
    stack = make_stack(name)
    assert stack.up().outputs["inForce"].value is True
    stack.preview(expect_no_changes=True)


def test_production_keeps_a_replica(make_stack: MakeStack, baseten_emulator: Emulator) -> None:
    """Baseten reports the settings after the `up`."""
    make_stack("production").up()
    reported = baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]
    assert reported["min_replica"] >= 1
    assert reported["concurrency_target"] == 8


def test_change_by_hand_is_undone(make_stack: MakeStack, baseten_emulator: Emulator) -> None:
    """`up --refresh` finds it and resets the setting."""
    stack = make_stack("production")
    stack.up()
    baseten_emulator.change("lm4chat8", "production", autoscaling_settings={"max_replica": 9})
    stack.up(refresh=True)
    assert baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 6


def test_error_names_what_is_missing(make_stack: MakeStack, baseten_emulator: Emulator) -> None:
    """The environment was deleted: `up` fails and names it."""
    baseten_emulator.remove_environment("lm4chat8", "dev")
    with pytest.raises(automation.CommandError, match='no environment "dev"'):
        make_stack("dev").up()
