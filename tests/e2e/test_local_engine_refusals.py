"""What the local engine does not do, it refuses by name. No real engine takes part."""

import pytest

from baseten_pulumi.testing import LocalEngine, ProjectError
from tests.things import Things


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ('import_="x"', "import_"),
        ('replace_on_changes=["size"]', "replace_on_changes"),
        ("deleted_with=first", "deleted_with"),
        ("replacement_trigger=1", "replacement_trigger"),
        ("transforms=[lambda args: None]", "transforms"),
        ("hooks=pulumi.ResourceHookBinding(before_create=[lambda args: None])", "resource hooks"),
        ('custom_timeouts=pulumi.CustomTimeouts(create="soon")', "the timeout 'soon'"),
    ],
)
def test_the_option_is_refused_by_name_when_it_is_not_served(
    things: Things, library: LocalEngine, option: str, name: str
) -> None:
    """Nothing a program asks for is passed over in silence."""
    things.declare('first = Thing("first", size=1)', f'Thing("a", ResourceOptions({option}), size=1)')
    outcome = library.preview()
    assert not outcome.succeeded
    refusal = next(message.text for message in outcome.messages if "does not serve" in message.text)
    assert name in refusal
    assert "real Pulumi CLI" in refusal


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('pulumi.runtime.invoke("tests:index:find", {})', "the function tests:index:find"),
        ("pulumi.runtime.register_resource_transform(lambda args: None)", "transforms"),
        ('pulumi.CustomResource("aws:s3:Bucket", "a", {})', "resources of type aws:s3:Bucket"),
        ('pulumi.ProviderResource("tests", "a", {})', "resources of type pulumi:providers:tests"),
    ],
)
def test_the_call_is_refused_by_name_when_it_needs_a_real_engine(
    things: Things, library: LocalEngine, line: str, name: str
) -> None:
    """Functions, transforms and other providers' resources are the real engine's alone."""
    things.declare(line)
    outcome = library.preview()
    assert not outcome.succeeded
    assert f"The local engine does not serve {name}" in outcome.text


def test_two_resources_of_one_name_are_refused_when_a_program_has_them(things: Things, library: LocalEngine) -> None:
    """A URN names one resource."""
    things.declare('Thing("a", size=1)', 'Thing("a", size=2)')
    outcome = library.up()
    assert not outcome.succeeded
    assert "Duplicate resource URN" in outcome.text


def test_the_run_is_refused_when_a_configuration_value_is_encrypted(things: Things, library: LocalEngine) -> None:
    """There is no passphrase here: the sentence says what to use instead."""
    things.configure({"serving:key": {"secure": "v1:abc"}})
    with pytest.raises(ProjectError, match="BASETEN_API_KEY"):
        library.preview()
    assert "error: The configuration value serving:key is encrypted" in things.fails("preview")
