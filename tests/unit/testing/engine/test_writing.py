"""Checkpoints on their way to the disk."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from baseten_pulumi.testing.engine.checkpoint import CheckpointError, Resource, read_checkpoint
from baseten_pulumi.testing.engine.vault import Vault
from baseten_pulumi.testing.engine.writing import Writer

PLAIN = Resource(urn="urn:pulumi:dev::p::tests:index:Box::b", type="tests:index:Box", custom=False)
FULL = replace(PLAIN, urn="urn:pulumi:dev::p::tests:index:Box::a", outputs={"text": "é", "list": [1, None]})


def test_the_last_change_is_on_disk_when_a_writer_is_closed(tmp_path: Path) -> None:
    """Changes in quick succession are written together, the last one always."""
    path = tmp_path / "dev.json"
    writer = Writer(path, Vault(), [])
    for number in range(100):
        writer.write(lambda number=number: [replace(PLAIN, id=str(number))])  # type: ignore[misc]
    writer.close()
    [resource], _ = read_checkpoint(path)
    assert resource.id == "99"


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    """A run that changes nothing leaves the file as it is, its time included."""
    path = tmp_path / "dev.json"
    writer = Writer(path, Vault(), [FULL])
    writer.write(lambda: [FULL])
    writer.close()
    assert not path.exists()


def test_the_writers_error_comes_out_when_it_is_closed(tmp_path: Path) -> None:
    """A state that is not on disk is never silent."""
    (tmp_path / "file").write_text("")
    writer = Writer(tmp_path / "file" / "dev.json", Vault(), [])
    writer.write(lambda: [PLAIN])
    with pytest.raises(CheckpointError):
        writer.close()


def test_only_what_changed_is_put_into_words_when_a_big_stack_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of a run changes one resource of many: the others' text is known already."""
    told: list[str] = []
    text = Writer._text

    def telling(writer: Writer, resource: Resource) -> str:
        told.append(resource.id)
        return text(writer, resource)

    monkeypatch.setattr(Writer, "_text", telling)
    path = tmp_path / "dev.json"
    resources = [replace(PLAIN, urn=f"{PLAIN.urn}{number}", id=str(number)) for number in range(50)]
    writer = Writer(path, Vault(), resources)
    changed = [replace(resources[0], id="new"), *resources[1:]]
    writer.write(lambda: changed)
    writer.close()
    assert told == [*(str(number) for number in range(50)), "new"]
    assert read_checkpoint(path)[0] == changed


def test_a_run_is_not_held_up_when_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a write never waits for one, and what came meanwhile is written once, at the end."""
    writes: list[int] = []
    slow, sync = threading.Event(), os.fsync

    def waiting(descriptor: int) -> None:
        writes.append(descriptor)
        assert slow.wait(30)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", waiting)
    path = tmp_path / "dev.json"
    writer = Writer(path, Vault(), [])
    for number in range(100):
        writer.write(lambda number=number: [replace(PLAIN, id=str(number))])  # type: ignore[misc]
    slow.set()
    writer.close()
    assert len(writes) <= 2
    assert json.loads(path.read_text())["deployment"]["resources"][0]["id"] == "99"
