"""The project and the stack's configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml


class ProjectError(Exception):
    """The stand-in cannot run the project."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project and one of its stacks.

    Attributes:
        name: Its name in Pulumi.yaml.
        stack: The stack's name.
        root: The folder of Pulumi.yaml.
        main: The file or folder to run.
        config: The stack's configuration by full key, `namespace:name`; objects are JSON.
    """

    name: str
    stack: str
    root: Path
    main: Path
    config: dict[str, str]

    @property
    def directory(self) -> Path:
        """The folder the program runs in."""
        return self.main if self.main.is_dir() else self.main.parent


def read_project(folder: Path, stack: str) -> Project:
    """Read the project in a folder.

    Raises:
        ProjectError: it has no Pulumi.yaml, is not written in Python, or has an encrypted value.
    """
    root = folder.resolve()
    settings = _read_yaml(root / "Pulumi.yaml")
    runtime = settings.get("runtime")
    if (runtime.get("name") if isinstance(runtime, dict) else runtime) != "python":
        raise ProjectError(f"{root / 'Pulumi.yaml'}: the runtime must be python, got {runtime!r}.")
    name = str(settings["name"])
    config = {_full_key(key, name): _value(it) for key, it in (settings.get("config") or {}).items() if _has_value(it)}
    file = root / f"Pulumi.{stack}.yaml"
    declared = (_read_yaml(file).get("config") or {}) if file.exists() else {}
    config |= {_full_key(key, name): it for key, it in declared.items()}
    main = (root / str(settings.get("main", "."))).resolve()
    return Project(name, stack, root, main, {key: _text(key, it) for key, it in config.items()})


def checkpoint_path(project: Project, environment: Mapping[str, str]) -> Path:
    """Return where the stack's checkpoint is, in the file backend that PULUMI_BACKEND_URL names.

    Raises:
        ProjectError: it names none.
    """
    url = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    if url.scheme != "file":
        raise ProjectError("PULUMI_BACKEND_URL must name a folder, as in file:///tmp/state.")
    return Path(unquote(url.path)) / "local-engine" / project.name / f"{project.stack}.json"


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} must be a mapping.")
    return content


def _has_value(declared: Any) -> bool:
    return not isinstance(declared, dict) or "value" in declared or "default" in declared


def _value(declared: Any) -> Any:
    return declared.get("value", declared.get("default")) if isinstance(declared, dict) else declared


def _full_key(key: str, project: str) -> str:
    namespace, _, name = str(key).rpartition(":")
    return f"{namespace.removesuffix(':config') or project}:{name}"


def _text(key: str, value: Any) -> str:
    if _is_encrypted(value):
        raise ProjectError(f"The local engine cannot read {key}: it is encrypted. Use the Pulumi CLI.")
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(_is_encrypted(item) for item in value.values())
    return isinstance(value, list) and any(_is_encrypted(item) for item in value)
