"""Checkpoints: their shape, their reading back, their atomic replacement."""

import errno
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.checkpoint import (
    CheckpointError,
    Resource,
    document_of,
    from_json,
    read_checkpoint,
    replace_file,
    to_json,
)
from baseten_pulumi.testing.engine.vault import Vault

FULL = Resource(
    urn="urn:pulumi:dev::p::tests:index:Thing::a",
    type="tests:index:Thing",
    custom=True,
    id="x",
    inputs={"size": 1, "word": "w"},
    outputs={"size": 1},
    parent="urn:parent",
    dependencies=("urn:b",),
    property_dependencies={"size": ("urn:b",)},
    protect=True,
    retain_on_delete=True,
    external=True,
    delete=True,
    init_errors=("not ready",),
    aliases=("urn:old",),
    timeouts={"create": 60.0},
    ignore_changes=("size",),
    secret_outputs=("made",),
)
PLAIN = Resource(urn="urn:pulumi:dev::p::tests:index:Box::b", type="tests:index:Box", custom=False)


def test_a_resource_has_pulumis_shape_when_it_is_written() -> None:
    """Names are the deployment format's; what is empty is left out."""
    written = to_json(FULL, Vault())
    assert set(written) == {
        "urn", "type", "custom", "id", "inputs", "outputs", "parent", "dependencies", "propertyDependencies", "protect",
        "retainOnDelete", "external", "delete", "initErrors", "aliases", "customTimeouts", "ignoreChanges",
        "additionalSecretOutputs",
    }  # fmt: skip
    assert to_json(PLAIN, Vault()) == {"urn": PLAIN.urn, "type": PLAIN.type, "custom": False}


def test_resources_come_back_as_they_were_when_a_checkpoint_is_read(tmp_path: Path) -> None:
    """Secrets come back masked, the vault with the salt that knows them; unknown keys do no harm."""
    vault = Vault()
    hidden = replace(PLAIN, inputs={"word": values.secret("hush")})
    path = tmp_path / "deep" / "dev.json"
    replace_file(path, json.dumps(document_of([FULL, hidden], vault)))
    [full, masked], found = read_checkpoint(path)
    assert full == FULL
    assert masked.inputs == vault.masked(hidden.inputs)
    assert found.salt == vault.salt
    assert "hush" not in path.read_text()
    assert from_json({**to_json(PLAIN, vault), "created": "today"}) == PLAIN
    assert json.loads(path.read_text())["version"] == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stack_is_empty_when_it_has_no_checkpoint(tmp_path: Path) -> None:
    """A first run starts from nothing."""
    resources, vault = read_checkpoint(tmp_path / "dev.json")
    assert resources == []
    assert vault.salt


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"deployment": {}}', '{"deployment": {"secrets_providers": 1}}'])
def test_reading_is_refused_with_the_path_when_a_checkpoint_is_broken(tmp_path: Path, text: str) -> None:
    """A file that is there and cannot be understood is never taken for an empty stack."""
    path = tmp_path / "dev.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"dev\.json cannot be read"):
        read_checkpoint(path)


def test_the_old_checkpoint_is_intact_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what the system said and what to do; no half-written file is left."""
    path = tmp_path / "dev.json"
    replace_file(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"could not be written: No space left on device.\nWhat stood there"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["dev.json"]


def test_the_error_names_the_path_when_the_directory_cannot_be_made(tmp_path: Path) -> None:
    """Where nothing could be started nothing has to be taken away."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="could not be written"):
        replace_file(tmp_path / "file" / "dev.json", "new")
