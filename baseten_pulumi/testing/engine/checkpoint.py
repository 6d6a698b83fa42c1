"""What a stack holds, on disk: Pulumi's deployment JSON, replaced atomically, secrets masked."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from baseten_pulumi.testing.engine.vault import Vault


class CheckpointError(Exception):
    """The checkpoint cannot be read or written; the last one written is intact."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a stack. `delete` marks what a replacement left to be deleted, `external` what was only read."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    external: bool = False
    delete: bool = False
    init_errors: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    timeouts: dict[str, float] = field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    secret_outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rpartition("::")[2]

    def needs(self) -> set[str]:
        """Give the URNs that must exist as long as this resource does."""
        implied = {urn for urns in self.property_dependencies.values() for urn in urns}
        return {urn for urn in (self.parent, *self.dependencies, *implied) if urn}


_KEYS = {
    "property_dependencies": "propertyDependencies",
    "retain_on_delete": "retainOnDelete",
    "init_errors": "initErrors",
    "timeouts": "customTimeouts",
    "ignore_changes": "ignoreChanges",
    "secret_outputs": "additionalSecretOutputs",
}
_ALWAYS = {"urn", "custom", "type"}


def to_json(resource: Resource, vault: Vault) -> dict[str, Any]:
    """Write one resource as Pulumi does, leaving out what is empty."""
    found = ((name, getattr(resource, name)) for name in Resource.__slots__)
    plain = {_KEYS.get(name, name): value for name, value in found if value or name in _ALWAYS}
    return {key: vault.masked(value) if key in ("inputs", "outputs") else value for key, value in plain.items()}


def from_json(document: Mapping[str, Any]) -> Resource:
    """Read one resource; what this engine does not know is left aside."""
    found = {name: document[_KEYS.get(name, name)] for name in Resource.__slots__ if _KEYS.get(name, name) in document}
    for name in ("dependencies", "init_errors", "aliases", "ignore_changes", "secret_outputs"):
        found[name] = tuple(found.get(name, ()))
    pairs = found.get("property_dependencies", {}).items()
    found["property_dependencies"] = {key: tuple(urns) for key, urns in pairs}
    return Resource(**found)


def read_checkpoint(path: Path) -> tuple[list[Resource], Vault]:
    """Read a stack's resources and the vault that knows its secrets again; a stack without a file is empty.

    Raises:
        CheckpointError: where the file is there and cannot be understood.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        deployment = document["deployment"]
        salt = deployment["secrets_providers"]["state"]["salt"]
        return [from_json(resource) for resource in deployment.get("resources") or ()], Vault(salt)
    except FileNotFoundError:
        return [], Vault()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read: {type(error).__name__}: {error}") from error


def document_of(resources: Iterable[Resource], vault: Vault) -> dict[str, Any]:
    """Give the deployment as `stack export` shows it."""
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": datetime.now(timezone.utc).isoformat(), "version": "local-engine"},
            "secrets_providers": {"type": "local-engine", "state": {"salt": vault.salt}},
            "resources": [to_json(resource, vault) for resource in resources],
        },
    }


def replace_file(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner alone, or leave it as it was.

    Raises:
        CheckpointError: saying what the system said.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise CheckpointError(
            f"The checkpoint {path} could not be written: {error.strerror or error}.\n"
            "What stood there before is intact; what this run changed after it is not recorded.\n"
            "Make room or make the directory writable, then run `refresh`."
        ) from error
