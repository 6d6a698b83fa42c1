"""Pulumi.yaml and plain stack configuration."""

from pathlib import Path

import pytest

from baseten_pulumi.testing.engine.project import Project, ProjectError, checkpoint_path, read_project


def project(folder: Path, text: str = "name: p\nruntime: python\n", stack: str = "") -> Project:
    (folder / "Pulumi.yaml").write_text(text)
    if stack:
        (folder / "Pulumi.dev.yaml").write_text(stack)
    return read_project(folder, "dev")


def test_keys_are_complete_and_values_are_text_when_configuration_is_read(tmp_path: Path) -> None:
    """Keys without a namespace are the project's; the stack's values win over the project's."""
    found = project(
        tmp_path,
        "name: p\nruntime: {name: python}\nconfig:\n"
        "  a: 1\n  b: {default: 2.5}\n  other:c: {value: [1]}\n  d: {type: string}\n  e: {default: x}\n",
        "config:\n  p:e: true\n  other:config:f: false\n  g:\n  p:h: {b: [1, é], a: null}\n  i: '007'\n",
    )
    assert found.config == {
        "p:a": "1",
        "p:b": "2.5",
        "other:c": "[1]",
        "p:e": "true",
        "other:f": "false",
        "p:g": "",
        "p:h": '{"a":null,"b":[1,"é"]}',
        "p:i": "007",
    }


def test_given_values_take_the_place_of_the_files_when_there_are_any(tmp_path: Path) -> None:
    """None takes a value out; an encrypted value that is replaced or taken out is in nobody's way."""
    stack = "config:\n  a: 1\n  other:b: {secure: v1}\n  other:c: {secure: v1}\n"
    project(tmp_path, "name: p\nruntime: python\nconfig:\n  d: {default: 4}\n", "")
    (tmp_path / "Pulumi.dev.yaml").write_text(stack)
    found = read_project(tmp_path, "dev", {"other:b": {"x": True}, "other:c": None, "p:d": 5, "p:e": "new"})
    assert found.config == {"p:a": "1", "other:b": '{"x":true}', "p:d": "5", "p:e": "new"}


def test_the_program_is_where_main_says_when_the_project_has_one(tmp_path: Path) -> None:
    """A directory is run as such; a file runs in its directory; without main it is the project's own directory."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "program.py").write_text("")
    assert project(tmp_path).directory == tmp_path
    folder = project(tmp_path, "name: p\nruntime: python\nmain: app\n")
    assert (folder.directory, folder.main) == (tmp_path / "app", tmp_path / "app")
    file = project(tmp_path, "name: p\nruntime: python\nmain: app/program.py\n")
    assert (file.directory, file.main) == (tmp_path / "app", tmp_path / "app" / "program.py")
    assert read_project(tmp_path / "app", "dev").root == tmp_path


@pytest.mark.parametrize(
    ("text", "stack", "reason"),
    [
        ("runtime: python\n", "", "names no project"),
        ("name: p\nruntime: nodejs\n", "", "runs `python` alone"),
        ("name: p\nruntime: python\nmain: gone\n", "", "does not exist"),
        ("- a\n", "", "must hold a mapping"),
        ("name: [\n", "", "cannot be read"),
        ("name: p\nruntime: python\n", "config:\n  p:a: {secure: v1}\n", "BASETEN_API_KEY"),
        ("name: p\nruntime: python\n", "config:\n  p:a: [{b: {secure: v1}}]\n", "p:a is encrypted"),
    ],
)
def test_the_project_is_refused_with_the_reason_when_it_cannot_run(
    tmp_path: Path, text: str, stack: str, reason: str
) -> None:
    """Each refusal names the file or the key."""
    with pytest.raises(ProjectError, match=reason):
        project(tmp_path, text, stack)


def test_the_project_is_refused_when_there_is_none(tmp_path: Path) -> None:
    """The way out is named."""
    with pytest.raises(ProjectError, match="--cwd"):
        read_project(tmp_path, "dev")


def test_the_checkpoint_lies_where_it_was_asked_for_when_several_places_are_named(tmp_path: Path) -> None:
    """The argument wins over a file backend, which wins over the project; other backends are not for this engine."""
    found = project(tmp_path)
    backend = {"PULUMI_BACKEND_URL": "file:///some%20where"}
    assert checkpoint_path(found, Path("/s"), backend) == Path("/s/local-engine/p/dev.json")
    assert checkpoint_path(found, None, backend) == Path("/some where/local-engine/p/dev.json")
    beside = tmp_path / ".pulumi-local" / "local-engine" / "p" / "dev.json"
    assert checkpoint_path(found, None, {"PULUMI_BACKEND_URL": "s3://bucket"}) == beside
    assert checkpoint_path(found, Path("/s"), {}, "organization/q/prod") == Path("/s/local-engine/q/prod.json")
    assert checkpoint_path(found, Path("/s"), {}, "prod") == Path("/s/local-engine/p/prod.json")


def test_a_directory_is_refused_when_it_does_not_exist(tmp_path: Path) -> None:
    """A project above it is not meant."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    with pytest.raises(ProjectError, match="There is no directory"):
        read_project(tmp_path / "missing", "dev")
