"""The operations of the local engine, each case on it and, where `pulumi` is on PATH, on the real one."""

import json
import signal
from pathlib import Path

import pytest

from tests import processes
from tests.engines import RUN_SECONDS
from tests.programs import until
from tests.things import Things


@pytest.fixture
def stack(tmp_path: Path, engine: str) -> Things:
    return Things(tmp_path, engine)


def test_everything_is_unchanged_when_a_program_runs_again(stack: Things) -> None:
    """A second up and a preview of the same program call no create, update or delete and leave the state as it is."""
    stack.declare(
        'a = Thing("a", size=1, nested={"list": [1, 2.5, True, None], "text": "é"})',
        'b = Thing("b", size=a.size, word=a.made)',
        'Box("box", size=3)',
        'pulumi.export("size", b.size)',
        'pulumi.export("nested", {"list": [1, {"deep": b.word}]})',
    )
    assert stack.up().counts == {"created": 5}
    assert stack.outputs() == {"size": 1, "nested": {"list": [1, {"deep": "made as a-plain"}]}}
    before = stack.state()
    stack.calls()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 5}
    assert stack.empty_preview().counts == {"unchanged": 5}
    assert {call["call"] for call in stack.calls()} <= {"configure"}
    assert stack.kind == "real" or stack.state() == before


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
    calls = [(call["call"], call["name"]) for call in stack.calls() if call["call"] != "configure"]
    assert set(calls[:3]) == {("create", "replaced"), ("update", "updated"), ("create", "created")}
    assert set(calls[3:]) == {("delete", "deleted"), ("delete", "replaced")}
    assert stack.resource("replaced")["id"] == "replaced-two"
    assert not (stack.cloud / "replaced-one").exists()
    stack.empty_preview()


def test_a_resource_is_deleted_before_its_replacement_is_created_when_the_provider_says_so(stack: Things) -> None:
    """With delete_before_replace the order is delete, create; what would be replaced with it goes before it."""
    program = (
        'a = Thing("a", kind="{kind}", alone=True)',
        'Thing("b", kind=a.made)',
        'Thing("c", word=a.made)',
    )
    stack.declare(*(line.replace("{kind}", "one") for line in program))
    stack.up()
    stack.declare(*(line.replace("{kind}", "two") for line in program))
    stack.calls()
    assert stack.up().counts["replaced"] == 2
    calls = [(call["call"], call["name"]) for call in stack.calls() if call["call"] != "configure"]
    assert calls[:3] == [("delete", "b"), ("delete", "a"), ("create", "a")]
    assert set(calls[3:]) == {("create", "b"), ("update", "c")}
    stack.empty_preview()


def test_things_go_in_reverse_dependency_order_when_a_stack_is_destroyed(stack: Things) -> None:
    """What needs another resource is deleted before it, and nothing is left."""
    stack.declare(
        'a = Thing("a", size=1)',
        'b = Thing("b", size=a.size)',
        'c = Thing("c", ResourceOptions(depends_on=[b]), size=1)',
        'Box("box", size=1, opts=ResourceOptions(depends_on=[c]))',
    )
    stack.up()
    stack.calls()
    assert stack.destroy().counts == {"deleted": 6}
    names = stack.names("delete")
    assert names.index("c") < names.index("b") < names.index("a")
    assert stack.state() == []
    assert [path.name for path in stack.cloud.iterdir()] == []


def test_outputs_are_unknown_to_a_preview_when_a_resource_is_not_created_yet(stack: Things) -> None:
    """A preview creates nothing: inputs are known to the rest of the program, what the provider adds is not."""
    stack.declare(
        'a = Thing("a", size=1)',
        'Thing("b", size=a.size, word=a.made)',
        'pulumi.export("size", a.size)',
        'pulumi.export("made", a.made)',
    )
    run = stack.preview()
    assert run.counts == {"create": 3}
    assert "size: 1" in run.text
    assert "[unknown]" in run.text
    assert not stack.calls("create")
    assert stack.state() == []


