"""Settings and values that Baseten added after this release: sent, waited for, compared and shown as any other."""

import json
import re
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches, timeout
from tests.stacks import Stack

LATER = pytest.mark.emulator(
    apply_seconds=1.0,
    later_settings=(
        "autoscaling_settings.burst",
        "promotion_settings.canary",
        "promotion_settings.promotion_cleanup_strategy",
    ),
)
_PROGRAM = """
import json
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings, BasetenSettingsInForce

settings = BasetenEnvironmentSettings(
    "chat", model_id="lm4chat8", env_name="production", additional_settings={additional!r}, wait={wait}, {more}
)
if not {wait}:
    BasetenSettingsInForce("applied", settings=[settings], {more})
pulumi.export("additional", settings.additional_settings.apply(lambda it: json.dumps(it, sort_keys=True)))
"""


def _program(additional: dict[str, Any], *, wait: bool = True) -> str:
    return _PROGRAM.format(additional=additional, wait=wait, more=timeout(60))


def _changes(text: str) -> set[tuple[str, str]]:
    return {*re.findall(r"~ (\w+) *: (.* => .*)", text)}


def _canary(emulator: Emulator) -> object:
    return emulator.reported(MODEL, "production")["promotion_settings"]["canary"]


@LATER
@pytest.mark.parametrize("wait", [True, False], ids=["alone", "jointly"])
def test_a_setting_is_managed_as_any_other_when_this_release_does_not_know_it(
    stack: Stack, emulator: Emulator, wait: bool
) -> None:
    """Numbers, nulls and lists arrive as they were declared; a drift is shown at its path, and goes back."""
    canary = {"steps": [1, {"percent": 2.5, "pause": None}], "metric": None, "limit": 3}
    declared = {"autoscaling_settings": {"burst": 7}, "promotion_settings": {"canary": canary}}
    stack.program(_program(declared, wait=wait))
    stack.up()
    assert patches(emulator) == [declared]
    assert _canary(emulator) == canary
    assert stack.outputs()["additional"] == json.dumps(declared, sort_keys=True)
    stack.expect_settled()
    stack.preview("--refresh", "--expect-no-changes")

    emulator.change(MODEL, "production", promotion_settings={"canary": {**canary, "metric": "p95", "limit": 9}})
    text = stack.preview("--refresh").text
    assert {("limit", "9 => 3"), ("metric", '"p95" => "<null>"')} <= _changes(text)
    stack.up("--refresh")
    assert _canary(emulator) == canary

    del declared["autoscaling_settings"]
    stack.program(_program({**declared, "promotion_settings": {"canary": {"limit": 4}}}, wait=wait))
    text = stack.preview().text
    assert "additional_settings.autoscaling_settings.burst is no longer managed; Baseten keeps its value (7)." in text
    assert ("limit", "3 => 4") in _changes(text)
    stack.up()
    assert emulator.reported(MODEL, "production")["autoscaling_settings"]["burst"] == 7
    stack.expect_settled()


@LATER
def test_a_value_is_managed_when_only_baseten_knows_it(stack: Stack, emulator: Emulator) -> None:
    stack.program(_program({"promotion_settings": {"promotion_cleanup_strategy": "ARCHIVE"}}))
    stack.up()
    promotion = emulator.reported(MODEL, "production")["promotion_settings"]
    assert promotion["promotion_cleanup_strategy"] == "ARCHIVE"
    emulator.change(MODEL, "production", promotion_settings={"promotion_cleanup_strategy": "KEEP"})
    assert '~ promotion_cleanup_strategy: "KEEP" => "ARCHIVE"' in stack.preview("--refresh").text
    stack.expect_settled()


def test_a_path_is_refused_in_the_preview_when_it_is_set_twice(stack: Stack, emulator: Emulator) -> None:
    more = 'autoscaling_settings={"max_replica": 3},'
    stack.program(_PROGRAM.format(additional={"autoscaling_settings": {"max_replica": 4}}, wait=True, more=more))
    text = stack.fails("preview")
    rule = "must be set once, here or in autoscaling_settings.max_replica, got 4 and 3"
    assert f"additional_settings.autoscaling_settings.max_replica: {rule}" in text
    assert emulator.requests == ()
