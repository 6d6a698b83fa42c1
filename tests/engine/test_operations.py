"""What the local engine serves, each case on it and, where `pulumi` is on PATH, on the real one.

What this package's own provider shows on both engines is in tests/e2e: previews in detail, drift, partial failures.
"""

import json
import re
import signal

from tests import processes
from tests.engine.things import Things
from tests.programs import until
from tests.stacks import RUN_SECONDS


def test_everything_is_unchanged_when_a_program_runs_again(stack: Things) -> None:
    """A preview knows inputs and not what the provider adds. A destroy deletes what needs others before them."""
    stack.declare(
        'a = Thing("a", size=1, nested={"list": [1, 2.5, True, None], "text": "é"})',
        'b = Thing("b", size=a.size, word=a.made)',
        'Box("box", size=3, opts=ResourceOptions(depends_on=[b]))',
        'pulumi.export("size", b.size)',
        'pulumi.export("nested", {"list": [1, {"deep": b.word}]})',
    )
    run = stack.run("preview", "--diff", "--expect-no-changes")
    assert (run.returncode, run.counts) == (7, {"create": 5})
    assert re.search(r"size *: 1", run.text)
    assert "[unknown]" in run.text
    assert (stack.calls("create"), stack.state()) == ([], [])
    assert stack.up().counts == {"created": 5}
    assert stack.outputs() == {"size": 1, "nested": {"list": [1, {"deep": "made as a-plain"}]}}
    before = stack.state()
    stack.calls()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 5}
    assert stack.calls() == []
    assert stack.kind == "real" or stack.state() == before
    assert stack.destroy().counts == {"deleted": 5}
    names = stack.names("delete")
    assert names.index("b") < names.index("a")
    assert (stack.state(), list(stack.cloud.iterdir())) == ([], [])


def test_resources_are_updated_replaced_created_and_deleted_when_the_program_changes(stack: Things) -> None:
    """Each resource goes its own way: update in place, replace with the original deleted last, create, delete."""
    stack.declare(
        'Thing("updated", size=1)', 'Thing("replaced", kind="one")', 'Thing("deleted", size=1)', 'Thing("same", size=1)'
    )
    stack.up()
    stack.declare(
        'Thing("updated", size=2)', 'Thing("replaced", kind="two")', 'Thing("created", size=1)', 'Thing("same", size=1)'
    )
    previewed = stack.preview()
    assert previewed.counts == {"create": 1, "update": 1, "delete": 1, "replace": 1, "changes": 4}
    assert "~ size: 1 => 2" in previewed.text
    assert '~ kind: "one" => "two"' in previewed.text
    stack.calls()
    run = stack.up()
    assert run.counts == {"created": 1, "updated": 1, "deleted": 1, "replaced": 1, "changes": 4}
    calls = [(call["call"], call["name"]) for call in stack.calls()]
    assert set(calls[:3]) == {("create", "replaced"), ("update", "updated"), ("create", "created")}
    assert set(calls[3:]) == {("delete", "deleted"), ("delete", "replaced")}
    assert stack.resource("replaced")["id"] == "replaced-two"
    assert not (stack.cloud / "replaced-one").exists()


def test_the_resource_stays_and_is_updated_again_when_an_operation_stops_half_way(stack: Things) -> None:
    """A partial failure keeps new outputs, old inputs and reasons. The original of a replacement is deleted later."""
    stack.declare('Thing("a", kind="one", size=3)')
    stack.up()
    stack.declare('Thing("a", kind="one", size=6, half="update")')
    assert "it is not ready" in stack.fails("up")
    kept = stack.resource("a")
    assert (kept["inputs"]["size"], kept["outputs"]["size"]) == (3, 6)
    assert kept["initErrors"] == ["it is not ready", "nor will it be\nsoon"]
    stack.declare('Thing("a", kind="two", half="create")')
    stack.fails("up")
    both = {it["id"]: it.get("delete", False) for it in stack.state() if it["urn"].endswith("::a")}
    assert both == {"a-one": True, "a-two": False}
    stack.calls()
    stack.up()
    assert (stack.names("update"), (stack.cloud / "a-one").exists()) == (["a"], False)
    assert "initErrors" not in stack.resource("a")


