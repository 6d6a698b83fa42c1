"""The resource options the local engine serves, each case on it and, where `pulumi` is on PATH, on the real one."""

import json
from pathlib import Path

import pytest

from tests.things import Things


@pytest.fixture
def stack(tmp_path: Path, engine: str) -> Things:
    return Things(tmp_path, engine)


def test_ignored_properties_keep_their_old_value_when_the_program_changes_them(stack: Things) -> None:
    """ignore_changes puts the old inputs back before Check, at any depth."""
    ignoring = 'ResourceOptions(ignore_changes=["size", "nested.deep", "list[0]", "more"])'
    stack.declare(f'Thing("a", {ignoring}, size=1, nested={{"deep": 1, "other": 1}}, list=[1, 2])')
    stack.up()
    stack.declare(f'Thing("a", {ignoring}, size=2, nested={{"deep": 2, "other": 1}}, list=[5, 2], more=1)')
    stack.empty_preview()
    stack.declare(f'Thing("a", {ignoring}, size=2, nested={{"deep": 2, "other": 3}}, list=[5, 6], more=1)')
    stack.up()
    inputs = stack.resource("a")["inputs"]
    assert inputs["size"] == 1
    assert inputs["nested"] == {"deep": 1, "other": 3}
    assert inputs["list"] == [1, 6]
    assert "more" not in inputs


def test_a_protected_resource_stays_when_it_would_be_deleted_or_replaced(stack: Things) -> None:
    """Protect refuses deletes and replacements until the program lifts it."""
    stack.declare('Thing("a", ResourceOptions(protect=True), kind="one")')
    stack.up()
    assert stack.resource("a")["protect"] is True
    assert "protect" in stack.fails("destroy")
    stack.declare('Thing("a", ResourceOptions(protect=True), kind="two")')
    assert "protect" in stack.fails("up")
    stack.declare("")
    assert "protect" in stack.fails("up")
    assert (stack.cloud / "a-one").exists()
    stack.declare('Thing("a", kind="one")')
    assert stack.up().counts == {"unchanged": 2}
    stack.destroy()
    assert not (stack.cloud / "a-one").exists()


def test_children_are_protected_when_their_parent_is(stack: Things) -> None:
    """Protect and retain_on_delete pass from a parent to what says nothing itself."""
    stack.declare('Box("box", 1, ResourceOptions(protect=True))')
    stack.up()
    assert stack.resource("box-inner")["protect"] is True
    stack.declare('Box("box", 1, ResourceOptions(retain_on_delete=True))')
    stack.up()
    assert stack.resource("box-inner")["retainOnDelete"] is True
    stack.destroy()
    assert (stack.cloud / "box-inner-plain").exists()


def test_a_retained_resource_stays_where_it_is_when_it_leaves_the_stack(stack: Things) -> None:
    """retain_on_delete forgets the resource without asking the provider to delete it."""
    stack.declare('Thing("a", ResourceOptions(retain_on_delete=True), size=1)')
    stack.up()
    stack.declare("")
    assert stack.up().counts["deleted"] == 1
    assert not stack.calls("delete")
    assert (stack.cloud / "a-plain").exists()


def test_a_renamed_resource_is_the_same_when_its_alias_names_the_old_one(stack: Things) -> None:
    """An alias, as a URN or by its name, finds the old resource; its dependents follow the new name."""
    stack.declare('a = Thing("a", size=1)', 'Thing("b", ResourceOptions(depends_on=[a]), size=1)')
    stack.up()
    urn = stack.resource("a")["urn"]
    stack.declare(
        f'a = Named("new", ResourceOptions(aliases=["{urn}"]), "a")',
        'Thing("b", ResourceOptions(depends_on=[a]), size=1)',
    )
    _add_named(stack)
    assert stack.up().counts == {"unchanged": 3}
    stack.declare(
        'a = Named("newer", ResourceOptions(aliases=[pulumi.Alias(name="new")]), "a")',
        'Thing("b", ResourceOptions(depends_on=[a]), size=1)',
    )
    _add_named(stack)
    assert stack.up("--expect-no-changes").counts == {"unchanged": 3}
    assert stack.resource("b")["dependencies"] == [stack.resource("newer")["urn"]]
    assert not stack.calls("delete")
    stack.empty_preview()