def test_drift_comes_into_the_state_and_the_next_preview_when_a_stack_is_refreshed(stack: Things) -> None:
    """Refresh stores what is there; the next preview shows the way back; what is gone is created again."""
    stack.declare('Thing("a", size=3)', 'Thing("gone", size=1)', 'Thing("b", size=1)')
    stack.up()
    assert stack.refresh("--expect-no-changes").counts == {"unchanged": 4}
    stack.drift("a-plain", size=9)
    (stack.cloud / "gone-plain").unlink()
    refreshed = stack.refresh("--diff")
    assert refreshed.counts["updated"] == 1
    assert refreshed.counts["deleted"] == 1
    assert "size: 3 => 9" in refreshed.text
    assert stack.resource("a")["inputs"]["size"] == 9
    run = stack.preview()
    assert run.counts == {"create": 1, "update": 1, "changes": 2}
    assert "~ size: 9 => 3" in run.text
    assert stack.refresh("--expect-no-changes").counts == {"unchanged": 3}
    stack.up()
    stack.empty_preview()


def test_drift_is_put_right_in_one_go_when_up_refreshes_first(stack: Things) -> None:
    """`up --refresh` finds the drift and goes back to what is wanted."""
    stack.declare('Thing("a", size=3)')
    stack.up()
    stack.drift("a-plain", size=9)
    stack.calls()
    assert stack.preview("--refresh").counts["update"] == 1
    stack.up("--refresh")
    assert json.loads((stack.cloud / "a-plain").read_text())["size"] == 3
    stack.refresh("--expect-no-changes")


def test_nothing_is_applied_when_a_check_fails(stack: Things) -> None:
    """Every failed property is named with its reason, in the preview already, and the operation fails."""
    stack.declare('Thing("a", word="bad", kind="bad")')
    for operation in ("preview", "up"):
        text = stack.fails(operation)
        assert "word" in text
        assert "kind" in text
        assert text.count("must not be bad") >= 2
    assert not stack.calls("create")


def test_the_resource_stays_and_is_updated_again_when_an_operation_stops_half_way(stack: Things) -> None:
    """A partial failure keeps the new outputs, old inputs and reasons; even a reverted program then updates."""
    stack.declare('Thing("a", size=3)')
    stack.up()
    stack.declare('Thing("a", size=6, half="update")')
    text = stack.fails("up")
    assert "it is not ready" in text
    assert "soon" in text
    kept = stack.resource("a")
    assert kept["inputs"]["size"] == 3
    assert kept["outputs"]["size"] == 6
    assert kept["initErrors"] == ["it is not ready", "nor will it be\nsoon"]
    stack.declare('Thing("a", size=6, half="update")')
    assert stack.preview().counts["update"] == 1
    stack.declare('Thing("a", size=3)')
    assert stack.preview().counts["update"] == 1
    stack.calls()
    stack.up()
    assert stack.names("update") == ["a"]
    assert "initErrors" not in stack.resource("a")
    stack.empty_preview()


def test_the_paths_a_provider_names_are_shown_when_it_answers_in_detail(stack: Things) -> None:
    """They and nothing beside them, at any depth, in the row and in the diff; in a refresh the way there."""
    program = 'Thing("a", provider=DetailedProvider(), {})'
    stack.declare(program.format('size=1, nested={"a": 1, "b": [1, 2]}, gone=5'))
    stack.up()
    stack.declare(program.format('size=2, nested={"a": 1, "b": [1, 3], "c": "new"}, come={"deep": 6}'))
    lines = [" ".join(line.split()).replace(" :", ":") for line in stack.preview().text.splitlines()]
    shown = [
        "+ come: {",
        "+ deep: 6",
        "- gone: 5",
        "~ nested: {",
        "~ b: [",
        "~ [1]: 2 => 3",
        '+ c: "new"',
        "~ size: 1 => 2",
    ]
    assert [line for line in lines if line[:2] in ("+ ", "- ", "~ ") and ": " in line][-8:] == shown
    assert "[diff: +come-gone~nested,size]" in stack.run("preview").text
    stack.up()
    stack.drift("a-plain", size=9)
    assert "~ size: 2 => 9" in stack.refresh("--diff").text
    assert "~ size: 9 => 2" in stack.preview().text