def test_the_rest_is_done_when_one_resource_fails_and_the_run_continues(stack: Things) -> None:
    """What depends on the failed one is left out. A run that does not continue starts nothing new."""
    lines = [
        'a = Thing("a", size=1, fails="create", seconds=0.3)',
        'after = Thing("after", ResourceOptions(depends_on=[a]), size=1)',
        'Thing("last", ResourceOptions(depends_on=[after]), size=1)',
        'b = Thing("b", size=1, seconds=0.6)',
        'Thing("later", size=b.size)',
    ]
    stack.declare(*lines)
    text = stack.fails("up")
    assert ("a does not want to\n" in text, "not at all\n" in text) == (True, True)
    assert {it["urn"].rpartition("::")[2] for it in stack.state() if "Thing" in it["type"]} == {"b"}
    assert stack.run("up", "--continue-on-error").returncode != 0
    assert {it["urn"].rpartition("::")[2] for it in stack.state() if "Thing" in it["type"]} == {"b", "later"}


def test_nothing_is_waited_for_when_a_run_is_interrupted_twice(stack: Things) -> None:
    """The first signal says what a second one does; the second ends even a call that does not, with its own status."""
    stack.declare('Thing("a", seconds=60)')
    with stack.start("up") as process:
        stack.until("create")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while "again" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 8, text
    assert stack.kind == "real" or "The provider was stopped in the middle of the call." in text
    until(lambda: not processes.left_behind(stack))
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::a")]


def test_a_protected_resource_stays_when_it_would_be_deleted_or_replaced(stack: Things) -> None:
    """Protect refuses deletes and replacements until the program lifts it."""
    stack.declare('Thing("a", ResourceOptions(protect=True), kind="one")')
    stack.up()
    assert stack.resource("a")["protect"] is True
    assert "protect" in stack.fails("destroy")
    stack.declare('Thing("a", ResourceOptions(protect=True), kind="two")')
    assert "protect" in stack.fails("preview")
    stack.declare("")
    assert "protect" in stack.fails("up")
    assert (stack.cloud / "a-one").exists()
    stack.declare('Thing("a", kind="one")')
    assert stack.up().counts == {"unchanged": 2}
    stack.destroy()
    assert not (stack.cloud / "a-one").exists()


def test_secrets_are_recognised_and_written_nowhere_when_the_program_has_some(stack: Things) -> None:
    """A secret input makes its output secret; an equal one is unchanged, another one is an update; none is on disk."""
    stack.declare(
        "hush = pulumi.Output.secret",
        'a = Thing("a", size=1, word=hush("hush-hush"), nested={"key": hush("hush-too")})',
        'pulumi.export("word", a.word)',
        'Thing("b", size=1, word=a.word)',
    )
    assert "hush" not in stack.up("--diff").text
    assert stack.outputs() == {"word": "[secret]"}
    for name in ("a-plain", "b-plain"):
        (stack.cloud / name).rename(stack.folder.parent / f"{stack.folder.name}-{name}")
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


def test_a_resource_outside_the_stack_is_only_read_when_the_program_names_its_id(stack: Things) -> None:
    """In previews too, once the id is known; it may come from a resource that is to be created. Destroy leaves it."""
    theirs = stack.cloud / "made as a-plain"
    theirs.write_text(json.dumps({"name": "theirs", "size": 8}))
    stack.declare(
        'a = Thing("a", size=1)',
        'theirs = Thing("theirs", ResourceOptions(id=a.made))',
        'pulumi.export("size", theirs.size)',
    )
    stack.preview()
    assert not stack.calls("read")
    stack.up()
    assert stack.outputs() == {"size": 8}
    assert stack.resource("theirs")["external"] is True
    theirs.write_text(json.dumps({"name": "theirs", "size": 9}))
    stack.refresh()
    assert stack.resource("theirs")["outputs"]["size"] == 9
    stack.destroy()
    assert theirs.exists()