def _add_named(stack: Things) -> None:
    """Let programs give a resource one name and its thing another."""
    path = stack.folder / "__main__.py"
    named = (
        "from pulumi import dynamic\n"
        "class Named(dynamic.Resource, module='tests', name='Thing'):\n"
        "    def __init__(self, name, opts, thing):\n"
        "        super().__init__(ThingProvider(), name, {'name': thing, 'size': 1}, opts)\n"
    )
    path.write_text(path.read_text().replace("from things import *\n", f"from things import *\n{named}"))


def test_children_follow_when_their_parents_alias_names_the_old_one(stack: Things) -> None:
    """A component renamed with an alias keeps its children."""
    stack.declare('Box("old", size=1)')
    stack.up()
    stack.declare(
        "class Renamed(pulumi.ComponentResource):",
        "    def __init__(self):",
        '        opts = ResourceOptions(aliases=[pulumi.Alias(name="old")])',
        '        super().__init__("tests:index:Box", "new", None, opts)',
        '        alias = pulumi.Alias(name="old-inner")',
        "        opts = ResourceOptions(parent=self, aliases=[alias])",
        "        self.inner = dynamic_thing(opts)",
        "def dynamic_thing(opts):",
        "    class Inner(dynamic.Resource, module='tests', name='Thing'):",
        "        pass",
        "    return Inner(ThingProvider(), 'new-inner', {'name': 'old-inner', 'size': 1}, opts)",
        "Renamed()",
    )
    run = stack.up()
    assert "created" not in run.counts, run.text
    assert "deleted" not in run.counts, run.text
    assert "replaced" not in run.counts, run.text
    stack.destroy()


def test_the_program_decides_the_order_of_a_replacement_when_it_says_delete_before_replace(stack: Things) -> None:
    """delete_before_replace in the options wins over the provider's own answer, both ways."""
    stack.declare(
        'Thing("first", ResourceOptions(delete_before_replace=True), kind="one")',
        'Thing("last", ResourceOptions(delete_before_replace=False), kind="one", alone=True)',
    )
    stack.up()
    stack.calls()
    program = (stack.folder / "__main__.py").read_text().replace('"one"', '"two"')
    stack.program(program)
    stack.up()
    calls = [(call["call"], call["name"]) for call in stack.calls()]
    assert calls.index(("delete", "first")) < calls.index(("create", "first"))
    assert calls.index(("create", "last")) < calls.index(("delete", "last"))
    stack.empty_preview()


def test_timeouts_reach_the_provider_in_seconds_when_the_program_sets_them(stack: Things) -> None:
    """custom_timeouts travel with Create and Update."""
    timeouts = 'ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="1m30s", update="5m"))'
    stack.declare(f'Thing("a", {timeouts}, size=1)')
    stack.up()
    assert stack.calls("create")[0]["timeout"] == 90
    stack.declare(f'Thing("a", {timeouts}, size=2)')
    stack.up()
    assert stack.calls("update")[0]["timeout"] == 300


def test_secrets_are_recognised_and_written_nowhere_when_the_program_has_some(stack: Things) -> None:
    """A secret input makes its output secret; an equal one is unchanged, another one is an update; none is on disk."""
    stack.declare(
        "hush = pulumi.Output.secret",
        'a = Thing("a", size=1, word=hush("hush-hush"), nested={"key": hush("hush-too")})',
        'pulumi.export("word", a.word)',
        'Thing("b", size=1, word=a.word)',
    )
    assert "hush" not in stack.preview().text
    assert "hush" not in stack.up("--diff").text
    assert stack.outputs() == {"word": "[secret]"}
    (stack.cloud / "a-plain").rename(stack.folder.parent / f"{stack.folder.name}-a")
    (stack.cloud / "b-plain").rename(stack.folder.parent / f"{stack.folder.name}-b")
    state = [path for path in stack.folder.rglob("*.json*") if path.is_file()]
    assert state
    assert not [path for path in state if "hush-" in path.read_text()]
    before = stack.state()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 3}
    assert stack.kind == "real" or stack.state() == before
    stack.program((stack.folder / "__main__.py").read_text().replace("hush-hush", "hush-other"))
    run = stack.preview()
    assert run.counts["update"] == 2
    assert "hush" not in run.text
    assert "[secret]" in run.text