def test_the_way_back_is_shown_when_a_half_way_update_is_reverted(stack: Things) -> None:
    """The old inputs are the wanted ones again; what a provider names of the outputs still shows what will happen."""
    program = 'Thing("a", provider=DetailedProvider(), {})'
    stack.declare(program.format("size=3"))
    stack.up()
    stack.declare(program.format('size=6, half="update"'))
    stack.fails("up")
    stack.declare(program.format("size=3"))
    assert "~ size: 6 => 3" in stack.preview().text
    assert "[diff: ~size]" in stack.run("preview").text
    stack.up()
    stack.empty_preview()


def test_a_half_created_resource_is_kept_when_its_create_stops_half_way(stack: Things) -> None:
    """A partial failure of create leaves the resource in the state with its id: the next up updates it."""
    stack.declare('Thing("a", size=3, half="create")')
    stack.fails("up")
    assert stack.resource("a")["id"] == "a-plain"
    stack.calls()
    stack.up()
    assert stack.names("update") == ["a"]
    stack.empty_preview()


def test_the_old_state_stays_when_an_operation_fails(stack: Things) -> None:
    """A plain error leaves the state as it was, shows the provider's words in full, and starts nothing new."""
    stack.declare('a = Thing("a", size=1)', 'Thing("b", size=a.size)')
    stack.up()
    stack.declare('a = Thing("a", size=2, fails="update")', 'Thing("b", size=a.size)', 'Thing("c", word=a.made)')
    text = stack.fails("up")
    assert "a does not want to\n" in text
    assert "not at all\n" in text
    assert stack.resource("a")["inputs"]["size"] == 1
    assert stack.resource("b")["inputs"]["size"] == 1
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::c")]


def test_independent_resources_are_done_when_one_fails_and_the_run_continues(stack: Things) -> None:
    """With --continue-on-error what depends on the failed one is left out, the rest is done, and the run fails."""
    stack.declare(
        'a = Thing("a", size=1, fails="create", seconds=0.3)',
        'after = Thing("after", ResourceOptions(depends_on=[a]), size=1)',
        'Thing("last", ResourceOptions(depends_on=[after]), size=1)',
        'b = Thing("b", size=1, seconds=0.6)',
        'Thing("later", size=b.size)',
    )
    run = stack.run("up", "--continue-on-error")
    assert run.returncode != 0
    assert run.counts["created"] == 3
    created = {resource["urn"].rpartition("::")[2] for resource in stack.state() if "Thing" in resource["type"]}
    assert created == {"b", "later"}


def test_what_waits_ends_and_is_kept_when_a_run_is_interrupted(stack: Things) -> None:
    """The provider is told to Cancel, what is under way ends as it does, half-way or whole, and nothing new starts."""
    patient = "provider=PatientProvider()"
    stack.declare(
        f'a = Thing("a", {patient}, size=1, half="create")',
        f'b = Thing("b", {patient}, size=1)',
        'Thing("c", word=a.made)',
        'Thing("d", word=b.made)',
    )
    with stack.start("up") as process:
        stack.until("waiting", 2)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 1, text
    assert "it is not ready" in text
    assert sorted(stack.names("create")) == ["a", "b"]
    assert stack.resource("a")["initErrors"] == ["it is not ready", "nor will it be\nsoon"]
    assert stack.resource("b")["id"] == "b-plain"
    assert not [resource for resource in stack.state() if resource["urn"].endswith(("::c", "::d"))]
    assert stack.preview().counts == {"create": 2, "update": 1, "changes": 3}


def test_nothing_is_waited_for_when_a_run_is_interrupted_twice(stack: Things) -> None:
    """The first signal says what a second one does; the second ends even a call that does not, with its own status."""
    stack.declare('Thing("a", provider=PatientProvider(), seconds=60)')
    with stack.start("up") as process:
        stack.until("waiting")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while "again" not in process.stdout.readline():
            pass
        stack.until("create")
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 8, text
    assert stack.kind == "real" or "The provider was stopped in the middle of the call." in text
    until(lambda: not processes.left_behind(stack))
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::a")]


