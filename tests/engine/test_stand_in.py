"""What is the stand-in's own: its first line, its refusals, its processes and its checkpoint."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.engine import checkpoint
from tests.engine.display import BANNER
from tests.engine.things import Things
from tests.programs import until


@pytest.fixture
def stack(tmp_path: Path) -> Things:
    return Things(tmp_path, "local")


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ('Thing("a", ResourceOptions(ignore_changes=["size"]))', "does not serve the option ignoreChanges of"),
        ('Thing("a", ResourceOptions(aliases=["urn:pulumi:a::b::c::d"]))', "does not serve the option alias"),
        ('Thing("a", ResourceOptions(transforms=[lambda args: None]))', "does not support transforms"),
        (
            'Thing("a", ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="soon")))',
            "does not serve the timeout 'soon'",
        ),
        ('pulumi.CustomResource("aws:s3:Bucket", "a", {})', "does not serve resources of type aws:s3:Bucket"),
        ('[Thing("a", size=size) for size in (1, 2)]', "Duplicate resource URN"),
    ],
)
def test_what_it_does_not_serve_is_refused_by_name_when_a_program_asks_for_it(
    stack: Things, line: str, refused: str
) -> None:
    """Nothing that a program asks for is ignored. The first line names the real engine: nobody takes it for Pulumi."""
    stack.declare(line)
    text = stack.fails("preview")
    assert text.splitlines()[0] == BANNER
    assert refused in text


def test_the_run_fails_with_what_was_done_in_the_state_when_the_provider_dies(stack: Things) -> None:
    """The error has its exit status. A replacement that deletes first is refused, too."""
    stack.declare('a = Thing("a", kind="one", alone=True)', 'Thing("b", word=a.made, dies="create")')
    assert "The provider process ended in the middle of the call (exit status 7)." in stack.fails("up")
    assert stack.resource("a")["id"] == "a-one"
    stack.declare('Thing("a", kind="two", alone=True)')
    assert "does not serve delete_before_replace" in stack.fails("up")


def test_every_step_is_on_disk_soon_when_a_run_goes_on(stack: Things) -> None:
    """What is done when the engine is killed is in the state."""
    stack.declare('a = Thing("a", size=1)', 'Thing("b", size=a.size, seconds=60)')
    with stack.start("up") as process:
        until(lambda: any(it["urn"].endswith("::a") for it in stack.state()))
        process.kill()
    processes.kill(stack, processes.is_provider)


def test_the_last_checkpoint_is_intact_when_a_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with the system's error."""

    def broken(_path: Path, _target: Path) -> Path:
        raise OSError("No space left on device")

    path = tmp_path / "dev.json"
    path.write_text("before")
    monkeypatch.setattr(Path, "replace", broken)
    writer = checkpoint.Writer(path)
    writer.write(list)
    with pytest.raises(OSError, match="No space left on device"):
        writer.close()
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stack: stack.configure({"serving:key": {"secure": "v1:abc"}}), "cannot read serving:key: it is encr"),
        (lambda stack: (stack.folder / "Pulumi.yaml").write_text("name: a\nruntime: go\n"), "must be python, got 'go'"),
    ],
    ids=["encrypted", "another language"],
)
def test_the_run_is_refused_when_the_project_cannot_be_run(
    stack: Things, change: Callable[[Things], object], message: str
) -> None:
    """In one line, before anything starts."""
    stack.declare("")
    change(stack)
    assert message in stack.fails("preview")
