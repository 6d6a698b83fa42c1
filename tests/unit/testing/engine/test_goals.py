"""Requests of the program, and the refusal of what is not served."""

import pytest
from pulumi.runtime.proto import alias_pb2, resource_pb2

from baseten_pulumi.testing.engine.goals import (
    Goal,
    RefusedError,
    goal_of_read,
    goal_of_registration,
    seconds_of,
)

THING = "pulumi-python:dynamic/tests:Thing"
Request = resource_pb2.RegisterResourceRequest


def request(**fields: object) -> Request:
    return Request(type=THING, name="a", custom=True, **fields)  # type: ignore[arg-type]


def test_a_goal_says_nothing_when_the_request_does_not() -> None:
    """Unset options are None, so that parents and providers may decide."""
    goal = goal_of_registration(request())
    assert goal == Goal(THING, "a", "", custom=True, inputs={}, property_dependencies={}, timeouts={})
    assert goal.protect is goal.retain_on_delete is goal.delete_first is None


def test_every_served_option_is_read_when_the_request_has_it() -> None:
    """False is an answer, too."""
    goal = goal_of_registration(
        request(
            protect=False,
            retainOnDelete=True,
            deleteBeforeReplaceDefined=True,
            dependencies=["b", "a"],
            propertyDependencies={"size": Request.PropertyDependencies(urns=["b"])},
            ignoreChanges=["size"],
            additionalSecretOutputs=["made"],
            aliasURNs=["urn:old"],
            aliases=[alias_pb2.Alias(urn="urn:older")],
            customTimeouts=Request.CustomTimeouts(create="1m"),
            hooks=Request.ResourceHooksBinding(),
            acceptSecrets=True,
        )
    )
    assert goal.protect is False
    assert goal.retain_on_delete is True
    assert goal.delete_first is False
    assert goal.dependencies == ("a", "b")
    assert goal.property_dependencies == {"size": ("b",)}
    assert goal.ignore_changes == ("size",)
    assert goal.secret_outputs == ("made",)
    assert goal.aliases == ("urn:old", "urn:older")
    assert goal.timeouts == {"create": 60.0}


def test_dependencies_stand_in_the_same_order_every_time_when_there_are_many() -> None:
    """A request's are in no order, and a state that says the same is not written again."""
    found = {name: Request.PropertyDependencies(urns=["b", "a"]) for name in "hgfedcba"}
    read = goal_of_registration(request(propertyDependencies=found)).property_dependencies
    assert read is not None
    assert list(read.items()) == [(name, ("a", "b")) for name in "abcdefgh"]


SERVED = {
    "type", "name", "parent", "custom", "object", "protect", "dependencies", "propertyDependencies",
    "deleteBeforeReplace", "deleteBeforeReplaceDefined", "ignoreChanges", "additionalSecretOutputs", "aliasURNs",
    "aliases", "customTimeouts", "retainOnDelete",
}  # fmt: skip
OF_THE_SDK = {
    "acceptSecrets", "acceptResources", "supportsPartialValues", "supportsResultReporting", "aliasSpecs",
    "accepts_byte_string", "sourcePosition", "stackTrace", "parentStackTraceHandle", "snippetId",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({field.name for field in Request.DESCRIPTOR.fields} - SERVED - OF_THE_SDK))
def test_the_field_is_refused_by_name_when_it_is_not_served(name: str) -> None:
    """Whatever the SDK may send, now or in a later release, is served or refused."""
    sent = request()
    field = Request.DESCRIPTOR.fields_by_name[name]
    value = getattr(sent, name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value["key"] = b"v" if name == "pluginChecksums" else "v"
    elif hasattr(value, "add"):
        value.add(token="x")
    elif hasattr(value, "append"):
        value.append("x")
    elif name == "hooks":
        value.before_create.append("x")
    elif name == "replacement_trigger":
        value.bool_value = True
    else:
        setattr(sent, name, True if isinstance(value, bool) else "x")
    with pytest.raises(RefusedError, match="The local engine does not serve the option"):
        goal_of_registration(sent)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ({"importId": "x"}, "import_"),
        ({"replaceOnChanges": ["x"]}, "replace_on_changes"),
        ({"pluginDownloadURL": "x"}, "plugin_download_url"),
        ({"hideDiffs": ["x"]}, "hide_diffs"),
        ({"deletedWith": "x"}, "deleted_with"),
    ],
)
def test_the_option_has_the_programs_name_when_it_is_refused(field: dict[str, object], name: str) -> None:
    """A refusal speaks Python."""
    with pytest.raises(RefusedError) as caught:
        goal_of_registration(request(**field))
    assert str(caught.value) == (
        f"The local engine does not serve the option {name} of {THING} 'a'. Run this program with the real Pulumi CLI."
    )


def test_aliases_are_refused_when_they_are_no_urns() -> None:
    """This engine does not announce alias specs; one that comes all the same is not dropped."""
    spec = alias_pb2.Alias(spec=alias_pb2.Alias.Spec(name="b"))
    with pytest.raises(RefusedError, match="aliases other than URNs"):
        goal_of_registration(request(aliases=[spec]))


def test_reading_is_refused_when_the_resource_is_another_providers() -> None:
    """Dynamic resources and stack references are read; the rest is the real engine's."""
    read = resource_pb2.ReadResourceRequest
    assert goal_of_read(read(type=THING, name="a", id="x")).id == "x"
    assert goal_of_read(read(type="pulumi:pulumi:StackReference", name="a", id="x")).custom
    with pytest.raises(RefusedError, match="aws:s3:Bucket"):
        goal_of_read(read(type="aws:s3:Bucket", name="a", id="x"))
    with pytest.raises(RefusedError, match="version"):
        goal_of_read(read(type=THING, name="a", id="x", version="1"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("300s", 300), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), (".5s", 0.5)]
)
def test_a_duration_is_in_seconds_when_it_is_read(text: str, seconds: float) -> None:
    """Go's own notation, as Pulumi takes it."""
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["soon", "5", "5 m", "-5m", "5mm"])
def test_a_duration_is_refused_when_it_is_none(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(RefusedError, match="write it as"):
        seconds_of(text)