def test_as_many_steps_run_at_once_as_the_environment_says(stack: Things) -> None:
    """PULUMI_PARALLEL counts where no --parallel is given; a flag wins."""
    stack.environment["PULUMI_PARALLEL"] = "1"
    for names, flags, together in (("ab", (), 1), ("cd", ("--parallel", "2"), 2)):
        stack.declare(*(f'Thing("{name}", provider=PatientProvider(), size=1)' for name in names))
        with stack.start("up", *flags) as process:
            stack.until("waiting", together)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=RUN_SECONDS)
        assert len(stack.calls("waiting")) == together


def test_a_preview_may_expect_no_changes_and_fails_when_there_are_some(stack: Things) -> None:
    """--expect-no-changes makes changes a failure with an exit status of its own, of previews and of operations."""
    stack.declare('Thing("a", size=1)')
    assert stack.run("preview", "--expect-no-changes").returncode == 7
    assert stack.run("up", "--expect-no-changes").returncode == 7
    assert stack.run("up", "--expect-no-changes").returncode == 0
    assert stack.run("destroy").returncode == 0


def test_the_operation_fails_when_the_program_raises_or_exits(stack: Things) -> None:
    """The program's own trace is shown, a status of its own is a failure too, and what it did not get to stays."""
    stack.declare('Thing("a", size=1)')
    stack.up()
    stack.declare('raise ValueError("no such luck")')
    text = stack.fails("up")
    assert "ValueError: no such luck" in text
    assert "__main__.py" in text
    stack.declare("sys.exit(3)")
    stack.fails("up")
    assert stack.resource("a")["id"] == "a-plain"


def test_config_reaches_program_and_provider_when_the_stack_has_some(stack: Things) -> None:
    """Keys without a namespace are the project's; objects come as JSON, truths as words; the project gives defaults."""
    stack._write("Pulumi.yaml", {"name": "serving", "runtime": "python", "config": {"size": {"default": 4}}})
    stack.configure(
        {"serving:region": "here", "other:key": "there", "serving:on": True, "serving:map": {"b": [1, "x"], "a": True}}
    )
    stack.declare(
        "config = pulumi.Config()",
        'pulumi.export("size", config.require_int("size"))',
        'pulumi.export("region", config.get("region"))',
        'pulumi.export("on", config.require_bool("on"))',
        'pulumi.export("raw", config.get("on"))',
        'pulumi.export("map", config.get("map"))',
        'pulumi.export("other", pulumi.Config("other").get("key"))',
        'pulumi.export("names", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])',
        'Thing("a", size=1)',
    )
    stack.up()
    assert stack.outputs() == {
        "size": 4,
        "region": "here",
        "on": True,
        "raw": "true",
        "map": '{"a":true,"b":[1,"x"]}',
        "other": "there",
        "names": ["serving", "dev", "organization"],
    }
    configured = stack.calls("configure")
    assert configured[0]["region"] == "here"
    assert configured[0]["other"] == "there"


def test_the_refresh_fails_with_the_state_as_it_was_when_a_read_fails(stack: Things) -> None:
    """The provider's words are shown."""
    stack.declare('Thing("a", size=1, fails="read")')
    stack.up()
    assert "a does not want to" in stack.fails("refresh")
    assert stack.resource("a")["inputs"]["size"] == 1


def test_the_reasons_are_kept_when_a_refresh_finds_a_resource_half_way(stack: Things) -> None:
    """A partial failure of a read is a warning; the next up updates the resource."""
    stack.declare('Thing("a", size=1, half="read")')
    stack.up()
    run = stack.refresh()
    assert "warning" in run.text
    assert "it is not ready" in run.text
    assert stack.resource("a")["initErrors"]
    assert stack.preview().counts["update"] == 1


def test_the_operation_fails_when_a_create_gives_no_id(stack: Things) -> None:
    """A resource without an id could never be found again."""
    stack.declare('Thing("a", size=1, id="")')
    stack.fails("up")
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::a")]


def test_what_is_gone_is_not_deleted_when_a_destroy_refreshes_first(stack: Things) -> None:
    """`destroy --refresh` forgets what is not there any more and deletes the rest."""
    stack.declare('Thing("a", size=1)', 'Thing("gone", size=1)')
    stack.up()
    (stack.cloud / "gone-plain").unlink()
    stack.calls()
    stack.destroy("--refresh")
    assert stack.names("delete") == ["a"]
    assert stack.state() == []
