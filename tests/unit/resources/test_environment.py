"""What a program declares with `BasetenEnvironment`."""

from typing import Any

import pulumi
import pytest

from baseten_pulumi import BasetenEnvironment
from tests.mocked import run


@pytest.mark.parametrize(
    ("opts", "protect", "more"),
    [
        (None, True, {}),
        ({"depends_on": []}, True, {}),
        ({"protect": True}, True, {}),
        ({"protect": False}, False, {"protected": False}),
    ],
)
def test_environment_is_protected_unless_the_program_says_otherwise(
    opts: dict[str, Any] | None, protect: bool, more: dict[str, Any]
) -> None:
    """The provider is told of one that is not, and warns. The caller's options stay as they are."""
    options = None if opts is None else pulumi.ResourceOptions(**opts)

    def program() -> pulumi.Output[str]:
        declared = BasetenEnvironment("canary", model_id="abc123", env_name="canary", opts=options)
        assert declared._protect is protect  # what the SDK registers; it has no public name
        return declared.env_name

    value, mocks = run(program)
    assert (value, mocks.inputs("canary")) == ("canary", {"model_id": "abc123", "env_name": "canary", **more})
    assert options is None or options.protect == (opts or {}).get("protect")


def test_lookup_is_not_protected_when_it_is_only_read() -> None:
    def program() -> pulumi.Output[str]:
        found = BasetenEnvironment.get("canary", "abc123/canary")
        assert not found._protect
        return found.id

    assert run(program)[0] == "abc123/canary"


def test_outputs_are_known_when_a_program_reads_them() -> None:
    """None is what Baseten does not report."""

    def program() -> pulumi.Output[Any]:
        canary = BasetenEnvironment("canary", model_id="abc123", env_name="canary")
        return pulumi.Output.all(
            canary.model_id, canary.created_at, canary.current_deployment_id, canary.instance_type, canary.in_force
        )

    found, _ = run(program, outputs={"created_at": "2026-03-02T09:30:00Z", "in_force": True})
    assert found == ["abc123", "2026-03-02T09:30:00Z", None, None, True]


def test_arguments_are_refused_when_pulumi_cannot_send_them() -> None:
    names: dict[str, Any] = {"model_id": {1}, "env_name": {1}}
    with pytest.raises(pulumi.RunError) as caught:
        run(lambda: BasetenEnvironment("canary", **names, opts=pulumi.ResourceOptions(id="abc123")))
    failures = [f"{name}: must be a list, got {{1}}; use sorted(…)" for name in names]
    failures.append('id: must be model_id/env_name, got "abc123"')
    assert str(caught.value) == "\n".join(f'BasetenEnvironment "canary": {it}' for it in failures)