def test_outputs_named_secret_stay_secret_when_only_the_provider_knows_them(stack: Things) -> None:
    """additional_secret_outputs marks what the provider answers; a second run changes nothing."""
    stack.declare(
        'a = Thing("a", ResourceOptions(additional_secret_outputs=["made"]), size=1)', 'pulumi.export("made", a.made)'
    )
    assert "made as" not in stack.up("--diff").text
    assert stack.outputs() == {"made": "[secret]"}
    before = stack.state()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 2}
    assert stack.kind == "real" or stack.state() == before
    stack.refresh("--expect-no-changes")


def test_a_resource_outside_the_stack_is_only_read_when_the_program_names_its_id(stack: Things) -> None:
    """`id` in the options reads what exists, in previews too; destroy leaves it."""
    (stack.cloud / "theirs").write_text(json.dumps({"name": "theirs", "size": 8}))
    stack.declare('a = Thing("theirs", ResourceOptions(id="theirs"))', 'pulumi.export("size", a.size)')
    stack.preview()
    stack.up()
    assert stack.outputs() == {"size": 8}
    assert stack.resource("theirs")["external"] is True
    stack.empty_preview()
    stack.destroy()
    assert (stack.cloud / "theirs").exists()


def test_nothing_is_read_in_a_preview_when_the_id_is_not_known_yet(stack: Things) -> None:
    """The id may come from a resource that is to be created."""
    (stack.cloud / "made as a-plain").write_text(json.dumps({"name": "theirs", "size": 8}))
    stack.declare(
        'a = Thing("a", size=1)',
        'theirs = Thing("theirs", ResourceOptions(id=a.made))',
        'pulumi.export("size", theirs.size)',
    )
    stack.preview()
    assert not stack.calls("read")
    stack.up()
    assert stack.outputs() == {"size": 8}
    (stack.cloud / "made as a-plain").write_text(json.dumps({"name": "theirs", "size": 9}))
    stack.refresh()
    assert stack.resource("theirs")["outputs"]["size"] == 9
    stack.declare('theirs = Thing("theirs", size=9)')
    stack.up()
    assert "external" not in stack.resource("theirs")


def test_the_operation_fails_when_a_resource_outside_the_stack_cannot_be_read(stack: Things) -> None:
    """Reading is the first thing that happens to it."""
    stack.declare('Thing("theirs", ResourceOptions(id="x"), fails="read")')
    assert "theirs does not want to" in stack.fails("preview")


def test_another_stacks_outputs_are_read_when_the_program_refers_to_it(stack: Things) -> None:
    """StackReference gives the outputs of another stack of the same backend."""
    stack.declare('pulumi.export("word", "hello")', 'pulumi.export("list", [1, {"a": True}])')
    stack.up()
    stack.declare(
        'other = pulumi.StackReference("organization/serving/dev")',
        'pulumi.export("word", other.get_output("word"))',
        'pulumi.export("list", other.require_output("list"))',
    )
    (stack.folder / "Pulumi.second.yaml").write_text((stack.folder / "Pulumi.dev.yaml").read_text())
    if stack.kind == "real":
        stack._command("stack", "init", "second", "--no-select").check_returncode()
    up = stack._command("up", "--yes", "--skip-preview", "--stack", "second")
    assert up.returncode == 0, up.stdout + up.stderr
    outputs = stack._command("stack", "output", "--json", "--stack", "second").stdout
    assert json.loads(outputs) == {"word": "hello", "list": [1, {"a": True}]}


def test_resources_travel_as_references_when_they_are_inputs_and_outputs(stack: Things) -> None:
    """A resource as an input is its id to a provider; exported, it is all its outputs."""
    stack.declare('a = Thing("a", size=1)', 'b = Thing("b", other=a)', 'pulumi.export("b", b.id)')
    stack.up()
    assert json.loads((stack.cloud / "b-plain").read_text())["other"] == "a-plain"
    stack.empty_preview()
