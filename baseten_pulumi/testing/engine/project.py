"""Read what a run starts from: Pulumi.yaml and the stack's plain configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml


class ProjectError(Exception):
    """The project or its configuration cannot be run by the local engine."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Pulumi project and one of its stacks.

    `root` holds Pulumi.yaml; the program runs in `directory` and `main` is the file or directory in it to run.
    Configuration keys are complete (`namespace:name`), values are strings, objects and lists as JSON.
    """

    name: str
    stack: str
    root: Path
    directory: Path
    main: Path
    config: dict[str, str]


def read_project(directory: Path, stack: str, config: Mapping[str, Any] | None = None) -> Project:
    """Read the project in a directory or above it.

    Args:
        directory: Where to look first.
        stack: Whose configuration to read.
        config: Values in place of those in the files, by complete key; None as a value stands for no value.

    Raises:
        ProjectError: where there is none, it is not Python, or a value is encrypted.
    """
    root = _root_of(directory.resolve())
    settings = _read_yaml(root / "Pulumi.yaml")
    name = settings.get("name")
    if not isinstance(name, str) or not name:
        raise ProjectError(f"{root / 'Pulumi.yaml'} names no project: add `name:`.")
    _require_python(settings.get("runtime"), root)
    main = (root / str(settings.get("main", "."))).resolve()
    if not main.exists():
        raise ProjectError(f"The program {main}, `main` of {root / 'Pulumi.yaml'}, does not exist.")
    files = {**_defaults(settings.get("config") or {}, name), **_stack_config(root / f"Pulumi.{stack}.yaml", name)}
    kept = {key: value for key, value in files.items() if key not in (config or {})}
    given = {key: value for key, value in (config or {}).items() if value is not None}
    texts = {key: _text(key, value) for key, value in {**kept, **given}.items()}
    return Project(name, stack, root, main if main.is_dir() else main.parent, main, texts)


def checkpoint_path(project: Project, state: Path | None, environment: Mapping[str, str], name: str = "") -> Path:
    """Tell where a stack's checkpoint lies: the project's own, or one named `project/stack` or `stack`.

    The directory is `state`, else that of a `file://` PULUMI_BACKEND_URL, else `.pulumi-local` beside Pulumi.yaml; a
    folder in it keeps this engine's files apart from the real one's.
    """
    of_project, stack = [project.name, *(name or project.stack).split("/")][-2:]
    directory = state or _file_backend(environment) or project.root / ".pulumi-local"
    return directory / "local-engine" / of_project / f"{stack}.json"


def _file_backend(environment: Mapping[str, str]) -> Path | None:
    url = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    return Path(unquote(url.netloc + url.path)).expanduser() if url.scheme == "file" else None


def _root_of(directory: Path) -> Path:
    if not directory.is_dir():
        raise ProjectError(f"There is no directory {directory}.")
    for candidate in (directory, *directory.parents):
        if (candidate / "Pulumi.yaml").is_file():
            return candidate
    raise ProjectError(f"No Pulumi.yaml in {directory} or above it. Go to a Pulumi project or name one with --cwd.")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} must hold a mapping.")
    return content


def _require_python(runtime: Any, root: Path) -> None:
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if name != "python":
        raise ProjectError(f"{root / 'Pulumi.yaml'} has runtime {name!r}; the local engine runs `python` alone.")


def _defaults(declared: Mapping[str, Any], project: str) -> dict[str, Any]:
    config = {}
    for key, value in declared.items():
        schema = isinstance(value, dict)
        if schema and "default" not in value and "value" not in value:
            continue
        config[_full_key(key, project)] = value.get("value", value.get("default")) if schema else value
    return config


def _stack_config(path: Path, project: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    declared = _read_yaml(path).get("config") or {}
    return {_full_key(key, project): value for key, value in declared.items()}


def _full_key(key: str, project: str) -> str:
    namespace, _, name = str(key).rpartition(":")
    return f"{namespace.removesuffix(':config') or project}:{name}"


def _text(key: str, value: Any) -> str:
    if _holds_ciphertext(value):
        raise ProjectError(
            f"The configuration value {key} is encrypted (`secure:`), which the local engine cannot read.\n"
            "Use a stack without encrypted values (say `--stack test`) with BASETEN_API_KEY in the environment, "
            "give the value another way (`LocalEngine(config=...)`), or use the real Pulumi CLI."
        )
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _holds_ciphertext(value: Any) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(_holds_ciphertext(item) for item in value.values())
    return isinstance(value, list) and any(_holds_ciphertext(item) for item in value)
